/* SPDX-License-Identifier: GPL-2.0-only */
/* Handle tables and reference counts. */

#include "kernel/handle.h"
#include "kernel/log.h"
#include "kernel/pool.h"
#include "kernel/space.h"
#include <stddef.h>

_Static_assert(sizeof(struct handle_slot) * HANDLES_PER_PAGE == 4096, "a table page is a page");

/* The box is never destroyed: the kernel holds a reference. */
static void (*const destroy[OBJ_TYPES])(struct object *) = {
	[OBJ_SPACE] = space_destroy,   [OBJ_RANGE] = range_destroy,
	[OBJ_THREAD] = thread_destroy, [OBJ_EVENT] = event_destroy, [OBJ_PORT] = port_destroy,
	[OBJ_VM] = vm_destroy,         [OBJ_VCPU] = vcpu_destroy,
};

void object_init(struct object *o, enum object_type type)
{
	o->refs = 1;
	o->type = (uint8_t)type;
}

void object_get(struct object *o)
{
	/*
	 * No saturation needed: each reference is a handle slot or a structure of at least 16
	 * bytes.
	 */
	verify(__atomic_fetch_add(&o->refs, 1, __ATOMIC_RELAXED) != 0);
}

bool object_get_live(struct object *o)
{
	uint32_t refs = __atomic_load_n(&o->refs, __ATOMIC_RELAXED);

	while (refs != 0)
		if (__atomic_compare_exchange_n(&o->refs, &refs, refs + 1, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

void object_put(struct object *o)
{
	uint32_t before = __atomic_fetch_sub(&o->refs, 1, __ATOMIC_ACQ_REL);

	verify(before != 0);
	if (before == 1)
		destroy[o->type](o);
}

/* [space lock] The slot of a number that may be in use, or NULL. */
static struct handle_slot *slot_of(struct space *s, uint64_t handle)
{
	if (handle == 0 || handle >= HANDLE_PAGES_MAX * HANDLES_PER_PAGE ||
	    !s->handles[handle / HANDLES_PER_PAGE])
		return NULL;
	return &s->handles[handle / HANDLES_PER_PAGE][handle % HANDLES_PER_PAGE];
}

int handle_find(struct space *s, uint64_t handle, enum object_type type, uint32_t need,
		struct object **object, uint32_t *rights)
{
	const struct handle_slot *slot;
	int r = 0;

	spin_lock(&s->lock);
	slot = slot_of(s, handle);
	if (!slot || !slot->object || (type != OBJ_NONE && slot->object->type != type)) {
		r = E_HANDLE;
	} else if ((slot->rights & need) != need) {
		r = E_PERM;
	} else {
		*object = slot->object;
		*rights = slot->rights;
		object_get(*object);
	}
	spin_unlock(&s->lock);
	return r;
}

int handle_get(struct space *s, uint64_t handle, enum object_type type, uint32_t rights,
	       struct object **object)
{
	uint32_t have;

	return handle_find(s, handle, type, rights, object, &have);
}

/*
 * [space lock] The lowest free slot's number, 0: none so far. *page is the first page that is
 * missing.
 */
static uint64_t free_slot(struct space *s, unsigned *page)
{
	for (*page = 0; *page < HANDLE_PAGES_MAX && s->handles[*page]; (*page)++)
		for (uint64_t i = *page ? 0 : 1; i < HANDLES_PER_PAGE; i++)
			if (!s->handles[*page][i].object)
				return *page * HANDLES_PER_PAGE + i;
	return 0;
}

int64_t handle_add(struct space *s, struct object *object, uint32_t rights)
{
	uint64_t handle = 0;
	unsigned page;

	spin_lock(&s->lock);
	handle = s->dying ? 0 : free_slot(s, &page);
	if (!handle && !s->dying && page < HANDLE_PAGES_MAX) {
		s->handles[page] = pool_page(s);
		if (s->handles[page])
			handle = free_slot(s, &page);
	}
	if (handle) {
		struct handle_slot *slot = slot_of(s, handle);

		slot->object = object;
		slot->rights = rights;
	}
	spin_unlock(&s->lock);
	return handle ? (int64_t)handle : E_NOMEM;
}

int64_t handle_give(struct space *s, struct object *object)
{
	int64_t handle = handle_add(s, object, RIGHT_ALL);

	if (handle < 0)
		object_put(object);
	return handle;
}

int handle_remove(struct space *s, uint64_t handle, const struct object *object)
{
	struct object *old = NULL;
	struct handle_slot *slot;

	spin_lock(&s->lock);
	slot = slot_of(s, handle);
	if (slot && slot->object && (!object || slot->object == object)) {
		old = slot->object;
		*slot = (struct handle_slot){ 0 };
	}
	spin_unlock(&s->lock);
	if (!old)
		return E_HANDLE;
	object_put(old);
	return 0;
}

uint32_t handle_count(const struct space *s)
{
	uint32_t n = 0;

	for (uint64_t h = 0; h < HANDLE_PAGES_MAX * HANDLES_PER_PAGE; h++)
		if (s->handles[h / HANDLES_PER_PAGE] &&
		    s->handles[h / HANDLES_PER_PAGE][h % HANDLES_PER_PAGE].object)
			n++;
	return n;
}

void handle_remove_all(struct space *s)
{
	for (uint64_t h = 1; h < HANDLE_PAGES_MAX * HANDLES_PER_PAGE; h++) {
		if (!s->handles[h / HANDLES_PER_PAGE])
			break;
		(void)handle_remove(s, h, NULL);
	}
	for (unsigned i = 0; i < HANDLE_PAGES_MAX; i++) {
		if (s->handles[i])
			pool_page_free(s, s->handles[i]);
		s->handles[i] = NULL;
	}
}
