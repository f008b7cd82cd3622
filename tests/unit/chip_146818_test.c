/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/mc146818.c tests/unit/vdev_fake.c */
/* The real-time clock: the calendar, forms of time, setting, UIP, alarm, periodic, CMOS. */
#include "tests/unit/unit.h"

#include "guests/chips.h"
#include "tests/unit/vdev_fake.h"
#include <time.h>

enum {
	SECOND,
	SECOND_ALARM,
	MINUTE,
	MINUTE_ALARM,
	HOUR,
	HOUR_ALARM,
	WEEKDAY,
	DAY,
	MONTH,
	YEAR,
	A,
	B,
	C,
	D,
	CENTURY = 0x32
};
#define NS 1000000000ULL

static struct vdev_fake f;

static uint8_t get(unsigned cell)
{
	fake_out8(&f, 0, 0, (uint8_t)cell);
	return fake_in8(&f, 0, 1);
}

static void set(unsigned cell, uint8_t value)
{
	fake_out8(&f, 0, 0, (uint8_t)cell);
	fake_out8(&f, 0, 1, value);
}

static void start(uint64_t wall)
{
	fake_start(&f, &mc146818_class, wall);
}

static unsigned bcd(unsigned v)
{
	return v / 10 << 4 | v % 10;
}

/* 2024-02-29 12:34:56 UTC, a Thursday. */
#define LEAP_DAY 1709210096ULL

static void shows_wall_time(void)
{
	start(LEAP_DAY);
	CHECK_EQ(get(SECOND), 0x56);
	CHECK_EQ(get(MINUTE), 0x34);
	CHECK_EQ(get(HOUR), 0x12);
	CHECK_EQ(get(WEEKDAY), 5);
	CHECK_EQ(get(DAY), 0x29);
	CHECK_EQ(get(MONTH), 0x02);
	CHECK_EQ(get(YEAR), 0x24);
	CHECK_EQ(get(CENTURY), 0x20);
	CHECK_EQ(get(D), 0x80);
	fake_advance(&f, 4 * NS);
	CHECK_EQ(get(SECOND), 0x00);
	CHECK_EQ(get(MINUTE), 0x35);
}

/* Every day from 1970 to 2105 against the C library's calendar. */
static void calendar(void)
{
	for (uint64_t t = 0; t < 0x100000000ULL; t += 86400 + 3607) {
		time_t seconds = (time_t)t;
		struct tm tm;

		gmtime_r(&seconds, &tm);
		start(t);
		CHECK_EQ(get(SECOND), bcd((unsigned)tm.tm_sec));
		CHECK_EQ(get(HOUR), bcd((unsigned)tm.tm_hour));
		CHECK_EQ(get(DAY), bcd((unsigned)tm.tm_mday));
		CHECK_EQ(get(MONTH), bcd((unsigned)tm.tm_mon + 1));
		CHECK_EQ(get(YEAR), bcd((unsigned)tm.tm_year % 100));
		CHECK_EQ(get(CENTURY), bcd((unsigned)tm.tm_year / 100 + 19));
		CHECK_EQ(get(WEEKDAY), (unsigned)tm.tm_wday + 1);
		set(DAY, (uint8_t)bcd((unsigned)tm.tm_mday)); /* through the other direction */
		CHECK_EQ(get(DAY), bcd((unsigned)tm.tm_mday));
		CHECK_EQ(get(MONTH), bcd((unsigned)tm.tm_mon + 1));
		CHECK_EQ(get(WEEKDAY), (unsigned)tm.tm_wday + 1);
	}
}

static void binary_and_twelve_hours(void)
{
	start(LEAP_DAY);
	set(B, 0x06);
	CHECK_EQ(get(SECOND), 56);
	CHECK_EQ(get(HOUR), 12);
	CHECK_EQ(get(CENTURY), 0x20);
	set(B, 0x00);
	CHECK_EQ(get(HOUR), 0x92); /* 12 PM is noon */
	fake_advance(&f, 11 * 3600 * NS);
	CHECK_EQ(get(HOUR), 0x91);
	fake_advance(&f, 3600 * NS);
	CHECK_EQ(get(HOUR), 0x12); /* 12 AM is midnight */
	set(B, 0x04);
	fake_advance(&f, 13 * 3600 * NS);
	CHECK_EQ(get(HOUR), 0x81);
	set(B, 0x02);
	CHECK_EQ(get(HOUR), 0x13);
}

/* As Linux sets it: SET and divider reset, the cells, then run again. */
static void setting(void)
{
	start(LEAP_DAY);
	set(B, get(B) | 0x80);
	set(A, get(A) | 0x70);
	set(SECOND, 0x30);
	set(MINUTE, 0x59);
	set(HOUR, 0x23);
	set(DAY, 0x31);
	set(MONTH, 0x12);
	set(YEAR, 0x99);
	set(CENTURY, 0x19);
	fake_advance(&f, 100 * NS);
	CHECK_EQ(get(SECOND), 0x30); /* stands still */
	set(B, get(B) & 0x7f);
	set(A, 0x26);
	fake_advance(&f, 499000000);
	CHECK_EQ(get(SECOND), 0x30);
	fake_advance(&f, 2000000); /* first update half a second after the divider's reset */
	CHECK_EQ(get(SECOND), 0x31);
	fake_advance(&f, 29 * NS);
	CHECK_EQ(get(SECOND), 0x00);
	CHECK_EQ(get(HOUR), 0x00);
	CHECK_EQ(get(DAY), 0x01);
	CHECK_EQ(get(MONTH), 0x01);
	CHECK_EQ(get(YEAR), 0x00);
	CHECK_EQ(get(CENTURY), 0x20);
	CHECK_EQ(get(WEEKDAY), 7);
}

static void nonsense_is_brought_into_range(void)
{
	start(LEAP_DAY);
	set(B, 0x82);
	for (unsigned cell = 0; cell <= YEAR; cell++)
		set(cell, 0xff);
	set(CENTURY, 0xff);
	CHECK_EQ(get(MONTH), 0xff);
	set(B, 0x02);
	CHECK_EQ(get(MONTH), 0x12);
	CHECK_EQ(get(DAY), 0x31);
	CHECK_EQ(get(SECOND), 0x59);
}

static void update_in_progress(void)
{
	start(LEAP_DAY);
	CHECK_EQ(get(A), 0x26);
	fake_advance(&f, NS - 244001);
	CHECK_EQ(get(A) & 0x80, 0);
	fake_advance(&f, 1);
	CHECK_EQ(get(A) & 0x80, 0x80);
	CHECK_EQ(get(SECOND), 0x56);
	fake_advance(&f, 244000);
	CHECK_EQ(get(A) & 0x80, 0);
	CHECK_EQ(get(SECOND), 0x57);
	fake_advance(&f, NS - 100);
	set(B, 0x82); /* SET stops the cycle */
	CHECK_EQ(get(A) & 0x80, 0);
}

static void update_interrupt(void)
{
	start(LEAP_DAY);
	CHECK_EQ(fake_deadline(&f), VDEV_NEVER); /* nobody wants to know: nothing ticks */
	get(C);
	set(B, 0x12);
	fake_advance(&f, NS - 1);
	CHECK(!f.line[0]);
	fake_advance(&f, 1);
	CHECK(f.line[0]);
	CHECK_EQ(get(C) & 0x90, 0x90);
	CHECK(!f.line[0]);
	CHECK_EQ(get(C), 0);
	fake_advance(&f, 5 * NS);
	CHECK_EQ(f.rises[0], 2); /* once, until C has been read */
	get(C);
	fake_advance(&f, NS);
	CHECK_EQ(f.rises[0], 3);
}

static void update_flag_without_interrupt(void)
{
	start(LEAP_DAY);
	get(C);
	CHECK_EQ(get(C) & 0x10, 0);
	fake_advance(&f, NS);
	CHECK_EQ(get(C), 0x50); /* update, and the periodic flag */
	CHECK(!f.line[0]);
}

static void alarm_once_a_day(void)
{
	start(LEAP_DAY);
	set(SECOND_ALARM, 0x10);
	set(MINUTE_ALARM, 0x35);
	set(HOUR_ALARM, 0x12);
	get(C);
	set(B, 0x22);
	fake_advance(&f, 13 * NS);
	CHECK(!f.line[0]);
	fake_advance(&f, NS);
	CHECK(f.line[0]);
	CHECK_EQ(get(C) & 0xa0, 0xa0);
	fake_advance(&f, 86399 * NS);
	CHECK(!f.line[0]);
	fake_advance(&f, NS);
	CHECK(f.line[0]);
}

static void alarm_any(void)
{
	start(LEAP_DAY);
	set(SECOND_ALARM, 0xff);
	set(MINUTE_ALARM, 0xc0);
	set(HOUR_ALARM, 0xff);
	set(B, 0x22);
	get(C);
	fake_advance(&f, NS);
	CHECK(f.line[0]);
	get(C);
	set(SECOND_ALARM, 0x00);
	fake_advance(&f, 2 * NS);
	CHECK(!f.line[0]);
	fake_advance(&f, NS);
	CHECK(f.line[0]);
	CHECK_EQ(get(MINUTE), 0x35);
}

static void alarm_impossible(void)
{
	start(LEAP_DAY);
	set(HOUR_ALARM, 0x45);
	set(B, 0x22);
	CHECK_EQ(fake_deadline(&f), VDEV_NEVER);
	fake_advance(&f, 200000 * NS);
	CHECK(!f.line[0]);
}

static void alarm_in_twelve_hours(void)
{
	start(LEAP_DAY);
	set(B, 0x20);
	set(SECOND_ALARM, 0x00);
	set(MINUTE_ALARM, 0x00);
	set(HOUR_ALARM, 0x81); /* 1 PM */
	get(C);
	fake_advance(&f, 1503 * NS);
	CHECK(!f.line[0]);
	fake_advance(&f, NS);
	CHECK(f.line[0]);
}

static void periodic(void)
{
	start(LEAP_DAY);
	set(A, 0x2a); /* 64 Hz */
	get(C);
	set(B, 0x42);
	for (unsigned i = 0; i < 640; i++) {
		fake_advance(&f, 15625000);
		CHECK(f.line[0]);
		CHECK_EQ(get(C) & 0xc0, 0xc0);
		CHECK(!f.line[0]);
	}
	CHECK_EQ(f.rises[0], 640);
	set(A, 0x20);
	CHECK_EQ(fake_deadline(&f), VDEV_NEVER);
}

static void periodic_rates(void)
{
	static const unsigned hz[16] = { 0,   256, 128, 8192, 4096, 2048, 1024, 512,
					 256, 128, 64,  32,   16,   8,    4,    2 };

	for (unsigned rate = 1; rate < 16; rate++) {
		start(LEAP_DAY);
		set(A, (uint8_t)(0x20 | rate));
		set(B, 0x42);
		CHECK_EQ(fake_deadline(&f), (NS + hz[rate] - 1) / hz[rate]);
	}
}

static void memory_cells(void)
{
	fake_attach(&f, &mc146818_class, LEAP_DAY);
	mc146818_store(&f.d, 0x34, 0x77);
	mc146818_store(&f.d, B, 0x77); /* not a memory cell */
	mc146818_store(&f.d, 0x80, 0x77);
	fake_reset(&f);
	CHECK_EQ(get(0x34), 0x77);
	CHECK_EQ(get(B), 0x02);
	set(0x7f, 0x5a);
	CHECK_EQ(get(0x7f), 0x5a);
	CHECK_EQ(get(0xff), 0x5a); /* bit 7 is the NMI mask */
	CHECK_EQ(fake_in8(&f, 0, 0), 0xff);
	set(D, 0);
	set(C, 0xff);
	CHECK_EQ(get(D), 0x80);
	CHECK_EQ(get(C) & 0x80, 0);
}

static void reset_keeps_time(void)
{
	start(LEAP_DAY);
	set(0x40, 0x99);
	set(HOUR, 0x20);
	set(B, 0x72);
	fake_advance(&f, 5 * NS);
	CHECK(f.line[0]);
	fake_reset(&f);
	CHECK(!f.line[0]);
	CHECK_EQ(fake_deadline(&f), VDEV_NEVER);
	CHECK_EQ(get(B), 0x02);
	CHECK_EQ(get(HOUR), 0x20);
	CHECK_EQ(get(MINUTE), 0x35);
	CHECK_EQ(get(SECOND), 0x01);
	CHECK_EQ(get(0x40), 0x99);
}

int main(void)
{
	RUN(shows_wall_time);
	RUN(calendar);
	RUN(binary_and_twelve_hours);
	RUN(setting);
	RUN(nonsense_is_brought_into_range);
	RUN(update_in_progress);
	RUN(update_interrupt);
	RUN(update_flag_without_interrupt);
	RUN(alarm_once_a_day);
	RUN(alarm_any);
	RUN(alarm_impossible);
	RUN(alarm_in_twelve_hours);
	RUN(periodic);
	RUN(periodic_rates);
	RUN(memory_cells);
	RUN(reset_keeps_time);
	return unit_status();
}
