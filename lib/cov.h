/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a program gives its coverage counters out, in builds that have any (make cov: COV=1, with
 * tests/cov/dump.c linked in). Everywhere else this is nothing.
 */
#pragma once

#include <stdbool.h>

#ifdef BULKHEAD_COV
/* Once, at the end of a program, before it says that it is done; the manager's, box = true, is followed by the kernel's. */
void cov_dump(bool box);
#else
static inline void cov_dump(bool box)
{
	(void)box;
}
#endif
