/* SPDX-License-Identifier: GPL-2.0-only */
/* The system-call handlers of the core, and what several of them share. */
#pragma once

#include "kernel/handle.h"
#include "kernel/syscall.h"

struct event;
struct ktimer;
struct space;

int64_t sys_log(struct sys_frame *f);
int64_t sys_log_read(struct sys_frame *f);
int64_t sys_close(struct sys_frame *f);
int64_t sys_grant(struct sys_frame *f);
int64_t sys_range_split(struct sys_frame *f);
int64_t sys_range_merge(struct sys_frame *f);
int64_t sys_range_map(struct sys_frame *f);
int64_t sys_range_unmap(struct sys_frame *f);
int64_t sys_range_info(struct sys_frame *f);
int64_t sys_range_scrub(struct sys_frame *f);
int64_t sys_space_create(struct sys_frame *f);
int64_t sys_space_ctl(struct sys_frame *f);
int64_t sys_thread_create(struct sys_frame *f);
int64_t sys_thread_ctl(struct sys_frame *f);
int64_t sys_event_create(struct sys_frame *f);
int64_t sys_event_signal(struct sys_frame *f);
int64_t sys_event_wait(struct sys_frame *f);
int64_t sys_event_timer(struct sys_frame *f);
int64_t sys_event_irq(struct sys_frame *f);
int64_t sys_port_grant(struct sys_frame *f);
int64_t sys_port_io(struct sys_frame *f);
int64_t sys_box_info(struct sys_frame *f);
int64_t sys_box_ctl(struct sys_frame *f);

/*
 * The caller's event by handle, with a reference; NULL and *error. RIGHT_WRITE to signal it; RIGHT_READ
 * to take bits, which then no other waiter sees.
 */
struct event *event_from_handle(uint64_t handle, uint32_t rights, int *error);
/* Checks the box handle. */
int box_check(uint64_t handle, uint32_t rights);
/* As timer_cancel, and no other processor is in fire() afterwards. Call it without locks. */
void timer_cancel_wait(struct ktimer *t);
