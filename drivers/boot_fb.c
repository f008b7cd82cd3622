/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes lines of text to a linear framebuffer or EGA text memory. Does not scroll, has no cursor.
 */

#include "drivers/boot_fb.h"
#include "drivers/boot_font.h"

enum { CELL_WIDTH = 8, CELL_HEIGHT = 16, EGA_ATTRIBUTE = 0x1f };

static void put_pixel(const struct boot_fb *fb, uint32_t x, uint32_t y, uint32_t on)
{
	uint32_t bytes = (fb->bpp + 7U) / 8;
	volatile uint8_t *p = fb->base + (uint64_t)y * fb->pitch + (uint64_t)x * bytes;

	/* White on black: all bits or none, whatever the order of the colours. */
	for (uint32_t i = 0; i < bytes; i++)
		p[i] = on ? 0xff : 0;
}

static void put_char(const struct boot_fb *fb, uint32_t column, uint32_t row, char c)
{
	const uint8_t *glyph;

	if (fb->is_text) {
		volatile uint8_t *p = fb->base + (uint64_t)row * fb->pitch + column * 2;

		p[0] = (uint8_t)c;
		p[1] = EGA_ATTRIBUTE;
		return;
	}
	glyph = boot_font_glyph(c);
	for (uint32_t y = 0; y < CELL_HEIGHT; y++)
		for (uint32_t x = 0; x < CELL_WIDTH; x++) {
			uint32_t line = y / 2;

			put_pixel(fb, column * CELL_WIDTH + x, row * CELL_HEIGHT + y,
				  line < FONT_ROWS && x < FONT_COLUMNS &&
					  glyph[line] >> (FONT_COLUMNS - 1 - x) & 1);
		}
}

void boot_fb_line(struct boot_fb *fb, const char *text)
{
	uint32_t columns = fb->is_text ? fb->width : fb->width / CELL_WIDTH;
	uint32_t rows = fb->is_text ? fb->height : fb->height / CELL_HEIGHT;

	if (!fb->base || columns == 0 || rows == 0)
		return;
	do {
		if (fb->row >= rows)
			fb->row = 0;
		for (uint32_t i = 0; i < columns; i++)
			put_char(fb, i, fb->row, *text ? *text++ : ' ');
		fb->row++;
	} while (*text);
}
