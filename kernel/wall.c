/* SPDX-License-Identifier: GPL-2.0-only */
/* The time of day from an MC146818, for guests' wall clocks. Does not follow changes of it. */
#include "kernel/wall.h"

#include <stdbool.h>
#include "arch/cpu.h"
#include "kernel/math64.h"

enum { RTC_SECONDS = 0, RTC_MINUTES = 2, RTC_HOURS = 4, RTC_DAY = 7, RTC_MONTH = 8, RTC_YEAR = 9, RTC_A = 10, RTC_B = 11 };

static uint64_t boot_seconds, boot_tsc, hz; /* written by wall_init */

static uint8_t cmos(uint8_t reg)
{
	outb(0x70, reg | 0x80); /* NMI stays masked by the port for this moment only */
	return inb(0x71);
}

static unsigned decode(uint8_t value, bool binary) { return binary ? value : (value >> 4) * 10U + (value & 15U); }

uint64_t wall_seconds(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute, unsigned second)
{
	/* Years begin in March, so that the leap day is the last. */
	uint64_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;
	uint64_t days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1;

	return ((days - 719468) * 24 + hour) * 3600 + minute * 60U + second;
}

struct reading {
	uint8_t second, minute, hour, day, month, year;
};

static struct reading read_once(void)
{
	for (unsigned i = 0; i < 100000 && (cmos(RTC_A) & 0x80) != 0; i++) /* an update is in progress */
		cpu_pause();
	return (struct reading){ cmos(RTC_SECONDS), cmos(RTC_MINUTES), cmos(RTC_HOURS), cmos(RTC_DAY), cmos(RTC_MONTH), cmos(RTC_YEAR) };
}

void wall_init(uint64_t tsc_hz)
{
	struct reading r = read_once(), again = read_once();
	uint8_t b = cmos(RTC_B);
	bool binary = (b & 4) != 0, pm;
	unsigned hour, month, day;

	for (unsigned i = 0; i < 4 && (r.second != again.second || r.minute != again.minute || r.hour != again.hour || r.day != again.day); i++) {
		r = again;
		again = read_once();
	}
	outb(0x70, 0); /* NMIs on */
	boot_tsc = rdtsc();
	hz = tsc_hz;
	pm = (b & 2) == 0 && (r.hour & 0x80) != 0;
	hour = decode(r.hour & 0x7f, binary);
	if ((b & 2) == 0)
		hour = hour % 12 + (pm ? 12 : 0);
	month = decode(r.month, binary);
	day = decode(r.day, binary);
	if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || tsc_hz == 0)
		return; /* no such clock here */
	boot_seconds = wall_seconds(2000 + decode(r.year, binary), month, day, hour, decode(r.minute, binary), decode(r.second, binary));
}

uint64_t wall_now(void)
{
	if (boot_seconds == 0)
		return 0;
	return boot_seconds * 1000000000U + mul_div64(rdtsc() - boot_tsc, 1000000000U, hz);
}
