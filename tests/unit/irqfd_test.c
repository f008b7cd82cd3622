/* sources: kernel/irqfd.c */
/* SPDX-License-Identifier: GPL-2.0-only */
/* irqfds: an event's bit becomes a message, is replaced, unbound; slots, memory and references come back. */
#include "kernel/irqfd.h"

#include <stdlib.h>
#include "kernel/abi/status.h"
#include "kernel/lapic.h"
#include "kernel/pool.h"
#include "kernel/vm.h"
#include "tests/unit/unit.h"

struct event {
	int refs;
	struct event_hook *hooks;
};

static struct {
	unsigned sent, blocks, left;
	struct vm *vm;
	uint64_t address;
	uint32_t data;
} seen;
static struct vm *vm;
static struct event events[2];

int lapic_msi(struct vm *to, uint64_t address, uint32_t data)
{
	seen.sent++;
	seen.vm = to;
	seen.address = address;
	seen.data = data;
	return 0;
}

void *pool_alloc(struct space *payer, size_t bytes)
{
	(void)payer;
	if (seen.left == 0)
		return NULL;
	seen.left--;
	seen.blocks++;
	return calloc(1, bytes);
}

void pool_free(struct space *payer, void *p, size_t bytes)
{
	(void)payer, (void)bytes;
	seen.blocks--;
	free(p);
}

void event_get(struct event *e) { e->refs++; }
void event_put(struct event *e) { e->refs--; }

void event_hook_add(struct event *e, struct event_hook *h)
{
	h->next = e->hooks;
	e->hooks = h;
}

void event_hook_remove(struct event *e, struct event_hook *h)
{
	for (struct event_hook **at = &e->hooks; *at; at = &(*at)->next)
		if (*at == h) {
			*at = h->next;
			return;
		}
}

void event_signal(struct event *e, uint64_t bits)
{
	for (struct event_hook *h = e->hooks; h; h = h->next)
		if (h->bits & bits)
			h->fire(h, h->bits & bits);
}

static void setup(void)
{
	free(vm);
	vm = calloc(1, sizeof(*vm));
	memset(&seen, 0, sizeof(seen));
	memset(events, 0, sizeof(events));
	seen.left = 1000;
}

static void bit_becomes_message(void)
{
	setup();
	CHECK_EQ(irqfd_set(vm, &events[0], 5, 0xfee01000, 0x41), 0);
	event_signal(&events[0], 1 << 4);
	CHECK_EQ(seen.sent, 0);
	event_signal(&events[0], 1 << 5);
	CHECK_EQ(seen.sent, 1);
	CHECK(seen.vm == vm && seen.address == 0xfee01000 && seen.data == 0x41);
	event_signal(&events[1], 1 << 5);
	CHECK_EQ(seen.sent, 1);
	CHECK_EQ(events[0].refs, 1);
	irqfds_fini(vm);
	CHECK(events[0].refs == 0 && seen.blocks == 0 && events[0].hooks == NULL);
}

static void replaced_in_place(void)
{
	setup();
	CHECK_EQ(irqfd_set(vm, &events[0], 63, 0xfee00000, 0x41), 0);
	CHECK_EQ(irqfd_set(vm, &events[0], 63, 0xfee02000, 0x42), 0);
	event_signal(&events[0], 1ULL << 63);
	CHECK_EQ(seen.sent, 1);
	CHECK(seen.address == 0xfee02000 && seen.data == 0x42);
	CHECK(events[0].refs == 1 && seen.blocks == 1);
	irqfds_fini(vm);
}

static void unbound(void)
{
	setup();
	CHECK_EQ(irqfd_set(vm, &events[0], 1, 0, ~0U), E_RANGE);
	CHECK_EQ(irqfd_set(vm, &events[0], 1, 0xfee00000, 0x41), 0);
	CHECK_EQ(irqfd_set(vm, &events[0], 1, 0, ~0U), 0);
	event_signal(&events[0], 2);
	CHECK_EQ(seen.sent, 0);
	CHECK(events[0].refs == 0 && seen.blocks == 0);
}

static void refused(void)
{
	setup();
	CHECK_EQ(irqfd_set(vm, &events[0], 64, 0xfee00000, 0x41), E_INVAL);
	CHECK_EQ(irqfd_set(vm, &events[0], 0, 0xfef00000, 0x41), E_INVAL);
	CHECK_EQ(irqfd_set(vm, &events[0], 0, 0x1fee00000, 0x41), E_INVAL);
	CHECK_EQ(irqfd_set(vm, &events[0], 0, 0, 0), E_INVAL);
	seen.left = 0;
	CHECK_EQ(irqfd_set(vm, &events[0], 0, 0xfee00000, 0x41), E_NOMEM);
	CHECK(events[0].refs == 0 && seen.blocks == 0);
}

static void all_slots(void)
{
	setup();
	for (unsigned n = 0; n < VM_IRQFDS_MAX; n++)
		CHECK_EQ(irqfd_set(vm, &events[0], n, 0xfee00000, n), 0);
	CHECK_EQ(irqfd_set(vm, &events[1], 0, 0xfee00000, 0), E_NOMEM);
	CHECK_EQ(seen.blocks, VM_IRQFDS_MAX);
	CHECK_EQ(irqfd_set(vm, &events[0], 7, 0, ~0U), 0);
	CHECK_EQ(irqfd_set(vm, &events[1], 0, 0xfee00000, 0x99), 0);
	event_signal(&events[1], 1);
	CHECK_EQ(seen.data, 0x99);
	event_signal(&events[0], ~0ULL);
	CHECK_EQ(seen.sent, VM_IRQFDS_MAX);
	irqfds_fini(vm);
	CHECK(events[0].refs == 0 && events[1].refs == 0 && seen.blocks == 0);
}

int main(void)
{
	RUN(bit_becomes_message);
	RUN(replaced_in_place);
	RUN(unbound);
	RUN(refused);
	RUN(all_slots);
	free(vm);
	return unit_status();
}
