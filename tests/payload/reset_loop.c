/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hostile: resets itself as soon as it runs, for ever, by `kind=cf9`, `8042` or `92`. The judge wants pauses that
 * grow, a log that stays short, and neighbours that do not notice.
 */
#include "tests/payload/lib/payload.h"

#include "lib/string.h"

static void reset_loop(void)
{
	const char *kind = option("kind=");

	if (kind && strncmp(kind, "8042", 4) == 0) {
		for (unsigned i = 0; i < 100000 && (inb(0x64) & 2); i++)
			;
		outb(0x64, 0xfe);
	} else if (kind && strncmp(kind, "92", 2) == 0) {
		outb(0x92, 0);
		outb(0x92, 1);
	} else {
		outb(0xcf9, 0x02);
		outb(0xcf9, 0x06);
	}
	delay_us(1000000);
	fail("it does not reset");
}

const struct test payload_tests[] = {
	{ "reset_loop", reset_loop },
	{ 0 },
};
