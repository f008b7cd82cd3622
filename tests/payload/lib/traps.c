/* SPDX-License-Identifier: GPL-2.0-only */
/* A payload's IDT: handlers a vector, exceptions that a test provokes, and those it did not. */
#include "tests/payload/lib/payload.h"

struct gate {
	uint16_t low, selector;
	uint8_t ist, type;
	uint16_t middle;
	uint32_t high, reserved;
};

struct descriptor_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

extern const uint64_t trap_stubs[256];
static struct gate idt[256] __attribute__((aligned(16)));
static void (*handlers[256])(struct frame *);

volatile struct caught caught;
volatile uint64_t trap_resume;
uint64_t trap_escape_point[8];

void on_trap(unsigned vector, void (*handler)(struct frame *f))
{
	*(void (*volatile *)(struct frame *))&handlers[vector] = handler;
}

void trap_ist(unsigned vector, unsigned ist)
{
	idt[vector].ist = (uint8_t)ist;
}

void trap_user(unsigned vector)
{
	idt[vector].type |= 0x60;
}

extern const uint8_t halt_until_woken[];

bool halt_noticed(struct frame *f)
{
	uint64_t start = (uint64_t)(uintptr_t)halt_until, woken = (uint64_t)(uintptr_t)halt_until_woken;

	if (f->rip >= start && f->rip < woken)
		f->rip = start;
	return f->rip == woken;
}

void traps_init(void)
{
	struct descriptor_register idtr = { sizeof(idt) - 1, (uint64_t)(uintptr_t)idt };

	for (unsigned i = 0; i < 256; i++)
		idt[i] = (struct gate){
			.low = (uint16_t)trap_stubs[i],
			.middle = (uint16_t)(trap_stubs[i] >> 16),
			.high = (uint32_t)(trap_stubs[i] >> 32),
			.selector = SEL_CODE64,
			.type = 0x8e, /* interrupt gate */
		};
	idt[VECTOR_DF].ist = 1;
	__asm__ volatile("lidt %0" : : "m"(idtr));
}

void trap_dispatch(struct frame *f);
void trap_dispatch(struct frame *f)
{
	if (handlers[f->vector]) {
		handlers[f->vector](f);
		return;
	}
	if (f->vector < 32 && trap_resume) {
		caught.vector = f->vector;
		caught.error = f->error;
		caught.rip = f->rip;
		caught.cr2 = READ_REG("cr2");
		f->rip = trap_resume;
		trap_resume = 0;
		return;
	}
	fail("unexpected vector %llu, error 0x%llx, at 0x%llx, CR2 0x%llx",
	     (unsigned long long)f->vector, (unsigned long long)f->error,
	     (unsigned long long)f->rip, (unsigned long long)READ_REG("cr2"));
}
