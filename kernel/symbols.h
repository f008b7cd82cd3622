/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's own symbol table, for backtraces: made by tools/gen-symbols from a first link, in
 * .rodata of the second. Functions sorted by address.
 */
#pragma once

#include <stdint.h>

struct symbol {
	uint32_t offset; /* address - KERNEL_IMAGE */
	uint32_t name; /* offset in symbol_names */
};

/* Weak: the first link has none of these. */
extern const uint32_t symbol_count __attribute__((weak));
extern const struct symbol symbol_table[] __attribute__((weak));
extern const char symbol_names[] __attribute__((weak));
