/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's own memory: one reserved physical range, the only RAM that the kernel maps. Pages are
 * charged to a space's quota.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "lib/addr.h"

struct space;

/* A zeroed 4 KiB page, or NULL when the quota or the pool is exhausted. payer NULL: the kernel itself. */
void *pool_page(struct space *payer);
void pool_page_free(struct space *payer, void *page);
/* 2^order contiguous pages, aligned to their size. */
void *pool_pages(struct space *payer, unsigned order);
void pool_pages_free(struct space *payer, void *pages, unsigned order);
/* Between the kernel's address of pool memory and its physical address. */
hpa_t pool_hpa(const void *p);
void *pool_va(hpa_t p);

enum { SMALL_SHIFTS = 12 };
/* Small objects (at most 2 KiB), zeroed; size classes of powers of two from pages. */
void *pool_alloc(struct space *payer, size_t bytes);
void pool_free(struct space *payer, void *p, size_t bytes);
