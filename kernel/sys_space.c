/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls on handles, spaces and threads. */

#include "kernel/abi/layout.h"
#include "kernel/event.h"
#include "kernel/percpu.h"
#include "kernel/pool_impl.h"
#include "kernel/space.h"
#include "kernel/sys.h"
#include "kernel/thread_impl.h"
#include "kernel/user.h"
#include "lib/list.h"
#include <stddef.h>

int64_t sys_close(struct sys_frame *f, struct object *o)
{
	(void)o;
	return handle_remove(space_self(), f->arg[0], NULL);
}

/* (space, handle, rights): never more rights than the caller has. */
int64_t sys_grant(struct sys_frame *f, struct object *to)
{
	struct object *o;
	uint32_t have;
	int64_t r = f->arg[2] > RIGHT_ALL ? E_INVAL : handle_find(space_self(), f->arg[1], OBJ_NONE, RIGHT_GRANT, &o, &have);

	if (r < 0)
		return r;
	r = (have & f->arg[2]) != f->arg[2]
		    ? E_PERM
		    : handle_add(list_entry(to, struct space, object), o, (uint32_t)f->arg[2]);
	if (r < 0)
		object_put(o);
	return r;
}

/* (name[16], quota) */
int64_t sys_space_create(struct sys_frame *f, struct object *o)
{
	struct space *s;
	char name[16];
	int r = user_copy_name(name, f->arg[0]);

	(void)o;
	if (r == 0)
		r = space_create(space_self(), name, f->arg[1], &s);
	return r < 0 ? r : handle_give(space_self(), &s->object);
}

static int space_watch(struct space *s, uint64_t event, uint64_t bits)
{
	struct event *e;
	int r = event_from_handle(event, RIGHT_WRITE, &e);

	if (r < 0)
		return r;
	spin_lock(&s->lock);
	if (!s->pml4) {
		event_signal(e, bits); /* dead already: told at once, kept by nobody */
	} else if (s->watch) {
		r = E_EXIST; /* a program cannot hide its end from who made it */
	} else {
		s->watch = e;
		s->watch_bits = bits;
		e = NULL;
	}
	spin_unlock(&s->lock);
	if (e)
		event_put(e);
	return r;
}

static int space_get_info(struct space *s, uint64_t to)
{
	struct space_info info;

	spin_lock(&s->lock);
	info = s->info;
	/* Dead means that its memory is back, too. */
	if (s->pml4)
		info.reason = REASON_ALIVE;
	info.handles = handle_count(s);
	spin_unlock(&s->lock);
	info.quota = s->quota;
	info.used = s->used;
	return user_copy_out(to, &info, sizeof(info));
}

/* (space, op, a, b) */
int64_t sys_space_ctl(struct sys_frame *f, struct object *o)
{
	static const struct space_info killed = { .reason = REASON_KILLED };
	struct space *s = list_entry(o, struct space, object);

	switch (f->arg[1]) {
	case SPACE_KILL:
		space_kill(s, &killed);
		return 0;
	case SPACE_WATCH:
		return space_watch(s, f->arg[2], f->arg[3]);
	case SPACE_INFO:
		return space_get_info(s, f->arg[2]);
	default:
		return E_NOSYS;
	}
}

/* (space, entry, stack top, arg, cpu, priority) */
int64_t sys_thread_create(struct sys_frame *f, struct object *o)
{
	struct thread *t;
	int64_t r;

	if (f->arg[1] >= USER_END || f->arg[2] >= USER_END || f->arg[5] == 0)
		return E_INVAL;
	if (f->arg[4] >= cpu_count)
		return E_RANGE;
	if (f->arg[5] > thread_self()->priority)
		return E_PERM; /* nobody makes threads that are more urgent than itself */
	r = thread_create(list_entry(o, struct space, object), f->arg[1], f->arg[2], f->arg[3],
			  (unsigned)f->arg[4], (unsigned)f->arg[5], &t);
	if (r < 0)
		return r;
	r = handle_add(space_self(), &t->object, RIGHT_ALL);
	if (r < 0) {
		sched_kill(t); /* nobody will ever start it: it runs once, to die */
		object_put(&t->object);
	}
	return r;
}

/* Operations that a thread can only do to itself. */
static int64_t thread_ctl_self(struct thread *t, uint64_t op, uint64_t a)
{
	switch (op) {
	case THREAD_YIELD:
		percpu_self()->work |= WORK_RESCHED;
		return 0;
	case THREAD_EXIT:
		t->exit_code = a;
		thread_exit();
	case THREAD_SET_FS:
		if (a >= USER_END)
			return E_INVAL;
		t->fs_base = a;
		thread_set_fs();
		return 0;
	case THREAD_FPU:
		return thread_enable_fpu(t);
	default:
		return E_NOSYS;
	}
}

/* (thread or 0, op, a) */
int64_t sys_thread_ctl(struct sys_frame *f, struct object *o)
{
	struct thread *t;
	int64_t r;

	if (f->arg[0] == 0 && f->arg[1] != THREAD_MOVE)
		return thread_ctl_self(thread_self(), f->arg[1], f->arg[2]);
	o = &thread_self()->object;
	if (f->arg[0] == 0)
		object_get(o);
	else if ((r = handle_get(space_self(), f->arg[0], OBJ_THREAD, RIGHT_CONTROL, &o)) < 0)
		return r;
	t = list_entry(o, struct thread, object);
	switch (f->arg[1]) {
	case THREAD_START:
		r = sched_start(t) ? 0 : E_BUSY;
		break;
	case THREAD_MOVE:
		r = f->arg[2] < cpu_count ? 0 : E_RANGE;
		if (r == 0)
			r = sched_move(t, (unsigned)f->arg[2]);
		break;
	default:
		r = E_NOSYS;
	}
	object_put(o);
	return r;
}
