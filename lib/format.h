/* SPDX-License-Identifier: GPL-2.0-only */
/* printf-style formatting into a buffer, the subset that we use, general registers only. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/*
 * %c %s %.*s %.Ns %d %i %u %x %X %p %%, with h, hh, l, ll, z, j; flags - and 0, # for 0x, width or *.
 * Always terminates when bytes > 0. Returns the length that the whole text has, as snprintf does.
 */
__attribute__((format(printf, 3, 4))) int format(char *to, size_t bytes, const char *fmt, ...);
int format_v(char *to, size_t bytes, const char *fmt, va_list args);
