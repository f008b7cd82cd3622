/* SPDX-License-Identifier: GPL-2.0-only */
/* Control, debug and extended control registers. Bits are in lib/x86/. */
#pragma once

#include <stdint.h>
#include "arch/extable.h"

#define CR_ACCESSORS(name) \
	static inline uint64_t read_##name(void) \
	{ \
		uint64_t v; \
\
		__asm__ volatile("mov %%" #name ", %0" : "=r"(v) : : "memory"); \
		return v; \
	} \
	static inline void write_##name(uint64_t v) \
	{ \
		__asm__ volatile("mov %0, %%" #name : : "r"(v) : "memory"); \
	}

CR_ACCESSORS(cr0)
CR_ACCESSORS(cr2)
CR_ACCESSORS(cr3)
CR_ACCESSORS(cr4)
CR_ACCESSORS(cr8)
CR_ACCESSORS(dr0)
CR_ACCESSORS(dr1)
CR_ACCESSORS(dr2)
CR_ACCESSORS(dr3)
CR_ACCESSORS(dr6)
CR_ACCESSORS(dr7)
#undef CR_ACCESSORS

static inline uint64_t xgetbv(uint32_t n)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(n));
	return (uint64_t)hi << 32 | lo;
}

/* 0, or non-zero when the processor raised #GP. Requires CR4.OSXSAVE. */
static inline int xsetbv_safe(uint32_t n, uint64_t v)
{
	int error = -1;

	__asm__ volatile("1: xsetbv\n\txorl %k0, %k0\n2:\n" EXTABLE(1b, 2b)
			 : "+r"(error) : "c"(n), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
			 : "memory");
	return error;
}
