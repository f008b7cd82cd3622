/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads: birth, death and FPU. When they run is the scheduler's. */

#include "kernel/thread.h"
#include "arch/fpu.h"
#include "arch/msr.h"
#include "arch/seg.h"
#include "arch/trap.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/pool.h"
#include "kernel/space.h"
#include "kernel/sys.h"
#include "kernel/thread_impl.h"
#include "kernel/vcpu.h"
#include "lib/list.h"
#include "lib/string.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"
#include <stddef.h>

struct first_frame { /* what context_switch and thread_start find on a new stack */
	uint64_t callee_saved[6], start;
	struct trap_frame trap;
};

void thread_set_vcpu(struct thread *t, struct vcpu *v)
{
	struct percpu *cpu = percpu_self();

	t->vcpu = v;
	if ((v != NULL || t->fpu) == cpu->fpu_open)
		return;
	cpu->fpu_open = !cpu->fpu_open;
	cpu->fpu_open ? fpu_allow() : fpu_deny();
}

static void wait_over(struct ktimer *t)
{
	thread_unpark(list_entry(t, struct thread, timer));
}

static void first_frame(struct thread *t)
{
	struct first_frame *f = (struct first_frame *)(t->stack_top - sizeof(*f));

	memset(f, 0, sizeof(*f));
	f->start = (uint64_t)thread_start;
	f->trap.rip = t->entry;
	f->trap.rsp = t->user_stack;
	f->trap.rdi = t->argument;
	f->trap.cs = SEL_USER_CS;
	f->trap.ss = SEL_USER_SS;
	f->trap.rflags = RFLAGS_FIXED | RFLAGS_IF;
	t->ksp = (uint64_t)f;
}

static int thread_join_space(struct thread *t, struct space *s)
{
	int r = 0;

	spin_lock(&s->lock);
	if (s->dying) {
		r = E_DEAD;
	} else {
		t->space_next = s->threads;
		s->threads = t;
		s->thread_count++;
		object_get(&t->object); /* the space's list holds one */
	}
	spin_unlock(&s->lock);
	return r;
}

int thread_create(struct space *s, uint64_t entry, uint64_t stack, uint64_t argument, unsigned cpu,
		  unsigned priority, struct thread **thread)
{
	struct thread *t = pool_alloc(s, sizeof(*t));
	int r;

	if (!t)
		return E_NOMEM;
	r = cpu_claim(cpu, s);
	if (r < 0) {
		pool_free(s, t, sizeof(*t));
		return r;
	}
	r = E_NOMEM;
	object_init(&t->object, OBJ_THREAD);
	t->space = s;
	object_get(&s->object);
	t->entry = entry;
	t->user_stack = stack;
	t->argument = argument;
	t->cpu = t->target = cpu;
	t->priority = (uint8_t)priority;
	t->timer.fire = wait_over;
	t->stack_top = stack_alloc(s);
	if (t->stack_top) {
		first_frame(t);
		r = thread_join_space(t, s);
	}
	if (r < 0) {
		cpu_unclaim(cpu);
		object_put(&t->object);
	} else {
		*thread = t;
	}
	return r;
}

void thread_destroy(struct object *o)
{
	struct thread *t = list_entry(o, struct thread, object);
	struct space *s = t->space;

	if (t->stack_top)
		stack_free(s, t->stack_top);
	if (t->fpu_area)
		pool_page_free(s, t->fpu_area);
	pool_free(s, t, sizeof(*t));
	object_put(&s->object);
}

/* Takes t off its space's list. True: it was the last one. */
static bool leave_space(struct thread *t, struct space *s)
{
	struct thread **at = &s->threads;
	bool last;

	spin_lock(&s->lock);
	while (*at != t)
		at = &(*at)->space_next;
	*at = t->space_next;
	last = --s->thread_count == 0;
	if (last && !s->dying) {
		s->dying = true;
		s->info.reason = REASON_EXITED;
		s->info.error = t->exit_code;
	}
	spin_unlock(&s->lock);
	return last;
}

void thread_exit(void)
{
	struct thread *t = thread_self();
	struct space *s = t->space;
	bool last;

	if (t->vcpu)
		vcpu_unbind(t->vcpu);
	if (t->fpu) { /* nobody wants them saved */
		t->fpu = false;
		thread_set_vcpu(t, NULL);
	}
	t->no_space = true; /* a switch back to it does not load what is being torn down */
	space_switch(NULL);
	sched_leave(t);
	last = leave_space(t, s);
	if (last)
		space_teardown(s);
	timer_cancel_wait(&t->timer);
	sched_exit(); /* drops the list's reference */
}

void thread_set_fs(void)
{
	struct percpu *cpu = percpu_self();

	cpu->fs_base = cpu->current->fs_base;
	/* A loaded vCPU's backend has a copy, for the way back from the guest. */
	if (cpu->current->vcpu)
		vcpu_put(cpu->current->vcpu);
	wrmsr(MSR_FS_BASE, cpu->fs_base);
	if (cpu->current->vcpu)
		vcpu_load(cpu->current->vcpu);
}

int thread_enable_fpu(struct thread *t)
{
	if (t->fpu)
		return 0;
	if (t->vcpu)
		return E_BUSY;
	t->fpu_area = pool_page(t->space);
	if (!t->fpu_area)
		return E_NOMEM;
	fpu_area_reset(t->fpu_area);
	t->fpu = true;
	thread_set_vcpu(t, NULL); /* opens the FPU */
	(void)fpu_restore(t->fpu_area);
	return 0;
}
