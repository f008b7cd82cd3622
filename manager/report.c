/* SPDX-License-Identifier: GPL-2.0-only */
/* What a VM costs, and who disturbed it: lines for `counters` on the box's command line. */
#include "manager/manager.h"

static void report_processor(const struct guest *g, unsigned cpu)
{
	struct cpu_stats s;

	if (sys_box_cpu_stats(HANDLE_BOX, cpu, &s) != 0)
		return;
	manager_say("vm %s: processor %u: exclusive=%u ticks=%llu foreign_ipis=%llu foreign_shootdowns=%llu "
		    "foreign_lock_waits=%llu; lock_waits=%llu ipis=%llu shootdowns=%llu interrupts=%llu switches=%llu",
		    g->config->name, cpu, s.exclusive, (unsigned long long)s.ticks,
		    (unsigned long long)s.foreign_ipis, (unsigned long long)s.foreign_shootdowns,
		    (unsigned long long)s.foreign_lock_waits, (unsigned long long)s.lock_waits,
		    (unsigned long long)s.ipis,
		    (unsigned long long)s.shootdowns, (unsigned long long)s.interrupts,
		    (unsigned long long)s.switches);
}

void guest_report(struct manager *m, const struct guest *g)
{
	struct space_info space;
	struct range_info private;
	struct vm_info vm;

	if ((m->monitor_flags & MONITOR_COUNTERS) == 0)
		return;
	if (sys_space_ctl(g->space, SPACE_INFO, sys_ptr(&space), 0) == 0 &&
	    sys_range_info(g->private, &private) == 0 && sys_vm_ctl(g->vm, VM_INFO, sys_ptr(&vm)) == 0)
		manager_say("vm %s: memory: kernel=%lluK monitor=%lluK, apart from them nested tables=%lluK",
			    g->config->name, (unsigned long long)(space.used - vm.npt_pages) * 4,
			    (unsigned long long)private.size >> 10, (unsigned long long)vm.npt_pages * 4);
	for (unsigned i = 0; i < g->config->cpus && g->config->exclusive; i++)
		report_processor(g, g->place->cpu[i]);
}
