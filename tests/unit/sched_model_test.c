/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: */
/*
 * The scheduler over time: a million ticks a second, each thread computes and sleeps as its part says,
 * timer interrupts and IPIs arrive a step later. Shares, the longest wait, who is disturbed.
 */
#include "tests/unit/sched_world.h"

enum { STEP = 20, SECOND = 1000000, SLICE = SECOND / SLICES_PER_SECOND };

/* Computes for `busy` ticks, sleeps for `rest`, over and over; rest 0: for ever. */
static struct part {
	uint64_t busy, rest;
	uint64_t left, wake; /* of this turn; when it wakes */
	uint64_t ran, ready_since, worst; /* ticks; the longest from ready to running */
} parts[THREADS];
static unsigned cast, ipis_seen[CPUS];

static void play_fresh(void)
{
	fresh();
	memset(parts, 0, sizeof(parts));
	memset(ipis_seen, 0, sizeof(ipis_seen));
	cast = 0;
}

static struct part *join(unsigned vm, unsigned cpu, unsigned priority, uint64_t busy, uint64_t rest)
{
	struct part *p = &parts[cast];

	*p = (struct part){ .busy = busy, .rest = rest, .left = busy, .wake = TIMER_NEVER, .ready_since = tsc };
	threads[cast].space = &vms[vm];
	start(cast++, cpu, (uint8_t)priority);
	return p;
}

/* What runs on this processor does so for a step. */
static void perform(void)
{
	struct thread *t = CURRENT;
	struct part *p;

	if (t->is_idle)
		return;
	p = &parts[t - threads];
	if (tsc - p->ready_since > p->worst && p->ready_since != TIMER_NEVER)
		p->worst = tsc - p->ready_since;
	p->ready_since = TIMER_NEVER;
	p->ran += STEP;
	p->left -= p->left < STEP ? p->left : STEP;
	if (p->left != 0 || p->rest == 0)
		return;
	p->left = p->busy;
	p->wake = tsc + p->rest;
	thread_park();
}

static void step(unsigned cpu)
{
	struct thread *before;

	on(cpu);
	if (programmed[cpu] <= tsc) {
		programmed[cpu] = TIMER_NEVER;
		timer_interrupt();
	}
	if (ipis[cpu] != ipis_seen[cpu]) {
		ipis_seen[cpu] = ipis[cpu];
		sched_ipi();
	}
	before = CURRENT;
	while (percpu_self()->work & WORK_RESCHED)
		schedule();
	if (before != CURRENT && !before->is_idle && before->state == THREAD_READY)
		parts[before - threads].ready_since = tsc;
	perform();
}

/* Who sleeps is waked on the processor `waker`, as by its timer. */
static void play(uint64_t ticks, unsigned waker)
{
	for (uint64_t end = tsc + ticks; tsc < end; tsc += STEP) {
		on(waker);
		for (unsigned i = 0; i < cast; i++) {
			if (parts[i].wake > tsc)
				continue;
			parts[i].wake = TIMER_NEVER;
			parts[i].ready_since = tsc;
			thread_unpark(&threads[i]);
		}
		for (unsigned cpu = 0; cpu < CPUS; cpu++)
			step(cpu);
	}
}

static uint64_t ran(unsigned vm)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < cast; i++)
		sum += threads[i].space == &vms[vm] ? parts[i].ran : 0;
	return sum;
}

#define NEAR(is, want, percent) \
	CHECK((is) * 100 >= (want) * (100 - (percent)) && (is) * 100 <= (want) * (100 + (percent)))

/* ---- cases */

static void sixteen_threads_get_no_more_than_one(void)
{
	play_fresh();
	for (unsigned i = 0; i < 16; i++)
		join(1, 0, 8, 1, 0);
	join(2, 0, 8, 1, 0);
	play(5 * SECOND, 0);
	NEAR(ran(1), 5ULL * SECOND / 2, 1);
	NEAR(ran(2), 5ULL * SECOND / 2, 1);
	for (unsigned i = 0; i < 16; i++)
		NEAR(parts[i].ran, 5ULL * SECOND / 32, 3);
	CHECK(parts[16].worst <= SLICE + 2 * STEP);
}

static void five_machines_get_a_fifth_each(void)
{
	play_fresh();
	for (unsigned vm = 1; vm < VMS; vm++)
		for (unsigned i = 0; i < vm; i++)
			join(vm, 0, 8, 1, 0);
	play(5 * SECOND, 0);
	for (unsigned vm = 1; vm < VMS; vm++)
		NEAR(ran(vm), 1ULL * SECOND, 1);
	for (unsigned i = 0; i < cast; i++) /* everybody has a turn: five machines, five threads of one */
		CHECK(parts[i].worst <= 25 * SLICE);
}

/* A monitor's own thread is more urgent than its vCPUs, not than the neighbour's. */
static void urgency_in_a_machine_is_its_own_matter(void)
{
	play_fresh();
	join(1, 0, 15, 1, 0);
	join(1, 0, 8, 1, 0);
	join(2, 0, 8, 1, 0);
	play(4 * SECOND, 0);
	NEAR(ran(2), 2ULL * SECOND, 1);
	CHECK_EQ(parts[1].ran, 0);
}

/* All threads of a monitor, its own among them, spin; a neighbour's heart beats on the same processors. */
static void a_spinning_monitor_takes_its_own_time_only(void)
{
	struct part *heart;

	play_fresh();
	for (unsigned i = 0; i < 4; i++) {
		join(1, i % CPUS, 15, 1, 0);
		join(1, i % CPUS, 8, 1, 0);
	}
	join(2, 0, 8, 1, 0);
	heart = join(3, 0, 8, 200, 9800);
	play(SECOND, 1);
	heart->worst = 0;
	play(10 * SECOND, 1);
	CHECK(heart->worst <= 3 * STEP);
	NEAR(heart->ran, 200ULL * 1100, 2);
	NEAR(ran(2), 11ULL * SECOND / 2 - 200 * 550, 2);
}

/* From processor to processor in the middle of slices: at best its share of each. */
static void moving_about_gives_nobody_more(void)
{
	play_fresh();
	join(1, 0, 15, 1, 0);
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		join(2, cpu, 8, 1, 0);
	for (unsigned i = 0; i < 5000; i++) {
		play(SECOND / 1000, i % CPUS);
		sched_move(&threads[0], i % CPUS);
	}
	for (unsigned i = 1; i <= CPUS; i++)
		NEAR(parts[i].ran, 5ULL * SECOND / 2, 3);
}

static void a_sleeper_preempts_those_who_compute(void)
{
	struct part *heart;

	for (unsigned waker = 0; waker < CPUS; waker++) {
		play_fresh();
		for (unsigned i = 0; i < 20; i++)
			join(1 + i % 3, 0, 8, 1, 0);
		heart = join(4, 0, 8, 200, 9800);
		play(SECOND, waker);
		heart->worst = 0;
		play(10 * SECOND, waker);
		CHECK(heart->worst <= 3 * STEP); /* IPI and switch */
		NEAR(heart->ran, 200ULL * 1100, 2);
	}
}

/* Whatever it sleeps, it gets no more than what is fair while it wants to run. */
static void sleeping_is_no_way_to_get_more(void)
{
	static const uint64_t pattern[][2] = { { 3000, 3000 }, { 500, 10 }, { 4010, 10 }, { 900, 500 }, { 20000, 3000 } };

	for (unsigned i = 0; i < sizeof(pattern) / sizeof(pattern[0]); i++) {
		play_fresh();
		join(1, 0, 8, 1, 0);
		join(2, 0, 8, pattern[i][0], pattern[i][1]);
		play(5 * SECOND, 0);
		CHECK(ran(1) * 100 >= 5ULL * SECOND * 49);
		CHECK_EQ(ran(1) + ran(2) >= 5ULL * SECOND - 2 * STEP, 1);
	}
}

static void a_long_sleep_is_not_saved_up(void)
{
	struct part *late;

	play_fresh();
	join(1, 0, 8, 1, 0);
	late = join(2, 0, 8, 100, 5 * SECOND);
	play(4 * SECOND, 0);
	late->busy = late->left = 10 * SECOND;
	parts[0].worst = 0;
	play(3 * SECOND, 0);
	CHECK(late->ran > SECOND * 9 / 10);
	CHECK(parts[0].worst <= 3 * SLICE);
}

static void the_manager_goes_first(void)
{
	struct part *manager;

	play_fresh();
	join(1, 0, 15, 1, 0);
	join(2, 0, 8, 1, 0);
	manager = join(0, 0, 16, 700, 2000);
	play(4 * SECOND, 1);
	CHECK(manager->worst <= 3 * STEP);
	NEAR(ran(1), ran(2), 2);
}

/* Whom a wake-up changes nothing for is not disturbed by it. */
static void wake_ups_disturb_no_more_than_they_must(void)
{
	unsigned before;

	play_fresh();
	join(1, 1, 8, 1, 0);
	join(2, 1, 8, 1, 0);
	play(SECOND, 0);
	before = ipis[1];
	/* Two machines compute; a third one's, with nothing owed to it, queues up behind. */
	shares[3][1].used = shares[1][1].used + 5 * SLICE;
	join(3, 1, 8, 1, 0);
	CHECK_EQ(ipis[1], before); /* the slice ends anyway */
	play(SECOND, 0);
	CHECK(ran(3) > SECOND / 4);
}

static void alone_on_a_processor_nobody_disturbs(void)
{
	play_fresh();
	CHECK_EQ(cpu_reserve(1, &vms[1]), 0);
	join(1, 1, 8, 1, 0);
	for (unsigned i = 0; i < 12; i++)
		join(2 + i % 3, 0, 8 + i % 2, 300 * i, 50 * i);
	play(SECOND / 100, 0);
	memset(&cpus[1].stats, 0, sizeof(cpus[1].stats));
	ipis[1] = 0;
	play(5 * SECOND, 0);
	CHECK_EQ(ipis[1], 0);
	CHECK_EQ(cpus[1].stats.ticks, 0);
	CHECK_EQ(cpus[1].stats.switches, 0);
	CHECK_EQ(cpus[1].stats.foreign_ipis, 0);
	CHECK_EQ(programmed[1], TIMER_NEVER);
	CHECK(cpus[0].stats.switches > 1000);
	NEAR(parts[0].ran, 5ULL * SECOND, 1);
}

/* Random parts on both processors: nobody waits longer than all others' slices together. */
static void nobody_starves(void)
{
	for (unsigned seed = 1; seed <= 20; seed++) {
		play_fresh();
		srand(seed);
		for (unsigned i = 0; i < 24; i++)
			join(1 + (unsigned)rand() % (VMS - 1), (unsigned)rand() % CPUS, 8,
			     1 + (unsigned)rand() % 9000, rand() % 3 ? 1 + (unsigned)rand() % 20000 : 0);
		for (unsigned i = 0; i < 40; i++) {
			play(SECOND / 20, (unsigned)rand() % CPUS);
			if (i % 4 == 0)
				sched_move(&threads[rand() % 24], (unsigned)rand() % CPUS);
		}
		for (unsigned i = 0; i < cast; i++) {
			CHECK(parts[i].ran > 0);
			CHECK(parts[i].worst <= 2 * 24 * SLICE);
		}
	}
}

int main(void)
{
	RUN(sixteen_threads_get_no_more_than_one);
	RUN(five_machines_get_a_fifth_each);
	RUN(urgency_in_a_machine_is_its_own_matter);
	RUN(a_spinning_monitor_takes_its_own_time_only);
	RUN(moving_about_gives_nobody_more);
	RUN(a_sleeper_preempts_those_who_compute);
	RUN(sleeping_is_no_way_to_get_more);
	RUN(a_long_sleep_is_not_saved_up);
	RUN(the_manager_goes_first);
	RUN(wake_ups_disturb_no_more_than_they_must);
	RUN(alone_on_a_processor_nobody_disturbs);
	RUN(nobody_starves);
	return unit_status();
}
