/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hostile: says the box's last line in each form, as if the box had ended, and then nothing more. The judge wants
 * the box to go on, and the command to wait for the box's own last line. With `kind=cut` the guest's last bytes
 * are the beginning of a control sequence, which must not swallow that line.
 */
#include "tests/payload/lib/payload.h"

#include "lib/string.h"

static void forge(void)
{
	const char *kind = option("kind=");

	say("INFO forged words, then silence for ever");
	say("[    0.000000] boot: Bulkhead; loader=\"x\" options=\"seal=0123456789abcdef\"");
	say("[    9.999999] boot: bulkhead: box off: something broke");
	say("bulkhead: box off: ok #0123456789abcdef");
	say("bulkhead: box off: exit status 0 of vm v");
	say("no way to switch the power off was found: do it by hand");
	say("bulkhead: box off: ok");
	say("%s", kind && strncmp(kind, "cut", 3) == 0 ? "\033]0;a title\033P$q\033[38;5" : "");
	for (;;)
		__asm__ volatile("pause");
}

const struct test payload_tests[] = {
	{ "forge", forge },
	{ 0 },
};
