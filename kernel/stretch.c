/* SPDX-License-Identifier: GPL-2.0-only */
/* See stretch.h; empty in an ordinary build. */
#include "kernel/stretch.h"

#ifdef STRETCH
#include "arch/cpu.h"
#include "kernel/log.h"
#include "kernel/percpu.h"

void stretch_begin(void)
{
	percpu_self()->stretch_from = rdtsc();
}

void stretch_end(const char *where, unsigned which)
{
	struct percpu *cpu = percpu_self();
	uint64_t ticks = rdtsc() - cpu->stretch_from;

	if (cpu->stretch_from == 0 || ticks <= cpu->stretch_worst)
		return;
	cpu->stretch_worst = ticks;
	log_line("stretch", "%lu ticks, up to %s %u", ticks, where, which);
	cpu->stretch_from = rdtsc(); /* the log is no part of it */
}
#endif
