/* SPDX-License-Identifier: GPL-2.0-only */
/* The system-call table, and what assembly knows about C. */

#include "kernel/syscall.h"
#include "arch/trap.h"
#include "kernel/log.h"
#include "kernel/mitigation.h"
#include "kernel/percpu.h"
#include "kernel/space.h"
#include "kernel/stretch.h"
#include "kernel/sys.h"
#include "kernel/thread_impl.h"
#include <stddef.h>

_Static_assert(SYS_MAX == 34, "kernel/entry.asm");
_Static_assert(offsetof(struct percpu, self) == 0 && offsetof(struct percpu, user_rsp) == 8 &&
		       offsetof(struct percpu, kernel_rsp) == 16 &&
		       offsetof(struct percpu, work) == 24 && offsetof(struct percpu, guard) == 28 &&
		       offsetof(struct percpu, kernel_cr3) == 32 && offsetof(struct percpu, user_cr3) == 40 &&
		       offsetof(struct percpu, entry_rsp) == 48 && MIT_VERW == 1 && MIT_RSB_EXIT == 2,
	       "arch/gs.inc");
_Static_assert(offsetof(struct percpu, stats.lock_waits) == SPINLOCK_GS_WAITS &&
		       offsetof(struct cpu_stats, foreign_lock_waits) == 8, "arch/spinlock.h");
_Static_assert(sizeof(struct sys_frame) == 80 && offsetof(struct sys_frame, second) == 48,
	       "kernel/entry.asm");
_Static_assert(offsetof(struct trap_frame, cs) == 18 * 8, "arch/trap.asm");

void syscall_bad_rip(void);
int64_t sys_cov(struct sys_frame *f);
int64_t syscall_do(uint64_t number, struct sys_frame *f);

static int64_t sys_none(struct sys_frame *f, struct object *o)
{
#ifdef BULKHEAD_COV
	return sys_cov(f); /* tests/cov/kernel.c: coverage counters of ring 3 */
#endif
	(void)f, (void)o;
	return E_NOSYS;
}

#define ENTRY(number, handler, type, rights) [number] = { handler, type, rights },
static const struct call {
	int64_t (*handler)(struct sys_frame *f, struct object *o);
	uint8_t type, rights;
} table[SYS_MAX + 1] = {
	SYSTEM_CALLS(ENTRY)
	[SYS_MAX] = { sys_none, OBJ_NONE, 0 }, /* every number beyond, which kernel/entry.asm sees to */
};

int64_t syscall_do(uint64_t number, struct sys_frame *f)
{
	const struct call *c = &table[number];
	struct object *o;
	int64_t r;

	stretch_begin();
	if (c->type == OBJ_NONE) {
		r = c->handler(f, NULL);
	} else {
		r = handle_get(space_self(), f->arg[0], c->type, c->rights, &o);
		if (r < 0)
			return r;
		r = c->handler(f, o);
		object_put(o);
	}
	stretch_end("the end of system call", (unsigned)number);
	return r;
}

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
