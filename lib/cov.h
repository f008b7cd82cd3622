/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a program gives its coverage counters out, in builds that have any (make cov: COV=1, with
 * tests/cov/dump.c linked in). Everywhere else this is nothing.
 */
#pragma once

#ifdef BULKHEAD_COV
/* Once, at the end of a ring-3 program, before it says that it is done; the kernel's follow. */
void cov_dump(void);
#else
static inline void cov_dump(void) {}
#endif
