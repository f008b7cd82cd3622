/* SPDX-License-Identifier: GPL-2.0-only */
/* Binds IOAPIC lines to events. Vectors are given out once and stay with their line. */

#include "kernel/irq.h"
#include "arch/apic.h"
#include "arch/ioapic.h"
#include "arch/spinlock.h"
#include "arch/trap.h"
#include "kernel/box.h"
#include "kernel/event.h"
#include "kernel/percpu.h"
#include "kernel/sys.h"
#include <stdbool.h>
#include <stddef.h>

enum { VECTORS = VECTOR_DEVICE_LAST - VECTOR_DEVICE_FIRST + 1 };

static struct {
	struct spinlock lock;
	unsigned used; /* [lock] vectors given out */
	struct irq {
		uint32_t gsi;
		bool level;
		struct event *event; /* holds a reference */
		uint64_t bits;
	} irq[VECTORS]; /* [lock] */
} table;

void irq_interrupt(uint8_t vector)
{
	struct irq *irq = &table.irq[vector - VECTOR_DEVICE_FIRST];

	spin_lock(&table.lock);
	if (irq->event) {
		if (irq->level)
			ioapic_mask(irq->gsi, true); /* until IRQ_ACK */
		event_signal(irq->event, irq->bits);
	}
	spin_unlock(&table.lock);
	apic_eoi();
}

/* ISA interrupts go where the MADT says; flags as it says, too. */
static uint32_t isa_gsi(uint32_t irq, uint32_t *flags)
{
	for (unsigned i = 0; i < box.acpi.overrides; i++) {
		const struct acpi_override *o = &box.acpi.override[i];

		if (o->irq != irq)
			continue;
		*flags = (*flags & ~(uint32_t)(IRQ_LEVEL | IRQ_ACTIVE_LOW)) |
			 (o->level ? IRQ_LEVEL : 0U) | (o->active_low ? IRQ_ACTIVE_LOW : 0U);
		return o->gsi;
	}
	return irq;
}

/* [lock] The line's entry, or a new one; NULL: no vector left. */
static struct irq *find(uint32_t gsi)
{
	for (unsigned i = 0; i < table.used; i++)
		if (table.irq[i].gsi == gsi)
			return &table.irq[i];
	if (table.used == VECTORS)
		return NULL;
	table.irq[table.used].gsi = gsi;
	return &table.irq[table.used++];
}

static int bind(uint32_t gsi, uint32_t flags, struct event *e, uint64_t bits, struct event **old)
{
	struct irq *irq;
	int r = 0;

	spin_lock(&table.lock);
	irq = find(gsi);
	if (!irq) {
		r = E_NOMEM;
	} else if (flags & IRQ_ACK) {
		ioapic_mask(gsi, !irq->event);
	} else if (!ioapic_route(gsi, (uint8_t)(VECTOR_DEVICE_FIRST + (irq - table.irq)),
				 cpu_table[0]->apic_id, flags & IRQ_LEVEL,
				 flags & IRQ_ACTIVE_LOW)) {
		r = E_RANGE;
	} else {
		*old = irq->event;
		irq->event = e;
		irq->bits = bits;
		irq->level = flags & IRQ_LEVEL;
		if (e)
			ioapic_mask(gsi, false);
	}
	spin_unlock(&table.lock);
	return r;
}

/* (box, gsi, flags, event, bits); event 0 unbinds. */
int64_t sys_event_irq(struct sys_frame *f, struct object *o)
{
	uint32_t flags = (uint32_t)f->arg[2], gsi = (uint32_t)f->arg[1];
	struct event *e = NULL, *old = NULL;
	int r;

	(void)o;
	if (f->arg[1] > 0xffff || f->arg[2] > 15)
		return E_INVAL;
	if (flags & IRQ_ISA && gsi > 15)
		return E_RANGE;
	if (flags & IRQ_ISA)
		gsi = isa_gsi(gsi, &flags);
	if (f->arg[3] != 0 && !(flags & IRQ_ACK)) {
		r = event_from_handle(f->arg[3], RIGHT_WRITE, &e);
		if (r < 0)
			return r;
	}
	r = bind(gsi, flags, e, f->arg[4], &old);
	if (r < 0 && e)
		event_put(e);
	if (old)
		event_put(old);
	return r;
}
