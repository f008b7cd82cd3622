/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One kind of exit over and over, for tools/exit-trace: says `TRACE kind`, repeats it until a byte
 * comes on the serial line, goes on to the next. Measures and judges nothing. Each operation has a
 * function of its own, by whose name the tool finds it. The XCHGs are breakpoints of Bochs' debugger:
 * between them there are some rounds to record. With `once` on the command line it does not wait.
 */
#include "tests/payload/lib/payload.h"

enum { VECTOR_TRACE = 0x60, SPIN_TICKS = 5000, DELAY_PORT = 0x80, ROUNDS_A_LOOK = 64, ROUNDS_RECORDED = 5 };

void op_cpuid(void), op_vmcall(void), op_rdmsr(void), op_self_ipi(void), op_tsc_deadline(void),
	op_hlt_wake(void), op_pio_ring3(void), op_mmio_ring3(void), op_doorbell(void);

static volatile bool landed;

static void land(struct frame *f)
{
	(void)f;
	landed = true;
	lapic_eoi();
}

__attribute__((noinline)) void op_cpuid(void)
{
	cpuid(0, 0);
}

__attribute__((noinline)) void op_vmcall(void)
{
	if (cpu_is_intel())
		__asm__ volatile("vmcall" : : "a"(0xffff) : "memory");
	else
		__asm__ volatile("vmmcall" : : "a"(0xffff) : "memory");
}

__attribute__((noinline)) void op_rdmsr(void)
{
	rdmsr(MSR_APIC_BASE);
}

__attribute__((noinline)) void op_self_ipi(void)
{
	landed = false;
	wrmsr(0x83f, VECTOR_TRACE);
	while (!landed)
		;
}

__attribute__((noinline)) void op_tsc_deadline(void)
{
	landed = false;
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + SPIN_TICKS);
	while (!landed)
		;
}

__attribute__((noinline)) void op_hlt_wake(void)
{
	landed = false;
	cli();
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + SPIN_TICKS);
	sti_hlt();
	while (!landed)
		;
}

__attribute__((noinline)) void op_pio_ring3(void)
{
	inb(0x21);
}

__attribute__((noinline)) void op_mmio_ring3(void)
{
	(void)*(volatile uint32_t *)(uintptr_t)0xfec00000;
}

__attribute__((noinline)) void op_doorbell(void)
{
	outb(DELAY_PORT, 0);
}

static void repeat(const char *name, void (*op)(void))
{
	say("TRACE %s", name);
	for (unsigned i = 0; i < ROUNDS_A_LOOK; i++)
		op();
	__asm__ volatile("xchgw %%bx, %%bx" : : : "memory");
	for (unsigned i = 0; i < ROUNDS_RECORDED; i++)
		op();
	__asm__ volatile("xchgw %%bx, %%bx" : : : "memory");
	while (!option("once")) {
		for (unsigned i = 0; i < ROUNDS_A_LOOK; i++)
			op();
		if (inb(0x3fd) & 1) {
			inb(0x3f8);
			return;
		}
	}
}

static void trace_all(void)
{
	lapic_init(true);
	if (!lapic_is_x2() || !(cpuid(1, 0).ecx >> 24 & 1))
		skip("no x2APIC or no TSC-deadline timer");
	on_trap(VECTOR_TRACE, land);
	repeat("cpuid", op_cpuid);
	repeat("vmcall", op_vmcall);
	repeat("rdmsr", op_rdmsr);
	sti();
	repeat("self_ipi", op_self_ipi);
	repeat("eoi", op_self_ipi);
	lapic_set(LAPIC_LVTT, LVT_DEADLINE | VECTOR_TRACE);
	__asm__ volatile("mfence" : : : "memory");
	repeat("tsc_deadline", op_tsc_deadline);
	repeat("hlt_wake", op_hlt_wake);
	cli();
	repeat("pio_ring3", op_pio_ring3);
	repeat("mmio_ring3", op_mmio_ring3);
	repeat("doorbell", op_doorbell);
}

const struct test payload_tests[] = {
	{ "trace", trace_all },
	{ 0 },
};
