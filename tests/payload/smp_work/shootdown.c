/* SPDX-License-Identifier: GPL-2.0-only */
/* TLB shootdown among processors: after all have acknowledged it nobody sees the old page, or any. */
#include "tests/payload/smp_work/smp_work.h"

#include "lib/string.h"

enum { FLUSHES = 40, UNMAPS = 40 };

#define WINDOW_VA 0x10000000ULL /* beyond our RAM: mapped here only */

extern uint64_t boot_pml4[512];
static uint64_t window_pt[512] __attribute__((aligned(4096)));
static volatile uint64_t page_old[512] __attribute__((aligned(4096)));
static volatile uint64_t page_new[512] __attribute__((aligned(4096)));
static volatile unsigned stale, acks;
static volatile uint64_t newest;

static void invlpg(uint64_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static void flush_window(struct frame *f)
{
	(void)f;
	invlpg(WINDOW_VA);
	__atomic_add_fetch(&acks, 1, __ATOMIC_SEQ_CST);
	lapic_eoi();
}

/* Reads the window all the time; after each shootdown it may see only the new page. */
static void read_window(unsigned me)
{
	sti();
	while (!ap_go) {
		uint64_t before = newest, seen = *(volatile uint64_t *)WINDOW_VA;

		/* `newest` is the last value that every processor is known to see. */
		if (seen < before)
			stale++;
		ap[me].value++;
	}
	cli();
}

static void window_map(volatile uint64_t *page)
{
	*(volatile uint64_t *)window_pt = (uint64_t)(uintptr_t)page | 3;
}

/* The page directory's entry for the window: its page table, or what was there before. */
static volatile uint64_t *window_entry(void)
{
	uint64_t *pdpt = (uint64_t *)(uintptr_t)(boot_pml4[0] & ~0xfffULL);

	return (volatile uint64_t *)(uintptr_t)(pdpt[0] & ~0xfffULL) + (WINDOW_VA >> 21 & 511);
}

static void window_open(void)
{
	stale = acks = 0;
	newest = 0;
	window_map(page_old);
	*window_entry() = (uint64_t)(uintptr_t)window_pt | 3;
	page_old[0] = 1;
	WRITE_REG("cr3", READ_REG("cr3"));
	on_trap(VEC_B, flush_window);
}

static void read_again(unsigned n, uint64_t faulting)
{
	uint64_t start = rdtsc();

	while (ap[n].value == faulting) {
		fail_with_others();
		cpu_pause();
		if (rdtsc() - start > smp_patience)
			fail("processor %u does not come back from its fault", n);
	}
}

/* Where the next flush always comes before a read, nothing would be seen: now and then all have read. */
static void all_read(void)
{
	uint64_t before[AP_MAX];

	for (unsigned n = 1; n < cpus; n++)
		before[n] = ap[n].value;
	for (unsigned n = 1; n < cpus; n++)
		read_again(n, before[n]);
}

void shootdown(void)
{
	uint64_t old = *window_entry();

	begin();
	window_open();
	newest = 1;
	smp_ipi(0, ICR_OTHERS | VEC_B | ICR_ASSERT);
	smp_until("the first flush", &acks, cpus - 1);
	smp_run_all(read_window);
	sti();
	for (unsigned i = 2; i < FLUSHES; i++) {
		volatile uint64_t *page = i & 1 ? page_old : page_new;

		page[0] = i;
		window_map(page);
		acks = 0;
		invlpg(WINDOW_VA);
		smp_ipi(0, ICR_OTHERS | VEC_B | ICR_ASSERT);
		smp_until("flushes", &acks, cpus - 1);
		newest = i;
		if (i % 8 == 0)
			all_read();
	}
	ap_go = true;
	smp_wait_all();
	cli();
	*window_entry() = old;
	WRITE_REG("cr3", READ_REG("cr3"));
	CHECK_EQ(stale, 0);
}

static volatile unsigned faults[AP_MAX];
static volatile bool mapped;

/* A read of the window that faults: it is over when the window is there again. */
static void window_fault(struct frame *f)
{
	(void)f;
	if (READ_REG("cr2") - WINDOW_VA >= 4096)
		fail("page fault at 0x%llx, CR2 0x%llx", (unsigned long long)f->rip, (unsigned long long)READ_REG("cr2"));
	faults[smp_self()]++;
	sti();
	while (!mapped)
		cpu_pause();
	cli();
}

/* Once all have acknowledged that it is gone, each must fault at its next read, until it is there again. */
void unmapped(void)
{
	uint64_t old = *window_entry();

	begin();
	window_open();
	smp_ipi(0, ICR_OTHERS | VEC_B | ICR_ASSERT);
	smp_until("the first flush", &acks, cpus - 1);
	on_trap(VECTOR_PF, window_fault);
	memset((void *)(uintptr_t)faults, 0, sizeof(faults));
	mapped = true;
	smp_run_all(read_window);
	sti();
	for (unsigned i = 0; i < UNMAPS; i++) {
		uint64_t before[AP_MAX], faulting[AP_MAX];

		mapped = false;
		*(volatile uint64_t *)window_pt = 0;
		acks = 0;
		invlpg(WINDOW_VA);
		smp_ipi(0, ICR_OTHERS | VEC_B | ICR_ASSERT);
		smp_until("flushes", &acks, cpus - 1);
		for (unsigned n = 1; n < cpus; n++)
			before[n] = ap[n].value;
		for (unsigned n = 1; n < cpus; n++)
			smp_until("a fault", &faults[n], i + 1);
		for (unsigned n = 1; n < cpus; n++) {
			faulting[n] = ap[n].value;
			stale += faulting[n] - before[n] > 1; /* the read that was under way; none after it */
		}
		window_map(i & 1 ? page_old : page_new);
		mapped = true;
		for (unsigned n = 1; n < cpus; n++)
			read_again(n, faulting[n]);
	}
	ap_go = true;
	smp_wait_all();
	cli();
	on_trap(VECTOR_PF, NULL);
	*window_entry() = old;
	WRITE_REG("cr3", READ_REG("cr3"));
	CHECK_EQ(stale, 0);
}
