/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/ioapic.c tests/unit/vdev_fake.c */
/* The 82093AA: registers, message form, edges and levels, remote IRR, EOI, remapping in service. */
#include "tests/unit/unit.h"

#include "guests/chips.h"
#include "tests/unit/vdev_fake.h"

enum { LEVEL = 1 << 15, MASKED = 1 << 16, REMOTE_IRR = 1 << 14, LOGICAL = 1 << 11 };

static struct vdev_fake f;

static void start(void)
{
	fake_start(&f, &ioapic_class, 0);
}

static uint32_t get(unsigned reg)
{
	fake_write(&f, 0, 0x00, 4, reg);
	return (uint32_t)fake_read(&f, 0, 0x10, 4);
}

static void put(unsigned reg, uint32_t value)
{
	fake_write(&f, 0, 0x00, 4, reg);
	fake_write(&f, 0, 0x10, 4, value);
}

static void entry(unsigned pin, uint32_t low, uint8_t destination)
{
	put(0x11 + 2 * pin, (uint32_t)destination << 24);
	put(0x10 + 2 * pin, low);
}

static void registers(void)
{
	start();
	CHECK_EQ(get(1), 0x00170020);
	CHECK_EQ(get(0), 0);
	put(0, 0xffffffff);
	CHECK_EQ(get(0), 0x0f000000);
	CHECK_EQ(get(2), 0x0f000000);
	put(1, 0); /* read only */
	CHECK_EQ(get(1), 0x00170020);
	for (unsigned pin = 0; pin < 24; pin++)
		CHECK_EQ(get(0x10 + 2 * pin), MASKED);
	put(0x3e, 0xffffffff);
	CHECK_EQ(get(0x3e), 0x0001afff); /* delivery status and remote IRR are not writable */
	put(0x3f, 0xffffffff);
	CHECK_EQ(get(0x3f), 0xff000000);
	put(0x40, 0); /* beyond the table */
	CHECK_EQ(get(0x40), 0);
	CHECK_EQ(f.msis, 0);
}

static void edge_message(void)
{
	start();
	entry(4, 0x34, 3);
	fake_line(&f, 4, true);
	CHECK_EQ(f.msis, 1);
	CHECK_EQ(f.msi[0].address, 0xfee03000);
	CHECK_EQ(f.msi[0].data, 0x34);
	fake_line(&f, 4, true);
	CHECK_EQ(f.msis, 1);
	fake_line(&f, 4, false);
	fake_line(&f, 4, true);
	CHECK_EQ(f.msis, 2);
	CHECK_EQ(get(0x18) & REMOTE_IRR, 0);
}

static void masked_edge_is_lost(void)
{
	start();
	entry(4, 0x34 | MASKED, 0);
	fake_line(&f, 4, true);
	entry(4, 0x34, 0);
	CHECK_EQ(f.msis, 0);
}

static void logical_and_lowest(void)
{
	start();
	entry(5, 0x55 | LOGICAL | 1 << 8, 0xff);
	fake_line(&f, 5, true);
	CHECK_EQ(f.msi[0].address, 0xfeeff00c); /* destination mode and redirection hint */
	CHECK_EQ(f.msi[0].data, 0x155);
}

static void nmi_and_extint(void)
{
	start();
	entry(1, 4 << 8 | LEVEL, 0); /* an NMI is an edge, whatever the entry says */
	fake_line(&f, 1, true);
	CHECK_EQ(f.msi[0].data, 0x400);
	CHECK_EQ(get(0x12) & REMOTE_IRR, 0);
	entry(0, 7 << 8, 0);
	fake_line(&f, 0, true);
	CHECK_EQ(f.msi[1].data, 0x700);
}

static void level_sends_once(void)
{
	start();
	entry(9, 0x49 | LEVEL, 1);
	fake_line(&f, 9, true);
	CHECK_EQ(f.msis, 1);
	CHECK_EQ(f.msi[0].data, 0xc049);
	CHECK_EQ(get(0x22) & REMOTE_IRR, REMOTE_IRR);
	fake_line(&f, 9, false);
	fake_line(&f, 9, true);
	CHECK_EQ(f.msis, 1); /* in service */
	fake_eoi(&f, 0x48); /* another vector */
	CHECK_EQ(f.msis, 1);
}

static void level_again_after_eoi(void)
{
	start();
	entry(9, 0x49 | LEVEL, 1);
	fake_line(&f, 9, true);
	fake_eoi(&f, 0x49);
	CHECK_EQ(f.msis, 2); /* still asserted */
	fake_line(&f, 9, false);
	fake_eoi(&f, 0x49);
	CHECK_EQ(f.msis, 2);
	CHECK_EQ(get(0x22) & REMOTE_IRR, 0);
	fake_line(&f, 9, true);
	CHECK_EQ(f.msis, 3);
}

static void level_unmasked_while_asserted(void)
{
	start();
	entry(9, 0x49 | LEVEL | MASKED, 1);
	fake_line(&f, 9, true);
	CHECK_EQ(f.msis, 0);
	put(0x22, 0x49 | LEVEL);
	CHECK_EQ(f.msis, 1);
}

static void masked_in_service(void)
{
	start();
	entry(9, 0x49 | LEVEL, 1);
	fake_line(&f, 9, true);
	put(0x22, 0x49 | LEVEL | MASKED);
	CHECK_EQ(get(0x22), 0x49 | LEVEL | MASKED | REMOTE_IRR);
	fake_eoi(&f, 0x49);
	CHECK_EQ(f.msis, 1);
	put(0x22, 0x49 | LEVEL);
	CHECK_EQ(f.msis, 2);
}

static void remapped_in_service(void)
{
	start();
	entry(9, 0x49 | LEVEL, 1);
	fake_line(&f, 9, true);
	entry(9, 0x5a | LEVEL, 2);
	CHECK_EQ(get(0x22) & REMOTE_IRR, REMOTE_IRR);
	CHECK_EQ(f.msis, 1);
	fake_eoi(&f, 0x49); /* the processor knows only the old vector */
	CHECK_EQ(f.msis, 2);
	CHECK_EQ(f.msi[1].data, 0xc05a);
	CHECK_EQ(f.msi[1].address, 0xfee02000);
	fake_eoi(&f, 0x49);
	CHECK_EQ(f.msis, 2); /* the old vector means nothing any more */
	fake_eoi(&f, 0x5a);
	CHECK_EQ(f.msis, 3);
}

static void remapped_and_ended_by_the_new_vector(void)
{
	start();
	entry(9, 0x49 | LEVEL, 1);
	fake_line(&f, 9, true);
	fake_line(&f, 9, false);
	entry(9, 0x5a | LEVEL, 1);
	fake_write(&f, 0, 0x40, 4, 0x5a);
	CHECK_EQ(get(0x22) & REMOTE_IRR, 0);
	CHECK_EQ(f.msis, 1);
}

static void eoi_register(void)
{
	start();
	entry(10, 0x60 | LEVEL, 1);
	entry(11, 0x60 | LEVEL, 1);
	fake_line(&f, 10, true);
	fake_line(&f, 11, true);
	CHECK_EQ(f.msis, 2);
	fake_write(&f, 0, 0x40, 4, 0x60); /* every entry with the vector */
	CHECK_EQ(f.msis, 4);
}

static void edge_mode_clears_remote_irr(void)
{
	start();
	entry(9, 0x49 | LEVEL, 1);
	fake_line(&f, 9, true);
	put(0x22, 0x49 | MASKED);
	CHECK_EQ(get(0x22), 0x49 | MASKED);
	put(0x22, 0x49 | LEVEL);
	CHECK_EQ(f.msis, 2);
}

static void no_such_pin(void)
{
	start();
	fake_line(&f, 24, true);
	fake_line(&f, 4000, true);
	CHECK_EQ(f.msis, 0);
	CHECK_EQ(fake_read(&f, 0, 0x44, 4), 0);
}

int main(void)
{
	RUN(registers);
	RUN(edge_message);
	RUN(masked_edge_is_lost);
	RUN(logical_and_lowest);
	RUN(nmi_and_extint);
	RUN(level_sends_once);
	RUN(level_again_after_eoi);
	RUN(level_unmasked_while_asserted);
	RUN(masked_in_service);
	RUN(remapped_in_service);
	RUN(remapped_and_ended_by_the_new_vector);
	RUN(eoi_register);
	RUN(edge_mode_clears_remote_irr);
	RUN(no_such_pin);
	return unit_status();
}
