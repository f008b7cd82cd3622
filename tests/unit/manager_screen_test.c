/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: manager/screen.c */
/* The log on a screen in memory: text and pixels where they belong, scrolling, nothing outside. */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "manager/screen.h"

/* A font whose glyph says who it is: row 0 the character, row 15 its complement. */
const uint8_t screen_font[95][FONT_HEIGHT] = {
	['A' - ' '] = { 'A', [15] = 0xff },
	['B' - ' '] = { 'B', [15] = 0xff },
};

static struct screen s;

static void put(const char *text)
{
	screen_put(&s, text, strlen(text));
}

static void draw(void)
{
	while (screen_draw(&s, 7))
		;
}

static void row_is(const uint8_t *memory, unsigned row, const char *want)
{
	char line[81] = "";

	for (unsigned i = 0; i < 80; i++)
		line[i] = (char)memory[row * 160 + 2 * i];
	for (unsigned i = 80; i-- > 0 && line[i] == ' ';)
		line[i] = '\0';
	CHECK_STR(line, want);
}

static void text(void)
{
	uint8_t *memory = malloc(160 * 25); /* exactly: the sanitizer sees a write beyond */

	CHECK(screen_init(&s, memory, 160, 80, 25, 16, true));
	put("one\r\ntwo\tthree\n");
	draw();
	row_is(memory, 0, "one");
	row_is(memory, 1, "two three");
	row_is(memory, 24, "");
	CHECK_EQ(memory[1], 7);
	put("\x1b[2J\xc3\xa4");
	draw();
	row_is(memory, 2, "?[2J??");
	free(memory);
}

static void long_lines_and_scrolling(void)
{
	uint8_t *memory = malloc(160 * 25);
	char line[200];

	CHECK(screen_init(&s, memory, 160, 80, 25, 16, true));
	memset(line, 'x', 100);
	line[100] = '\0';
	put(line);
	put("\n");
	draw();
	CHECK_EQ(memory[160 + 2 * 19], 'x');
	CHECK_EQ(memory[160 + 2 * 20], ' ');
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "line %u\n", i);
		put(line);
		if (i % 17 == 0)
			screen_draw(&s, 30);
	}
	draw();
	row_is(memory, 0, "line 976");
	row_is(memory, 23, "line 999");
	row_is(memory, 24, "");
	CHECK(!screen_draw(&s, 1000));
	free(memory);
}

/* width, height and bytes a pixel; where the first cell of row 0 begins, and its scale. */
static void pixels(unsigned width, unsigned height, unsigned bytes, unsigned left, unsigned top, unsigned scale)
{
	unsigned pitch = width * bytes + 32;
	uint8_t *memory = calloc(height, pitch), *cell;

	CHECK(screen_init(&s, memory, pitch, width, height, bytes * 8, false));
	CHECK_EQ(s.scale, scale);
	put("\nAB");
	draw();
	cell = memory + (size_t)(top + 16 * scale) * pitch + left * bytes;
	for (unsigned x = 0; x < 16 * scale; x++) {
		unsigned glyph = x < 8 * scale ? 'A' : 'B', bit = 7 - x / scale % 8;

		CHECK_EQ(cell[x * bytes] != 0, glyph >> bit & 1);
		CHECK_EQ(cell[(size_t)(scale - 1) * pitch + x * bytes] != 0, glyph >> bit & 1);
		CHECK_EQ(cell[(size_t)scale * pitch + x * bytes], 0);
		CHECK(cell[(size_t)(16 * scale - 1) * pitch + x * bytes] != 0);
	}
	for (unsigned y = 0; y < height; y++) /* nothing in the pitch's rest */
		for (unsigned x = width * bytes; x < pitch; x++)
			CHECK_EQ(memory[(size_t)y * pitch + x], 0);
	free(memory);
}

static void linear(void)
{
	pixels(640, 400, 4, 0, 0, 1);
	pixels(800, 600, 4, 80, 100, 1);
	pixels(1280, 800, 4, 0, 0, 2);
	pixels(1024, 768, 3, 192, 184, 1);
	pixels(1920, 1080, 2, 320, 140, 2);
	pixels(320, 200, 4, 0, 4, 1); /* fewer columns and rows */
}

static void impossible(void)
{
	static uint8_t memory[4096];

	CHECK(!screen_init(&s, memory, 10, 10, 10, 32, false));
	CHECK(!screen_init(&s, memory, 640, 640, 480, 32, false)); /* the pitch is too short */
	CHECK(!screen_init(&s, memory, 640 * 8, 640, 480, 64, false));
	CHECK(!screen_init(&s, memory, 0, 0, 0, 0, false));
	s = (struct screen){ 0 };
	put("no screen\n");
	CHECK(!screen_draw(&s, 100));
}

int main(void)
{
	RUN(text);
	RUN(long_lines_and_scrolling);
	RUN(linear);
	RUN(impossible);
	return unit_status();
}
