/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The box's log: lines into a ring that ring 3 can read, and onto the serial port until the manager
 * owns it. A line is `[ seconds] subsystem: text`. Does not filter, does not allocate.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 240

/* One line, without a newline. Any context; takes the log's lock, the innermost of all. */
__attribute__((format(printf, 2, 3))) void log_line(const char *subsystem, const char *fmt, ...);
void log_line_v(const char *subsystem, const char *fmt, va_list args);
/*
 * Copies from the ring into to (kernel memory), from *cursor on, which it moves; a cursor that the
 * ring has overtaken jumps to the oldest byte. Returns the bytes copied.
 */
size_t log_read(uint64_t *cursor, char *to, size_t bytes);

/* Stops the box: every processor's backtrace, on every output there is. */
__attribute__((noreturn, format(printf, 1, 2))) void panic(const char *fmt, ...);
/* A box that cannot run here: one sentence for a person, no backtrace, then halt. */
__attribute__((noreturn, format(printf, 1, 2))) void fatal(const char *fmt, ...);

/* Always on: isolation depends on it. */
#define verify(condition) \
	do { \
		if (__builtin_expect(!(condition), 0)) \
			panic("%s:%d: verify(%s)", __FILE__, __LINE__, #condition); \
	} while (0)
