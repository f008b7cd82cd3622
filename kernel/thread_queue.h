/* SPDX-License-Identifier: GPL-2.0-only */
/* A processor's run queue: one list a priority, the highest first, round robin within one. */
#pragma once

#include <stdint.h>

#define THREAD_PRIORITIES 32 /* 31 is the highest; 0 is idle's alone */

struct thread;

struct thread_queue {
	struct thread *head[THREAD_PRIORITIES], *tail[THREAD_PRIORITIES];
	uint32_t bitmap; /* priorities with a list that is not empty */
};

/* At the end of its priority. */
void queue_put(struct thread_queue *q, struct thread *t);
void queue_drop(struct thread_queue *q, struct thread *t);
/* The first of the highest priority, or NULL; it stays. */
struct thread *queue_best(const struct thread_queue *q);
