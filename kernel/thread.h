/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads: what a processor runs. A thread belongs to a space and to one processor. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct space;
struct thread;
struct vcpu;

/* The calling thread. */
struct thread *thread_self(void);

/*
 * park: give the processor up until unpark; returns at once when unpark came first (one token, so
 * no wake-up is lost). Also returns when the thread is being killed. unpark: any processor.
 */
void thread_park(void);
void thread_unpark(struct thread *t);

/* True when the calling thread must unwind to its system-call exit, where it dies. */
bool thread_dying(void);

/* True when something else should run here: the caller should reach sched_yield_point() soon. */
bool sched_pending(void);
/* Takes pending host interrupts (opens the interrupt window), then reschedules if need be. */
void sched_yield_point(void);
/* sched_yield_point, and others of our priority go first. */
void sched_give_way(void);

/*
 * The vCPU that this thread's vcpu_run works on, or NULL. The scheduler calls vcpu_put/vcpu_load
 * (kernel/vcpu.h) when it switches from or to such a thread: control block, FPU, debug registers.
 */
void thread_set_vcpu(struct thread *t, struct vcpu *v);
/* Make the processor that runs t leave the guest or ring 3 soon (reschedule IPI); no-op on our own. */
void thread_poke(struct thread *t);
