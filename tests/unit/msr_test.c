/* sources: tests/unit/fake_hv.c kernel/vcpu.c kernel/vcpu_run.c kernel/vcpu_exit.c kernel/vcpu_regs.c kernel/vcpu_cpuid.c kernel/hypercall.c kernel/cpuid_policy.c kernel/msr_policy.c kernel/kvmclock.c kernel/kvm_pv.c kernel/lapic.c kernel/lapic_irq.c kernel/lapic_timer.c kernel/doorbell.c lib/format.c */
/* SPDX-License-Identifier: GPL-2.0-only */
/* The MSR policy: what reads as what, which writes are refused, the TSC's three MSRs, the clock pages. */
#include "arch/cpu.h"
#include "kernel/abi/status.h"
#include "kernel/kvmclock.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"
#include "tests/unit/fake_hv.h"
#include "tests/unit/unit.h"

static struct vm *vm;
static struct vcpu *v;
static void setup(void) { vm = fake_vm(1), v = vm->vcpu[0]; }

static void constants_are_found(void) /* a table out of order would lose some */
{
	static const struct { uint32_t msr; uint64_t value; } t[] = {
		{ 0x17, 0 }, { 0x2a, 0 }, { 0x3a, 1 }, { 0x79, 0 }, { 0xce, 0 }, { 0x179, 0 }, { 0x198, 0 }, { 0x19c, 0 },
		{ 0x1d9, 0 }, { 0x1db, 0 }, { 0x1de, 0 }, { 0xc001001f, 0 }, { 0xc0010020, 0 }, { 0xc0010055, 0 },
		{ 0xc0010061, 0 }, { 0xc0010064, 0 }, { 0xc0010114, 0x18 }, { 0xc0010140, 0 }, { 0xc0010141, 0 },
		{ 0xc0011020, 0 }, { 0xc0011022, 0 }, { 0xc0011029, 2 }, { 0xc001102a, 0 }, { 0xfe, 0x508 },
		{ 0xc0010015, 1 << 24 }, { 0x277, 0x0007040600070406 }, { 0x1b, 0xfee00900 }, { 0x8b, 0x01000065 } };
	uint64_t value;

	setup();
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CHECK_EQ(msr_read(v, t[i].msr, &value), 0);
		CHECK_EQ(value, t[i].value);
	}
	fake_vm_free(vm);
}

static void unknown_ones_are_refused(void)
{
	static const uint32_t t[] = { 0, 0x48, 0x10b, 0x400, 0x480, 0xda0, 0x6a0, 0x12345, 0x4b564d02, 0xc0000105, 0xc0010117, 0xdeadbeef };
	uint64_t value;

	setup();
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CHECK_EQ(msr_read(v, t[i], &value), E_RANGE);
		CHECK_EQ(msr_write(v, t[i], 0), E_RANGE);
	}
	fake_vm_free(vm);
}

static void side_channel_msrs_follow_cpuid(void)
{
	uint64_t value;

	setup();
	vm->cpuid->arch_caps = 0x61;
	CHECK_EQ(msr_read(v, MSR_ARCH_CAPABILITIES, &value), 0);
	CHECK_EQ(value, 0x61);
	vm->cpuid->has_arch_caps = vm->cpuid->ibpb = false;
	CHECK_EQ(msr_read(v, MSR_ARCH_CAPABILITIES, &value), E_RANGE);
	CHECK_EQ(msr_write(v, MSR_PRED_CMD, 1), E_RANGE);
	CHECK_EQ(msr_read(v, MSR_PRED_CMD, &value), E_RANGE); /* write-only */
	fake_vm_free(vm);
}

static void bad_values_are_refused(void)
{
	static const struct { uint32_t msr; uint64_t value; int status; } t[] = {
		{ 0x277, 0x0606060606060606, 0 }, { 0x277, 2, E_INVAL }, { 0x277, 3ULL << 56, E_INVAL }, { 0x277, 8, E_INVAL },
		{ 0x200, 6, 0 }, { 0x200, 2, E_INVAL }, { 0x200, 1ULL << 48, E_INVAL }, { 0x201, 0x800, 0 }, { 0x201, 0x801, E_INVAL },
		{ 0x20f, 0x800, 0 }, { 0x210, 0, E_RANGE }, { 0x250, 0x0606060606060606, 0 }, { 0x250, 7, E_INVAL }, { 0x26f, 6, 0 },
		{ 0x2ff, 0xc06, 0 }, { 0x2ff, 0x1000, E_INVAL }, { 0x2ff, 0xc02, E_INVAL }, { 0xfe, 0, E_RANGE },
		{ 0x49, 1, 0 }, { 0x49, 2, E_INVAL }, { 0x49, 0x80, E_INVAL }, { 0x10a, 0, E_RANGE }, { 0xc0000103, 1ULL << 32, E_INVAL }, { 0xc0000103, 7, 0 },
		{ 0xc0000080, EFER_SVME, E_INVAL }, { 0xc0000080, EFER_NXE | EFER_SCE, 0 }, { 0xc0000080, 2, E_INVAL },
		{ 0xc0000100, 1ULL << 47, E_INVAL }, { 0xc0000082, 0x8000000000000000, E_INVAL },
		{ 0x3a, 5, E_INVAL }, { 0xce, 1, E_INVAL }, { 0x179, 1, E_INVAL }, { 0x1b, 1, E_INVAL } };

	setup();
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		CHECK_EQ(msr_write(v, t[i].msr, t[i].value), t[i].status);
	fake_vm_free(vm);
}

static void long_mode_is_not_switched_under_paging(void)
{
	struct vcpu_regs *r;

	setup();
	r = &fake_vcpu(vm, 0)->r;
	CHECK_EQ(msr_write(v, MSR_EFER, EFER_LME), 0);
	r->cr0 = CR0_PG | CR0_PE;
	r->efer |= EFER_LMA;
	CHECK_EQ(msr_write(v, MSR_EFER, 0), E_INVAL);
	CHECK_EQ(msr_write(v, MSR_EFER, EFER_LME | EFER_NXE), 0);
	CHECK_EQ(r->efer, EFER_LME | EFER_LMA | EFER_NXE); /* LMA is the processor's */
	fake_vm_free(vm);
}

static void mtrrs_are_state(void)
{
	uint64_t value;

	setup();
	for (uint32_t i = 0; i < 16; i++)
		CHECK_EQ(msr_write(v, 0x200 + i, (i & 1 ? 0x800U : 6U) | i << 12), 0);
	for (uint32_t i = 0; i < 16; i++) {
		CHECK_EQ(msr_read(v, 0x200 + i, &value), 0);
		CHECK_EQ(value, (i & 1 ? 0x800U : 6U) | i << 12);
	}
	for (uint32_t i = 0; i < 8; i++)
		CHECK_EQ(msr_write(v, 0x268 + i, 0x0101010101010100 + (i & 1)), 0);
	CHECK_EQ(msr_write(v, 0x259, 5), 0);
	CHECK_EQ(msr_read(v, 0x26f, &value), 0);
	CHECK_EQ(value, 0x0101010101010101);
	CHECK_EQ(msr_read(v, 0x259, &value), 0);
	CHECK_EQ(value, 5);
	fake_vm_free(vm);
}

static bool near(uint64_t a, uint64_t b) { return a - b + 100000000 < 200000000; }

static void tsc_and_adjust_move_together(void)
{
	uint64_t value;

	setup();
	CHECK_EQ(msr_read(v, MSR_TSC_ADJUST, &value), 0);
	CHECK_EQ(value, 0);
	CHECK_EQ(msr_write(v, MSR_TSC, 1ULL << 60), 0);
	CHECK_EQ(msr_read(v, MSR_TSC, &value), 0);
	CHECK(near(value, 1ULL << 60));
	CHECK_EQ(msr_write(v, MSR_TSC_ADJUST, 0), 0);
	CHECK_EQ(v->tsc_offset, vm->tsc_offset);
	CHECK_EQ(msr_write(v, MSR_TSC_ADJUST, 1ULL << 50), 0);
	CHECK_EQ(v->tsc_offset, vm->tsc_offset + (1ULL << 50));
	fake_vm_free(vm);
}

static void clock_page_agrees_with_the_tsc(void)
{
	uint64_t stamp;
	uint32_t version;

	setup();
	CHECK_EQ(msr_write(v, MSR_KVM_SYSTEM_TIME_NEW, 0x40 | 1), 0);
	memcpy(&version, fake.guest + 0x40, 4);
	CHECK(version != 0 && version % 2 == 0);
	CHECK_EQ(fake.guest[0x40 + 24 + 3], 0x80); /* the multiplier's top byte */
	CHECK_EQ(fake.guest[0x40 + 29], 1); /* stable */
	CHECK_EQ(msr_write(v, MSR_TSC_ADJUST, 1234567), 0);
	memcpy(&stamp, fake.guest + 0x40 + 8, 8);
	CHECK_EQ(stamp, 1234567); /* the guest's TSC when its time was 0 */
	CHECK_EQ(msr_write(v, MSR_KVM_SYSTEM_TIME_NEW, 0x1000 | 1), 0); /* outside RAM */
	CHECK_EQ(v->dropped_writes, 1);
	CHECK_EQ(msr_write(v, MSR_KVM_SYSTEM_TIME_NEW, 3), E_INVAL);
	CHECK_EQ(msr_write(v, MSR_KVM_WALL_CLOCK_NEW, 0x80), 0);
	memcpy(&version, fake.guest + 0x84, 4);
	CHECK_EQ(version, 86400); /* seconds */
	CHECK_EQ(msr_write(v, MSR_KVM_WALL_CLOCK_NEW, 0x81), E_INVAL);
	fake_vm_free(vm);
}

int main(void)
{
	RUN(constants_are_found);
	RUN(unknown_ones_are_refused);
	RUN(side_channel_msrs_follow_cpuid);
	RUN(bad_values_are_refused);
	RUN(long_mode_is_not_switched_under_paging);
	RUN(mtrrs_are_state);
	RUN(tsc_and_adjust_move_together);
	RUN(clock_page_agrees_with_the_tsc);
	return unit_status();
}
