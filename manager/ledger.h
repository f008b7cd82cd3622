/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who has which host memory: kept beside the kernel's own bookkeeping, and asked on each gift and each
 * return, so that one range is never in two VMs. Gives nothing itself.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LEDGER_ENTRIES 256

struct ledger {
	struct {
		uint64_t base, size;
		unsigned owner;
	} entry[LEDGER_ENTRIES];
	unsigned entries;
};

/* 0; E_EXIST: a part of it has an owner, who is *other then; E_NOMEM: too many pieces. */
int ledger_give(struct ledger *l, unsigned owner, uint64_t base, uint64_t size, unsigned *other);
/* 0; E_RANGE: that is no piece of this owner's. */
int ledger_return(struct ledger *l, unsigned owner, uint64_t base, uint64_t size);
uint64_t ledger_bytes(const struct ledger *l, unsigned owner);
