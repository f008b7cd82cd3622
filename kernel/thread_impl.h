/* SPDX-License-Identifier: GPL-2.0-only */
/* struct thread and the scheduler's inside: for the scheduler, spaces and the system calls. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kernel/handle.h"
#include "kernel/percpu.h"
#include "kernel/thread.h"
#include "kernel/timer.h"

enum thread_state { THREAD_STOPPED, THREAD_READY, THREAD_RUNNING, THREAD_PARKED, THREAD_GONE };

struct thread { /* [run] = its processor's run_lock */
	uint64_t ksp; /* kernel stack pointer while it does not run */
	struct object object;
	uint64_t stack_top; /* (c) */
	struct space *space; /* (c) until it dies; NULL: idle. Holds a reference */
	unsigned cpu; /* [run] whose run_lock it is */
	unsigned target; /* [run] where it shall go when it is next off its processor */
	uint8_t priority; /* (c) */
	uint8_t state; /* [run] enum thread_state */
	bool queued; /* [run] */
	bool on_cpu; /* [run] its registers are not saved yet */
	bool token; /* [run] an unpark that came first */
	bool left; /* [run] its claim on a processor is given back */
	bool dying; /* (a) */
	bool is_idle; /* (c) */
	bool fpu; /* own thread only */
	bool no_space; /* own thread only: it is dying, without page tables of its own */
	void *fpu_area; /* own thread only */
	uint64_t fs_base; /* own thread only */
	struct vcpu *vcpu; /* own thread only */
	uint64_t entry, user_stack, argument; /* (c) */
	uint64_t exit_code; /* own thread only */
	struct thread *run_next, *run_prev; /* [run] */
	struct thread *space_next; /* [space lock] */
	uint64_t ready_since, waited; /* [run] TSC; ticks that it was ready and did not run */
	struct ktimer timer; /* for waits with a deadline */
	struct thread *wake_next; /* behind it in the same percpu.wake */
	bool waking; /* (a) it is in a percpu.wake, which has a reference */
};

/* The caller's. */
static inline struct space *space_self(void) { return percpu_self()->current->space; }

/* sched.c */
void sched_cpu_init(struct percpu *cpu, struct thread *idle);
/* Gives the processor to the best thread. Interrupts off, no locks. */
void schedule(void);
__attribute__((noreturn)) void sched_idle(void);
/* Called first on a new thread's own stack. */
void sched_first(void);
/* A stopped thread becomes ready. False: it was started before. */
bool sched_start(struct thread *t);
/* Sets dying and gets it to notice, wherever it is. */
void sched_kill(struct thread *t);
/* The current thread, already off every list, never runs again; its reference is dropped. */
__attribute__((noreturn)) void sched_exit(void);
void sched_tick(uint64_t now); /* from the timer interrupt */
void sched_ipi(void);
/* What percpu.work asks for, on the way to ring 3. */
void sched_work(void);

/* Locks t's processor's queue; t cannot change processors until it is unlocked. */
struct percpu *thread_lock(struct thread *t);
/* [run] t is ready on cpu: into the queue, and cpu is told, if that changes anything there. */
void sched_enqueue(struct percpu *cpu, struct thread *t);

/* [run] It waited, or never ran: now it is ready on cpu. */
void sched_make_ready(struct percpu *cpu, struct thread *t);

/* wake.c: wakes whom others have put into cpu's list; on cpu itself, no lock held, no interrupt handled. */
void wake_read(struct percpu *cpu);

/* claim.c: which processor a thread is on */

/* 0, or E_BUSY: it may not be there. */
int sched_move(struct thread *t, unsigned cpu);
/* t ends soon: others may have its processor. */
void sched_leave(struct thread *t);
/*
 * t was ready and in no queue: it goes where its cpu field says. Two may come here for one move, of
 * which one finds it queued, or gone on from there.
 */
void sched_arrive(struct thread *t);
/*
 * [run] of the old processor. True: sched_arrive must follow, without the lock; also for one that was to go
 * but is to stay after all, and is in no queue.
 */
bool sched_depart(struct percpu *cpu, struct thread *t);

#define CLAIM_EXCLUSIVE 0x80000000U
/* A thread of s comes to the processor: 0, or E_BUSY; unclaim when it goes. */
int cpu_claim(unsigned cpu, const struct space *s);
void cpu_unclaim(unsigned cpu);
/* Reserves it for one thread of s. 0, E_BUSY, E_DEAD. */
int cpu_reserve(unsigned cpu, struct space *s);
/* Nobody's again, if it is reserved by s; NULL: by whomever. */
void cpu_release(unsigned cpu, const struct space *s);
void cpu_release_all(const struct space *s);
/* An IPI to another processor, counted there when it disturbs the one who owns it. */
void cpu_interrupt(struct percpu *cpu, uint8_t vector);

/* timer.c */
void timer_interrupt(void);
void timer_reprogram(struct percpu *cpu);

/* thread.c: state is stopped. The reference is the caller's. */
int thread_create(struct space *s, uint64_t entry, uint64_t stack, uint64_t argument, unsigned cpu,
		  unsigned priority, struct thread **thread);
/* The calling thread dies here; the last of a space takes the space with it. */
__attribute__((noreturn)) void thread_exit(void);
/* The calling thread's FS base has changed. */
void thread_set_fs(void);
int thread_enable_fpu(struct thread *t);

/* entry.asm */
void context_switch(uint64_t *save, uint64_t load);
extern const char thread_start[];
