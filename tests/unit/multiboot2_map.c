/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The boot memory map: sorted, merged, the stronger type over the weaker one. A part of
 * multiboot2_test.c's program.
 */
#include "tests/unit/multiboot2.h"

#include "boot/memmap.h"
#include "tests/unit/unit.h"

struct bootinfo b;

const char *map_text(void)
{
	static char text[8192];
	size_t n = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < b.mem_count && n < sizeof(text) - 64; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%llx-%llx:%u",
				      i == 0 ? "" : " ", (unsigned long long)b.mem[i].base >> 12,
				      (unsigned long long)(b.mem[i].base + b.mem[i].size) >> 12,
				      b.mem[i].type);
	return text;
}

static void map_start(void)
{
	memset(&b, 0, sizeof(b));
}

static int add(uint64_t first, uint64_t last, uint32_t type)
{
	return memmap_add(&b, first << 12, (last - first) << 12, type);
}

static void map_sorts_and_merges(void)
{
	map_start();
	CHECK_EQ(add(0x300, 0x400, BOOT_MEM_USABLE), 0);
	CHECK_EQ(add(0x100, 0x200, BOOT_MEM_USABLE), 0);
	CHECK_EQ(add(0x500, 0x600, BOOT_MEM_ACPI), 0);
	CHECK_STR(map_text(), "100-200:1 300-400:1 500-600:3");
	CHECK_EQ(add(0x200, 0x300, BOOT_MEM_USABLE), 0);
	CHECK_STR(map_text(), "100-400:1 500-600:3");
	CHECK_EQ(add(0x150, 0x450, BOOT_MEM_USABLE), 0);
	CHECK_STR(map_text(), "100-450:1 500-600:3");
}

static void map_overlaps(void)
{
	map_start();
	add(0x100, 0x400, BOOT_MEM_USABLE);
	add(0x200, 0x300, BOOT_MEM_RESERVED); /* the stronger one cuts a hole */
	CHECK_STR(map_text(), "100-200:1 200-300:2 300-400:1");
	add(0x0, 0x500, BOOT_MEM_USABLE); /* the weaker one flows around, whatever the order */
	CHECK_STR(map_text(), "0-200:1 200-300:2 300-500:1");
	add(0x280, 0x380, BOOT_MEM_BAD);
	CHECK_STR(map_text(), "0-200:1 200-280:2 280-380:5 380-500:1");
	add(0x0, 0x500, BOOT_MEM_RESERVED);
	CHECK_STR(map_text(), "0-280:2 280-380:5 380-500:2");
}

static void map_pages(void)
{
	map_start();
	memmap_add(&b, 0x1001, 0x2fff, BOOT_MEM_USABLE); /* shrinks */
	CHECK_STR(map_text(), "2-4:1");
	memmap_add(&b, 0x2fff, 1, BOOT_MEM_NVS); /* grows */
	CHECK_STR(map_text(), "2-3:4 3-4:1");
	memmap_add(&b, 0x9001, 0xffe, BOOT_MEM_USABLE); /* nothing is left of it */
	memmap_add(&b, 0x9001, 0, BOOT_MEM_RESERVED);
	CHECK_STR(map_text(), "2-3:4 3-4:1");
	memmap_add(&b, 0x8000, 0x1000, 99); /* a type from the future */
	CHECK_STR(map_text(), "2-3:4 3-4:1 8-9:2");
	memmap_add(&b, 0x6000, 0x1000, 0);
	CHECK_STR(map_text(), "2-3:4 3-4:1 6-7:2 8-9:2");
}

static void map_wraps(void)
{
	map_start();
	memmap_add(&b, 0xfffffffffffff000ULL, 0x2000, BOOT_MEM_USABLE);
	CHECK_EQ(b.mem_count, 0);
	memmap_add(&b, 0xffffffffffff0000ULL, ~0ULL, BOOT_MEM_RESERVED);
	CHECK_STR(map_text(), "ffffffffffff0-fffffffffffff:2");
	memmap_add(&b, ~0ULL, ~0ULL, BOOT_MEM_USABLE);
	CHECK_EQ(b.mem_count, 1);
}

static void map_claims(void)
{
	map_start();
	add(0x100, 0x400, BOOT_MEM_USABLE);
	add(0x200, 0x210, BOOT_MEM_RESERVED);
	CHECK_EQ(memmap_claim(&b, 0x1f0800, 0x20000),
		 0); /* over the hole; partial pages are ours */
	CHECK_STR(map_text(), "100-1f0:1 1f0-200:8 200-210:2 210-211:8 211-400:1");
	CHECK_EQ(memmap_claim(&b, 0x100000, 0x1000), 0); /* the very first entry */
	CHECK_STR(map_text(), "100-101:8 101-1f0:1 1f0-200:8 200-210:2 210-211:8 211-400:1");
	CHECK_EQ(memmap_claim(&b, 0, 0x10000000), 0);
	CHECK_STR(map_text(), "100-200:8 200-210:2 210-400:8");
}

static void map_full(void)
{
	map_start();
	for (uint64_t i = 0; i < BOOTINFO_MEM_MAX; i++)
		CHECK_EQ(add(0x1000 + i * 16, 0x1000 + i * 16 + 8, BOOT_MEM_USABLE), 0);
	CHECK_EQ(b.mem_count, BOOTINFO_MEM_MAX);
	CHECK_EQ(add(0x100, 0x101, BOOT_MEM_USABLE), -1);
	CHECK_EQ(b.mem_count, BOOTINFO_MEM_MAX);
	CHECK_EQ(b.mem[0].base, 0x1000000);
	CHECK_EQ(add(0x1008, 0x1010, BOOT_MEM_USABLE),
		 0); /* joins two: no slot wanted, one is freed */
	CHECK_EQ(b.mem_count, BOOTINFO_MEM_MAX - 1);
	CHECK_EQ(add(0x1021, 0x1022, BOOT_MEM_RESERVED), -1);
	for (uint32_t i = 0; i < b.mem_count;
	     i++) { /* memory is lost; the reserved page is not usable */
		if (b.mem[i].type == BOOT_MEM_USABLE)
			CHECK(b.mem[i].base + b.mem[i].size <= 0x1021000 ||
			      b.mem[i].base >= 0x1022000);
	}
}

/*
 * Against a plain array of pages, for random input: the strongest type that was ever said counts.
 */
static void map_random(void)
{
	static const uint8_t rank[] = { 0, 1, 6, 3, 4, 8, 5, 7, 2 };
	uint32_t seed = 1;

	for (int round = 0; round < 2000; round++) {
		uint8_t page[64] = { 0 };

		map_start();
		for (int i = 0; i < 12; i++) {
			uint32_t first, bytes, type;

			seed = seed * 1664525 + 1013904223;
			first = seed >> 8 & 63;
			bytes = seed >> 16 & 31;
			type = (seed >> 24) % 8 + 1;
			if (first + bytes > 64)
				bytes = 64 - first;
			CHECK_EQ(add(first, first + bytes, type), 0);
			for (uint32_t p = first; p < first + bytes; p++) {
				if (rank[type] > rank[page[p]])
					page[p] = (uint8_t)type;
			}
		}
		for (uint32_t p = 0; p < 64; p++) {
			uint32_t found = 0;

			for (uint32_t i = 0; i < b.mem_count; i++) {
				CHECK(b.mem[i].size != 0);
				if (i > 0)
					CHECK(b.mem[i - 1].base + b.mem[i - 1].size <=
					      b.mem[i].base);
				if (p << 12 >= b.mem[i].base &&
				    p << 12 < b.mem[i].base + b.mem[i].size)
					found = b.mem[i].type;
			}
			CHECK_EQ(found, page[p]);
		}
	}
}

void map_cases(void)
{
	RUN(map_sorts_and_merges);
	RUN(map_overlaps);
	RUN(map_pages);
	RUN(map_wraps);
	RUN(map_claims);
	RUN(map_full);
	RUN(map_random);
}
