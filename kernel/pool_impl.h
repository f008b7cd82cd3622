/* SPDX-License-Identifier: GPL-2.0-only */
/* The pool's set-up, and accounts of kernel memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "lib/addr.h"

struct space;

/* Gives [va, va + bytes), physically at base, to the pool; 4 KiB aligned, once. */
void pool_init(void *va, hpa_t base, uint64_t bytes);
uint64_t pool_bytes(void);
uint64_t pool_free_pages(void);
/* Of all small objects that are given out, each as large as its size class. */
uint64_t pool_small_bytes(void);
/*
 * Moves quota that `from` does not use; from or to NULL: out of nowhere, into nothing. 0 or
 * E_NOMEM.
 */
int pool_move_quota(struct space *from, struct space *to, uint64_t pages);
