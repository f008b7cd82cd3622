/* SPDX-License-Identifier: GPL-2.0-only */
/* What a processor has, and its control registers as the kernel wants them. */

#include "arch/cpu.h"
#include "arch/cr.h"
#include "arch/msr.h"
#include "arch/seg.h"
#include "lib/string.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"

uint32_t cpu_features = ~0U;
unsigned cpu_phys_bits = 36;

/* Write-back, write-through, UC-, UC, then write-combining in entry 4 (PTE.PAT alone). */
#define PAT_VALUE 0x0007040100070406ULL

extern const char syscall_entry[], syscall_entry32[];

void cpu_vendor(char vendor[13])
{
	struct cpuid_regs r = cpuid(0, 0);

	memcpy(vendor, &r.ebx, 4);
	memcpy(vendor + 4, &r.edx, 4);
	memcpy(vendor + 8, &r.ecx, 4);
	vendor[12] = 0;
}

/* Which bit of which register of which leaf means which feature. */
static const struct {
	uint32_t leaf;
	uint8_t reg, bit; /* reg: 0 EAX .. 3 EDX */
	uint16_t feature;
} feature_bits[] = {
	{ 0x00000001, 3, 13, CPU_PGE },          { 0x00000001, 3, 16, CPU_PAT },
	{ 0x00000001, 3, 24, CPU_FXSR },         { 0x00000001, 2, 21, CPU_X2APIC },
	{ 0x00000001, 2, 24, CPU_TSC_DEADLINE }, { 0x00000001, 2, 26, CPU_XSAVE },
	{ 0x00000007, 1, 0, CPU_FSGSBASE },      { 0x00000007, 1, 7, CPU_SMEP },
	{ 0x00000007, 1, 20, CPU_SMAP },         { 0x00000007, 2, 2, CPU_UMIP },
	{ 0x80000001, 3, 20, CPU_NX },           { 0x80000001, 3, 26, CPU_PAGE_1G },
	{ 0x80000001, 3, 27, CPU_RDTSCP },
};

uint32_t cpu_probe(void)
{
	uint32_t found = 0, max = cpuid(0, 0).eax, max_ext = cpuid(0x80000000, 0).eax;

	for (unsigned i = 0; i < sizeof(feature_bits) / sizeof(feature_bits[0]); i++) {
		uint32_t leaf = feature_bits[i].leaf, regs[4];
		struct cpuid_regs r;

		if (leaf > (leaf & 0x80000000 ? max_ext : max))
			continue;
		r = cpuid(leaf, 0);
		memcpy(regs, &r, sizeof(regs));
		if (regs[feature_bits[i].reg] >> feature_bits[i].bit & 1)
			found |= feature_bits[i].feature;
	}
	if (max_ext >= 0x80000008)
		cpu_phys_bits = cpuid(0x80000008, 0).eax & 0xff;
	if (cpu_phys_bits > 52)
		cpu_phys_bits = 52;
	return found;
}

static void control_registers(void)
{
	/*
	 * PSE means nothing in long mode. It is set because guests set it: an exit between two CR4s with
	 * the same paging bits is cheaper (an emulator drops its whole TLB when they differ).
	 */
	uint64_t cr4 = CR4_PAE | CR4_PSE | CR4_MCE | CR4_DE;

	write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG | CR0_TS);
	if (cpu_has(CPU_PGE))
		cr4 |= CR4_PGE;
	if (cpu_has(CPU_FXSR))
		cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
	if (cpu_has(CPU_XSAVE))
		cr4 |= CR4_OSXSAVE;
	if (cpu_has(CPU_SMEP))
		cr4 |= CR4_SMEP;
	if (cpu_has(CPU_SMAP))
		cr4 |= CR4_SMAP;
	if (cpu_has(CPU_UMIP))
		cr4 |= CR4_UMIP;
	write_cr4(cr4);
}

void cpu_setup(void)
{
	control_registers();
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | (cpu_has(CPU_NX) ? EFER_NXE : 0));
	if (cpu_has(CPU_PAT))
		wrmsr(MSR_PAT, PAT_VALUE);
	/* SYSRET loads CS from the upper selector + 16 and SS from it + 8, RPL forced to 3. */
	wrmsr(MSR_STAR, (uint64_t)(SEL_USER_CS32 | 3) << 48 | (uint64_t)SEL_KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
	wrmsr(MSR_CSTAR, (uint64_t)syscall_entry32); /* AMD: SYSCALL from compatibility mode */
	wrmsr(MSR_FMASK,
	      RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_AC | RFLAGS_NT | RFLAGS_IOPL | RFLAGS_RF);
	(void)wrmsr_safe(MSR_SYSENTER_CS, 0); /* SYSENTER: #GP */
	(void)wrmsr_safe(MSR_SYSENTER_EIP, 0);
	if (cpu_has(CPU_RDTSCP))
		wrmsr(MSR_TSC_AUX, 0);
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
}
