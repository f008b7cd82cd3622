/* SPDX-License-Identifier: GPL-2.0-only */
/* A processor's run queue: one list a priority, the highest first, round robin within one. */
#pragma once

#include <stdint.h>

#define THREAD_PRIORITIES 32 /* 31 is the highest; 0 is idle's alone */

struct thread;

struct thread_queue {
	struct thread *head[THREAD_PRIORITIES], *tail[THREAD_PRIORITIES];
	uint32_t bitmap; /* priorities with a list that is not empty */
};
