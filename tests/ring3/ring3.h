/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the hostile ring-3 programs share. Each is booted in the manager's place, so it owns the box's
 * memory; its attacks run in child spaces, which have its code and constants but none of its data.
 */
#pragma once

#include <stdint.h>
#include "kernel/abi/sys.h"

#define CHILD_STACKS 0x10000000ULL /* CHILD_THREADS of 64 KiB, read and write */
#define CHILD_STACK  0x10000ULL
enum { CHILD_THREADS = 4 };

struct world {
	const struct manager_boot *boot;
	struct box_info box;
	int event; /* children's deaths: DEATH */
	int stacks; /* range of the child's stacks */
	int memory; /* range of RAM to give away */
};
enum { DEATH = 16 };

/* A line for the box's log. */
__attribute__((format(printf, 1, 2))) void say(const char *fmt, ...);
void world_init(struct world *w, const struct manager_boot *boot);
/* A watched space with the program's code and its stacks mapped; its handle 1 is itself. */
int child_create(struct world *w, uint64_t quota);
/* Starts thread n of the child at entry(argument). */
void child_start(struct world *w, int child, unsigned n, void (*entry)(uint64_t), uint64_t argument,
		 unsigned cpu, unsigned priority);
/* Waits until it is dead, kills it after `patience` TSC ticks, closes it, and says how it ended. */
struct space_info child_end(struct world *w, int child, uint64_t patience);
/* In a child: the last act of a thread. */
__attribute__((noreturn)) void child_exit(uint64_t code);
/* Free bytes of the kernel's pool. */
uint64_t pool_free(struct world *w);
/* The last line, then power off. */
__attribute__((noreturn)) void finish(unsigned passed, unsigned failed);
