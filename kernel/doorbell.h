/* SPDX-License-Identifier: GPL-2.0-only */
/* Doorbells: guest port writes that signal an event without leaving the kernel. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "arch/spinlock.h"
#include "kernel/abi/syscall.h"

#define VM_DOORBELLS_MAX 64

struct event;

struct doorbell {
	struct vm_doorbell what;
	struct event *event; /* holds a reference */
	uint64_t bits;
};

struct doorbells {
	struct spinlock lock;
	uint16_t low, high; /* (a) no doorbell outside [low, high]; low > high: none */
	unsigned count; /* [lock] */
	struct doorbell *slot; /* [lock] VM_DOORBELLS_MAX of them, made with the first */
};

struct space;

void doorbells_init(struct doorbells *d);
void doorbells_fini(struct doorbells *d, struct space *payer);
/* Adds one, taking over the caller's reference on event, or removes one. E_INVAL E_NOMEM E_EXIST E_RANGE. */
int doorbell_add(struct doorbells *d, struct space *payer, const struct vm_doorbell *what,
		 struct event *event, uint64_t bits);
int doorbell_remove(struct doorbells *d, const struct vm_doorbell *what);
/* A write by the guest. True: an event was signalled, nobody else needs to know. */
bool doorbell_ring_slow(struct doorbells *d, uint16_t port, uint8_t size, uint32_t value);

static inline bool doorbell_ring(struct doorbells *d, uint16_t port, uint8_t size, uint32_t value)
{
	if (port < d->low || port > d->high)
		return false;
	return doorbell_ring_slow(d, port, size, value);
}
