/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VGA as text programs use it: the registers of mode 3, 80 by 25 in colour, as a video BIOS leaves
 * them. The text itself is guest memory at 0xb8000, so that writing it costs no exit; graphics modes,
 * planes and fonts are kept in the registers and mean nothing. vga_text_view() says what a screen would
 * show. Facts from [VGA "CRT Controller Registers", "Attribute Controller Registers"].
 */
#include "guests/chips.h"
#include "lib/string.h"

enum { REGION_VGA, REGION_CRTC_COLOUR, REGION_STATUS_COLOUR, REGION_CRTC_MONO, REGION_STATUS_MONO };

/* Ports of REGION_VGA, from 0x3c0. */
enum {
	ATTRIBUTE = 0x0, ATTRIBUTE_READ = 0x1, MISC_WRITE = 0x2, ENABLE = 0x3, SEQUENCER = 0x4,
	SEQUENCER_DATA = 0x5, DAC_MASK = 0x6, DAC_READ = 0x7, DAC_WRITE = 0x8, DAC_DATA = 0x9,
	FEATURE_READ = 0xa, MISC_READ = 0xc, GRAPHICS = 0xe, GRAPHICS_DATA = 0xf,
};

enum { CRTCS = 25, ATTRIBUTES = 21, SEQUENCERS = 5, GRAPHICSES = 9, DAC = 256 };
enum { CRTC_OVERFLOW = 0x07, CRTC_CURSOR_START = 0x0a, CRTC_CURSOR_END = 0x0b, CRTC_START = 0x0c };
enum { CRTC_CURSOR = 0x0e, CRTC_PROTECT = 0x11, CRTC_PROTECTED = 7, OVERFLOW_LINE_COMPARE = 0x10 };
enum { MISC_COLOUR = 0x01, CURSOR_OFF = 0x20, STATUS_BLANK = 1, STATUS_RETRACE = 8 };

/* Mode 3 has 449 lines of 900 pixels at 28.322 MHz: 400 by 720 of them are seen. */
enum { LINE_NS = 31778, LINES = 449, LINES_SEEN = 400, LINE_SEEN_NS = 25422 };
enum { RETRACE_FIRST = 412, RETRACE_LAST = 413 };
enum { TEXT_BYTES = 0x8000, PIECE = 256, BLANK_CELL_HIGH = 0x07 };

struct vga_text {
	uint8_t misc, feature, enable;
	uint8_t crtc_index, attribute_index, sequencer_index, graphics_index;
	uint8_t attribute_data; /* the flip-flop: the next write to 0x3c0 is data */
	uint8_t dac_index, dac_part, dac_reading, dac_mask;
	uint8_t crtc[CRTCS], attribute[ATTRIBUTES], sequencer[SEQUENCERS], graphics[GRAPHICSES];
	uint8_t dac[DAC][3];
};

static uint8_t status_read(struct vdev *d)
{
	struct vga_text *s = d->state;
	uint64_t frame = d->host->now(d) % ((uint64_t)LINES * LINE_NS), line = frame / LINE_NS;
	uint8_t status = 0;

	s->attribute_data = 0;
	if (line >= LINES_SEEN || frame % LINE_NS >= LINE_SEEN_NS)
		status |= STATUS_BLANK;
	if (line >= RETRACE_FIRST && line <= RETRACE_LAST)
		status |= STATUS_RETRACE;
	return status;
}

static uint8_t dac_read(struct vga_text *s)
{
	uint8_t value = s->dac[s->dac_index][s->dac_part];

	if (++s->dac_part == 3) {
		s->dac_part = 0;
		s->dac_index++;
	}
	return value;
}

static void dac_write(struct vga_text *s, uint8_t value)
{
	s->dac[s->dac_index][s->dac_part] = value & 0x3f;
	if (++s->dac_part == 3) {
		s->dac_part = 0;
		s->dac_index++;
	}
}

static uint8_t indexed(const uint8_t *bank, unsigned size, unsigned index)
{
	return index < size ? bank[index] : 0xff;
}

static void indexed_set(uint8_t *bank, unsigned size, unsigned index, uint8_t value)
{
	if (index < size)
		bank[index] = value;
}

static uint64_t vga_read(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes)
{
	struct vga_text *s = d->state;
	bool colour = s->misc & MISC_COLOUR;

	(void)bytes;
	if (region == (colour ? REGION_STATUS_COLOUR : REGION_STATUS_MONO))
		return status_read(d);
	if (region == (colour ? REGION_CRTC_COLOUR : REGION_CRTC_MONO))
		return offset ? indexed(s->crtc, CRTCS, s->crtc_index) : s->crtc_index;
	if (region != REGION_VGA)
		return 0xff;
	switch (offset) {
	case ATTRIBUTE: return s->attribute_index;
	case ATTRIBUTE_READ: return indexed(s->attribute, ATTRIBUTES, s->attribute_index & 0x1f);
	case MISC_WRITE: return 0x10; /* input status 0: a colour monitor is there */
	case ENABLE: return s->enable;
	case SEQUENCER: return s->sequencer_index;
	case SEQUENCER_DATA: return indexed(s->sequencer, SEQUENCERS, s->sequencer_index);
	case DAC_MASK: return s->dac_mask;
	case DAC_READ: return s->dac_reading ? 3 : 0;
	case DAC_WRITE: return s->dac_index;
	case DAC_DATA: return dac_read(s);
	case FEATURE_READ: return s->feature;
	case MISC_READ: return s->misc;
	case GRAPHICS: return s->graphics_index;
	case GRAPHICS_DATA: return indexed(s->graphics, GRAPHICSES, s->graphics_index);
	default: return 0xff;
	}
}

static void attribute_write(struct vga_text *s, uint8_t value)
{
	if (!s->attribute_data)
		s->attribute_index = value & 0x3f;
	else
		indexed_set(s->attribute, ATTRIBUTES, s->attribute_index & 0x1f, value);
	s->attribute_data = !s->attribute_data;
}

/* Registers 0 to 7 may be protected; one bit of them is not. */
static void crtc_write(struct vga_text *s, uint64_t offset, uint8_t value)
{
	uint8_t *overflow = &s->crtc[CRTC_OVERFLOW];

	if (offset == 0)
		s->crtc_index = value;
	else if (s->crtc_index > CRTC_PROTECTED || !(s->crtc[CRTC_PROTECT] & 0x80))
		indexed_set(s->crtc, CRTCS, s->crtc_index, value);
	else if (s->crtc_index == CRTC_OVERFLOW)
		*overflow = (uint8_t)((*overflow & ~OVERFLOW_LINE_COMPARE) |
				      (value & OVERFLOW_LINE_COMPARE));
}

static void dac_select(struct vga_text *s, uint8_t index, bool reading)
{
	s->dac_index = index;
	s->dac_part = 0;
	s->dac_reading = reading;
}

static void vga_write(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes,
		      uint64_t data)
{
	struct vga_text *s = d->state;
	bool colour = s->misc & MISC_COLOUR;
	uint8_t value = (uint8_t)data;

	(void)bytes;
	if (region == (colour ? REGION_STATUS_COLOUR : REGION_STATUS_MONO))
		s->feature = value;
	if (region == (colour ? REGION_CRTC_COLOUR : REGION_CRTC_MONO))
		crtc_write(s, offset, value);
	if (region != REGION_VGA)
		return;
	switch (offset) {
	case ATTRIBUTE: attribute_write(s, value); break;
	case MISC_WRITE: s->misc = value; break;
	case ENABLE: s->enable = value & 1; break;
	case SEQUENCER: s->sequencer_index = value; break;
	case SEQUENCER_DATA: indexed_set(s->sequencer, SEQUENCERS, s->sequencer_index, value); break;
	case DAC_MASK: s->dac_mask = value; break;
	case DAC_READ: dac_select(s, value, true); break;
	case DAC_WRITE: dac_select(s, value, false); break;
	case DAC_DATA: dac_write(s, value); break;
	case GRAPHICS: s->graphics_index = value; break;
	case GRAPHICS_DATA: indexed_set(s->graphics, GRAPHICSES, s->graphics_index, value); break;
	default: break;
	}
}

/* The first 64 colours are the EGA's: two bits each of red, green and blue, the high ones first. */
static void dac_reset(struct vga_text *s)
{
	memset(s->dac, 0, sizeof(s->dac));
	for (unsigned i = 0; i < 64; i++) {
		for (unsigned part = 0; part < 3; part++) {
			unsigned bit = 2 - part;

			s->dac[i][part] =
				(uint8_t)((i >> bit & 1) * 0x2a + (i >> (bit + 3) & 1) * 0x15);
		}
	}
}

static void text_clear(struct vdev *d)
{
	uint8_t cells[PIECE];

	for (unsigned i = 0; i < PIECE; i += 2) {
		cells[i] = ' ';
		cells[i + 1] = BLANK_CELL_HIGH;
	}
	for (unsigned at = 0; at < TEXT_BYTES; at += PIECE)
		d->host->mem_write(d, gpa(VGA_TEXT_BASE + at), cells, PIECE);
}

static void vga_reset(struct vdev *d)
{
	static const uint8_t crtc[CRTCS] = { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00,
					     0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e,
					     0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff };
	static const uint8_t attribute[ATTRIBUTES] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14,
						       0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d,
						       0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00 };
	static const uint8_t sequencer[SEQUENCERS] = { 0x03, 0x00, 0x03, 0x00, 0x02 };
	static const uint8_t graphics[GRAPHICSES] = { 0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff };
	struct vga_text *s = d->state;

	memset(s, 0, sizeof(*s));
	s->misc = 0x67;
	s->enable = 1;
	s->attribute_index = 0x20; /* the palette is in use: the screen is on */
	s->dac_mask = 0xff;
	memcpy(s->crtc, crtc, sizeof(crtc));
	memcpy(s->attribute, attribute, sizeof(attribute));
	memcpy(s->sequencer, sequencer, sizeof(sequencer));
	memcpy(s->graphics, graphics, sizeof(graphics));
	dac_reset(s);
	text_clear(d);
}

const struct vdev_class vga_text_class = {
	.name = "vga",
	.state_bytes = sizeof(struct vga_text),
	.version = 1,
	.reset = vga_reset,
	.read = vga_read,
	.write = vga_write,
};

void vga_text_view(const struct vdev *d, struct vga_text_view *view)
{
	const struct vga_text *s = d->state;
	unsigned start = (unsigned)s->crtc[CRTC_START] << 8 | s->crtc[CRTC_START + 1];
	unsigned cursor = (unsigned)s->crtc[CRTC_CURSOR] << 8 | s->crtc[CRTC_CURSOR + 1];
	unsigned place = cursor - start;

	view->columns = VGA_TEXT_COLUMNS;
	view->rows = VGA_TEXT_ROWS;
	view->first = VGA_TEXT_BASE + start * 2 % TEXT_BYTES;
	view->text = (s->graphics[6] & 1) == 0 && (s->attribute[0x10] & 1) == 0;
	view->cursor = !(s->crtc[CRTC_CURSOR_START] & CURSOR_OFF) &&
		       place < VGA_TEXT_COLUMNS * VGA_TEXT_ROWS;
	view->cursor_column = place % VGA_TEXT_COLUMNS;
	view->cursor_row = place / VGA_TEXT_COLUMNS;
}
