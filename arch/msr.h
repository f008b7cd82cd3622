/* SPDX-License-Identifier: GPL-2.0-only */
/* Model-specific registers: plain access, and access that survives #GP. Numbers are in lib/x86/. */
#pragma once

#include <stdint.h>
#include "arch/extable.h"

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

/* 0, or non-zero when the processor raised #GP; *value is then 0. */
static inline int rdmsr_safe(uint32_t msr, uint64_t *value)
{
	uint32_t lo = 0, hi = 0;
	int error = -1;

	__asm__ volatile("1: rdmsr\n\txorl %k0, %k0\n2:\n" EXTABLE(1b, 2b)
			 : "+r"(error), "+a"(lo), "+d"(hi) : "c"(msr) : "memory");
	*value = (uint64_t)hi << 32 | lo;
	return error;
}

static inline int wrmsr_safe(uint32_t msr, uint64_t value)
{
	int error = -1;

	__asm__ volatile("1: wrmsr\n\txorl %k0, %k0\n2:\n" EXTABLE(1b, 2b)
			 : "+r"(error)
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
	return error;
}
