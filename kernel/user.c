/* SPDX-License-Identifier: GPL-2.0-only */
/* Copies between ring 0 and ring 3. With SMAP, AC is set for the copying instruction alone. */

#include "kernel/user.h"
#include "arch/cpu.h"
#include "arch/extable.h"
#include "kernel/abi/layout.h"
#include "kernel/abi/status.h"
#include <stdbool.h>

static bool in_user_half(uint64_t at, size_t bytes)
{
	return at < USER_END && bytes <= USER_END - at;
}

static void smap_open(void)
{
	if (cpu_has(CPU_SMAP))
		__asm__ volatile("stac" : : : "memory");
}

static void smap_close(void)
{
	if (cpu_has(CPU_SMAP))
		__asm__ volatile("clac" : : : "memory");
}

/* The bytes that were not copied because of a fault. */
static size_t copy(void *to, const void *from, size_t bytes)
{
	smap_open();
	__asm__ volatile("1: rep movsb\n2:\n" EXTABLE(1b, 2b)
			 : "+D"(to), "+S"(from), "+c"(bytes)
			 :
			 : "memory");
	smap_close();
	return bytes;
}

int user_copy_in(void *to, uint64_t from, size_t bytes)
{
	return in_user_half(from, bytes) && copy(to, (const void *)from, bytes) == 0 ? 0 : E_FAULT;
}

int user_copy_out(uint64_t to, const void *from, size_t bytes)
{
	return in_user_half(to, bytes) && copy((void *)to, from, bytes) == 0 ? 0 : E_FAULT;
}

/* Single values, each by one access of its size. */
#define USER_ACCESS(name, type, suffix, reg)                                      \
	int user_read_##name(uint64_t from, type *value)                          \
	{                                                                         \
		int error = E_FAULT;                                              \
		type v = 0;                                                       \
                                                                                  \
		if (!in_user_half(from, sizeof(type)))                            \
			return E_FAULT;                                           \
		smap_open();                                                      \
		__asm__ volatile("1: mov" suffix " (%2), %" reg                   \
				 "1\n\txorl %k0, %k0\n2:\n" EXTABLE(1b, 2b)       \
				 : "+r"(error), "+r"(v)                           \
				 : "r"(from)                                      \
				 : "memory");                                     \
		smap_close();                                                     \
		*value = v;                                                       \
		return error;                                                     \
	}                                                                         \
	int user_write_##name(uint64_t to, type value)                            \
	{                                                                         \
		int error = E_FAULT;                                              \
                                                                                  \
		if (!in_user_half(to, sizeof(type)))                              \
			return E_FAULT;                                           \
		smap_open();                                                      \
		__asm__ volatile("1: mov" suffix " %" reg                         \
				 "1, (%2)\n\txorl %k0, %k0\n2:\n" EXTABLE(1b, 2b) \
				 : "+r"(error)                                    \
				 : "r"(value), "r"(to)                            \
				 : "memory");                                     \
		smap_close();                                                     \
		return error;                                                     \
	}

USER_ACCESS(u32, uint32_t, "l", "k")
USER_ACCESS(u64, uint64_t, "q", "q")

int user_clear_u32(uint64_t at, uint32_t bits, uint32_t *old)
{
	int error = E_FAULT;
	uint32_t seen, next;

	if (at & 3 || user_read_u32(at, &seen) < 0)
		return E_FAULT;
	smap_open();
	__asm__ volatile(
		"3: movl %k1, %k2\n\tandl %k4, %k2\n"
		"1: lock cmpxchgl %k2, (%3)\n\tjnz 3b\n\txorl %k0, %k0\n2:\n" EXTABLE(1b, 2b)
		: "+&r"(error), "+&a"(seen), "=&r"(next)
		: "r"(at), "r"(~bits)
		: "memory", "cc");
	smap_close();
	*old = seen;
	return error;
}
