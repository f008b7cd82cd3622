/* SPDX-License-Identifier: GPL-2.0-only */
/* A triple fault. With on_crash = stop the VM stops with that reason; the judge wants to read it. */
#include "tests/payload/lib/payload.h"

static void triple_fault(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = { 0, 0 };

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
	fail("still here");
}

const struct test payload_tests[] = {
	{ "triple_fault", triple_fault },
	{ 0 },
};
