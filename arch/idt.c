/* SPDX-License-Identifier: GPL-2.0-only */
/* The interrupt descriptor table, one for all processors. */

#include "arch/seg.h"
#include "arch/trap.h"
#include "lib/x86/cr.h"

struct gate {
	uint16_t offset0, selector;
	uint8_t ist, attr;
	uint16_t offset1;
	uint32_t offset2, reserved;
};

_Static_assert(sizeof(struct gate) == 16, "[SDM3 \"64-Bit Mode IDT\"]");

enum { GATE_INTERRUPT = 0x8e, GATE_INTERRUPT_USER = 0xee };

extern const char trap_stubs[256][16];
static struct gate idt[256] __attribute__((aligned(4096)));

void idt_init(void)
{
	static const uint8_t ist[256] = {
		[VECTOR_NMI] = IST_NMI, [VECTOR_DB] = IST_DB, [VECTOR_DF] = IST_DF, [VECTOR_MC] = IST_MC
	};

	for (unsigned v = 0; v < 256; v++) {
		uint64_t at = (uint64_t)trap_stubs[v];

		idt[v] = (struct gate){
			.offset0 = (uint16_t)at,
			.selector = SEL_KERNEL_CS,
			.ist = ist[v],
			/* INT3 and INTO are ring 3's to use; they end its space like any fault. */
			.attr = v == VECTOR_BP || v == VECTOR_OF ? GATE_INTERRUPT_USER
								 : GATE_INTERRUPT,
			.offset1 = (uint16_t)(at >> 16),
			.offset2 = (uint32_t)(at >> 32),
		};
	}
}

const void *idt_page(void)
{
	return idt;
}

void idt_load(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) r = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lidt %0" : : "m"(r));
}
