/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A triple fault. With on_crash = stop the VM stops with that reason; the judge wants to read it. `late`: after a
 * minute of HLT, when guests beside it have ended.
 */
#include "tests/payload/lib/payload.h"

static void tick(struct frame *f)
{
	(void)f;
	lapic_eoi();
}

static void wait_a_minute(void)
{
	lapic_init(true);
	on_trap(0x51, tick);
	lapic_set(LAPIC_TDCR, 0xb);
	for (unsigned i = 0; i < 60; i++) {
		lapic_set(LAPIC_LVTT, 0x51);
		lapic_set(LAPIC_TICR, 1000000000);
		sti_hlt();
		cli();
	}
}

static void triple_fault(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = { 0, 0 };

	if (option("late"))
		wait_a_minute();
	__asm__ volatile("lidt %0; ud2" : : "m"(none));
	fail("still here");
}

const struct test payload_tests[] = {
	{ "triple_fault", triple_fault },
	{ 0 },
};
