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

int user_copy_name(char name[16], uint64_t from)
{
	int r = user_copy_in(name, from, 16);

	name[15] = 0;
	for (unsigned i = 0; r == 0 && name[i]; i++)
		if (name[i] < ' ' || name[i] > '~')
			r = E_INVAL;
	return r;
}
