/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fuzzer of the system calls: children of four threads each, on all processors, make calls with
 * arguments that are wrong in likely ways, until they end or are killed in the middle. Fixed seeds.
 * The kernel must neither panic nor lose a byte of its pool, and the memory must be all there.
 */
#include "tests/ring3/ring3.h"

#include <stdbool.h>
#include "tests/ring3/garbage.h"

enum { ROUNDS = 60, CALLS = 6000, QUOTA = 400, PIECE = 2 << 20 };

/* Calls that would only end or delay the test, or flood the log. */
static bool left_out(uint64_t n, const uint64_t *a, uint64_t chance)
{
	switch (n) {
	case SYS_LOG: case SYS_RANGE_SCRUB: case SYS_VM_TAKE: return chance % 64 != 0;
	case SYS_BOX_CTL: return true;
	case SYS_CLOSE: return chance % 8 != 0;
	case SYS_VCPU_CTL: return a[1] == VCPU_DUMP;
	case SYS_THREAD_CTL: return a[0] == 0 && a[1] == THREAD_EXIT;
	case SYS_SPACE_CTL: return a[1] == SPACE_KILL && chance % 16 != 0;
	case SYS_RANGE_UNMAP: return a[1] < CHILD_STACKS + CHILD_THREADS * CHILD_STACK && a[1] + a[2] > 0x400000;
	default: return false;
	}
}

static void fuzz(uint64_t seed)
{
	uint64_t s = garbage_seed(seed), a[6];
	char buffer[512];

	for (unsigned i = 0; i < sizeof(buffer); i++)
		buffer[i] = (char)garbage_next(&s);
	for (unsigned i = 0; i < CALLS; i++) {
		uint64_t n = garbage_next(&s) % (SYS_MAX + 2);

		for (unsigned k = 0; k < 6; k++)
			a[k] = garbage_argument(&s, sys_ptr(buffer));
		if (n == SYS_EVENT_WAIT)
			a[2] = garbage_next(&s) % 2 ? 0 : sys_tsc() + garbage_next(&s) % 1000000;
		if (left_out(n, a, garbage_next(&s)))
			continue;
		(void)sys_call6(n, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
	child_exit(0);
}

static unsigned round_run(struct world *w, unsigned round)
{
	int child = child_create(w, QUOTA), event = sys_event_create();
	int rest = sys_range_split(w->memory, PIECE);
	struct range_info r = { 0 };

	sys_grant(child, event, RIGHT_ALL);
	sys_close(event);
	sys_grant(child, w->memory, RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT);
	for (unsigned i = 0; i < CHILD_THREADS; i++)
		child_start(w, child, i, fuzz, round * CHILD_THREADS + i, i, 10 + i % 3);
	/* Every third is killed while it is busy. */
	child_end(w, child, round % 3 == 2 ? w->box.tsc_hz / 100 : 5 * w->box.tsc_hz);
	if (sys_range_merge(w->memory, rest) != 0) {
		say("FAIL round %u: its memory is not what it was", round);
		return 1;
	}
	sys_range_info(w->stacks, &r);
	if (r.maps != 0)
		say("FAIL round %u: %u mappings of its stacks are left", round, r.maps);
	return r.maps != 0;
}

void ring3_main(const struct manager_boot *boot);
void ring3_main(const struct manager_boot *boot)
{
	struct world w;
	unsigned failed = 0;
	uint64_t before = 0, after;

	world_init(&w, boot);
	for (unsigned round = 0; round < ROUNDS && failed == 0; round++) {
		failed += round_run(&w, round);
		after = pool_free(&w);
		if (round == 0)
			before = after;
		if (after == before)
			continue;
		say("FAIL round %u: %lld bytes of the pool are gone", round, (long long)(before - after));
		failed++;
	}
	finish(ROUNDS, failed);
}
