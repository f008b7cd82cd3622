/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One of several guests on a processor, which shares its time: the gaps of a heartbeat beside whatever
 * the others do, and slices as a guest sees them. Figures for the benchmark; rows set the bounds.
 */
#include "tests/payload/lib/payload.h"

enum { VEC_BEAT = 0x61, BEATS = 100, TOLD_BEATS = 10, PERIOD_US = 10000, SLICES = 50 };

static volatile unsigned beats;
static volatile uint64_t last_beat, worst_gap;
static uint64_t ticks_per_beat;

static uint64_t tsc_hz(void)
{
	if (!on_bulkhead())
		skip("who tells the TSC's rate?");
	return cpuid(0x40000010, 0).eax * 1000ULL;
}

static void arm(uint64_t deadline)
{
	__asm__ volatile("mfence" : : : "memory");
	wrmsr(MSR_TSC_DEADLINE, deadline);
}

static void beat(struct frame *f)
{
	uint64_t now = rdtsc();

	(void)f;
	if (last_beat != 0 && now - last_beat > worst_gap)
		worst_gap = now - last_beat;
	last_beat = now;
	beats++;
	lapic_eoi();
	arm(now + ticks_per_beat);
}

static void noise_interrupt(struct frame *f)
{
	(void)f;
	beats++;
	lapic_eoi();
}

static void tell_gap(void)
{
	uint64_t hundredths = worst_gap * 100 / ticks_per_beat;

	sti();
	say("INFO %u beats, the worst gap %llu hundredths of a period", beats, (unsigned long long)hundredths);
	cli();
	if (option("bounded") && hundredths > 300)
		fail("the worst gap is %llu hundredths of a period", (unsigned long long)hundredths);
	beats = 0;
	worst_gap = 0;
}

/* `beats=N` */
static unsigned beats_wanted(void)
{
	const char *text = option("beats=");
	unsigned n = 0;

	for (; text && *text >= '0' && *text <= '9'; text++)
		n = 10 * n + (unsigned)(*text - '0');
	return n != 0 ? n : BEATS;
}

/*
 * Each beat asks for the next, a period later: the worst gap is a period and what the others took. With
 * `endless` it goes on, and tells every ten beats.
 */
static void heartbeat(void)
{
	unsigned wanted = beats_wanted();

	if (!(cpuid(1, 0).ecx >> 24 & 1))
		skip("no TSC-deadline timer");
	lapic_init(true);
	ticks_per_beat = tsc_hz() / 1000000 * PERIOD_US;
	on_trap(VEC_BEAT, beat);
	lapic_set(LAPIC_LVTT, LVT_DEADLINE | VEC_BEAT);
	arm(rdtsc() + ticks_per_beat);
	while (beats < wanted) {
		sti_hlt();
		cli();
		if (beats >= TOLD_BEATS && option("endless"))
			tell_gap();
	}
	lapic_set(LAPIC_LVTT, LVT_MASKED);
	say("BENCH heartbeat %llu", (unsigned long long)(worst_gap * 100 / ticks_per_beat)); /* hundredths */
	if (option("bounded"))
		CHECK(worst_gap <= 3 * ticks_per_beat);
}

/* The next moment when somebody else had the processor for a good while: from *at until the result. */
static uint64_t gap_after(uint64_t now, uint64_t *at, uint64_t least)
{
	do {
		*at = now;
		now = rdtsc();
	} while (now - *at < least);
	return now;
}

/* Computes beside another that computes, too: how long it runs, and how long it does not, on average. */
static void slices(void)
{
	uint64_t least = tsc_hz() / 1000, at, from = rdtsc(), ran = 0, gone = 0, end;

	for (unsigned n = 0; n < 10; n++) /* until the other is there as well */
		from = gap_after(from, &at, least);
	for (unsigned n = 0; n < SLICES; n++) {
		uint64_t back = gap_after(from, &at, least);

		ran += at - from;
		gone += back - at;
		from = back;
	}
	say("BENCH slice_ran %llu", (unsigned long long)(ran / SLICES));
	say("BENCH slice_gone %llu", (unsigned long long)(gone / SLICES));
	for (end = rdtsc() + 200 * least; rdtsc() < end;) /* the other has not measured yet */
		;
}

/* A neighbour: computes, leaves for the kernel and for the monitor, interrupts itself; then it ends. */
static void noise(void)
{
	uint64_t end = rdtsc() + tsc_hz() * 3 / 2;

	lapic_init(true);
	on_trap(VEC_BEAT, noise_interrupt);
	sti();
	for (unsigned n = 0; rdtsc() < end; n++) {
		switch (n & 3) {
		case 0: (void)cpuid(0, 0); break;
		case 1: (void)inb(0x21); break;
		case 2: lapic_self(VEC_BEAT); break;
		default:
			for (volatile unsigned i = 0; i < 3000;)
				i = i + 1;
		}
	}
	cli();
	CHECK(beats > 0);
}

const struct test payload_tests[] = {
	{ "heartbeat", heartbeat },
	{ "slices", slices },
	{ "noise", noise },
	{ 0 },
};
