/* SPDX-License-Identifier: GPL-2.0-only */
/* TLB shootdown by generation counters: a request is served by whoever reaches tlb_poll first. */

#include "kernel/tlb.h"
#include <stddef.h>
#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/cr.h"
#include "arch/trap.h"
#include "kernel/percpu.h"
#include "kernel/space.h"
#include "kernel/thread_impl.h"

void tlb_poll(void)
{
	struct percpu *cpu = percpu_self();
	uint32_t wanted = __atomic_load_n(&cpu->tlb_wanted, __ATOMIC_ACQUIRE);

	if (wanted == cpu->tlb_done)
		return;
	if (cpu->current->is_idle)
		space_switch(NULL);
	else
		write_cr3(read_cr3());
	__atomic_store_n(&cpu->tlb_done, wanted, __ATOMIC_RELEASE);
}

void tlb_flush(struct space *s)
{
	uint32_t wanted[CPUS_MAX];
	uint64_t others = 0;

	mb(); /* page-table writes before the look at who is active */
	for (unsigned i = 0; i < cpu_count; i++) {
		if (!(__atomic_load_n(&s->active[i / 64], __ATOMIC_ACQUIRE) >> (i % 64) & 1))
			continue;
		if (i == cpu_index()) {
			write_cr3(read_cr3());
			continue;
		}
		wanted[i] = __atomic_add_fetch(&cpu_table[i]->tlb_wanted, 1, __ATOMIC_SEQ_CST);
		others |= 1ULL << i;
		apic_send(cpu_table[i]->apic_id, VECTOR_TLB);
	}
	for (; others; others &= others - 1) {
		unsigned i = (unsigned)__builtin_ctzll(others);

		while ((int32_t)(__atomic_load_n(&cpu_table[i]->tlb_done, __ATOMIC_ACQUIRE) - wanted[i]) < 0) {
			tlb_poll();
			cpu_pause();
		}
	}
}
