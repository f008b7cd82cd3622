/* sources: kernel/npt.c */
/* SPDX-License-Identifier: GPL-2.0-only */
/* Nested page tables over an allocator that counts and can fail. Both vendors' formats. */
#include <stdlib.h>
#include "kernel/abi/status.h"
#include "kernel/npt.h"
#include "tests/unit/page_lookup.h"
#include "tests/unit/unit.h"

#define M2 (1ULL << 21)
#define G1 (1ULL << 30)

static int pages, left;

static void *page(struct space *payer)
{
	void *p;

	(void)payer;
	if (left == 0)
		return NULL;
	left--;
	pages++;
	p = aligned_alloc(4096, 4096);
	return memset(p, 0, 4096);
}
static void page_free(struct space *payer, void *p) { (void)payer, pages--, free(p); }
static hpa_t to_hpa(const void *p) { return hpa((uint64_t)p); }
static void *to_va(hpa_t p) { return (void *)p.raw; }
static const struct npt_memory memory = { page, page_free, to_hpa, to_va };

static const struct npt_format amd = { .name = "amd", .levels = 4, .table_bits = 7, .present_mask = 1, .read = 5,
	.write = 2, .no_execute = 1ULL << 63, .large = 1 << 7, .address_mask = 0x000ffffffffff000 };
static const struct npt_format intel = { .name = "intel", .levels = 4, .table_bits = 7, .present_mask = 7, .read = 1,
	.write = 2, .execute = 4, .memtype_wb = 6 << 3 | 1 << 6, .large = 1 << 7, .address_mask = 0x000ffffffffff000 };

static struct npt n;
static int start(const struct npt_format *f, unsigned levels)
{
	pages = 0;
	left = 1000;
	return npt_init(&n, f, &memory, NULL, levels);
}

static void largest_pages_that_fit(void)
{
	hpa_t to;
	uint64_t size, entry;

	CHECK_EQ(start(&amd, 3), 0);
	/* 4K up to the next 2M, 2M up to the next 1G, one 1G, then down again */
	CHECK_EQ(npt_map(&n, gpa(G1 - M2 - 0x2000), hpa(5 * G1 - M2 - 0x2000), G1 + 2 * M2 + 0x3000, NPT_WRITE), 0);
	CHECK_EQ(n.leaf[1], 3);
	CHECK_EQ(n.leaf[2], 2);
	CHECK_EQ(n.leaf[3], 1);
	CHECK(npt_lookup(&n, gpa(G1 + 12345), &to, &size, &entry));
	CHECK_EQ(to.raw, 5 * G1 + 12345);
	CHECK_EQ(size, G1);
	CHECK(npt_lookup(&n, gpa(G1 - 1), &to, &size, &entry));
	CHECK_EQ(to.raw, 5 * G1 - 1);
	CHECK_EQ(size, M2);
	CHECK(npt_lookup(&n, gpa(2 * G1 + M2), &to, &size, &entry));
	CHECK_EQ(size, 4096);
	CHECK(!npt_lookup(&n, gpa(2 * G1 + M2 + 0x1000), &to, &size, &entry));
	CHECK(!npt_lookup(&n, gpa(1ULL << 48), &to, &size, &entry));
	npt_fini(&n);
	CHECK_EQ(pages, 0);
}

static void no_1g_pages_where_there_are_none(void)
{
	CHECK_EQ(start(&intel, 2), 0);
	CHECK_EQ(npt_map(&n, gpa(0), hpa(0), G1, NPT_WRITE | NPT_EXECUTE), 0);
	CHECK_EQ(n.leaf[2], 512);
	CHECK_EQ(n.leaf[3], 0);
	CHECK_EQ(n.pages, 3);
	npt_fini(&n);
}

static void misaligned_memory_gets_small_pages(void)
{
	CHECK_EQ(start(&amd, 3), 0);
	CHECK_EQ(npt_map(&n, gpa(0), hpa(0x1000), M2, NPT_WRITE), 0);
	CHECK_EQ(n.leaf[1], 512);
	CHECK_EQ(n.leaf[2], 0);
	npt_fini(&n);
}

static void permissions_by_format(void)
{
	static const struct { const struct npt_format *f; unsigned prot; uint64_t bits; } t[] = {
		{ &amd, NPT_WRITE | NPT_EXECUTE, 7 }, { &amd, 0, 1ULL << 63 | 5 }, { &amd, NPT_EXECUTE, 5 },
		{ &intel, NPT_WRITE | NPT_EXECUTE, 0x77 }, { &intel, NPT_EXECUTE, 0x75 }, { &intel, 0, 0x71 } };
	hpa_t to;
	uint64_t size, entry;

	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CHECK_EQ(start(t[i].f, 3), 0);
		CHECK_EQ(npt_map(&n, gpa(0x5000), hpa(0x7000), 0x1000, t[i].prot), 0);
		CHECK(npt_lookup(&n, gpa(0x5000), &to, &size, &entry));
		CHECK_EQ(entry, t[i].bits | 0x7000);
		npt_fini(&n);
	}
}

static void what_is_mapped_is_not_mapped_over(void)
{
	hpa_t to;
	uint64_t size, entry;

	CHECK_EQ(start(&amd, 3), 0);
	CHECK_EQ(npt_map(&n, gpa(M2), hpa(M2), M2, NPT_WRITE), 0);
	CHECK_EQ(npt_map(&n, gpa(M2 + 0x1000), hpa(0), 0x1000, NPT_WRITE), E_EXIST);
	CHECK_EQ(npt_map(&n, gpa(0), hpa(0), 2 * M2, NPT_WRITE), E_EXIST);
	/* nothing of the failed one is left */
	CHECK(!npt_lookup(&n, gpa(0), &to, &size, &entry));
	CHECK_EQ(n.leaf[2], 1);
	npt_fini(&n);
}

static void bad_arguments(void)
{
	CHECK_EQ(start(&amd, 3), 0);
	CHECK_EQ(npt_map(&n, gpa(1), hpa(0), 0x1000, 0), E_INVAL);
	CHECK_EQ(npt_map(&n, gpa(0), hpa(0x800), 0x1000, 0), E_INVAL);
	CHECK_EQ(npt_map(&n, gpa(0), hpa(0), 0, 0), E_INVAL);
	CHECK_EQ(npt_map(&n, gpa((1ULL << 48) - 0x1000), hpa(0), 0x2000, 0), E_RANGE);
	CHECK_EQ(npt_map(&n, gpa(0), hpa(1ULL << 52), 0x1000, 0), E_RANGE);
	CHECK_EQ(npt_map(&n, gpa(1ULL << 63), hpa(0), 1ULL << 63, 0), E_RANGE);
	npt_fini(&n);
}

static void out_of_memory_changes_nothing(void)
{
	hpa_t to;
	uint64_t size, entry;

	for (int budget = 1; budget < 7; budget++) {
		CHECK_EQ(start(&amd, 3), 0);
		left = budget;
		/* needs 7 tables: 3 on each side of the 512 GiB line, and the last level of one */
		if (npt_map(&n, gpa((1ULL << 39) - 0x1000), hpa(0x1000), 0x2000, 0) == 0) {
			CHECK(budget >= 6);
		} else {
			CHECK(budget < 6);
			CHECK(!npt_lookup(&n, gpa((1ULL << 39) - 0x1000), &to, &size, &entry));
			CHECK_EQ(n.leaf[1], 0);
		}
		npt_fini(&n);
		CHECK_EQ(pages, 0);
	}
	pages = left = 0;
	CHECK_EQ(npt_init(&n, &amd, &memory, NULL, 3), E_NOMEM);
}

static void unmap_whole_pages_only(void)
{
	hpa_t to;
	uint64_t size, entry;

	CHECK_EQ(start(&amd, 3), 0);
	CHECK_EQ(npt_map(&n, gpa(0), hpa(0), 4 * M2, NPT_WRITE), 0);
	CHECK_EQ(npt_unmap(&n, gpa(0x1000), 0x1000), E_RANGE);
	CHECK_EQ(npt_unmap(&n, gpa(M2), M2), 0);
	CHECK(npt_lookup(&n, gpa(0), &to, &size, &entry));
	CHECK(!npt_lookup(&n, gpa(M2), &to, &size, &entry));
	CHECK_EQ(n.leaf[2], 3);
	CHECK_EQ(npt_unmap(&n, gpa(0), 1ULL << 40), 0); /* holes are skipped */
	CHECK_EQ(n.leaf[2], 0);
	/* small pages where tables have been are used again */
	CHECK_EQ(npt_map(&n, gpa(0), hpa(0x1000), 0x3000, 0), 0);
	CHECK_EQ(npt_unmap(&n, gpa(0x1000), 0x1000), 0);
	CHECK_EQ(n.leaf[1], 2);
	npt_fini(&n);
	CHECK_EQ(pages, 0);
}

/* iTLB multihit: what is larger than 4K is not executable until it is executed, and then it is 4K. */
static void large_pages_split_when_executed(void)
{
	hpa_t to;
	uint64_t size, entry;

	CHECK_EQ(start(&intel, 3), 0);
	n.large_nx = true;
	CHECK_EQ(npt_map(&n, gpa(0), hpa(4 * G1), G1 + M2 + 0x1000, NPT_WRITE | NPT_EXECUTE), 0);
	CHECK(npt_lookup(&n, gpa(0x5000), &to, &size, &entry));
	CHECK_EQ(entry, (4 * G1) | 0xf3); /* read, write, write-back, large; no execute */
	CHECK(npt_lookup(&n, gpa(G1 + M2), &to, &size, &entry));
	CHECK_EQ(entry & 7, 7); /* 4K from the start */
	CHECK_EQ(npt_execute(&n, gpa(3 * M2 + 0x5123)), 0);
	CHECK_EQ(n.leaf[3], 0);
	CHECK_EQ(n.leaf[2], 512); /* 511 of the split 1G, and the one behind it */
	CHECK_EQ(n.leaf[1], 513);
	for (uint64_t at = 3 * M2; at < 4 * M2; at += 0x1000) {
		CHECK(npt_lookup(&n, gpa(at), &to, &size, &entry));
		CHECK_EQ(entry, (4 * G1 + at) | 0x77);
		CHECK_EQ(size, 4096);
	}
	CHECK(npt_lookup(&n, gpa(4 * M2), &to, &size, &entry));
	CHECK_EQ(entry, (4 * G1 + 4 * M2) | 0xf3);
	CHECK_EQ(npt_execute(&n, gpa(3 * M2)), 0); /* another vCPU was first */
	CHECK_EQ(n.leaf[1], 513);
	CHECK_EQ(npt_execute(&n, gpa(2 * G1)), E_RANGE);
	CHECK_EQ(npt_execute(&n, gpa(1ULL << 48)), E_RANGE);
	left = 0;
	CHECK_EQ(npt_execute(&n, gpa(G1)), E_NOMEM);
	CHECK(npt_lookup(&n, gpa(G1), &to, &size, &entry));
	CHECK_EQ(size, M2);
	CHECK_EQ(npt_unmap(&n, gpa(0), G1 + M2 + 0x1000), 0);
	CHECK_EQ(n.leaf[1] + n.leaf[2] + n.leaf[3], 0);
	npt_fini(&n);
	CHECK_EQ(pages, 0);
	/* A page that is not executable by request stays so. */
	CHECK_EQ(start(&intel, 3), 0);
	n.large_nx = true;
	CHECK_EQ(npt_map(&n, gpa(0), hpa(0), 0x1000, NPT_WRITE), 0);
	CHECK_EQ(npt_execute(&n, gpa(0)), E_RANGE);
	npt_fini(&n);
}

int main(void)
{
	RUN(large_pages_split_when_executed);
	RUN(largest_pages_that_fit);
	RUN(no_1g_pages_where_there_are_none);
	RUN(misaligned_memory_gets_small_pages);
	RUN(permissions_by_format);
	RUN(what_is_mapped_is_not_mapped_over);
	RUN(bad_arguments);
	RUN(out_of_memory_changes_nothing);
	RUN(unmap_whole_pages_only);
	return unit_status();
}
