/* SPDX-License-Identifier: GPL-2.0-only */
/* A list of pieces with owners; see ledger.h. Pieces come back as they were given. */
#include "manager/ledger.h"

#include "kernel/abi/status.h"

int ledger_give(struct ledger *l, unsigned owner, uint64_t base, uint64_t size, unsigned *other)
{
	for (unsigned i = 0; i < l->entries; i++) {
		if (base < l->entry[i].base + l->entry[i].size && l->entry[i].base < base + size) {
			*other = l->entry[i].owner;
			return E_EXIST;
		}
	}
	if (l->entries == LEDGER_ENTRIES)
		return E_NOMEM;
	l->entry[l->entries].base = base;
	l->entry[l->entries].size = size;
	l->entry[l->entries++].owner = owner;
	return 0;
}

int ledger_return(struct ledger *l, unsigned owner, uint64_t base, uint64_t size)
{
	for (unsigned i = 0; i < l->entries; i++) {
		if (l->entry[i].base == base && l->entry[i].size == size &&
		    l->entry[i].owner == owner) {
			l->entry[i] = l->entry[--l->entries];
			return 0;
		}
	}
	return E_RANGE;
}

uint64_t ledger_bytes(const struct ledger *l, unsigned owner)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < l->entries; i++)
		sum += l->entry[i].owner == owner ? l->entry[i].size : 0;
	return sum;
}
