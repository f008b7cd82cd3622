/* SPDX-License-Identifier: GPL-2.0-only */
/* A 5x7 font for ASCII, drawn for this project. */
#pragma once

#include <stdint.h>

enum { FONT_COLUMNS = 5, FONT_ROWS = 7 };

/* FONT_ROWS rows, the leftmost pixel in bit 4. Small letters are shown as capitals. */
const uint8_t *boot_font_glyph(char c);
