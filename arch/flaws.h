/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which side channels a processor has, and what it offers against them. The judgement is a pure function
 * of CPUID and MSR values. What to do about them is the kernel's policy (kernel/mitigation.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum cpu_flaw {
	FLAW_MELTDOWN = 1 << 0, /* ring 3 reads what the kernel maps */
	FLAW_L1TF = 1 << 1, /* a guest reads the L1 data cache by physical address */
	FLAW_BUFFERS = 1 << 2, /* MDS, TAA, MMIO stale data, RFDS: what VERW clears */
	FLAW_BRANCH = 1 << 3, /* predictions of indirect branches are anybody's (Spectre v2) */
	FLAW_BHI = 1 << 4, /* .. of branch history, where they are told apart */
	FLAW_RSB_EXIT = 1 << 5, /* return predictions of a guest's are used after its exit */
	FLAW_UNDERFLOW = 1 << 6, /* an empty return stack falls back on indirect predictions (Retbleed) */
	FLAW_RETBLEED = 1 << 7, /* returns themselves are mistrained, full stack or not */
	FLAW_SRSO = 1 << 8, /* Inception: the same by way of a speculated call */
	FLAW_STORE = 1 << 9, /* loads pass older stores (Spectre v4) */
	FLAW_ITLB = 1 << 10, /* a change of page size under running code: machine check */
	FLAW_THREADS = 1 << 11, /* a core's other thread sees L1 and buffers */
};

enum cpu_remedy {
	REMEDY_L1D_FLUSH = 1 << 0, /* IA32_FLUSH_CMD */
	REMEDY_VERW = 1 << 1, /* VERW clears the buffers */
	REMEDY_IBPB = 1 << 2, /* PRED_CMD */
	REMEDY_IBRS = 1 << 3, /* enhanced IBRS: set once */
	REMEDY_AUTO_IBRS = 1 << 4, /* EFER.AIBRSE */
	REMEDY_BHI_DIS = 1 << 5, /* SPEC_CTRL.BHI_DIS_S */
};

struct cpu_facts {
	uint32_t vendor; /* leaf 0, EBX */
	uint32_t signature; /* leaf 1, EAX */
	uint32_t l7_ebx, l7_edx, l7_2_edx, ext8_ebx, ext21_eax;
	uint64_t arch_caps; /* IA32_ARCH_CAPABILITIES, 0: there is none */
	bool threads; /* cores have more than one */
	bool emulated; /* by an emulator that says so: nothing is speculated */
};

/* Of the calling processor. */
void cpu_facts_read(struct cpu_facts *f);
uint32_t cpu_flaws(const struct cpu_facts *f);
uint32_t cpu_remedies(const struct cpu_facts *f);

/* Bits of ARCH_CAPABILITIES that say what this processor does not suffer from, or what VERW does. */
#define ARCH_CAPS_TELL 0x1d1ae175ULL

/* Fills the return stack with harmless entries; arch/speculation.asm. */
void rsb_fill(void);
/* Every indirect branch of the kernel becomes a retpoline. At boot, one processor. */
void retpolines_on(void);
