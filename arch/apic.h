/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's local APIC, by MMIO or, in x2APIC mode, by MSR: one mode for all processors. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define APIC_DEFAULT_BASE 0xfee00000ULL

/*
 * On the first processor, once: mmio is the mapped register page, used unless x2apic. On return the
 * APIC is on, with every local source masked but the error and the spurious vector.
 */
void apic_init(volatile uint32_t *mmio, bool x2apic);
/* On every other processor. */
void apic_cpu_init(void);
bool apic_is_x2apic(void);
uint32_t apic_id(void);
void apic_eoi(void);

void apic_send(uint32_t apic_id, uint8_t vector);
void apic_send_nmi_others(void);
void apic_send_init(uint32_t apic_id);
void apic_send_startup(uint32_t apic_id, uint8_t page);

/* Timer. Counting down from 0xffffffff, for calibration; stops it; the count that is left. */
void apic_timer_free_run(void);
uint32_t apic_timer_left(void);
/*
 * ticks_per_tsc: APIC timer ticks in 2^32 TSC ticks, 0: TSC-deadline mode. Same on every processor;
 * apic_timer_cpu_init applies it.
 */
void apic_timer_init(uint64_t ticks_per_tsc);
void apic_timer_cpu_init(void);
/*
 * VECTOR_TIMER on this processor at TSC = deadline, or at once; UINT64_MAX: never. May come early.
 */
void apic_timer_set(uint64_t now, uint64_t deadline);
