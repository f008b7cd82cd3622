/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: tests/unit/multiboot2_map.c boot/multiboot2.c boot/memmap.c lib/text.c */
/*
 * The multiboot2 parser: right input, and every length that can be wrong. The memory map: multiboot2_map.c.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "boot/multiboot2.h"
#include "tests/unit/multiboot2.h"

static uint8_t room[8192] __attribute__((aligned(8)));
static size_t used;
static uintptr_t parsed_at; /* where the last structure lay */
static const char *why;

static void put(const void *data, size_t n)
{
	memcpy(room + used, data, n);
	used += n;
}

static void put32(uint32_t v)
{
	put(&v, 4);
}

static void tag(uint32_t type, uint32_t size)
{
	used = (used + 7) / 8 * 8;
	put32(type);
	put32(size);
}

static void tag_text(uint32_t type, const char *text)
{
	tag(type, (uint32_t)(8 + strlen(text) + 1));
	put(text, strlen(text) + 1);
}

static void tag_module(uint32_t start, uint32_t end, const char *text)
{
	tag(3, (uint32_t)(16 + strlen(text) + 1));
	put32(start);
	put32(end);
	put(text, strlen(text) + 1);
}

static void tag_map(void)
{
	static const struct {
		uint64_t base, size;
		uint32_t type, zero;
	} e[] = {
		{ 0x100000, 0x7f00000, 1, 0 }, { 0, 0x9fc00, 1, 0 },
		{ 0x9fc00, 0x400, 2, 0 },      { 0x8000000, 0x10000, 3, 0 },
		{ 0x8010000, 0x1000, 4, 0 },   { 0x8020000, 0x1000, 5, 0 },
		{ 0x8030000, 0x1000, 77, 0 },
	};

	tag(6, 16 + sizeof(e));
	put32(24);
	put32(0);
	put(e, sizeof(e));
}

static void start(void)
{
	memset(room, 0xa5, sizeof(room));
	memset(&b, 0, sizeof(b));
	used = 8;
}

/* Ends the structure and parses it, from memory of exactly its size. */
static int finish_max(size_t max)
{
	uint32_t total, zero = 0;
	uint8_t *copy;
	int status;

	tag(0, 8);
	total = (uint32_t)used;
	memcpy(room, &total, 4);
	memcpy(room + 4, &zero, 4);
	if (max > used)
		max = used;
	copy = malloc(max);
	memcpy(copy, room, max);
	why = "unset";
	parsed_at = (uintptr_t)copy;
	status = multiboot2_parse(copy, max, &b, &why);
	free(copy);
	return status;
}

static int finish(void)
{
	return finish_max(sizeof(room));
}

static void everything(void)
{
	static const uint8_t fb[] = { 0, 0,  0, 0xfd, 0, 0,  0, 0, 0, 20, 0, 0, 0, 5, 0,
				      0, 32, 3, 0,    0, 32, 1, 0, 0, 16, 8, 8, 8, 0, 8 };

	start();
	tag_text(1, "com1=0x2f8 \\\"x\\\" it\\'s a\\\\b");
	tag_text(2, "GRUB 2.06");
	tag_module(0x200000, 0x201234, "manager.elf crc32=89abCDEF");
	tag_module(0x203000, 0x203000, "guests/vmlinuz");
	tag_map();
	tag(8, 8 + sizeof(fb));
	put(fb, sizeof(fb));
	tag(14, 8 + 20);
	put("RSD PTR 000000000000", 20);
	tag(200, 11); /* unknown, odd size */
	put("abc", 3);
	b.kernel_base = 0x300000;
	b.kernel_size = 0x5000;
	CHECK_EQ(finish(), 0);
	CHECK(why == NULL);
	CHECK_EQ(b.magic, BOOTINFO_MAGIC);
	CHECK_EQ(b.version, BOOTINFO_VERSION);
	CHECK_EQ(b.size, sizeof(b));
	CHECK_STR(b.cmdline, "com1=0x2f8 \"x\" it's a\\b");
	CHECK_STR(b.loader, "GRUB 2.06");
	CHECK_EQ(b.module_count, 2);
	CHECK_STR(b.module[0].name, "manager.elf");
	CHECK_EQ(b.module[0].base, 0x200000);
	CHECK_EQ(b.module[0].size, 0x1234);
	CHECK_EQ(b.module[0].has_crc, 1);
	CHECK_EQ(b.module[0].crc32, 0x89abcdef);
	CHECK_STR(b.module[1].name, "guests/vmlinuz");
	CHECK_EQ(b.module[1].size, 0);
	CHECK_EQ(b.module[1].has_crc, 0);
	CHECK_STR(map_text(), "0-9f:1 9f-a0:2 100-200:1 200-202:8 202-300:1 300-305:8 305-8000:1 "
			      "8000-8010:3 8010-8011:4 8020-8021:5 8030-8031:2");
	CHECK_EQ(b.fb.base, 0xfd000000);
	CHECK_EQ(b.fb.pitch, 5120);
	CHECK_EQ(b.fb.width, 1280);
	CHECK_EQ(b.fb.height, 800);
	CHECK_EQ(b.fb.bpp, 32);
	CHECK_EQ(b.fb.is_text, 0);
	CHECK_EQ(b.fb.red_shift, 16);
	CHECK_EQ(b.fb.green_bits, 8);
	CHECK_EQ(b.kernel_base, 0x300000);
	CHECK(b.rsdp != 0);
}

/* The new tag's copy is taken, first or last; the old one's only when it is alone. */
static void rsdp_newer_wins(void)
{
	uint8_t acpi[36] = { 0 };
	size_t at;

	for (int newer_first = 0; newer_first < 2; newer_first++) {
		start();
		tag_map();
		if (!newer_first) {
			tag(14, 8 + 20);
			put(acpi, 20);
		}
		tag(15, 8 + 36);
		at = used;
		put(acpi, 36);
		if (newer_first) {
			tag(14, 8 + 20);
			put(acpi, 20);
		}
		CHECK_EQ(finish(), 0);
		CHECK_EQ(b.rsdp, parsed_at + at);
	}
	start();
	tag(14, 8 + 20);
	at = used;
	put(acpi, 20);
	tag_map();
	CHECK_EQ(finish(), 0);
	CHECK_EQ(b.rsdp, parsed_at + at);
}

static void text_screen(void)
{
	static const uint8_t fb[] = { 0,  0x80, 0xb, 0, 0,  0, 0, 0, 160, 0, 0, 0,
				      80, 0,    0,   0, 25, 0, 0, 0, 16,  2, 0, 0 };

	start();
	tag_map();
	tag(8, 8 + sizeof(fb));
	put(fb, sizeof(fb));
	CHECK_EQ(finish(), 0);
	CHECK_EQ(b.fb.is_text, 1);
	CHECK_EQ(b.fb.base, 0xb8000);
	CHECK_EQ(b.fb.width, 80);
}

#define FAILS(words)                                      \
	do {                                              \
		CHECK_EQ(finish(), -1);                   \
		CHECK(why != NULL && strstr(why, words)); \
	} while (0)

static void bad_lengths(void)
{
	uint64_t tiny[2] = { 0, 0 };

	start();
	FAILS("no memory map");
	start();
	tag_map();
	tag(1, 7); /* shorter than its own header */
	FAILS("longer than what holds it");
	start();
	tag_map();
	tag(1, 4000);
	FAILS("longer than what holds it");
	start();
	tag_map();
	tag(1, 0xffffffff);
	FAILS("longer than what holds it");
	start();
	tag_map();
	CHECK_EQ(finish_max(used - 16), -1);
	CHECK(strstr(why, "length is impossible") != NULL);
	memcpy(tiny, "\x0f\0\0\0", 4);
	CHECK_EQ(multiboot2_parse(tiny, 16, &b, &why), -1);
	CHECK_EQ(multiboot2_parse((uint8_t *)tiny + 4, 16, &b, &why), -1);
	memcpy(tiny, "\x10\0\0\0", 4); /* a tag of type 0 and size 0 is no end tag */
	CHECK_EQ(multiboot2_parse(tiny, 16, &b, &why), -1);
}

static void bad_tags(void)
{
	start();
	tag_map();
	tag(1, 10); /* text without its end */
	put("ab", 2);
	FAILS("command line");
	start();
	tag_map();
	tag(3, 16);
	put32(0);
	put32(0);
	FAILS("too short");
	start();
	tag_map();
	tag_module(0x2000, 0x1000, "x");
	FAILS("ends before");
	start();
	tag_map();
	tag_module(0x1001, 0x2000, "x");
	FAILS("page boundary");
	start();
	tag_map();
	tag_module(0x1000, 0x2000, "");
	FAILS("no name");
	start();
	tag_map();
	tag_module(0x1000, 0x2000, "x crc32=1234");
	FAILS("eight hexadecimal");
	start();
	tag_map();
	tag_module(0x1000, 0x2000, "x crc32=123456789");
	FAILS("eight hexadecimal");
	start();
	tag(6, 12);
	put32(24);
	FAILS("malformed");
	start();
	tag(6, 16);
	put32(20);
	put32(0);
	FAILS("malformed");
	start();
	tag_map();
	tag_map();
	FAILS("two memory maps");
	start();
	tag_map();
	tag(8, 20);
	put("0123456789ab", 12);
	FAILS("framebuffer");
	start();
	tag_map();
	tag(14, 20);
	put("0123456789ab", 12);
	FAILS("ACPI");
}

static void long_names(void)
{
	char text[1200];

	memset(text, 'x', sizeof(text));
	text[BOOTINFO_NAME_MAX - 1] = '\0';
	start();
	tag_map();
	tag_module(0x1000, 0x2000, text);
	CHECK_EQ(finish(), 0);
	CHECK_EQ(strlen(b.module[0].name), BOOTINFO_NAME_MAX - 1);
	text[BOOTINFO_NAME_MAX - 1] = 'x';
	text[BOOTINFO_NAME_MAX] = '\0';
	start();
	tag_map();
	tag_module(0x1000, 0x2000, text);
	FAILS("name is too long");
	memset(text, 'x', sizeof(text));
	text[BOOTINFO_CMDLINE_MAX] = '\0';
	start();
	tag_map();
	tag_text(1, text);
	FAILS("command line is too long");
	text[BOOTINFO_CMDLINE_MAX - 1] = '\0';
	start();
	tag_map();
	tag_text(1, text);
	CHECK_EQ(finish(), 0);
	start();
	tag_map();
	text[200] = '\0';
	tag_text(2, text); /* the loader's name is only for the log: it is cut */
	CHECK_EQ(finish(), 0);
	CHECK_EQ(strlen(b.loader), sizeof(b.loader) - 1);
}

static void many_modules(void)
{
	start();
	tag_map();
	for (int i = 0; i < BOOTINFO_MODULE_MAX; i++)
		tag_module(0x100000, 0x101000, "m");
	CHECK_EQ(finish(), 0);
	CHECK_EQ(b.module_count, BOOTINFO_MODULE_MAX);
	start();
	tag_map();
	for (int i = 0; i <= BOOTINFO_MODULE_MAX; i++)
		tag_module(0x100000, 0x101000, "m");
	FAILS("more modules than 64");
}

/*
 * Every truncation of a good structure, and every byte of it damaged: an answer, never a bad read.
 */
static void damage(void)
{
	uint8_t good[1024] __attribute__((aligned(8)));
	size_t n;

	start();
	tag_text(1, "hello");
	tag_module(0x200000, 0x201234, "manager.elf crc32=89abcdef");
	tag_map();
	CHECK_EQ(finish(), 0);
	n = used;
	memcpy(good, room, n);
	for (size_t i = 16; i < n; i++) {
		uint8_t *copy = malloc(i);
		uint32_t total = (uint32_t)i;

		memcpy(copy, good, i);
		memcpy(copy, &total, 4);
		CHECK_EQ(multiboot2_parse(copy, i, &b, &why), -1);
		free(copy);
	}
	for (size_t i = 0; i < n * 4; i++) {
		static const uint8_t flip[] = { 0xff, 0x80, 0x01, 0x10 };
		uint8_t *copy = malloc(n);

		memcpy(copy, good, n);
		copy[i / 4] ^= flip[i % 4];
		(void)multiboot2_parse(copy, n, &b, &why);
		free(copy);
	}
}

int main(void)
{
	map_cases();
	RUN(everything);
	RUN(rsdp_newer_wins);
	RUN(text_screen);
	RUN(bad_lengths);
	RUN(bad_tags);
	RUN(long_names);
	RUN(many_modules);
	RUN(damage);
	return unit_status();
}
