/* SPDX-License-Identifier: GPL-2.0-only */
/* irqfds. Does not know what an event is waited for by. */
#include "kernel/irqfd.h"

#include "kernel/abi/status.h"
#include "kernel/lapic.h"
#include "kernel/pool.h"
#include "kernel/vm.h"
#include "lib/list.h"

static void irqfd_fire(struct event_hook *h, uint64_t bits)
{
	struct irqfd *i = list_entry(h, struct irqfd, hook);
	uint64_t message = __atomic_load_n(&i->message, __ATOMIC_ACQUIRE);

	(void)bits;
	(void)lapic_msi(i->vm, message >> 32, (uint32_t)message);
}

static void irqfd_free(struct vm *vm, struct irqfd *i)
{
	event_hook_remove(i->event, &i->hook);
	event_put(i->event);
	pool_free(vm->space, i, sizeof(*i));
}

/* [irqfds.lock] the slot of (event, bit), or a free one, or -1 */
static int slot_find(struct irqfds *all, struct event *event, uint64_t bits, bool *found)
{
	int empty = -1;

	*found = false;
	for (int n = 0; n < VM_IRQFDS_MAX; n++) {
		struct irqfd *i = all->slot[n];

		if (i != NULL && i->event == event && i->hook.bits == bits) {
			*found = true;
			return n;
		}
		if (i == NULL && empty < 0)
			empty = n;
	}
	return empty;
}

int irqfd_set(struct vm *vm, struct event *event, unsigned bit, uint64_t address, uint32_t data)
{
	struct irqfds *all = &vm->irqfds;
	bool unbind = address == 0 && data == ~0U, found;
	struct irqfd *fresh = NULL, *spare = NULL;
	int n, status = 0;

	if (bit > 63 || (!unbind && address >> 20 != 0xfee))
		return E_INVAL;
	if (!unbind) {
		fresh = pool_alloc(vm->space, sizeof(*fresh));
		if (fresh == NULL)
			return E_NOMEM;
		fresh->hook = (struct event_hook){ .bits = 1ULL << bit, .fire = irqfd_fire };
		fresh->event = event;
		fresh->vm = vm;
		fresh->message = address << 32 | data;
	}
	spin_lock(&all->lock);
	n = slot_find(all, event, 1ULL << bit, &found);
	if (found && unbind) {
		spare = all->slot[n];
		all->slot[n] = NULL;
	} else if (found) {
		__atomic_store_n(&all->slot[n]->message, address << 32 | data, __ATOMIC_RELEASE);
	} else if (unbind || n < 0) {
		status = unbind ? E_RANGE : E_NOMEM;
	} else {
		all->slot[n] = fresh;
		event_get(event);
		event_hook_add(event, &fresh->hook);
		fresh = NULL;
	}
	spin_unlock(&all->lock);
	if (spare != NULL)
		irqfd_free(vm, spare);
	if (fresh != NULL)
		pool_free(vm->space, fresh, sizeof(*fresh));
	return status;
}

void irqfds_fini(struct vm *vm)
{
	for (int n = 0; n < VM_IRQFDS_MAX; n++) {
		if (vm->irqfds.slot[n] != NULL)
			irqfd_free(vm, vm->irqfds.slot[n]);
		vm->irqfds.slot[n] = NULL;
	}
}
