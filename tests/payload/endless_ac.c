/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * #AC for ever: a ring-3 handler's misaligned stack with alignment checks on, in 32-bit mode where
 * the processor does not align the stack for an exception. Its delivery raises #AC again
 * (CVE-2015-5307). The judge sets a time limit, as for endless_db.
 */
#include "tests/payload/lib/payload.h"

struct gate32 {
	uint16_t low, selector, type, high;
};

static struct gate32 idt32[32] __attribute__((aligned(16)));
static uint8_t stack[4096] __attribute__((aligned(4096)));

/* Compatibility mode cannot: delivery in long mode aligns. So back to 32-bit protected mode. */
__asm__(".pushsection .text\n"
	".globl ac_go, ac_user, ac_handler\n"
	"ac_go:\n"
	"lidt (%rdi)\n"
	"mov %esi, %ebx\n"
	"pushq $0x18\n"
	"pushq $1f\n"
	"lretq\n"
	".code32\n"
	"1: mov %cr0, %eax\n"
	"and $0x7fffffff, %eax\n"
	"or $0x40000, %eax\n" /* AM */
	"mov %eax, %cr0\n"
	"mov $0xc0000080, %ecx\n"
	"rdmsr\n"
	"and $~0x100, %eax\n"
	"wrmsr\n"
	"pushl $0x23\n"
	"pushl %ebx\n"
	"pushl $0x40002\n" /* EFLAGS.AC, IF clear */
	"pushl $0x53\n"
	"pushl $ac_user\n"
	"iretl\n"
	"ac_user: mov (%esp), %eax\n" /* ESP is odd */
	"jmp ac_user\n"
	"ac_handler: jmp ac_handler\n"
	".code64\n"
	".popsection\n");
__attribute__((noreturn)) void ac_go(const void *idtr, uint64_t stack);
extern const uint8_t ac_handler[];

static void endless_ac(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = { sizeof(idt32) - 1, (uint64_t)(uintptr_t)idt32 };
	uint64_t handler = (uint64_t)(uintptr_t)ac_handler;

	say("INFO #AC for ever from here on");
	idt32[VECTOR_AC] = (struct gate32){
		(uint16_t)handler, SEL_USER_CODE32, 0xee00, (uint16_t)(handler >> 16),
	};
	cli();
	ac_go(&idtr, (uint64_t)(uintptr_t)(stack + sizeof(stack) - 101));
}

const struct test payload_tests[] = {
	{ "endless_ac", endless_ac },
	{ 0 },
};
