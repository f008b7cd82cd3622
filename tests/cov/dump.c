/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gives out gcc's coverage counters of a freestanding program, as a stream that tests/cov/collect.c
 * reads: for each object file 'F', its .gcda's name, then pieces of it as 'D'; 'Z' at the end. A
 * text's and a piece's length are 16 bits, little-endian. Where the stream goes is cov_put's business:
 * a debug port in the kernel (kernel.c), a system call in ring 3 (ring3.c).
 */

#include "tests/cov/dump.h"
#include "lib/cov.h"
#include "lib/string.h"
#include <gcov.h>

extern const struct gcov_info *const gcov_info_start[], *const gcov_info_end[]; /* linker scripts */

/* What libgcov names and does not call here: merging is the collector's, the counters need no memory. */
void __gcov_merge_add(int64_t *counters, unsigned n);
void *mmap(void *at, size_t n, int prot, int flags, int fd, long offset);
void abort(void);
void __gcov_merge_add(int64_t *counters, unsigned n)
{
	(void)counters;
	(void)n;
}
void *mmap(void *at, size_t n, int prot, int flags, int fd, long offset)
{
	(void)at, (void)n, (void)prot, (void)flags, (void)fd, (void)offset;
	return (void *)-1;
}
void abort(void)
{
	__builtin_trap();
}

static void piece(char tag, const void *bytes, size_t n)
{
	const uint8_t head[3] = { (uint8_t)tag, (uint8_t)n, (uint8_t)(n >> 8) };

	cov_put(head, sizeof(head));
	cov_put(bytes, n);
}

static void on_name(const char *name, void *arg)
{
	(void)arg;
	piece('F', name, strlen(name));
}

static void on_data(const void *bytes, unsigned n, void *arg)
{
	const uint8_t *p = bytes;

	(void)arg;
	for (; n > 0xffff; n -= 0xffff, p += 0xffff)
		piece('D', p, 0xffff);
	piece('D', p, n);
}

void cov_dump(bool box)
{
	for (const struct gcov_info *const *i = gcov_info_start; i < gcov_info_end; i++)
		__gcov_info_to_gcda(*i, on_name, on_data, NULL, NULL);
	piece('Z', "", 0);
	cov_end(box);
}
