/* SPDX-License-Identifier: GPL-2.0-only */
/* What reaches the processor, and when: priorities, nesting, shadows, windows, HLT, NMI. */
#include "tests/payload/apic/apic.h"

void priorities(void)
{
	begin(true);
	/* Both pending: the higher vector first. */
	lapic_self(VEC_A);
	lapic_self(VEC_B);
	CHECK(wait_for(&hits_a, 1) && hits_b == 1);
	CHECK_EQ(order[0], VEC_B);
	CHECK_EQ(order[1], VEC_A);
	/* The TPR holds A back, not B. */
	ordered = 0;
	lapic_set(LAPIC_TPR, 0x60);
	lapic_self(VEC_A);
	lapic_self(VEC_B);
	CHECK(wait_for(&hits_b, 2));
	sti();
	delay_us(1000);
	cli();
	CHECK_EQ(hits_a, 1);
	lapic_set(LAPIC_TPR, 0);
	CHECK(wait_for(&hits_a, 2));
}

/* The same through CR8. QEMU 7.2 aborts on it when it is the host of a hypervisor: asked for only. */
void priorities_cr8(void)
{
	if (!option("cr8") && on_bulkhead())
		skip("only with `cr8` on the command line");
	begin(true);
	WRITE_REG("cr8", 6);
	lapic_self(VEC_A);
	sti();
	delay_us(1000);
	cli();
	CHECK_EQ(hits_a, 0);
	WRITE_REG("cr8", 0);
	CHECK(wait_for(&hits_a, 1));
}

static volatile bool in_service_seen;

static void nest_b(struct frame *f)
{
	(void)f;
	hits_b++;
	in_service_seen = lapic_bit(LAPIC_ISR, VEC_B);
	/* A higher one interrupts this handler; a lower one does not. */
	lapic_self(VEC_A);
	lapic_self(VEC_C);
	sti();
	delay_us(500);
	cli();
	if (ordered < 8)
		order[ordered++] = VEC_B;
	lapic_eoi();
}

void nesting(void)
{
	begin(true);
	on_trap(VEC_B, nest_b);
	on_trap(VEC_C, count_b);
	in_service_seen = false;
	lapic_self(VEC_B);
	CHECK(wait_for(&hits_a, 1));
	CHECK(in_service_seen);
	CHECK_EQ(order[0], VEC_C);
	CHECK_EQ(order[1], VEC_B);
	CHECK_EQ(order[2], VEC_A);
}

/* STI holds interrupts back for one instruction. */
void sti_shadow(void)
{
	begin(true);
	lapic_self(VEC_A);
	__asm__ volatile("sti; cli" : : : "memory");
	CHECK_EQ(hits_a, 0);
	CHECK(wait_for(&hits_a, 1));
}

/* .. which may be an exit, to the kernel or to ring 3: then they come right behind it. */
void sti_shadow_exits(void)
{
	begin(true);
	for (unsigned i = 0; i < 20; i++) {
		lapic_self(VEC_A);
		__asm__ volatile("sti; cpuid; cli" : : "a"(0), "c"(0) : "rbx", "rdx", "memory");
		CHECK_EQ(hits_a, i + 1);
		lapic_self(VEC_B);
		__asm__ volatile("sti; inb $0x71; cli" : : "a"(0) : "memory");
		CHECK_EQ(hits_b, i + 1);
	}
}

void interrupt_window(void)
{
	begin(true);
	for (unsigned i = 1; i <= 50; i++) {
		cli();
		lapic_self(VEC_A);
		cpuid(0, 0);
		CHECK_EQ(hits_a, i - 1);
		sti();
		CHECK_EQ(hits_a, i);
	}
	cli();
}

void popf_window(void)
{
	begin(true);
	lapic_self(VEC_A);
	__asm__ volatile("pushfq; orq $0x200, (%%rsp); popfq; nop; cli" : : : "memory", "cc");
	CHECK_EQ(hits_a, 1);
}

void hlt_wake(void)
{
	begin(true);
	for (unsigned i = 1; i <= 20; i++) {
		lapic_set(LAPIC_TDCR, 0xb);
		lapic_set(LAPIC_LVTT, VEC_A);
		lapic_set(LAPIC_TICR, 200000);
		sti_hlt();
		cli();
		CHECK_EQ(hits_a, i);
	}
}

/* An interrupt that is pending already: HLT does not wait. */
void hlt_pending(void)
{
	begin(true);
	lapic_self(VEC_A);
	sti_hlt();
	cli();
	CHECK_EQ(hits_a, 1);
}

static void count_nmi(struct frame *f)
{
	(void)f;
	nmis++;
	if (nmis == 1) {
		/* A second one waits for IRET. */
		lapic_self(VECTOR_NMI);
		cpuid(0, 0);
		delay_us(100);
		if (nmis != 1)
			nmis = 100;
	}
}

void nmi(void)
{
	begin(true);
	on_trap(VECTOR_NMI, count_nmi);
	lapic_self(VECTOR_NMI);
	for (unsigned i = 0; i < 100 && nmis < 2; i++)
		delay_us(100);
	on_trap(VECTOR_NMI, NULL);
	CHECK_EQ(nmis, 2);
}

static volatile bool hlt_ended;

static void nmi_only(struct frame *f)
{
	nmis++;
	hlt_ended = halt_noticed(f);
}

void hlt_nmi(void)
{
	begin(true);
	on_trap(VECTOR_NMI, nmi_only);
	/* The 8254's pin as NMI ends a HLT with IF clear; again when it came before the HLT. */
	ioapic_route(PIN_PIT, 4 << 8);
	cli();
	hlt_ended = false;
	for (unsigned ms = 2; !hlt_ended; ms += ms / 2) {
		CHECK(ms < 50);
		nmis = 0;
		pit_one_shot(ms * 1000);
		halt_until(&nmis);
		CHECK_EQ(nmis, 1);
	}
	on_trap(VECTOR_NMI, NULL);
	ioapic_route(PIN_PIT, RTE_MASKED);
}
