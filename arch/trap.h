/* SPDX-License-Identifier: GPL-2.0-only */
/* The IDT and what its entry stubs leave on the stack. What to do about a trap is the kernel's. */
#pragma once

#include <stdint.h>

struct trap_frame { /* as arch/trap.asm pushes it */
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* Host vectors above the exceptions. Devices have VECTOR_DEVICE_FIRST to VECTOR_DEVICE_LAST. */
enum {
	VECTOR_PIC_FIRST = 0x20, /* 16 of them: the masked 8259 pair's spurious ones */
	VECTOR_DEVICE_FIRST = 0x30,
	VECTOR_DEVICE_LAST = 0xdf,
	VECTOR_TIMER = 0xef,
	VECTOR_RESCHED = 0xf0,
	VECTOR_TLB = 0xf1,
	VECTOR_APIC_ERROR = 0xfe,
	VECTOR_SPURIOUS = 0xff,
};

/* Builds the IDT, once. */
void idt_init(void);
/* Where it is: a page of its own. */
const void *idt_page(void);
/* Loads it on the calling processor. */
void idt_load(void);

/* The kernel's. Interrupts are off, GS is the kernel's; returns to go on where the frame says. */
void trap_handler(struct trap_frame *f);
