/* SPDX-License-Identifier: GPL-2.0-only */
/* EOI without an exit, by a word in memory. */
#include "tests/payload/apic/apic.h"

enum { MSR_PV_EOI = 0x4b564d04, FEATURE_PV_EOI = 1 << 6 };

static volatile uint32_t pv_word;
static volatile uint32_t pv_seen[8]; /* the word, as each handler found it */

static void pv_eoi(struct frame *f)
{
	uint32_t had = __atomic_exchange_n(&pv_word, 0, __ATOMIC_SEQ_CST);

	if (ordered < 8) {
		pv_seen[ordered] = had;
		order[ordered++] = f->vector;
	}
	if (f->vector == VEC_A)
		hits_a++;
	else
		hits_b++;
	if (had == 0)
		lapic_eoi();
}

/* A higher one comes in between, and both end. */
static void pv_eoi_nest(struct frame *f)
{
	lapic_self(VEC_C);
	sti();
	delay_us(500);
	cli();
	pv_eoi(f);
}

static void pv_eoi_level(struct frame *f)
{
	com1_deassert();
	pv_eoi(f);
}

static void pv_begin(void)
{
	begin(true);
	if (!on_bulkhead() || !(cpuid(0x40000001, 0).eax & FEATURE_PV_EOI))
		skip("not offered");
	on_trap(VEC_A, pv_eoi);
	on_trap(VEC_B, pv_eoi);
	on_trap(VEC_C, pv_eoi);
	pv_word = 0;
	wrmsr(MSR_PV_EOI, (uint64_t)(uintptr_t)&pv_word | 1);
}

void pv_eoi_edges(void)
{
	pv_begin();
	lapic_self(VEC_A);
	CHECK(wait_for(&hits_a, 1));
	CHECK_EQ(pv_seen[0], 1);
	CHECK(!lapic_bit(LAPIC_ISR, VEC_A));
	/* Two at once: after the first one's EOI the second has to come, so that is an exit. */
	ordered = 0;
	lapic_self(VEC_A);
	lapic_self(VEC_B);
	CHECK(wait_for(&hits_a, 2) && hits_b == 1);
	CHECK(order[0] == VEC_B && order[1] == VEC_A);
	CHECK(pv_seen[0] == 0 && pv_seen[1] == 1);
	ordered = 0;
	on_trap(VEC_A, pv_eoi_nest);
	lapic_self(VEC_A);
	CHECK(wait_for(&hits_a, 3) && hits_b == 2);
	CHECK(order[0] == VEC_C && order[1] == VEC_A);
	CHECK(!lapic_bit(LAPIC_ISR, VEC_A) && !lapic_bit(LAPIC_ISR, VEC_C));
	CHECK_EQ(pv_word, 0);
	wrmsr(MSR_PV_EOI, 0);
	on_trap(VEC_A, pv_eoi);
	ordered = 0;
	lapic_self(VEC_A);
	CHECK(wait_for(&hits_a, 4));
	CHECK_EQ(pv_seen[0], 0);
	CHECK(!TRY("wrmsr", : : "c"(MSR_PV_EOI), "a"(3), "d"(0) : "memory"));
	CHECK_EQ(caught.vector, VECTOR_GP);
}

/* A level's end has to be told at once: never by the word. */
void pv_eoi_levels(void)
{
	pv_begin();
	on_trap(VEC_A, pv_eoi_level);
	ioapic_route(PIN_COM1, RTE_LEVEL | VEC_A);
	com1_assert();
	CHECK(wait_for(&hits_a, 1));
	CHECK_EQ(pv_seen[0], 0);
	CHECK(!(ioapic_get(0x10 + 2 * PIN_COM1) & RTE_REMOTE_IRR));
	ioapic_route(PIN_COM1, RTE_MASKED | VEC_A);
	wrmsr(MSR_PV_EOI, 0);
}

/* Where there is no memory: interrupts go on. */
void pv_eoi_nowhere(void)
{
	pv_begin();
	wrmsr(MSR_PV_EOI, 0xfffffff00001ULL);
	lapic_self(VEC_A);
	CHECK(wait_for(&hits_a, 1));
	wrmsr(MSR_PV_EOI, 0xfee00001ULL);
	lapic_self(VEC_A);
	CHECK(wait_for(&hits_a, 2));
	CHECK_EQ(pv_seen[0] | pv_seen[1], 0);
}
