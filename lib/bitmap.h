/* SPDX-License-Identifier: GPL-2.0-only */
/* Bitmaps as arrays of 64-bit words. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BITMAP_WORDS(bits) (((bits) + 63) / 64)

static inline bool bitmap_get(const uint64_t *map, size_t bit)
{
	return (map[bit / 64] >> (bit % 64) & 1) != 0;
}

static inline void bitmap_set(uint64_t *map, size_t bit)
{
	map[bit / 64] |= 1ULL << (bit % 64);
}

static inline void bitmap_clear(uint64_t *map, size_t bit)
{
	map[bit / 64] &= ~(1ULL << (bit % 64));
}

/* The first clear bit below `bits`, or `bits`. */
static inline size_t bitmap_first_clear(const uint64_t *map, size_t bits)
{
	for (size_t w = 0; w < BITMAP_WORDS(bits); w++)
		if (~map[w] != 0) {
			size_t bit = w * 64 + (size_t)__builtin_ctzll(~map[w]);

			return bit < bits ? bit : bits;
		}
	return bits;
}
