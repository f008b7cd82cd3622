/* SPDX-License-Identifier: GPL-2.0-only */
/* Single instructions, CPUID, and what was found out about the processors at boot. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

/* Is the processor QEMU's TCG? Its hypervisor leaf says so. */
static inline bool cpu_is_tcg(void)
{
	struct cpuid_regs r;

	if ((cpuid(1, 0).ecx & 1U << 31) == 0)
		return false;
	r = cpuid(0x40000000, 0);
	return r.ebx == 0x54474354 && r.ecx == 0x43544743 && r.edx == 0x47435447; /* "TCGTCGTCGTCG" */
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

/* Earlier instructions complete before the TSC is read. */
static inline uint64_t rdtsc_ordered(void)
{
	__asm__ volatile("lfence" : : : "memory");
	return rdtsc();
}

static inline void cpu_pause(void) { __builtin_ia32_pause(); }
static inline void cpu_cli(void) { __asm__ volatile("cli" : : : "memory"); }
/* Pending interrupts are taken between the two: STI's shadow covers the NOP. */
static inline void cpu_interrupt_window(void)
{
	__asm__ volatile("sti\n\tnop\n\tcli" : : : "memory");
}

/* No wake-up is lost: STI's shadow covers HLT. Interrupts are off again afterwards. */
static inline void cpu_idle(void) { __asm__ volatile("sti\n\thlt\n\tcli" : : : "memory"); }
static inline void cpu_invlpg(const void *va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}


static inline uint64_t cpu_flags(void)
{
	uint64_t f;

	__asm__ volatile("pushfq\n\tpopq %0" : "=r"(f) : : "memory");
	return f;
}

static inline void mb(void) { __asm__ volatile("mfence" : : : "memory"); }

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}


/* Features that the kernel itself uses; on every processor the same after cpu_init. */
enum cpu_feature {
	CPU_NX = 1 << 0,
	CPU_PAGE_1G = 1 << 1,
	CPU_SMEP = 1 << 2,
	CPU_SMAP = 1 << 3,
	CPU_UMIP = 1 << 4,
	CPU_XSAVE = 1 << 5,
	CPU_X2APIC = 1 << 6,
	CPU_TSC_DEADLINE = 1 << 7,
	CPU_RDTSCP = 1 << 9,
	CPU_PAT = 1 << 10,
	CPU_PGE = 1 << 11,
	CPU_FSGSBASE = 1 << 13,
	CPU_FXSR = 1 << 15,
};

/* (c) after boot: the intersection over all processors, as the kernel uses them. */
extern uint32_t cpu_features;
/* (c) bits of a physical address, 36 to 52. */
extern unsigned cpu_phys_bits;

static inline bool cpu_has(uint32_t feature) { return (cpu_features & feature) == feature; }

/* Reads what this processor has; enum cpu_feature bits. */
uint32_t cpu_probe(void);
/*
 * Control registers, EFER, PAT and SYSCALL MSRs of the calling processor, as the kernel wants them.
 */
void cpu_setup(void);
/* The vendor string, 12 characters and a NUL. */
void cpu_vendor(char vendor[13]);
