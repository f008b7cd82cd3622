/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The processor's own page tables, four levels, made of pool pages. No locks, no TLB: the callers',
 * who also know which half of the address space is theirs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kernel/npt.h"
#include "lib/addr.h"

struct space;

/* Tables made of pool pages. */
extern const struct npt_memory npt_pool;

/*
 * Maps [va, va + size) to base on; flags are PTE bits of a 4 KiB leaf (PTE_PAT too). Uses 2 MiB
 * and, if pages_1g, 1 GiB pages where alignment allows and no table is in the way. 0, E_EXIST or
 * E_NOMEM; then nothing is mapped that was not before (tables stay).
 */
int page_map(uint64_t *root, struct space *payer, uint64_t va, hpa_t base, uint64_t size,
	     uint64_t flags, bool pages_1g);
/* Clears the leaves of [va, va + size), which were mapped as a whole. Tables stay. */
void page_unmap(uint64_t *root, uint64_t va, uint64_t size);
/* Frees the root and the tables of its lower half, not what leaves point to. */
void page_free_tables(uint64_t *root, struct space *payer);
/*
 * The level-1 entry of va in the kernel's own tables, which are made if need be; NULL without
 * memory. Entries of a 64 KiB aligned block lie one after the other.
 */
uint64_t *page_entry(uint64_t *root, uint64_t va);
