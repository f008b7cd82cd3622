/* SPDX-License-Identifier: GPL-2.0-only */
/* Builds and reads page tables. [SDM3 "4-Level Paging and 5-Level Paging"] */

#include "kernel/paging.h"
#include "kernel/abi/status.h"
#include "kernel/pool.h"
#include "lib/x86/pte.h"
#include <stddef.h>

enum { ENTRIES = 512, TOP = 4 };

/* Bytes that one entry of a level covers; level 1 is the lowest. */
static uint64_t level_bytes(unsigned level)
{
	return PAGE_4K << (9 * (level - 1));
}

static unsigned level_index(uint64_t va, unsigned level)
{
	return (unsigned)(va >> (12 + 9 * (level - 1))) & (ENTRIES - 1);
}

static uint64_t *entry_table(uint64_t entry)
{
	return pool_va(hpa(entry & PTE_ADDR));
}

static bool is_leaf(uint64_t entry, unsigned level)
{
	return level == 1 || entry & PTE_PS;
}

static uint64_t make_leaf(uint64_t base, uint64_t flags, unsigned level)
{
	if (level == 1)
		return base | flags;
	if (flags & PTE_PAT)
		flags |= PTE_PAT_LARGE;
	return base | flags | PTE_PS;
}

/* One leaf at va, as large as fits; *done is what it covers. */
static int map_one(uint64_t *root, struct space *payer, uint64_t va, uint64_t base, uint64_t size,
		   uint64_t flags, bool pages_1g, uint64_t *done)
{
	uint64_t *table = root;

	for (unsigned level = TOP;; level--) {
		uint64_t *entry = &table[level_index(va, level)], bytes = level_bytes(level);
		bool fits = level == 1 || (level < TOP - (pages_1g ? 0U : 1U) && size >= bytes &&
					   ((va | base) & (bytes - 1)) == 0);

		if (*entry & PTE_P) {
			if (is_leaf(*entry, level))
				return E_EXIST;
		} else if (fits) {
			*entry = make_leaf(base, flags, level);
			*done = bytes;
			return 0;
		} else {
			void *page = pool_page(payer);

			if (!page)
				return E_NOMEM;
			*entry = pool_hpa(page).raw | PTE_P | PTE_W | (flags & PTE_U);
		}
		table = entry_table(*entry);
	}
}

int page_map(uint64_t *root, struct space *payer, uint64_t va, hpa_t base, uint64_t size,
	     uint64_t flags, bool pages_1g)
{
	uint64_t done;

	for (uint64_t at = 0; at < size; at += done) {
		int r = map_one(root, payer, va + at, base.raw + at, size - at, flags, pages_1g,
				&done);

		if (r < 0) {
			page_unmap(root, va, at);
			return r;
		}
	}
	return 0;
}

uint64_t *page_entry(uint64_t *root, uint64_t va)
{
	uint64_t *table = root;

	for (unsigned level = TOP; level > 1; level--) {
		uint64_t *entry = &table[level_index(va, level)];

		if (!(*entry & PTE_P)) {
			void *page = pool_page(NULL);

			if (!page)
				return NULL;
			*entry = pool_hpa(page).raw | PTE_P | PTE_W;
		}
		table = entry_table(*entry);
	}
	return &table[level_index(va, 1)];
}

static uint64_t *find_leaf(uint64_t *root, uint64_t va, uint64_t *size)
{
	uint64_t *table = root;

	for (unsigned level = TOP;; level--) {
		uint64_t *entry = &table[level_index(va, level)];

		*size = level_bytes(level);
		if (!(*entry & PTE_P))
			return NULL;
		if (is_leaf(*entry, level))
			return entry;
		table = entry_table(*entry);
	}
}

void page_unmap(uint64_t *root, uint64_t va, uint64_t size)
{
	uint64_t step;

	for (uint64_t at = va; at < va + size; at = (at & ~(step - 1)) + step) {
		uint64_t *leaf = find_leaf(root, at, &step);

		if (leaf)
			*leaf = 0;
	}
}

uint64_t page_lookup(const uint64_t *root, uint64_t va, uint64_t *size)
{
	uint64_t *leaf = find_leaf((uint64_t *)(uintptr_t)root, va, size);

	return leaf ? *leaf : 0;
}

static void free_level(uint64_t *table, struct space *payer, unsigned level, unsigned first,
		       unsigned last)
{
	for (unsigned i = first; i < last; i++) {
		uint64_t entry = table[i];

		if (!(entry & PTE_P))
			continue;
		table[i] = 0;
		if (is_leaf(entry, level))
			continue;
		if (level > 2)
			free_level(entry_table(entry), payer, level - 1, 0, ENTRIES);
		pool_page_free(payer, entry_table(entry));
	}
}

void page_free_tables(uint64_t *root, struct space *payer, unsigned first, unsigned last)
{
	free_level(root, payer, TOP, first, last);
}
