/* SPDX-License-Identifier: GPL-2.0-only */
/* Events: 64 bits that ring 3 can wait for. Doorbells, interrupts, timers and deaths all end here. */
#pragma once

#include <stdint.h>

struct event;

/*
 * Something in the kernel that takes certain bits as they are signalled, before any waiter sees them
 * (irqfds). fire is called with the event's lock held, in event_signal's context.
 */
struct event_hook {
	struct event_hook *next; /* [event's lock] */
	uint64_t bits; /* (c) that it takes */
	void (*fire)(struct event_hook *h, uint64_t bits); /* (c) bits: those of its own that were signalled */
};

/* The hook must stay until it is removed; after event_hook_remove returns, fire is not running. */
void event_hook_add(struct event *e, struct event_hook *h);
void event_hook_remove(struct event *e, struct event_hook *h);

/* Sets bits and wakes the waiter. Any context with interrupts off, any processor; takes event's lock. */
void event_signal(struct event *e, uint64_t bits);
/* Reference counts: an object that keeps a pointer to an event holds one. */
void event_get(struct event *e);
void event_put(struct event *e);
