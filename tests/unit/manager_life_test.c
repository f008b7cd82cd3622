/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: manager/life.c manager/placement.c manager/ledger.c lib/backoff.c lib/format.c */
/* What the manager decides without doing it: lives and pauses, processors, who has which memory. */
#include "tests/unit/unit.h"

#include "kernel/abi/status.h"
#include "manager/ledger.h"
#include "manager/life.h"
#include "manager/placement.h"

static struct life l;

static void born(bool restart)
{
	l = (struct life){ .restart = restart, .crashes.first_ms = BACKOFF_MS };
	life_start(&l, 100);
	l.state = LIFE_RUNNING;
}

static void dies(enum life_end end, uint64_t at)
{
	life_ends(&l, end);
	l.state = LIFE_RETURNING; /* the monitor is gone */
	life_over(&l, at);
}

static void switches_itself_off(void)
{
	born(true);
	dies(END_OFF, 200);
	CHECK_EQ(l.state, LIFE_STOPPED);
	CHECK(!life_due(&l, UINT64_MAX));
	CHECK_STR(life_word(&l), "stopped");
}

static void crashes_for_good(void)
{
	born(false);
	dies(END_CRASHED, 200);
	CHECK_EQ(l.state, LIFE_STOPPED);
	born(true);
	dies(END_FAILED, 200);
	CHECK_EQ(l.state, LIFE_STOPPED);
}

static void pauses_double(void)
{
	uint64_t now = 100, want = 1000;

	born(true);
	for (unsigned i = 0; i < 12; i++) {
		dies(END_CRASHED, now);
		CHECK_EQ(l.state, LIFE_WAITING);
		CHECK_EQ(l.again, now + want);
		CHECK(!life_due(&l, l.again - 1) && life_due(&l, l.again));
		now = l.again;
		life_start(&l, now);
		l.state = LIFE_RUNNING;
		want = want * 2 < BACKOFF_MAX_MS ? want * 2 : BACKOFF_MAX_MS;
	}
	CHECK_EQ(l.restarts, 12);
	/* A long life, and the pause is short again. */
	dies(END_CRASHED, now + BACKOFF_MAX_MS);
	CHECK_EQ(l.again, now + BACKOFF_MAX_MS + 1000);
}

/* A guest's own resets: the first few come at once, then as above. */
static void some_are_spared(void)
{
	static const uint64_t want[] = { 0, 0, 0, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000 };
	struct backoff b = { .first_ms = BACKOFF_MS, .spared = 3 };

	for (unsigned round = 0; round < 2; round++) {
		CHECK_EQ(backoff_next(&b, BACKOFF_MAX_MS), 0); /* a long life */
		for (unsigned i = 1; i < sizeof(want) / sizeof(want[0]); i++)
			CHECK_EQ(backoff_next(&b, BACKOFF_MAX_MS - 1), want[i]);
	}
	b = (struct backoff){ .first_ms = 0, .count = UINT32_MAX - 1 };
	CHECK_EQ(backoff_next(&b, 0), 0); /* `backoff=0`: none, and in no time */
	CHECK_EQ(backoff_next(&b, 0), 0);
	b = (struct backoff){ .first_ms = 1, .count = UINT32_MAX };
	CHECK_EQ(backoff_next(&b, 0), BACKOFF_MAX_MS);
}

static void first_reason_stays(void)
{
	born(true);
	CHECK(life_ends(&l, END_OPERATOR));
	CHECK_EQ(l.state, LIFE_ENDING);
	CHECK(!life_ends(&l, END_CRASHED));
	CHECK_EQ(l.end, END_OPERATOR);
	l.state = LIFE_RETURNING;
	CHECK(!life_ends(&l, END_CRASHED));
	life_over(&l, 1);
	CHECK_EQ(l.state, LIFE_STOPPED);
	CHECK(!life_ends(&l, END_CRASHED));
}

/* One that is still being built has no monitor to wait for. */
static void ends_while_it_starts(void)
{
	l = (struct life){ 0 };
	life_start(&l, 1);
	CHECK(life_ends(&l, END_FAILED));
	CHECK_EQ(l.state, LIFE_RETURNING);
}

static void operators_wishes(void)
{
	born(false);
	dies(END_RESTART, 500);
	CHECK_EQ(l.state, LIFE_WAITING);
	CHECK(life_due(&l, 500));
	born(true);
	dies(END_CRASHED, 500);
	life_never(&l);
	CHECK_EQ(l.state, LIFE_STOPPED);
	CHECK_EQ(l.end, END_OPERATOR);
	life_again(&l, 600);
	CHECK(life_due(&l, 600));
	born(true);
	life_again(&l, 600);
	CHECK_EQ(l.state, LIFE_RUNNING); /* alive: it has to end first */
}

/* Said while what the VM had is still on its way back: it holds all the same. */
static void operators_wishes_in_between(void)
{
	born(true);
	life_ends(&l, END_CRASHED);
	l.state = LIFE_RETURNING;
	CHECK(life_never(&l));
	life_over(&l, 500);
	CHECK_EQ(l.state, LIFE_STOPPED);
	CHECK_EQ(l.end, END_OPERATOR);
	CHECK(!life_never(&l));
	born(false);
	life_ends(&l, END_CRASHED);
	CHECK(!life_never(&l)); /* why it has stopped stays */
	CHECK_EQ(l.end, END_CRASHED);
	life_again(&l, 400);
	l.state = LIFE_RETURNING;
	life_over(&l, 500);
	CHECK(life_due(&l, 500));
}

/* ---- processors */

static struct config config;
static struct placement place[CONFIG_VM_MAX];

static struct config_vm *vm(unsigned i, uint32_t cpus, bool exclusive)
{
	config.vm_count = i + 1;
	config.vm[i] = (struct config_vm){ .cpus = cpus, .exclusive = exclusive };
	return &config.vm[i];
}

static void pin(struct config_vm *v, uint16_t a, uint16_t b)
{
	v->pinned = true;
	v->pin[0] = a;
	v->pin[1] = b;
}

static void shares_fairly(void)
{
	unsigned on[4] = { 0 };

	for (unsigned i = 0; i < 8; i++)
		vm(i, 2, false);
	placement_make(&config, 4, place);
	for (unsigned i = 0; i < 8; i++) {
		CHECK(place[i].ok);
		CHECK(place[i].cpu[0] != place[i].cpu[1]);
		CHECK_EQ(place[i].io, place[i].cpu[0]);
		on[place[i].cpu[0]]++;
		on[place[i].cpu[1]]++;
	}
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(on[i], 4);
	placement_make(&config, 1, place);
	CHECK(place[7].ok && place[7].cpu[1] == 0);
	vm(0, 1, false);
	placement_make(&config, 2, place);
	CHECK_EQ(place[0].cpu[0], 1); /* the manager's processor comes last */
}

static void pins(void)
{
	pin(vm(0, 2, false), 2, 3);
	vm(1, 2, false);
	pin(vm(2, 2, false), 1, 4);
	placement_make(&config, 4, place);
	CHECK(place[0].ok && place[0].cpu[0] == 2 && place[0].cpu[1] == 3);
	CHECK(place[1].ok && place[1].cpu[0] == 1 && place[1].cpu[1] == 0); /* where nobody is */
	CHECK(!place[2].ok);
	CHECK(strstr(place[2].why, "4: this box has processors 0 to 3") != NULL);
}

static void exclusive(void)
{
	vm(0, 3, false);
	vm(1, 1, true);
	pin(vm(2, 1, true), 2, 0);
	vm(3, 2, true);
	placement_make(&config, 4, place);
	CHECK(place[2].ok && place[2].cpu[0] == 2);
	CHECK(place[1].ok && place[1].cpu[0] == 3);
	CHECK_EQ(place[1].io, 0);
	CHECK(!place[3].ok);
	CHECK(strstr(place[3].why, "needs 2 processors of its own; of this box's 4, 1 is free") != NULL);
	for (unsigned i = 0; i < 3; i++)
		CHECK(place[0].cpu[i] < 2);
}

static void exclusive_conflicts(void)
{
	pin(vm(0, 2, false), 0, 1);
	pin(vm(1, 1, true), 2, 0);
	pin(vm(2, 1, true), 2, 0);
	pin(vm(3, 1, false), 2, 0);
	pin(vm(4, 1, true), 0, 0);
	placement_make(&config, 4, place);
	CHECK(place[0].ok && place[1].ok);
	CHECK(!place[2].ok && strstr(place[2].why, "processor 2 is another VM's, exclusively") != NULL);
	CHECK(!place[3].ok && strstr(place[3].why, "processor 2 is another VM's, exclusively") != NULL);
	CHECK(!place[4].ok && strstr(place[4].why, "manager's") != NULL);
	vm(0, 1, true);
	placement_make(&config, 1, place);
	CHECK(!place[0].ok);
}

/* Any config on any box: an exclusive processor has one VM, and nobody has one that is not there. */
static void any_placement(void)
{
	unsigned seed = 1;

	for (unsigned round = 0; round < 20000; round++) {
		unsigned cpus, owner[16] = { 0 };

		seed = seed * 1103515245 + 12345;
		cpus = (seed >> 16) % 8 + 1;
		for (unsigned i = 0; i < (round % 6) + 1; i++) {
			struct config_vm *v = vm(i, 1 + (seed >> 20) % 3, (seed >> 8) % 3 == 0);

			seed = seed * 1103515245 + 12345;
			v->pinned = (seed >> 16) % 2;
			for (unsigned k = 0; k < 3; k++)
				v->pin[k] = (uint16_t)((seed >> (18 + k)) + k) % 9;
			v->wrong = (seed >> 25) % 5 == 0;
		}
		placement_make(&config, cpus, place);
		for (unsigned pass = 0; pass < 2; pass++) {
			for (unsigned i = 0; i < config.vm_count; i++) {
				if (!place[i].ok)
					continue;
				CHECK(!config.vm[i].wrong);
				CHECK(place[i].io < cpus);
				for (unsigned k = 0; k < config.vm[i].cpus; k++) {
					CHECK(place[i].cpu[k] < cpus);
					if (pass == 0 && config.vm[i].exclusive) {
						CHECK(place[i].cpu[k] != 0);
						owner[place[i].cpu[k]] = i + 1;
					} else if (pass == 1) {
						unsigned o = owner[place[i].cpu[k]];

						CHECK(o == 0 || o == i + 1);
						CHECK(owner[place[i].io] == 0);
					}
				}
			}
		}
	}
}

/* ---- memory */

static struct ledger g;

static void one_owner(void)
{
	unsigned other = 99;

	memset(&g, 0, sizeof(g));
	CHECK_EQ(ledger_give(&g, 1, 0x10000, 0x4000, &other), 0);
	CHECK_EQ(ledger_give(&g, 2, 0x14000, 0x1000, &other), 0);
	CHECK_EQ(ledger_give(&g, 2, 0xf000, 0x1000, &other), 0);
	CHECK_EQ(other, 99);
	CHECK_EQ((unsigned)ledger_give(&g, 3, 0x13000, 0x1000, &other), (unsigned)E_EXIST);
	CHECK_EQ(other, 1);
	CHECK_EQ((unsigned)ledger_give(&g, 3, 0, 0x100000, &other), (unsigned)E_EXIST);
	CHECK_EQ((unsigned)ledger_give(&g, 1, 0x10000, 0x4000, &other), (unsigned)E_EXIST);
	CHECK_EQ(ledger_bytes(&g, 2), 0x2000);
	CHECK_EQ(ledger_bytes(&g, 3), 0);
}

static void gives_back(void)
{
	unsigned other;

	CHECK_EQ((unsigned)ledger_return(&g, 2, 0x10000, 0x4000), (unsigned)E_RANGE); /* not its */
	CHECK_EQ((unsigned)ledger_return(&g, 1, 0x10000, 0x1000), (unsigned)E_RANGE); /* a part */
	CHECK_EQ(ledger_return(&g, 1, 0x10000, 0x4000), 0);
	CHECK_EQ((unsigned)ledger_return(&g, 1, 0x10000, 0x4000), (unsigned)E_RANGE); /* twice */
	CHECK_EQ(ledger_bytes(&g, 1), 0);
	CHECK_EQ(ledger_give(&g, 3, 0x10000, 0x4000, &other), 0);
}

static void ledger_full(void)
{
	unsigned other;

	memset(&g, 0, sizeof(g));
	for (unsigned i = 0; i < LEDGER_ENTRIES; i++)
		CHECK_EQ(ledger_give(&g, i % 5, i * 4096ULL, 4096, &other), 0);
	CHECK_EQ((unsigned)ledger_give(&g, 0, 1ULL << 30, 4096, &other), (unsigned)E_NOMEM);
}

int main(void)
{
	RUN(switches_itself_off);
	RUN(crashes_for_good);
	RUN(pauses_double);
	RUN(some_are_spared);
	RUN(first_reason_stays);
	RUN(ends_while_it_starts);
	RUN(operators_wishes);
	RUN(operators_wishes_in_between);
	RUN(shares_fairly);
	RUN(pins);
	RUN(exclusive);
	RUN(exclusive_conflicts);
	RUN(any_placement);
	RUN(one_owner);
	RUN(gives_back);
	RUN(ledger_full);
	return unit_status();
}
