/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Goes round for ever through all exits that a monitor serves in ordinary life: ports, string I/O, MMIO, the 8259's
 * acknowledge, EOIs of a level. For tests in which something else goes wrong; it says when it has come round once.
 */
#include "tests/payload/lib/payload.h"

enum { PIC_BASE = 0x40, VEC_LEVEL = 0x61, COM1 = 0x3f8, PIN_COM1 = 4 };

static volatile unsigned pic_hits, level_hits;

static void on_pic(struct frame *f)
{
	(void)f;
	pic_hits++;
	outb(0x20, 0x20);
}

/* The serial port's "transmitter empty", until IIR is read. */
static void on_level(struct frame *f)
{
	(void)f;
	level_hits++;
	outb(COM1 + 1, 0);
	inb(COM1 + 2);
	lapic_eoi();
}

static void await(volatile unsigned *hits)
{
	sti();
	for (unsigned i = 0; *hits == 0 && i < 100000; i++)
		inb(0x21);
	cli();
	*hits = 0;
}

static void come_round(void)
{
	static uint8_t bytes[8];
	void *to = bytes;
	uint64_t count = sizeof(bytes);

	__asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(0x21) : "memory");
	ioapic_set(0x11 + 2 * 20, ioapic_get(1));
	pit_one_shot(200);
	await(&pic_hits);
	outb(COM1 + 4, 0x0b);
	outb(COM1 + 1, 2);
	await(&level_hits);
	outb(COM1 + 4, 3);
}

static void victim(void)
{
	lapic_init(true);
	lapic_set(LAPIC_LVT0, LVT_EXTINT);
	pic_init(PIC_BASE);
	pic_unmask(0);
	on_trap(PIC_BASE, on_pic);
	on_trap(VEC_LEVEL, on_level);
	ioapic_route(PIN_COM1, RTE_LEVEL | VEC_LEVEL);
	come_round();
	say("INFO came round");
	for (;;)
		come_round();
}

const struct test payload_tests[] = {
	{ "victim", victim },
	{ 0 },
};
