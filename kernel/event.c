/* SPDX-License-Identifier: GPL-2.0-only */
/* Event objects and the system calls on them. */

#include "kernel/event.h"
#include "arch/cpu.h"
#include "arch/spinlock.h"
#include "kernel/irq.h"
#include "kernel/pool.h"
#include "kernel/space.h"
#include "kernel/sys.h"
#include "kernel/thread_impl.h"
#include "lib/list.h"
#include <stddef.h>

/* That a VM can have armed: its neighbours' are in the same lists. */
enum { TIMERS_MAX = 64 };

struct event {
	struct object object;
	struct spinlock lock;
	uint64_t bits; /* [lock] pending */
	uint64_t mask; /* [lock] what the waiter wants */
	struct thread *waiter; /* [lock] holds no reference: it is in this event's wait */
	struct ktimer timer; /* SYS_EVENT_TIMER */
	uint64_t timer_bits; /* [lock] */
	struct event_hook *hooks; /* [lock] */
	struct space *payer; /* (c) holds a reference */
};

void event_get(struct event *e)
{
	object_get(&e->object);
}
void event_put(struct event *e)
{
	object_put(&e->object);
}

void event_hook_add(struct event *e, struct event_hook *h)
{
	spin_lock(&e->lock);
	h->next = e->hooks;
	e->hooks = h;
	spin_unlock(&e->lock);
}

void event_hook_remove(struct event *e, struct event_hook *h)
{
	spin_lock(&e->lock);
	for (struct event_hook **at = &e->hooks; *at; at = &(*at)->next)
		if (*at == h) {
			*at = h->next;
			break;
		}
	spin_unlock(&e->lock);
}

void event_signal(struct event *e, uint64_t bits)
{
	spin_lock(&e->lock);
	for (struct event_hook *h = e->hooks; h; h = h->next)
		if (h->bits & bits) {
			h->fire(h, h->bits & bits);
			bits &= ~h->bits;
		}
	e->bits |= bits;
	if (e->waiter && e->bits & e->mask) {
		thread_unpark(e->waiter);
		e->waiter = NULL;
	}
	spin_unlock(&e->lock);
}

void event_destroy(struct object *o)
{
	struct event *e = list_entry(o, struct event, object);
	struct space *payer = e->payer;

	timer_cancel_wait(&e->timer);
	pool_free(payer, e, sizeof(*e));
	object_put(&payer->object);
}

static void timer_fired(struct ktimer *t)
{
	struct event *e = list_entry(t, struct event, timer);

	event_signal(e, e->timer_bits);
}

int64_t sys_event_create(struct sys_frame *f, struct object *o)
{
	struct space *s = thread_self()->space;
	struct event *e = pool_alloc(s, sizeof(*e));

	(void)f, (void)o;
	if (!e)
		return E_NOMEM;
	object_init(&e->object, OBJ_EVENT);
	e->timer.fire = timer_fired;
	e->payer = s;
	object_get(&s->object);
	return handle_give(s, &e->object);
}

int event_from_handle(uint64_t handle, uint32_t rights, struct event **e)
{
	struct object *o;
	int r = handle_get(thread_self()->space, handle, OBJ_EVENT, rights, &o);

	*e = r < 0 ? NULL : list_entry(o, struct event, object);
	return r;
}

int64_t sys_event_signal(struct sys_frame *f, struct object *o)
{
	event_signal(list_entry(o, struct event, object), f->arg[1]);
	return 0;
}

int64_t sys_event_timer(struct sys_frame *f, struct object *o)
{
	struct event *e = list_entry(o, struct event, object);
	int r = 0;

	spin_lock(&e->lock); /* against another processor that arms it, too */
	timer_cancel(&e->timer);
	e->timer_bits = f->arg[1];
	e->timer.count = &space_vm(e->payer)->timers;
	if (f->arg[2] != 0 && __atomic_load_n(e->timer.count, __ATOMIC_RELAXED) >= TIMERS_MAX)
		r = E_NOMEM;
	else if (f->arg[2] != 0)
		timer_arm(&e->timer, f->arg[2]);
	spin_unlock(&e->lock);
	return r;
}

/* [e->lock] The pending bits in mask, cleared; else the caller becomes the waiter. */
static int take_or_wait(struct event *e, uint64_t mask, bool wait, uint64_t *bits)
{
	struct thread *t = thread_self();

	*bits = e->bits & mask;
	e->bits &= ~*bits;
	if (e->waiter == t)
		e->waiter = NULL;
	if (*bits)
		return 0;
	if (!wait)
		return E_TIMEOUT;
	if (e->waiter)
		return E_BUSY;
	e->waiter = t;
	e->mask = mask;
	return E_AGAIN;
}

static int event_wait(struct event *e, uint64_t mask, uint64_t deadline, uint64_t *bits)
{
	struct thread *t = thread_self();
	int r;

	for (;;) {
		bool wait = deadline != 0 && rdtsc() < deadline && !thread_dying();

		spin_lock(&e->lock);
		r = take_or_wait(e, mask, wait, bits);
		spin_unlock(&e->lock);
		if (r != E_AGAIN)
			break;
		timer_arm(&t->timer, deadline);
		thread_park();
	}
	if (t->timer.armed)
		timer_cancel(&t->timer);
	return r;
}

int64_t sys_event_wait(struct sys_frame *f, struct object *o)
{
	return event_wait(list_entry(o, struct event, object), f->arg[1], f->arg[2], &f->second);
}
