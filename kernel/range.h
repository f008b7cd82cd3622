/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory ranges: pieces of host-physical memory that ring 3 owns by handle. The kernel never maps
 * them for itself but through a per-processor window while scrubbing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kernel/abi/syscall.h"
#include "kernel/handle.h"
#include "lib/addr.h"

struct range {
	struct object object;
	hpa_t base; /* [range lock] */
	uint64_t size; /* [range lock] multiple of 4 KiB */
	uint32_t type; /* (c) enum range_type */
	uint32_t node; /* (c) */
	uint64_t bytes; /* (c) RANGE_MODULE: the file's size */
	uint32_t maps; /* [range lock] mappings in spaces */
	bool moving; /* [range lock] between range_move_begin and _end */
	uint64_t scrubbed; /* [range lock] progress of SYS_RANGE_SCRUB */
	struct space *payer; /* (c) charged for this structure; holds a reference */
};

/* A new range object in the space's table -> its handle, or negative. bytes: RANGE_MODULE, the file's size. */
int64_t range_create(struct space *s, hpa_t base, uint64_t size, uint32_t type, uint64_t bytes,
		     uint32_t rights);
/* A mapping of it in a space is gone, translations flushed. */
void range_unmapped(struct range *r);

/*
 * Moving a range out of ring 3, into a VM. begin: the handle needs RIGHT_CONTROL and must be the
 * only one, the range RANGE_RAM and not mapped (E_BUSY); until end, nobody can map, split or merge
 * it. end with moved: handle and object are gone and the memory is the caller's to give back by
 * range_create.
 */
int range_move_begin(struct space *s, uint64_t handle, struct range **range);
void range_move_end(struct space *s, uint64_t handle, struct range *range, bool moved);

/*
 * Fills memory with zeros through the processor's window, at most 64 KiB between looks at
 * sched_pending. 0: all done; E_AGAIN: *done says how far, call again.
 */
int scrub_memory(hpa_t base, uint64_t size, uint64_t *done);
