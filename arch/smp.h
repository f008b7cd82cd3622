/* SPDX-License-Identifier: GPL-2.0-only */
/* The page that another processor begins in. */
#pragma once

#include <stdint.h>

struct smp_start {
	uint64_t cr3, efer, entry, stack, argument; /* as arch/trampoline.asm reads them */
};

/*
 * page: a free page below 1 MiB, mapped at its own address, writable and executable. The processor
 * enters start->entry(argument) on the stack; the caller waits for it to say that it is there.
 */
void smp_prepare(uint64_t page, const struct smp_start *start);
