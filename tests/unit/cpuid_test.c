/* sources: tests/unit/fake_hv.c kernel/vcpu.c kernel/vcpu_run.c kernel/vcpu_exit.c kernel/vcpu_regs.c kernel/vcpu_cpuid.c kernel/hypercall.c kernel/cpuid_policy.c kernel/msr_policy.c kernel/kvmclock.c kernel/kvm_pv.c kernel/lapic.c kernel/lapic_irq.c kernel/lapic_timer.c kernel/doorbell.c lib/format.c */
/* SPDX-License-Identifier: GPL-2.0-only */
/* The CPUID policy on a host that has everything: what must not show through, and what must be there. */
#include "lib/x86/cr.h"
#include "tests/unit/fake_hv.h"
#include "tests/unit/unit.h"

static struct vm *vm;
static uint32_t r[4];

static void ask(unsigned i, uint32_t leaf, uint32_t subleaf)
{
	struct vcpu *v = vm->vcpu[i];

	v->gpr[GPR_RAX] = leaf | 1ULL << 40; /* upper halves do not matter */
	v->gpr[GPR_RCX] = subleaf;
	cpuid_execute(v);
	r[0] = (uint32_t)v->gpr[GPR_RAX];
	r[1] = (uint32_t)v->gpr[GPR_RBX];
	r[2] = (uint32_t)v->gpr[GPR_RCX];
	r[3] = (uint32_t)v->gpr[GPR_RDX];
}

static void hidden_features(void)
{
	static const struct { uint32_t leaf; unsigned reg, bit; } t[] = {
		{ 1, 2, 3 } /* MONITOR */, { 1, 2, 5 } /* VMX */, { 1, 2, 6 } /* SMX */, { 1, 2, 15 } /* PDCM */,
		{ 1, 2, 27 } /* OSXSAVE: CR4's */, { 1, 3, 21 } /* DS */, { 1, 3, 22 } /* ACPI */,
		{ 7, 1, 2 } /* SGX */, { 7, 1, 4 } /* HLE */, { 7, 1, 11 } /* RTM */, { 7, 1, 14 } /* MPX */,
		{ 7, 1, 25 } /* PT */, { 7, 2, 5 } /* WAITPKG */, { 7, 2, 7 } /* CET_SS */, { 7, 2, 16 } /* LA57 */,
		{ 7, 3, 20 } /* CET_IBT */, { 7, 3, 22 } /* AMX */, { 7, 3, 24 }, { 7, 3, 26 } /* SPEC_CTRL */, { 7, 3, 27 } /* STIBP */,
		{ 7, 3, 28 } /* L1D flush */, { 7, 3, 31 } /* SSBD */, { 0x80000008, 1, 14 } /* IBRS */,
		{ 0x80000008, 1, 15 } /* STIBP */, { 0x80000008, 1, 24 } /* SSBD */, { 0x80000008, 1, 25 } /* VIRT_SSBD */,
		{ 0x80000021, 0, 8 } /* automatic IBRS */, { 0x80000021, 0, 27 } /* SBPB */,
		{ 0x80000001, 2, 2 } /* SVM */, { 0x80000001, 2, 10 } /* IBS */, { 0x80000001, 2, 12 } /* SKINIT */,
		{ 0x80000001, 2, 29 } /* MWAITX */, { 0x80000008, 1, 3 } /* INVLPGB */, { 0x80000008, 1, 4 } /* RDPRU */ };

	vm = fake_vm(1);
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		ask(0, t[i].leaf, 0);
		CHECK_EQ(r[t[i].reg] >> t[i].bit & 1, 0);
	}
	for (uint32_t leaf = 0x8000000a; leaf <= 0x80000018; leaf++) { /* SVM's own leaf among them */
		ask(0, leaf, 0);
		CHECK_EQ(r[0] | r[1] | r[2] | r[3], 0);
	}
	ask(0, 0xa, 0); /* performance counters */
	CHECK_EQ(r[0] | r[1] | r[2] | r[3], 0);
	fake_vm_free(vm);
	vm = fake_vm(2); /* hypercalls that concern other processors */
	ask(0, 0x40000001, 0);
	CHECK_EQ(r[0], 1U << 24 | 1 << 11 | 1 << 7 | 1 << 6 | 1 << 5 | 1 << 3 | 1 << 1);
	fake_vm_free(vm);
}

/* What a processor does not suffer from is told; what would ask for SPEC_CTRL is not. */
static void side_channels(void)
{
	struct cpuid_input in = { .host = fake_host_cpuid, .vcpus = 1, .xcr0 = 7, .tsc_hz = 1000000000, .arch_caps = 0x100e16b };
	struct cpuid_table t;

	cpuid_build(&t, &in);
	CHECK(t.has_arch_caps && t.ibpb);
	CHECK_EQ(t.arch_caps, 0x100e161); /* without IBRS_ALL and SKIP_L1DFL_VMENTRY */
	CHECK_EQ(cpuid_find(&t, 7, 0)->reg[3] >> 10 & 1, 1); /* MD_CLEAR: VERW works for guests, too */
	CHECK_EQ(cpuid_find(&t, 0x80000008, 0)->reg[1] & (1U << 12 | 1U << 26 | 1U << 29), 1U << 12 | 1U << 26 | 1U << 29);
	CHECK_EQ(cpuid_find(&t, 0x80000021, 0)->reg[0] >> 28 & 3, 3);
}

/* Where a guest could not execute RDTSCP, RDPID or INVPCID, it does not see them. */
static void not_for_guests(void)
{
	struct cpuid_input in = { .host = fake_host_cpuid, .vcpus = 1, .xcr0 = 7, .tsc_hz = 1000000000 };
	struct cpuid_table t;

	for (unsigned without = 0; without < 4; without++) {
		in.no_rdtscp = without & 1;
		in.no_invpcid = without & 2;
		cpuid_build(&t, &in);
		CHECK_EQ(t.rdtscp, !(without & 1));
		CHECK_EQ(cpuid_find(&t, 0x80000001, 0)->reg[3] >> 27 & 1, !(without & 1));
		CHECK_EQ(cpuid_find(&t, 7, 0)->reg[2] >> 22 & 1, !(without & 1));
		CHECK_EQ(cpuid_find(&t, 7, 0)->reg[1] >> 10 & 1, !(without & 2));
	}
}

static void added_features(void)
{
	vm = fake_vm(1);
	ask(0, 1, 0);
	CHECK_EQ(r[2] >> 31 & 1, 1); /* hypervisor */
	CHECK_EQ(r[2] >> 21 & 1, 1); /* x2APIC */
	CHECK_EQ(r[2] >> 24 & 1, 1); /* TSC deadline */
	CHECK_EQ(r[3] >> 9 & 1, 1); /* APIC */
	CHECK_EQ(r[3] >> 28 & 1, 0); /* one processor: no HTT */
	vm->vcpu[0]->lapic.base = 0xfee00000;
	ask(0, 1, 0);
	CHECK_EQ(r[3] >> 9 & 1, 0);
	((struct fake_vcpu *)vm->vcpu[0])->r.cr4 = CR4_OSXSAVE;
	ask(0, 1, 0);
	CHECK_EQ(r[2] >> 27 & 1, 1);
	fake_vm_free(vm);
}

static void kvm_leaves(void)
{
	vm = fake_vm(1);
	ask(0, 0x40000000, 9);
	CHECK_EQ(r[0], 0x40000010);
	CHECK(memcmp(&r[1], "KVMKVMKVM\0\0\0", 12) == 0);
	ask(0, 0x40000001, 0);
	CHECK_EQ(r[0], 1U << 24 | 1 << 6 | 1 << 5 | 1 << 3 | 1 << 1); /* nothing that does not work */
	ask(0, 0x40000010, 0);
	CHECK_EQ(r[0], 2000000);
	CHECK_EQ(r[1], 1000000);
	ask(0, 0x40000011, 0);
	CHECK_EQ(r[0] | r[1] | r[2] | r[3], 0);
	fake_vm_free(vm);
}

static void topology_agrees(void)
{
	for (unsigned n = 1; n <= FAKE_VCPUS; n++) {
		unsigned bits = n > 2 ? 2 : n - 1;

		vm = fake_vm(n);
		ask(n - 1, 1, 0);
		CHECK_EQ(r[1] >> 24, n - 1);
		CHECK_EQ(r[1] >> 16 & 0xff, n);
		CHECK_EQ(r[3] >> 28 & 1, n > 1);
		ask(n - 1, 0xb, 0);
		CHECK_EQ(r[0] & 31, 0);
		CHECK_EQ(r[3], n - 1);
		ask(n - 1, 0xb, 1);
		CHECK_EQ(r[0] & 31, bits);
		CHECK_EQ(r[1], n);
		ask(n - 1, 0xb, 7);
		CHECK_EQ(r[1], 0);
		CHECK_EQ(r[2], 7);
		CHECK_EQ(r[3], n - 1);
		ask(n - 1, 0x80000008, 0);
		CHECK_EQ(r[2], bits << 12 | (n - 1));
		ask(n - 1, 0x8000001e, 0);
		CHECK_EQ(r[0], n - 1);
		ask(n - 1, 0x8000001d, 3); /* the last-level cache is shared by all */
		CHECK_EQ(r[0] >> 14 & 0xfff, n - 1);
		ask(n - 1, 0x8000001d, 1);
		CHECK_EQ(r[0] >> 14 & 0xfff, 0);
		fake_vm_free(vm);
	}
}

static void xsave_follows_xcr0(void)
{
	vm = fake_vm(1);
	ask(0, 0xd, 0);
	CHECK_EQ(r[0], 7);
	CHECK_EQ(r[1], 576);
	CHECK_EQ(r[2], 832);
	vm->vcpu[0]->xcr0 = 7;
	ask(0, 0xd, 0);
	CHECK_EQ(r[1], 832);
	ask(0, 0xd, 1);
	CHECK_EQ(r[0], 7); /* no XSAVES */
	CHECK_EQ(r[1], 832);
	ask(0, 0xd, 2);
	CHECK_EQ(r[0], 256);
	ask(0, 0xd, 9); /* not switched: not there */
	CHECK_EQ(r[0], 0);
	ask(0, 7, 0);
	CHECK_EQ(r[1] >> 16 & 1, 0); /* no AVX-512 without its state */
	CHECK_EQ(r[1] >> 5 & 1, 1);
	fake_vm_free(vm);
}

static void no_xsave_no_avx(void)
{
	struct cpuid_input in = { .host = fake_host_cpuid, .vcpus = 1, .tsc_hz = 1000000000 };
	struct cpuid_table t;

	cpuid_build(&t, &in);
	CHECK_EQ(cpuid_find(&t, 1, 0)->reg[2] & (1U << 26 | 1U << 28 | 1U << 12), 0);
	CHECK_EQ(cpuid_find(&t, 7, 0)->reg[1] & (1U << 5 | 1U << 16), 0);
	CHECK(cpuid_find(&t, 0xd, 0) == NULL);
	CHECK_EQ(t.cr4_allowed & CR4_OSXSAVE, 0);
	CHECK_EQ(cpuid_find(&t, 0x40000001, 0)->reg[0] >> 24 & 1, 0); /* warps: not stable */
	CHECK(!cpuid_xcr0_valid(&t, 1));
}

static void control_bits_follow_features(void)
{
	vm = fake_vm(1);
	CHECK_EQ(vm->cpuid->cr4_allowed & (CR4_VMXE | CR4_SMXE | CR4_LA57 | CR4_CET | CR4_PKS | CR4_PKE), 0);
	CHECK_EQ(vm->cpuid->cr4_allowed & (CR4_PAE | CR4_SMEP | CR4_OSXSAVE), CR4_PAE | CR4_SMEP | CR4_OSXSAVE);
	CHECK_EQ(vm->cpuid->efer_allowed, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR);
	CHECK_EQ(vm->cpuid->physical_mask, (1ULL << 48) - 1);
	CHECK(vm->cpuid->count < CPUID_ENTRIES_MAX);
	fake_vm_free(vm);
}

static void nothing_beyond_the_tables(void)
{
	static const uint32_t t[] = { 0xe, 0x15, 0x16, 0x1f, 0x20, 0x3f, 0x40, 0x12345678, 0x40000002, 0x40000100, 0x80000022, 0xc0000000, 0xffffffff };

	vm = fake_vm(1);
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		ask(0, t[i], 0);
		CHECK_EQ(r[0] | r[1] | r[2] | r[3], 0);
	}
	fake_vm_free(vm);
}

int main(void)
{
	RUN(hidden_features);
	RUN(side_channels);
	RUN(not_for_guests);
	RUN(added_features);
	RUN(kvm_leaves);
	RUN(topology_agrees);
	RUN(xsave_follows_xcr0);
	RUN(no_xsave_no_avx);
	RUN(control_bits_follow_features);
	RUN(nothing_beyond_the_tables);
	return unit_status();
}
