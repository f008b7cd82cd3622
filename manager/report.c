/* SPDX-License-Identifier: GPL-2.0-only */
/* What a VM costs, who disturbed it, and what is free: for `counters` on the box's command line, and the menu. */
#include "manager/manager.h"

#include "lib/format.h"

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

void report_memory(struct manager *m, char *line, size_t bytes)
{
	struct space_info info = { 0 };

	sys_box_info(&m->box);
	sys_space_ctl(HANDLE_SELF_SPACE, SPACE_INFO, sys_ptr(&info), 0);
	format(line, bytes, "memory: %llu KiB free for VMs in %u pieces, the largest of %llu KiB; of the "
			    "kernel's %llu KiB %llu free, %llu bytes in small objects; the manager has %llu KiB of them and %u handles",
	       (unsigned long long)(memory_free(&m->memory) >> 10), m->memory.pieces,
	       (unsigned long long)(memory_largest(&m->memory) >> 10),
	       (unsigned long long)(m->box.pool_bytes >> 10), (unsigned long long)(m->box.pool_free >> 10),
	       (unsigned long long)m->box.pool_small,
	       (unsigned long long)info.used * 4, info.handles);
}

void report_gone(struct manager *m, const struct guest *g)
{
	char line[240];

	if ((m->monitor_flags & MONITOR_COUNTERS) == 0)
		return;
	report_memory(m, line, sizeof(line));
	manager_say("without vm %s: %s", g->config->name, line);
}
