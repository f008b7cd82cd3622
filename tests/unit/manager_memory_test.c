/* SPDX-License-Identifier: GPL-2.0-only */
/* The manager's free memory, on fake ranges: nothing lost, nothing twice, alignment where it fits. */
#include "kernel/abi/sys.h"
#include "tests/unit/unit.h"

enum { HANDLES = 4096 };

static struct {
	uint64_t base, size;
	int used;
} ranges[HANDLES];

static int fake_split(int handle, uint64_t offset)
{
	if (!ranges[handle].used || offset == 0 || offset >= ranges[handle].size || offset % 4096)
		return E_RANGE;
	for (int h = 3; h < HANDLES; h++) {
		if (ranges[h].used)
			continue;
		ranges[h].base = ranges[handle].base + offset;
		ranges[h].size = ranges[handle].size - offset;
		ranges[h].used = 1;
		ranges[handle].size = offset;
		return h;
	}
	return E_NOMEM;
}

static int fake_merge(int low, int high)
{
	if (!ranges[low].used || !ranges[high].used ||
	    ranges[low].base + ranges[low].size != ranges[high].base)
		return E_INVAL;
	ranges[low].size += ranges[high].size;
	ranges[high].used = 0;
	return 0;
}

static int fake_info(int handle, struct range_info *info)
{
	if (!ranges[handle].used)
		return E_HANDLE;
	*info = (struct range_info){ .base = ranges[handle].base, .size = ranges[handle].size, .type = RANGE_RAM };
	return 0;
}

/* The allocator itself, on these instead of system calls. */
#define sys_range_split fake_split
#define sys_range_merge fake_merge
#define sys_range_info	fake_info
#include "manager/memory.c"

#define M (1ULL << 20)
#define G (1ULL << 30)

static struct memory m;

static void box(unsigned n, const uint64_t (*pieces)[2])
{
	memset(ranges, 0, sizeof(ranges));
	memset(&m, 0, sizeof(m));
	for (unsigned i = 0; i < n; i++) {
		ranges[3 + i].base = pieces[i][0];
		ranges[3 + i].size = pieces[i][1];
		ranges[3 + i].used = 1;
	}
	for (unsigned i = 0; i < n; i++)
		memory_add(&m, (int)(3 + i));
}

/* The list agrees with the ranges, and no two overlap. */
static uint64_t consistent(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < m.pieces; i++) {
		const struct memory_piece *p = &m.piece[i];

		if (!ranges[p->handle].used || ranges[p->handle].base != p->base || ranges[p->handle].size != p->size)
			return 0;
		for (unsigned j = 0; j < i; j++) {
			if (p->base < m.piece[j].base + m.piece[j].size && m.piece[j].base < p->base + p->size)
				return 0;
		}
		sum += p->size;
	}
	return sum;
}

static const uint64_t small_box[][2] = { { 0x1000, 0x9e000 }, { 0x123000, 500 * M } };
static const uint64_t large_box[][2] = { { 0x1000, 0x9e000 }, { 0x145000, 2 * G }, { 4 * G, 6 * G } };

static void adds(void)
{
	box(2, small_box);
	CHECK_EQ(memory_free(&m), 0x9e000 + 500 * M);
	CHECK_EQ(consistent(), memory_free(&m));
}

static void small_pieces_first(void)
{
	int h;

	box(2, small_box);
	h = memory_take_small(&m, 5000);
	CHECK(h > 0);
	CHECK_EQ(ranges[h].size, 8192);
	CHECK(ranges[h].base < M); /* out of the piece that is good for nothing else */
	CHECK_EQ(consistent(), 0x9e000 + 500 * M - 8192);
}

static void guest_2m(void)
{
	uint64_t bytes = 256 * M;
	int h;

	box(2, small_box);
	h = memory_take_guest(&m, 0, &bytes);
	CHECK(h > 0);
	CHECK_EQ(bytes, 256 * M);
	CHECK_EQ(ranges[h].base % (2 * M), 0);
	CHECK_EQ(consistent(), 0x9e000 + 244 * M);
}

static void guest_1g(void)
{
	uint64_t bytes = 3 * G;
	int h;

	box(3, large_box);
	h = memory_take_guest(&m, 0, &bytes);
	CHECK(h > 0);
	CHECK_EQ(bytes, 3 * G);
	CHECK_EQ(ranges[h].base % G, 0);
}

/* The part above the hole begins at 4 GiB: congruent to that. */
static void guest_high(void)
{
	uint64_t bytes = G + 5 * M;
	int h;

	box(3, large_box);
	h = memory_take_guest(&m, 4 * G, &bytes);
	CHECK(h > 0);
	CHECK_EQ(ranges[h].base % G, 0);
	CHECK_EQ(bytes, G + 5 * M);
}

/* More than any piece: in several, each aligned, until nothing is left. */
static void guest_takes_all(void)
{
	uint64_t at = 0, left, all;

	box(3, large_box);
	all = left = memory_free(&m);
	while (left > 0) {
		uint64_t bytes = left;
		int h = memory_take_guest(&m, at, &bytes);

		CHECK(h > 0 && bytes > 0 && bytes <= left && bytes % 4096 == 0);
		at += bytes;
		left -= bytes;
		ranges[h].used = 0;
		CHECK_EQ(consistent(), left);
	}
	CHECK_EQ(at, all);
	left = 4096;
	CHECK(memory_take_guest(&m, 0, &left) < 0);
	CHECK(memory_take_small(&m, 1) < 0);
}

static void gives_back(void)
{
	int taken[40];

	box(3, large_box);
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 40; i++) {
			uint64_t bytes = (i % 7 + 1) * 3 * M + i * 4096;

			taken[i] = i % 3 ? memory_take_guest(&m, i * 2 * M, &bytes) :
					   memory_take_small(&m, bytes);
			CHECK(taken[i] > 0);
			CHECK(consistent() != 0);
		}
		for (unsigned i = 0; i < 40; i++)
			memory_add(&m, taken[i * 17 % 40]);
	}
	/* Everything has joined again. */
	CHECK_EQ(m.pieces, 3);
	CHECK_EQ(consistent(), 0x9e000 + 8 * G);
}

int main(void)
{
	RUN(adds);
	RUN(small_pieces_first);
	RUN(guest_2m);
	RUN(guest_1g);
	RUN(guest_high);
	RUN(guest_takes_all);
	RUN(gives_back);
	return unit_status();
}
