/* SPDX-License-Identifier: GPL-2.0-only */
/* Bounded text helpers that libc does not have; hosted and freestanding alike. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies at most bytes - 1 characters and always terminates. Returns strlen(from). */
size_t text_copy(char *to, size_t bytes, const char *from);
/*
 * Parses an unsigned number with prefix 0x, or decimal; the whole of [text, text + n) must be it.
 * With `suffix`, K M or G may follow (powers of 1024). False: not a number, or above 64 bits.
 */
bool text_number(const char *text, size_t n, bool suffix, uint64_t *value);
/*
 * Finds `key=value` among the blank-separated words of a command line (or the bare word `key`).
 * Copies the value to `value` (empty for a bare word). False: not there.
 */
bool text_option(const char *line, const char *key, char *value, size_t bytes);
/* Is the word `name`, led by `sign`, among the comma-separated ones of options ("-nrips,+check")? NULL: none. */
bool text_flag(const char *options, char sign, const char *name);
