/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Places virtual processors: pinned ones where the config says, exclusive ones from the highest
 * number down, all others where the fewest are. Moves nothing later, starts nothing.
 */
#include "manager/placement.h"

#include "lib/format.h"
#include "lib/string.h"

struct tally {
	unsigned cpus;
	uint16_t vcpus[CONFIG_HOST_CPUS]; /* placed there */
	bool taken[CONFIG_HOST_CPUS]; /* exclusively */
};

__attribute__((format(printf, 2, 3))) static void no(struct placement *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	format_v(p->why, sizeof(p->why), fmt, args);
	va_end(args);
	p->ok = false;
}

static bool pins_exist(const struct config_vm *vm, struct placement *p, unsigned cpus)
{
	for (uint32_t i = 0; i < vm->cpus; i++) {
		if (vm->pin[i] >= cpus) {
			no(p, "cpus = ... %u: this box has processors 0 to %u", vm->pin[i], cpus - 1);
			return false;
		}
	}
	return true;
}

static void place_pinned(const struct config_vm *vm, struct placement *p, struct tally *t)
{
	if (!pins_exist(vm, p, t->cpus))
		return;
	for (uint32_t i = 0; i < vm->cpus; i++) {
		unsigned cpu = vm->pin[i];

		if (t->taken[cpu] || (vm->exclusive && (t->vcpus[cpu] || cpu == 0))) {
			no(p, "processor %u is %s", cpu,
			   cpu == 0	   ? "the manager's and cannot be exclusive" :
			   t->taken[cpu] ? "another VM's, exclusively" :
					   "another VM's as well and cannot be exclusive");
			return;
		}
	}
	for (uint32_t i = 0; i < vm->cpus; i++) {
		p->cpu[i] = vm->pin[i];
		t->vcpus[vm->pin[i]]++;
		t->taken[vm->pin[i]] = vm->exclusive;
	}
	p->ok = true;
}

static void place_exclusive(const struct config_vm *vm, struct placement *p, struct tally *t)
{
	uint32_t found = 0;

	for (unsigned cpu = t->cpus; cpu-- > 1 && found < vm->cpus;) {
		if (!t->taken[cpu] && !t->vcpus[cpu])
			p->cpu[found++] = (uint16_t)cpu;
	}
	if (found < vm->cpus) {
		no(p, "exclusive = yes needs %u processors of its own; of this box's %u, %u %s free for that",
		   vm->cpus, t->cpus, found, found == 1 ? "is" : "are");
		return;
	}
	for (uint32_t i = 0; i < found; i++) {
		t->vcpus[p->cpu[i]]++;
		t->taken[p->cpu[i]] = true;
	}
	p->ok = true;
}

/* Where the fewest are; of equals the highest, so that the manager's comes last. */
static unsigned idlest(const struct tally *t)
{
	unsigned best = 0;

	for (unsigned cpu = 1; cpu < t->cpus; cpu++) {
		if (!t->taken[cpu] && t->vcpus[cpu] <= t->vcpus[best])
			best = cpu;
	}
	return best;
}

static void place_shared(const struct config_vm *vm, struct placement *p, struct tally *t)
{
	for (uint32_t i = 0; i < vm->cpus; i++) {
		p->cpu[i] = (uint16_t)idlest(t);
		t->vcpus[p->cpu[i]]++;
	}
	p->ok = true;
}

static void place_io(struct placement *p, const struct tally *t)
{
	p->io = p->ok && !t->taken[p->cpu[0]] ? p->cpu[0] : 0;
}

void placement_make(const struct config *config, unsigned host_cpus,
		    struct placement place[CONFIG_VM_MAX])
{
	struct tally t = { .cpus = host_cpus < CONFIG_HOST_CPUS ? host_cpus : CONFIG_HOST_CPUS };

	memset(place, 0, CONFIG_VM_MAX * sizeof(*place));
	/* Who is choosy comes first: exclusive lists, then other lists, exclusive numbers, the rest. */
	for (unsigned pass = 0; pass < 4; pass++) {
		for (uint32_t i = 0; i < config->vm_count; i++) {
			const struct config_vm *vm = &config->vm[i];
			unsigned turn = vm->pinned ? (vm->exclusive ? 0 : 1) : vm->exclusive ? 2 : 3;

			if (vm->wrong || turn != pass)
				continue;
			if (vm->pinned)
				place_pinned(vm, &place[i], &t);
			else if (vm->exclusive)
				place_exclusive(vm, &place[i], &t);
			else
				place_shared(vm, &place[i], &t);
		}
	}
	for (uint32_t i = 0; i < config->vm_count; i++)
		place_io(&place[i], &t);
}
