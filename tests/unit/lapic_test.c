/* sources: tests/unit/fake_hv.c kernel/vcpu.c kernel/vcpu_run.c kernel/vcpu_exit.c kernel/vcpu_regs.c kernel/vcpu_cpuid.c kernel/hypercall.c kernel/cpuid_policy.c kernel/msr_policy.c kernel/kvmclock.c kernel/kvm_pv.c kernel/lapic.c kernel/lapic_irq.c kernel/lapic_timer.c kernel/doorbell.c lib/format.c */
/* SPDX-License-Identifier: GPL-2.0-only */
/* The local APIC: registers in both modes, destinations, priorities, timer. */
#include "arch/cpu.h"
#include "kernel/abi/status.h"
#include "lib/x86/msr.h"
#include "tests/unit/fake_hv.h"
#include "tests/unit/unit.h"

static struct vm *vm;
static struct vcpu *v;

static void setup(unsigned n, bool x2apic)
{
	vm = fake_vm(n);
	for (unsigned i = 0; i < n; i++) {
		if (x2apic)
			lapic_base_write(vm->vcpu[i], vm->vcpu[i]->lapic.base | APIC_BASE_X2APIC);
		lapic_set(&vm->vcpu[i]->lapic, APIC_SVR, 0x1ff);
	}
	v = vm->vcpu[0];
}

static bool requested(unsigned i, uint8_t vector)
{
	return (lapic_reg(&vm->vcpu[i]->lapic, APIC_IRR + vector / 32U * 16) >> (vector & 31) & 1) != 0;
}

static void clear(void)
{
	for (unsigned i = 0; i < vm->vcpus; i++)
		for (unsigned r = 0; r < 8; r++)
			lapic_set(&vm->vcpu[i]->lapic, APIC_IRR + r * 16, 0);
}

static unsigned set_of(uint8_t vector)
{
	unsigned s = 0;

	for (unsigned i = 0; i < vm->vcpus; i++)
		s |= (unsigned)requested(i, vector) << i;
	return s;
}

static void reset_state(void)
{
	vm = fake_vm(2);
	v = vm->vcpu[1];
	CHECK_EQ(lapic_reg(&v->lapic, APIC_ID), 1U << 24);
	CHECK_EQ(lapic_reg(&v->lapic, APIC_SVR), 0xff);
	CHECK_EQ(lapic_reg(&v->lapic, APIC_DFR), 0xffffffff);
	CHECK_EQ(lapic_reg(&v->lapic, APIC_LVT0), APIC_LVT_MASKED);
	CHECK_EQ(v->lapic.base, 0xfee00800);
	CHECK_EQ(vm->vcpu[0]->lapic.base, 0xfee00900);
	/* software-disabled: nothing is accepted but what is not fixed */
	CHECK_EQ(lapic_msi(vm, 0xfee01000, 0x40), 0);
	CHECK_EQ(set_of(0x40), 0);
	fake_vm_free(vm);
}

static void registers_in_xapic_mode(void)
{
	uint32_t value;

	setup(1, false);
	CHECK_EQ(lapic_write(v, APIC_TPR, 0x123), 0);
	CHECK_EQ(lapic_read(v, APIC_TPR, &value), 0);
	CHECK_EQ(value, 0x23);
	CHECK_EQ(v->cr8, 2);
	v->cr8 = 9; /* MOV to CR8 */
	CHECK_EQ(lapic_read(v, APIC_TPR, &value), 0);
	CHECK_EQ(value, 0x90);
	CHECK_EQ(lapic_write(v, APIC_LDR, 0x12345678), 0);
	CHECK_EQ(lapic_reg(&v->lapic, APIC_LDR), 0x12000000);
	CHECK_EQ(lapic_write(v, APIC_DFR, 0x0), 0);
	CHECK_EQ(lapic_reg(&v->lapic, APIC_DFR), 0x0fffffff);
	CHECK_EQ(lapic_write(v, APIC_LVT0, ~0U), 0);
	CHECK_EQ(lapic_reg(&v->lapic, APIC_LVT0), 0x0001a7ff);
	CHECK_EQ(lapic_write(v, APIC_VERSION, 1), E_RANGE);
	CHECK_EQ(lapic_write(v, APIC_ID, 0x05000000), 0); /* ignored */
	CHECK_EQ(lapic_reg(&v->lapic, APIC_ID), 0);
	/* disabling masks the table */
	CHECK_EQ(lapic_write(v, APIC_LVT0, 0x700), 0);
	CHECK_EQ(lapic_write(v, APIC_SVR, 0xff), 0);
	CHECK_EQ(lapic_reg(&v->lapic, APIC_LVT0), 0x10700);
	fake_vm_free(vm);
}

static void errors_are_latched(void)
{
	uint32_t value;

	setup(1, false);
	CHECK_EQ(lapic_write(v, APIC_LVT_ERROR, 0xfe), 0);
	CHECK_EQ(lapic_read(v, 0x10, &value), E_RANGE);
	CHECK_EQ(set_of(0xfe), 1);
	CHECK_EQ(lapic_read(v, APIC_ESR, &value), 0);
	CHECK_EQ(value, 0); /* only a write makes it visible */
	CHECK_EQ(lapic_write(v, APIC_ESR, 0), 0);
	CHECK_EQ(lapic_read(v, APIC_ESR, &value), 0);
	CHECK_EQ(value, 0x80);
	CHECK_EQ(lapic_write(v, APIC_ICR, 0x0f), 0); /* vector 15 */
	CHECK_EQ(lapic_write(v, APIC_ESR, 0), 0);
	CHECK_EQ(lapic_read(v, APIC_ESR, &value), 0);
	CHECK_EQ(value, 0x20);
	fake_vm_free(vm);
}

static void x2apic_reserved_bits_fault(void)
{
	static const struct { uint32_t msr; uint64_t value; int status; } t[] = {
		{ 0x80b, 0, 0 }, { 0x80b, 1, E_RANGE }, { 0x828, 1, E_RANGE }, { 0x808, 0x100, E_RANGE },
		{ 0x80f, 0x200, E_RANGE }, { 0x80d, 0, E_RANGE }, { 0x802, 0, E_RANGE }, { 0x83f, 0x100, E_RANGE },
		{ 0x83f, 0x41, 0 }, { 0x830, 1 << 13, E_RANGE }, { 0x832, 1ULL << 32, E_RANGE }, { 0x80e, 0, E_RANGE },
		{ 0x831, 0, E_RANGE }, { 0x840, 0, E_RANGE }, { 0x8ff, 0, E_RANGE }, { 0x832, 0x40, 0 } };
	uint64_t value;

	setup(1, true);
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		CHECK_EQ(lapic_x2apic_write(v, t[i].msr, t[i].value), t[i].status);
	CHECK_EQ(lapic_x2apic_read(v, 0x80b, &value), E_RANGE); /* write only */
	CHECK_EQ(lapic_x2apic_read(v, 0x831, &value), E_RANGE);
	CHECK_EQ(lapic_x2apic_read(v, 0x803, &value), 0);
	CHECK_EQ(value, 0x50014);
	fake_vm_free(vm);
	setup(1, false); /* in xAPIC mode none of them exists */
	CHECK_EQ(lapic_x2apic_read(v, 0x803, &value), E_RANGE);
	CHECK_EQ(lapic_x2apic_write(v, 0x80b, 0), E_RANGE);
	fake_vm_free(vm);
}

static void mode_transitions(void)
{
	uint64_t off = 0xfee00100, on = off | APIC_BASE_ENABLE, x2 = on | APIC_BASE_X2APIC;
	static const struct { int from, to, status; } t[] = { /* 0 off, 1 xAPIC, 2 x2APIC, 3 invalid */
		{ 1, 2, 0 }, { 2, 1, E_INVAL }, { 2, 0, 0 }, { 0, 2, E_INVAL }, { 0, 1, 0 }, { 1, 0, 0 }, { 1, 3, E_INVAL } };
	uint64_t value[] = { off, on, x2, off | APIC_BASE_X2APIC };

	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		setup(1, false);
		v->lapic.base = value[t[i].from];
		CHECK_EQ(lapic_base_write(v, value[t[i].to]), t[i].status);
		CHECK_EQ(v->lapic.base, value[t[i].status == 0 ? t[i].to : t[i].from]);
		CHECK_EQ(lapic_base_write(v, v->lapic.base | 1), E_INVAL);
		fake_vm_free(vm);
	}
	setup(3, true);
	CHECK_EQ(lapic_reg(&vm->vcpu[2]->lapic, APIC_ID), 2);
	CHECK_EQ(lapic_reg(&vm->vcpu[2]->lapic, APIC_LDR), 4);
	fake_vm_free(vm);
}

static void physical_and_broadcast(void)
{
	setup(3, false);
	CHECK_EQ(lapic_msi(vm, 0xfee02000, 0x41), 0);
	CHECK_EQ(set_of(0x41), 4);
	CHECK_EQ(lapic_msi(vm, 0xfeeff000, 0x42), 0);
	CHECK_EQ(set_of(0x42), 7);
	CHECK_EQ(lapic_msi(vm, 0xfee09000, 0x43), 0); /* nobody */
	CHECK_EQ(set_of(0x43), 0);
	fake_vm_free(vm);
}

static void logical_destinations(void)
{
	setup(4, false);
	for (unsigned i = 0; i < 4; i++)
		lapic_set(&vm->vcpu[i]->lapic, APIC_LDR, 1U << (24 + i));
	CHECK_EQ(lapic_msi(vm, 0xfee05004, 0x41), 0); /* flat */
	CHECK_EQ(set_of(0x41), 5);
	for (unsigned i = 0; i < 4; i++) { /* two clusters of two */
		lapic_set(&vm->vcpu[i]->lapic, APIC_DFR, 0x0fffffff);
		lapic_set(&vm->vcpu[i]->lapic, APIC_LDR, (i / 2) << 28 | 1U << (24 + i % 2));
	}
	CHECK_EQ(lapic_msi(vm, 0xfee13004, 0x42), 0);
	CHECK_EQ(set_of(0x42), 12);
	CHECK_EQ(lapic_msi(vm, 0xfeeff004, 0x43), 0);
	CHECK_EQ(set_of(0x43), 15);
	fake_vm_free(vm);
	setup(4, true);
	lapic_icr(v, 0x0000000a, 1 << 11 | 0x44); /* x2APIC cluster 0, members 1 and 3 */
	CHECK_EQ(set_of(0x44), 10);
	fake_vm_free(vm);
}

static void lowest_priority_picks_one(void)
{
	setup(3, true);
	lapic_set(&vm->vcpu[0]->lapic, APIC_TPR, 0x50);
	lapic_set(&vm->vcpu[2]->lapic, APIC_TPR, 0x50);
	CHECK_EQ(lapic_msi(vm, 0xfee07004, 0x141), 0);
	CHECK_EQ(set_of(0x41), 2);
	CHECK_EQ(lapic_msi(vm, 0xfee0700c, 0x42), 0); /* by the redirection hint */
	CHECK_EQ(set_of(0x42), 2);
	fake_vm_free(vm);
}

static void shorthands(void)
{
	setup(3, true);
	lapic_icr(vm->vcpu[1], 0, 1 << 18 | 0x41);
	CHECK_EQ(set_of(0x41), 2);
	lapic_icr(vm->vcpu[1], 0, 2 << 18 | 0x42);
	CHECK_EQ(set_of(0x42), 7);
	lapic_icr(vm->vcpu[1], 0, 3 << 18 | 0x43);
	CHECK_EQ(set_of(0x43), 5);
	lapic_icr(v, 2, APIC_NMI << 8);
	CHECK_EQ(vm->vcpu[2]->request & REQ_NMI, REQ_NMI);
	lapic_icr(v, 2, APIC_INIT << 8 | 1 << 15); /* level de-assert */
	CHECK_EQ(vm->vcpu[2]->request & REQ_INIT, 0);
	lapic_icr(v, 2, APIC_INIT << 8 | 1 << 14);
	CHECK_EQ(vm->vcpu[2]->request & REQ_INIT, REQ_INIT);
	fake_vm_free(vm);
}

static void messages_that_are_none(void)
{
	static const struct { uint64_t address; uint32_t data; } t[] = {
		{ 0xfed00000, 0x41 }, { 0x1fee00000, 0x41 }, { 0xfee00010, 0x41 } /* extended destination ID */,
		{ 0xfee00000, 0x341 } /* reserved mode */, { 0xfee00000, 0x741 } /* ExtINT */ };

	setup(1, true);
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		CHECK_EQ(lapic_msi(vm, t[i].address, t[i].data), E_INVAL);
	CHECK_EQ(set_of(0x41), 0);
	CHECK_EQ(lapic_msi(vm, 0xfee00000, 1 << 15 | 0x41), 0); /* a level going away */
	CHECK_EQ(set_of(0x41), 0);
	fake_vm_free(vm);
}

static void priorities_and_eoi(void)
{
	setup(1, true);
	lapic_request(v, 0x31, false);
	lapic_request(v, 0x52, true);
	CHECK_EQ(lapic_pending(&v->lapic), 0x52);
	lapic_accept(&v->lapic, 0x52);
	CHECK_EQ(lapic_pending(&v->lapic), APIC_NONE); /* 3 is below 5 */
	CHECK_EQ(lapic_ppr(&v->lapic), 0x50);
	lapic_request(v, 0x5f, false);
	CHECK_EQ(lapic_pending(&v->lapic), APIC_NONE); /* the same class waits */
	lapic_request(v, 0x61, false);
	CHECK_EQ(lapic_pending(&v->lapic), 0x61);
	lapic_accept(&v->lapic, 0x61);
	CHECK_EQ(lapic_eoi(v), APIC_NONE); /* edge */
	CHECK_EQ(lapic_eoi(v), 0x52); /* level */
	CHECK_EQ(lapic_pending(&v->lapic), 0x5f);
	lapic_accept(&v->lapic, 0x5f);
	CHECK_EQ(lapic_eoi(v), APIC_NONE);
	CHECK_EQ(lapic_eoi(v), APIC_NONE); /* nothing in service */
	CHECK_EQ(lapic_pending(&v->lapic), 0x31);
	lapic_accept(&v->lapic, 0x31);
	lapic_unaccept(&v->lapic, 0x31);
	CHECK_EQ(lapic_pending(&v->lapic), 0x31);
	/* the trigger mode comes with each message */
	clear();
	lapic_request(v, 0x52, false);
	lapic_accept(&v->lapic, 0x52);
	CHECK_EQ(lapic_eoi(v), APIC_NONE);
	fake_vm_free(vm);
}

static void one_shot_timer(void)
{
	uint32_t left;
	uint64_t before;

	setup(1, true);
	CHECK_EQ(lapic_write(v, APIC_LVTT, 0x40), 0);
	CHECK_EQ(lapic_write(v, APIC_TDCR, 0xb), 0); /* by one */
	before = rdtsc();
	CHECK_EQ(lapic_write(v, APIC_TICR, 1000000000), 0); /* a second: 2 G ticks of this clock */
	CHECK(v->lapic.deadline >= before + 2000000000 && v->lapic.deadline < before + 2100000000);
	left = lapic_timer_count(v);
	CHECK(left <= 1000000000 && left > 900000000);
	CHECK_EQ(lapic_write(v, APIC_TDCR, 0), 0); /* by two: starts over */
	CHECK(v->lapic.deadline >= before + 4000000000);
	fake_timer_fire(v);
	CHECK_EQ(v->request & REQ_TIMER, REQ_TIMER);
	lapic_timer_expired(v); /* too early: of an earlier setting, or another processor's TSC is ahead */
	CHECK_EQ(set_of(0x40), 0);
	CHECK_EQ(fake.timers, 1); /* and not forgotten */
	v->lapic.deadline = rdtsc();
	lapic_timer_expired(v);
	CHECK_EQ(set_of(0x40), 1);
	CHECK_EQ(lapic_timer_count(v), 0);
	CHECK_EQ(lapic_write(v, APIC_TICR, 5), 0);
	CHECK_EQ(fake.timers, 1);
	CHECK_EQ(lapic_write(v, APIC_TICR, 0), 0);
	CHECK_EQ(fake.timers, 0);
	fake_vm_free(vm);
}

static void periodic_timer(void)
{
	uint64_t first;

	setup(1, true);
	CHECK_EQ(lapic_write(v, APIC_TDCR, 0xb), 0);
	CHECK_EQ(lapic_write(v, APIC_LVTT, APIC_TIMER_PERIODIC | 0x41), 0);
	CHECK_EQ(lapic_write(v, APIC_TICR, 1000000), 0);
	first = v->lapic.deadline = rdtsc() - 10;
	lapic_timer_expired(v);
	CHECK_EQ(set_of(0x41), 1);
	CHECK_EQ(v->lapic.deadline, first + 2000000); /* no drift */
	v->lapic.deadline = rdtsc() - 100000000; /* fifty periods late */
	lapic_timer_expired(v);
	CHECK(v->lapic.deadline > rdtsc());
	CHECK_EQ(lapic_write(v, APIC_TICR, 1), 0);
	CHECK(v->lapic.period >= 40000); /* 20 microseconds at least */
	CHECK_EQ(lapic_write(v, APIC_LVTT, APIC_TIMER_PERIODIC | APIC_LVT_MASKED | 0x42), 0);
	v->lapic.deadline = rdtsc();
	lapic_timer_expired(v);
	CHECK_EQ(set_of(0x42), 0);
	fake_vm_free(vm);
}

static void tsc_deadline(void)
{
	uint64_t now;

	setup(1, true);
	lapic_deadline_write(v, ~0ULL); /* another mode: ignored */
	CHECK_EQ(lapic_deadline_read(v), 0);
	CHECK_EQ(lapic_write(v, APIC_LVTT, APIC_TIMER_DEADLINE | 0x43), 0);
	now = rdtsc() + v->tsc_offset;
	lapic_deadline_write(v, now + 1000000000);
	CHECK_EQ(fake.timers, 1);
	CHECK_EQ(v->lapic.deadline, now + 1000000000 - v->tsc_offset);
	CHECK_EQ(lapic_deadline_read(v), now + 1000000000);
	CHECK_EQ(lapic_write(v, APIC_TICR, 77), 0); /* ignored in this mode */
	CHECK_EQ(lapic_reg(&v->lapic, APIC_TICR), 0);
	lapic_deadline_write(v, 1); /* passed long ago: at once, without a host timer */
	CHECK_EQ(fake.timers, 0);
	CHECK_EQ(set_of(0x43), 1);
	CHECK_EQ(lapic_deadline_read(v), 0);
	clear();
	lapic_deadline_write(v, ~0ULL); /* for ever, not at once */
	CHECK_EQ(set_of(0x43), 0);
	CHECK_EQ(fake.timers, 1);
	lapic_deadline_write(v, 0);
	CHECK_EQ(fake.timers, 0);
	lapic_deadline_write(v, ~0ULL);
	CHECK_EQ(lapic_write(v, APIC_LVTT, 0x43), 0); /* leaving the mode disarms */
	CHECK_EQ(fake.timers, 0);
	fake_vm_free(vm);
}

static void init_keeps_the_base(void)
{
	setup(1, true);
	lapic_request(v, 0x41, false);
	lapic_reset(v, true);
	CHECK(lapic_x2apic(&v->lapic));
	CHECK_EQ(set_of(0x41), 0);
	CHECK_EQ(lapic_reg(&v->lapic, APIC_SVR), 0xff);
	fake_vm_free(vm);
}

int main(void)
{
	RUN(reset_state);
	RUN(registers_in_xapic_mode);
	RUN(errors_are_latched);
	RUN(x2apic_reserved_bits_fault);
	RUN(mode_transitions);
	RUN(physical_and_broadcast);
	RUN(logical_destinations);
	RUN(lowest_priority_picks_one);
	RUN(shorthands);
	RUN(messages_that_are_none);
	RUN(priorities_and_eoi);
	RUN(one_shot_timer);
	RUN(periodic_timer);
	RUN(tsc_deadline);
	RUN(init_keeps_the_base);
	return unit_status();
}
