/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects and handles. Everything that ring 3 can name begins with struct object; a space's table
 * maps small integers to (object, rights). Reference counts keep objects alive; the last one calls
 * the class's destroy.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct space;

enum object_type {
	OBJ_NONE,
	OBJ_SPACE,
	OBJ_BOX,
	OBJ_RANGE,
	OBJ_THREAD,
	OBJ_EVENT,
	OBJ_PORT,
	OBJ_VM,
	OBJ_VCPU,
	OBJ_TYPES
};

struct object {
	uint32_t refs; /* (a) */
	uint8_t type; /* (c) enum object_type */
};

/* 0, E_HANDLE or E_PERM; the object comes with a reference that object_put must drop. */
int handle_get(struct space *s, uint64_t handle, enum object_type type, uint32_t rights,
	       struct object **object);
/* The same, and *rights is all that the handle has. OBJ_NONE: any type. */
int handle_find(struct space *s, uint64_t handle, enum object_type type, uint32_t need,
		struct object **object, uint32_t *rights);
/*
 * The lowest free number for the object, or E_NOMEM. On success the caller's reference is the
 * table's.
 */
int64_t handle_add(struct space *s, struct object *object, uint32_t rights);
/* handle_add with every right; when there is no room the caller's reference is dropped. */
int64_t handle_give(struct space *s, struct object *object);
/* Removes the handle, if it still names `object` (NULL: whatever it names). Drops its reference. */
int handle_remove(struct space *s, uint64_t handle, const struct object *object);
/* Closes every handle; when the space dies. */
void handle_remove_all(struct space *s);
/* [space lock] Handles in use. */
uint32_t handle_count(const struct space *s);

/* refs = 1: the creator's. */
void object_init(struct object *o, enum object_type type);
void object_get(struct object *o);
/* False: it is being destroyed already. For lists that hold no references. */
bool object_get_live(struct object *o);
/* May destroy: call it without locks. */
void object_put(struct object *o);

/*
 * Called without locks when the last reference goes. vm_destroy and vcpu_destroy are kernel/vm.c's.
 */
void space_destroy(struct object *o);
void range_destroy(struct object *o);
void thread_destroy(struct object *o);
void event_destroy(struct object *o);
void port_destroy(struct object *o);
void vm_destroy(struct object *o);
void vcpu_destroy(struct object *o);
