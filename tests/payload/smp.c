/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Several processors: how they start, and what they send each other in every mode. What they do
 * together in memory is smp_work.c's. `reset`: with all of them busy the machine is reset first.
 */
#include "tests/payload/lib/smp.h"

enum { COM1 = 0x3f8, PIN_COM1 = 4, IER_THRE = 2 };

#define RESETS	     (*(volatile uint32_t *)(uintptr_t)0x90000) /* survives */
#define RESETS_MAGIC 0x534d5000u

static unsigned cpus; /* set by begin */

static void begin(bool x2)
{
	smp_begin(x2);
	cpus = smp_cpus();
}

static unsigned hits(unsigned n, unsigned vector)
{
	return ap[n].hits[vector - VEC_FIRST];
}

/* Waits until every processor in `set` has had `vector` `want` times; the others: `rest`. */
static void expect(uint32_t set, unsigned vector, unsigned want, unsigned rest)
{
	for (unsigned n = 0; n < cpus; n++) {
		if (set >> n & 1)
			smp_until("interrupts", &ap[n].hits[vector - VEC_FIRST], want);
	}
	delay_us(200);
	for (unsigned n = 0; n < cpus; n++)
		CHECK_EQ(hits(n, vector), set >> n & 1 ? want : rest);
}

static uint32_t everybody(void)
{
	return (uint32_t)((1ULL << cpus) - 1);
}

/* ---- starting ---- */

static void report_state(unsigned me)
{
	ap[me].value = rdmsr(MSR_APIC_BASE);
}

static void start(void)
{
	begin(false);
	CHECK(rdmsr(MSR_APIC_BASE) & 1 << 8); /* we are the boot processor */
	for (unsigned n = 1; n < cpus; n++) {
		CHECK_EQ(ap[n].starts, 1);
		smp_run(n, report_state);
		smp_wait(n);
		CHECK_EQ(ap[n].value & 0x900, 0x800); /* on, and not the boot processor */
	}
}

static void count_for_ever(unsigned me)
{
	for (;;) {
		ap[me].value++;
		smp_breathe();
	}
}

/* INIT stops a processor; only then does a start-up IPI do anything. */
static void init_stops(void)
{
	uint64_t seen, start_at;
	unsigned before;

	begin(false);
	before = ap[1].starts;
	smp_run(1, count_for_ever);
	seen = ap[1].value;
	while (ap[1].value == seen)
		cpu_pause();
	smp_startup(1);
	delay_us(30000);
	CHECK_EQ(ap[1].starts, before);
	smp_init(1);
	start_at = rdtsc();
	do { /* it may be another's turn on its host processor */
		seen = ap[1].value;
		delay_us(30000);
	} while (ap[1].value != seen && rdtsc() - start_at < smp_patience);
	CHECK_EQ(ap[1].value, seen);
	smp_ipi(1, VEC_A | ICR_ASSERT); /* nobody is there to take it */
	delay_us(1000);
	CHECK_EQ(ap[1].starts, before);
	ap[1].work = NULL;
	smp_startup(1);
	smp_until("the start after INIT", &ap[1].starts, before + 1);
	CHECK_EQ(hits(1, VEC_A), 0);
}

static void restart_often(void)
{
	begin(true);
	for (unsigned round = 0; round < 20; round++) {
		unsigned n = 1 + round % (cpus - 1), before = ap[n].starts;

		if (round & 1)
			smp_run(n, count_for_ever);
		smp_start(n);
		smp_until("a restart", &ap[n].starts, before + 1);
	}
}

/* ---- IPIs ---- */

static void physical(bool x2)
{
	begin(x2);
	sti();
	for (unsigned n = 0; n < cpus; n++) {
		smp_ipi(n, VEC_A | ICR_ASSERT);
		expect(1U << n, VEC_A, 1, 0);
		ap[n].hits[VEC_A - VEC_FIRST] = 0;
	}
	smp_ipi(cpus, VEC_A | ICR_ASSERT); /* nobody */
	expect(0, VEC_A, 0, 0);
	smp_ipi(x2 ? UINT32_MAX : 0xff, VEC_A | ICR_ASSERT); /* everybody */
	expect(everybody(), VEC_A, 1, 0);
	cli();
}

static void shorthands(bool x2)
{
	begin(x2);
	sti();
	smp_ipi(0, ICR_SELF | VEC_A | ICR_ASSERT);
	expect(1, VEC_A, 1, 0);
	smp_ipi(0, ICR_OTHERS | VEC_A | ICR_ASSERT);
	expect(everybody(), VEC_A, 1, 0);
	smp_ipi(0, ICR_ALL | VEC_A | ICR_ASSERT);
	expect(everybody(), VEC_A, 2, 0);
	cli();
}

/* Each of many broadcasts arrives once everywhere. */
static void storm(void)
{
	begin(true);
	sti();
	for (unsigned i = 1; i <= 300; i++) {
		smp_ipi(0, ICR_ALL | VEC_A | ICR_ASSERT);
		for (unsigned n = 0; n < cpus; n++) {
			uint64_t start_at = rdtsc();

			while (hits(n, VEC_A) < i && rdtsc() - start_at < smp_patience)
				cpu_pause();
		}
		for (unsigned n = 0; n < cpus; n++) {
			if (hits(n, VEC_A) == i)
				continue;
			for (unsigned k = 0; k < cpus; k++)
				say("INFO round %u: processor %u: %u", i, k, hits(k, VEC_A));
			fail("round %u, processor %u: %u", i, n, hits(n, VEC_A));
		}
	}
	cli();
}

static void set_logical(unsigned me)
{
	lapic_set(0xe0, 0xffffffff); /* flat model */
	lapic_set(LAPIC_LDR, me < 8 ? 1U << (24 + me) : 0);
}

static void set_cluster(unsigned me)
{
	lapic_set(0xe0, 0x0fffffff); /* cluster model: four processors in each */
	lapic_set(LAPIC_LDR, (me / 4 << 4 | 1U << me % 4) << 24);
}

static void logical_flat(void)
{
	uint32_t set;

	begin(false);
	set_logical(0);
	smp_run_all(set_logical);
	smp_wait_all();
	sti();
	for (unsigned n = 0; n < cpus && n < 8; n++) {
		smp_ipi(1U << n, ICR_LOGICAL | VEC_A | ICR_ASSERT);
		expect(1U << n, VEC_A, 1, 0);
		ap[n].hits[VEC_A - VEC_FIRST] = 0;
	}
	set = everybody() & 0x56;
	smp_ipi(set, ICR_LOGICAL | VEC_B | ICR_ASSERT);
	expect(set, VEC_B, 1, 0);
	cli();
}

static void logical_cluster(void)
{
	begin(false);
	set_cluster(0);
	smp_run_all(set_cluster);
	smp_wait_all();
	sti();
	for (unsigned n = 0; n < cpus; n++) {
		smp_ipi(n / 4 << 4 | 1U << n % 4, ICR_LOGICAL | VEC_A | ICR_ASSERT);
		expect(1U << n, VEC_A, 1, 0);
		ap[n].hits[VEC_A - VEC_FIRST] = 0;
	}
	smp_ipi(3, ICR_LOGICAL | VEC_B | ICR_ASSERT);
	expect(3, VEC_B, 1, 0);
	cli();
}

static void logical_x2apic(void)
{
	begin(true);
	sti();
	for (unsigned n = 0; n < cpus; n++) {
		smp_ipi(n / 16 << 16 | 1U << n % 16, ICR_LOGICAL | VEC_A | ICR_ASSERT);
		expect(1U << n, VEC_A, 1, 0);
		ap[n].hits[VEC_A - VEC_FIRST] = 0;
	}
	smp_ipi(everybody() & 0xaaaa, ICR_LOGICAL | VEC_B | ICR_ASSERT);
	expect(everybody() & 0xaaaa, VEC_B, 1, 0);
	smp_ipi(1 << 16 | 1, ICR_LOGICAL | VEC_A | ICR_ASSERT); /* another cluster */
	expect(0, VEC_A, 0, 0);
	cli();
}

static unsigned sum_hits(unsigned vector)
{
	unsigned sum = 0;

	for (unsigned n = 0; n < cpus; n++)
		sum += hits(n, vector);
	return sum;
}

static void raise_tpr(unsigned me)
{
	(void)me;
	lapic_set(LAPIC_TPR, 0x40);
}

static void drop_tpr(unsigned me)
{
	(void)me;
	lapic_set(LAPIC_TPR, 0);
}

/* One of the set, and never one that runs at a higher priority than another. */
static void lowest_priority(void)
{
	begin(true);
	sti();
	for (unsigned i = 1; i <= 20; i++) {
		uint64_t start_at = rdtsc();

		smp_ipi(everybody() & 0xffff, ICR_LOWEST | ICR_LOGICAL | VEC_A | ICR_ASSERT);
		while (sum_hits(VEC_A) < i && rdtsc() - start_at < smp_patience)
			cpu_pause();
		delay_us(100);
		CHECK_EQ(sum_hits(VEC_A), i);
	}
	lapic_set(LAPIC_TPR, 0x40);
	for (unsigned n = 2; n < cpus; n++) {
		smp_run(n, raise_tpr);
		smp_wait(n);
	}
	for (unsigned i = 1; i <= 5; i++) {
		smp_ipi(everybody() & 0xffff, ICR_LOWEST | ICR_LOGICAL | VEC_B | ICR_ASSERT);
		smp_until("the one of lowest priority", &ap[1].hits[VEC_B - VEC_FIRST], i);
		CHECK_EQ(sum_hits(VEC_B), i);
	}
	lapic_set(LAPIC_TPR, 0);
	for (unsigned n = 2; n < cpus; n++)
		smp_run(n, drop_tpr);
	smp_wait_all();
	cli();
}

/* ---- NMI ---- */

static void spin_without_interrupts(unsigned me)
{
	ap[me].value = 1;
	while (!ap_go)
		cpu_pause();
}

static void nmi(bool all)
{
	begin(true);
	ap_go = false;
	smp_run_all(spin_without_interrupts);
	for (unsigned n = 1; n < cpus; n++) {
		while (!ap[n].value)
			cpu_pause();
		if (!all)
			smp_ipi(n, ICR_NMI | ICR_ASSERT);
	}
	if (all)
		smp_ipi(0, ICR_OTHERS | ICR_NMI | ICR_ASSERT);
	for (unsigned n = 1; n < cpus; n++)
		smp_until("NMIs", &ap[n].nmis, 1);
	ap_go = true;
	smp_wait_all();
	CHECK_EQ(ap[0].nmis, 0);
}

static volatile unsigned about_to_halt;

static void halt_without_interrupts(unsigned me)
{
	cli();
	about_to_halt = me;
	halt_until(&ap[me].nmis);
}

static void notice_nmi(struct frame *f)
{
	struct ap *self = &ap[smp_self()];

	self->nmis++;
	if (halt_noticed(f))
		self->value = 1;
}

/* An NMI ends HLT. Not every one meets it: one may come first, or the host be elsewhere for long. */
static void nmi_halted(void)
{
	begin(true);
	on_trap(VECTOR_NMI, notice_nmi);
	for (unsigned n = 1; n < cpus; n++) {
		for (unsigned round = 1; !ap[n].value; round++) {
			if (round > 100)
				fail("processor %u: none of 100 NMIs ended a HLT", n);
			about_to_halt = ap[n].nmis = 0;
			smp_run(n, halt_without_interrupts);
			smp_until("a processor about to halt", &about_to_halt, n);
			delay_us(round * 200);
			CHECK_EQ(ap[n].nmis, 0);
			smp_ipi(n, ICR_NMI | ICR_ASSERT);
			smp_wait(n);
			CHECK_EQ(ap[n].nmis, 1);
		}
	}
	CHECK_EQ(ap[0].nmis, 0);
}

/* ---- the board ---- */

/* The transmitter's "empty" stays asserted until IIR is read. */
static void level_handler(struct frame *f)
{
	unsigned me = smp_self();

	ap[me].hits[f->vector - VEC_FIRST]++;
	if (inb(COM1 + 2) == 0xff || ap[me].hits[f->vector - VEC_FIRST] > 1)
		outb(COM1 + 1, 0);
	lapic_eoi();
}

/* A level-triggered pin at each processor in turn: its EOI, from wherever, reaches the IOAPIC. */
static void level_eoi(void)
{
	begin(true);
	on_trap(VEC_B, level_handler);
	outb(COM1 + 4, 0x0b); /* OUT2 lets the line through */
	sti();
	for (unsigned n = 0; n < cpus; n++) {
		ioapic_set(0x10 + 2 * PIN_COM1, RTE_MASKED);
		ioapic_set(0x11 + 2 * PIN_COM1, n << 24);
		ioapic_set(0x10 + 2 * PIN_COM1, RTE_LEVEL | VEC_B);
		outb(COM1 + 1, IER_THRE);
		smp_until("the level interrupt", &ap[n].hits[VEC_B - VEC_FIRST], 1);
		outb(COM1 + 1, 0);
		for (unsigned i = 0; i < 100000 && ioapic_get(0x10 + 2 * PIN_COM1) & RTE_REMOTE_IRR; i++)
			delay_us(100);
		CHECK_EQ(ioapic_get(0x10 + 2 * PIN_COM1) & RTE_REMOTE_IRR, 0);
		outb(COM1 + 1, IER_THRE); /* and so it comes again */
		smp_until("the level interrupt again", &ap[n].hits[VEC_B - VEC_FIRST], 2);
		outb(COM1 + 1, 0);
		ioapic_set(0x10 + 2 * PIN_COM1, RTE_MASKED);
		for (unsigned k = 0; k < cpus; k++)
			CHECK_EQ(hits(k, VEC_B), k == n ? 2 : 0);
		ap[n].hits[VEC_B - VEC_FIRST] = 0;
	}
	outb(COM1 + 4, 3);
	cli();
}

/* ---- reset ---- */

/* Every kind of business that a processor can have when the machine is reset or switched off. */
static void be_busy(unsigned me)
{
	switch (me % 4) {
	case 0:
		sti();
		for (;;)
			__asm__ volatile("hlt");
	case 1:
		count_for_ever(me);
		return;
	case 2:
		for (;;)
			inb(0x21);
	default:
		for (;;)
			__asm__ volatile("hlt");
	}
}

static void reset_machine(unsigned me)
{
	(void)me;
	outb(0xcf9, 0x02);
	outb(0xcf9, 0x06);
	for (;;)
		cpu_pause();
}

/* Once by the boot processor, once by another one. */
static void reset_while_busy(void)
{
	unsigned done = (RESETS & 0xffffff00) == RESETS_MAGIC ? RESETS & 0xff : 0;

	if (!option("reset"))
		skip("only with `reset` on the command line");
	begin(done == 0);
	for (unsigned n = 1; n < cpus; n++)
		CHECK_EQ(ap[n].starts, 1);
	if (done == 2) {
		RESETS = 0;
		return;
	}
	RESETS = RESETS_MAGIC | (done + 1);
	for (unsigned n = 2; n < cpus; n++)
		smp_run(n, be_busy);
	smp_run(1, done == 0 ? be_busy : reset_machine);
	delay_us(20000);
	if (done == 0)
		reset_machine(0);
	delay_us(1000000);
	fail("no reset");
}

/* The last one: the machine is switched off under busy processors. */
static void left_busy(void)
{
	begin(false);
	smp_run_all(be_busy);
	delay_us(20000);
}

static void physical_xapic(void) { physical(false); }
static void physical_x2apic(void) { physical(true); }
static void shorthands_xapic(void) { shorthands(false); }
static void shorthands_x2apic(void) { shorthands(true); }
static void nmi_spinning(void) { nmi(false); }
static void nmi_others(void) { nmi(true); }

const struct test payload_tests[] = {
	{ "reset_while_busy", reset_while_busy },
	{ "start", start },
	{ "init_stops", init_stops },
	{ "restart_often", restart_often },
	{ "physical_xapic", physical_xapic },
	{ "physical_x2apic", physical_x2apic },
	{ "shorthands_xapic", shorthands_xapic },
	{ "shorthands_x2apic", shorthands_x2apic },
	{ "storm", storm },
	{ "logical_flat", logical_flat },
	{ "logical_cluster", logical_cluster },
	{ "logical_x2apic", logical_x2apic },
	{ "lowest_priority", lowest_priority },
	{ "nmi_spinning", nmi_spinning },
	{ "nmi_halted", nmi_halted },
	{ "nmi_others", nmi_others },
	{ "level_eoi", level_eoi },
	{ "left_busy", left_busy },
	{ 0 },
};
