/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs one kind of mischief on every processor; see hostile.h. */
#include "tests/payload/lib/hostile.h"

#include "lib/string.h"

static uint64_t seeds[CPUS_MAX], points[CPUS_MAX][8];
static void (*mischief)(void);

uint64_t arbitrary(void)
{
	uint64_t *seed = &seeds[cpu_self()];

	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	return *seed ^= *seed << 17;
}

static void sow(void)
{
	const char *p = option("seed=");
	uint64_t n = 0;

	for (; p && *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	for (unsigned i = 0; i < CPUS_MAX; i++)
		seeds[i] = 0x2545f4914f6cdd1dULL ^ (n * CPUS_MAX + i) * 0x9e3779b97f4a7c15ULL;
}

void hostile_served(struct frame *f)
{
	(void)f;
	lapic_eoi();
}

static void hostile_nmi(struct frame *f)
{
	(void)f;
}

static void step_over(struct frame *f)
{
	const uint8_t *p = (const uint8_t *)(uintptr_t)f->rip;

	if (p[0] == 0x0f && (p[1] == 0x30 || p[1] == 0x32))
		f->rip += 2;
	else if (p[0] == 0x0f && p[1] == 0x01 && p[2] >= 0xc0)
		f->rip += 3;
	else
		fail("vector %llu at 0x%llx", (unsigned long long)f->vector, (unsigned long long)f->rip);
}

void hostile_anew(void)
{
	trap_escape(points[cpu_self()]);
}

__attribute__((noreturn)) static void for_ever(unsigned me)
{
	trap_mark(points[me]);
	cli();
	for (;;) {
		if (me == 0)
			fail_with_others();
		mischief();
	}
}

void hostile_for_ever(const struct hostile_kind *kinds)
{
	const char *kind = option("kind=");

	sow();
	for (; kinds->name; kinds++) {
		size_t n = strlen(kinds->name);

		if (kind && strncmp(kind, kinds->name, n) == 0 && (kind[n] == ' ' || kind[n] == '\0'))
			break;
	}
	if (!kinds->name)
		fail("no such kind");
	if (kinds->prepare)
		kinds->prepare();
	if (smp_cpus() > 1)
		smp_begin(true);
	for (unsigned v = 32; v < 256; v++)
		on_trap(v, hostile_served);
	on_trap(VECTOR_NMI, hostile_nmi);
	on_trap(VECTOR_GP, step_over);
	on_trap(VECTOR_UD, step_over);
	lapic_init(true);
	say("INFO %s exits for ever", kinds->name);
	mischief = kinds->run;
	if (smp_cpus() > 1)
		smp_run_all(for_ever);
	for_ever(0);
}
