/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Side channels by processor. [SDM4 "IA32_ARCH_CAPABILITIES"]; Intel "Affected Processors: Guidance for
 * Security Issues"; [APM3 "Function 8000_0008h"], AMD "Software techniques for managing speculation".
 */
#include "arch/flaws.h"

#include "arch/cpu.h"
#include "arch/cr.h"
#include "arch/msr.h"
#include "lib/string.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"

#define B(n) (1U << (n))

/* ARCH_CAPABILITIES */
enum {
	CAPS_RDCL_NO = B(0), CAPS_IBRS_ALL = B(1), CAPS_RSBA = B(2), CAPS_SKIP_L1DFL = B(3), CAPS_SSB_NO = B(4),
	CAPS_MDS_NO = B(5), CAPS_PSCHANGE_MC_NO = B(6), CAPS_TAA_NO = B(8), CAPS_MMIO_NO = B(13) | B(14) | B(15),
	CAPS_FB_CLEAR = B(17), CAPS_BHI_NO = B(20), CAPS_PBRSB_NO = B(24), CAPS_RFDS_NO = B(27),
	CAPS_RFDS_CLEAR = B(28),
};

#define L7_EBX_RTM	  B(11)
#define L7_EDX_MD_CLEAR	  B(10)
#define L7_EDX_SPEC_CTRL  B(26)
#define L7_EDX_L1D_FLUSH  B(28)
#define L7_EDX_ARCH_CAPS  B(29)
#define L7_2_EDX_BHI_CTRL B(4)
#define X8_EBX_IBPB	  B(12)
#define X8_EBX_SSB_NO	  B(26)
#define X8_EBX_BTC_NO	  B(29)
#define X21_EAX_AUTO_IBRS B(8)
#define X21_EAX_SRSO_NO	  B(29)

static unsigned family_of(uint32_t signature)
{
	unsigned family = signature >> 8 & 15;

	return family == 15 ? family + (signature >> 20 & 0xff) : family;
}

static unsigned model_of(uint32_t signature) { return (signature >> 4 & 15) | (signature >> 12 & 0xf0); }

static bool is_amd(const struct cpu_facts *f)
{
	return f->vendor == 0x68747541 || f->vendor == 0x6f677948; /* "Auth", "Hygo" */
}

static uint32_t amd_flaws(const struct cpu_facts *f)
{
	unsigned family = family_of(f->signature);
	uint32_t flaws = FLAW_BRANCH;

	flaws |= (f->ext21_eax & X21_EAX_AUTO_IBRS) == 0 ? FLAW_RSB_EXIT : 0U;
	flaws |= (f->ext8_ebx & X8_EBX_SSB_NO) == 0 ? FLAW_STORE : 0U;
	flaws |= family < 0x19 && (f->ext8_ebx & X8_EBX_BTC_NO) == 0 ? FLAW_RETBLEED : 0U;
	flaws |= family >= 0x17 && family <= 0x19 && (f->ext21_eax & X21_EAX_SRSO_NO) == 0 ? FLAW_SRSO : 0U;
	return flaws;
}

/* Atoms and Xeon Phis that lack the flaw without saying so; the rest of family 6 has it. */
static uint32_t immune(unsigned model)
{
	switch (model) {
	case 0x37: case 0x4a: case 0x4c: case 0x4d: case 0x5a: case 0x5d: case 0x75: /* Silvermont, Airmont */
	case 0x57: case 0x85: /* Knights Landing, Mill */
		return FLAW_L1TF | FLAW_ITLB | FLAW_STORE;
	case 0x5c: case 0x5f: case 0x7a: /* Goldmont, Goldmont Plus */
		return FLAW_L1TF | FLAW_BUFFERS | FLAW_ITLB;
	case 0x86: case 0x96: case 0x9c: /* Tremont */
		return FLAW_ITLB;
	default:
		return 0;
	}
}

/* Skylake's core before enhanced IBRS. [Intel "Retpoline: A Branch Target Injection Mitigation"] */
static bool underflows(unsigned model)
{
	switch (model) {
	case 0x4e: case 0x5e: case 0x55: case 0x66: case 0x8e: case 0x9e: case 0xa5: case 0xa6: return true;
	default: return false;
	}
}

/* And whoever else has VMX: what is not said to be absent is there. */
static uint32_t intel_flaws(const struct cpu_facts *f)
{
	uint64_t caps = f->arch_caps;
	unsigned model = model_of(f->signature);
	bool ibrs = (caps & CAPS_IBRS_ALL) != 0;
	bool mmio = (caps & CAPS_FB_CLEAR) != 0 && (caps & CAPS_MMIO_NO) != CAPS_MMIO_NO;
	bool taa = (f->l7_ebx & L7_EBX_RTM) != 0 && (caps & CAPS_TAA_NO) == 0;
	bool rfds = (caps & (CAPS_RFDS_CLEAR | CAPS_RFDS_NO)) == CAPS_RFDS_CLEAR;
	uint32_t flaws = FLAW_BRANCH;

	flaws |= (caps & CAPS_RDCL_NO) == 0 ? FLAW_MELTDOWN : 0U;
	flaws |= (caps & (CAPS_RDCL_NO | CAPS_SKIP_L1DFL)) == 0 ? FLAW_L1TF : 0U;
	flaws |= (caps & CAPS_MDS_NO) == 0 || taa ? FLAW_BUFFERS : 0U;
	flaws |= !ibrs || (caps & CAPS_PBRSB_NO) == 0 ? FLAW_RSB_EXIT : 0U;
	flaws |= !ibrs && (underflows(model) || (caps & CAPS_RSBA) != 0) ? FLAW_UNDERFLOW : 0U;
	flaws |= ibrs && (caps & CAPS_BHI_NO) == 0 ? FLAW_BHI : 0U;
	flaws |= (caps & CAPS_SSB_NO) == 0 ? FLAW_STORE : 0U;
	flaws |= (caps & CAPS_PSCHANGE_MC_NO) == 0 ? FLAW_ITLB : 0U;
	if (family_of(f->signature) == 6)
		flaws &= ~immune(model);
	return flaws | (mmio || rfds ? FLAW_BUFFERS : 0U);
}

uint32_t cpu_flaws(const struct cpu_facts *f)
{
	uint32_t flaws;

	if (f->emulated)
		return 0;
	flaws = is_amd(f) ? amd_flaws(f) : intel_flaws(f);
	if (f->threads && (flaws & (FLAW_L1TF | FLAW_BUFFERS)) != 0)
		flaws |= FLAW_THREADS;
	return flaws;
}

uint32_t cpu_remedies(const struct cpu_facts *f)
{
	uint64_t caps = f->arch_caps;
	bool verw = (f->l7_edx & L7_EDX_MD_CLEAR) != 0 || (caps & (CAPS_FB_CLEAR | CAPS_RFDS_CLEAR)) != 0;

	if (is_amd(f))
		return ((f->ext8_ebx & X8_EBX_IBPB) != 0 ? REMEDY_IBPB : 0U) |
		       ((f->ext21_eax & X21_EAX_AUTO_IBRS) != 0 ? REMEDY_AUTO_IBRS : 0U);
	return ((f->l7_edx & L7_EDX_L1D_FLUSH) != 0 ? REMEDY_L1D_FLUSH : 0U) | (verw ? REMEDY_VERW : 0U) |
	       ((f->l7_edx & L7_EDX_SPEC_CTRL) != 0 ? REMEDY_IBPB : 0U) |
	       ((caps & CAPS_IBRS_ALL) != 0 ? REMEDY_IBRS : 0U) |
	       ((f->l7_2_edx & L7_2_EDX_BHI_CTRL) != 0 ? REMEDY_BHI_DIS : 0U);
}

void cpu_facts_read(struct cpu_facts *f)
{
	uint32_t max = cpuid(0, 0).eax, max_ext = cpuid(0x80000000, 0).eax;

	memset(f, 0, sizeof(*f));
	f->vendor = cpuid(0, 0).ebx;
	f->signature = cpuid(1, 0).eax;
	if (max >= 7) {
		f->l7_ebx = cpuid(7, 0).ebx;
		f->l7_edx = cpuid(7, 0).edx;
		f->l7_2_edx = cpuid(7, 0).eax >= 2 ? cpuid(7, 2).edx : 0;
	}
	f->threads = max >= 0xb && (cpuid(0xb, 0).ebx & 0xffff) > 1;
	f->ext8_ebx = max_ext >= 0x80000008 ? cpuid(0x80000008, 0).ebx : 0;
	f->ext21_eax = max_ext >= 0x80000021 ? cpuid(0x80000021, 0).eax : 0;
	if ((f->l7_edx & L7_EDX_ARCH_CAPS) != 0)
		(void)rdmsr_safe(MSR_ARCH_CAPABILITIES, &f->arch_caps);
	f->emulated = cpu_is_tcg();
}

#ifndef BULKHEAD_UNIT_TEST
extern uint8_t indirect_thunks[]; /* arch/speculation.asm */
extern const uint8_t indirect_retpolines[], indirect_retpolines_end[];

void retpolines_on(void)
{
	write_cr0(read_cr0() & ~CR0_WP);
	memcpy(indirect_thunks, indirect_retpolines, (size_t)(indirect_retpolines_end - indirect_retpolines));
	write_cr0(read_cr0() | CR0_WP);
	(void)cpuid(0, 0); /* serialising: the new code is what is fetched */
}
#endif
