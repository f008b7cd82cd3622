/* SPDX-License-Identifier: GPL-2.0-only */
/* irqfds: a bit of an event that becomes a message-signalled interrupt of a VM, without a thread. */
#pragma once

#include <stdint.h>
#include "arch/spinlock.h"
#include "kernel/event.h"

#define VM_IRQFDS_MAX 64

struct space;
struct vm;

struct irqfd {
	struct event_hook hook; /* its bits are one bit of the event */
	struct event *event; /* holds a reference; NULL: free */
	struct vm *vm; /* (c) outlives it */
	uint64_t message; /* (a) address in the upper half, data in the lower: they change together */
};

struct irqfds {
	struct spinlock lock;
	struct irqfd *slot[VM_IRQFDS_MAX]; /* [lock] */
};

/*
 * Binds bit `bit` of the event to the message, or replaces the message atomically when it is bound to
 * this VM already. data ~0 with address 0 unbinds. Takes its own reference on the event. E_INVAL: not an interrupt message.
 */
int irqfd_set(struct vm *vm, struct event *event, unsigned bit, uint64_t address, uint32_t data);
void irqfds_fini(struct vm *vm);
