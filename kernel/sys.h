/* SPDX-License-Identifier: GPL-2.0-only */
/* The system-call handlers of the core, and what several of them share. */
#pragma once

#include "kernel/handle.h"
#include "kernel/syscall.h"

struct event;
struct ktimer;
struct space;

/*
 * The caller's event by handle, with a reference; or an error, and NULL. RIGHT_WRITE to signal it;
 * RIGHT_READ to take bits, which then no other waiter sees.
 */
int event_from_handle(uint64_t handle, uint32_t rights, struct event **e);
/* As timer_cancel, and no other processor is in fire() afterwards. Call it without locks. */
void timer_cancel_wait(struct ktimer *t);
