/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ticket locks. The kernel runs with interrupts off, so a lock never needs to mask them; the order
 * in which locks nest is one list in kernel/README.md.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SPINLOCK_GS_WAITS 64

struct spinlock {
	uint16_t next, owner; /* (a) */
};

static inline void spin_lock(struct spinlock *l)
{
	uint16_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	if (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) == ticket)
		return;
	/* Two counts of waits at GS (kernel/syscall.c asserts where): for an object's lock, for one of the image. */
	__asm__ volatile("incq %%gs:%c0(,%1,8)"
			 :
			 : "i"(SPINLOCK_GS_WAITS), "r"((uint64_t)l >> 31 == 0x1ffffffffULL ? 1UL : 0UL)
			 : "memory", "cc");
	while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket)
		__builtin_ia32_pause();
}

/* Takes it if it is free; false: somebody has it. */
static inline bool spin_try(struct spinlock *l)
{
	uint16_t ticket = __atomic_load_n(&l->owner, __ATOMIC_RELAXED), next = ticket;

	if (!__atomic_compare_exchange_n(&l->next, &next, (uint16_t)(ticket + 1), false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED))
		return false;
	/* Ours now, unless 65,536 others came and went in between: then in our turn. */
	while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket)
		__builtin_ia32_pause();
	return true;
}

static inline void spin_unlock(struct spinlock *l)
{
	/* Only the owner writes it: no locked instruction is needed. */
	__atomic_store_n(&l->owner, (uint16_t)(l->owner + 1), __ATOMIC_RELEASE);
}
