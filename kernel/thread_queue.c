/* SPDX-License-Identifier: GPL-2.0-only */
/* Run queues: the order of the ready, not who runs. The caller holds the processor's run_lock. */
#include "kernel/thread_queue.h"

#include <stddef.h>
#include "kernel/space.h"
#include "kernel/thread_impl.h"

static struct share *share_of(const struct thread *t)
{
	return &t->space->share[t->cpu];
}

static unsigned urgency(const struct thread *t)
{
	return t->priority < THREAD_URGENT ? 0 : t->priority;
}

/* Is a more than b, on a clock that goes round? */
static bool above(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) > 0;
}

static void share_enter(struct thread_queue *q, struct share *s)
{
	s->prev = NULL;
	s->next = q->ready;
	if (s->next)
		s->next->prev = s;
	q->ready = s;
}

static void share_leave(struct thread_queue *q, struct share *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		q->ready = s->next;
	if (s->next)
		s->next->prev = s->prev;
}

void queue_put(struct thread_queue *q, struct thread *t, uint64_t credit)
{
	struct share *s = share_of(t);
	struct thread *before = NULL, *at = s->first;

	if (!at)
		share_enter(q, s);
	if (above(q->floor - credit, s->used))
		s->used = q->floor - credit;
	while (at && at->priority >= t->priority) {
		before = at;
		at = at->run_next;
	}
	t->run_prev = before;
	t->run_next = at;
	*(before ? &before->run_next : &s->first) = t;
	if (at)
		at->run_prev = t;
	t->queued = true;
}

void queue_drop(struct thread_queue *q, struct thread *t)
{
	struct share *s = share_of(t);

	*(t->run_prev ? &t->run_prev->run_next : &s->first) = t->run_next;
	if (t->run_next)
		t->run_next->run_prev = t->run_prev;
	if (!s->first)
		share_leave(q, s);
	t->queued = false;
}

bool queue_before(const struct thread *t, const struct thread *now, uint64_t margin)
{
	if (urgency(t) != urgency(now))
		return urgency(t) > urgency(now);
	if (share_of(t) == share_of(now))
		return t->priority > now->priority;
	return above(share_of(now)->used, share_of(t)->used + margin);
}

bool queue_turns(const struct thread_queue *q, const struct thread *now)
{
	for (const struct share *s = q->ready; s; s = s->next)
		if (urgency(s->first) == urgency(now) &&
		    (s != share_of(now) || s->first->priority == now->priority))
			return true;
	return false;
}

struct thread *queue_best(const struct thread_queue *q)
{
	struct thread *best = q->ready ? q->ready->first : NULL;

	for (const struct share *s = q->ready; s; s = s->next)
		if (queue_before(s->first, best, 0))
			best = s->first;
	return best;
}

void queue_charge(struct thread_queue *q, const struct thread *now, uint64_t ticks)
{
	const struct share *poorest = now ? share_of(now) : q->ready;

	if (!poorest)
		return;
	if (now)
		share_of(now)->used += ticks;
	for (const struct share *s = q->ready; s; s = s->next)
		if (above(poorest->used, s->used))
			poorest = s;
	if (above(poorest->used, q->floor))
		q->floor = poorest->used;
}
