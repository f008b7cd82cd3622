/* SPDX-License-Identifier: GPL-2.0-only */
/* Text on the screen that the firmware left us, in ring 0: for the fatal sentence and a panic. */
#pragma once

#include <stdint.h>

struct boot_fb {
	volatile uint8_t *base; /* mapped; NULL: no screen */
	uint32_t pitch, width, height; /* bytes, pixels, pixels; for text: bytes, columns, rows */
	uint8_t bpp; /* 15, 16, 24 or 32 */
	uint8_t is_text;
	uint32_t row; /* the next line of text */
};

/* A line, wrapped at the right edge; at the bottom it starts again at the top. */
void boot_fb_line(struct boot_fb *fb, const char *text);
