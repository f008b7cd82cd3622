/* SPDX-License-Identifier: GPL-2.0-only */
/* 64-bit arithmetic through 128 bits. */
#pragma once

#include <stdint.h>

/* a * b / c without overflow of the product; UINT64_MAX when the result does not fit. c is not 0. */
static inline uint64_t mul_div64(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t high, low, rest;

	__asm__("mulq %3" : "=a"(low), "=d"(high) : "0"(a), "r"(b) : "cc");
	if (high >= c)
		return UINT64_MAX;
	__asm__("divq %4" : "=a"(low), "=d"(rest) : "0"(low), "1"(high), "r"(c) : "cc");
	return low;
}
