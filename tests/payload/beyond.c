/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the machine ends: the VM must stop with a sentence that says what it did (tests/boot/failure). `kind=insn`: an
 * instruction that the emulator does not know touches a device; `kind=code`: code where nothing is; `kind=stack`: an
 * exception whose frame goes there.
 */
#include "tests/payload/lib/payload.h"

#define NOWHERE 0xd0000000ul
#define IOAPIC  0xfec00000ul

static bool kind_is(const char *name)
{
	const char *kind = option("kind=");

	return kind && kind[0] == name[0];
}

static void go_beyond(void)
{
	if (kind_is("insn"))
		__asm__ volatile("movq %%mm3, (%0)" : : "D"(IOAPIC) : "memory");
	else if (kind_is("code"))
		__asm__ volatile("jmp *%0" : : "r"(NOWHERE));
	else
		__asm__ volatile("mov %0, %%rsp; ud2" : : "r"(NOWHERE));
	fail("still here");
}

const struct test payload_tests[] = {
	{ "go_beyond", go_beyond },
	{ 0 },
};
