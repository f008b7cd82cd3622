/* SPDX-License-Identifier: GPL-2.0-only */
/* The PVH loader: made-up ELF32 and ELF64 files, whole and broken. */
/* sources: guests/load/guest.c guests/load/load.c guests/load/linux.c guests/load/elf.c guests/load/pvh.c guests/load/multiboot.c lib/format.c */
#include "tests/unit/unit.h"
#include "kernel/abi/status.h"
#include "tests/unit/load_world.h"

static struct world w;

static void refuse(unsigned at, unsigned bytes, uint64_t value, const char *words)
{
	world_elf64(&w);
	put(w.file, at, bytes, value);
	CHECK(load_guest(&w.req, &w.start, w.why) < 0);
	if (!strstr(w.why, words))
		printf("     says: %s\n", w.why);
	CHECK(strstr(w.why, words) != NULL);
}

static void check_loaded(void)
{
	const uint8_t *info = w.ram + LOAD_PVH_INFO;

	memset(w.ram + 0x201000, 0xee, 0x1000);
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_EQ(w.start.mode, LOAD_PROT32);
	CHECK_EQ(w.start.rip, 0x200010);
	CHECK_EQ(w.start.rbx, LOAD_PVH_INFO);
	CHECK(memcmp(w.ram + 0x200000, w.file + 0x1000, 0x1000) == 0);
	CHECK_EQ(w.ram[0x201000], 0); /* the rest of the segment */
	CHECK_EQ(w.ram[0x201fff], 0);
	CHECK_EQ(get(info, 0, 4), 0x336ec578);
	CHECK_EQ(get(info, 4, 4), 1);
	CHECK_EQ(get(info, 24, 8), LOAD_CMDLINE);
	CHECK(get(info, 48, 4) >= 4);
	CHECK_EQ(get(w.ram, get(info, 40, 8) + 8, 8), LOAD_BASE_END);
}

static void loads_elf64(void)
{
	world_elf64(&w);
	check_loaded();
	CHECK_STR(w.start.protocol, "PVH, ELF64");
}

static void loads_elf32(void)
{
	world_elf32(&w);
	check_loaded();
	CHECK_STR(w.start.protocol, "PVH, ELF32");
}

static void modules(void)
{
	static uint8_t a[5000], b[100];
	uint64_t list;

	memset(a, 1, sizeof(a));
	memset(b, 2, sizeof(b));
	world_elf64(&w);
	w.req.initrd = (struct load_file){ a, sizeof(a), "a", NULL };
	w.req.module[0] = (struct load_file){ b, sizeof(b), "b", NULL };
	w.req.modules = 1;
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_EQ(get(w.ram, LOAD_PVH_INFO + 12, 4), 2);
	list = get(w.ram, LOAD_PVH_INFO + 16, 8);
	CHECK_EQ(get(w.ram, list, 8), WORLD_RAM - 8192);
	CHECK_EQ(get(w.ram, list + 8, 8), 5000);
	CHECK_EQ(get(w.ram, list + 32, 8), WORLD_RAM - 8192 - 4096);
	CHECK_EQ(w.ram[WORLD_RAM - 8192 - 4096], 2);
	w.req.initrd.data = NULL;
	w.req.modules = 0;
}

static void note_8_aligned(void)
{
	world_elf64(&w);
	put(w.file, 120 + 48, 8, 8);
	put(w.file, 120 + 32, 8, 24);
	put(w.file, 0x204, 4, 8);
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_EQ(w.start.rip, 0x200010);
}

static void second_note(void)
{
	world_elf64(&w);
	/* Another note first, with a name of its own and an odd length. */
	memmove(w.file + 0x218, w.file + 0x200, 20);
	put(w.file, 120 + 32, 8, 0x18 + 20);
	put(w.file, 0x200, 4, 4);
	put(w.file, 0x204, 4, 5);
	put(w.file, 0x208, 4, 3);
	memcpy(w.file + 0x20c, "GNU", 4);
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_EQ(w.start.rip, 0x200010);
}

static void refusals(void)
{
	refuse(5, 1, 2, "little-endian");
	refuse(4, 1, 3, "little-endian");
	refuse(18, 2, 40, "machine 40");
	refuse(56, 2, 0, "program headers");
	refuse(56, 2, 65, "program headers");
	refuse(54, 2, 8, "program headers");
	refuse(32, 8, 0xffffffffffffff00, "truncated");
	refuse(32, 8, 0x1ff0, "truncated");
	refuse(64 + 8, 8, 0xfffffffffffff000, "truncated");
	refuse(64 + 32, 8, 0x1001, "truncated");
	refuse(64 + 40, 8, 0xfff, "more bytes in the file");
	refuse(64 + 24, 8, 0x1000, "is not in memory");
	refuse(64 + 24, 8, WORLD_RAM - 0x1000, "is not in memory");
	refuse(64 + 24, 8, 0xffffffffffff0000, "is not in memory");
	refuse(64 + 40, 8, 0xffffffffffffffff, "is not in memory");
	refuse(0x208, 4, 17, "without a PVH entry note");
	refuse(0x20c, 4, 0, "without a PVH entry note");
	refuse(0x204, 4, 0xffffffff, "without a PVH entry note");
	refuse(0x200, 4, 0xffffffff, "without a PVH entry note");
	refuse(0x210, 4, 0x202000, "in no segment");
	refuse(120 + 8, 8, 0x1fff, "truncated");
}

static void truncated_file(void)
{
	world_elf64(&w);
	for (uint64_t n = w.req.kernel.bytes - 1; n > 0; n -= n > 300 ? 97 : 1) {
		w.req.kernel.bytes = n;
		CHECK(load_guest(&w.req, &w.start, w.why) < 0);
	}
}

int main(void)
{
	world_init(&w);
	RUN(loads_elf64);
	RUN(loads_elf32);
	RUN(modules);
	RUN(note_8_aligned);
	RUN(second_note);
	RUN(refusals);
	RUN(truncated_file);
	world_fini(&w);
	return unit_status();
}
