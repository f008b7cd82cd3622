/* SPDX-License-Identifier: GPL-2.0-only */
/* A ring-3 program's coverage stream: by a system call that only builds with COV=1 have. */

#include "kernel/abi/syscall.h"
#include "tests/cov/dump.h"

static uint8_t kept[256];
static size_t used;

void cov_put(const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		kept[used++] = ((const uint8_t *)bytes)[i];
		if (used == sizeof(kept)) {
			sys_call6(SYS_MAX, (uint64_t)kept, used, COV_WORD, 0, 0, 0);
			used = 0;
		}
	}
}

void cov_end(bool box)
{
	if (used)
		sys_call6(SYS_MAX, (uint64_t)kept, used, COV_WORD, 0, 0, 0);
	used = 0;
	if (box)
		sys_call6(SYS_MAX, 0, 0, COV_WORD, 0, 0, 0);
}
