/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: */
/* The scheduler, call by call (sched_model_test.c: over time). */
#include "tests/unit/sched_world.h"

/* IBPB and return stack: when another space comes, not at each switch, and not for the idle thread. */
static void barrier_between_spaces_only(void)
{
	fresh();
	for (unsigned i = 0; i < 3; i++)
		threads[i].space = &vms[i / 2];
	start(0, 0, 5);
	schedule();
	barriers = 0;
	start(1, 0, 6); /* another thread of the same VM's monitor */
	schedule();
	CHECK(CURRENT == &threads[1]);
	CHECK_EQ(barriers, 0);
	thread_park();
	thread_park(); /* idle keeps what is loaded */
	thread_unpark(&threads[1]);
	schedule();
	CHECK_EQ(barriers, 0);
	thread_park();
	start(2, 0, 7); /* another VM's */
	schedule();
	CHECK(CURRENT == &threads[2]);
	CHECK_EQ(barriers, 1);
	thread_unpark(&threads[1]);
	thread_park();
	CHECK(CURRENT == &threads[1]);
	CHECK_EQ(barriers, 2);
}

static void the_highest_priority_runs(void)
{
	fresh();
	start(0, 0, 5);
	start(1, 0, 9);
	start(2, 0, 7);
	CHECK(percpu_self()->work & WORK_RESCHED);
	schedule();
	CHECK(CURRENT == &threads[1]);
	CHECK(!(percpu_self()->work & WORK_RESCHED));
	thread_park();
	CHECK(CURRENT == &threads[2]);
	thread_park();
	CHECK(CURRENT == &threads[0]);
	thread_unpark(&threads[1]);
	CHECK(percpu_self()->work & WORK_RESCHED);
	schedule();
	CHECK(CURRENT == &threads[1]);
	thread_park();
	CHECK(CURRENT == &threads[0]); /* it was preempted, not lost */
	thread_park();
	CHECK(CURRENT == &idle[0]);
}

static void equals_take_turns_at_slices(void)
{
	unsigned ran[3] = { 0 };

	fresh();
	for (unsigned i = 0; i < 3; i++)
		start(i, 0, 5);
	schedule();
	for (unsigned i = 0; i < 300; i++) {
		CHECK(percpu_self()->tick != TIMER_NEVER);
		ran[CURRENT - threads]++;
		sched_tick(percpu_self()->tick);
		CHECK(percpu_self()->work & WORK_RESCHED);
		schedule();
	}
	CHECK(ran[0] == 100 && ran[1] == 100 && ran[2] == 100);
}

/* What a PAUSE exit does: of four vCPUs that share a processor, three spin for a lock that the fourth holds. */
static void who_spins_gives_way_to_who_has_the_lock(void)
{
	struct thread *holder;
	unsigned spins = 0, slices = 0;

	fresh();
	for (unsigned i = 0; i < 4; i++)
		start(i, 0, 5);
	schedule();
	holder = CURRENT;
	threads[4].space = &vms[1]; /* one of another VM, which has its share all the same */
	start(4, 0, 5);
	tsc += slice();
	schedule(); /* the holder's slice is over, with the lock in its hand */
	for (; CURRENT != holder && spins + slices < 20;) {
		if (CURRENT == &threads[4]) {
			slices++;
			tsc += slice();
			schedule();
		} else {
			spins++; /* no time passes: nobody sees the end of a slice */
			sched_give_way();
		}
	}
	CHECK(CURRENT == holder);
	CHECK_EQ(spins, 3);
	CHECK(slices <= 2);
	for (unsigned i = 0; i < 5; i++)
		thread_park();
	CHECK(CURRENT == &idle[0]);
	start(5, 0, 5);
	schedule();
	sched_give_way(); /* to nobody */
	CHECK(CURRENT == &threads[5]);
}

static void alone_there_is_no_tick(void)
{
	fresh();
	start(0, 0, 5);
	start(1, 0, 3); /* waits, whatever it does */
	schedule();
	CHECK(CURRENT == &threads[0]);
	CHECK_EQ(percpu_self()->tick, TIMER_NEVER);
	CHECK_EQ(programmed[0], TIMER_NEVER);
	start(2, 0, 5);
	CHECK(percpu_self()->tick != TIMER_NEVER);
}

static void no_wakeup_is_lost(void)
{
	fresh();
	start(0, 0, 5);
	schedule();
	thread_unpark(&threads[0]); /* comes first */
	thread_park();
	CHECK(CURRENT == &threads[0]);
	thread_park(); /* the token is used up */
	CHECK(CURRENT == &idle[0]);
	thread_unpark(&threads[0]);
	thread_unpark(&threads[0]); /* one token, not two */
	schedule();
	CHECK(CURRENT == &threads[0]);
	thread_park();
	CHECK(CURRENT == &threads[0]);
	thread_park();
	CHECK(CURRENT == &idle[0]);
}

static void waking_elsewhere_sends_one_ipi(void)
{
	fresh();
	start(0, 1, 5);
	CHECK_EQ(ipis[1], 1);
	CHECK_EQ(ipis[0], 0);
	on(1);
	sched_ipi();
	CHECK(percpu_self()->work & WORK_RESCHED);
	schedule();
	CHECK(CURRENT == &threads[0]);
	on(0);
	start(1, 1, 4); /* less urgent than what runs there: nobody is disturbed */
	CHECK_EQ(ipis[1], 1);
	start(2, 1, 6);
	CHECK_EQ(ipis[1], 2);
}

/* Another processor's queue is locked: the wake-up is left there, once, and that processor makes it. */
static void waking_elsewhere_does_not_wait(void)
{
	fresh();
	for (unsigned i = 0; i < 3; i++)
		start(i, 1, 5);
	on(1);
	schedule();
	for (unsigned i = 0; i < 3; i++)
		thread_park();
	CHECK(CURRENT == &idle[1]);
	on(0);
	ipis[1] = 0;
	references = 0;
	cpus[1].run_lock.next++; /* somebody has it */
	thread_unpark(&threads[0]);
	thread_unpark(&threads[1]);
	thread_unpark(&threads[0]);
	CHECK_EQ(ipis[1], 1);
	CHECK_EQ(references, 2);
	CHECK(threads[0].state == THREAD_PARKED && threads[1].state == THREAD_PARKED);
	cpus[1].run_lock.owner++;
	thread_unpark(&threads[2]); /* it is free again: at once */
	CHECK_EQ(threads[2].state, THREAD_READY);
	sched_move(&threads[1], 0); /* it goes; its wake-up comes behind */
	on(1);
	sched_ipi();
	CHECK_EQ(references, 2); /* not in the interrupt: the last reference may go with it */
	sched_yield_point();
	CHECK_EQ(references, 0);
	CHECK(threads[0].state != THREAD_PARKED && threads[1].state == THREAD_READY);
	CHECK(threads[0].cpu == 1 && threads[1].cpu == 0);
	CHECK(!threads[0].waking && !threads[1].waking && !cpus[1].wake);
	on(0);
	schedule();
	CHECK(CURRENT == &threads[1]);
	/* One that runs finds its token. */
	on(1);
	cpus[0].run_lock.next++;
	thread_unpark(&threads[1]);
	cpus[0].run_lock.owner++;
	on(0);
	CHECK(!threads[1].token);
	sched_ipi();
	sched_work();
	thread_park();
	CHECK(CURRENT == &threads[1]);
	thread_park();
	CHECK(CURRENT == &idle[0]);
}

static void moving_a_waiting_a_ready_and_a_running_thread(void)
{
	fresh();
	start(0, 0, 5);
	start(1, 0, 5);
	schedule();
	CHECK(CURRENT == &threads[0]);
	sched_move(&threads[1], 1); /* ready */
	CHECK_EQ(threads[1].cpu, 1);
	CHECK_EQ(ipis[1], 1);
	sched_move(&threads[0], 1); /* running, here */
	CHECK_EQ(threads[0].cpu, 0);
	CHECK(percpu_self()->work & WORK_RESCHED);
	schedule();
	CHECK(CURRENT == &idle[0]);
	CHECK_EQ(threads[0].cpu, 1);
	on(1);
	schedule();
	CHECK(CURRENT == &threads[1]);
	thread_park();
	CHECK(CURRENT == &threads[0]);
	thread_park();
	sched_move(&threads[0], 0); /* parked: it stays so */
	CHECK_EQ(threads[0].cpu, 0);
	CHECK_EQ(threads[0].state, THREAD_PARKED);
	on(0);
	thread_unpark(&threads[0]);
	schedule();
	CHECK(CURRENT == &threads[0]);
	/* Running on another processor: it is asked to, and does at its next switch. */
	on(1);
	sched_move(&threads[0], 1);
	CHECK_EQ(ipis[0], 1);
	on(0);
	sched_ipi();
	schedule();
	CHECK_EQ(threads[0].cpu, 1);
	on(1);
	schedule();
	CHECK(CURRENT == &threads[0]);
}

static void move_0_back(void)
{
	on(1);
	sched_move(&threads[0], 0);
	on(0);
}

static void a_move_that_is_taken_back_in_the_switch_loses_nobody(void)
{
	fresh();
	start(0, 0, 5);
	schedule();
	sched_move(&threads[0], 1);
	in_switch = move_0_back;
	schedule();
	in_switch = NULL;
	CHECK_EQ(threads[0].cpu, 0);
	schedule();
	CHECK(CURRENT == &threads[0]);
}

static void killing_reaches_every_state(void)
{
	fresh();
	start(0, 0, 5);
	start(1, 0, 6);
	schedule();
	thread_park(); /* 1 parked, 0 runs */
	sched_kill(&threads[1]);
	CHECK_EQ(threads[1].state, THREAD_READY);
	threads[2].priority = 4; /* never started */
	sched_kill(&threads[2]);
	CHECK_EQ(threads[2].state, THREAD_READY);
	sched_kill(&threads[0]);
	CHECK(percpu_self()->work & WORK_DYING);
	thread_park(); /* does not sleep any more */
	CHECK(CURRENT == &threads[0]);
	on(1);
	start(3, 1, 5);
	schedule();
	on(0);
	sched_kill(&threads[3]);
	CHECK_EQ(ipis[1], 1);
	on(1);
	sched_ipi();
	CHECK(percpu_self()->work & WORK_DYING);
}

/* Reserved for one thread of one space: nobody else comes, and who disturbs it is counted. */
static void an_exclusive_processor_has_one_thread(void)
{
	struct space mine, other;

	fresh();
	mine = vms[1];
	other = vms[2];
	threads[0].space = &other;
	start(0, 0, 5);
	CHECK_EQ(cpu_reserve(0, &mine), E_BUSY); /* threads are there */
	CHECK_EQ(cpu_reserve(1, &mine), 0);
	CHECK_EQ(cpu_reserve(1, &mine), E_BUSY);
	CHECK_EQ(cpu_reserve(1, &other), E_BUSY);
	CHECK_EQ(cpu_claim(1, &other), E_BUSY);
	CHECK_EQ(sched_move(&threads[0], 1), E_BUSY);
	CHECK_EQ(threads[0].target, 0);
	threads[1].space = &mine;
	start(1, 1, 5);
	CHECK_EQ(cpu_claim(1, &mine), E_BUSY); /* one is all */
	CHECK_EQ(sched_move(&threads[1], 1), 0); /* where it is */
	CHECK_EQ(ipis[1], 1);
	CHECK_EQ(cpus[1].stats.foreign_ipis, 1); /* the idle thread has no space: it was not `mine` */
	on(1);
	schedule();
	on(0);
	schedule(); /* threads[0], of `other` */
	thread_poke(&threads[1]);
	CHECK_EQ(cpus[1].stats.foreign_ipis, 2);
	threads[0].space = &mine;
	thread_poke(&threads[1]);
	CHECK_EQ(cpus[1].stats.foreign_ipis, 2);
	CHECK_EQ(cpus[1].stats.ticks, 0);
	CHECK_EQ(sched_move(&threads[1], 0), 0); /* away, and another may come */
	CHECK_EQ(cpus[1].claims, CLAIM_EXCLUSIVE);
	CHECK_EQ(cpu_claim(1, &mine), 0);
	cpu_release(1, &other);
	CHECK_EQ(cpus[1].claims, CLAIM_EXCLUSIVE | 1);
	cpu_release(1, &mine);
	CHECK(cpus[1].claims == 1 && !cpus[1].owner);
	CHECK_EQ(cpu_claim(1, &other), 0);
	mine.dying = true;
	CHECK_EQ(cpu_reserve(1, &mine), E_DEAD);
	/* One that has left has no claim to carry about. */
	sched_leave(&threads[0]);
	CHECK_EQ(cpus[0].claims, 1);
	CHECK_EQ(sched_move(&threads[0], 1), 0);
	CHECK(cpus[0].claims == 1 && cpus[1].claims == 2);
}

static void vcpus_are_put_and_loaded_around_switches(void)
{
	struct vcpu *v = calloc(1, sizeof(*v));

	fresh();
	start(0, 0, 5);
	schedule();
	threads[0].vcpu = v;
	start(1, 0, 6);
	schedule();
	CHECK(put_calls == 1 && load_calls == 0);
	thread_park();
	CHECK(put_calls == 1 && load_calls == 1);
	thread_park(); /* idle, then the same again: state is not left on the processor */
	CHECK(put_calls == 2);
	thread_unpark(&threads[0]);
	schedule();
	CHECK(load_calls == 2);
	free(v);
}

/* Random wake-ups, parks, moves and ticks: every ready thread is in exactly one queue, its own. */
static void random_walk(void)
{
	unsigned held;

	fresh();
	references = 0;
	srand(11);
	for (unsigned i = 0; i < 8; i++) {
		threads[i].space = &vms[i % 3];
		start(i, i % 2, (uint8_t)(12 + i / 2));
	}
	for (unsigned round = 0; round < 200000; round++) {
		struct thread *t = &threads[rand() % 8];

		tsc += (unsigned)rand() % 3000;
		on((unsigned)rand() % 2);
		switch (rand() % 5) {
		case 0:
			held = (unsigned)rand() % 4; /* often nobody's queue that is of interest */
			if (held < CPUS && held != cpu_index())
				cpus[held].run_lock.next++;
			thread_unpark(t);
			if (held < CPUS && held != cpu_index())
				cpus[held].run_lock.owner++;
			break;
		case 1:
			sched_move(t, (unsigned)rand() % 2);
			break;
		case 2:
			if (!CURRENT->is_idle)
				thread_park();
			break;
		case 3:
			sched_ipi();
			break;
		default:
			sched_tick(percpu_self()->tick);
		}
		sched_yield_point();
		for (unsigned i = 0; i < 8; i++) {
			unsigned found = 0;

			for (unsigned c = 0; c < 2; c++)
				for (struct share *s = cpus[c].run.ready; s; s = s->next)
					for (struct thread *q = s->first; q; q = q->run_next)
						found += q == &threads[i] ? 1 + (threads[i].cpu != c) * 10 : 0;
			CHECK_EQ(found, threads[i].state == THREAD_READY);
			CHECK_EQ(threads[i].on_cpu,
				 cpus[0].current == &threads[i] || cpus[1].current == &threads[i]);
		}
	}
	for (unsigned i = 0; i < 4; i++) { /* twice on each: one may be on its way to the other */
		on(i % 2);
		sched_ipi();
		sched_yield_point();
	}
	CHECK(!cpus[0].wake && !cpus[1].wake);
	CHECK_EQ(references, 0);
}

int main(void)
{
	RUN(barrier_between_spaces_only);
	RUN(the_highest_priority_runs);
	RUN(equals_take_turns_at_slices);
	RUN(who_spins_gives_way_to_who_has_the_lock);
	RUN(alone_there_is_no_tick);
	RUN(no_wakeup_is_lost);
	RUN(waking_elsewhere_sends_one_ipi);
	RUN(waking_elsewhere_does_not_wait);
	RUN(moving_a_waiting_a_ready_and_a_running_thread);
	RUN(a_move_that_is_taken_back_in_the_switch_loses_nobody);
	RUN(killing_reaches_every_state);
	RUN(an_exclusive_processor_has_one_thread);
	RUN(vcpus_are_put_and_loaded_around_switches);
	RUN(random_walk);
	return unit_status();
}
