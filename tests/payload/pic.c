/* SPDX-License-Identifier: GPL-2.0-only */
/* The 8259 pair behind LVT0 (ExtINT), with the 8254 as its source; spurious interrupts. */
#include "tests/payload/lib/payload.h"

enum { BASE = 0x40, VEC_TIMER = BASE, VEC_SPURIOUS = BASE + 7, COM1 = 0x3f8, IRQ_COM1 = 4 };

static volatile unsigned timer_hits, spurious_hits, com_hits;

static void on_timer(struct frame *f)
{
	(void)f;
	timer_hits++;
	outb(0x20, 0x20);
}

static void on_spurious(struct frame *f)
{
	(void)f;
	spurious_hits++; /* no EOI: nothing is in service */
}

static void begin(uint32_t lvt0)
{
	lapic_init(false);
	lapic_set(LAPIC_LVT0, lvt0);
	for (unsigned pin = 0; pin < 16; pin++)
		ioapic_set(0x10 + 2 * pin, RTE_MASKED);
	timer_hits = spurious_hits = com_hits = 0;
	on_trap(VEC_TIMER, on_timer);
	on_trap(VEC_SPURIOUS, on_spurious);
	pit_stop();
	pic_init(BASE);
}

static void run_ms(unsigned ms, volatile unsigned *count)
{
	sti();
	for (unsigned i = 0; i < ms && *count == 0; i++)
		delay_us(1000);
	cli();
}

static void extint(void)
{
	begin(LVT_EXTINT);
	pic_unmask(0);
	for (unsigned i = 1; i <= 5; i++) {
		timer_hits = 0;
		pit_one_shot(1000);
		run_ms(10000, &timer_hits);
		CHECK_EQ(timer_hits, 1);
	}
}

static void extint_masked(void)
{
	begin(LVT_EXTINT | LVT_MASKED);
	pic_unmask(0);
	pit_one_shot(1000);
	run_ms(10, &timer_hits);
	CHECK_EQ(timer_hits, 0);
	/* The request is still there. */
	lapic_set(LAPIC_LVT0, LVT_EXTINT);
	run_ms(10000, &timer_hits);
	CHECK_EQ(timer_hits, 1);
}

/* A local APIC that is switched off lets INTR straight through. */
static void apic_disabled(void)
{
	begin(LVT_EXTINT | (on_bulkhead() ? LVT_MASKED : 0)); /* QEMU looks at the mask even so */
	lapic_off();
	pic_unmask(0);
	pit_one_shot(1000);
	run_ms(10000, &timer_hits);
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 1 << 11);
	CHECK_EQ(timer_hits, 1);
}

static void extint_wakes_hlt(void)
{
	begin(LVT_EXTINT);
	pic_unmask(0);
	pit_one_shot(2000);
	sti_hlt();
	cli();
	CHECK_EQ(timer_hits, 1);
}

static void masked_line(void)
{
	begin(LVT_EXTINT);
	pit_one_shot(1000);
	run_ms(10, &timer_hits);
	CHECK_EQ(timer_hits, 0);
	/* IRR shows the request, ISR nothing. */
	outb(0x20, 0x0a);
	CHECK(inb(0x20) & 1);
	outb(0x20, 0x0b);
	CHECK_EQ(inb(0x20) & 1, 0);
}

/* Without an EOI the same line, and those below it, stay quiet. */
static void no_eoi(struct frame *f)
{
	(void)f;
	timer_hits++;
}

static void in_service(void)
{
	begin(LVT_EXTINT);
	on_trap(VEC_TIMER, no_eoi);
	pic_unmask(0);
	pit_one_shot(500);
	run_ms(10000, &timer_hits);
	CHECK_EQ(timer_hits, 1);
	outb(0x20, 0x0b);
	CHECK_EQ(inb(0x20), 1);
	pit_one_shot(500);
	timer_hits = 0;
	run_ms(5, &timer_hits);
	CHECK_EQ(timer_hits, 0);
	outb(0x20, 0x20);
	run_ms(10000, &timer_hits);
	CHECK_EQ(timer_hits, 1);
	outb(0x20, 0x20);
}

/*
 * The poll command takes a request like INTA does; taking one that is not there is how IRQ 7 comes
 * about. The processor's INTR was high when the request went away: the answer must be vector 7, and
 * nothing in service, or no interrupt at all.
 */
static void spurious_irq7(void)
{
	begin(LVT_EXTINT);
	pic_unmask(0);
	pit_one_shot(500);
	cli();
	delay_us(3000); /* INTR is high now, IF is clear */
	pic_mask_all(); /* and the request gone */
	run_ms(5, &spurious_hits);
	CHECK_EQ(timer_hits, 0);
	outb(0x20, 0x0b);
	CHECK_EQ(inb(0x20), 0);
	say("INFO spurious interrupts: %u", spurious_hits);
	CHECK(spurious_hits <= 1);
}

static void on_com(struct frame *f)
{
	(void)f;
	com_hits++;
	outb(COM1 + 1, 0);
	inb(COM1 + 2);
	outb(0x20, 0x20);
}

static void serial_irq4(void)
{
	begin(LVT_EXTINT);
	on_trap(BASE + IRQ_COM1, on_com);
	pic_unmask(IRQ_COM1);
	outb(COM1 + 4, 0x0b);
	outb(COM1 + 1, 2);
	run_ms(10000, &com_hits);
	outb(COM1 + 4, 3);
	CHECK_EQ(com_hits, 1);
}

const struct test payload_tests[] = {
	{ "extint", extint },
	{ "extint_masked", extint_masked },
	{ "apic_disabled", apic_disabled },
	{ "extint_wakes_hlt", extint_wakes_hlt },
	{ "masked_line", masked_line },
	{ "in_service", in_service },
	{ "spurious_irq7", spurious_irq7 },
	{ "serial_irq4", serial_irq4 },
	{ 0 },
};
