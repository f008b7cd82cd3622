/* SPDX-License-Identifier: GPL-2.0-only */
/* What the sources of the payload `apic` share. */
#pragma once

#include "tests/payload/lib/payload.h"

enum { VEC_A = 0x51, VEC_B = 0x72, VEC_C = 0x93, PIN_PIT = 2, PIN_COM1 = 4, COM1 = 0x3f8 };

extern volatile unsigned hits_a, hits_b, nmis;
extern volatile uint64_t order[8]; /* the vectors as they came */
extern volatile unsigned ordered;

/* The local APIC on, as x2APIC where that is wanted and there; nothing counted, A and B on their handlers. */
void begin(bool x2);
void count_a(struct frame *f);
void count_b(struct frame *f);
/* True when *count reaches `want` while interrupts are on; gives up after ten seconds or more. */
bool wait_for(volatile unsigned *count, unsigned want);
/* The serial port's "transmitter empty" interrupt as a level: it stays until IIR is read. */
void com1_assert(void);
void com1_deassert(void);

/* ---- delivery.c ---- */

void priorities(void), priorities_cr8(void), nesting(void), sti_shadow(void),
	sti_shadow_exits(void), interrupt_window(void), popf_window(void), hlt_wake(void),
	hlt_pending(void), nmi(void), hlt_nmi(void);

/* ---- ioapic.c ---- */

void ioapic_registers(void), ioapic_edge(void), level_reassert(void), level_remote_irr(void),
	level_remapped(void);

/* ---- pv_eoi.c ---- */

void pv_eoi_edges(void), pv_eoi_levels(void), pv_eoi_nowhere(void);
