/* SPDX-License-Identifier: GPL-2.0-only */
/* The local APIC's timer on a kernel timer. Its clock is 1 GHz nominal; deadlines are host TSC values. */
#include "kernel/lapic.h"

#include "arch/cpu.h"
#include "kernel/math64.h"
#include "kernel/vcpu.h"
#include "kernel/vm.h"
#include "lib/list.h"

/* A periodic timer does not fire more often than this. */
#define PERIOD_MIN_NS 20000U

static unsigned divider(const struct lapic *a)
{
	uint32_t tdcr = lapic_reg(a, APIC_TDCR), code = (tdcr & 3) | (tdcr >> 1 & 4);

	return code == 7 ? 1 : 2U << code; /* [SDM3 "Divide Configuration Register"] */
}

static void timer_fire(struct ktimer *t)
{
	vcpu_request(list_entry(t, struct vcpu, lapic.timer), REQ_TIMER);
}

void lapic_timer_init(struct vcpu *v)
{
	v->lapic.timer.fire = timer_fire;
	v->lapic.deadline = TIMER_NEVER;
}

/*
 * Who watches for the deadline: the processor while it runs the guest, where it can (HV_CAP_DEADLINE: an
 * exit costs less than a host interrupt), and then a kernel timer only while the vCPU is halted.
 */
static void deadline_set(struct vcpu *v, uint64_t at)
{
	v->lapic.deadline = at;
	if ((hv_caps & HV_CAP_DEADLINE) != 0)
		hv->deadline(v, at);
	else if (at != TIMER_NEVER)
		timer_arm(&v->lapic.timer, at);
	else if (__atomic_load_n(&v->lapic.timer.armed, __ATOMIC_ACQUIRE))
		timer_cancel(&v->lapic.timer);
}

void lapic_timer_halt(struct vcpu *v, bool halted)
{
	if ((hv_caps & HV_CAP_DEADLINE) == 0 || v->lapic.deadline == TIMER_NEVER)
		return;
	if (halted)
		timer_arm(&v->lapic.timer, v->lapic.deadline);
	else if (__atomic_load_n(&v->lapic.timer.armed, __ATOMIC_ACQUIRE)) /* it has not woken us */
		timer_cancel(&v->lapic.timer);
}

void lapic_timer_stop(struct vcpu *v)
{
	if (v->lapic.deadline != TIMER_NEVER)
		deadline_set(v, TIMER_NEVER);
	v->lapic.period = 0;
	__atomic_fetch_and(&v->request, ~(uint32_t)REQ_TIMER, __ATOMIC_SEQ_CST);
}

void lapic_timer_start(struct vcpu *v)
{
	struct lapic *a = &v->lapic;
	uint32_t count = lapic_reg(a, APIC_TICR);
	uint64_t ns = (uint64_t)count * divider(a), ticks;
	bool periodic = (lapic_reg(a, APIC_LVTT) & APIC_TIMER_MODE) == APIC_TIMER_PERIODIC;

	lapic_timer_stop(v);
	if (count == 0)
		return;
	if (periodic && ns < PERIOD_MIN_NS)
		ns = PERIOD_MIN_NS;
	ticks = mul_div64(ns, v->vm->clock.tsc_hz, APIC_TIMER_HZ);
	a->period = periodic ? ticks : 0;
	deadline_set(v, rdtsc() + ticks);
}

uint32_t lapic_timer_count(struct vcpu *v)
{
	struct lapic *a = &v->lapic;
	uint64_t now = rdtsc(), ns;

	if (a->deadline == TIMER_NEVER || a->tsc_deadline != 0)
		return 0;
	if (now >= a->deadline) {
		if (a->period == 0)
			return 0;
		now = a->deadline - 1; /* the expiry is about to be handled */
	}
	ns = mul_div64(a->deadline - now, APIC_TIMER_HZ, v->vm->clock.tsc_hz) / divider(a);
	return ns > lapic_reg(a, APIC_TICR) ? lapic_reg(a, APIC_TICR) : (uint32_t)ns;
}

void lapic_deadline_write(struct vcpu *v, uint64_t guest_tsc)
{
	struct lapic *a = &v->lapic;
	uint64_t now, at;

	if ((lapic_reg(a, APIC_LVTT) & APIC_TIMER_MODE) != APIC_TIMER_DEADLINE)
		return; /* ignored in the other modes */
	a->tsc_deadline = guest_tsc;
	if (guest_tsc == 0) {
		lapic_timer_stop(v);
		return;
	}
	now = rdtsc();
	if (guest_tsc <= now + v->tsc_offset) { /* it has passed: no need for a host timer */
		lapic_timer_stop(v);
		a->tsc_deadline = 0;
		lapic_lvt(v, APIC_LVTT);
		return;
	}
	at = guest_tsc - v->tsc_offset;
	if (at < now || at == TIMER_NEVER)
		at = TIMER_NEVER - 1; /* beyond what the host can count to */
	a->period = 0;
	deadline_set(v, at);
}

uint64_t lapic_deadline_read(const struct vcpu *v)
{
	return (lapic_reg(&v->lapic, APIC_LVTT) & APIC_TIMER_MODE) == APIC_TIMER_DEADLINE ?
		       v->lapic.tsc_deadline : 0;
}

void lapic_timer_expired(struct vcpu *v)
{
	struct lapic *a = &v->lapic;
	uint64_t now = rdtsc();

	/* Stopped or moved after it fired, or it fired where the TSC is ahead of ours. */
	if (a->deadline > now) {
		deadline_set(v, a->deadline);
		return;
	}
	if (a->period == 0) {
		a->tsc_deadline = 0;
		deadline_set(v, TIMER_NEVER);
	} else { /* periods that were missed altogether are one interrupt */
		uint64_t next = a->deadline + a->period;

		deadline_set(v, next <= now ? now + a->period : next);
	}
	lapic_lvt(v, APIC_LVTT);
}
