/* SPDX-License-Identifier: GPL-2.0-only */
/* The IOAPIC's pins: edges, levels that come again, remapped while in service. */
#include "tests/payload/apic/apic.h"

void ioapic_edge(void)
{
	begin(true);
	ioapic_route(PIN_PIT, VEC_A);
	pit_one_shot(2000);
	CHECK(wait_for(&hits_a, 1));
	ioapic_route(PIN_PIT, RTE_MASKED | VEC_A);
	hits_a = 0;
	pit_one_shot(1000);
	sti();
	delay_us(4000);
	cli();
	CHECK_EQ(hits_a, 0);
}

void ioapic_registers(void)
{
	uint32_t rte;

	CHECK((ioapic_get(1) >> 16 & 0xff) >= 23);
	ioapic_set(0x10 + 2 * 20, RTE_MASKED | 0x5a | RTE_LEVEL);
	rte = ioapic_get(0x10 + 2 * 20);
	CHECK_EQ(rte & ~(uint32_t)RTE_REMOTE_IRR, RTE_MASKED | 0x5a | RTE_LEVEL);
	ioapic_set(0x11 + 2 * 20, 0x03000000);
	CHECK_EQ(ioapic_get(0x11 + 2 * 20), 0x03000000);
}

static volatile unsigned level_left;

static void level_handler(struct frame *f)
{
	(void)f;
	hits_a++;
	if (--level_left == 0)
		com1_deassert();
	lapic_eoi();
}

void level_reassert(void)
{
	begin(true);
	on_trap(VEC_A, level_handler);
	level_left = 3;
	ioapic_route(PIN_COM1, RTE_LEVEL | VEC_A);
	com1_assert();
	/* Twice the EOI finds the line still high, and the interrupt comes again. */
	CHECK(wait_for(&hits_a, 3));
	sti();
	delay_us(2000);
	cli();
	CHECK_EQ(hits_a, 3);
	CHECK(!(ioapic_get(0x10 + 2 * PIN_COM1) & RTE_REMOTE_IRR));
	ioapic_route(PIN_COM1, RTE_MASKED | VEC_A);
}

static volatile uint32_t rte_in_service;

static void level_once(struct frame *f)
{
	(void)f;
	hits_a++;
	rte_in_service = ioapic_get(0x10 + 2 * PIN_COM1);
	com1_deassert();
	lapic_eoi();
}

void level_remote_irr(void)
{
	begin(true);
	on_trap(VEC_A, level_once);
	ioapic_route(PIN_COM1, RTE_LEVEL | VEC_A);
	com1_assert();
	CHECK(wait_for(&hits_a, 1));
	CHECK(rte_in_service & RTE_REMOTE_IRR);
	CHECK(!(ioapic_get(0x10 + 2 * PIN_COM1) & RTE_REMOTE_IRR));
	/* TMR told level, and an edge of the same vector tells edge again. */
	ioapic_route(PIN_COM1, RTE_MASKED | VEC_A);
	on_trap(VEC_A, count_a);
	lapic_self(VEC_A);
	CHECK(wait_for(&hits_a, 2));
	CHECK(!lapic_bit(LAPIC_TMR, VEC_A));
}

/* While in service the pin goes to another vector: Linux does it as mask, edge, level. */
static void level_remap(struct frame *f)
{
	(void)f;
	hits_a++;
	ioapic_set(0x10 + 2 * PIN_COM1, RTE_MASKED | RTE_LEVEL | VEC_A);
	ioapic_set(0x10 + 2 * PIN_COM1, RTE_MASKED | VEC_A);
	ioapic_set(0x10 + 2 * PIN_COM1, RTE_MASKED | RTE_LEVEL | VEC_B);
	ioapic_set(0x10 + 2 * PIN_COM1, RTE_LEVEL | VEC_B);
	lapic_eoi();
}

static void level_b(struct frame *f)
{
	(void)f;
	hits_b++;
	com1_deassert();
	lapic_eoi();
}

void level_remapped(void)
{
	begin(true);
	on_trap(VEC_A, level_remap);
	on_trap(VEC_B, level_b);
	ioapic_route(PIN_COM1, RTE_LEVEL | VEC_A);
	com1_assert();
	CHECK(wait_for(&hits_b, 1));
	sti();
	delay_us(2000);
	cli();
	CHECK_EQ(hits_a, 1);
	CHECK_EQ(hits_b, 1);
	ioapic_route(PIN_COM1, RTE_MASKED | VEC_A);
}
