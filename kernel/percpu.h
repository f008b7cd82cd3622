/* SPDX-License-Identifier: GPL-2.0-only */
/* What belongs to one processor. GS holds its address in ring 0. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "arch/seg.h"
#include "arch/spinlock.h"
#include "kernel/abi/syscall.h"
#include "kernel/thread_queue.h"

#define CPUS_MAX 64

struct ktimer;
struct space;
struct thread;

/* Bits of percpu.work: what the way back to ring 3 must look at. */
enum {
	WORK_RESCHED = 1 << 0,
	WORK_DYING = 1 << 1, /* the current thread is being killed */
	WORK_LOG = 1 << 2, /* the log has grown, and who waits for that has not been told */
	WORK_WAKE = 1 << 3, /* there are threads in `wake` */
};

struct percpu {
	/* The first fields are known to assembly: kernel/entry.asm, asserted in kernel/percpu.c. */
	struct percpu *self; /* (c) */
	uint64_t user_rsp; /* scratch of the system-call entry */
	uint64_t kernel_rsp; /* top of the current thread's kernel stack */
	uint32_t work; /* WORK_*, this processor only */
	uint32_t guard; /* (c) MIT_VERW and MIT_ISOLATION: what the way to ring 3 has to do */
	uint64_t kernel_cr3, user_cr3; /* with MIT_ISOLATION, or 0: of the space that is loaded */
	uint64_t entry_rsp; /* (c) top of a stack that ring 3's page tables have, too */

	uint32_t index; /* (c) 0 .. cpu_count - 1; 0 booted */
	struct cpu_stats stats; /* (a) foreign_*; the rest is counted here alone */
	uint32_t apic_id; /* (c) */
	bool online; /* (a) */
	bool fpu_open; /* CR0.TS is clear */
	struct thread *current; /* this processor only; others may read it under run_lock */
	struct thread *idle; /* (c) */
	struct thread *previous; /* the switch in progress came from it */
	struct space *space; /* whose page tables are loaded; NULL: the kernel's own */
	struct space *doomed; /* without references, to be destroyed by who is `burying` */
	bool burying;
	uint64_t fs_base; /* what MSR_FS_BASE holds */
	void *hv; /* the backend's, this processor only */

	struct spinlock run_lock;
	struct thread_queue run; /* [run_lock] */
	struct thread *wake; /* (a) that others want waked, and this processor wakes (kernel/wake.c) */
	uint64_t charged; /* [run_lock] TSC up to which the current thread's time is accounted */

	struct spinlock timer_lock;
	struct ktimer *timers; /* [timer_lock] sorted by deadline */
	struct ktimer *timer_firing; /* (a) whose fire() runs here now */
	uint64_t timer_programmed; /* deadline in the hardware, TIMER_NEVER: none */
	uint64_t tick; /* end of the current thread's slice, TIMER_NEVER: it runs alone */

	char *window; /* (c) WINDOW_BYTES of address space of its own, and their PTEs */
	uint64_t *window_pte;

	uint32_t tlb_wanted, tlb_done; /* (a) generations of flushes asked for and made */

	uint32_t claims; /* (a) threads that are here or come here, CLAIM_EXCLUSIVE (kernel/claim.c) */
	struct space *owner; /* (a) whose processor it is alone, or NULL; compared, never looked into */

#ifdef STRETCH
	uint64_t stretch_from, stretch_worst; /* kernel/stretch.c */
#endif
	uint32_t stopped; /* (a) panic: 1: this processor has come to a stop, 2: and has printed its part */
	struct cpu_tables tables; /* GDT, TSS, IST stacks' addresses */
};

extern struct percpu *cpu_table[CPUS_MAX]; /* (c) after boot */
extern unsigned cpu_count; /* (c) after boot */

static inline struct percpu *percpu_self(void)
{
	struct percpu *p;

	__asm__ volatile("movq %%gs:0, %0" : "=r"(p));
	return p;
}

static inline unsigned cpu_index(void) { return percpu_self()->index; }
