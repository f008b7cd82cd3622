/* SPDX-License-Identifier: GPL-2.0-only */
/* Spaces: an address space, its handles, its threads and its account of kernel memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "arch/spinlock.h"
#include "kernel/abi/syscall.h"
#include "kernel/handle.h"
#include "kernel/percpu.h"
#include "kernel/pool.h"
#include "lib/addr.h"

#define SPACE_DEPTH_MAX	 4
#define HANDLE_PAGES_MAX 16
#define HANDLES_PER_PAGE 256

struct event;
struct range;

struct handle_slot {
	struct object *object;
	uint32_t rights;
	uint32_t reserved;
};

enum map_type { MAP_WB, MAP_UC, MAP_WC };

/* One contiguous mapping in the user half. */
struct mapping {
	struct mapping *next; /* [space lock] sorted by va */
	uint64_t va, size;
	struct range *range; /* holds a reference; NULL: the kernel itself mapped it */
};

struct space {
	struct object object;
	char name[16]; /* (c) */
	struct spinlock lock;
	uint64_t *pml4; /* (c) pool memory; NULL once torn down */
	uint64_t cr3; /* (c) */
	uint64_t *user_pml4; /* (c) kernel/isolation.h: what ring 3 runs with; NULL: cr3 */
	struct mapping *mappings; /* [lock] */
	struct handle_slot *handles[HANDLE_PAGES_MAX]; /* [lock] */
	struct thread *threads; /* [lock] all of them */
	unsigned thread_count; /* [lock] */
	bool dying; /* [lock] to set; (a) to read */
	struct space_info info; /* [lock] reason and fault */
	struct event *watch; /* [lock] holds a reference */
	uint64_t watch_bits; /* [lock] */
	uint64_t log_paid; /* [lock] TSC up to which its share of the log is used up */
	uint32_t log_dropped; /* [lock] lines since the last one that was let through */
	uint64_t active; /* (a) processors that have its page tables loaded */
	uint64_t quota, used; /* [pool lock] 4 KiB pages */
	uint32_t room[SMALL_SHIFTS]; /* [pool lock] of its pages of small objects, those with room */
	struct share *share; /* (c) a processor; [run] what is in it. Of the child of the manager that we belong to */
	uint32_t timers; /* (a) of events of its own and of its children's, armed; where share is its own */
	struct space *parent; /* (c) holds a reference; gets the quota back; its death is ours */
	struct space *children, *sibling; /* [tree lock] hold no references */
	unsigned depth; /* (c) SPACE_DEPTH_MAX at most: a parent's death recurses */
	struct space *doomed; /* percpu.doomed's list */
};

/* The first space and later ones; quota is taken from the parent (NULL: from the pool). */
int space_create(struct space *parent, const char *name, uint64_t quota, struct space **space);

/*
 * Maps physical memory at va, all 4 KiB aligned, with the largest pages that fit; prot is PROT_*.
 * E_EXIST when something is there, E_RANGE outside the user half, E_NOMEM. range may be NULL. The
 * VM code maps guest RAM and vCPU areas into the monitor by it.
 */
int space_map(struct space *s, uint64_t va, hpa_t base, uint64_t size, uint32_t prot,
	      enum map_type type, struct range *range);
/*
 * Removes whole mappings that lie in [va, va + size), and flushes where the space is active.
 * E_RANGE when a mapping straddles an end, E_INVAL when there is none. E_PERM: a mapping without a
 * range (the kernel's own) and !kernel.
 */
int space_unmap(struct space *s, uint64_t va, uint64_t size, bool kernel);

/* Every thread of s dies at its next way out of the kernel. First reason wins. */
void space_kill(struct space *s, const struct space_info *why);
/* The child of the first space that s is or comes from: a VM's monitor, and whatever that makes, are one. */
struct space *space_vm(struct space *s);
/* May s, or the kernel on its account, write so many lines now? What may not is counted, and told later. */
bool space_may_log(struct space *s, uint32_t lines);
/* Makes page tables current on this processor; NULL: the kernel's own. */
void space_switch(struct space *s);
/* While it is held no space comes or goes: after s, its first child, or the next one. NULL: s was the last. */
void space_tree(bool hold);
struct space *space_next(const struct space *s);
/* The last thread is gone: mappings, handles and tables are given back, the watcher is told. */
void space_teardown(struct space *s);
