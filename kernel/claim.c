/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which processor a thread is on: each has a claim on one, and takes it along when it moves; a
 * processor can be reserved for a single thread of one space. Not when threads run (sched.c).
 */

#include "arch/apic.h"
#include "arch/trap.h"
#include "kernel/abi/status.h"
#include "kernel/space.h"
#include "kernel/thread_impl.h"
#include <stddef.h>

#define NOT_YET ((struct space *)1) /* an owner that comes or goes just now */

int cpu_claim(unsigned n, const struct space *s)
{
	struct percpu *cpu = cpu_table[n];
	uint32_t claims = __atomic_load_n(&cpu->claims, __ATOMIC_ACQUIRE);

	do {
		if (claims & CLAIM_EXCLUSIVE &&
		    (claims != CLAIM_EXCLUSIVE || __atomic_load_n(&cpu->owner, __ATOMIC_ACQUIRE) != s))
			return E_BUSY;
	} while (!__atomic_compare_exchange_n(&cpu->claims, &claims, claims + 1, false, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	return 0;
}

void cpu_unclaim(unsigned n)
{
	__atomic_fetch_sub(&cpu_table[n]->claims, 1, __ATOMIC_RELEASE);
}

int cpu_reserve(unsigned n, struct space *s)
{
	struct percpu *cpu = cpu_table[n];
	struct space *nobody = NULL;
	uint32_t none = 0;
	int status = 0;

	spin_lock(&s->lock); /* its end comes after us, and releases */
	if (s->dying || !s->pml4) {
		status = E_DEAD;
	} else if (!__atomic_compare_exchange_n(&cpu->owner, &nobody, NOT_YET, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE)) {
		status = E_BUSY;
	} else if (!__atomic_compare_exchange_n(&cpu->claims, &none, CLAIM_EXCLUSIVE, false,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&cpu->owner, NULL, __ATOMIC_RELEASE);
		status = E_BUSY;
	} else {
		cpu->stats = (struct cpu_stats){ 0 };
		__atomic_store_n(&cpu->owner, s, __ATOMIC_RELEASE);
	}
	spin_unlock(&s->lock);
	return status;
}

void cpu_release(unsigned n, const struct space *s)
{
	struct percpu *cpu = cpu_table[n];
	struct space *owner = __atomic_load_n(&cpu->owner, __ATOMIC_ACQUIRE);

	if (!owner || owner == NOT_YET || (s && owner != s) ||
	    !__atomic_compare_exchange_n(&cpu->owner, &owner, NOT_YET, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return;
	__atomic_fetch_and(&cpu->claims, ~CLAIM_EXCLUSIVE, __ATOMIC_ACQ_REL);
	__atomic_store_n(&cpu->owner, NULL, __ATOMIC_RELEASE);
}

void cpu_release_all(const struct space *s)
{
	for (unsigned i = 0; i < cpu_count; i++)
		cpu_release(i, s);
}

void cpu_interrupt(struct percpu *cpu, uint8_t vector)
{
	const struct space *owner = __atomic_load_n(&cpu->owner, __ATOMIC_RELAXED);

	if (owner && owner != percpu_self()->current->space)
		__atomic_fetch_add(vector == VECTOR_TLB ? &cpu->stats.foreign_shootdowns
							: &cpu->stats.foreign_ipis,
				   1, __ATOMIC_RELAXED);
	apic_send(cpu->apic_id, vector);
}

/* ---- moving */

void sched_arrive(struct thread *t)
{
	struct percpu *cpu = thread_lock(t);

	if (t->state == THREAD_READY && !t->queued && !t->on_cpu)
		sched_enqueue(cpu, t);
	spin_unlock(&cpu->run_lock);
}

bool sched_depart(struct percpu *cpu, struct thread *t)
{
	if (t->on_cpu)
		return false;
	if (t->target != t->cpu) {
		if (t->queued)
			queue_drop(&cpu->run, t);
		__atomic_store_n(&t->cpu, t->target, __ATOMIC_RELEASE);
	}
	return t->state == THREAD_READY && !t->queued;
}

/* t's claim goes with it; one that has left has none any more. */
static unsigned retarget(struct thread *t, unsigned target)
{
	unsigned old = t->target;

	if (t->left)
		return target;
	t->target = target;
	return old;
}

void sched_leave(struct thread *t)
{
	struct percpu *cpu = thread_lock(t);

	t->left = true;
	spin_unlock(&cpu->run_lock);
	cpu_unclaim(t->target);
}

int sched_move(struct thread *t, unsigned target)
{
	int status = cpu_claim(target, t->space);
	struct percpu *cpu;
	bool queued, moved;
	unsigned old;

	if (status != 0)
		return t->target == target ? 0 : status;
	cpu = thread_lock(t);
	queued = t->queued;
	old = retarget(t, target);
	/* Ready, but in no queue and on no processor: another move is about to let it arrive. */
	moved = sched_depart(cpu, t) && queued;
	if (t->on_cpu && t->target != t->cpu) {
		if (cpu == percpu_self())
			cpu->work |= WORK_RESCHED;
		else
			cpu_interrupt(cpu, VECTOR_RESCHED);
	}
	spin_unlock(&cpu->run_lock);
	cpu_unclaim(old);
	if (moved)
		sched_arrive(t);
	return 0;
}
