/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processor modes and page walks: long mode to real mode and back, flat 32-bit mode, two-level and
 * PAE paging, each with an MMIO access that the monitor has to decode in that mode; pages of every
 * size in long mode, and the faults that walks raise.
 */
#include "tests/payload/lib/payload.h"

#include "lib/string.h"

enum { BASE = 0x8000, REQUEST = 16, IOAPIC = 0xfec00000 };
enum { P = 1, W = 2, U = 4, PS = 0x80 };
#define NX (1ULL << 63)

struct modes_block {
	uint32_t request, cr3, address, result, real_cs, real_port, real_int;
};

extern const uint8_t modes_begin[], modes_end[];
void modes_enter(void);
extern uint64_t boot_pml4[512];

static uint64_t table[6][512] __attribute__((aligned(4096)));
static uint8_t data[8192] __attribute__((aligned(4096)));

/* The leaf as the processor left it. */
static uint64_t leaf_4k(void)
{
	return *(volatile uint64_t *)&table[2][0];
}

static uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static volatile struct modes_block *modes_run(uint32_t request, uint32_t cr3, uint32_t at)
{
	volatile struct modes_block *b = (volatile struct modes_block *)(uintptr_t)(BASE + REQUEST);
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr;

	memcpy((void *)(uintptr_t)BASE, modes_begin, (size_t)(modes_end - modes_begin));
	b->request = request;
	b->cr3 = cr3;
	b->address = at;
	__asm__ volatile("sidt %0" : "=m"(idtr));
	cli();
	modes_enter();
	__asm__ volatile("lidt %0" : : "m"(idtr));
	return b;
}

static void real_mode(void)
{
	for (unsigned i = 0; i < 3; i++) {
		volatile struct modes_block *b = modes_run(0, 0, 0);

		CHECK_EQ(b->real_cs, BASE >> 4);
		CHECK_EQ(b->real_port, 0xff);
		CHECK_EQ(b->real_int, 0x600d);
	}
}

static void protected_flat(void)
{
	*(volatile uint32_t *)data = 0x11223344;
	CHECK_EQ(modes_run(1, 0, (uint32_t)address(data))->result, 0x11223344);
	*(volatile uint32_t *)(uintptr_t)IOAPIC = 0x13;
	CHECK_EQ(modes_run(1, 0, IOAPIC)->result, 0x13);
}

/* 4 MiB pages for the first 8 MiB, a 4 KiB page for the IOAPIC at a linear address of its own. */
static void two_level(void)
{
	uint32_t *pd = (uint32_t *)(void *)table[0], *pt = (uint32_t *)(void *)table[1];

	memset(table, 0, sizeof(table));
	pd[0] = 0 | PS | W | P;
	pd[1] = 4 << 20 | PS | W | P;
	pd[0x100] = (uint32_t)address(pt) | W | P;
	pt[5] = IOAPIC | W | P;
	*(volatile uint32_t *)(uintptr_t)IOAPIC = 0x11;
	CHECK_EQ(modes_run(2, (uint32_t)address(pd), 0x100 << 22 | 5 << 12)->result, 0x11);
	*(volatile uint32_t *)data = 0xa0b0c0d0;
	CHECK_EQ(modes_run(2, (uint32_t)address(pd), (uint32_t)address(data))->result, 0xa0b0c0d0);
}

static void pae(void)
{
	uint64_t *pdpt = table[0], *pd = table[1], *pt = table[2];

	memset(table, 0, sizeof(table));
	pdpt[0] = address(pd) | P;
	for (uint64_t i = 0; i < 8; i++)
		pd[i] = i << 21 | PS | W | P;
	pd[100] = address(pt) | W | P;
	pt[7] = IOAPIC | W | P;
	*(volatile uint32_t *)(uintptr_t)IOAPIC = 0x12;
	CHECK_EQ(modes_run(3, (uint32_t)address(pdpt), 100 << 21 | 7 << 12)->result, 0x12);
}

/* Long mode: `at` (in the second 512 GiB) through fresh tables down to a page of the given level. */
static uint64_t map_long(unsigned level, uint64_t entry)
{
	memset(table, 0, sizeof(table));
	boot_pml4[1] = address(table[0]) | U | W | P;
	table[0][0] = level == 3 ? entry : address(table[1]) | U | W | P;
	table[1][0] = level == 2 ? entry : address(table[2]) | U | W | P;
	table[2][0] = entry;
	WRITE_REG("cr3", READ_REG("cr3"));
	return 1ULL << 39;
}

static void long_4k(void)
{
	uint64_t at = map_long(1, address(data) | W | P);

	*(volatile uint32_t *)data = 0x4444;
	CHECK_EQ(*(volatile uint32_t *)(uintptr_t)at, 0x4444);
	CHECK(leaf_4k() & 1 << 5); /* accessed */
	CHECK(!(leaf_4k() & 1 << 6));
	*(volatile uint32_t *)(uintptr_t)at = 0x5555;
	CHECK(leaf_4k() & 1 << 6); /* dirty */
	CHECK_EQ(*(volatile uint32_t *)data, 0x5555);
	at = map_long(1, IOAPIC | W | P);
	*(volatile uint32_t *)(uintptr_t)at = 0x14;
	CHECK_EQ(*(volatile uint32_t *)(uintptr_t)at, 0x14);
	CHECK((leaf_4k() & 0x60) == 0x60); /* the monitor's walk sets them, too */
}

static void long_2m(void)
{
	uint64_t at = map_long(2, (IOAPIC & ~0x1fffffULL) | PS | W | P);

	at += IOAPIC & 0x1fffff;
	*(volatile uint32_t *)(uintptr_t)at = 0x15;
	CHECK_EQ(*(volatile uint32_t *)(uintptr_t)at, 0x15);
}

static void long_1g(void)
{
	uint64_t at;

	if (!(cpuid(0x80000001, 0).edx >> 26 & 1))
		skip("no 1 GiB pages");
	at = map_long(3, (IOAPIC & ~0x3fffffffULL) | PS | W | P);
	at += IOAPIC & 0x3fffffff;
	*(volatile uint32_t *)(uintptr_t)at = 0x16;
	CHECK_EQ(*(volatile uint32_t *)(uintptr_t)at, 0x16);
}

static void faults(void)
{
	uint64_t at = map_long(1, 0), cr0 = READ_REG("cr0");

	/* Not present, read only with WP, reserved bit; also when the page would be MMIO. */
	CHECK(!TRY("mov (%0), %%eax", : : "r"(at) : "rax", "memory"));
	CHECK_EQ(caught.error, 0);
	CHECK_EQ(caught.cr2, at);
	WRITE_REG("cr0", cr0 | 1 << 16);
	at = map_long(1, IOAPIC | P);
	CHECK(!TRY("movl $1, (%0)", : : "r"(at) : "memory"));
	WRITE_REG("cr0", cr0);
	CHECK_EQ(caught.vector, VECTOR_PF);
	CHECK_EQ(caught.error, 3);
	at = map_long(1, address(data) | NX | W | P);
	CHECK(!TRY("jmp *%0", : : "r"(at) : "memory"));
	CHECK_EQ(caught.vector, VECTOR_PF);
	CHECK_EQ(caught.error, 0x11);
}

/* An MMIO access over two pages, of which the second is not there. */
static void page_cross(void)
{
	uint64_t at = map_long(1, IOAPIC | W | P) + 4094;

	CHECK(!TRY("movl $1, (%0)", : : "r"(at) : "memory"));
	CHECK_EQ(caught.vector, VECTOR_PF);
	CHECK_EQ(caught.error, 2);
	CHECK_EQ(caught.cr2, at + 2);
}

const struct test payload_tests[] = {
	{ "real_mode", real_mode },
	{ "protected_flat", protected_flat },
	{ "two_level", two_level },
	{ "pae", pae },
	{ "long_4k", long_4k },
	{ "long_2m", long_2m },
	{ "long_1g", long_1g },
	{ "faults", faults },
	{ "page_cross", page_cross },
	{ 0 },
};
