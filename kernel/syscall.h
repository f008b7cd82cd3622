/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The system-call table. A handler decodes and checks everything first, then does what cannot fail.
 */
#pragma once

#include <stdint.h>
#include "kernel/abi/syscall.h"

/* As kernel/entry.asm builds it on the thread's kernel stack; asserted in kernel/syscall.c. */
struct sys_frame {
	uint64_t arg[6];
	uint64_t second; /* returned in RDX */
	uint64_t rip, rflags, rsp; /* of ring 3 */
};


/* Every system call and its handler. */
#define SYSTEM_CALLS(X) \
	X(SYS_LOG, sys_log) \
	X(SYS_LOG_READ, sys_log_read) \
	X(SYS_CLOSE, sys_close) \
	X(SYS_GRANT, sys_grant) \
	X(SYS_RANGE_SPLIT, sys_range_split) \
	X(SYS_RANGE_MERGE, sys_range_merge) \
	X(SYS_RANGE_MAP, sys_range_map) \
	X(SYS_RANGE_UNMAP, sys_range_unmap) \
	X(SYS_RANGE_INFO, sys_range_info) \
	X(SYS_RANGE_SCRUB, sys_range_scrub) \
	X(SYS_SPACE_CREATE, sys_space_create) \
	X(SYS_SPACE_CTL, sys_space_ctl) \
	X(SYS_THREAD_CREATE, sys_thread_create) \
	X(SYS_THREAD_CTL, sys_thread_ctl) \
	X(SYS_EVENT_CREATE, sys_event_create) \
	X(SYS_EVENT_SIGNAL, sys_event_signal) \
	X(SYS_EVENT_WAIT, sys_event_wait) \
	X(SYS_EVENT_TIMER, sys_event_timer) \
	X(SYS_EVENT_IRQ, sys_event_irq) \
	X(SYS_PORT_GRANT, sys_port_grant) \
	X(SYS_PORT_IO, sys_port_io) \
	X(SYS_VM_CREATE, sys_vm_create) \
	X(SYS_VM_MAP, sys_vm_map) \
	X(SYS_VM_TAKE, sys_vm_take) \
	X(SYS_VM_IRQ, sys_vm_irq) \
	X(SYS_VM_IRQFD, sys_vm_irqfd) \
	X(SYS_VM_DOORBELL, sys_vm_doorbell) \
	X(SYS_VM_CTL, sys_vm_ctl) \
	X(SYS_VCPU_CREATE, sys_vcpu_create) \
	X(SYS_VCPU_RUN, sys_vcpu_run) \
	X(SYS_VCPU_KICK, sys_vcpu_kick) \
	X(SYS_VCPU_CTL, sys_vcpu_ctl) \
	X(SYS_BOX_INFO, sys_box_info) \
	X(SYS_BOX_CTL, sys_box_ctl)

#define HANDLER(number, handler) int64_t handler(struct sys_frame *f);
SYSTEM_CALLS(HANDLER)
#undef HANDLER
