/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The run loop: what has to happen between two entries, and when the monitor is needed. Knows no
 * vendor and no exit's details (vcpu_exit.c).
 */
#include "kernel/vcpu.h"

#include <stddef.h>
#include "kernel/abi/status.h"
#include "kernel/kvm_pv.h"
#include "kernel/stretch.h"
#include "kernel/mitigation.h"
#include "kernel/thread_impl.h"
#include "kernel/vm.h"

/* What the loop does next; a monitor exit is in v->reason. */
enum step { STEP_ENTER, STEP_AGAIN, STEP_MONITOR, STEP_DEAD };

/* Only a processor that waits for it notices. [SDM3 "MP Initialization Protocol"] */
static void take_sipi(struct vcpu *v)
{
	uint8_t vector = __atomic_load_n(&v->sipi, __ATOMIC_SEQ_CST);
	struct vcpu_regs r;

	if (v->activity != ACTIVITY_WAIT_SIPI)
		return;
	hv->pull(v, REG_SEG | REG_RIP, &r);
	r.seg[SEG_CS].selector = (uint16_t)(vector << 8);
	r.seg[SEG_CS].base = (uint64_t)vector << 12;
	r.rip = 0;
	hv->push(v, REG_SEG | REG_RIP, &r);
	v->activity = ACTIVITY_RUNNING;
}

static uint32_t request_clear(struct vcpu *v, uint32_t bits)
{
	return __atomic_fetch_and(&v->request, ~bits, __ATOMIC_SEQ_CST) & bits;
}

/* One that makes the monitor run stays first; what it leaves behind is looked at next time. */
static enum step requests_take(struct vcpu *v)
{
	uint32_t r = __atomic_load_n(&v->request, __ATOMIC_SEQ_CST);

	if ((r & REQ_DEAD) != 0)
		return STEP_DEAD;
	if ((r & REQ_EOI) != 0) {
		request_clear(v, REQ_EOI);
		v->area->eoi.vector = v->eoi_vector;
		v->reason = EXIT_EOI;
		return STEP_MONITOR;
	}
	if ((r & REQ_KICK) != 0) {
		request_clear(v, REQ_KICK);
		v->reason = EXIT_KICK;
		return STEP_MONITOR;
	}
	request_clear(v, r);
	if ((r & REQ_INIT) != 0)
		vcpu_reset(v, true);
	if ((r & REQ_SIPI) != 0)
		take_sipi(v);
	if ((r & REQ_TIMER) != 0)
		lapic_timer_expired(v);
	if ((r & REQ_NMI) != 0)
		v->nmi_pending = 1;
	if ((r & REQ_UNHALT) != 0)
		v->unhalted = 1;
	return STEP_AGAIN;
}

/* ---- events ---- */

static void event_set(struct vcpu *v, uint8_t type, uint8_t vector)
{
	v->event = (struct hv_event){ .type = type, .vector = vector };
}

static bool extint_waits(struct vcpu *v)
{
	return __atomic_load_n(&v->intr, __ATOMIC_RELAXED) != 0 && lapic_takes_extint(&v->lapic);
}

static void windows_set(struct vcpu *v, uint32_t windows, uint8_t priority)
{
	if (windows == 0 && v->window_wanted == 0)
		return;
	v->window_wanted = (uint8_t)windows;
	v->window_priority = priority;
	hv->window(v, windows, priority);
}

/* Picks what is delivered at the next entry. True: the 8259 has to be asked for the vector. */
static bool event_pick(struct vcpu *v)
{
	uint32_t can = hv->can(v);
	int vector;

	if (v->nmi_pending && (can & HV_CAN_NMI) != 0) {
		v->nmi_pending = 0;
		event_set(v, EVENT_NMI, 2);
		return false;
	}
	if ((can & HV_CAN_INTERRUPT) == 0)
		return false;
	vector = lapic_pending(&v->lapic);
	if (vector != APIC_NONE && vector >> 4 > v->cr8) {
		lapic_accept(&v->lapic, (uint8_t)vector);
		event_set(v, EVENT_INTERRUPT, (uint8_t)vector);
		return false;
	}
	return extint_waits(v);
}

/* What is still waiting behind the event that goes in now. */
static void windows_pick(struct vcpu *v)
{
	uint32_t windows = v->nmi_pending ? HV_CAN_NMI : 0;
	int vector = lapic_pending(&v->lapic);
	uint8_t priority = 0;

	if (vector != APIC_NONE) {
		windows |= HV_CAN_INTERRUPT;
		priority = (uint8_t)(vector >> 4);
	}
	if (extint_waits(v)) {
		windows |= HV_CAN_INTERRUPT;
		priority = 0x10;
	}
	windows_set(v, windows, priority);
}

static enum step events_prepare(struct vcpu *v)
{
	bool quiet = !v->nmi_pending && !__atomic_load_n(&v->lapic.irr_words, __ATOMIC_RELAXED) &&
		     !__atomic_load_n(&v->intr, __ATOMIC_RELAXED);

	if (quiet) {
		windows_set(v, 0, 0);
	} else {
		if (v->event.type == EVENT_NONE && event_pick(v)) {
			v->reason = v->pending = EXIT_INTA;
			return STEP_MONITOR;
		}
		windows_pick(v);
	}
	if (v->lapic.pv_armed || ((v->lapic.pv_eoi & 1) != 0 && v->lapic.isr_top != APIC_NONE))
		kvm_eoi_arm(v);
	if (v->event.type != EVENT_NONE)
		hv->inject(v, &v->event);
	return STEP_ENTER;
}

/* ---- not running ---- */

/* Would something end a HLT? The processor wakes for what it would deliver. */
static bool wakes(struct vcpu *v)
{
	uint32_t can = hv->can(v);
	int vector;

	if (v->event.type != EVENT_NONE || (v->nmi_pending && (can & HV_CAN_NMI) != 0))
		return true;
	if ((can & HV_CAN_INTERRUPT) == 0)
		return false;
	vector = lapic_pending(&v->lapic);
	return (vector != APIC_NONE && vector >> 4 > v->cr8) || extint_waits(v);
}

static void block(struct vcpu *v)
{
	if (v->activity == ACTIVITY_HALTED && (v->unhalted || wakes(v))) {
		v->unhalted = 0;
		v->activity = ACTIVITY_RUNNING;
		return;
	}
	/* The mode first, then the requests: whoever sets one after that sees the mode. */
	lapic_timer_halt(v, true);
	__atomic_store_n(&v->mode, VCPU_PARKED, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&v->request, __ATOMIC_SEQ_CST) == 0)
		thread_park();
	__atomic_store_n(&v->mode, VCPU_OUTSIDE, __ATOMIC_SEQ_CST);
	lapic_timer_halt(v, false);
}

/* ---- the loop ---- */

static enum step prepare(struct vcpu *v)
{
	if (__atomic_load_n(&v->request, __ATOMIC_RELAXED) != 0)
		return requests_take(v);
	if (v->activity != ACTIVITY_RUNNING) {
		block(v);
		return thread_dying() ? STEP_DEAD : STEP_AGAIN;
	}
	if (sched_pending()) { /* which a dying thread always is */
		sched_yield_point();
		return thread_dying() ? STEP_DEAD : STEP_AGAIN;
	}
	return events_prepare(v);
}

static int leave(struct vcpu *v)
{
	struct vcpu_area *area = v->area;
	uint32_t mask = area->want[v->reason] & REG_ALL;

	area->exit = (uint32_t)v->reason;
	area->pulled = mask;
	if (mask != 0)
		vcpu_regs_pull(v, mask);
	return (int)v->reason;
}

static int loop(struct vcpu *v)
{
	for (unsigned turn = 1;; turn++) {
		enum hv_exit_kind kind;
		enum step s;

		/*
		 * Host interrupts come in at last: other processors can always have another request for us, and an entry
		 * whose event's delivery always ends in an exit (#AC without end) never comes to an interrupt's turn.
		 */
		if (turn % 64 == 0)
			sched_yield_point();
		s = prepare(v);
		if (s == STEP_ENTER) {
			__atomic_store_n(&v->mode, VCPU_IN_GUEST, __ATOMIC_SEQ_CST);
			if (__atomic_load_n(&v->request, __ATOMIC_SEQ_CST) != 0) {
				__atomic_store_n(&v->mode, VCPU_OUTSIDE, __ATOMIC_RELAXED);
				s = STEP_AGAIN;
			}
		}
		if (s != STEP_ENTER) {
			if (s == STEP_MONITOR)
				return leave(v);
			if (s == STEP_DEAD)
				return E_DEAD;
			continue;
		}
		v->area->entries++; /* before it: an entry that lasts is counted, too */
		stretch_end("an entry", 0);
		kind = hv->run(v);
		stretch_begin();
		__atomic_store_n(&v->mode, VCPU_OUTSIDE, __ATOMIC_RELAXED);
		v->area->count[kind]++;
		if (v->lapic.pv_armed)
			kvm_eoi_sync(v);
		if (vcpu_exit_handle(v, kind) == ACTION_MONITOR)
			return leave(v);
	}
}

/* The answer to an exit that asked for one. */
static void complete(struct vcpu *v)
{
	const struct vcpu_area *area = v->area;
	uint64_t *rax = &v->gpr[GPR_RAX];
	uint32_t data;

	switch (v->pending) {
	case EXIT_PIO:
		data = __atomic_load_n(&area->pio.data, __ATOMIC_RELAXED);
		if (v->pending_size == 1)
			*rax = (*rax & ~0xffULL) | (data & 0xff);
		else if (v->pending_size == 2)
			*rax = (*rax & ~0xffffULL) | (data & 0xffff);
		else
			*rax = data;
		break;
	case EXIT_INTA:
		event_set(v, EVENT_INTERRUPT, __atomic_load_n(&area->inta.vector, __ATOMIC_RELAXED));
		v->activity = ACTIVITY_RUNNING;
		break;
	default:
		break;
	}
	v->pending = EXIT_KICK;
}

int vcpu_claim(struct vcpu *v, struct thread *self)
{
	bool taken;

	spin_lock(&v->wake_lock);
	taken = v->thread != NULL;
	if (!taken)
		v->thread = self;
	spin_unlock(&v->wake_lock);
	return taken ? E_BUSY : 0;
}

void vcpu_release(struct vcpu *v)
{
	spin_lock(&v->wake_lock);
	v->thread = NULL;
	__atomic_store_n(&v->mode, VCPU_OUTSIDE, __ATOMIC_SEQ_CST);
	spin_unlock(&v->wake_lock);
}

/* The first run on this thread. One thread runs one vCPU, and has no FPU state of its own beside it. */
static int bind(struct vcpu *v, struct thread *self)
{
	int status = self->vcpu != NULL || self->fpu ? E_BUSY : vcpu_claim(v, self);

	if (status != 0)
		return status;
	object_get(&v->object); /* the binding's: the scheduler has the pointer from now on */
	thread_set_vcpu(self, v);
	vcpu_load(v);
	return 0;
}

void vcpu_unbind(struct vcpu *v)
{
	vcpu_put(v);
	thread_set_vcpu(v->thread, NULL);
	vcpu_release(v);
	object_put(&v->object);
}

int vcpu_run(struct vcpu *v)
{
	struct thread *self = thread_self();
	uint32_t push;
	int status;

	if (__atomic_load_n(&v->vm->dead, __ATOMIC_RELAXED))
		return E_DEAD;
	if (v->thread != self) {
		status = vm_freeze(v->vm);
		if (status == 0)
			status = bind(v, self);
		if (status != 0)
			return status;
	}
	v->foreign = (mitigations & MIT_L1D) != 0;
	push = __atomic_load_n(&v->area->push, __ATOMIC_RELAXED) & REG_ALL;
	if (push != 0) {
		v->area->push = 0;
		status = vcpu_regs_push(v, push);
		if (status != 0)
			return status;
	}
	if (v->pending != EXIT_KICK)
		complete(v);
	return loop(v);
}
