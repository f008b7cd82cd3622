/* sources: tests/unit/fake_hv.c kernel/vcpu.c kernel/vcpu_run.c kernel/vcpu_exit.c kernel/vcpu_regs.c kernel/vcpu_cpuid.c kernel/hypercall.c kernel/cpuid_policy.c kernel/msr_policy.c kernel/kvmclock.c kernel/kvm_pv.c kernel/lapic.c kernel/lapic_irq.c kernel/lapic_timer.c kernel/doorbell.c lib/format.c */
/* SPDX-License-Identifier: GPL-2.0-only */
/* Hypercalls between vCPUs (IPIs to many, the kick out of HLT), and who goes first when one spins. */
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"
#include "tests/unit/fake_hv.h"
#include "tests/unit/unit.h"

enum { KICK_CPU = 5, SEND_IPI = 10, VECTOR = 0x61, CS_LONG = 0xa9b, CS_32 = 0xc9b };

static struct vm *vm;
static struct fake_vcpu *g;
static uint64_t call[5]; /* number, arguments */

static void setup(void)
{
	vm = fake_vm(4);
	g = fake_vcpu(vm, 0);
	for (unsigned i = 0; i < 4; i++) {
		struct vcpu *v = &fake_vcpu(vm, i)->v;

		v->lapic.base |= APIC_BASE_X2APIC;
		lapic_set(&v->lapic, APIC_SVR, 0x1ff);
	}
	g->r.seg[SEG_CS].attr = CS_LONG;
	g->r.seg[SEG_SS].attr = 0xc93;
}

static void make_call(struct vcpu *v)
{
	v->gpr[GPR_RAX] = call[0];
	v->gpr[GPR_RBX] = call[1];
	v->gpr[GPR_RCX] = call[2];
	v->gpr[GPR_RDX] = call[3];
	v->gpr[GPR_RSI] = call[4];
}

static int64_t answer(uint64_t n, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	call[0] = n, call[1] = a, call[2] = b, call[3] = c, call[4] = d;
	fake_step(HV_EXIT_HYPERCALL, make_call);
	return vcpu_run(&g->v) == EXIT_KICK ? (int64_t)g->v.gpr[GPR_RAX] : INT64_MIN;
}

/* Which vCPUs have VECTOR requested, as a mask. */
static unsigned requested(void)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < 4; i++)
		mask |= (lapic_reg(&fake_vcpu(vm, i)->v.lapic, APIC_IRR + VECTOR / 32 * 16) >> VECTOR % 32 & 1) << i;
	return mask;
}

static void ipis_by_bitmap(void)
{
	setup();
	CHECK_EQ(answer(SEND_IPI, 0xc, 0, 0, VECTOR), 2);
	CHECK_EQ(requested(), 0xc);
	CHECK_EQ(answer(SEND_IPI, 1, 0, 1, VECTOR), 1); /* relative to the third argument */
	CHECK_EQ(requested(), 0xe);
	CHECK_EQ(answer(SEND_IPI, ~0ULL << 8, ~0ULL, 0, VECTOR), 0); /* nobody there */
	CHECK_EQ(answer(SEND_IPI, ~0ULL, ~0ULL, 0xffffffff, VECTOR), 0);
	CHECK_EQ(answer(SEND_IPI, ~0ULL, ~0ULL, ~0ULL, VECTOR), 0);
	CHECK_EQ(requested(), 0xe);
	CHECK_EQ(answer(SEND_IPI, 2, 0, 0, 4 << 8), 1);
	CHECK((fake_vcpu(vm, 1)->v.request & REQ_NMI) != 0);
	CHECK_EQ(g->v.area->pv_ipis, 6);
	fake_vm_free(vm);
}

static void ipis_refused(void)
{
	setup();
	CHECK_EQ(answer(SEND_IPI, 2, 0, 0, 5 << 8), -22); /* INIT */
	CHECK_EQ(answer(SEND_IPI, 2, 0, 0, 1 << 11 | VECTOR), -22); /* logical */
	g->r.seg[SEG_SS].attr |= 3 << 5;
	CHECK_EQ(answer(SEND_IPI, 2, 0, 0, VECTOR), -1); /* ring 3 */
	CHECK_EQ(answer(KICK_CPU, 0, 1, 0, 0), -1);
	CHECK_EQ(answer(99, 0, 0, 0, 0), -1000);
	CHECK_EQ(requested(), 0);
	CHECK_EQ(fake_vcpu(vm, 1)->v.request & REQ_UNHALT, 0);
	fake_vm_free(vm);
}

/* Bits 32 and up are not there; the second word starts at 32. */
static void ipis_from_32_bit_code(void)
{
	setup();
	g->r.seg[SEG_CS].attr = CS_32;
	CHECK_EQ(answer(SEND_IPI, 0xffffffff00000002, 0, 0xffffffff00000000, VECTOR), 1);
	CHECK_EQ(requested(), 2);
	fake_vm_free(vm);
}

static void kick_sets_unhalt(void)
{
	setup();
	CHECK_EQ(answer(KICK_CPU, 0, 2, 0, 0), 0);
	CHECK((fake_vcpu(vm, 2)->v.request & REQ_UNHALT) != 0);
	CHECK_EQ(answer(KICK_CPU, 0, 77, 0, 0), 0);
	CHECK_EQ(answer(KICK_CPU, 0, ~0ULL, 0, 0), 0);
	fake_vm_free(vm);
}

static void kick_parked(struct vcpu *v) { vcpu_request(v, REQ_UNHALT); }

/* HLT with interrupts off ends by the kick; the next one sleeps again. */
static void kick_ends_halt(void)
{
	setup();
	g->r.rflags = RFLAGS_FIXED;
	fake.on_park = kick_parked;
	fake_step(HV_EXIT_HLT, NULL);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.parks, 1);
	CHECK_EQ(fake.entries, 2);
	CHECK_EQ(g->v.unhalted, 0);
	fake.on_park = NULL;
	fake_step(HV_EXIT_HLT, NULL);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.parks, 2);
	CHECK_EQ(g->v.activity, ACTIVITY_HALTED);
	fake_vm_free(vm);
}

/* The kick came first: the HLT does not wait. */
static void kick_before_halt(void)
{
	setup();
	vcpu_request(&g->v, REQ_UNHALT);
	fake_step(HV_EXIT_HLT, NULL);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.parks, 0);
	CHECK_EQ(fake.entries, 2);
	fake_vm_free(vm);
}

static void pause_gives_way(void)
{
	setup();
	fake_step(HV_EXIT_PAUSE, NULL);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.gave_way, 1);
	CHECK_EQ(fake.skips, 1);
	fake_vm_free(vm);
}

int main(void)
{
	RUN(ipis_by_bitmap);
	RUN(ipis_refused);
	RUN(ipis_from_32_bit_code);
	RUN(kick_sets_unhalt);
	RUN(kick_ends_halt);
	RUN(kick_before_halt);
	RUN(pause_gives_way);
	return unit_status();
}
