/* SPDX-License-Identifier: GPL-2.0-only */
/* The multiboot loader: made-up ELF and flat files, whole and broken, and modules. */
/* sources: guests/load/guest.c guests/load/load.c guests/load/linux.c guests/load/elf.c guests/load/pvh.c guests/load/multiboot.c lib/format.c */
#include "tests/unit/unit.h"
#include "kernel/abi/status.h"
#include "tests/unit/load_world.h"

static struct world w;
static uint8_t blob[10000];

static void refuse_elf(unsigned at, unsigned bytes, uint64_t value, const char *words)
{
	world_multiboot_elf(&w);
	put(w.file, at, bytes, value);
	CHECK(load_guest(&w.req, &w.start, w.why) < 0);
	if (!strstr(w.why, words))
		printf("     says: %s\n", w.why);
	CHECK(strstr(w.why, words) != NULL);
}

static void refuse_flat(unsigned at, uint64_t value, const char *words)
{
	world_multiboot_flat(&w);
	put(w.file, at, 4, value);
	CHECK(load_guest(&w.req, &w.start, w.why) < 0);
	if (!strstr(w.why, words))
		printf("     says: %s\n", w.why);
	CHECK(strstr(w.why, words) != NULL);
}

static const uint8_t *info(void)
{
	return w.ram + LOAD_MULTIBOOT_INFO;
}

static const char *string_at(uint64_t at)
{
	return (const char *)w.ram + at;
}

static void check_info(void)
{
	uint64_t map = get(info(), 48, 4), end = map + get(info(), 44, 4), usable = 0;

	CHECK_EQ(w.start.mode, LOAD_PROT32);
	CHECK_EQ(w.start.rax, 0x2badb002);
	CHECK_EQ(w.start.rbx, LOAD_MULTIBOOT_INFO);
	CHECK_EQ(get(info(), 0, 4), 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
	CHECK_EQ(get(info(), 4, 4), 639);
	CHECK_EQ(get(info(), 8, 4), (WORLD_RAM >> 10) - 1024);
	CHECK_STR(string_at(get(info(), 16, 4)), "kernel console=ttyS0");
	CHECK_STR(string_at(get(info(), 64, 4)), "Bulkhead");
	CHECK_EQ(get(info(), 20, 4), 0);
	CHECK_EQ((end - map) % 24, 0);
	for (; map < end; map += 24) {
		CHECK_EQ(get(w.ram, map, 4), 20);
		if (get(w.ram, map + 20, 4) == 1)
			usable += get(w.ram, map + 12, 8);
	}
	CHECK_EQ(usable, LOAD_BASE_END + WORLD_RAM - LOAD_HIGH_START);
	CHECK_EQ(get(w.ram, LOAD_GDT + LOAD_SEL_CODE, 8), 0x00cf9b000000ffff);
}

static void loads_elf32(void)
{
	world_multiboot_elf(&w);
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_STR(w.start.protocol, "multiboot, ELF32");
	CHECK_EQ(w.start.rip, 0x200010); /* the ELF says 0xc0200010 */
	CHECK(memcmp(w.ram + 0x200000, w.file + 0x1000, 0x1000) == 0);
	check_info();
}

static void loads_elf64(void)
{
	world_multiboot_elf64(&w);
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_STR(w.start.protocol, "multiboot, ELF64");
	CHECK_EQ(w.start.rip, 0x200010);
	check_info();
}

static void loads_flat(void)
{
	world_multiboot_flat(&w);
	memset(w.ram + 0x105000, 0xee, 0x2000);
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_STR(w.start.protocol, "multiboot, flat");
	CHECK_EQ(w.start.rip, 0x100040);
	CHECK(memcmp(w.ram + 0x100000, w.file + 0x100, 0x5000) == 0);
	CHECK_EQ(w.ram[0x105000], 0);
	CHECK_EQ(w.ram[0x106fff], 0); /* bss_end_addr is 0x107000 */
	check_info();
	world_multiboot_flat(&w);
	put(w.file, 0x200 + 20, 4, 0); /* load_end_addr 0: to the end of the file */
	put(w.file, 0x200 + 24, 4, 0); /* bss_end_addr 0: none */
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK(memcmp(w.ram + 0x100000, w.file + 0x100, w.req.kernel.bytes - 0x100) == 0);
}

static void header_comes_first(void)
{
	/* An ELF file with a PVH note and a multiboot header is a multiboot kernel, as for QEMU. */
	world_elf64(&w);
	world_multiboot_header(&w, 0x400, 3);
	put(w.file, 24, 8, 0x200020); /* its PVH entry is 0x200010 */
	put(w.file, 64 + 16, 8, 0x200000);
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_EQ(w.start.rip, 0x200020);
	put(w.file, 0x408, 4, 0); /* a bad checksum: no header */
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_STR(w.start.protocol, "PVH, ELF64");
	/* At the last place where it may be, and behind it. */
	world_multiboot_elf(&w);
	w.req.kernel.bytes = 0x3000;
	memset(w.file + 0x100, 0, 12);
	world_multiboot_header(&w, 8192 - 12, 3);
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	memset(w.file + 8192 - 12, 0, 12);
	world_multiboot_header(&w, 8192 - 8, 3);
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_STR(w.start.protocol, "PVH, ELF32");
}

static void modules(void)
{
	uint64_t list;

	for (unsigned i = 0; i < sizeof(blob); i++)
		blob[i] = (uint8_t)(i * 3 + 1);
	world_multiboot_elf(&w);
	w.req.initrd = (struct load_file){ blob, 5000, "initrd", NULL };
	w.req.module[0] = (struct load_file){ blob + 1, 4096, "a/mod", "one two=3" };
	w.req.module[1] = (struct load_file){ blob + 2, 1, "b", NULL };
	w.req.modules = 2;
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_EQ(get(info(), 20, 4), 3);
	list = get(info(), 24, 4);
	CHECK_EQ(get(w.ram, list, 4), 0x202000); /* behind the kernel's bss */
	CHECK_EQ(get(w.ram, list + 4, 4), 0x202000 + 5000);
	CHECK_STR(string_at(get(w.ram, list + 8, 4)), "initrd");
	CHECK_EQ(get(w.ram, list + 16, 4), 0x204000);
	CHECK_EQ(get(w.ram, list + 20, 4), 0x205000);
	CHECK_STR(string_at(get(w.ram, list + 24, 4)), "a/mod one two=3");
	CHECK_EQ(get(w.ram, list + 32, 4), 0x205000);
	CHECK_EQ(get(w.ram, list + 36, 4), 0x205001);
	CHECK_STR(string_at(get(w.ram, list + 40, 4)), "b");
	CHECK(memcmp(w.ram + 0x202000, blob, 5000) == 0);
	CHECK(memcmp(w.ram + 0x204000, blob + 1, 4096) == 0);
	CHECK_EQ(w.ram[0x205000], blob[2]);
	w.req.initrd.data = NULL;
	w.req.modules = 0;
}

static void modules_that_do_not_fit(void)
{
	static char args[0x4000];

	world_multiboot_elf(&w);
	w.req.low_bytes = 0x204000;
	w.req.module[0] = (struct load_file){ blob, 8192, "big", NULL };
	w.req.modules = 1;
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0); /* to the last byte */
	w.req.module[0].bytes = 8193;
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), E_RANGE);
	CHECK(strstr(w.why, "module 'big' of 8193 bytes does not fit: free is 0x202000") != NULL);
	w.req.low_bytes = WORLD_RAM;
	memset(args, 'x', sizeof(args) - 1);
	w.req.module[0].args = args;
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), E_RANGE);
	CHECK(strstr(w.why, "arguments are longer") != NULL);
	w.req.module[0] = (struct load_file){ blob, 10, "m", NULL };
	world_linux(&w);
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), E_UNSUPPORTED);
	CHECK(strstr(w.why, "takes an initrd, no modules") != NULL);
	w.req.modules = 0;
}

static void as_many_as_there_may_be(void)
{
	world_multiboot_elf(&w);
	w.req.initrd = (struct load_file){ blob, 1, "i", NULL };
	w.req.modules = LOAD_MODULES_MAX;
	for (unsigned i = 0; i < LOAD_MODULES_MAX; i++)
		w.req.module[i] = (struct load_file){ blob + i, 1, "m", NULL };
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_EQ(get(info(), 20, 4), LOAD_MODULES_MAX + 1);
	CHECK(get(info(), 24, 4) + (LOAD_MODULES_MAX + 1) * 16 <= get(info(), 48, 4));
	w.req.initrd.data = NULL;
	w.req.modules = 0;
}

static void text_mode(void)
{
	world_multiboot_elf(&w);
	world_multiboot_header(&w, 0x100, 7);
	put(w.file, 0x120, 4, 1);
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_EQ(get(info(), 0, 4) >> 11, 2); /* a frame buffer, no VBE */
	CHECK_EQ(get(info(), 88, 8), 0xb8000);
	CHECK_EQ(get(info(), 109, 1), 2);
	put(w.file, 0x120, 4, 0);
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), E_UNSUPPORTED);
	CHECK(strstr(w.why, "demands a graphics mode") != NULL);
}

static void refusals(void)
{
	for (unsigned bit = 3; bit < 16; bit++) {
		char words[64];

		world_multiboot_elf(&w);
		world_multiboot_header(&w, 0x100, 3 | 1u << bit);
		snprintf(words, sizeof(words), "demands unknown features 0x%x", 1u << bit);
		CHECK_EQ(load_guest(&w.req, &w.start, w.why), E_UNSUPPORTED);
		CHECK(strstr(w.why, words) != NULL);
	}
	world_multiboot_elf(&w);
	world_multiboot_header(&w, 0x100, 3 | 1u << 20); /* not a demand */
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	refuse_elf(18, 2, 40, "machine 40");
	refuse_elf(0, 1, 0, "not a little-endian ELF file");
	refuse_elf(24, 4, 0x200010, "entry 0x200010 is in no segment");
	refuse_elf(24, 4, 0xc0202000, "is in no segment");
	refuse_elf(52 + 12, 4, 0x1000, "is not in memory");
	refuse_elf(52 + 12, 4, WORLD_RAM - 0x1000, "is not in memory");
	refuse_elf(52 + 16, 4, 0xffffffff, "truncated");
	refuse_elf(52 + 20, 4, 0xffffffff, "is not in memory");
}

static void flat_refusals(void)
{
	refuse_flat(0x200 + 12, 0x0ff000, "do not agree"); /* the header before the start */
	refuse_flat(0x200 + 12, 0x100201, "do not agree"); /* the start before the file's */
	refuse_flat(0x200 + 16, 0x0ffe00, "do not agree");
	refuse_flat(0x200 + 20, 0x0fffff, "load_end_addr");
	refuse_flat(0x200 + 20, 0x105f01, "load_end_addr");
	refuse_flat(0x200 + 24, 0x104fff, "bss_end_addr");
	refuse_flat(0x200 + 24, WORLD_RAM + 1, "is not in memory");
	refuse_flat(0x200 + 24, 0xffffffff, "is not in memory");
	refuse_flat(0x200 + 28, 0x0fffff, "entry_addr");
	refuse_flat(0x200 + 28, 0x107000, "entry_addr");
	world_multiboot_flat(&w);
	put(w.file, 0x200 + 12, 4, 0x90100); /* below 1 MiB */
	put(w.file, 0x200 + 16, 4, 0x90000);
	put(w.file, 0x200 + 20, 4, 0);
	CHECK(load_guest(&w.req, &w.start, w.why) < 0);
	CHECK(strstr(w.why, "is not in memory") != NULL);
	world_multiboot_flat(&w);
	w.req.kernel.bytes = 0x200 + 31;
	CHECK(load_guest(&w.req, &w.start, w.why) < 0);
	CHECK(strstr(w.why, "has no addresses") != NULL);
}

static void truncated_files(void)
{
	world_multiboot_elf(&w);
	for (uint64_t n = w.req.kernel.bytes - 1; n > 0; n -= n > 600 ? 97 : 1) {
		uint8_t *exact = malloc(n); /* ASan sees a byte too many */

		memcpy(exact, w.file, n);
		w.req.kernel = (struct load_file){ exact, n, "kernel", NULL };
		CHECK(load_guest(&w.req, &w.start, w.why) < 0);
		free(exact);
	}
	w.req.kernel.data = w.file;
}

int main(void)
{
	world_init(&w);
	RUN(loads_elf32);
	RUN(loads_elf64);
	RUN(loads_flat);
	RUN(header_comes_first);
	RUN(modules);
	RUN(modules_that_do_not_fit);
	RUN(as_many_as_there_may_be);
	RUN(text_mode);
	RUN(refusals);
	RUN(flat_refusals);
	RUN(truncated_files);
	world_fini(&w);
	return unit_status();
}
