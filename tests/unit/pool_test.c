/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: kernel/pool.c kernel/paging.c kernel/npt.c */
/* The kernel's allocator and its page tables, on memory of the host. */
#include "kernel/log.h"
#include "kernel/paging.h"
#include "kernel/pool.h"
#include "kernel/pool_impl.h"
#include "kernel/space.h"
#include "lib/x86/pte.h"
#include "tests/unit/page_lookup.h"
#include "tests/unit/unit.h"
#include <stdarg.h>
#include <stdlib.h>

enum { BYTES = 8 << 20 };
#define PHYSICAL 0x140000000ULL

static void *memory;
static struct space space;

void panic(const char *fmt, ...)
{
	(void)fmt;
	printf("FAIL %s: the pool panicked\n", unit_case);
	exit(1);
}

static void fresh(uint64_t quota)
{
	/* Dirty, so that zeroing is seen. */
	memset(memory, 0xa5, BYTES);
	memset(&space, 0, sizeof(space));
	space.quota = quota;
	pool_init(memory, hpa(PHYSICAL), BYTES);
}

static bool is_zero(const void *p, size_t n)
{
	const char *c = p;

	while (n--)
		if (*c++)
			return false;
	return true;
}

static void pages_are_zero_aligned_and_distinct(void)
{
	char *p[100];

	fresh(1000);
	for (unsigned i = 0; i < 100; i++) {
		unsigned order = i % 4;

		p[i] = pool_pages(&space, order);
		CHECK(p[i] && is_zero(p[i], PAGE_4K << order));
		CHECK_EQ((uint64_t)(p[i] - (char *)memory) & ((PAGE_4K << order) - 1), 0);
		CHECK_EQ(pool_hpa(p[i]).raw - PHYSICAL, (uint64_t)(p[i] - (char *)memory));
		CHECK(pool_va(pool_hpa(p[i])) == p[i]);
		memset(p[i], (int)i + 1, PAGE_4K << order);
	}
	for (unsigned i = 0; i < 100; i++) {
		CHECK_EQ((uint8_t)p[i][0], i + 1);
		CHECK_EQ((uint8_t)p[i][(PAGE_4K << i % 4) - 1], i + 1);
		pool_pages_free(&space, p[i], i % 4);
	}
	CHECK_EQ(space.used, 0);
}

static void exhaustion_and_coalescing(void)
{
	static void *p[BYTES / 4096];
	uint64_t free, n = 0;

	fresh(1 << 20);
	free = pool_free_pages();
	CHECK(free > BYTES / 4096 - 16);
	while ((p[n] = pool_page(&space)) != NULL)
		n++;
	CHECK_EQ(n, free);
	CHECK_EQ(pool_free_pages(), 0);
	CHECK(!pool_alloc(&space, 16));
	CHECK_EQ(space.used, n);
	/* Back in an order that leaves no neighbours for a while. */
	for (unsigned step = 0; step < 2; step++)
		for (uint64_t i = step; i < n; i += 2)
			pool_page_free(&space, p[i]);
	CHECK_EQ(pool_free_pages(), free);
	CHECK(pool_pages(&space, 10)); /* 4 MiB in one piece again */
	CHECK(!pool_pages(&space, 11));
}

static void quota_bounds_pages_and_small_objects(void)
{
	void *page, *small[512];
	unsigned n = 0;

	fresh(3);
	CHECK((page = pool_page(&space)) != NULL);
	CHECK(!pool_pages(&space, 2));
	while (n < 512 && (small[n] = pool_alloc(&space, 100)) != NULL) /* 128 bytes each */
		n++;
	CHECK_EQ(n, 2 * 4096 / 128);
	CHECK(!pool_page(&space));
	pool_page_free(&space, page);
	CHECK((page = pool_page(&space)) != NULL);
	CHECK_EQ(pool_small_bytes(), 2 * 4096);
	while (n)
		pool_free(&space, small[--n], 100);
	CHECK_EQ(pool_small_bytes(), 0);
	CHECK((small[0] = pool_pages(&space, 1)) != NULL);
	CHECK(!pool_page(&space));
	pool_pages_free(&space, small[0], 1);
	pool_page_free(&space, page);
	CHECK_EQ(space.used, 0);
}

/* One object in each page keeps the page, and must cost as much. */
static void a_page_is_paid_for_until_it_is_empty(void)
{
	static void *small[4 * 256];
	struct space other = { .quota = 1 };
	void *theirs;

	fresh(4);
	for (unsigned i = 0; i < 4 * 256; i++)
		CHECK((small[i] = pool_alloc(&space, 16)) != NULL);
	for (unsigned i = 0; i < 4 * 256; i++)
		if (i % 256 != 0)
			pool_free(&space, small[i], 16);
	CHECK(!pool_page(&space));
	CHECK((theirs = pool_alloc(&other, 16)) != NULL); /* in a page of its own */
	CHECK_EQ(other.used, 1);
	for (unsigned i = 0; i < 4 * 256; i += 256)
		pool_free(&space, small[i], 16);
	CHECK_EQ(space.used, 0);
	pool_free(&other, theirs, 16);
	CHECK_EQ(other.used, 0);
}

static void quota_moves_only_when_unused(void)
{
	struct space child = { 0 };

	fresh(10);
	CHECK(pool_page(&space));
	CHECK(pool_move_quota(&space, &child, 10) < 0);
	CHECK(pool_move_quota(&space, &child, UINT64_MAX) < 0);
	CHECK_EQ(pool_move_quota(&space, &child, 9), 0);
	CHECK_EQ(space.quota, 1);
	CHECK_EQ(child.quota, 9);
	CHECK_EQ(pool_move_quota(&child, NULL, 9), 0);
}

static void small_objects_do_not_overlap(void)
{
	static struct {
		unsigned char *p;
		size_t n;
	} o[400];
	uint64_t free;

	fresh(1 << 20);
	free = pool_free_pages();
	srand(1);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned i = (unsigned)rand() % 400;

		if (o[i].p) {
			for (size_t k = 0; k < o[i].n; k++)
				CHECK_EQ(o[i].p[k], (unsigned char)i);
			pool_free(&space, o[i].p, o[i].n);
			o[i].p = NULL;
			continue;
		}
		o[i].n = 1 + (unsigned)rand() % 2048;
		o[i].p = pool_alloc(&space, o[i].n);
		CHECK(o[i].p && is_zero(o[i].p, o[i].n));
		memset(o[i].p, (int)i, o[i].n);
	}
	for (unsigned i = 0; i < 400; i++)
		if (o[i].p)
			pool_free(&space, o[i].p, o[i].n);
	CHECK_EQ(space.used, 0);
	CHECK_EQ(pool_free_pages(), free);
	CHECK(!pool_alloc(&space, 2049));
	CHECK(!pool_alloc(&space, 0));
}

/* ---- page tables */

#define FLAGS (PTE_P | PTE_W | PTE_U | PTE_NX)

static void largest_pages_that_fit(void)
{
	uint64_t *root, size, leaf;

	fresh(1000);
	root = pool_page(&space);
	/* 4 KiB below a 2 MiB boundary to 4 KiB above a 1 GiB one */
	CHECK_EQ(page_map(root, &space, PAGE_1G - PAGE_2M - PAGE_4K,
			  hpa(3 * PAGE_1G - PAGE_2M - PAGE_4K),
			  PAGE_4K + PAGE_2M + PAGE_1G + PAGE_4K, FLAGS, true),
		 0);
	leaf = page_lookup(root, PAGE_1G - PAGE_2M - 1, &size);
	CHECK_EQ(size, PAGE_4K);
	CHECK_EQ(leaf, (3 * PAGE_1G - PAGE_2M - PAGE_4K) | FLAGS);
	leaf = page_lookup(root, PAGE_1G - 1, &size);
	CHECK_EQ(size, PAGE_2M);
	CHECK_EQ(leaf, (3 * PAGE_1G - PAGE_2M) | FLAGS | PTE_PS);
	leaf = page_lookup(root, PAGE_1G, &size);
	CHECK_EQ(size, PAGE_1G);
	CHECK_EQ(leaf, 3 * PAGE_1G | FLAGS | PTE_PS);
	leaf = page_lookup(root, 2 * PAGE_1G, &size);
	CHECK_EQ(leaf, 4 * PAGE_1G | FLAGS);
	CHECK_EQ(page_lookup(root, 2 * PAGE_1G + PAGE_4K, &size), 0);
	page_unmap(root, PAGE_1G - PAGE_2M - PAGE_4K, PAGE_4K + PAGE_2M + PAGE_1G + PAGE_4K);
	for (uint64_t va = PAGE_1G - PAGE_2M - PAGE_4K; va <= 2 * PAGE_1G; va += PAGE_2M / 2)
		CHECK_EQ(page_lookup(root, va, &size), 0);
	page_free_tables(root, &space);
	CHECK_EQ(space.used, 0);
}

static void no_1g_pages_without_the_feature(void)
{
	uint64_t *root, size;

	fresh(1000);
	root = pool_page(&space);
	CHECK_EQ(page_map(root, &space, PAGE_1G, hpa(PAGE_1G), PAGE_1G, FLAGS, false), 0);
	(void)page_lookup(root, PAGE_1G, &size);
	CHECK_EQ(size, PAGE_2M);
	/* Physically misaligned: small pages whatever the virtual address. */
	CHECK_EQ(page_map(root, &space, 4 * PAGE_1G, hpa(PAGE_4K), PAGE_2M, FLAGS, true), 0);
	(void)page_lookup(root, 4 * PAGE_1G, &size);
	CHECK_EQ(size, PAGE_4K);
}

static void write_combining_bit_moves(void)
{
	uint64_t *root, size;

	fresh(1000);
	root = pool_page(&space);
	CHECK_EQ(page_map(root, &space, 0, hpa(0), PAGE_2M, PTE_P | PTE_PAT, true), 0);
	CHECK_EQ(page_lookup(root, 0, &size), PTE_P | PTE_PS | PTE_PAT_LARGE);
	CHECK_EQ(page_map(root, &space, PAGE_1G, hpa(0), PAGE_4K, PTE_P | PTE_PAT, true), 0);
	CHECK_EQ(page_lookup(root, PAGE_1G, &size), PTE_P | PTE_PAT);
}

static void failure_leaves_nothing_mapped(void)
{
	uint64_t *root, size;

	fresh(1000);
	root = pool_page(&space);
	CHECK_EQ(page_map(root, &space, 5 * PAGE_4K, hpa(0), PAGE_4K, FLAGS, true), 0);
	CHECK_EQ(page_map(root, &space, 0, hpa(0), 16 * PAGE_4K, FLAGS, true), E_EXIST);
	for (unsigned i = 0; i < 16; i++)
		CHECK_EQ(page_lookup(root, i * PAGE_4K, &size) != 0, i == 5);
	/* Out of quota in the middle. */
	space.quota = space.used + 1;
	CHECK_EQ(page_map(root, &space, PAGE_1G - 8 * PAGE_4K, hpa(0x5000), 16 * PAGE_4K, FLAGS,
			  true),
		 E_NOMEM);
	for (unsigned i = 0; i < 16; i++)
		CHECK_EQ(page_lookup(root, PAGE_1G - 8 * PAGE_4K + i * PAGE_4K, &size), 0);
	page_free_tables(root, &space);
	CHECK_EQ(space.used, 0);
}

int main(void)
{
	memory = aligned_alloc(4 << 20, BYTES);
	RUN(pages_are_zero_aligned_and_distinct);
	RUN(exhaustion_and_coalescing);
	RUN(quota_bounds_pages_and_small_objects);
	RUN(a_page_is_paid_for_until_it_is_empty);
	RUN(quota_moves_only_when_unused);
	RUN(small_objects_do_not_overlap);
	RUN(largest_pages_that_fit);
	RUN(no_1g_pages_without_the_feature);
	RUN(write_combining_bit_moves);
	RUN(failure_leaves_nothing_mapped);
	free(memory);
	return unit_status();
}
