/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: kernel/memory_map.c */
/* Which RAM is free, and where the pool goes. */
#include "kernel/memory.h"
#include "tests/unit/unit.h"
#include <stdlib.h>

#define M (1ULL << 20)

static struct bootinfo info;
static struct piece out[64], pool;
static uint64_t ram;

static void add(uint64_t base, uint64_t size, uint32_t type)
{
	info.mem[info.mem_count++] = (struct boot_mem){ base, size, type, 0 };
}

static void usual(void)
{
	memset(&info, 0, sizeof(info));
	add(0, 0x9f000, BOOT_MEM_USABLE);
	add(0x9f000, 0x61000, BOOT_MEM_RESERVED);
	add(M, 511 * M, BOOT_MEM_USABLE);
	add(4096 * M, 2048 * M, BOOT_MEM_USABLE);
	info.kernel_base = 2 * M;
	info.kernel_size = 0x41000;
	info.module[0] = (struct boot_module){ .base = 16 * M, .size = 100 };
	info.module[1] = (struct boot_module){ .base = 17 * M, .size = 3 * M + 1 };
	info.module_count = 2;
}

static void pieces_avoid_everything_taken(void)
{
	unsigned n;

	usual();
	pool = (struct piece){ 4096 * M, 32 * M };
	n = memory_pieces(&info, &pool, out, 64);
	CHECK_EQ(n, 5);
	CHECK_EQ(out[0].base, M);
	CHECK_EQ(out[0].size, M);
	CHECK_EQ(out[1].base, 2 * M + 0x41000);
	CHECK_EQ(out[1].base + out[1].size, 16 * M);
	CHECK_EQ(out[2].base, 16 * M + 4096);
	CHECK_EQ(out[2].base + out[2].size, 17 * M);
	CHECK_EQ(out[3].base, 20 * M + 4096);
	CHECK_EQ(out[3].base + out[3].size, 512 * M);
	CHECK_EQ(out[4].base, 4128 * M);
	CHECK_EQ(out[4].size, 2016 * M);
	CHECK_EQ(memory_pieces(&info, &pool, out, 2), 2); /* no more than there is room for */
}

static void pool_at_the_top_by_the_formula(void)
{
	usual();
	CHECK(memory_place_pool(&info, &pool, &ram));
	CHECK_EQ(ram, 0x9f000 + 511 * M + 2048 * M);
	CHECK_EQ(pool.size, 28 * M); /* 8 MiB + 2560 MiB / 128, in whole 2 MiB */
	CHECK_EQ(pool.base + pool.size, 6144 * M);
}

static void pool_does_not_fit(void)
{
	memset(&info, 0, sizeof(info));
	add(M, 9 * M, BOOT_MEM_USABLE);
	CHECK(!memory_place_pool(&info, &pool, &ram));
	add(64 * M, 12 * M + 4096, BOOT_MEM_USABLE);
	CHECK(memory_place_pool(&info, &pool, &ram));
	CHECK_EQ(pool.base, 66 * M);
	info.module[0] = (struct boot_module){ .base = 70 * M, .size = 1 };
	info.module_count = 1;
	CHECK(!memory_place_pool(&info, &pool, &ram));
}

static void unaligned_and_absurd_regions(void)
{
	struct piece none = { 0, 0 };

	memset(&info, 0, sizeof(info));
	add(2 * M + 1, 8191, BOOT_MEM_USABLE); /* one whole page */
	add(3 * M, 4095, BOOT_MEM_USABLE); /* none */
	add(4 * M, UINT64_MAX, BOOT_MEM_USABLE); /* wraps */
	add(5 * M, 0, BOOT_MEM_USABLE);
	CHECK_EQ(memory_pieces(&info, &none, out, 64), 1);
	CHECK_EQ(out[0].base, 2 * M + 4096);
	CHECK_EQ(out[0].size, 4096);
	info.mem_count = 0x7fffffff; /* more than the array holds */
	CHECK(memory_pieces(&info, &none, out, 64) <= 64);
}

/* Random maps: a piece never touches what is taken, and nothing free is lost. */
static void random_maps_add_up(void)
{
	srand(7);
	for (unsigned round = 0; round < 2000; round++) {
		static unsigned char free_page[1024];
		unsigned n, pages = 0;

		memset(&info, 0, sizeof(info));
		memset(free_page, 0, sizeof(free_page));
		for (uint64_t at = 256; at < 1000;) {
			uint64_t size = 1 + (unsigned)rand() % 100;

			if (at + size > 1024)
				break;
			add(at << 12, size << 12, rand() % 3 ? BOOT_MEM_USABLE : BOOT_MEM_RESERVED);
			if (info.mem[info.mem_count - 1].type == BOOT_MEM_USABLE)
				memset(free_page + at, 1, size);
			at += size + (unsigned)rand() % 10;
		}
		for (unsigned i = 0; i < 8; i++) {
			uint64_t at = 256 + (unsigned)rand() % 700,
				 size = 1 + (unsigned)rand() % 30;

			info.module[info.module_count++] = (struct boot_module){
				.base = at << 12, .size = (size << 12) - (unsigned)rand() % 4096
			};
			memset(free_page + at, 0, size);
		}
		info.kernel_base = 300 << 12;
		info.kernel_size = 20 << 12;
		memset(free_page + 300, 0, 20);
		pool = (struct piece){ 500 << 12, 40 << 12 };
		memset(free_page + 500, 0, 40);
		n = memory_pieces(&info, &pool, out, 64);
		for (unsigned i = 0; i < n; i++)
			for (uint64_t p = out[i].base >> 12; p < (out[i].base + out[i].size) >> 12;
			     p++) {
				CHECK(free_page[p]);
				free_page[p] = 0;
				pages++;
			}
		for (unsigned p = 0; p < 1024; p++)
			CHECK(!free_page[p]);
	}
}

int main(void)
{
	RUN(pieces_avoid_everything_taken);
	RUN(pool_at_the_top_by_the_formula);
	RUN(pool_does_not_fit);
	RUN(unaligned_and_absurd_regions);
	RUN(random_maps_add_up);
	return unit_status();
}
