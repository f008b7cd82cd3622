/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who goes first among a processor's ready threads. From URGENT on, priorities are strict: the box's
 * own threads. Below, processor time is shared out equally between virtual machines, however many
 * threads each has there; priorities only order the threads of one, equal ones take turns.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define THREAD_URGENT 16 /* of 1 to 31; 0 is idle's alone */

struct thread;

/* One VM's part in one processor: of its monitor and whatever spaces that makes. */
struct share {
	struct thread *first; /* ready ones, the highest priority first */
	struct share *next, *prev; /* of those that have ready threads */
	uint64_t used; /* TSC ticks, as far as they count */
};

struct thread_queue {
	struct share *ready;
	uint64_t floor; /* what the poorest has used, of those that wanted to run; never goes back */
};

/* Last of its priority. Who has long not run is owed `credit` at most. */
void queue_put(struct thread_queue *q, struct thread *t, uint64_t credit);
void queue_drop(struct thread_queue *q, struct thread *t);
/* Who shall run next, or NULL; it stays. */
struct thread *queue_best(const struct thread_queue *q);
/* `now`, NULL: nobody, has run for so many ticks more. */
void queue_charge(struct thread_queue *q, const struct thread *now, uint64_t ticks);
/* Shall t run rather than now, which of equals is so if it has used less by more than margin? */
bool queue_before(const struct thread *t, const struct thread *now, uint64_t margin);
/* Is there anybody with whom now has to take turns? */
bool queue_turns(const struct thread_queue *q, const struct thread *now);
