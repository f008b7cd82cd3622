/* SPDX-License-Identifier: GPL-2.0-only */
/* TLB shootdown by generation counters: a request is served by whoever reaches tlb_poll first. */

#include "kernel/tlb.h"
#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/cr.h"
#include "arch/trap.h"
#include "kernel/percpu.h"
#include "kernel/space.h"
#include "kernel/thread_impl.h"
#include <stddef.h>

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

/* mask: which processors. */
static void flush(uint64_t mask)
{
	uint32_t wanted[CPUS_MAX];
	uint64_t self = 1ULL << cpu_index();

	for (uint64_t left = mask & ~self; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		wanted[i] = __atomic_add_fetch(&cpu_table[i]->tlb_wanted, 1, __ATOMIC_SEQ_CST);
		cpu_interrupt(cpu_table[i], VECTOR_TLB);
	}
	if (mask & self)
		write_cr3(read_cr3());
	for (uint64_t left = mask & ~self; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		while ((int32_t)(__atomic_load_n(&cpu_table[i]->tlb_done, __ATOMIC_ACQUIRE) -
				 wanted[i]) < 0) {
			tlb_poll();
			cpu_pause();
		}
	}
}

void tlb_flush(struct space *s)
{
	mb(); /* page-table writes before the look at who is active */
	flush(__atomic_load_n(&s->active, __ATOMIC_ACQUIRE));
}

void tlb_flush_all(void)
{
	flush(cpu_count == 64 ? ~0ULL : (1ULL << cpu_count) - 1);
}
