/* SPDX-License-Identifier: GPL-2.0-only */
/* Run queues: who is ready, not who runs. The caller holds the processor's run_lock. */
#include "kernel/thread_queue.h"

#include <stddef.h>
#include "kernel/thread_impl.h"

void queue_put(struct thread_queue *q, struct thread *t)
{
	t->run_next = NULL;
	t->run_prev = q->tail[t->priority];
	if (t->run_prev)
		t->run_prev->run_next = t;
	else
		q->head[t->priority] = t;
	q->tail[t->priority] = t;
	q->bitmap |= 1U << t->priority;
	t->queued = true;
}

void queue_drop(struct thread_queue *q, struct thread *t)
{
	if (t->run_prev)
		t->run_prev->run_next = t->run_next;
	else
		q->head[t->priority] = t->run_next;
	if (t->run_next)
		t->run_next->run_prev = t->run_prev;
	else
		q->tail[t->priority] = t->run_prev;
	if (!q->head[t->priority])
		q->bitmap &= ~(1U << t->priority);
	t->queued = false;
}

struct thread *queue_best(const struct thread_queue *q)
{
	return q->bitmap ? q->head[31 - __builtin_clz(q->bitmap)] : NULL;
}
