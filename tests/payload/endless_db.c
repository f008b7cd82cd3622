/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * #DB for ever, with interrupts off. The default: a jump to itself, single-stepped. With `data` on the
 * command line: a data breakpoint on the very stack slots that the delivery writes, which a processor
 * that does not intercept #DB never gets out of (CVE-2015-8104); QEMU 7.2 itself aborts on that one.
 * The judge sets a time limit: the box must be able to end this VM, and say so.
 */
#include "tests/payload/lib/payload.h"

static uint8_t stack[4096] __attribute__((aligned(4096)));

__asm__(".pushsection .text\n"
	".globl endless_push\n"
	"endless_push:\n"
	"mov %rdi, %rsp\n"
	"3: pushq $0\n" /* hits the breakpoint; so does the frame of each #DB */
	"jmp 3b\n"
	".popsection\n");
__attribute__((noreturn)) void endless_push(uint64_t stack);

static void again_data(struct frame *f)
{
	WRITE_REG("dr6", 0xffff0ff0);
	f->rsp = (uint64_t)(uintptr_t)(stack + sizeof(stack) - 64);
}

static void again_step(struct frame *f)
{
	WRITE_REG("dr6", 0xffff0ff0);
	f->rflags |= 0x100;
}

static void on_the_stack(void)
{
	uint64_t top = (uint64_t)(uintptr_t)(stack + sizeof(stack) - 64);

	on_trap(VECTOR_DB, again_data);
	WRITE_REG("dr0", top - 8);
	WRITE_REG("dr1", top - 16);
	WRITE_REG("dr2", top - 24);
	WRITE_REG("dr3", top - 32);
	WRITE_REG("dr7", 0x999904ff); /* all four: write, 8 bytes */
	endless_push(top);
}

static void endless_db(void)
{
	say("INFO #DB for ever from here on");
	cli();
	if (option("data"))
		on_the_stack();
	on_trap(VECTOR_DB, again_step);
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; 1: jmp 1b" : : : "memory");
	fail("still here");
}

const struct test payload_tests[] = {
	{ "endless_db", endless_db },
	{ 0 },
};
