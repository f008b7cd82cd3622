/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The board lock, and what is done when it is dropped. It is held for a chip call, never longer. A
 * thread that finds it taken spins a little, then sleeps on its own event: with fixed priorities,
 * spinning on for a preempted holder would never end. A thread that was waked and finds it taken once
 * more is given it by the next unlock: two vCPUs that poll ports would else keep a third one out for as
 * long as their time slices end inside the lock (seen under Bochs, where nothing is left to chance).
 */
#include "guests/monitor.h"

enum { LOCK_FREE, LOCK_HELD, LOCK_WANTED, LOCK_SPINS = 64 };

static int event_of(const struct monitor *m, unsigned who)
{
	return who == MONITOR_IO_THREAD ? m->boot->handle.event : m->vcpu[who - 1].event;
}

static void lock_slow(struct monitor *m, unsigned who)
{
	uint64_t self = 1ULL << who, bits;
	bool waked = false;

	for (unsigned i = 0; i < LOCK_SPINS; i++) {
		uint32_t free = LOCK_FREE;

		if (__atomic_compare_exchange_n(&m->lock, &free, LOCK_HELD, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return;
		__asm__ volatile("pause");
	}
	/* First the name on the list, then the lock word: who unlocks after that sees the name. */
	__atomic_or_fetch(&m->lock_waiters, self, __ATOMIC_SEQ_CST);
	while (__atomic_exchange_n(&m->lock, LOCK_WANTED, __ATOMIC_SEQ_CST) != LOCK_FREE) {
		uint32_t none = 0;

		if (waked)
			__atomic_compare_exchange_n(&m->lock_heir, &none, who + 1, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST);
		sys_event_wait(event_of(m, who), MONITOR_BIT_LOCK, SYS_FOR_EVER, &bits);
		waked = true;
		if (__atomic_load_n(&m->lock_given, __ATOMIC_ACQUIRE) == who + 1)
			break;
	}
	/* The lock is held: nobody else changes these two now. */
	m->lock_given = 0;
	if (__atomic_load_n(&m->lock_heir, __ATOMIC_SEQ_CST) == who + 1)
		__atomic_store_n(&m->lock_heir, 0, __ATOMIC_SEQ_CST);
	__atomic_and_fetch(&m->lock_waiters, ~self, __ATOMIC_SEQ_CST);
}

void monitor_lock(struct monitor *m, unsigned who)
{
	uint32_t free = LOCK_FREE;

	if (!__atomic_compare_exchange_n(&m->lock, &free, LOCK_HELD, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		lock_slow(m, who);
}

/* Guest time to the host's TSC, rounded up so that a timer is never early. */
static uint64_t deadline_tsc(const struct monitor *m, uint64_t ns)
{
	uint64_t seconds = ns / 1000000000, rest = ns % 1000000000;

	if (ns == VDEV_NEVER || seconds > 1000000000)
		return 0; /* disarms */
	return m->tsc_base + seconds * m->tsc_hz + rest * m->tsc_hz / 1000000000 + 1;
}

static void unlock_work(struct monitor *m)
{
	if (m->deadline_moved) {
		m->deadline_moved = false;
		sys_event_timer(m->boot->handle.event, MONITOR_BIT_TIMER,
				deadline_tsc(m, m->deadline));
	}
	if (m->console_moved) {
		m->console_moved = false;
		if (!ring_wants_wake(&m->console_out))
			return;
		sys_event_signal(m->boot->handle.manager_event, m->boot->manager_bits);
	}
}

void monitor_unlock(struct monitor *m)
{
	uint32_t held = LOCK_HELD, heir;
	uint64_t waiters;

	if (m->deadline_moved | m->console_moved)
		unlock_work(m);
	if (__atomic_compare_exchange_n(&m->lock, &held, LOCK_FREE, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST))
		return;
	heir = __atomic_load_n(&m->lock_heir, __ATOMIC_SEQ_CST);
	if (heir != 0) {
		__atomic_store_n(&m->lock_heir, 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(&m->lock_given, heir, __ATOMIC_RELEASE);
		sys_event_signal(event_of(m, heir - 1), MONITOR_BIT_LOCK);
		return;
	}
	__atomic_store_n(&m->lock, LOCK_FREE, __ATOMIC_SEQ_CST);
	/* One is enough: it takes the lock as wanted, and wakes the next. */
	waiters = __atomic_load_n(&m->lock_waiters, __ATOMIC_SEQ_CST);
	if (waiters)
		sys_event_signal(event_of(m, (unsigned)__builtin_ctzll(waiters)), MONITOR_BIT_LOCK);
}
