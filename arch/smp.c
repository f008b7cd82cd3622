/* SPDX-License-Identifier: GPL-2.0-only */
/* Copies what arch/trampoline.asm holds to where a start-up IPI finds it. */

#include "arch/smp.h"
#include "lib/string.h"

extern const char trampoline_start[], trampoline_end[], trampoline_params[];

void smp_prepare(uint64_t page, const struct smp_start *start)
{
	char *to = (char *)page;

	memcpy(to, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	memcpy(to + (trampoline_params - trampoline_start), start, sizeof(*start));
	__asm__ volatile("" : : : "memory");
}
