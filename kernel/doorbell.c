/* SPDX-License-Identifier: GPL-2.0-only */
/* Doorbells. Port ranges only: MMIO notify areas are ordinary exits. */
#include "kernel/doorbell.h"

#include "kernel/abi/status.h"
#include "kernel/event.h"
#include "kernel/pool.h"
#include "lib/string.h"

#define SLOT_BYTES (VM_DOORBELLS_MAX * sizeof(struct doorbell))
_Static_assert(SLOT_BYTES <= 4096, "one page");

void doorbells_init(struct doorbells *d)
{
	d->low = 0xffff;
	d->high = 0;
}

void doorbells_fini(struct doorbells *d, struct space *payer)
{
	for (unsigned i = 0; i < d->count; i++)
		event_put(d->slot[i].event);
	d->count = 0;
	if (d->slot != NULL)
		pool_page_free(payer, d->slot);
	d->slot = NULL;
	doorbells_init(d);
}

/* [lock] */
static void update_bounds(struct doorbells *d)
{
	uint16_t low = 0xffff, high = 0;

	for (unsigned i = 0; i < d->count; i++) {
		const struct vm_doorbell *w = &d->slot[i].what;
		uint16_t last = (uint16_t)(w->port + w->count - 1);

		low = w->port < low ? w->port : low;
		high = last > high ? last : high;
	}
	d->low = low;
	d->high = high;
}

static bool same(const struct vm_doorbell *a, const struct vm_doorbell *b)
{
	return a->port == b->port && a->count == b->count && a->size == b->size &&
	       a->has_match == b->has_match && (!a->has_match || a->match == b->match);
}

/* Two that could both fire for one write. */
static bool overlap(const struct vm_doorbell *a, const struct vm_doorbell *b)
{
	if (a->port >= (uint32_t)b->port + b->count || b->port >= (uint32_t)a->port + a->count)
		return false;
	if (a->size != 0 && b->size != 0 && a->size != b->size)
		return false;
	return !(a->has_match && b->has_match && a->match != b->match);
}

int doorbell_add(struct doorbells *d, struct space *payer, const struct vm_doorbell *what,
		 struct event *event, uint64_t bits)
{
	struct doorbell *page;
	int status = 0;

	if (what->count == 0 || (uint32_t)what->port + what->count > 0x10000 || bits == 0 ||
	    (what->size != 0 && what->size != 1 && what->size != 2 && what->size != 4))
		return E_INVAL;
	page = pool_page(payer);
	if (page == NULL)
		return E_NOMEM;
	spin_lock(&d->lock);
	if (d->slot == NULL) {
		d->slot = page;
		page = NULL;
	}
	for (unsigned i = 0; i < d->count; i++)
		if (overlap(&d->slot[i].what, what))
			status = E_EXIST;
	if (status == 0 && d->count == VM_DOORBELLS_MAX)
		status = E_NOMEM;
	if (status == 0) {
		d->slot[d->count++] = (struct doorbell){ *what, event, bits };
		update_bounds(d);
	}
	spin_unlock(&d->lock);
	if (page != NULL)
		pool_page_free(payer, page);
	return status;
}

int doorbell_remove(struct doorbells *d, const struct vm_doorbell *what)
{
	struct event *gone = NULL;

	spin_lock(&d->lock);
	for (unsigned i = 0; i < d->count; i++) {
		if (!same(&d->slot[i].what, what))
			continue;
		gone = d->slot[i].event;
		d->slot[i] = d->slot[--d->count];
		update_bounds(d);
		break;
	}
	spin_unlock(&d->lock);
	if (gone == NULL)
		return E_RANGE;
	event_put(gone);
	return 0;
}

bool doorbell_ring_slow(struct doorbells *d, uint16_t port, uint8_t size, uint32_t value)
{
	bool rung = false;

	spin_lock(&d->lock);
	for (unsigned i = 0; i < d->count && !rung; i++) {
		const struct vm_doorbell *w = &d->slot[i].what;

		if (port < w->port || (uint32_t)port - w->port >= w->count ||
		    (w->size != 0 && w->size != size) || (w->has_match && w->match != value))
			continue;
		event_signal(d->slot[i].event, d->slot[i].bits);
		rung = true;
	}
	spin_unlock(&d->lock);
	return rung;
}
