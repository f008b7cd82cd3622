/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For `make STRETCH=1`, which `bulkhead bench` builds: how long a processor keeps interrupts off, in TSC
 * ticks, and the longest to the log with the place where it ended. Costs nothing otherwise.
 */
#pragma once

#ifdef STRETCH
/* Interrupts have just been on. */
void stretch_begin(void);
/* They are about to be on, or the guest runs, or ring 3. */
void stretch_end(const char *where, unsigned which);
#else
static inline void stretch_begin(void) {}
static inline void stretch_end(const char *where, unsigned which) { (void)where, (void)which; }
#endif
