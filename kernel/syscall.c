/* SPDX-License-Identifier: GPL-2.0-only */
/* The system-call table, and what assembly knows about C. */

#include "kernel/syscall.h"
#include "arch/trap.h"
#include "kernel/log.h"
#include "kernel/percpu.h"
#include "kernel/space.h"
#include "kernel/sys.h"
#include "kernel/thread_impl.h"
#include <stddef.h>

_Static_assert(SYS_MAX == 34, "kernel/entry.asm");
_Static_assert(offsetof(struct percpu, self) == 0 && offsetof(struct percpu, user_rsp) == 8 &&
		       offsetof(struct percpu, kernel_rsp) == 16 &&
		       offsetof(struct percpu, work) == 24,
	       "arch/gs.inc");
_Static_assert(sizeof(struct sys_frame) == 80 && offsetof(struct sys_frame, second) == 48,
	       "kernel/entry.asm");
_Static_assert(offsetof(struct trap_frame, cs) == 18 * 8, "arch/trap.asm");

void syscall_bad_rip(void);
extern int64_t (*const syscall_table[SYS_MAX + 1])(struct sys_frame *);

static int64_t sys_none(struct sys_frame *f)
{
	(void)f;
	return E_NOSYS;
}

/* Until the virtualisation code is linked. */
#define WEAK_HANDLER(name)                                      \
	__attribute__((weak)) int64_t name(struct sys_frame *f) \
	{                                                       \
		return sys_none(f);                             \
	}
WEAK_HANDLER(sys_vm_create)
WEAK_HANDLER(sys_vm_map)
WEAK_HANDLER(sys_vm_take)
WEAK_HANDLER(sys_vm_irq)
WEAK_HANDLER(sys_vm_irqfd)
WEAK_HANDLER(sys_vm_doorbell)
WEAK_HANDLER(sys_vm_ctl)
WEAK_HANDLER(sys_vcpu_create)
WEAK_HANDLER(sys_vcpu_run)
WEAK_HANDLER(sys_vcpu_kick)
WEAK_HANDLER(sys_vcpu_ctl)

int64_t (*const syscall_table[SYS_MAX + 1])(struct sys_frame *) = {
	[SYS_LOG] = sys_log,
	[SYS_LOG_READ] = sys_log_read,
	[SYS_CLOSE] = sys_close,
	[SYS_GRANT] = sys_grant,
	[SYS_RANGE_SPLIT] = sys_range_split,
	[SYS_RANGE_MERGE] = sys_range_merge,
	[SYS_RANGE_MAP] = sys_range_map,
	[SYS_RANGE_UNMAP] = sys_range_unmap,
	[SYS_RANGE_INFO] = sys_range_info,
	[SYS_RANGE_SCRUB] = sys_range_scrub,
	[SYS_SPACE_CREATE] = sys_space_create,
	[SYS_SPACE_CTL] = sys_space_ctl,
	[SYS_THREAD_CREATE] = sys_thread_create,
	[SYS_THREAD_CTL] = sys_thread_ctl,
	[SYS_EVENT_CREATE] = sys_event_create,
	[SYS_EVENT_SIGNAL] = sys_event_signal,
	[SYS_EVENT_WAIT] = sys_event_wait,
	[SYS_EVENT_TIMER] = sys_event_timer,
	[SYS_EVENT_IRQ] = sys_event_irq,
	[SYS_PORT_GRANT] = sys_port_grant,
	[SYS_PORT_IO] = sys_port_io,
	[SYS_VM_CREATE] = sys_vm_create,
	[SYS_VM_MAP] = sys_vm_map,
	[SYS_VM_TAKE] = sys_vm_take,
	[SYS_VM_IRQ] = sys_vm_irq,
	[SYS_VM_IRQFD] = sys_vm_irqfd,
	[SYS_VM_DOORBELL] = sys_vm_doorbell,
	[SYS_VM_CTL] = sys_vm_ctl,
	[SYS_VCPU_CREATE] = sys_vcpu_create,
	[SYS_VCPU_RUN] = sys_vcpu_run,
	[SYS_VCPU_KICK] = sys_vcpu_kick,
	[SYS_VCPU_CTL] = sys_vcpu_ctl,
	[SYS_BOX_INFO] = sys_box_info,
	[SYS_BOX_CTL] = sys_box_ctl,
	[SYS_MAX] = sys_none, /* every number beyond */
};

/*
 * The way back would leave the user half: cannot come from SYSCALL, so something is wrong with the
 * thread.
 */
void syscall_bad_rip(void)
{
	struct space_info why = { .reason = REASON_FAULT, .vector = 13 };

	space_kill(thread_self()->space, &why);
	thread_exit();
}
