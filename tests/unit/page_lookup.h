/* SPDX-License-Identifier: GPL-2.0-only */
/* What page tables say: nothing but tests looks a mapping up. */
#pragma once

#include "kernel/npt.h"
#include "kernel/pool.h"

/* The leaf that maps `at`: its host address and size, or false. */
static inline bool npt_lookup(const struct npt *n, gpa_t at, hpa_t *to, uint64_t *page, uint64_t *entry)
{
	const uint64_t *table = n->root;

	if (at.raw >> (12 + 9 * n->format->levels) != 0)
		return false;
	for (unsigned level = n->format->levels; level >= 1; level--) {
		uint64_t e = table[at.raw >> (12 + 9 * (level - 1)) & 511];

		if ((e & n->format->present_mask) == 0)
			return false;
		if (level == 1 || (e & n->format->large) != 0) {
			uint64_t offset = (1ULL << (12 + 9 * (level - 1))) - 1;

			*page = (1ULL << (12 + 9 * (level - 1)));
			*to = hpa((e & n->format->address_mask & ~offset) | (at.raw & offset));
			*entry = e;
			return true;
		}
		table = n->memory->va(hpa(e & n->format->address_mask));
	}
	return false;
}

/* In the processor's own tables: the leaf, and in *size how much it maps; 0: none. */
static inline uint64_t page_lookup(uint64_t *root, uint64_t va, uint64_t *size)
{
	static const struct npt_format own = { .levels = 4, .present_mask = 1, .large = 1 << 7,
					       .address_mask = 0x000ffffffffff000 };
	static const struct npt_memory memory = { .va = pool_va };
	const struct npt n = { .format = &own, .memory = &memory, .root = root };
	uint64_t leaf;
	hpa_t to;

	return npt_lookup(&n, gpa(va), &to, size, &leaf) ? leaf : 0;
}
