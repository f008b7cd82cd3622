/* SPDX-License-Identifier: GPL-2.0-only */
/* The processor as the guest sees it: CPUID and MSRs. Exceptions and instructions: cpu/. */
#include "tests/payload/cpu/cpu.h"

#include "lib/string.h"
#include "tests/payload/lib/payload.h"

static bool on_hypervisor(void)
{
	return cpuid(1, 0).ecx >> 31 & 1;
}

static void cpuid_basic(void)
{
	struct cpuid zero = cpuid(0, 0), one = cpuid(1, 0), ext = cpuid(0x80000000, 0);

	CHECK(zero.eax >= 7);
	CHECK(ext.eax >= 0x80000008);
	CHECK(one.edx & 1 << 4); /* TSC */
	CHECK(one.edx & 1 << 9); /* APIC */
	CHECK(one.edx & 1 << 24); /* FXSR */
	CHECK(cpuid(0x80000001, 0).edx & 1 << 29); /* long mode */
	CHECK((cpuid(0x80000008, 0).eax & 0xff) >= 36);
	/* The APIC ID of the one processor. */
	CHECK_EQ(one.ebx >> 24, 0);
}

static void cpuid_osxsave(void)
{
	uint64_t cr4 = READ_REG("cr4");

	if (!(cpuid(1, 0).ecx >> 26 & 1))
		skip("no XSAVE");
	WRITE_REG("cr4", cr4 & ~(1ULL << 18));
	CHECK_EQ(cpuid(1, 0).ecx >> 27 & 1, 0);
	WRITE_REG("cr4", cr4 | 1ULL << 18);
	CHECK_EQ(cpuid(1, 0).ecx >> 27 & 1, 1);
	/* The size for what is enabled now: legacy area and header, when only x87 and SSE are. */
	__asm__ volatile("xsetbv" : : "c"(0), "a"(3), "d"(0));
	CHECK_EQ(cpuid(13, 0).ebx, 576);
}

static void cpuid_no_virtualisation(void)
{
	struct cpuid hv;

	if (!on_hypervisor())
		skip("no hypervisor");
	hv = cpuid(0x40000000, 0);
	if (hv.ebx != 0x4b4d564b)
		skip("another hypervisor");
	CHECK_EQ(cpuid(1, 0).ecx >> 5 & 1, 0); /* VMX */
	CHECK_EQ(cpuid(0x80000001, 0).ecx >> 2 & 1, 0); /* SVM */
}

static void cpuid_kvm(void)
{
	struct cpuid hv;

	if (!on_hypervisor())
		skip("no hypervisor");
	hv = cpuid(0x40000000, 0);
	if (hv.ebx != 0x4b4d564b)
		skip("another hypervisor");
	CHECK_EQ(hv.ecx, 0x564b4d56);
	CHECK_EQ(hv.edx, 0x4d);
	CHECK(hv.eax >= 0x40000001);
	CHECK(cpuid(0x40000001, 0).eax & 1 << 3); /* kvmclock's newer MSRs */
	CHECK(cpuid(1, 0).ecx >> 21 & 1); /* x2APIC */
	CHECK(cpuid(1, 0).ecx >> 24 & 1); /* TSC-deadline timer */
}

static void cpuid_out_of_range(void)
{
	struct cpuid max = cpuid(cpuid(0, 0).eax, 0), beyond = cpuid(0x20000000, 0);

	/* Intel: the highest basic leaf's data; AMD: zeros. Both exist in the wild. */
	CHECK((beyond.eax | beyond.ebx | beyond.ecx | beyond.edx) == 0 ||
	      memcmp(&max, &beyond, sizeof(max)) == 0 || beyond.eax != 0);
}

static void msr_round_trip(void)
{
	static const struct {
		uint32_t msr;
		uint64_t value;
	} t[] = {
		{ MSR_STAR, 0x0013000812345678 }, { MSR_LSTAR, 0xffff800000123456 },
		{ MSR_CSTAR, 0xffff800000654321 }, { MSR_FMASK, 0x47700 },
		{ MSR_FS_BASE, 0x00007ffffffff000 }, { MSR_GS_BASE, 0xffff888000000000 },
		{ MSR_KERNEL_GS_BASE, 0xffffffff81000000 }, { MSR_SYSENTER_CS, 0x10 },
		{ MSR_SYSENTER_ESP, 0xffff800000001000 }, { MSR_SYSENTER_EIP, 0xffff800000002000 },
		{ MSR_PAT, 0x0007010600070106 },
	};

	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint64_t old = rdmsr(t[i].msr), now;

		wrmsr(t[i].msr, t[i].value);
		now = rdmsr(t[i].msr);
		wrmsr(t[i].msr, old);
		if (now != t[i].value)
			fail("MSR 0x%x reads 0x%llx after 0x%llx", t[i].msr,
			     (unsigned long long)now, (unsigned long long)t[i].value);
	}
}

static bool wrmsr_works(uint32_t msr, uint64_t v)
{
	return TRY("wrmsr", : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

static bool rdmsr_works(uint32_t msr)
{
	uint32_t a, d;

	return TRY("rdmsr", : "=a"(a), "=d"(d) : "c"(msr));
}

static void msr_unknown(void)
{
	if (!on_bulkhead())
		skip("not Bulkhead: this host ignores unknown MSRs");
	CHECK(!rdmsr_works(0x12345));
	CHECK_EQ(caught.vector, VECTOR_GP);
	CHECK_EQ(caught.error, 0);
	CHECK(!wrmsr_works(0x12345, 0));
	CHECK_EQ(caught.vector, VECTOR_GP);
}

/* SPEC_CTRL and the flush are nobody's but the hypervisor's; the rest is there when CPUID says so. */
static void msr_side_channels(void)
{
	uint32_t l7 = cpuid(7, 0).edx, x8 = cpuid(0x80000008, 0).ebx;
	bool caps = l7 >> 29 & 1, ibpb = x8 >> 12 & 1;

	if (!on_bulkhead())
		skip("not Bulkhead: this host may offer SPEC_CTRL");
	CHECK_EQ(l7 & (1U << 26 | 1U << 27 | 1U << 28 | 1U << 31), 0);
	CHECK_EQ(x8 & (1U << 14 | 1U << 15 | 1U << 24 | 1U << 25), 0);
	CHECK(!rdmsr_works(0x48) && caught.vector == VECTOR_GP);
	CHECK(!wrmsr_works(0x48, 0) && caught.vector == VECTOR_GP);
	CHECK(!wrmsr_works(0x48, 1));
	CHECK(!wrmsr_works(0x10b, 1) && caught.vector == VECTOR_GP);
	CHECK(!rdmsr_works(0x49));
	CHECK_EQ(wrmsr_works(0x49, 1), ibpb);
	CHECK(!wrmsr_works(0x49, 2));
	CHECK_EQ(rdmsr_works(0x10a), caps);
	CHECK(!wrmsr_works(0x10a, 0));
	CHECK(!caps || (rdmsr(0x10a) & (1 << 1 | 1 << 7)) == 0); /* no enhanced IBRS, no TSX_CTRL */
	CHECK(!wrmsr_works(0xc001011f, 4)); /* VIRT_SPEC_CTRL */
}

struct bad_value {
	uint32_t msr;
	uint64_t value;
};

static void refuse(const struct bad_value *bad, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t old = rdmsr(bad[i].msr);

		if (wrmsr_works(bad[i].msr, bad[i].value)) {
			wrmsr(bad[i].msr, old);
			fail("MSR 0x%x takes 0x%llx", bad[i].msr, (unsigned long long)bad[i].value);
		}
		CHECK_EQ(caught.vector, VECTOR_GP);
		CHECK_EQ(rdmsr(bad[i].msr), old);
	}
}

static void msr_bad_values(void)
{
	static const struct bad_value bad[] = {
		{ MSR_PAT, 0x0007040600070402 },
		{ MSR_EFER, 1ULL << 40 },
		{ MSR_APIC_BASE, 1ULL << 60 | 0xfee00900 },
	};

	if (!on_bulkhead())
		skip("not Bulkhead: this host does not check them all");
	refuse(bad, sizeof(bad) / sizeof(bad[0]));
	/* Long mode cannot be switched off while paging is on. */
	CHECK(!wrmsr_works(MSR_EFER, rdmsr(MSR_EFER) & ~(1ULL << 8)));
	CHECK_EQ(caught.vector, VECTOR_GP);
}

/* The guest writes these directly: the processor checks, if it does. QEMU's TCG does not. */
static void msr_not_canonical(void)
{
	static const struct bad_value bad[] = {
		{ MSR_LSTAR, 0x8000000000000000 },
		{ MSR_CSTAR, 0x0000800000000000 },
		{ MSR_FS_BASE, 0x1234000000000000 },
		{ MSR_GS_BASE, 0x0001000000000000 },
		{ MSR_KERNEL_GS_BASE, 0xfffe000000000000 },
	};

	if (!option("strict"))
		skip("only with `strict` on the command line");
	refuse(bad, sizeof(bad) / sizeof(bad[0]));
}

const struct test payload_tests[] = {
	{ "cpuid_basic", cpuid_basic },
	{ "cpuid_osxsave", cpuid_osxsave },
	{ "cpuid_no_virtualisation", cpuid_no_virtualisation },
	{ "cpuid_kvm", cpuid_kvm },
	{ "cpuid_out_of_range", cpuid_out_of_range },
	{ "msr_round_trip", msr_round_trip },
	{ "msr_unknown", msr_unknown },
	{ "msr_side_channels", msr_side_channels },
	{ "msr_bad_values", msr_bad_values },
	{ "msr_not_canonical", msr_not_canonical },
	{ "exception_de", exception_de },
	{ "exception_ud", exception_ud },
	{ "exception_gp", exception_gp },
	{ "exception_pf", exception_pf },
	{ "exception_nm", exception_nm },
	{ "exception_mf", exception_mf },
	{ "exception_np_ss", exception_np_ss },
	{ "exception_bp", exception_bp },
	{ "exception_nested", exception_nested },
	{ "soft_interrupt", soft_interrupt },
	{ "single_step", single_step },
	{ "mov_ss_shadow", mov_ss_shadow },
	{ "data_breakpoint", data_breakpoint },
	{ "virtualisation_instructions", virtualisation_instructions },
	{ "control_registers", control_registers },
	{ "control_registers_bad", control_registers_bad },
	{ "xsetbv_bad", xsetbv_bad },
	{ "cache_instructions", cache_instructions },
	{ "tsc_monotonic", tsc_monotonic },
	{ "tsc_write", tsc_write },
	{ "promised_instructions", promised_instructions },
	{ "syscall_sysret", syscall_sysret },
	{ 0 },
};
