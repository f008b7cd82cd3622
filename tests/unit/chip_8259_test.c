/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/i8259.c tests/unit/vdev_fake.c */
/* The 8259 pair: initialisation, priority, EOI forms, rotation, masks, poll, spurious, ELCR. */
#include "tests/unit/unit.h"

#include "guests/chips.h"
#include "tests/unit/vdev_fake.h"

enum { MASTER, SLAVE, ELCR };

static struct vdev_fake f;

static void init_with(uint8_t icw4)
{
	fake_start(&f, &i8259_class, 0);
	fake_out8(&f, MASTER, 0, 0x11);
	fake_out8(&f, MASTER, 1, 0x20);
	fake_out8(&f, MASTER, 1, 0x04);
	fake_out8(&f, MASTER, 1, icw4);
	fake_out8(&f, SLAVE, 0, 0x11);
	fake_out8(&f, SLAVE, 1, 0x28);
	fake_out8(&f, SLAVE, 1, 0x02);
	fake_out8(&f, SLAVE, 1, icw4);
}

static void init(void)
{
	init_with(0x01);
}

static void pulse(unsigned irq)
{
	fake_line(&f, irq, false);
	fake_line(&f, irq, true);
}

static uint8_t isr(unsigned chip)
{
	fake_out8(&f, chip, 0, 0x0b);
	return fake_in8(&f, chip, 0);
}

static uint8_t irr(unsigned chip)
{
	fake_out8(&f, chip, 0, 0x0a);
	return fake_in8(&f, chip, 0);
}

static void quiet_before_init(void)
{
	fake_start(&f, &i8259_class, 0);
	pulse(0);
	pulse(9);
	CHECK(!f.line[0]);
}

static void one_interrupt(void)
{
	init();
	CHECK(!f.line[0]);
	pulse(4);
	CHECK(f.line[0]);
	CHECK_EQ(irr(MASTER), 0x10);
	CHECK_EQ(fake_inta(&f), 0x24);
	CHECK(!f.line[0]);
	CHECK_EQ(isr(MASTER), 0x10);
	CHECK_EQ(irr(MASTER), 0);
	fake_out8(&f, MASTER, 0, 0x20);
	CHECK_EQ(isr(MASTER), 0);
	CHECK(!f.line[0]); /* the line is still high: an edge input makes no second request */
}

static void priority_nests(void)
{
	init();
	pulse(5);
	CHECK_EQ(fake_inta(&f), 0x25);
	pulse(6);
	CHECK(!f.line[0]); /* lower priority than what is in service */
	pulse(1);
	CHECK(f.line[0]);
	CHECK_EQ(fake_inta(&f), 0x21);
	CHECK_EQ(isr(MASTER), 0x22);
	fake_out8(&f, MASTER, 0, 0x20); /* non-specific: ends the highest, 1 */
	CHECK_EQ(isr(MASTER), 0x20);
	CHECK(!f.line[0]);
	fake_out8(&f, MASTER, 0, 0x65); /* specific EOI of 5 */
	CHECK(f.line[0]);
	CHECK_EQ(fake_inta(&f), 0x26);
}

static void slave_cascade(void)
{
	init();
	pulse(12);
	CHECK_EQ(irr(SLAVE), 0x10);
	CHECK_EQ(irr(MASTER), 0x04);
	CHECK_EQ(fake_inta(&f), 0x2c);
	CHECK_EQ(isr(MASTER), 0x04);
	CHECK_EQ(isr(SLAVE), 0x10);
	pulse(9); /* higher on the slave, but the master has the slave in service */
	CHECK(!f.line[0]);
	fake_out8(&f, SLAVE, 0, 0x20);
	CHECK(!f.line[0]);
	fake_out8(&f, MASTER, 0, 0x20);
	CHECK(f.line[0]);
	CHECK_EQ(fake_inta(&f), 0x29);
}

static void two_slave_requests_lose_none(void)
{
	init();
	pulse(8);
	pulse(14);
	CHECK_EQ(fake_inta(&f), 0x28);
	fake_out8(&f, SLAVE, 0, 0x20);
	fake_out8(&f, MASTER, 0, 0x20);
	CHECK(f.line[0]);
	CHECK_EQ(fake_inta(&f), 0x2e);
}

static void special_fully_nested(void)
{
	init_with(0x11);
	pulse(12);
	CHECK_EQ(fake_inta(&f), 0x2c);
	pulse(9);
	CHECK(f.line[0]);
	CHECK_EQ(fake_inta(&f), 0x29);
	CHECK_EQ(isr(SLAVE), 0x12);
}

static void masks(void)
{
	init();
	fake_out8(&f, MASTER, 1, 0x10);
	CHECK_EQ(fake_in8(&f, MASTER, 1), 0x10);
	pulse(4);
	CHECK(!f.line[0]);
	CHECK_EQ(irr(MASTER), 0x10); /* a mask hides, it does not forget */
	fake_out8(&f, MASTER, 1, 0);
	CHECK(f.line[0]);
}

static void special_mask_mode(void)
{
	init();
	pulse(3);
	CHECK_EQ(fake_inta(&f), 0x23);
	pulse(6);
	CHECK(!f.line[0]);
	fake_out8(&f, MASTER, 1, 0x08);
	CHECK(!f.line[0]);
	fake_out8(&f, MASTER, 0, 0x68); /* set special mask: 3 is masked, so it blocks nothing */
	CHECK(f.line[0]);
	CHECK_EQ(fake_inta(&f), 0x26);
	fake_out8(&f, MASTER, 0, 0x20); /* does not end the masked 3 */
	CHECK_EQ(isr(MASTER), 0x08);
	fake_out8(&f, MASTER, 0, 0x48); /* reset special mask */
	pulse(6);
	CHECK(!f.line[0]);
}

static void rotation(void)
{
	init();
	pulse(2 + 2);
	CHECK_EQ(fake_inta(&f), 0x24);
	fake_out8(&f, MASTER, 0, 0xa0); /* rotate on non-specific EOI: 4 is now the lowest */
	pulse(4);
	pulse(5);
	CHECK_EQ(fake_inta(&f), 0x25);
	fake_out8(&f, MASTER, 0, 0x20);
	CHECK_EQ(fake_inta(&f), 0x24);
	fake_out8(&f, MASTER, 0, 0xe4); /* rotate on specific EOI of 4 */
	fake_out8(&f, MASTER, 0, 0xc0); /* set priority: 0 lowest, 1 highest */
	pulse(0);
	pulse(1);
	CHECK_EQ(fake_inta(&f), 0x21);
	CHECK_EQ(isr(MASTER), 0x02);
}

static void automatic_eoi(void)
{
	init_with(0x03);
	pulse(3);
	CHECK_EQ(fake_inta(&f), 0x23);
	CHECK_EQ(isr(MASTER), 0);
	fake_out8(&f, MASTER, 0, 0x80); /* rotate in automatic EOI mode */
	pulse(3);
	CHECK_EQ(fake_inta(&f), 0x23);
	pulse(3);
	pulse(7);
	CHECK_EQ(fake_inta(&f), 0x27);
	CHECK_EQ(fake_inta(&f), 0x23);
	fake_out8(&f, MASTER, 0, 0x00);
	pulse(7);
	CHECK_EQ(fake_inta(&f), 0x27);
}

static void poll_command(void)
{
	init();
	fake_out8(&f, MASTER, 0, 0x0c);
	CHECK_EQ(fake_in8(&f, MASTER, 0), 0x00);
	pulse(6);
	fake_out8(&f, MASTER, 0, 0x0c);
	CHECK_EQ(fake_in8(&f, MASTER, 0), 0x86);
	CHECK(!f.line[0]);
	CHECK_EQ(isr(MASTER), 0x40);
}

static void spurious_master(void)
{
	init();
	pulse(3);
	CHECK(f.line[0]);
	fake_line(&f, 3, false);
	CHECK(!f.line[0]);
	CHECK_EQ(fake_inta(&f), 0x27);
	CHECK_EQ(isr(MASTER), 0);
}

static void spurious_slave(void)
{
	init();
	pulse(10);
	fake_line(&f, 10, false);
	CHECK_EQ(fake_inta(&f), 0x2f);
	CHECK_EQ(isr(SLAVE), 0);
	CHECK_EQ(isr(MASTER), 0x04); /* the master does not know, and wants its EOI */
	fake_out8(&f, MASTER, 0, 0x20);
	CHECK_EQ(fake_inta(&f), 0x27);
}

static void level_triggered(void)
{
	init();
	fake_out8(&f, ELCR, 1, 0xff);
	CHECK_EQ(fake_in8(&f, ELCR, 1), 0xde); /* 8 and 13 are edge-triggered for ever */
	fake_out8(&f, ELCR, 0, 0xff);
	CHECK_EQ(fake_in8(&f, ELCR, 0), 0xf8);
	fake_line(&f, 9, true);
	CHECK_EQ(fake_inta(&f), 0x29);
	fake_out8(&f, SLAVE, 0, 0x20);
	fake_out8(&f, MASTER, 0, 0x20);
	CHECK(f.line[0]); /* still asserted: asks again */
	CHECK_EQ(fake_inta(&f), 0x29);
	fake_line(&f, 9, false);
	fake_out8(&f, SLAVE, 0, 0x20);
	fake_out8(&f, MASTER, 0, 0x20);
	CHECK(!f.line[0]);
}

static void initialisation_forgets(void)
{
	init();
	pulse(4);
	fake_out8(&f, MASTER, 0, 0x11);
	CHECK(!f.line[0]);
	fake_out8(&f, MASTER, 1, 0x40);
	fake_out8(&f, MASTER, 1, 0x04);
	fake_out8(&f, MASTER, 1, 0x01);
	CHECK_EQ(irr(MASTER), 0);
	pulse(4);
	CHECK_EQ(fake_inta(&f), 0x44);
}

static void initialisation_restores_priority(void)
{
	init();
	fake_out8(&f, MASTER, 0, 0xc3); /* 3 is the lowest, 4 the highest */
	pulse(1);
	pulse(5);
	CHECK_EQ(fake_inta(&f), 0x25);
	fake_out8(&f, MASTER, 0, 0x11);
	fake_out8(&f, MASTER, 1, 0x20);
	fake_out8(&f, MASTER, 1, 0x04);
	fake_out8(&f, MASTER, 1, 0x01);
	pulse(1);
	pulse(5);
	CHECK_EQ(fake_inta(&f), 0x21);
}

static void cascade_pin_is_not_an_input(void)
{
	init();
	fake_line(&f, 2, true);
	fake_line(&f, 16, true);
	CHECK(!f.line[0]);
}

int main(void)
{
	RUN(quiet_before_init);
	RUN(one_interrupt);
	RUN(priority_nests);
	RUN(slave_cascade);
	RUN(two_slave_requests_lose_none);
	RUN(special_fully_nested);
	RUN(masks);
	RUN(special_mask_mode);
	RUN(rotation);
	RUN(automatic_eoi);
	RUN(poll_command);
	RUN(spurious_master);
	RUN(spurious_slave);
	RUN(level_triggered);
	RUN(initialisation_forgets);
	RUN(initialisation_restores_priority);
	RUN(cascade_pin_is_not_an_input);
	return unit_status();
}
