/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers that are wrong in likely ways, the same ones for the same seed. Used by every fuzzer in ring 3. */
#pragma once

#include <stdint.h>

static inline uint64_t garbage_next(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static inline uint64_t garbage_seed(uint64_t n)
{
	return n * 0x9e3779b97f4a7c15ULL + 1;
}

/* Small numbers (handles, operations), addresses of all kinds, powers of two, anything. */
static inline uint64_t garbage_argument(uint64_t *s, uint64_t buffer)
{
	uint64_t r = garbage_next(s);

	switch (garbage_next(s) % 12) {
	case 0: case 1: case 2: case 3: return r % 24;
	case 4: return r;
	case 5: return buffer + r % 256;
	case 6: return 0x400000 + (r % 16 << 12);
	case 7: return r % 64 << 12;
	case 8: return 1ULL << r % 64;
	case 9: return 0xffff800000000000ULL + r % 0x1000000;
	case 10: return 0x20000000 + (r % 256 << 12);
	default: return 0x40000000ULL * (r % 4);
	}
}
