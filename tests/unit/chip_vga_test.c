/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/vga_text.c tests/unit/vdev_fake.c */
/* The VGA's registers in text mode, and what a screen would show. */
#include "tests/unit/unit.h"

#include "guests/chips.h"
#include "tests/unit/vdev_fake.h"

enum { VGA, CRTC, STATUS, CRTC_MONO, STATUS_MONO };

static struct vdev_fake f;

static uint8_t crtc(unsigned index)
{
	fake_out8(&f, CRTC, 0, (uint8_t)index);
	return fake_in8(&f, CRTC, 1);
}

static void crtc_set(unsigned index, uint8_t value)
{
	fake_out8(&f, CRTC, 0, (uint8_t)index);
	fake_out8(&f, CRTC, 1, value);
}

static void mode_3(void)
{
	fake_start(&f, &vga_text_class, 0);
	CHECK_EQ(fake_in8(&f, VGA, 0xc), 0x67);
	CHECK_EQ(crtc(0x01), 79);
	CHECK_EQ(crtc(0x12), 0x8f);
	CHECK_EQ(crtc(25), 0xff); /* there are no more */
	fake_out8(&f, VGA, 0xe, 6);
	CHECK_EQ(fake_in8(&f, VGA, 0xf), 0x0e); /* 0xb8000, text */
	fake_out8(&f, VGA, 4, 4);
	CHECK_EQ(fake_in8(&f, VGA, 5), 2);
	CHECK_EQ(fake_in8(&f, CRTC_MONO, 1), 0xff); /* not while it is a colour adapter */
}

static void cursor(void)
{
	struct vga_text_view v;

	fake_start(&f, &vga_text_class, 0);
	vga_text_view(&f.d, &v);
	CHECK(v.text && v.cursor);
	CHECK_EQ(v.first, 0xb8000);
	CHECK_EQ(v.cursor_row, 0);
	crtc_set(0x0e, 0x03); /* 1000 = 12 * 80 + 40 */
	crtc_set(0x0f, 0xe8);
	vga_text_view(&f.d, &v);
	CHECK_EQ(v.cursor_row, 12);
	CHECK_EQ(v.cursor_column, 40);
	crtc_set(0x0d, 80); /* scrolled by one line */
	vga_text_view(&f.d, &v);
	CHECK_EQ(v.first, 0xb8000 + 160);
	CHECK_EQ(v.cursor_row, 11);
	crtc_set(0x0a, 0x20);
	vga_text_view(&f.d, &v);
	CHECK(!v.cursor);
	crtc_set(0x0c, 0xff); /* anywhere: still inside the window */
	vga_text_view(&f.d, &v);
	CHECK(v.first >= 0xb8000 && v.first < 0xc0000);
	fake_out8(&f, VGA, 0xe, 6);
	fake_out8(&f, VGA, 0xf, 5);
	vga_text_view(&f.d, &v);
	CHECK(!v.text);
	fake_reset(&f);
	vga_text_view(&f.d, &v);
	CHECK(v.text && v.cursor && v.first == 0xb8000);
}

static void protection(void)
{
	fake_start(&f, &vga_text_class, 0);
	crtc_set(0x01, 0x12); /* bit 7 of register 0x11 is set by the BIOS */
	crtc_set(0x07, 0xef);
	CHECK_EQ(crtc(0x01), 79);
	CHECK_EQ(crtc(0x07), 0x0f); /* only the line compare bit */
	crtc_set(0x11, 0x0e);
	crtc_set(0x01, 0x12);
	CHECK_EQ(crtc(0x01), 0x12);
}

static void attributes(void)
{
	fake_start(&f, &vga_text_class, 0);
	fake_in8(&f, STATUS, 0); /* the next write is an index */
	fake_out8(&f, VGA, 0, 0x10);
	CHECK_EQ(fake_in8(&f, VGA, 1), 0x0c);
	fake_out8(&f, VGA, 0, 0x04); /* blinking off */
	CHECK_EQ(fake_in8(&f, VGA, 1), 0x04);
	fake_out8(&f, VGA, 0, 0x20);
	CHECK_EQ(fake_in8(&f, VGA, 0), 0x20);
	fake_in8(&f, STATUS, 0);
	fake_out8(&f, VGA, 0, 0x3f);
	fake_out8(&f, VGA, 0, 0x55); /* no such register */
	CHECK_EQ(fake_in8(&f, VGA, 1), 0xff);
}

static void palette(void)
{
	fake_start(&f, &vga_text_class, 0);
	fake_out8(&f, VGA, 7, 4); /* red */
	CHECK_EQ(fake_in8(&f, VGA, 7), 3);
	CHECK_EQ(fake_in8(&f, VGA, 9), 0x2a);
	CHECK_EQ(fake_in8(&f, VGA, 9), 0);
	CHECK_EQ(fake_in8(&f, VGA, 9), 0);
	CHECK_EQ(fake_in8(&f, VGA, 9), 0x2a); /* 5: magenta */
	fake_out8(&f, VGA, 8, 255);
	CHECK_EQ(fake_in8(&f, VGA, 7), 0);
	for (unsigned i = 0; i < 6; i++)
		fake_out8(&f, VGA, 9, (uint8_t)(0xc0 | i)); /* wraps to colour 0 */
	fake_out8(&f, VGA, 7, 255);
	for (unsigned i = 0; i < 6; i++)
		CHECK_EQ(fake_in8(&f, VGA, 9), i);
}

/* Programs wait for the retrace to begin and to end. */
static void retrace(void)
{
	unsigned begins = 0, blanks = 0;
	bool before = true;

	fake_start(&f, &vga_text_class, 0);
	for (unsigned i = 0; i < 100000; i++) {
		uint8_t status = fake_in8(&f, STATUS, 0);

		begins += !before && (status & 8);
		before = status & 8;
		blanks += status & 1;
		fake_advance(&f, 10000);
	}
	CHECK(begins >= 69 && begins <= 71); /* in one second */
	CHECK(blanks > 20000 && blanks < 40000);
}

static void monochrome(void)
{
	fake_start(&f, &vga_text_class, 0);
	fake_out8(&f, VGA, 2, 0x66);
	CHECK_EQ(fake_in8(&f, CRTC, 1), 0xff);
	fake_out8(&f, CRTC_MONO, 0, 1);
	CHECK_EQ(fake_in8(&f, CRTC_MONO, 1), 79);
	CHECK_EQ(fake_in8(&f, STATUS, 0), 0xff);
	CHECK(fake_in8(&f, STATUS_MONO, 0) != 0xff);
}

int main(void)
{
	RUN(mode_3);
	RUN(cursor);
	RUN(protection);
	RUN(attributes);
	RUN(palette);
	RUN(retrace);
	RUN(monochrome);
	return unit_status();
}
