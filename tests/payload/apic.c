/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts: the local APIC in both modes and all timer modes, IPIs to itself. How they are delivered, level-triggered
 * pins of the IOAPIC, EOI without an exit: apic/.
 */
#include "tests/payload/apic/apic.h"

volatile unsigned hits_a, hits_b, nmis;
volatile uint64_t order[8];
volatile unsigned ordered;

void count_a(struct frame *f)
{
	hits_a++;
	if (ordered < 8)
		order[ordered++] = f->vector;
	lapic_eoi();
}

void count_b(struct frame *f)
{
	hits_b++;
	if (ordered < 8)
		order[ordered++] = f->vector;
	lapic_eoi();
}

void begin(bool x2)
{
	lapic_init(x2); /* x2APIC where there is one */
	hits_a = hits_b = ordered = nmis = 0;
	on_trap(VEC_A, count_a);
	on_trap(VEC_B, count_b);
}

bool wait_for(volatile unsigned *count, unsigned want)
{
	sti();
	for (unsigned i = 0; i < 10000 && *count < want; i++)
		delay_us(1000);
	cli();
	return *count >= want;
}

void com1_assert(void)
{
	outb(COM1 + 4, 0x0b);
	outb(COM1 + 1, 0);
	outb(COM1 + 1, 2);
}

void com1_deassert(void)
{
	outb(COM1 + 1, 0);
	inb(COM1 + 2);
	outb(COM1 + 4, 3);
}

static void lapic_registers(void)
{
	begin(false);
	CHECK_EQ(lapic_get(LAPIC_ID) >> 24, 0);
	CHECK_EQ(lapic_get(LAPIC_VERSION) & 0xf0, 0x10);
	CHECK((lapic_get(LAPIC_VERSION) >> 16 & 0xff) >= 4);
	lapic_set(LAPIC_TPR, 0x20);
	CHECK_EQ(lapic_get(LAPIC_TPR), 0x20);
	CHECK_EQ(lapic_get(LAPIC_PPR), 0x20);
	lapic_set(LAPIC_TPR, 0);
	/* A disabled APIC masks its LVTs. */
	lapic_set(LAPIC_LVT0, 0xf1);
	lapic_set(LAPIC_SVR, 0xff);
	CHECK((lapic_get(LAPIC_LVT0) & LVT_MASKED) || !on_bulkhead());
	lapic_set(LAPIC_SVR, 0x1ff);
}

static void x2apic_mode(void)
{
	begin(true);
	if (!lapic_is_x2())
		skip("no x2APIC");
	CHECK_EQ(lapic_get(LAPIC_ID), 0);
	CHECK_EQ(rdmsr(0x80d), 1); /* logical: cluster 0, bit 0 */
	CHECK(!TRY("wrmsr", : : "c"(0x802), "a"(1), "d"(0) : "memory")); /* the ID is read only */
	CHECK_EQ(caught.vector, VECTOR_GP);
	CHECK(!TRY("wrmsr", : : "c"(0x80b), "a"(1), "d"(0) : "memory")); /* EOI takes zero */
	CHECK_EQ(caught.vector, VECTOR_GP);
	CHECK(!TRY("rdmsr", : : "c"(0x80e) : "rax", "rdx", "memory")); /* no DFR here */
	CHECK_EQ(caught.vector, VECTOR_GP);
	/* x2APIC to xAPIC directly is not a transition that exists. */
	CHECK(!TRY("wrmsr", : : "c"(MSR_APIC_BASE), "a"(0xfee00900), "d"(0) : "memory"));
	CHECK_EQ(caught.vector, VECTOR_GP);
	lapic_off();
	lapic_init(false);
	CHECK_EQ(lapic_get(LAPIC_ID), 0);
}

static void one_shot(bool x2)
{
	begin(x2);
	lapic_set(LAPIC_TDCR, 0xb);
	lapic_set(LAPIC_LVTT, VEC_A);
	lapic_set(LAPIC_TICR, 1000000);
	CHECK(lapic_get(LAPIC_TCCR) <= 1000000);
	CHECK(wait_for(&hits_a, 1));
	CHECK_EQ(lapic_get(LAPIC_TCCR), 0);
	sti();
	delay_us(5000);
	cli();
	CHECK_EQ(hits_a, 1); /* once is once */
}

static void timer_one_shot_xapic(void)
{
	one_shot(false);
}

static void timer_one_shot_x2apic(void)
{
	one_shot(true);
}

static void timer_periodic(void)
{
	begin(true);
	lapic_set(LAPIC_TDCR, 0xb);
	lapic_set(LAPIC_LVTT, LVT_PERIODIC | VEC_A);
	lapic_set(LAPIC_TICR, 2000000);
	CHECK(wait_for(&hits_a, 5));
	lapic_set(LAPIC_TICR, 0);
	hits_a = 0;
	sti();
	delay_us(5000);
	cli();
	CHECK(hits_a <= 1);
}

static void timer_masked(void)
{
	begin(true);
	lapic_set(LAPIC_TDCR, 0xb);
	lapic_set(LAPIC_LVTT, LVT_MASKED | VEC_A);
	lapic_set(LAPIC_TICR, 1000);
	sti();
	delay_us(3000);
	cli();
	CHECK_EQ(hits_a, 0);
}

static void timer_deadline(void)
{
	uint64_t deadline;

	begin(true);
	if (!(cpuid(1, 0).ecx >> 24 & 1))
		skip("no TSC-deadline timer");
	lapic_set(LAPIC_LVTT, LVT_DEADLINE | VEC_A);
	deadline = rdtsc() + 50000000;
	wrmsr(MSR_TSC_DEADLINE, deadline);
	CHECK_EQ(rdmsr(MSR_TSC_DEADLINE), deadline);
	CHECK(wait_for(&hits_a, 1));
	CHECK(rdtsc() >= deadline);
	CHECK_EQ(rdmsr(MSR_TSC_DEADLINE), 0); /* disarmed */
	/* In the past: at once. */
	wrmsr(MSR_TSC_DEADLINE, 1);
	CHECK(wait_for(&hits_a, 2));
	/* Zero disarms, unless the host was so slow that it came before. */
	do {
		sti();
		cli();
		hits_a = 2;
		deadline = rdtsc() + 20000000;
		wrmsr(MSR_TSC_DEADLINE, deadline);
		wrmsr(MSR_TSC_DEADLINE, 0);
	} while (rdtsc() >= deadline);
	sti();
	delay_us(10000);
	cli();
	CHECK_EQ(hits_a, 2);
}

/*
 * The local APIC's timer and the 8254 keep the same time, within 2 %. Each is bounded from below only:
 * the other one's interval lies inside its own, and what a loaded host adds in between is on the safe side.
 */
static void timer_rate(void)
{
	enum { MS = 40, APIC_HZ = 1000000000 };
	uint32_t ticks, pit = MS * 1193182 / 1000;

	begin(true);
	if (!on_bulkhead())
		skip("not Bulkhead: the rate is not known");
	lapic_set(LAPIC_TDCR, 0xb);
	lapic_set(LAPIC_LVTT, LVT_MASKED | VEC_A);
	lapic_set(LAPIC_TICR, UINT32_MAX);
	delay_us(MS * 1000);
	ticks = UINT32_MAX - lapic_get(LAPIC_TCCR);
	CHECK(ticks >= MS * (APIC_HZ / 1000 / 100) * 98);
	/* And the 8254: its output goes high after the count, and stays. */
	outb(0x61, (uint8_t)((inb(0x61) & ~2) | 1));
	outb(0x43, 0xb0);
	outb(0x42, (uint8_t)pit);
	outb(0x42, (uint8_t)(pit >> 8));
	lapic_set(LAPIC_TICR, UINT32_MAX);
	while (UINT32_MAX - lapic_get(LAPIC_TCCR) < MS * (APIC_HZ / 1000 / 100) * 102)
		;
	CHECK(inb(0x61) & 0x20);
	lapic_set(LAPIC_TICR, 0);
}

static void self_ipi_xapic(void)
{
	begin(false);
	lapic_self(VEC_A);
	CHECK(lapic_bit(LAPIC_IRR, VEC_A));
	CHECK_EQ(hits_a, 0); /* IF is clear */
	CHECK(wait_for(&hits_a, 1));
	CHECK(!lapic_bit(LAPIC_IRR, VEC_A) && !lapic_bit(LAPIC_ISR, VEC_A));
}

static void self_ipi_x2apic(void)
{
	begin(true);
	if (!lapic_is_x2())
		skip("no x2APIC");
	wrmsr(0x83f, VEC_A);
	CHECK(lapic_bit(LAPIC_IRR, VEC_A));
	CHECK(wait_for(&hits_a, 1));
	lapic_self(VEC_B);
	CHECK(wait_for(&hits_b, 1));
}

const struct test payload_tests[] = {
	{ "lapic_registers", lapic_registers },
	{ "x2apic_mode", x2apic_mode },
	{ "timer_one_shot_xapic", timer_one_shot_xapic },
	{ "timer_one_shot_x2apic", timer_one_shot_x2apic },
	{ "timer_periodic", timer_periodic },
	{ "timer_masked", timer_masked },
	{ "timer_deadline", timer_deadline },
	{ "timer_rate", timer_rate },
	{ "self_ipi_xapic", self_ipi_xapic },
	{ "self_ipi_x2apic", self_ipi_x2apic },
	{ "priorities", priorities },
	{ "priorities_cr8", priorities_cr8 },
	{ "nesting", nesting },
	{ "sti_shadow", sti_shadow },
	{ "sti_shadow_exits", sti_shadow_exits },
	{ "interrupt_window", interrupt_window },
	{ "popf_window", popf_window },
	{ "hlt_wake", hlt_wake },
	{ "hlt_pending", hlt_pending },
	{ "nmi", nmi },
	{ "hlt_nmi", hlt_nmi },
	{ "ioapic_registers", ioapic_registers },
	{ "ioapic_edge", ioapic_edge },
	{ "level_reassert", level_reassert },
	{ "level_remote_irr", level_remote_irr },
	{ "level_remapped", level_remapped },
	{ "pv_eoi_edges", pv_eoi_edges },
	{ "pv_eoi_levels", pv_eoi_levels },
	{ "pv_eoi_nowhere", pv_eoi_nowhere },
	{ 0 },
};
