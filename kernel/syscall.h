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



/* kernel/sys_vm.c; weak until it is there. */
int64_t sys_vm_create(struct sys_frame *f);
int64_t sys_vm_map(struct sys_frame *f);
int64_t sys_vm_take(struct sys_frame *f);
int64_t sys_vm_irq(struct sys_frame *f);
int64_t sys_vm_irqfd(struct sys_frame *f);
int64_t sys_vm_doorbell(struct sys_frame *f);
int64_t sys_vm_ctl(struct sys_frame *f);
int64_t sys_vcpu_create(struct sys_frame *f);
int64_t sys_vcpu_run(struct sys_frame *f);
int64_t sys_vcpu_kick(struct sys_frame *f);
int64_t sys_vcpu_ctl(struct sys_frame *f);
