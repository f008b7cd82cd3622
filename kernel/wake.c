/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waking a thread, without ever waiting for another processor: who finds a run queue of another one
 * locked leaves the thread in a list there, and an interrupt has that processor wake it. A guest alone on
 * its processor that tells somebody something is so not held up by those who share the other.
 */

#include "arch/trap.h"
#include "kernel/thread_impl.h"
#include <stddef.h>

static void leave_for(struct percpu *cpu, struct thread *t)
{
	struct thread *first = __atomic_load_n(&cpu->wake, __ATOMIC_RELAXED);

	/* Still in a list: who takes it out wakes it after that, and so after what we have told it. */
	if (__atomic_exchange_n(&t->waking, true, __ATOMIC_ACQ_REL))
		return;
	object_get(&t->object);
	do
		t->wake_next = first;
	while (!__atomic_compare_exchange_n(&cpu->wake, &first, t, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	if (first == NULL) /* else who put that there interrupts, or has */
		cpu_interrupt(cpu, VECTOR_RESCHED);
}

void wake_read(struct percpu *cpu)
{
	struct thread *t, *next;

	for (t = __atomic_exchange_n(&cpu->wake, NULL, __ATOMIC_ACQUIRE); t; t = next) {
		next = t->wake_next;
		(void)__atomic_exchange_n(&t->waking, false, __ATOMIC_ACQ_REL);
		thread_unpark(t); /* it may be elsewhere by now */
		object_put(&t->object);
	}
}

void thread_unpark(struct thread *t)
{
	for (;;) {
		struct percpu *cpu = cpu_table[__atomic_load_n(&t->cpu, __ATOMIC_RELAXED)];

		if (cpu == percpu_self()) {
			spin_lock(&cpu->run_lock);
		} else if (!spin_try(&cpu->run_lock)) {
			leave_for(cpu, t);
			return;
		}
		if (cpu->index == t->cpu) {
			if (t->state == THREAD_PARKED)
				sched_make_ready(cpu, t);
			else
				t->token = true;
			spin_unlock(&cpu->run_lock);
			return;
		}
		spin_unlock(&cpu->run_lock);
	}
}
