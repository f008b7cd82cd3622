/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log on the box's screen: 80 x 25 characters, in VGA's text memory or drawn into a linear
 * framebuffer. What is on the screen is remembered here, never read back. Draws in small steps.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCREEN_COLUMNS = 80, SCREEN_ROWS = 25, FONT_WIDTH = 8, FONT_HEIGHT = 16 };

struct screen {
	volatile uint8_t *base; /* NULL: there is no screen */
	uint32_t pitch, bytes; /* of a line, of a pixel */
	uint32_t columns, rows, scale; /* scale: pixels a dot of the font, each way */
	uint32_t left, top; /* in pixels: the text stands in the middle */
	bool is_text;
	uint32_t column; /* where the next character goes, in the last row in use */
	uint32_t row;
	bool changed; /* text differs from shown */
	char text[SCREEN_ROWS][SCREEN_COLUMNS]; /* as it should be */
	char shown[SCREEN_ROWS][SCREEN_COLUMNS]; /* as it is; 0: nobody knows */
};

/* width and height in pixels, or in characters with is_text. False: too small to be of use. */
bool screen_init(struct screen *s, volatile uint8_t *base, uint32_t pitch, uint32_t width,
		 uint32_t height, uint32_t bits, bool is_text);
/* Newlines begin a new line, all else that is not ASCII becomes '?'; long lines go on in the next. */
void screen_put(struct screen *s, const char *text, size_t n);
/* Draws at most `cells` characters that have changed. True: there are more. */
bool screen_draw(struct screen *s, unsigned cells);

static inline bool screen_wants(const struct screen *s)
{
	return s->base && s->changed;
}

/* FONT_HEIGHT rows of a glyph, the leftmost dot in bit 7: made by tools/gen-font from ' ' to '~'. */
extern const uint8_t screen_font[95][FONT_HEIGHT];
