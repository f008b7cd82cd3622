/* SPDX-License-Identifier: GPL-2.0-only */
/* The smallest payload: says that it lives, and what memory it sees. The boot matrix runs it. */
#include "tests/payload/lib/payload.h"

static void alive(void)
{
	say("hello from the guest");
}

static void memory(void)
{
	say("INFO memory low 0x%llx high 0x%llx", (unsigned long long)ram_low_end,
	    (unsigned long long)ram_high_bytes);
	CHECK(ram_low_end >= 2 << 20);
}

const struct test payload_tests[] = {
	{ "alive", alive },
	{ "memory", memory },
	{ 0 },
};
