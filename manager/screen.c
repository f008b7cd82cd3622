/* SPDX-License-Identifier: GPL-2.0-only */
/* Text on the screen; see screen.h. */
#include "manager/screen.h"

#include "lib/string.h"

enum { EGA_ATTRIBUTE = 0x07 /* light grey on black */ };

bool screen_init(struct screen *s, volatile uint8_t *base, uint32_t pitch, uint32_t width,
		 uint32_t height, uint32_t bits, bool is_text)
{
	uint32_t cell_width = is_text ? 1 : FONT_WIDTH, cell_height = is_text ? 1 : FONT_HEIGHT;
	uint32_t across = width / (SCREEN_COLUMNS * cell_width);
	uint32_t down = height / (SCREEN_ROWS * cell_height);

	memset(s, 0, sizeof(*s));
	s->scale = is_text || across == 0 || down == 0 ? 1 : across < down ? across : down;
	s->columns = width / (cell_width * s->scale);
	s->rows = height / (cell_height * s->scale);
	s->columns = s->columns < SCREEN_COLUMNS ? s->columns : SCREEN_COLUMNS;
	s->rows = s->rows < SCREEN_ROWS ? s->rows : SCREEN_ROWS;
	s->bytes = is_text ? 2 : (bits + 7) / 8;
	if (s->columns < 20 || s->rows < 5 || s->bytes < 2 || s->bytes > 4 ||
	    pitch < (uint64_t)width * s->bytes)
		return false;
	if (!is_text) {
		s->left = (width - s->columns * FONT_WIDTH * s->scale) / 2;
		s->top = (height - s->rows * FONT_HEIGHT * s->scale) / 2;
	}
	s->pitch = pitch;
	s->is_text = is_text;
	memset(s->text, ' ', sizeof(s->text));
	s->base = base;
	s->changed = true;
	return true;
}

static void next_line(struct screen *s)
{
	s->column = 0;
	if (s->row + 1 < s->rows) {
		s->row++;
		return;
	}
	for (uint32_t i = 0; i + 1 < s->rows; i++)
		memcpy(s->text[i], s->text[i + 1], sizeof(s->text[0]));
	memset(s->text[s->row], ' ', sizeof(s->text[0]));
}

void screen_put(struct screen *s, const char *text, size_t n)
{
	for (size_t i = 0; i < n && s->base; i++) {
		char c = text[i];

		s->changed = true;
		if (c == '\n' || s->column == s->columns)
			next_line(s);
		if (c == '\n' || c == '\r')
			continue;
		s->text[s->row][s->column++] = c >= ' ' && c <= '~' ? c : c == '\t' ? ' ' : '?';
	}
}

/* White on black: all bits or none, whatever the order of the colours. */
static void draw_row(const struct screen *s, volatile uint8_t *to, uint8_t dots)
{
	for (unsigned x = 0; x < FONT_WIDTH * s->scale; x++, to += s->bytes) {
		bool on = dots >> (7 - x / s->scale) & 1;

		if (s->bytes == 4) {
			*(volatile uint32_t *)(uintptr_t)to = on ? 0x00ffffff : 0;
			continue;
		}
		for (unsigned b = 0; b < s->bytes; b++)
			to[b] = on ? 0xff : 0;
	}
}

static void draw(const struct screen *s, uint32_t row, uint32_t column, char c)
{
	const uint8_t *glyph = screen_font[c - ' '];
	volatile uint8_t *to;

	if (s->is_text) {
		to = s->base + (uint64_t)row * s->pitch + column * 2;
		to[0] = (uint8_t)c;
		to[1] = EGA_ATTRIBUTE;
		return;
	}
	to = s->base + (uint64_t)(s->top + row * FONT_HEIGHT * s->scale) * s->pitch +
	     (uint64_t)(s->left + column * FONT_WIDTH * s->scale) * s->bytes;
	for (unsigned y = 0; y < FONT_HEIGHT * s->scale; y++, to += s->pitch)
		draw_row(s, to, glyph[y / s->scale]);
}

bool screen_draw(struct screen *s, unsigned cells)
{
	if (!s->base || !s->changed)
		return false;
	for (uint32_t row = 0; row < s->rows; row++) {
		for (uint32_t column = 0; column < s->columns; column++) {
			char c = s->text[row][column];

			if (s->shown[row][column] == c)
				continue;
			if (cells-- == 0)
				return true;
			draw(s, row, column, c);
			s->shown[row][column] = c;
		}
	}
	s->changed = false;
	return false;
}
