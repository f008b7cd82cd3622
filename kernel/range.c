/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory ranges and their system calls. One lock covers all of them: these calls are rare. */

#include "kernel/range.h"
#include "arch/spinlock.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/pool.h"
#include "kernel/space.h"
#include "kernel/sys.h"
#include "kernel/thread_impl.h"
#include "kernel/user.h"
#include "lib/list.h"
#include "lib/string.h"
#include "lib/x86/pte.h"
#include <stddef.h>

enum { SCRUB_CALL = 2 << 20 /* bytes that one call scrubs at most: who is less urgent waits for so many */ };

static struct spinlock range_lock;

static struct range *range_new(struct space *payer, hpa_t base, uint64_t size, uint32_t type)
{
	struct range *r = pool_alloc(payer, sizeof(*r));

	if (!r)
		return NULL;
	object_init(&r->object, OBJ_RANGE);
	r->base = base;
	r->size = size;
	r->type = type;
	r->payer = payer;
	object_get(&payer->object);
	return r;
}

int64_t range_create(struct space *s, hpa_t base, uint64_t size, uint32_t type, uint64_t bytes,
		     uint32_t rights)
{
	struct range *r = range_new(s, base, size, type);
	int64_t handle;

	if (!r)
		return E_NOMEM;
	r->bytes = bytes;
	handle = handle_add(s, &r->object, rights);
	if (handle < 0) {
		r->size = 0; /* the memory is still the caller's */
		object_put(&r->object);
	}
	return handle;
}

void range_destroy(struct object *o)
{
	struct range *r = list_entry(o, struct range, object);
	struct space *payer = r->payer;

	if (r->type == RANGE_RAM && r->size)
		log_line("mem", "%lu KiB at 0x%lx lost: their last handle was closed",
			 r->size >> 10, r->base.raw);
	pool_free(payer, r, sizeof(*r));
	object_put(&payer->object);
}

void range_unmapped(struct range *r)
{
	spin_lock(&range_lock);
	r->maps--;
	spin_unlock(&range_lock);
}

/* The range, if the handle has the rights `need`; which it has goes to *have. */
static int decode_range(uint64_t handle, uint32_t need, struct range **r, uint32_t *have)
{
	struct object *o;
	int e = handle_find(thread_self()->space, handle, OBJ_RANGE, need, &o, have);

	*r = e < 0 ? NULL : list_entry(o, struct range, object);
	return e;
}

/* [range_lock] May its extent change? */
static int range_free_to_change(const struct range *r)
{
	return r->type != RANGE_RAM || r->size == 0 ? E_INVAL : r->maps || r->moving ? E_BUSY : 0;
}

/* ---- moving */

int range_move_begin(struct space *s, uint64_t handle, struct range **range)
{
	struct object *o;
	int e = handle_get(s, handle, OBJ_RANGE, RIGHT_CONTROL, &o);
	struct range *r;

	if (e < 0)
		return e;
	r = list_entry(o, struct range, object);
	spin_lock(&range_lock);
	e = range_free_to_change(r);
	if (e == 0 && __atomic_load_n(&o->refs, __ATOMIC_ACQUIRE) != 2) /* its handle and ours */
		e = E_BUSY;
	r->moving |= e == 0;
	spin_unlock(&range_lock);
	if (e < 0)
		object_put(o);
	else
		*range = r;
	return e;
}

void range_move_end(struct space *s, uint64_t handle, struct range *r, bool moved)
{
	spin_lock(&range_lock);
	r->moving = false;
	if (moved)
		r->size = 0; /* whoever got hold of it meanwhile holds nothing */
	spin_unlock(&range_lock);
	if (moved)
		(void)handle_remove(s, handle, &r->object);
	object_put(&r->object);
}

/* ---- scrubbing */

/* Past the caches: nobody reads these zeros soon. Not ordered: SFENCE is the caller's. */
static void zero(void *to, uint64_t bytes)
{
	for (char *p = to, *end = p + bytes; p != end; p += 64)
		__asm__ volatile("movnti %1, (%0)\n\tmovnti %1, 8(%0)\n\tmovnti %1, 16(%0)\n\t"
				 "movnti %1, 24(%0)\n\tmovnti %1, 32(%0)\n\tmovnti %1, 40(%0)\n\t"
				 "movnti %1, 48(%0)\n\tmovnti %1, 56(%0)"
				 :
				 : "r"(p), "r"(0ULL)
				 : "memory");
}

static bool is_zero(const void *from, uint64_t bytes)
{
	for (const uint64_t *p = from, *end = p + bytes / 8; p != end; p += 8)
		if ((p[0] | p[1] | p[2] | p[3] | p[4] | p[5] | p[6] | p[7]) != 0)
			return false;
	return true;
}

/*
 * Looks before it writes, page by page: memory that is zero stays untouched. A page in use shows that
 * in its first bytes; and below an emulator or another hypervisor, memory that nobody has written yet
 * costs nothing until somebody does.
 */
static void scrub_pages(char *p, uint64_t bytes)
{
	for (char *end = p + bytes; p != end; p += PAGE_4K)
		if (!is_zero(p, PAGE_4K))
			zero(p, PAGE_4K);
	__asm__ volatile("sfence" : : : "memory");
}

int scrub_memory(hpa_t base, uint64_t size, uint64_t *done)
{
	for (uint64_t call = 0; *done < size;) {
		uint64_t n = size - *done < WINDOW_BYTES ? size - *done : WINDOW_BYTES;

		if (call >= SCRUB_CALL || thread_dying())
			return E_AGAIN;
		scrub_pages(memory_window(base.raw + *done, n), n);
		memory_window_close(); /* the memory may be a guest's next */
		*done += n;
		call += n;
		sched_yield_point();
	}
	return 0;
}

int64_t sys_range_scrub(struct sys_frame *f, struct object *o)
{
	struct range *r = list_entry(o, struct range, object);
	int e;

	(void)f;
	spin_lock(&range_lock);
	e = range_free_to_change(r);
	r->moving |= e == 0;
	spin_unlock(&range_lock);
	if (e < 0)
		return e;
	e = scrub_memory(r->base, r->size, &r->scrubbed);
	spin_lock(&range_lock);
	r->moving = false;
	if (e == 0)
		r->scrubbed = 0;
	spin_unlock(&range_lock);
	return e;
}

/* ---- split, merge, info */

/* [range_lock] */
static int do_split(struct range *r, struct range *upper, uint64_t offset)
{
	int e = range_free_to_change(r);

	if (e == 0 && (offset == 0 || offset >= r->size))
		e = E_RANGE;
	if (e < 0)
		return e;
	upper->base = hpa(r->base.raw + offset);
	upper->size = r->size - offset;
	upper->type = r->type;
	upper->node = r->node;
	r->size = offset;
	r->scrubbed = 0;
	return 0;
}

int64_t sys_range_split(struct sys_frame *f, struct object *o)
{
	struct space *s = thread_self()->space;
	struct range *r, *upper;
	uint32_t rights;
	int64_t handle;
	int e = decode_range(f->arg[0], RIGHT_CONTROL, &r, &rights);

	(void)o;
	if (e < 0)
		return e;
	upper = range_new(s, hpa(0), 0, RANGE_RAM);
	/* Both parts are worth what the whole was. */
	handle = !upper ? E_NOMEM : handle_add(s, &upper->object, rights);
	if (handle >= 0) {
		object_get(&upper->object); /* the handle may be closed before we are through */
		spin_lock(&range_lock);
		e = f->arg[1] & (PAGE_4K - 1) ? E_INVAL : do_split(r, upper, f->arg[1]);
		spin_unlock(&range_lock);
		if (e < 0)
			(void)handle_remove(s, (uint64_t)handle, &upper->object);
	}
	if (upper)
		object_put(&upper->object);
	object_put(&r->object);
	return e < 0 ? e : handle;
}

/* [range_lock] */
static int do_merge(struct range *low, struct range *high)
{
	int e = range_free_to_change(low);

	if (e == 0)
		e = range_free_to_change(high);
	if (e < 0)
		return e;
	if (__atomic_load_n(&high->object.refs, __ATOMIC_ACQUIRE) != 2)
		return E_BUSY;
	if (low->base.raw + low->size != high->base.raw || low->node != high->node)
		return E_RANGE;
	low->size += high->size;
	low->scrubbed = 0;
	high->size = 0;
	return 0;
}

int64_t sys_range_merge(struct sys_frame *f, struct object *o)
{
	struct range *low, *high;
	uint32_t rights_low, rights_high;
	int e = decode_range(f->arg[0], RIGHT_CONTROL, &low, &rights_low);

	(void)o;
	if (e < 0)
		return e;
	e = decode_range(f->arg[1], RIGHT_CONTROL, &high, &rights_high);
	if (e == 0) {
		spin_lock(&range_lock);
		e = low == high ? E_INVAL
		    : rights_low & ~rights_high ? E_PERM /* it would become more than it was */
						: do_merge(low, high);
		spin_unlock(&range_lock);
		if (e == 0)
			(void)handle_remove(thread_self()->space, f->arg[1], &high->object);
		object_put(&high->object);
	}
	object_put(&low->object);
	return e;
}

int64_t sys_range_info(struct sys_frame *f, struct object *o)
{
	const struct range *r = list_entry(o, struct range, object);
	struct range_info info;

	spin_lock(&range_lock);
	info = (struct range_info){ .base = r->base.raw,
				    .size = r->size,
				    .type = r->type,
				    .node = r->node,
				    .module_bytes = r->bytes,
				    .maps = r->maps };
	spin_unlock(&range_lock);
	return user_copy_out(f->arg[1], &info, sizeof(info));
}

/* ---- map, unmap */

static enum map_type range_map_type(const struct range *r)
{
	return r->type == RANGE_MMIO ? MAP_UC : r->type == RANGE_FRAMEBUFFER ? MAP_WC : MAP_WB;
}

static int map_range(struct space *s, struct range *r, uint64_t va, uint64_t offset, uint64_t bytes,
		     uint32_t prot)
{
	hpa_t base;
	int e = 0;

	spin_lock(&range_lock);
	if (r->moving)
		e = E_BUSY;
	else if ((offset | bytes) & (PAGE_4K - 1) || bytes == 0)
		e = E_INVAL;
	else if (offset > r->size || bytes > r->size - offset)
		e = E_RANGE;
	else
		r->maps++;
	base = hpa(r->base.raw + offset);
	spin_unlock(&range_lock);
	if (e < 0)
		return e;
	e = space_map(s, va, base, bytes, prot, range_map_type(r), r);
	if (e < 0)
		range_unmapped(r);
	return e;
}

/* (space, range, va, offset, bytes, prot); PROT_* and RIGHT_* have the same bits. */
int64_t sys_range_map(struct sys_frame *f, struct object *o)
{
	uint32_t prot = (uint32_t)f->arg[5], rights;
	struct range *r;
	int e;

	_Static_assert((int)PROT_READ == RIGHT_READ && (int)PROT_WRITE == RIGHT_WRITE &&
			       (int)PROT_EXEC == RIGHT_EXEC,
		       "");
	e = f->arg[5] > 7 ? E_INVAL : decode_range(f->arg[1], prot, &r, &rights);
	if (e < 0)
		return e;
	e = map_range(list_entry(o, struct space, object), r, f->arg[2], f->arg[3], f->arg[4], prot);
	object_put(&r->object);
	return e;
}

int64_t sys_range_unmap(struct sys_frame *f, struct object *o)
{
	return space_unmap(list_entry(o, struct space, object), f->arg[1], f->arg[2], false);
}
