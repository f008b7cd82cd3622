/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: */
/* The timer queues of two processors. */
#include "tests/unit/sched_world.h"

static unsigned fired[8], order[8], fires;
static struct ktimer timers[8];

static void fire(struct ktimer *t)
{
	fired[t - timers]++;
	order[fires++ % 8] = (unsigned)(t - timers);
}

static void timers_fresh(void)
{
	fresh();
	memset(timers, 0, sizeof(timers));
	memset(fired, 0, sizeof(fired));
	fires = 0;
	for (unsigned i = 0; i < 8; i++)
		timers[i].fire = fire;
}

static void timers_fire_in_order_once(void)
{
	timers_fresh();
	timer_arm(&timers[0], 30);
	timer_arm(&timers[1], 10);
	timer_arm(&timers[2], 20);
	timer_arm(&timers[3], UINT64_MAX - 1);
	timer_arm(&timers[4], 20); /* equal: after the earlier one */
	CHECK_EQ(programmed[0], 10);
	timer_cancel(&timers[1]);
	timer_cancel(&timers[1]);
	timer_interrupt(); /* the TSC is far beyond 30 */
	CHECK_EQ(fires, 3);
	CHECK(order[0] == 2 && order[1] == 4 && order[2] == 0);
	CHECK_EQ(programmed[0], UINT64_MAX - 1);
	timer_interrupt();
	CHECK_EQ(fires, 3);
	timer_arm(&timers[5], TIMER_NEVER);
	CHECK(!timers[5].armed);
}

static void rearming_moves_between_processors(void)
{
	timers_fresh();
	timer_arm(&timers[0], 30);
	on(1);
	timer_arm(&timers[0], 40);
	CHECK(!cpus[0].timers && cpus[1].timers == &timers[0]);
	on(0);
	timer_interrupt();
	CHECK_EQ(fires, 0);
	timer_cancel_wait(&timers[0]);
	CHECK(!cpus[1].timers);
	timer_arm(&timers[0], TIMER_NEVER - 5);
	timer_arm(&timers[0], 7); /* earlier: the hardware is told */
	CHECK_EQ(programmed[0], 7);
}

int main(void)
{
	RUN(timers_fire_in_order_once);
	RUN(rearming_moves_between_processors);
	return unit_status();
}
