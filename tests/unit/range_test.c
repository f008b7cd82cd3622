/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: kernel/range.c kernel/handle.c kernel/space.c kernel/paging.c kernel/npt.c kernel/pool.c lib/text.c */
/* Ranges, handles and mappings as ring 3 sees them: through the system calls, on the host. */
#include "tests/unit/range_world.h"

static void split_and_merge(void)
{
	uint64_t r = fresh(), upper, used = space->used;

	upper = (uint64_t)split(r, 0x40000);
	CHECK((int64_t)upper > 0);
	CHECK_EQ(info(r).size, 0x40000);
	CHECK_EQ(info(upper).base, RAM_BASE + 0x40000);
	CHECK_EQ(info(upper).size, RAM_BYTES - 0x40000);
	CHECK_EQ(split(r, 0), E_RANGE);
	CHECK_EQ(split(r, 0x40000), E_RANGE);
	CHECK_EQ(split(r, 0x1001), E_INVAL);
	CHECK_EQ(split(77, 0x1000), E_HANDLE);
	CHECK_EQ(merge(upper, r), E_RANGE);
	CHECK_EQ(merge(r, r), E_INVAL);
	CHECK_EQ(merge(r, upper), 0);
	CHECK_EQ(info(r).size, RAM_BYTES);
	CHECK_EQ(merge(r, upper), E_HANDLE);
	CHECK_EQ(space->used, used);
}

static void a_mapped_range_stays_as_it_is(void)
{
	uint64_t r = fresh(), upper = (uint64_t)split(r, 0x40000), size;

	CHECK_EQ(map(r, VA, 0x1000, 0x2000, RW), 0);
	CHECK_EQ(info(r).maps, 1);
	CHECK_EQ(page_lookup(space->pml4, VA, &size),
		 (RAM_BASE + 0x1000) | PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_NX);
	CHECK_EQ(split(r, 0x1000), E_BUSY);
	CHECK_EQ(merge(r, upper), E_BUSY);
	CHECK_EQ(call(sys_range_scrub, r, 0, 0, 0, 0, 0), E_BUSY);
	CHECK_EQ(unmap(VA, 0x1000), E_RANGE); /* a part of it */
	CHECK_EQ(unmap(VA + 0x2000, 0x1000), E_INVAL);
	flushes = 0;
	CHECK_EQ(unmap(VA, 0x2000), 0);
	CHECK_EQ(flushes, 1);
	CHECK_EQ(page_lookup(space->pml4, VA, &size), 0);
	CHECK_EQ(info(r).maps, 0);
	CHECK_EQ(merge(r, upper), 0);
}

static void map_checks(void)
{
	uint64_t r = fresh();

	CHECK_EQ(map(r, VA, 0, RAM_BYTES + 0x1000, RW), E_RANGE);
	CHECK_EQ(map(r, VA, RAM_BYTES, 0x1000, RW), E_RANGE);
	CHECK_EQ(map(r, VA, UINT64_MAX - 0xfff, 0x2000, RW), E_RANGE);
	CHECK_EQ(map(r, VA + 1, 0, 0x1000, RW), E_INVAL);
	CHECK_EQ(map(r, VA, 1, 0x1000, RW), E_INVAL);
	CHECK_EQ(map(r, VA, 0, 0, RW), E_INVAL);
	CHECK_EQ(map(r, VA, 0, 0x1000, 8 | RW), E_INVAL);
	CHECK_EQ(map(r, VA, 0, 0x1000, RW | PROT_EXEC), E_PERM);
	CHECK_EQ(map(r, 0, 0, 0x1000, RW), E_RANGE);
	CHECK_EQ(map(r, USER_END - 0x1000, 0, 0x1000, RW), E_RANGE);
	CHECK_EQ(map(r, 0xffff800000000000ULL, 0, 0x1000, RW), E_RANGE);
	CHECK_EQ(map(r, VA, 0, 0x3000, RW), 0);
	CHECK_EQ(map(r, VA + 0x2000, 0, 0x1000, RW), E_EXIST);
	CHECK_EQ(map(r, VA - 0x1000, 0, 0x2000, RW), E_EXIST);
	CHECK_EQ(map(r, VA + 0x3000, 0, 0x1000, PROT_READ), 0);
	CHECK_EQ(map(r, VA - 0x1000, 0, 0x1000, PROT_READ), 0);
	CHECK_EQ(info(r).maps, 3);
	CHECK_EQ(unmap(VA - 0x1000, 0x5000), 0); /* all three at once */
	CHECK_EQ(info(r).maps, 0);
}

static void rights_bound_what_can_be_mapped(void)
{
	uint64_t r = fresh(), weak;
	struct object *o;

	CHECK_EQ(handle_get(space, r, OBJ_RANGE, 0, &o), 0);
	weak = (uint64_t)handle_add(space, o, RIGHT_READ);
	CHECK_EQ(map(weak, VA, 0, 0x1000, RW), E_PERM);
	CHECK_EQ(map(weak, VA, 0, 0x1000, PROT_READ | PROT_EXEC), E_PERM);
	CHECK_EQ(split(weak, 0x1000), E_PERM);
	CHECK_EQ(map(weak, VA, 0, 0x1000, PROT_READ), 0);
	/* Two handles: it can be moved by neither. */
	CHECK_EQ(unmap(VA, 0x1000), 0);
	struct range *range;

	CHECK_EQ(range_move_begin(space, r, &range), E_BUSY);
	CHECK_EQ(handle_remove(space, weak, NULL), 0);
	CHECK_EQ(range_move_begin(space, r, &range), 0);
	range_move_end(space, r, range, false);
}

static void moving_freezes_and_consumes(void)
{
	uint64_t r = fresh(), upper = (uint64_t)split(r, 0x40000);
	struct range *range;
	int64_t back;

	CHECK_EQ(range_move_begin(space, r, &range), 0);
	CHECK_EQ(map(r, VA, 0, 0x1000, RW), E_BUSY);
	CHECK_EQ(split(r, 0x1000), E_BUSY);
	CHECK_EQ(merge(r, upper), E_BUSY);
	CHECK_EQ(call(sys_range_scrub, r, 0, 0, 0, 0, 0), E_BUSY);
	range_move_end(space, r, range, false);
	CHECK_EQ(map(r, VA, 0, 0x1000, RW), 0);
	CHECK_EQ(range_move_begin(space, r, &range), E_BUSY);
	CHECK_EQ(unmap(VA, 0x1000), 0);
	CHECK_EQ(range_move_begin(space, r, &range), 0);
	range_move_end(space, r, range, true);
	CHECK_EQ(map(r, VA, 0, 0x1000, RW), E_HANDLE);
	back = range_create(space, hpa(RAM_BASE), 0x40000, RANGE_RAM, 0, RIGHT_ALL);
	CHECK_EQ(merge((uint64_t)back, upper), 0);
	CHECK_EQ(info((uint64_t)back).size, RAM_BYTES);
}

static void modules_cannot_be_cut_or_moved(void)
{
	uint64_t m;
	struct range *range;

	(void)fresh();
	m = (uint64_t)range_create(space, hpa(RAM_BASE), 0x2000, RANGE_MODULE, 5000, RIGHT_ALL);
	CHECK_EQ(split(m, 0x1000), E_INVAL);
	CHECK_EQ(call(sys_range_scrub, m, 0, 0, 0, 0, 0), E_INVAL);
	CHECK_EQ(range_move_begin(space, m, &range), E_INVAL);
	CHECK_EQ(info(m).module_bytes, 5000);
}

static void scrubbing_goes_on_where_it_stopped(void)
{
	uint64_t r = fresh(), done = 0;

	memset(ram, 0x77, RAM_BYTES);
	CHECK_EQ(call(sys_range_scrub, r, 0, 0, 0, 0, 0), 0);
	for (size_t i = 0; i < RAM_BYTES; i++)
		CHECK_EQ(ram[i], 0);
	memset(ram, 0x77, RAM_BYTES);
	CHECK_EQ(scrub_memory(hpa(RAM_BASE + 0x1000), 0x23000, &done), 0);
	CHECK_EQ(ram[0xfff], 0x77);
	CHECK_EQ(ram[0x1000], 0);
	CHECK_EQ(ram[0x23fff], 0);
	CHECK_EQ(ram[0x24000], 0x77);
	/* A page that is zero but for one word, wherever the word is. */
	for (size_t at = 0; at < 0x1000; at += 8) {
		memset(ram, 0, RAM_BYTES);
		ram[0x2000 + at] = 1;
		CHECK_EQ(call(sys_range_scrub, r, 0, 0, 0, 0, 0), 0);
		CHECK_EQ(ram[0x2000 + at], 0);
	}
	interrupted = true;
	CHECK_EQ(call(sys_range_scrub, r, 0, 0, 0, 0, 0), E_AGAIN);
	interrupted = false;
	CHECK_EQ(call(sys_range_scrub, r, 0, 0, 0, 0, 0), 0);
}

static void handles_fill_a_table_and_no_more(void)
{
	uint64_t r = fresh();
	struct object *o;
	uint64_t last = r;
	int64_t h;

	CHECK_EQ(handle_get(space, r, OBJ_RANGE, 0, &o), 0);
	for (;;) {
		object_get(o);
		h = handle_add(space, o, RIGHT_READ);
		if (h < 0)
			break;
		CHECK_EQ(h, last + 1);
		last = (uint64_t)h;
	}
	object_put(o);
	CHECK_EQ(h, E_NOMEM);
	CHECK_EQ(last, HANDLE_PAGES_MAX * HANDLES_PER_PAGE - 1);
	CHECK_EQ(handle_remove(space, 100, NULL), 0);
	CHECK_EQ(handle_add(space, o, RIGHT_READ), 100); /* the lowest free one */
	CHECK_EQ(handle_get(space, 0, OBJ_RANGE, 0, &o), E_HANDLE);
	CHECK_EQ(handle_get(space, last + 1, OBJ_RANGE, 0, &o), E_HANDLE);
	CHECK_EQ(handle_get(space, UINT64_MAX, OBJ_RANGE, 0, &o), E_HANDLE);
	CHECK_EQ(handle_get(space, r, OBJ_EVENT, 0, &o), E_HANDLE);
}

static void a_dead_space_gives_everything_back(void)
{
	static const struct space_info killed = { .reason = REASON_KILLED };
	uint64_t r = fresh(), free;
	struct space *child;
	struct object *o;
	int64_t h;

	free = pool_free_pages();
	CHECK_EQ(space_create(space, "child", 100, &child), 0);
	CHECK_EQ(handle_get(space, r, OBJ_RANGE, 0, &o), 0);
	CHECK((h = handle_add(child, o, RIGHT_ALL)) > 0);
	for (unsigned i = 0; i < 20; i++)
		CHECK_EQ(
			space_map(child, VA + i * PAGE_1G, hpa(RAM_BASE), 0x1000, RW, MAP_WB, NULL),
			0);
	CHECK_EQ(space->quota, 412);
	space_kill(child, &killed);
	CHECK_EQ(child->info.reason, REASON_KILLED);
	CHECK_EQ(space_map(child, VA, hpa(RAM_BASE), 0x1000, RW, MAP_WB, NULL), E_DEAD);
	CHECK_EQ(handle_add(child, &child->object, RIGHT_ALL), E_NOMEM);
	CHECK_EQ(child->used, 0);
	object_put(&child->object);
	CHECK_EQ(space->quota, 512);
	CHECK_EQ(pool_free_pages(), free);
}

static void a_space_takes_its_children_with_it(void)
{
	static const struct space_info killed = { .reason = REASON_KILLED };
	struct space *child, *grandchild, *s;
	uint64_t free;
	unsigned depth = 0;

	(void)fresh();
	free = pool_free_pages();
	CHECK_EQ(space_create(space, "child", 100, &child), 0);
	CHECK_EQ(space_create(child, "grandchild", 50, &grandchild), 0);
	/* It names itself, and nobody else does. */
	CHECK(handle_add(grandchild, &grandchild->object, RIGHT_ALL) > 0);
	space_kill(child, &killed);
	CHECK_EQ(child->used, 0);
	object_put(&child->object);
	CHECK_EQ(space->quota, 512);
	CHECK_EQ(pool_free_pages(), free);
	for (s = space; space_create(s, "deep", 20 - 4 * depth, &child) == 0; s = child)
		depth++;
	CHECK_EQ(depth, SPACE_DEPTH_MAX);
}

static void random_calls_keep_the_ram_whole(void)
{
	uint64_t r = fresh();

	(void)r;
	srand(3);
	for (unsigned round = 0; round < 50000; round++) {
		uint64_t a = 2 + (unsigned)rand() % 12, b = 2 + (unsigned)rand() % 12, total = 0;
		uint64_t va = VA + (uint64_t)(rand() % 8) * 0x10000, at = (uint64_t)(rand() % 64)
									  << 12;

		switch (rand() % 4) {
		case 0:
			if (a < 12)
				(void)split(a, at);
			break;
		case 1:
			(void)merge(a, b);
			break;
		case 2:
			(void)map(a, va, at, 0x1000 << rand() % 5, RW);
			break;
		default:
			(void)unmap(va, 0x10000);
		}
		for (uint64_t h = 2; h < 64; h++)
			total += info(h).size;
		CHECK_EQ(total, RAM_BYTES);
	}
}

/* A handle to the object of another one, with fewer rights. */
static uint64_t weaker(uint64_t handle, uint32_t rights)
{
	struct object *o;

	if (handle_get(space, handle, OBJ_RANGE, 0, &o) != 0)
		return 0;
	return (uint64_t)handle_add(space, o, rights);
}

static void a_split_gives_no_rights(void)
{
	uint64_t weak = weaker(fresh(), RIGHT_CONTROL | RIGHT_READ), upper = (uint64_t)split(weak, 0x1000);

	CHECK((int64_t)upper > 0);
	CHECK_EQ(map(upper, VA, 0, 0x1000, RW), E_PERM);
	CHECK_EQ(map(upper, VA, 0, 0x1000, PROT_READ), 0);
}

static void a_merge_gives_no_rights(void)
{
	uint64_t r = fresh(), upper = (uint64_t)split(r, 0x1000), weak = weaker(upper, RIGHT_CONTROL);

	CHECK_EQ(handle_remove(space, upper, NULL), 0);
	CHECK_EQ(merge(r, weak), E_PERM);
	CHECK_EQ(info(r).size, 0x1000);
}

/* Another processor may have used what was mapped before the quota ran out. */
static void a_mapping_that_fails_half_way_is_flushed(void)
{
	struct space *child;
	unsigned failed = 0;
	int64_t e = E_NOMEM;
	uint64_t size;

	(void)fresh();
	for (uint64_t quota = 3; e != 0; quota++) {
		CHECK_EQ(space_create(space, "child", quota, &child), 0);
		flushes = 0;
		e = space_map(child, VA + PAGE_2M - 0x1000, hpa(RAM_BASE), 0x2000, RW, MAP_WB, NULL);
		if (e == 0)
			break;
		failed++;
		CHECK_EQ(e, E_NOMEM);
		CHECK_EQ(flushes, 1);
		CHECK_EQ(page_lookup(child->pml4, VA + PAGE_2M - 0x1000, &size), 0);
		object_put(&child->object);
	}
	CHECK(failed >= 2);
}

static void a_vm_has_one_share_of_the_log(void)
{
	struct space *child, *grandchild, *other;
	unsigned lines = 0;

	(void)fresh();
	CHECK_EQ(space_create(space, "child", 100, &child), 0);
	CHECK_EQ(space_create(space, "other", 100, &other), 0);
	CHECK_EQ(space_create(child, "grandchild", 50, &grandchild), 0);
	for (unsigned i = 0; i < 80; i++)
		lines += space_may_log(child, 1) + space_may_log(grandchild, 1);
	CHECK(lines == 100 || lines == 101); /* a tick has gone by */
	CHECK(space_may_log(other, 1));
	CHECK(space_may_log(space, 1000)); /* the first one may always */
	object_put(&grandchild->object);
	object_put(&child->object);
	object_put(&other->object);
}

int main(void)
{
	pool_memory = aligned_alloc(4 << 20, POOL_BYTES);
	ram = malloc(RAM_BYTES);
	syscall(SYS_arch_prctl, ARCH_SET_GS, &processor);
	RUN(split_and_merge);
	RUN(a_mapped_range_stays_as_it_is);
	RUN(map_checks);
	RUN(rights_bound_what_can_be_mapped);
	RUN(moving_freezes_and_consumes);
	RUN(modules_cannot_be_cut_or_moved);
	RUN(scrubbing_goes_on_where_it_stopped);
	RUN(handles_fill_a_table_and_no_more);
	RUN(a_dead_space_gives_everything_back);
	RUN(a_space_takes_its_children_with_it);
	RUN(a_vm_has_one_share_of_the_log);
	RUN(a_split_gives_no_rights);
	RUN(a_merge_gives_no_rights);
	RUN(a_mapping_that_fails_half_way_is_flushed);
	RUN(random_calls_keep_the_ram_whole);
	free(pool_memory);
	free(ram);
	return unit_status();
}
