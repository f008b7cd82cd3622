/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: lib/string.c */
/* The warp check between two processors, each with a TSC that the test makes up. */
#include "arch/cpu.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "arch/apic.h"
#include "tests/unit/unit.h"

static uint64_t fake_rdtsc(void);
#define rdtsc	      fake_rdtsc
#define rdtsc_ordered fake_rdtsc
#include "arch/tsc.c" /* NOLINT: the file under test */

static uint64_t ticks; /* (a) the common clock */
static _Thread_local int64_t ahead; /* of it, on this processor */

static bool met; /* [warp.lock] both are at it */

static uint64_t fake_rdtsc(void)
{
	/* Whoever comes first stays until the other waits for the lock: they take turns from there on. */
	while (!met && (uint16_t)(__atomic_load_n(&warp.lock.next, __ATOMIC_SEQ_CST) - warp.lock.owner) < 2)
		sched_yield();
	met = true;
	return (uint64_t)((int64_t)__atomic_add_fetch(&ticks, 1, __ATOMIC_SEQ_CST) + ahead);
}

void apic_timer_free_run(void) { }
uint32_t apic_timer_left(void) { return 0; }

static int64_t other_ahead;

/* Locks count their waits at GS. */
static void gs_set(void)
{
	static _Thread_local uint64_t percpu[64];

	syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, percpu);
}

static void *other_processor(void *verdict)
{
	gs_set();
	ahead = other_ahead;
	*(bool *)verdict = tsc_warp_check(1);
	return NULL;
}

/* True: both sides say that time went backwards. 2: they do not agree. */
static int check(int64_t by)
{
	bool mine, its;
	pthread_t t;

	other_ahead = by;
	ticks = 1 << 20;
	met = false;
	if (pthread_create(&t, NULL, other_processor, &its) != 0)
		return 3;
	mine = tsc_warp_check(0);
	pthread_join(t, NULL);
	return mine == its ? mine : 2;
}

static void agreement(void)
{
	CHECK_EQ(check(0), 0);
}

static void warps_either_way_and_no_trace_of_them(void)
{
	CHECK_EQ(check(1000000), 1);
	CHECK_EQ(check(-1000000), 1);
	CHECK_EQ(check(0), 0);
}

int main(void)
{
	gs_set();
	RUN(agreement);
	RUN(warps_either_way_and_no_trace_of_them);
	return unit_status();
}
