/* SPDX-License-Identifier: GPL-2.0-only */
/* The Linux loader: a made-up bzImage, whole and broken in each way that the loader names. */
/* sources: guests/load/guest.c guests/load/load.c guests/load/linux.c guests/load/elf.c guests/load/pvh.c guests/load/multiboot.c lib/format.c */
#include "tests/unit/unit.h"
#include "kernel/abi/status.h"
#include "tests/unit/load_world.h"

static struct world w;

/* Breaks one field; the loader must refuse, and say `words`. */
static void refuse(unsigned at, unsigned bytes, uint64_t value, const char *words)
{
	world_linux(&w);
	put(w.file, at, bytes, value);
	CHECK(load_guest(&w.req, &w.start, w.why) < 0);
	if (!strstr(w.why, words))
		printf("     says: %s\n", w.why);
	CHECK(strstr(w.why, words) != NULL);
}

static void loads_64(void)
{
	const uint8_t *zp = w.ram + LOAD_ZERO_PAGE;

	world_linux(&w);
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_EQ(w.start.mode, LOAD_LONG64);
	CHECK_EQ(w.start.rip, 0x1000200);
	CHECK_EQ(w.start.rsi, LOAD_ZERO_PAGE);
	CHECK(memcmp(w.ram + 0x1000000, w.file + 5 * 512, 16384) == 0);
	CHECK_EQ(get(zp, 0x210, 1), 0xff);
	CHECK_EQ(get(zp, 0x228, 4), LOAD_CMDLINE);
	CHECK_STR((char *)w.ram + LOAD_CMDLINE, "console=ttyS0");
	CHECK_EQ(get(zp, 0x218, 4), 0);
	CHECK_EQ(get(zp, 0x206, 2), 0x20f);
}

/* Long mode at once: the tables must map what the kernel touches first. */
static void identity_tables(void)
{
	uint64_t pml4, pdpt, pd;

	world_linux(&w);
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	for (uint64_t at = 0; at < 1ULL << 32; at += 0x12345678) {
		pml4 = get(w.ram, LOAD_PAGE_TABLES, 8);
		pdpt = get(w.ram, (pml4 & ~0xfffULL) + (at >> 30) * 8, 8);
		pd = get(w.ram, (pdpt & ~0xfffULL) + (at >> 21 & 511) * 8, 8);
		CHECK((pml4 & 3) == 3 && (pdpt & 3) == 3 && (pd & 0x83) == 0x83);
		CHECK_EQ(pd & ~0xfffULL, at & ~0x1fffffULL);
	}
	CHECK_EQ(get(w.ram, LOAD_GDT + LOAD_SEL_CODE, 8) >> 53 & 1, 1); /* 64-bit code */
}

static void e820(void)
{
	const uint8_t *zp = w.ram + LOAD_ZERO_PAGE;
	uint64_t usable = 0;
	unsigned n;

	world_linux(&w);
	w.req.high_bytes = 1ULL << 30;
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	n = (unsigned)get(zp, 0x1e8, 1);
	CHECK(n > 3 && n <= LOAD_MAP_MAX);
	for (unsigned i = 0; i < n; i++) {
		uint64_t base = get(zp, 0x2d0 + i * 20, 8), size = get(zp, 0x2d8 + i * 20, 8);

		if (i > 0)
			CHECK(base >= get(zp, 0x2d0 + (i - 1) * 20, 8) + get(zp, 0x2d8 + (i - 1) * 20, 8));
		if (get(zp, 0x2e0 + i * 20, 4) == 1)
			usable += size;
	}
	CHECK_EQ(usable, LOAD_BASE_END + WORLD_RAM - LOAD_HIGH_START + (1ULL << 30));
	w.req.high_bytes = 0;
}

static void loads_32(void)
{
	world_linux(&w);
	put(w.file, 0x236, 2, 0); /* no 64-bit entry */
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_EQ(w.start.mode, LOAD_PROT32);
	CHECK_EQ(w.start.rip, 0x1000000);
}

static void initrd_high(void)
{
	static uint8_t initrd[5000];
	uint64_t at;

	memset(initrd, 0xa5, sizeof(initrd));
	world_linux(&w);
	w.req.initrd = (struct load_file){ initrd, sizeof(initrd), "initrd", NULL };
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	at = get(w.ram, LOAD_ZERO_PAGE + 0x218, 4);
	CHECK_EQ(at, WORLD_RAM - 8192);
	CHECK_EQ(get(w.ram, LOAD_ZERO_PAGE + 0x21c, 4), 5000);
	CHECK(memcmp(w.ram + at, initrd, sizeof(initrd)) == 0);
	/* Below the kernel's limit. */
	put(w.file, 0x22c, 4, 0x2ffffff);
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_EQ(get(w.ram, LOAD_ZERO_PAGE + 0x218, 4), 0x3000000 - 8192);
	/* Not below its end. */
	put(w.file, 0x22c, 4, 0x10fffff);
	CHECK(load_guest(&w.req, &w.start, w.why) == E_RANGE);
	CHECK(strstr(w.why, "does not fit"));
	w.req.initrd.data = NULL;
}

static void rsdp_pointer(void)
{
	world_linux(&w);
	w.req.rsdp = 0xe0000;
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_EQ(get(w.ram, LOAD_ZERO_PAGE + 0x70, 8), 0xe0000);
	w.req.rsdp = 0;
}

static void refusals(void)
{
	refuse(0x1fe, 2, 0, "neither a Linux bzImage nor a multiboot");
	refuse(0x202, 4, 0, "neither a Linux bzImage nor a multiboot");
	refuse(0x206, 2, 0x204, "2.04");
	refuse(0x211, 1, 0, "zImage");
	refuse(0x201, 1, 0x20, "byte 0x201");
	refuse(0x201, 1, 0xff, "byte 0x201");
	refuse(0x1f1, 1, 64, "truncated");
	refuse(0x1f4, 4, 0xffffffff, "truncated");
	refuse(0x1f4, 4, 16384 / 16 + 1, "truncated");
	refuse(0x230, 4, 0x300000, "power of two");
	refuse(0x230, 4, 0, "power of two");
	refuse(0x258, 8, 0x1000, "preferred address");
	refuse(0x258, 8, 0xfffffffffffff000, "preferred address");
	refuse(0x260, 4, 0xffffffff, "low memory ends");
	refuse(0x248, 4, 0x5000, "truncated");
	refuse(0x24c, 4, 0xffffffff, "truncated");
	refuse(0x238, 4, 5, "command line");
}

static void truncated_file(void)
{
	/* A file of every length is refused, but the whole one, less what rounds up to 16. */
	world_linux(&w);
	for (uint64_t n = w.req.kernel.bytes - 16; n > 0; n -= n > 700 ? 333 : 1) {
		w.req.kernel.bytes = n;
		CHECK(load_guest(&w.req, &w.start, w.why) < 0);
	}
}

static void small_memory(void)
{
	world_linux(&w);
	w.req.low_bytes = 8 << 20;
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), E_RANGE);
	CHECK(strstr(w.why, "ends at 0x800000"));
	w.req.low_bytes = 1 << 20;
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), E_RANGE);
	w.req.low_bytes = WORLD_RAM;
}

static void long_cmdline(void)
{
	static char line[70000];

	world_linux(&w);
	memset(line, 'x', sizeof(line) - 1);
	put(w.file, 0x238, 4, 0xffffffff);
	w.req.cmdline = line;
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), E_RANGE);
	line[LOAD_CMDLINE_MAX - 1] = '\0';
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	w.req.cmdline = NULL;
	CHECK_EQ(load_guest(&w.req, &w.start, w.why), 0);
	CHECK_EQ(w.ram[LOAD_CMDLINE], 0);
	w.req.cmdline = "console=ttyS0";
}

static void bios_data(void)
{
	memset(w.ram, 0xee, 1 << 20);
	load_bios_data(w.ram);
	for (unsigned v = 0; v < 256; v++) { /* each vector ends in an IRET in the ROM */
		uint64_t at = get(w.ram, v * 4, 2) + (get(w.ram, v * 4 + 2, 2) << 4);

		CHECK(at >= LOAD_BIOS_STUBS && at + 16 <= LOAD_HIGH_START);
		CHECK(memchr(w.ram + at, 0xcf, 16) != NULL);
	}
	CHECK_EQ(get(w.ram, get(w.ram, 0x12 * 4, 2) + 0xf0000, 4), 0xcf027fb8); /* mov ax, 639 */
	CHECK_EQ(get(w.ram, 0x400, 2), 0x3f8);
	CHECK_EQ(get(w.ram, 0x40e, 2) << 4, LOAD_BASE_END);
	CHECK_EQ(get(w.ram, 0x413, 2) << 10, LOAD_BASE_END);
	CHECK_EQ(get(w.ram, LOAD_BASE_END, 1), 1);
	CHECK_EQ(get(w.ram, 0x449, 1), 3);
	CHECK_EQ(get(w.ram, 0x463, 2), 0x3d4);
	CHECK_EQ(get(w.ram, 0xfff, 1), 0);
	CHECK_EQ(get(w.ram, 0x1000, 1), 0xee);
}

int main(void)
{
	world_init(&w);
	RUN(loads_64);
	RUN(identity_tables);
	RUN(e820);
	RUN(loads_32);
	RUN(initrd_high);
	RUN(rsdp_pointer);
	RUN(refusals);
	RUN(truncated_file);
	RUN(small_memory);
	RUN(long_cmdline);
	RUN(bios_data);
	world_fini(&w);
	return unit_status();
}
