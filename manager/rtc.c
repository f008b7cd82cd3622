/* SPDX-License-Identifier: GPL-2.0-only */
/* The time of day from the box's MC146818. Read once at boot; guests' clocks start from it. */
#include "manager/manager.h"

enum { RTC_SECOND = 0, RTC_MINUTE = 2, RTC_HOUR = 4, RTC_DAY = 7, RTC_MONTH = 8, RTC_YEAR = 9 };
enum { RTC_A = 10, RTC_B = 11, RTC_UPDATING = 0x80, RTC_BINARY = 4, RTC_24H = 2, RTC_PM = 0x80 };

struct rtc_time {
	uint8_t field[10], b;
};

static uint8_t cmos(int ports, unsigned reg)
{
	sys_port_out(ports, 0x70, 1, reg);
	return (uint8_t)sys_port_in(ports, 0x71, 1);
}

static struct rtc_time sample(int ports)
{
	static const uint8_t regs[] = { RTC_SECOND, RTC_MINUTE, RTC_HOUR, RTC_DAY, RTC_MONTH, RTC_YEAR };
	struct rtc_time t = { .b = cmos(ports, RTC_B) };

	for (unsigned tries = 0; tries < 100000 && (cmos(ports, RTC_A) & RTC_UPDATING); tries++)
		;
	for (unsigned i = 0; i < sizeof(regs); i++)
		t.field[regs[i]] = cmos(ports, regs[i]);
	return t;
}

static unsigned number(const struct rtc_time *t, unsigned reg)
{
	unsigned v = t->field[reg];

	if (reg == RTC_HOUR && !(t->b & RTC_24H))
		v &= 0x7f;
	return t->b & RTC_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

/* Days since 1970-01-01 of a date in the Gregorian calendar. */
static uint64_t days(unsigned year, unsigned month, unsigned day)
{
	unsigned y = month <= 2 ? year - 1 : year;
	unsigned m = month <= 2 ? month + 9 : month - 3; /* March is 0: leap days end the year */

	return 365ULL * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

uint64_t rtc_read(void)
{
	int ports = sys_port_grant(HANDLE_BOX, 0x70, 2);
	struct rtc_time t, again;
	unsigned hour, month, day;

	if (ports < 0)
		return 0;
	/* Twice the same: no update has come between. */
	again = sample(ports);
	for (unsigned tries = 0; tries < 5; tries++) {
		t = again;
		again = sample(ports);
		if (t.field[RTC_SECOND] == again.field[RTC_SECOND])
			break;
	}
	sys_close(ports);
	hour = number(&t, RTC_HOUR);
	month = number(&t, RTC_MONTH);
	day = number(&t, RTC_DAY);
	if (!(t.b & RTC_24H))
		hour = hour % 12 + (t.field[RTC_HOUR] & RTC_PM ? 12 : 0);
	if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23)
		return 0;
	return days(2000 + number(&t, RTC_YEAR), month, day) * 86400 + hour * 3600ULL +
	       number(&t, RTC_MINUTE) * 60ULL + number(&t, RTC_SECOND);
}
