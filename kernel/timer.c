/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Timer queues: a short sorted list a processor, one hardware deadline for its head and the slice's
 * end.
 */

#include "kernel/timer.h"
#include "arch/apic.h"
#include "arch/cpu.h"
#include "kernel/percpu.h"
#include "kernel/sys.h"
#include "kernel/thread_impl.h"
#include <stddef.h>

void timer_reprogram(struct percpu *cpu)
{
	uint64_t next = cpu->tick;

	spin_lock(&cpu->timer_lock);
	if (cpu->timers && cpu->timers->deadline < next)
		next = cpu->timers->deadline;
	spin_unlock(&cpu->timer_lock);
	/*
	 * An interrupt that comes too early does no harm; leave it rather than touch the hardware.
	 */
	if (next == TIMER_NEVER || cpu->timer_programmed <= next)
		return;
	cpu->timer_programmed = next;
	apic_timer_set(rdtsc(), next);
}

/* [timer_lock] */
static void unlink(struct percpu *cpu, struct ktimer *t)
{
	if (t->prev)
		t->prev->next = t->next;
	else
		cpu->timers = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->next = t->prev = NULL;
	if (t->count)
		__atomic_fetch_sub(t->count, 1, __ATOMIC_RELAXED);
	/* The owner may insert it elsewhere once it sees this. */
	__atomic_store_n(&t->armed, false, __ATOMIC_RELEASE);
}

static void insert(struct percpu *cpu, struct ktimer *t)
{
	struct ktimer *before = NULL, *at = cpu->timers;

	while (at && at->deadline <= t->deadline) {
		before = at;
		at = at->next;
	}
	t->prev = before;
	t->next = at;
	if (before)
		before->next = t;
	else
		cpu->timers = t;
	if (at)
		at->prev = t;
	if (t->count)
		__atomic_fetch_add(t->count, 1, __ATOMIC_RELAXED);
	t->armed = true;
}

void timer_cancel(struct ktimer *t)
{
	for (;;) {
		unsigned n = __atomic_load_n(&t->cpu, __ATOMIC_ACQUIRE);
		struct percpu *cpu = cpu_table[n];

		spin_lock(&cpu->timer_lock);
		if (t->cpu == n) {
			if (t->armed)
				unlink(cpu, t);
			spin_unlock(&cpu->timer_lock);
			return;
		}
		spin_unlock(&cpu->timer_lock);
	}
}

void timer_cancel_wait(struct ktimer *t)
{
	timer_cancel(t);
	for (unsigned i = 0; i < cpu_count; i++)
		while (i != cpu_index() &&
		       __atomic_load_n(&cpu_table[i]->timer_firing, __ATOMIC_ACQUIRE) == t)
			cpu_pause();
}

void timer_arm(struct ktimer *t, uint64_t deadline)
{
	struct percpu *cpu = percpu_self();

	if (__atomic_load_n(&t->armed, __ATOMIC_ACQUIRE))
		timer_cancel(t);
	if (deadline == TIMER_NEVER)
		return;
	spin_lock(&cpu->timer_lock);
	__atomic_store_n(&t->cpu, cpu->index, __ATOMIC_RELEASE);
	t->deadline = deadline;
	insert(cpu, t);
	spin_unlock(&cpu->timer_lock);
	timer_reprogram(cpu);
}

void timer_interrupt(void)
{
	struct percpu *cpu = percpu_self();
	uint64_t now = rdtsc();

	cpu->timer_programmed = TIMER_NEVER;
	for (;;) {
		struct ktimer *t;

		spin_lock(&cpu->timer_lock);
		t = cpu->timers;
		if (!t || t->deadline > now) {
			spin_unlock(&cpu->timer_lock);
			break;
		}
		unlink(cpu, t);
		__atomic_store_n(&cpu->timer_firing, t, __ATOMIC_RELEASE);
		spin_unlock(&cpu->timer_lock);
		t->fire(t);
		__atomic_store_n(&cpu->timer_firing, NULL, __ATOMIC_RELEASE);
	}
	sched_tick(now);
	timer_reprogram(cpu);
}
