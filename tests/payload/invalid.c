/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hostile: a reserved bit of CR4. A processor gives #GP, and the guest ends well; QEMU's TCG takes it and refuses
 * the next VMRUN: then this VM, and it alone, must stop with a dump and the reason (tests/payload/hostile).
 */
#include "tests/payload/lib/payload.h"

static void reserved_cr4(void)
{
	say("INFO CR4 with a reserved bit from here on");
	if (!TRY("mov %0, %%cr4", : : "r"(READ_REG("cr4") | 1ULL << 31) : "memory")) {
		CHECK_EQ(caught.vector, VECTOR_GP);
		return;
	}
	inb(0x21);
	fail("the processor went on with it");
}

const struct test payload_tests[] = {
	{ "reserved_cr4", reserved_cr4 },
	{ 0 },
};
