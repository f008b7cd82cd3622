/* SPDX-License-Identifier: GPL-2.0-only */
/* Events: 64 bits that ring 3 can wait for. Doorbells, interrupts, timers and deaths all end here. */
#pragma once

#include <stdint.h>

struct event;

/* Sets bits and wakes the waiter. Any context with interrupts off, any processor; takes event's lock. */
void event_signal(struct event *e, uint64_t bits);
/* Reference counts: an object that keeps a pointer to an event holds one. */
void event_get(struct event *e);
void event_put(struct event *e);
