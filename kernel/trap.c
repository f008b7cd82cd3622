/* SPDX-License-Identifier: GPL-2.0-only */
/* What to do about interrupts and exceptions. A fault in ring 3 ends its space, never the box. */

#include "arch/trap.h"
#include "arch/apic.h"
#include "arch/cr.h"
#include "arch/extable.h"
#include "kernel/irq.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/percpu.h"
#include "kernel/space.h"
#include "kernel/stretch.h"
#include "kernel/thread_impl.h"
#include "kernel/tlb.h"
#include "lib/x86/cr.h"
#include <stdbool.h>
#include <stddef.h>

static void interrupt(uint8_t vector)
{
	struct cpu_stats *stats = &percpu_self()->stats;

	stats->interrupts++;
	switch (vector) {
	case VECTOR_TIMER:
		apic_eoi();
		timer_interrupt();
		break;
	case VECTOR_RESCHED:
		apic_eoi();
		stats->ipis++;
		sched_ipi();
		break;
	case VECTOR_TLB:
		apic_eoi();
		stats->shootdowns++;
		tlb_poll();
		break;
	case VECTOR_APIC_ERROR:
		apic_eoi();
		break;
	case VECTOR_SPURIOUS:
		break; /* the APIC holds nothing in service for it */
	default:
		if (vector >= VECTOR_DEVICE_FIRST && vector <= VECTOR_DEVICE_LAST)
			irq_interrupt(vector);
	}
}

static void user_fault(const struct trap_frame *f)
{
	struct space_info why = { .reason = REASON_FAULT,
				  .vector = (uint32_t)f->vector,
				  .error = f->error,
				  .rip = f->rip,
				  .cr2 = read_cr2() };
	struct space *s = thread_self()->space;

	if (space_may_log(s, 2)) {
		log_line(s->name, "exception %lu, error 0x%lx, at 0x%lx, stack 0x%lx, address 0x%lx: stopped",
			 f->vector, f->error, f->rip, f->rsp, why.cr2);
		log_line(s->name, "rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx rbp %lx", f->rax, f->rbx, f->rcx,
			 f->rdx, f->rsi, f->rdi, f->rbp);
	}
	space_kill(s, &why);
}

static void kernel_fault(struct trap_frame *f)
{
	uint64_t fixup = extable_find(f->rip);

	if (!fixup || f->vector == VECTOR_DF || f->vector == VECTOR_DB)
		panic_trap(f);
	f->rip = fixup;
}

void trap_handler(struct trap_frame *f)
{
	bool user = f->cs & 3;

	if (user || f->vector >= VECTOR_PIC_FIRST)
		stretch_begin();
	if (f->vector >= VECTOR_PIC_FIRST) {
		interrupt((uint8_t)f->vector);
	} else if (f->vector == VECTOR_NMI) {
		panic_join(f);
		return; /* nobody's: chipsets send them for parity errors and the like */
	} else if (f->vector == VECTOR_MC) {
		panic_trap(f);
	} else if (user) {
		user_fault(f);
	} else {
		kernel_fault(f);
	}
	if (user && percpu_self()->work)
		sched_work();
	stretch_end("the end of vector", (unsigned)f->vector);
}
