/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The exit benchmark: medians of TSC differences, the cost of reading the TSC taken off. Under
 * `-icount shift=0` the TSC counts instructions. Intervals start right before the instruction named
 * and end right after it; self_ipi, tsc_deadline and hlt_wake end at the handler's first RDTSC.
 */
#include "tests/payload/lib/payload.h"

enum { ROUNDS = 401, VECTOR_BENCH = 0x60, SPIN_TICKS = 30000, DOORBELL_PORT = 0x80 };

static uint64_t samples[ROUNDS];
static volatile uint64_t landed; /* TSC at the handler's start */
static uint64_t overhead;

static uint64_t median(void)
{
	for (unsigned i = 1; i < ROUNDS; i++) {
		uint64_t v = samples[i];
		unsigned j = i;

		for (; j > 0 && samples[j - 1] > v; j--)
			samples[j] = samples[j - 1];
		samples[j] = v;
	}
	return samples[ROUNDS / 2];
}

static void report(const char *name)
{
	uint64_t m = median();

	say("BENCH %s %llu", name, (unsigned long long)(m > overhead ? m - overhead : 0));
}

#define MEASURE(name, statement)                                                                   \
	do {                                                                                       \
		for (unsigned round = 0; round < ROUNDS; round++) {                                \
			uint64_t start = rdtsc();                                                  \
			statement;                                                                 \
			samples[round] = rdtsc() - start;                                          \
		}                                                                                  \
		report(name);                                                                      \
	} while (0)

static void land(struct frame *f)
{
	(void)f;
	landed = rdtsc();
	lapic_eoi();
}

static uint64_t eoi_ticks;

static void land_eoi(struct frame *f)
{
	uint64_t start = rdtsc();

	(void)f;
	wrmsr(0x800 + (LAPIC_EOI >> 4), 0); /* the library's look at the APIC's mode is not the exit's */
	eoi_ticks = rdtsc() - start;
	landed = start;
}

static void bench_overhead(void)
{
	MEASURE("overhead", (void)0);
	overhead = median();
}

static void bench_cpuid(void)
{
	MEASURE("cpuid", cpuid(0, 0));
}

static void bench_vmcall(void)
{
	bool ok;

	/* No such hypercall: the answer is an error in RAX, which costs the same. */
	if (cpu_is_intel())
		ok = TRY("vmcall", : : "a"(0xffff) : "rbx", "rcx", "rdx", "memory");
	else
		ok = TRY("vmmcall", : : "a"(0xffff) : "rbx", "rcx", "rdx", "memory");
	if (!ok)
		skip("no hypervisor answers");
	if (cpu_is_intel())
		MEASURE("vmcall", __asm__ volatile("vmcall" : : "a"(0xffff) : "memory"));
	else
		MEASURE("vmcall", __asm__ volatile("vmmcall" : : "a"(0xffff) : "memory"));
}

static void bench_rdmsr(void)
{
	MEASURE("rdmsr", rdmsr(MSR_APIC_BASE));
}

static void bench_self_ipi(void)
{
	lapic_init(true);
	if (!lapic_is_x2())
		skip("no x2APIC");
	on_trap(VECTOR_BENCH, land);
	sti();
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t start;

		landed = 0;
		start = rdtsc();
		wrmsr(0x83f, VECTOR_BENCH);
		while (landed == 0)
			;
		samples[i] = landed - start;
	}
	report("self_ipi");
}

static void bench_eoi(void)
{
	lapic_init(true);
	on_trap(VECTOR_BENCH, land_eoi);
	sti();
	for (unsigned i = 0; i < ROUNDS; i++) {
		landed = 0;
		lapic_self(VECTOR_BENCH);
		while (landed == 0)
			;
		samples[i] = eoi_ticks;
	}
	report("eoi");
}

static void deadline_rounds(bool halt)
{
	if (!(cpuid(1, 0).ecx >> 24 & 1))
		skip("no TSC-deadline timer");
	lapic_init(true);
	on_trap(VECTOR_BENCH, land);
	lapic_set(LAPIC_LVTT, LVT_DEADLINE | VECTOR_BENCH);
	__asm__ volatile("mfence" : : : "memory");
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t deadline;

		landed = 0;
		cli();
		deadline = rdtsc() + SPIN_TICKS;
		wrmsr(MSR_TSC_DEADLINE, deadline);
		if (halt)
			sti_hlt();
		else
			sti();
		while (landed == 0)
			;
		samples[i] = landed > deadline ? landed - deadline : 0;
	}
}

static void bench_deadline(void)
{
	deadline_rounds(false);
	report("tsc_deadline");
}

static void bench_hlt(void)
{
	deadline_rounds(true);
	report("hlt_wake");
}

static void bench_pio(void)
{
	MEASURE("pio_ring3", inb(0x21));
}

static void bench_mmio(void)
{
	MEASURE("mmio_ring3", (void)*(volatile uint32_t *)(uintptr_t)0xfec00000);
}

static void bench_doorbell(void)
{
	MEASURE("doorbell", outb(DOORBELL_PORT, 0));
}

const struct test payload_tests[] = {
	{ "overhead", bench_overhead },
	{ "cpuid", bench_cpuid },
	{ "vmcall", bench_vmcall },
	{ "rdmsr", bench_rdmsr },
	{ "self_ipi", bench_self_ipi },
	{ "eoi", bench_eoi },
	{ "tsc_deadline", bench_deadline },
	{ "hlt_wake", bench_hlt },
	{ "pio_ring3", bench_pio },
	{ "mmio_ring3", bench_mmio },
	{ "doorbell", bench_doorbell },
	{ 0 },
};
