/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest resets itself, by each of the ways of a PC, and comes up again from its loader: memory
 * that no loader touches keeps a count. Devices and the local APIC must be as after power-on.
 */
#include "tests/payload/lib/payload.h"

#define COUNT (*(volatile uint32_t *)(uintptr_t)0x90000)
#define MAGIC 0x52535400u

enum { BY_CF9, BY_8042, BY_TRIPLE_FAULT, WAYS };

static void reset_by(unsigned way)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = { 0, 0 };

	say("INFO reset %u", way);
	switch (way) {
	case BY_CF9:
		outb(0xcf9, 0x02);
		outb(0xcf9, 0x06);
		break;
	case BY_8042:
		for (unsigned i = 0; i < 100000 && (inb(0x64) & 2); i++)
			;
		outb(0x64, 0xfe);
		break;
	default:
		__asm__ volatile("lidt %0; ud2" : : "m"(none));
	}
	delay_us(1000000);
	fail("way %u does not reset", way);
}

/* Leaves traces that a reset must wipe out. */
static void dirty(void)
{
	lapic_init(true);
	lapic_set(LAPIC_TPR, 0x50);
	ioapic_set(0x10 + 2 * 5, RTE_MASKED | 0x77);
	outb(0x21, 0x12);
	WRITE_REG("dr0", 0x1234);
	WRITE_REG("cr8", 7);
}

static void check_clean(void)
{
	CHECK_EQ(rdmsr(MSR_APIC_BASE) & 0xfffff500, 0xfee00100); /* xAPIC mode, the boot processor */
	CHECK_EQ(*(volatile uint32_t *)(uintptr_t)(0xfee00000 + LAPIC_TPR), 0);
	/* As firmware leaves it: on, LINT0 for the 8259. lapic_init had masked that one. */
	CHECK_EQ(*(volatile uint32_t *)(uintptr_t)(0xfee00000 + LAPIC_SVR) & 0x1ff, 0x1ff);
	CHECK_EQ(*(volatile uint32_t *)(uintptr_t)(0xfee00000 + LAPIC_LVT0), 0x700);
	CHECK_EQ(ioapic_get(0x10 + 2 * 5) & 0xff, 0);
	CHECK_EQ(READ_REG("dr0"), 0);
	CHECK_EQ(READ_REG("cr8"), 0);
}

static void resets(void)
{
	unsigned ways = option("triple") ? WAYS : BY_TRIPLE_FAULT, done = 0;

	if ((COUNT & 0xffffff00) == MAGIC)
		done = COUNT & 0xff;
	if (done > 0 && on_bulkhead())
		check_clean();
	if (done < ways) {
		COUNT = MAGIC | (done + 1);
		dirty();
		reset_by(done);
	}
	COUNT = 0;
}

const struct test payload_tests[] = {
	{ "resets", resets },
	{ 0 },
};
