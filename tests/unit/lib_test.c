/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: lib/format.c lib/text.c lib/crc32.c lib/ring.c */
/* The shared helpers: formatting, numbers, options, CRC, rings, lists, bitmaps. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include "lib/bitmap.h"
#include "lib/crc32.h"
#include "lib/format.h"
#include "lib/list.h"
#include "lib/ring.h"
#include "lib/text.h"

#define AS_LIBC(fmt, ...)                                                                          \
	do {                                                                                       \
		char ours[128], theirs[128];                                                       \
		int a = format(ours, sizeof(ours), fmt, __VA_ARGS__);                              \
		int b = snprintf(theirs, sizeof(theirs), fmt, __VA_ARGS__);                        \
		CHECK_STR(ours, theirs);                                                           \
		CHECK_EQ(a, b);                                                                    \
	} while (0)

static void format_agrees_with_libc(void)
{
	AS_LIBC("%d %i %u", -1, 42, 4294967295U);
	AS_LIBC("[%5d][%-5d][%05d]", 42, 42, -42);
	AS_LIBC("%x %X %#x", 0xabcU, 0xabcU, 0xabcU);
	AS_LIBC("%016lx %lu %ld", 0x123456789abcdefUL, ~0UL, -5L);
	AS_LIBC("%llx %zu %hhu %hd", ~0ULL, (size_t)7, 300 & 255, -3);
	AS_LIBC("%s|%10s|%-10s|%.3s|%.*s", "a", "b", "c", "defgh", 2, "ijk");
	AS_LIBC("%c%%%c", 'x', 'y');
	AS_LIBC("%*d|%.5u", 8, 77, 12U);
	AS_LIBC("%d", (int)0x80000000);
	AS_LIBC("%ld", (long)0x8000000000000000UL);
}

static void format_is_bounded(void)
{
	char b[4] = "zzz";

	CHECK_EQ(format(b, 4, "%s", "hello"), 5);
	CHECK_STR(b, "hel");
	CHECK_EQ(format(b, 1, "%d", 12), 2);
	CHECK_STR(b, "");
	CHECK_EQ(format(NULL, 0, "%d", 12), 2);
}

static void text_numbers(void)
{
	uint64_t v = 1;

	CHECK(text_number("512M", 4, true, &v) && v == 512ULL << 20);
	CHECK(text_number("0x10", 4, false, &v) && v == 16);
	CHECK(text_number("3G", 2, true, &v) && v == 3ULL << 30);
	CHECK(text_number("18446744073709551615", 20, false, &v) && v == UINT64_MAX);
	CHECK(!text_number("18446744073709551616", 20, false, &v));
	CHECK(!text_number("17179869184G", 12, true, &v));
	CHECK(!text_number("", 0, true, &v));
	CHECK(!text_number("M", 1, true, &v));
	CHECK(!text_number("12x", 3, true, &v));
	CHECK(!text_number("512M", 4, false, &v));
	CHECK(!text_number("0x", 2, false, &v));
	CHECK(!text_number("-1", 2, false, &v));
}

static void text_options(void)
{
	char v[8];

	CHECK(text_option("a=1 svm=-nrips quiet", "svm", v, sizeof(v)));
	CHECK_STR(v, "-nrips");
	CHECK(text_option("a=1 quiet", "quiet", v, sizeof(v)));
	CHECK_STR(v, "");
	CHECK(!text_option("aa=1 xsvm=2", "svm", v, sizeof(v)));
	CHECK(!text_option("svmx=1", "svm", v, sizeof(v)));
	CHECK(text_option("  k=123456789", "k", v, sizeof(v)));
	CHECK_STR(v, "1234567");
	CHECK(text_flag("+check", '+', "check") && text_flag("-a,-bc", '-', "bc") && text_flag("-a,-bc", '-', "a"));
	CHECK(!text_flag("-check", '+', "check") && !text_flag("-bcd,-b,bc,-", '-', "bc"));
	CHECK(!text_flag(NULL, '-', "check") && !text_flag("-,", '-', ""));
}

static uint32_t crc_bitwise(const uint8_t *p, size_t n)
{
	uint32_t c = ~0U;

	while (n-- > 0) {
		c ^= *p++;
		for (int i = 0; i < 8; i++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320U : 0);
	}
	return ~c;
}

static void crc32_matches_definition(void)
{
	uint8_t data[1021];

	CHECK_EQ(crc32_update(0, "123456789", 9), 0xcbf43926);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 37 + (i >> 3));
	for (size_t n = 0; n < sizeof(data); n += 13) {
		uint32_t split = crc32_update(crc32_update(0, data, n / 3), data + n / 3, n - n / 3);

		CHECK_EQ(crc32_update(0, data, n), crc_bitwise(data, n));
		CHECK_EQ(split, crc_bitwise(data, n));
	}
}

static void ring_carries_bytes_in_order(void)
{
	struct ring_page *page = calloc(1, sizeof(*page));
	struct ring_end producer = { .page = page }, consumer = { .page = page };
	uint8_t in = 0, out = 0, buf[600];
	size_t total = 0;

	for (size_t round = 0; round < 5000; round++) {
		size_t n = round * 7 % 601, got;

		for (size_t i = 0; i < n; i++)
			buf[i] = (uint8_t)(in + i);
		in = (uint8_t)(in + ring_put(&producer, buf, n));
		CHECK(ring_used(&consumer) + ring_room(&producer) == RING_BYTES);
		got = ring_take(&consumer, buf, round * 5 % 503);
		for (size_t i = 0; i < got; i++)
			CHECK_EQ(buf[i], out++);
		total += got;
	}
	CHECK(total > 100000);
	free(page);
}

static void ring_survives_hostile_indices(void)
{
	struct ring_page *page = calloc(1, sizeof(*page));
	struct ring_end producer = { .page = page }, consumer = { .page = page };
	uint8_t buf[64] = { 0 };

	for (uint32_t v = 0; v < 4000; v++) {
		page->head = v * 0x12345677U;
		page->tail = v * 0x9e3779b9U;
		CHECK(ring_used(&consumer) <= RING_BYTES && ring_room(&producer) <= RING_BYTES);
		CHECK(ring_take(&consumer, buf, sizeof(buf)) <= sizeof(buf));
		page->tail = v * 0x7f4a7c15U;
		CHECK(ring_put(&producer, buf, sizeof(buf)) <= sizeof(buf));
	}
	free(page);
}

struct item {
	struct list link;
	int value;
};

static void list_inserts_and_removes(void)
{
	struct list head;
	struct item a = { .value = 1 }, b = { .value = 2 }, c = { .value = 3 };
	int sum = 0;

	list_init(&head);
	CHECK(list_empty(&head));
	list_insert(&head, &a.link);
	list_insert(&head, &c.link);
	list_insert(&c.link, &b.link);
	list_for_each (l, &head)
		sum = sum * 10 + list_entry(l, struct item, link)->value;
	CHECK_EQ(sum, 123);
	list_remove(&b.link);
	list_remove(&b.link);
	CHECK(head.next == &a.link && a.link.next == &c.link && c.link.next == &head);
}

static void bitmap_finds_first_clear(void)
{
	uint64_t map[BITMAP_WORDS(130)] = { 0 };

	for (size_t i = 0; i < 130; i++) {
		CHECK_EQ(bitmap_first_clear(map, 130), i);
		bitmap_set(map, i);
	}
	CHECK_EQ(bitmap_first_clear(map, 130), 130);
	bitmap_clear(map, 64);
	CHECK(!bitmap_get(map, 64) && bitmap_get(map, 65));
	CHECK_EQ(bitmap_first_clear(map, 130), 64);
}

int main(void)
{
	RUN(format_agrees_with_libc);
	RUN(format_is_bounded);
	RUN(text_numbers);
	RUN(text_options);
	RUN(crc32_matches_definition);
	RUN(ring_carries_bytes_in_order);
	RUN(ring_survives_hostile_indices);
	RUN(list_inserts_and_removes);
	RUN(bitmap_finds_first_clear);
	return unit_status();
}
