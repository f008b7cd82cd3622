/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fuzzer of the system calls: children of four threads each, on all processors, make calls with
 * arguments that are wrong in likely ways, until they end or are killed in the middle. Fixed seeds.
 * The kernel must neither panic nor lose a byte of its pool, and the memory must be all there.
 */
#include "tests/ring3/ring3.h"

#include <stdbool.h>

enum { ROUNDS = 60, WARM_UP = 10, CALLS = 6000, QUOTA = 400, PIECE = 2 << 20 };

static uint64_t next(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Small numbers (handles, operations), addresses of all kinds, powers of two, anything. */
static uint64_t argument(uint64_t *s, uint64_t buffer)
{
	uint64_t r = next(s);

	switch (next(s) % 12) {
	case 0: case 1: case 2: case 3: return r % 24;
	case 4: return r;
	case 5: return buffer + r % 256;
	case 6: return 0x400000 + (r % 16 << 12);
	case 7: return r % 64 << 12;
	case 8: return 1ULL << r % 64;
	case 9: return 0xffff800000000000ULL + r % 0x1000000;
	case 10: return 0x20000000 + (r % 256 << 12);
	default: return 0x40000000ULL * (r % 4);
	}
}

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
	uint64_t s = seed * 0x9e3779b97f4a7c15ULL + 1, a[6];
	char buffer[512];

	for (unsigned i = 0; i < sizeof(buffer); i++)
		buffer[i] = (char)next(&s);
	for (unsigned i = 0; i < CALLS; i++) {
		uint64_t n = next(&s) % (SYS_MAX + 2);

		for (unsigned k = 0; k < 6; k++)
			a[k] = argument(&s, sys_ptr(buffer));
		if (n == SYS_EVENT_WAIT)
			a[2] = next(&s) % 2 ? 0 : sys_tsc() + next(&s) % 1000000;
		if (left_out(n, a, next(&s)))
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
		if (round == WARM_UP) /* page tables of the kernel half grow to what they will be */
			before = after;
		if (round <= WARM_UP || after == before)
			continue;
		say("FAIL round %u: %lld bytes of the pool are gone", round, (long long)(before - after));
		failed++;
	}
	finish(ROUNDS, failed);
}
