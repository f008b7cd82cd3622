/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The processor's own page tables: kernel/npt.c with the formats of the two halves of an address space.
 * [SDM3 "4-Level Paging and 5-Level Paging"]
 */

#include "kernel/paging.h"
#include "kernel/pool.h"
#include "lib/x86/pte.h"
#include <stddef.h>

const struct npt_memory npt_pool = { pool_page, pool_page_free, pool_hpa, pool_va };

/* Leaves bring all of their bits: only tables differ. */
#define FORMAT(tables) \
	{ .levels = 4, .table_bits = PTE_P | PTE_W | (tables), .present_mask = PTE_P, .large = PTE_PS, \
	  .address_mask = PTE_ADDR }
static const struct npt_format kernel_half = FORMAT(0), user_half = FORMAT(PTE_U);

static struct npt tables(uint64_t *root, struct space *payer, bool user, bool pages_1g)
{
	return (struct npt){ .format = user ? &user_half : &kernel_half, .memory = &npt_pool, .payer = payer,
			     .root = root, .page_levels = pages_1g ? 3 : 2 };
}

int page_map(uint64_t *root, struct space *payer, uint64_t va, hpa_t base, uint64_t size,
	     uint64_t flags, bool pages_1g)
{
	struct npt n = tables(root, payer, flags & PTE_U, pages_1g);

	return npt_map_bits(&n, va, base.raw, size, flags);
}

uint64_t *page_entry(uint64_t *root, uint64_t va)
{
	struct npt n = tables(root, NULL, false, false);
	uint64_t *table;

	return npt_table(&n, va, 1, &table) == 0 ? &table[va / PAGE_4K % 512] : NULL;
}

void page_unmap(uint64_t *root, uint64_t va, uint64_t size)
{
	struct npt n = tables(root, NULL, false, false);

	(void)npt_unmap(&n, gpa(va), size);
}

void page_free_tables(uint64_t *root, struct space *payer)
{
	struct npt n = tables(root, payer, false, false);

	npt_free(&n, 256); /* the upper half's are everybody's */
}
