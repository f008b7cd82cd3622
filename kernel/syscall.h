/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The system-call table. A handler decodes and checks everything first, then does what cannot fail.
 */
#pragma once

#include <stdint.h>
#include "kernel/abi/syscall.h"
#include "kernel/handle.h"

/* As kernel/entry.asm builds it on the thread's kernel stack; asserted in kernel/syscall.c. */
struct sys_frame {
	uint64_t arg[6];
	uint64_t second; /* returned in RDX */
	uint64_t rip, rflags, rsp; /* of ring 3 */
};

/*
 * Every system call and its handler; what its first argument has to be a handle of, and which rights it needs.
 * Checked before the handler runs, which gets the object; OBJ_NONE: the first argument is something else.
 */
#define SYSTEM_CALLS(X) \
	X(SYS_LOG, sys_log, OBJ_NONE, 0) \
	X(SYS_LOG_READ, sys_log_read, OBJ_BOX, RIGHT_READ) \
	X(SYS_CLOSE, sys_close, OBJ_NONE, 0) \
	X(SYS_GRANT, sys_grant, OBJ_SPACE, RIGHT_CONTROL) \
	X(SYS_RANGE_SPLIT, sys_range_split, OBJ_NONE, 0) \
	X(SYS_RANGE_MERGE, sys_range_merge, OBJ_NONE, 0) \
	X(SYS_RANGE_MAP, sys_range_map, OBJ_SPACE, RIGHT_CONTROL) \
	X(SYS_RANGE_UNMAP, sys_range_unmap, OBJ_SPACE, RIGHT_CONTROL) \
	X(SYS_RANGE_INFO, sys_range_info, OBJ_RANGE, 0) \
	X(SYS_RANGE_SCRUB, sys_range_scrub, OBJ_RANGE, RIGHT_CONTROL) \
	X(SYS_SPACE_CREATE, sys_space_create, OBJ_NONE, 0) \
	X(SYS_SPACE_CTL, sys_space_ctl, OBJ_SPACE, RIGHT_CONTROL) \
	X(SYS_THREAD_CREATE, sys_thread_create, OBJ_SPACE, RIGHT_CONTROL) \
	X(SYS_THREAD_CTL, sys_thread_ctl, OBJ_NONE, 0) \
	X(SYS_EVENT_CREATE, sys_event_create, OBJ_NONE, 0) \
	X(SYS_EVENT_SIGNAL, sys_event_signal, OBJ_EVENT, RIGHT_WRITE) \
	X(SYS_EVENT_WAIT, sys_event_wait, OBJ_EVENT, RIGHT_READ) \
	X(SYS_EVENT_TIMER, sys_event_timer, OBJ_EVENT, RIGHT_READ | RIGHT_WRITE) \
	X(SYS_EVENT_IRQ, sys_event_irq, OBJ_BOX, RIGHT_CONTROL) \
	X(SYS_PORT_GRANT, sys_port_grant, OBJ_BOX, RIGHT_CONTROL) \
	X(SYS_PORT_IO, sys_port_io, OBJ_NONE, 0) \
	X(SYS_VM_CREATE, sys_vm_create, OBJ_SPACE, RIGHT_CONTROL) \
	X(SYS_VM_MAP, sys_vm_map, OBJ_VM, RIGHT_CONTROL) \
	X(SYS_VM_TAKE, sys_vm_take, OBJ_VM, RIGHT_CONTROL) \
	X(SYS_VM_IRQ, sys_vm_irq, OBJ_VM, RIGHT_WRITE) \
	X(SYS_VM_IRQFD, sys_vm_irqfd, OBJ_VM, RIGHT_CONTROL) \
	X(SYS_VM_DOORBELL, sys_vm_doorbell, OBJ_VM, RIGHT_CONTROL) \
	X(SYS_VM_CTL, sys_vm_ctl, OBJ_VM, RIGHT_CONTROL) \
	X(SYS_VCPU_CREATE, sys_vcpu_create, OBJ_VM, RIGHT_CONTROL) \
	X(SYS_VCPU_RUN, sys_vcpu_run, OBJ_VCPU, RIGHT_CONTROL) \
	X(SYS_VCPU_KICK, sys_vcpu_kick, OBJ_VCPU, RIGHT_WRITE) \
	X(SYS_VCPU_CTL, sys_vcpu_ctl, OBJ_VCPU, RIGHT_CONTROL) \
	X(SYS_BOX_INFO, sys_box_info, OBJ_NONE, 0) \
	X(SYS_BOX_CTL, sys_box_ctl, OBJ_BOX, RIGHT_CONTROL)

#define HANDLER(number, handler, type, rights) int64_t handler(struct sys_frame *f, struct object *o);
SYSTEM_CALLS(HANDLER)
#undef HANDLER
