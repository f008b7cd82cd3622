/* SPDX-License-Identifier: GPL-2.0-only */
/* Spaces: mappings, life and death. The system calls are in kernel/sys_space.c. */

#include "kernel/space.h"
#include "arch/cpu.h"
#include "arch/cr.h"
#include "kernel/abi/layout.h"
#include "kernel/box.h"
#include "kernel/event.h"
#include "kernel/isolation.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/pool.h"
#include "kernel/pool_impl.h"
#include "kernel/range.h"
#include "kernel/thread_impl.h"
#include "kernel/tlb.h"
#include "lib/list.h"
#include "lib/string.h"
#include "lib/text.h"
#include "lib/x86/pte.h"
#include <stddef.h>

#define USER_LOWEST 0x10000ULL
#define USER_HIGHEST \
	(USER_END - PAGE_4K) /* no SYSCALL at the very end: its RIP must stay canonical */

enum { USER_SLOTS = 256, SLOTS = 512 };

static struct spinlock tree_lock;

static void tree_add(struct space *s, struct space *parent)
{
	spin_lock(&tree_lock);
	s->sibling = parent->children;
	parent->children = s;
	spin_unlock(&tree_lock);
}

static void tree_remove(struct space *s, struct space *parent)
{
	struct space **at = &parent->children;

	spin_lock(&tree_lock);
	while (*at != s)
		at = &(*at)->sibling;
	*at = s->sibling;
	spin_unlock(&tree_lock);
}

void space_tree(bool hold) { hold ? spin_lock(&tree_lock) : spin_unlock(&tree_lock); }

struct space *space_next(const struct space *s)
{
	if (s->children)
		return s->children;
	while (s && !s->sibling)
		s = s->parent;
	return s ? s->sibling : NULL;
}

/* A child that is not dying yet, with a reference; NULL: none. */
static struct space *tree_live_child(struct space *parent)
{
	struct space *s;

	spin_lock(&tree_lock);
	for (s = parent->children; s; s = s->sibling)
		if (!__atomic_load_n(&s->dying, __ATOMIC_ACQUIRE) && object_get_live(&s->object))
			break;
	spin_unlock(&tree_lock);
	return s;
}

/* Each VM has a share of the processors' time: what a monitor makes has part in its own. */
static bool shares_of_its_own(const struct space *parent)
{
	return !parent || !parent->parent;
}

static size_t shares_bytes(void)
{
	return cpu_count * sizeof(struct share);
}

static void space_free(struct space *s, struct space *parent)
{
	if (shares_of_its_own(parent))
		pool_free(parent, s->share, shares_bytes());
	pool_free(parent, s, sizeof(*s));
}

int space_create(struct space *parent, const char *name, uint64_t quota, struct space **space)
{
	struct space *s;

	if (parent && parent->depth == SPACE_DEPTH_MAX)
		return E_RANGE;
	s = pool_alloc(parent, sizeof(*s));
	if (!s)
		return E_NOMEM;
	s->share = shares_of_its_own(parent) ? pool_alloc(parent, shares_bytes()) : parent->share;
	if (!s->share) {
		pool_free(parent, s, sizeof(*s));
		return E_NOMEM;
	}
	object_init(&s->object, OBJ_SPACE);
	(void)text_copy(s->name, sizeof(s->name), name);
	if (pool_move_quota(parent, s, quota) < 0)
		goto fail;
	s->pml4 = pool_page(s);
	if (!s->pml4 || isolation_space_create(s) < 0)
		goto fail;
	memcpy(&s->pml4[USER_SLOTS], &memory_kernel_pml4()[USER_SLOTS],
	       (SLOTS - USER_SLOTS) * sizeof(uint64_t));
	s->cr3 = pool_hpa(s->pml4).raw;
	s->parent = parent;
	if (parent) {
		object_get(&parent->object);
		s->depth = parent->depth + 1;
		tree_add(s, parent);
	}
	*space = s;
	return 0;
fail:
	if (s->pml4)
		pool_page_free(s, s->pml4);
	(void)pool_move_quota(s, parent, s->quota);
	space_free(s, parent);
	return E_NOMEM;
}

static void bury(struct space *s)
{
	struct space *parent = s->parent;

	if (s->pml4) /* never had a thread that died */
		space_teardown(s);
	if (parent)
		tree_remove(s, parent);
	verify(s->used == 0);
	(void)pool_move_quota(s, parent, s->quota);
	space_free(s, parent);
	if (parent)
		object_put(&parent->object);
}

/* One after the other: spaces can have the last handles of each other, in chains longer than a kernel stack. */
void space_destroy(struct object *o)
{
	struct percpu *cpu = percpu_self();
	struct space *s = list_entry(o, struct space, object);

	s->doomed = cpu->doomed;
	cpu->doomed = s;
	if (cpu->burying)
		return;
	cpu->burying = true;
	while ((s = cpu->doomed) != NULL) {
		cpu->doomed = s->doomed;
		bury(s);
	}
	cpu->burying = false;
}

void space_switch(struct space *s)
{
	struct percpu *cpu = percpu_self();
	struct space *old = cpu->space;
	uint64_t bit = 1ULL << cpu->index;

	if (s)
		__atomic_fetch_or(&s->active, bit, __ATOMIC_SEQ_CST);
	write_cr3(s ? s->cr3 : memory_kernel_cr3());
	isolation_switch(cpu, s);
	cpu->space = s;
	if (old && old != s)
		__atomic_fetch_and(&old->active, ~bit, __ATOMIC_SEQ_CST);
}

struct space *space_vm(struct space *s)
{
	while (s->parent && s->parent->parent)
		s = s->parent;
	return s;
}

/*
 * The log is everybody's: a VM that resets itself for ever must not push out what others say. The first program, which
 * reads it, writes what it likes.
 */
enum { LOG_BURST = 100, LOG_LINES_A_SECOND = 20 };

bool space_may_log(struct space *s, uint32_t lines)
{
	uint64_t now = rdtsc(), line = box.tsc_hz / LOG_LINES_A_SECOND;
	uint32_t dropped = 0;
	bool may;

	if (!s->parent)
		return true;
	s = space_vm(s);
	spin_lock(&s->lock);
	if (s->log_paid < now)
		s->log_paid = now;
	may = s->log_paid - now < LOG_BURST * line;
	if (may) {
		s->log_paid += lines * line;
		dropped = s->log_dropped;
		s->log_dropped = 0;
	} else {
		s->log_dropped += lines;
	}
	spin_unlock(&s->lock);
	if (dropped != 0)
		log_line(s->name, "%u lines left out: it says too much", dropped);
	return may;
}

/* ---- mappings */

static uint64_t leaf_flags(uint32_t prot, enum map_type type)
{
	uint64_t flags = PTE_P | PTE_U | PTE_A;

	if (prot & PROT_WRITE)
		flags |= PTE_W | PTE_D;
	if (!(prot & PROT_EXEC) && cpu_has(CPU_NX))
		flags |= PTE_NX;
	if (type == MAP_UC || (type == MAP_WC && !cpu_has(CPU_PAT)))
		flags |= PTE_PCD | PTE_PWT;
	else if (type == MAP_WC)
		flags |= PTE_PAT;
	return flags;
}

static int check_area(uint64_t va, uint64_t size)
{
	if ((va | size) & (PAGE_4K - 1) || size == 0)
		return E_INVAL;
	return va < USER_LOWEST || va >= USER_HIGHEST || size > USER_HIGHEST - va ? E_RANGE : 0;
}

/* [space lock] Where a mapping at va belongs in the sorted list; NULL when something is there. */
static struct mapping **find_gap(struct space *s, uint64_t va, uint64_t size)
{
	struct mapping **at = &s->mappings;

	while (*at && (*at)->va + (*at)->size <= va)
		at = &(*at)->next;
	return *at && (*at)->va < va + size ? NULL : at;
}

int space_map(struct space *s, uint64_t va, hpa_t base, uint64_t size, uint32_t prot,
	      enum map_type type, struct range *range)
{
	struct mapping *m, **at;
	int r = check_area(va, size);

	if (r < 0)
		return r;
	if (base.raw & (PAGE_4K - 1) || !(prot & PROT_READ) || prot > 7)
		return E_INVAL;
	if (prot & PROT_WRITE && prot & PROT_EXEC)
		return E_PERM;
	m = pool_alloc(s, sizeof(*m));
	if (!m)
		return E_NOMEM;
	*m = (struct mapping){ .va = va, .size = size, .range = range };
	spin_lock(&s->lock);
	at = find_gap(s, va, size);
	if (s->dying || !s->pml4)
		r = E_DEAD;
	else if (!at)
		r = E_EXIST;
	else
		r = page_map(s->pml4, s, va, base, size, leaf_flags(prot, type),
			     cpu_has(CPU_PAGE_1G));
	if (r == 0) {
		isolation_space_sync(s);
		m->next = *at;
		*at = m;
		if (range)
			object_get(&range->object);
	}
	spin_unlock(&s->lock);
	if (r < 0) {
		/* What was mapped before memory ran out may be in another processor's TLB. */
		tlb_flush(s);
		pool_free(s, m, sizeof(*m));
	}
	return r;
}

static void mappings_release(struct space *s, struct mapping *list)
{
	while (list) {
		struct mapping *next = list->next;

		if (list->range) {
			range_unmapped(list->range);
			object_put(&list->range->object);
		}
		pool_free(s, list, sizeof(*list));
		list = next;
	}
}

int space_unmap(struct space *s, uint64_t va, uint64_t size, bool kernel)
{
	struct mapping **at, **last, *list;
	int r = check_area(va, size);

	if (r < 0)
		return r;
	spin_lock(&s->lock);
	at = &s->mappings;
	while (*at && (*at)->va + (*at)->size <= va)
		at = &(*at)->next;
	r = !s->pml4 ? E_DEAD : *at && (*at)->va < va + size ? 0 : E_INVAL;
	for (last = at; *last && (*last)->va < va + size && r == 0; last = &(*last)->next) {
		if ((*last)->va < va || (*last)->va + (*last)->size > va + size)
			r = E_RANGE;
		else if (!(*last)->range && !kernel)
			r = E_PERM;
	}
	if (r < 0) {
		spin_unlock(&s->lock);
		return r;
	}
	list = *at;
	*at = *last;
	*last = NULL;
	for (struct mapping *m = list; m; m = m->next)
		page_unmap(s->pml4, m->va, m->size);
	spin_unlock(&s->lock);
	tlb_flush(s);
	mappings_release(s, list);
	return 0;
}

/* ---- death */

void space_kill(struct space *s, const struct space_info *why)
{
	bool first, empty;

	spin_lock(&s->lock);
	first = !s->dying;
	empty = s->thread_count == 0;
	if (first) {
		s->dying = true;
		s->info = *why;
		for (struct thread *t = s->threads; t; t = t->space_next)
			sched_kill(t);
	}
	spin_unlock(&s->lock);
	if (first && empty)
		space_teardown(s);
}

void space_teardown(struct space *s)
{
	static const struct space_info orphaned = { .reason = REASON_KILLED };
	struct mapping *list;
	struct event *watch;
	struct space *child;
	uint64_t *pml4;

	/* Also what ends spaces that hold handles to themselves or to each other. */
	while ((child = tree_live_child(s)) != NULL) {
		space_kill(child, &orphaned);
		object_put(&child->object);
	}
	cpu_release_all(s);
	handle_remove_all(s);
	spin_lock(&s->lock);
	list = s->mappings;
	s->mappings = NULL;
	pml4 = s->pml4;
	s->pml4 = NULL;
	watch = s->watch;
	s->watch = NULL;
	spin_unlock(&s->lock);
	tlb_flush(s);
	mappings_release(s, list);
	page_free_tables(pml4, s);
	if (s->user_pml4)
		pool_page_free(s, s->user_pml4);
	if (watch) {
		event_signal(watch, s->watch_bits);
		event_put(watch);
	}
	if (!s->parent)
		fatal("the manager ended (reason %u, vector %u, code 0x%lx, at 0x%lx, address "
		      "0x%lx)",
		      s->info.reason, s->info.vector, s->info.error, s->info.rip, s->info.cr2);
}
