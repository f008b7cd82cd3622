/* SPDX-License-Identifier: GPL-2.0-only */
/* The time of day, read once from the CMOS clock and carried on by the TSC. */
#pragma once

#include <stdint.h>

/* Reads the clock; at boot. */
void wall_init(uint64_t tsc_hz);
/* Nanoseconds since 1970-01-01 00:00 UTC; 0 when the clock is not set. */
uint64_t wall_now(void);
/* Of a date; month 1 to 12. */
uint64_t wall_seconds(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute, unsigned second);
