/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * #DB for ever: a data breakpoint on the very stack slots that its delivery writes. On a processor
 * that does not intercept it this is a hang that no interrupt ends (CVE-2015-8104). The judge sets a
 * time limit: the box must be able to end this VM, and say so.
 */
#include "tests/payload/lib/payload.h"

static uint8_t stack[4096] __attribute__((aligned(4096)));

__asm__(".pushsection .text\n"
	".globl endless_go\n"
	"endless_go:\n"
	"mov %rdi, %rsp\n"
	"mov $3f, %eax\n"
	"push %rax\n"
	"3: pushq $0\n" /* hits the breakpoint; so does the frame of each #DB */
	"jmp 3b\n"
	".popsection\n");
__attribute__((noreturn)) void endless_go(uint64_t stack);

static void again(struct frame *f)
{
	/* Touch the slot again, always: the frame is at a fixed place. */
	WRITE_REG("dr6", 0xffff0ff0);
	f->rsp = (uint64_t)(uintptr_t)(stack + sizeof(stack) - 64);
}

static void endless_db(void)
{
	uint64_t top = (uint64_t)(uintptr_t)(stack + sizeof(stack) - 64);

	say("INFO #DB for ever from here on");
	cli();
	on_trap(VECTOR_DB, again);
	WRITE_REG("dr0", top - 8);
	WRITE_REG("dr1", top - 16);
	WRITE_REG("dr2", top - 24);
	WRITE_REG("dr3", top - 32);
	WRITE_REG("dr7", 0x999904ff); /* all four: write, 8 bytes */
	endless_go(top);
}

const struct test payload_tests[] = {
	{ "endless_db", endless_db },
	{ 0 },
};
