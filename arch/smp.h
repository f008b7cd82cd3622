/* SPDX-License-Identifier: GPL-2.0-only */
/* Starts another processor: INIT and start-up IPIs, and the page that it begins in. */
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
void smp_send_init(uint32_t apic_id, uint64_t tsc_hz);
void smp_send_startup(uint32_t apic_id, uint64_t page);
