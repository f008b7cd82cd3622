/* SPDX-License-Identifier: GPL-2.0-only */
/* One-shot timers in host TSC units, a sorted queue per processor. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TIMER_NEVER UINT64_MAX

struct ktimer {
	uint64_t deadline; /* [queue lock] */
	struct ktimer *next, *prev; /* [queue lock] */
	unsigned cpu; /* [queue lock] whose queue it is in */
	bool armed; /* [queue lock] */
	uint32_t *count; /* [queue lock] NULL, or goes up and down with `armed` (a); changes while it is not */
	void (*fire)(struct ktimer *t); /* (c) called on that processor, interrupts off, no lock held */
};

/* Arms t (again) on the calling processor. A deadline that has passed fires at the next interrupt window. */
void timer_arm(struct ktimer *t, uint64_t deadline);
/* After it returns t is not queued; fire() may be running on another processor only if t was armed there. */
void timer_cancel(struct ktimer *t);
