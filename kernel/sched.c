/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler: when a processor goes from one thread to another. Whose turn it is says the run queue
 * (thread_queue.c). Threads change processors by sched_move alone, so a thread that is waked is always
 * waked where it last ran.
 */

#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/fpu.h"
#include "arch/msr.h"
#include "arch/trap.h"
#include "kernel/box.h"
#include "kernel/log.h"
#include "kernel/log_impl.h"
#include "kernel/mitigation.h"
#include "kernel/percpu.h"
#include "kernel/space.h"
#include "kernel/stretch.h"
#include "kernel/thread_impl.h"
#include "kernel/vcpu.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"
#include <stddef.h>

/* Of threads that share a processor. Who is behind by a quarter of a slice need not wait for its end. */
#define SLICES_PER_SECOND 250

struct thread *thread_self(void)
{
	return percpu_self()->current;
}
bool thread_dying(void)
{
	return __atomic_load_n(&thread_self()->dying, __ATOMIC_RELAXED);
}
bool sched_pending(void)
{
	return percpu_self()->work != 0;
}
static unsigned thread_cpu(const struct thread *t)
{
	return __atomic_load_n(&t->cpu, __ATOMIC_RELAXED);
}

struct percpu *thread_lock(struct thread *t)
{
	for (;;) {
		struct percpu *cpu = cpu_table[thread_cpu(t)];

		spin_lock(&cpu->run_lock);
		if (cpu->index == t->cpu)
			return cpu;
		spin_unlock(&cpu->run_lock);
	}
}

/* ---- who runs next */

static uint64_t slice(void)
{
	return box.tsc_hz / SLICES_PER_SECOND;
}

/* [run] Who runs on cpu pays up to now. */
static void charge(struct percpu *cpu)
{
	uint64_t ticks = rdtsc() - cpu->charged;

	if ((int64_t)ticks < 0)
		ticks = 0; /* TSCs of two processors may differ a little */
	cpu->charged += ticks;
	queue_charge(&cpu->run, cpu->current->is_idle ? NULL : cpu->current, ticks);
}

/* [run] Must the current thread of cpu go for t? */
static bool preempts(const struct percpu *cpu, const struct thread *t)
{
	return cpu->current->is_idle || queue_before(t, cpu->current, slice() / 4);
}

/* On cpu itself: must the current thread go, or share its time? */
static void evaluate(struct percpu *cpu)
{
	const struct thread *t = queue_best(&cpu->run);

	if (!t)
		return;
	if (preempts(cpu, t)) {
		cpu->work |= WORK_RESCHED;
	} else if (cpu->tick == TIMER_NEVER && queue_turns(&cpu->run, cpu->current)) {
		cpu->tick = rdtsc() + slice();
		timer_reprogram(cpu);
	}
}

/* [run] Right after charge. */
static void put(struct percpu *cpu, struct thread *t)
{
	t->ready_since = cpu->charged;
	queue_put(&cpu->run, t, slice());
}

static void take(struct percpu *cpu, struct thread *t)
{
	t->waited += cpu->charged - t->ready_since;
	queue_drop(&cpu->run, t);
}

void sched_enqueue(struct percpu *cpu, struct thread *t)
{
	charge(cpu);
	put(cpu, t);
	if (cpu == percpu_self())
		evaluate(cpu);
	else if (preempts(cpu, t) || (cpu->tick == TIMER_NEVER && queue_turns(&cpu->run, cpu->current)))
		cpu_interrupt(cpu, VECTOR_RESCHED);
}

void sched_make_ready(struct percpu *cpu, struct thread *t)
{
	t->state = THREAD_READY;
	sched_enqueue(cpu, t);
}

void thread_park(void)
{
	struct percpu *cpu = percpu_self();
	struct thread *t = cpu->current;
	bool stay;

	spin_lock(&cpu->run_lock);
	stay = t->token || t->dying;
	t->token = false;
	if (!stay)
		t->state = THREAD_PARKED;
	spin_unlock(&cpu->run_lock);
	if (!stay)
		schedule();
}

bool sched_start(struct thread *t)
{
	struct percpu *cpu = thread_lock(t);
	bool stopped = t->state == THREAD_STOPPED;

	if (stopped)
		sched_make_ready(cpu, t);
	spin_unlock(&cpu->run_lock);
	return stopped;
}

void sched_kill(struct thread *t)
{
	struct percpu *cpu = thread_lock(t);

	__atomic_store_n(&t->dying, true, __ATOMIC_RELEASE);
	if (t->state == THREAD_PARKED || t->state == THREAD_STOPPED)
		sched_make_ready(cpu, t);
	else if (t->state == THREAD_RUNNING && cpu == percpu_self())
		cpu->work |= WORK_DYING;
	else if (t->state == THREAD_RUNNING)
		cpu_interrupt(cpu, VECTOR_RESCHED);
	spin_unlock(&cpu->run_lock);
}

void thread_poke(struct thread *t)
{
	unsigned n = thread_cpu(t);

	if (n != cpu_index())
		cpu_interrupt(cpu_table[n], VECTOR_RESCHED);
}

/* ---- switching */

static void switch_out(struct thread *t)
{
	if (t->vcpu)
		vcpu_put(t->vcpu);
	if (t->fpu)
		fpu_save(t->fpu_area);
}

static void switch_in(struct percpu *cpu, struct thread *t)
{
	bool open = t->fpu || t->vcpu;

	cpu->work = t->dying ? cpu->work | WORK_DYING : cpu->work & ~(uint32_t)WORK_DYING;
	if (t->is_idle)
		return; /* whatever is loaded stays: the next thread is often the same */
	cpu->kernel_rsp = t->stack_top;
	if (cpu->kernel_cr3 == 0)
		seg_set_stack(&cpu->tables, t->stack_top);
	if (cpu->space != (t->no_space ? NULL : t->space)) {
		space_switch(t->no_space ? NULL : t->space);
		mitigation_switch();
	}
	if (open != cpu->fpu_open) {
		cpu->fpu_open = open;
		open ? fpu_allow() : fpu_deny();
	}
	if (t->fpu)
		(void)fpu_restore(t->fpu_area);
	if ((cpu->fs_base | t->fs_base) != 0) { /* ring 3 may have loaded a selector: the base is 0 then */
		cpu->fs_base = t->fs_base;
		wrmsr(MSR_FS_BASE, t->fs_base);
	}
	if (t->vcpu)
		vcpu_load(t->vcpu);
}

/* On the new thread's stack: the previous one is saved and may go elsewhere, or away. */
static void finish(struct percpu *cpu)
{
	struct thread *previous = cpu->previous, *t = cpu->current;
	bool moved, gone;

	spin_lock(&cpu->run_lock);
	previous->on_cpu = false;
	gone = previous->state == THREAD_GONE;
	moved = sched_depart(cpu, previous);
	cpu->tick = TIMER_NEVER;
	evaluate(cpu);
	spin_unlock(&cpu->run_lock);
	if (moved)
		sched_arrive(previous);
	if (gone)
		object_put(&previous->object);
	switch_in(cpu, t);
}

void schedule(void)
{
	struct percpu *cpu = percpu_self();
	struct thread *t = cpu->current, *next;

	verify((cpu_flags() & RFLAGS_AC) == 0); /* SMAP is shut: nobody inherits an open one */
	spin_lock(&cpu->run_lock);
	cpu->work &= ~(uint32_t)WORK_RESCHED;
	charge(cpu);
	if (t->state == THREAD_RUNNING && !t->is_idle) {
		t->state = THREAD_READY;
		if (t->target == t->cpu) /* else not again here first: finish() sends it on */
			put(cpu, t);
	}
	next = queue_best(&cpu->run);
	if (next)
		take(cpu, next);
	else
		next = cpu->idle;
	next->state = THREAD_RUNNING;
	if (next == t) {
		cpu->tick = TIMER_NEVER;
		evaluate(cpu);
		spin_unlock(&cpu->run_lock);
		return;
	}
	next->on_cpu = true;
	cpu->current = next;
	cpu->previous = t;
	cpu->stats.switches++;
	spin_unlock(&cpu->run_lock);
	switch_out(t);
	context_switch(&t->ksp, next->ksp);
	finish(percpu_self()); /* perhaps another processor than before */
}

void sched_first(void)
{
	finish(percpu_self());
	if (percpu_self()->work)
		sched_work();
}

void sched_exit(void)
{
	struct percpu *cpu = percpu_self();

	spin_lock(&cpu->run_lock);
	cpu->current->state = THREAD_GONE;
	spin_unlock(&cpu->run_lock);
	schedule();
	panic("a dead thread runs");
}

/* ---- interrupts, the way out, idle */

void sched_tick(uint64_t now)
{
	struct percpu *cpu = percpu_self();

	if (now < cpu->tick)
		return;
	cpu->tick = TIMER_NEVER;
	cpu->stats.ticks++;
	cpu->work |= WORK_RESCHED;
}

void sched_ipi(void)
{
	struct percpu *cpu = percpu_self();

	if (__atomic_load_n(&cpu->wake, __ATOMIC_RELAXED))
		cpu->work |= WORK_WAKE;
	spin_lock(&cpu->run_lock);
	if (cpu->current->dying)
		cpu->work |= WORK_DYING;
	if (cpu->current->target != cpu->index)
		cpu->work |= WORK_RESCHED;
	evaluate(cpu);
	spin_unlock(&cpu->run_lock);
}

/* No lock is held here, and this is no interrupt's handler. */
static void pass_on(struct percpu *cpu)
{
	if (cpu->work & WORK_WAKE) { /* first: what goes with the last reference may say something */
		cpu->work &= ~(uint32_t)WORK_WAKE;
		wake_read(cpu);
	}
	if (cpu->work & WORK_LOG) {
		cpu->work &= ~(uint32_t)WORK_LOG;
		log_tell();
	}
}

void sched_work(void)
{
	struct percpu *cpu;

	while ((cpu = percpu_self())->work != 0) {
		pass_on(cpu);
		if (cpu->work & WORK_DYING)
			thread_exit();
		if (cpu->work & WORK_RESCHED)
			schedule();
	}
}

void sched_yield_point(void)
{
	stretch_end("a yield point", 0);
	cpu_interrupt_window();
	stretch_begin();
	pass_on(percpu_self());
	if (percpu_self()->work & WORK_RESCHED)
		schedule();
}

void sched_give_way(void)
{
	struct percpu *cpu = percpu_self();

	if (__atomic_load_n(&cpu->run.ready, __ATOMIC_RELAXED))
		cpu->work |= WORK_RESCHED;
	sched_yield_point();
}

void sched_cpu_init(struct percpu *cpu, struct thread *idle)
{
	idle->is_idle = true;
	idle->state = THREAD_RUNNING;
	idle->on_cpu = true;
	idle->cpu = idle->target = cpu->index;
	cpu->idle = cpu->current = idle;
	cpu->tick = cpu->timer_programmed = TIMER_NEVER;
}

void sched_idle(void)
{
	for (;;) {
		struct percpu *cpu = percpu_self();

		pass_on(cpu);
		if (cpu->work & WORK_RESCHED || __atomic_load_n(&cpu->run.ready, __ATOMIC_ACQUIRE)) {
			schedule();
			continue;
		}
		stretch_end("idle", 0);
		cpu_idle();
		stretch_begin();
	}
}
