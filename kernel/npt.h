/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables of any format: the nested ones, and by way of kernel/paging.h the processor's own. Pure code
 * over a format and an allocator that come in as data, so that it also runs in a unit test. Does not flush
 * and does not lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kernel/hvops.h"
#include "lib/addr.h"

struct space;

/* Where tables come from. The signatures are the pool's. */
struct npt_memory {
	void *(*page)(struct space *payer); /* zeroed, 4 KiB */
	void (*page_free)(struct space *payer, void *page);
	hpa_t (*hpa)(const void *page);
	void *(*va)(hpa_t page);
};

enum { NPT_WRITE = 1, NPT_EXECUTE = 2 }; /* reading is always allowed */

struct npt {
	const struct npt_format *format;
	const struct npt_memory *memory;
	struct space *payer;
	void *root;
	unsigned page_levels; /* the largest leaf: 1 = 4K, 2 = 2M, 3 = 1G */
	bool large_nx; /* larger leaves than 4K are not executable, whatever prot says: npt_execute */
	uint64_t pages; /* tables, the root included */
	uint64_t leaf[4]; /* leaves by level, [1] to [3] */
};

/* An empty table. E_NOMEM. */
int npt_init(struct npt *n, const struct npt_format *format, const struct npt_memory *memory,
	     struct space *payer, unsigned page_levels);
/* Gives every table back; the leaves' memory is the caller's business. */
void npt_fini(struct npt *n);
/*
 * Maps [gpa, gpa + size) to hpa on, all 4 KiB aligned, write-back, with the largest pages that fit.
 * E_EXIST when something is mapped there, E_RANGE beyond the address width, E_NOMEM; then nothing
 * has changed.
 */
int npt_map(struct npt *n, gpa_t at, hpa_t to, uint64_t size, unsigned prot);
/*
 * With large_nx: makes the 4 KiB at `at` executable, by splitting what is larger. 0, also when it was so
 * already; E_RANGE: nothing executable is mapped there; E_NOMEM. Who has the old leaf cached comes again.
 */
int npt_execute(struct npt *n, gpa_t at);
/* Removes leaves; absent ones are skipped. E_RANGE: a large page straddles an end; what lies below is gone. */
int npt_unmap(struct npt *n, gpa_t at, uint64_t size);
/* What npt_map and npt_unmap do once the arguments are checked: `bits` are those of a 4 KiB leaf, any address. */
int npt_map_bits(struct npt *n, uint64_t at, uint64_t to, uint64_t size, uint64_t bits);
/* The table of `level` (1: of 4 KiB pages) on the way to `at`, made when it is missing; E_EXIST: a leaf is in the way. */
int npt_table(struct npt *n, uint64_t at, unsigned level, uint64_t **table);
/* Gives back the tables below the first `entries` of the root, and the root. */
void npt_free(struct npt *n, unsigned entries);
