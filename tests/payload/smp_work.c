/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What several processors do together: locks, handing over, one clock, the board; and how long an IPI
 * takes between two that both halt (BENCH ipi). TLB shootdown: shootdown.c.
 */
#include "tests/payload/smp_work/smp_work.h"

#include "lib/string.h"

enum {
	MSR_TSC_ADJUST = 0x3b, MSR_KVM_SYSTEM_TIME = 0x4b564d01, ROUNDS = 201,
	HANDOVERS = 4, LOCKED_ADDS = 2000, READS = 200, CLOCK_READS = 3000,
};

unsigned cpus;
static volatile unsigned turn, arrived, next_ticket, now_serving, steps_back;
static volatile uint64_t shared, latest;

void begin(void)
{
	smp_begin(true);
	cpus = smp_cpus();
	turn = arrived = next_ticket = now_serving = steps_back = 0;
	shared = latest = 0;
	ap_go = false;
}

/* All processors run `work`, this one too. */
static void together(void (*work)(unsigned me))
{
	smp_run_all(work);
	work(0);
	smp_wait_all();
}

/* ---- spinning and waiting ---- */

static void pass_on(unsigned me)
{
	for (unsigned i = 0; i < HANDOVERS; i++) {
		while (turn % cpus != me)
			cpu_pause();
		turn++;
	}
}

/* Each waits for its turn: whoever's turn it is gets to run, however many spin. */
static void handover(void)
{
	begin();
	together(pass_on);
	CHECK_EQ(turn, HANDOVERS * cpus);
}

static void add_locked(unsigned me)
{
	(void)me;
	for (unsigned i = 0; i < LOCKED_ADDS / cpus; i++) {
		unsigned mine = __atomic_fetch_add(&next_ticket, 1, __ATOMIC_SEQ_CST);

		while (now_serving != mine)
			cpu_pause();
		shared++;
		now_serving = mine + 1;
	}
}

static void ticket_lock(void)
{
	begin();
	together(add_locked);
	CHECK_EQ(shared, LOCKED_ADDS / cpus * cpus);
}

static void count_till_go(unsigned me)
{
	while (!ap_go) {
		ap[me].value++;
		smp_breathe();
	}
}

/* Each gets its part of the host's processors. */
static void all_run(void)
{
	begin();
	smp_run_all(count_till_go);
	for (unsigned n = 1; n < cpus; n++) {
		uint64_t start = rdtsc();

		while (ap[n].value <= 1000) {
			smp_breathe();
			if (rdtsc() - start > smp_patience)
				fail("processor %u does not run beside the others", n);
		}
	}
	ap_go = true;
	smp_wait_all();
}

/* A doorbell that wakes the next processor, round and round, all others halted. */
static void ring_next(struct frame *f)
{
	unsigned me = smp_self();

	(void)f;
	lapic_eoi();
	if (++shared < 50 * cpus)
		smp_ipi((me + 1) % cpus, VEC_B | ICR_ASSERT);
}

static void ring_of_halts(void)
{
	uint64_t start;

	begin();
	on_trap(VEC_B, ring_next);
	start = rdtsc();
	smp_ipi(1, VEC_B | ICR_ASSERT);
	while (shared < 50 * cpus && rdtsc() - start < smp_patience) {
		sti_hlt(); /* ours comes round as well */
		cli();
	}
	CHECK_EQ(shared, 50 * cpus);
}

/* Everybody asks everybody at once, and serves while it waits. */
static void answer(struct frame *f)
{
	(void)f;
	lapic_eoi();
	ap[smp_self()].value++;
}

static void ask_all(unsigned me)
{
	(void)me;
	sti();
	for (unsigned i = 1; i <= 20; i++) {
		uint64_t start = rdtsc();

		smp_ipi(0, ICR_OTHERS | VEC_A | ICR_ASSERT);
		/* Requests that come together are one interrupt: no more can be counted on. */
		while (ap[me].value == 0 && rdtsc() - start < smp_patience)
			cpu_pause();
	}
	__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
	while (arrived < cpus)
		cpu_pause();
	cli();
}

static void crossfire(void)
{
	begin();
	on_trap(VEC_A, answer);
	together(ask_all);
	for (unsigned n = 0; n < cpus; n++)
		CHECK(ap[n].value > 0);
}

/* ---- one clock ---- */

static uint64_t kvmclock_page[AP_MAX][8] __attribute__((aligned(4096)));

static uint64_t clock_ns(unsigned me)
{
	const volatile uint64_t *p = kvmclock_page[me];
	uint32_t mul = (uint32_t)p[3];
	int8_t shift = (int8_t)(p[3] >> 32);
	uint64_t delta = rdtsc() - p[1];

	delta = shift >= 0 ? delta << shift : delta >> -shift;
	return p[2] + (uint64_t)(((unsigned __int128)delta * mul) >> 32);
}

static uint64_t clock_tsc(unsigned me)
{
	(void)me;
	return rdtsc();
}

static uint64_t (*the_clock)(unsigned me);

static void watch_clock(unsigned me)
{
	if (the_clock == clock_ns)
		wrmsr(MSR_KVM_SYSTEM_TIME, (uint64_t)(uintptr_t)kvmclock_page[me] | 1);
	__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
	while (arrived < cpus)
		cpu_pause();
	for (unsigned i = 0; i < CLOCK_READS; i++) {
		uint64_t before = __atomic_load_n(&latest, __ATOMIC_SEQ_CST), now = the_clock(me);

		if (now < before)
			__atomic_add_fetch(&steps_back, 1, __ATOMIC_SEQ_CST);
		while (before < now && !__atomic_compare_exchange_n(&latest, &before, now, false,
								    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			;
	}
}

static void tsc_agrees(void)
{
	begin();
	the_clock = clock_tsc;
	together(watch_clock);
	CHECK_EQ(steps_back, 0);
}

static void kvmclock_agrees(void)
{
	begin();
	if (!on_bulkhead())
		skip("no KVM clock");
	the_clock = clock_ns;
	together(watch_clock);
	CHECK_EQ(steps_back, 0);
	for (unsigned n = 1; n < cpus; n++)
		CHECK(memcmp(kvmclock_page[n] + 1, kvmclock_page[0] + 1, 24) == 0);
}

static void move_tsc(unsigned me)
{
	uint64_t before = rdtsc();

	ap[me].value = 0;
	wrmsr(MSR_TSC_ADJUST, 1ULL << 40);
	if (rdtsc() - before >= 1ULL << 40 && rdmsr(MSR_TSC_ADJUST) == 1ULL << 40)
		ap[me].value = 1;
	wrmsr(MSR_TSC_ADJUST, 0);
	if (rdtsc() - before < 1ULL << 40)
		ap[me].value |= 2;
}

/* One processor's TSC can be moved, and moved back, alone. */
static void tsc_adjust(void)
{
	begin();
	if (!(cpuid(7, 0).ebx & 2))
		skip("no TSC_ADJUST");
	for (unsigned n = 1; n < cpus; n++) {
		uint64_t before = rdtsc();

		smp_run(n, move_tsc);
		smp_wait(n);
		CHECK_EQ(ap[n].value, 3);
		CHECK(rdtsc() - before < 1ULL << 39);
	}
	the_clock = clock_tsc;
	together(watch_clock);
	CHECK_EQ(steps_back, 0);
}

/* ---- the board, from everywhere ---- */

static void use_board(unsigned me)
{
	uint64_t bad = 0;

	for (unsigned i = 0; i < READS; i++) {
		bad += inb(0x21) != 0xff; /* the 8259's mask */
		bad += (*(volatile uint32_t *)(uintptr_t)0xfec00000 & 0xff) != 1; /* the IOAPIC's index */
		bad += (inb(0x61) & 0xf) != 0;
	}
	ap[me].value = bad;
}

static void board(void)
{
	begin();
	pic_mask_all();
	*(volatile uint32_t *)(uintptr_t)0xfec00000 = 1;
	outb(0x61, 0);
	together(use_board);
	for (unsigned n = 0; n < cpus; n++)
		CHECK_EQ(ap[n].value, 0);
}

/* ---- hypercalls ---- */

enum { PV_UNHALT = 1 << 7, PV_SEND_IPI = 1 << 11, HC_KICK_CPU = 5, HC_SEND_IPI = 10 };

static int64_t hypercall(uint64_t n, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	if (cpu_is_intel())
		__asm__ volatile("vmcall" : "+a"(n) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	else
		__asm__ volatile("vmmcall" : "+a"(n) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	return (int64_t)n;
}

static void pv_begin(uint32_t feature)
{
	begin();
	if (!on_bulkhead() || !(cpuid(0x40000001, 0).eax & feature))
		skip("not offered");
}

static void pv_ipi(void)
{
	pv_begin(PV_SEND_IPI);
	sti();
	CHECK_EQ(hypercall(HC_SEND_IPI, ~0ULL, ~0ULL, 0, VEC_A), cpus);
	for (unsigned n = 0; n < cpus; n++)
		smp_until("IPIs by hypercall", &ap[n].hits[VEC_A - VEC_FIRST], 1);
	CHECK_EQ(hypercall(HC_SEND_IPI, 1, 0, 1, VEC_A), 1);
	smp_until("an IPI by hypercall", &ap[1].hits[VEC_A - VEC_FIRST], 2);
	CHECK_EQ(ap[0].hits[VEC_A - VEC_FIRST], 1);
	cli();
}

static void halt_deaf(unsigned me)
{
	for (unsigned i = 1; i <= 3; i++) {
		ap[me].value = i;
		__asm__ volatile("cli; hlt" : : : "memory");
	}
	ap[me].value = 4;
}

/* A kick ends a HLT with interrupts off, and nothing else does; each ends one. */
static void pv_kick(void)
{
	pv_begin(PV_UNHALT);
	smp_run(1, halt_deaf);
	for (unsigned i = 1; i <= 3; i++) {
		uint64_t start = rdtsc();

		while (ap[1].value < i && rdtsc() - start < smp_patience)
			cpu_pause();
		smp_ipi(1, VEC_A | ICR_ASSERT);
		delay_us(2000);
		CHECK_EQ(ap[1].value, i);
		CHECK_EQ(hypercall(HC_KICK_CPU, 0, 1, 0, 0), 0);
	}
	smp_wait(1);
	CHECK_EQ(ap[1].value, 4);
}

/* ---- figures ---- */

static volatile uint64_t landed;

static void land(struct frame *f)
{
	uint64_t now = rdtsc();

	(void)f;
	if (landed == 0)
		landed = now;
	lapic_eoi();
}

static void reply(struct frame *f)
{
	uint64_t now = rdtsc();

	(void)f;
	ap[1].value = now;
	lapic_eoi();
	smp_ipi(0, VEC_A | ICR_ASSERT);
}

/* From before the write to the ICR to the handler's start on the other; both halt. */
static void bench_ipi(void)
{
	static uint64_t samples[ROUNDS];

	begin();
	on_trap(VEC_A, land);
	on_trap(VEC_B, reply);
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t start, v;
		unsigned j = i;

		landed = ap[1].value = 0;
		delay_us(50); /* the other halts again */
		start = rdtsc();
		smp_ipi(1, VEC_B | ICR_ASSERT);
		while (landed == 0) {
			sti_hlt();
			cli();
		}
		v = ap[1].value - start;
		for (; j > 0 && samples[j - 1] > v; j--)
			samples[j] = samples[j - 1];
		samples[j] = v;
	}
	CHECK(samples[0] > 0);
	say("BENCH ipi %llu", (unsigned long long)samples[ROUNDS / 2]);
}

const struct test payload_tests[] = {
	{ "handover", handover },
	{ "ticket_lock", ticket_lock },
	{ "all_run", all_run },
	{ "ring_of_halts", ring_of_halts },
	{ "shootdown", shootdown },
	{ "unmapped", unmapped },
	{ "crossfire", crossfire },
	{ "tsc_agrees", tsc_agrees },
	{ "kvmclock_agrees", kvmclock_agrees },
	{ "tsc_adjust", tsc_adjust },
	{ "board", board },
	{ "pv_ipi", pv_ipi },
	{ "pv_kick", pv_kick },
	{ "ipi", bench_ipi },
	{ 0 },
};
