/* SPDX-License-Identifier: GPL-2.0-only */
/* The time-stamp counter: how fast it is, and whether all processors agree on it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tsc_reference {
	volatile uint32_t *hpet; /* mapped registers, or NULL */
	uint16_t pm_timer; /* port, or 0 */
	bool pm_timer_32bit;
};

struct tsc_calibration {
	uint64_t tsc_hz;
	uint64_t apic_hz; /* the local APIC timer's, undivided; 0: it does not count */
	const char *source;
};

/* Compares both with the HPET, the PM timer or the PIT (always there), the first that works. */
void tsc_calibrate(const struct tsc_reference *ref, struct tsc_calibration *result);

/*
 * Warp check: two processors call it together, each with its own side (0 or 1). Returns, on both,
 * whether either saw time go backwards.
 */
bool tsc_warp_check(unsigned side);
/* Busy wait; hz as calibrated. */
void tsc_delay_us(uint64_t hz, uint64_t us);
