/* SPDX-License-Identifier: GPL-2.0-only */
/* [SDM3 "MP Initialization Protocol Algorithm for MP Systems"] */

#include "arch/smp.h"
#include "arch/apic.h"
#include "arch/tsc.h"
#include "lib/string.h"

extern const char trampoline_start[], trampoline_end[], trampoline_params[];

void smp_prepare(uint64_t page, const struct smp_start *start)
{
	char *to = (char *)page;

	memcpy(to, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	memcpy(to + (trampoline_params - trampoline_start), start, sizeof(*start));
	__asm__ volatile("" : : : "memory");
}

void smp_send_init(uint32_t apic_id, uint64_t tsc_hz)
{
	apic_send_init(apic_id);
	tsc_delay_us(tsc_hz, 10000);
}

void smp_send_startup(uint32_t apic_id, uint64_t page)
{
	apic_send_startup(apic_id, (uint8_t)(page >> 12));
}
