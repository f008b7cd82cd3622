/* SPDX-License-Identifier: GPL-2.0-only */
/* Children, and words for the judge. See ring3.h. */
#include "tests/ring3/ring3.h"

#include <stdarg.h>
#include "kernel/abi/layout.h"
#include "lib/elf.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "manager/power.h"
#include "tests/cov/dump.h"

#define FILE_AT 0x300000000ULL /* where the program looks at its own file */

void say(const char *fmt, ...)
{
	char line[160];
	va_list args;

	va_start(args, fmt);
	format_v(line, sizeof(line), fmt, args);
	va_end(args);
	sys_log(line, strlen(line));
}

__attribute__((noreturn)) static void give_up(const char *what, int64_t status)
{
	say("FAIL %s: %lld", what, (long long)status);
	finish(0, 1);
}

static int must(const char *what, int64_t status)
{
	if (status < 0)
		give_up(what, status);
	return (int)status;
}

void world_init(struct world *w, const struct manager_boot *boot)
{
	struct range_info r;
	int best = 0;
	uint64_t size = 0;

	w->boot = boot;
	must("box_info", sys_box_info(&w->box));
	w->event = must("event", sys_event_create());
	for (uint32_t i = 0; i < boot->ram_ranges; i++) {
		must("range_info", sys_range_info(HANDLE_FIRST_RANGE + (int)i, &r));
		if (r.size > size) {
			size = r.size;
			best = HANDLE_FIRST_RANGE + (int)i;
		}
	}
	w->stacks = best;
	w->memory = must("split", sys_range_split(best, CHILD_THREADS * CHILD_STACK));
	must("map", sys_range_map(HANDLE_SELF_SPACE, (int)boot->module[0].handle, FILE_AT, 0, 4096, PROT_READ));
}

int child_create(struct world *w, uint64_t quota)
{
	const struct elf64_header *h = (const void *)(uintptr_t)FILE_AT;
	const struct elf64_segment *s = (const void *)(uintptr_t)(FILE_AT + h->phoff);
	int child = must("space", sys_space_create("child\0\0\0\0\0\0\0\0\0\0", quota));

	must("watch", sys_space_ctl(child, SPACE_WATCH, (uint64_t)w->event, DEATH));
	for (unsigned i = 0; i < h->phnum; i++, s++)
		if (s->type == ELF_LOAD && !(s->flags & ELF_W) && s->memsz != 0)
			must("code", sys_range_map(child, (int)w->boot->module[0].handle, s->vaddr & ~0xfffULL,
						   s->offset & ~0xfffULL,
						   ((s->vaddr & 0xfff) + s->memsz + 0xfff) & ~0xfffULL,
						   PROT_READ | (s->flags & ELF_X ? PROT_EXEC : 0U)));
	must("stacks", sys_range_map(child, w->stacks, CHILD_STACKS, 0, CHILD_THREADS * CHILD_STACK,
				     PROT_READ | PROT_WRITE));
	must("grant", sys_grant(child, child, RIGHT_ALL));
	return child;
}

void child_start(struct world *w, int child, unsigned n, void (*entry)(uint64_t), uint64_t argument,
		 unsigned cpu, unsigned priority)
{
	int t = must("thread", sys_thread_create(child, (uint64_t)(uintptr_t)entry,
						 CHILD_STACKS + (n + 1) * CHILD_STACK - 8, argument,
						 cpu % w->box.cpus, priority));

	must("start", sys_thread_ctl(t, THREAD_START, 0));
	sys_close(t);
}

struct space_info child_end(struct world *w, int child, uint64_t patience)
{
	struct space_info info;
	uint64_t bits;

	if (sys_event_wait(w->event, DEATH, sys_tsc() + patience, &bits) == E_TIMEOUT) {
		sys_space_ctl(child, SPACE_KILL, 0, 0);
		if (sys_event_wait(w->event, DEATH, sys_tsc() + 10 * w->box.tsc_hz, &bits) != 0)
			give_up("a killed space does not die", 0);
	}
	must("info", sys_space_ctl(child, SPACE_INFO, sys_ptr(&info), 0));
	sys_close(child);
	return info;
}

void child_exit(uint64_t code)
{
	sys_thread_ctl(0, THREAD_EXIT, code);
	for (;;)
		;
}

uint64_t pool_free(struct world *w)
{
	struct box_info info;
	uint64_t bits;

	/* The last thread's stack is given back once another runs on its processor. */
	(void)sys_event_wait(w->event, 0, sys_tsc() + w->box.tsc_hz / 50, &bits);
	must("box_info", sys_box_info(&info));
	return info.pool_free;
}

void finish(unsigned passed, unsigned failed)
{
	const struct manager_boot *boot = (const void *)(uintptr_t)USER_BOOT_PAGE;
	struct box_info box;
	char seal[24] = "";

	(void)sys_call6(SYS_MAX, 0, 0, COV_WORD, 0, 0, 0); /* make cov: the kernel's counters; else there is no such call */
	say("DONE %u passed %u failed", passed, failed);
	(void)sys_box_info(&box);
	(void)text_option(box.cmdline, "seal", seal, sizeof(seal));
	say("bulkhead: box off: %s%s%s", failed == 0 ? "ok" : "failed", seal[0] ? " #" : "", seal);
	power_off(boot, box.tsc_hz);
	for (;;)
		;
}
