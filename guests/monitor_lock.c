/* SPDX-License-Identifier: GPL-2.0-only */
/* The board lock, and what is done when it is dropped. It is held for a chip call, never longer. */
#include "guests/monitor.h"

enum { SPINS_BEFORE_YIELD = 200 };

void monitor_lock(struct monitor *m)
{
	unsigned spins = 0;

	while (__atomic_exchange_n(&m->lock, 1, __ATOMIC_ACQUIRE) != 0) {
		while (__atomic_load_n(&m->lock, __ATOMIC_RELAXED) != 0) {
			__asm__ volatile("pause");
			/* The holder may have been preempted on our own processor. */
			if (++spins % SPINS_BEFORE_YIELD == 0)
				sys_thread_ctl(0, THREAD_YIELD, 0);
		}
	}
}

/* Guest time to the host's TSC, rounded up so that a timer is never early. */
static uint64_t deadline_tsc(const struct monitor *m, uint64_t ns)
{
	uint64_t seconds = ns / 1000000000, rest = ns % 1000000000;

	if (ns == VDEV_NEVER || seconds > 1000000000)
		return 0; /* disarms */
	return m->tsc_base + seconds * m->tsc_hz + rest * m->tsc_hz / 1000000000 + 1;
}

static void unlock_slow(struct monitor *m)
{
	if (m->deadline_moved) {
		m->deadline_moved = false;
		sys_event_timer(m->boot->handle.event, MONITOR_BIT_TIMER,
				deadline_tsc(m, m->deadline));
	}
	if (m->console_moved) {
		m->console_moved = false;
		sys_event_signal(m->boot->handle.manager_event, m->boot->manager_bits);
	}
}

void monitor_unlock(struct monitor *m)
{
	if (m->deadline_moved | m->console_moved)
		unlock_slow(m);
	__atomic_store_n(&m->lock, 0, __ATOMIC_RELEASE);
}
