/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The real-time clock of a PC and its 128 bytes of CMOS memory. The time of day is the host's wall
 * time at power-on plus guest time; nothing ticks unless an interrupt is wanted. An update takes no
 * time, at the end of 244 us during which UIP is set. Daylight saving is not modelled.
 * Facts from [MC146818A].
 */
#include "guests/chips.h"

#define NS_PER_SEC 1000000000ULL
#define UIP_NS     244000 /* UIP is set this long before an update */
#define CRYSTAL_HZ 32768
#define CELLS      128

enum {
	SECONDS,
	SECONDS_ALARM,
	MINUTES,
	MINUTES_ALARM,
	HOURS,
	HOURS_ALARM,
	WEEKDAY,
	DAY,
	MONTH,
	YEAR,
	REG_A,
	REG_B,
	REG_C,
	REG_D,
	CENTURY = 0x32,
};
enum { A_UIP = 0x80, A_DIVIDER = 0x70, A_DIVIDER_RUN = 0x20, A_RATE = 0x0f };
enum {
	B_SET = 0x80,
	B_PIE = 0x40,
	B_AIE = 0x20,
	B_UIE = 0x10,
	B_SQWE = 0x08,
	B_BINARY = 0x04,
	B_24H = 0x02,
	B_DSE = 0x01
};
enum { C_IRQF = 0x80, C_PF = 0x40, C_AF = 0x20, C_UF = 0x10 };
enum { D_VRT = 0x80 };
enum { HOUR_PM = 0x80, ALARM_ANY = 0xc0 };
enum { TIMER_SECOND, TIMER_PERIODIC, TIMERS };

struct mc146818 {
	uint64_t epoch; /* seconds since 1970 at guest time `epoch_ns` */
	uint64_t epoch_ns; /* a second begins here */
	uint64_t updated; /* the last second whose update has been seen */
	uint64_t alarm; /* the second of the next alarm; VDEV_NEVER */
	uint64_t periodic; /* guest time of the next periodic event; VDEV_NEVER */
	uint8_t cell[CELLS]; /* time cells are valid while the clock stands */
	uint8_t index;
	uint8_t powered; /* the first reset has been */
};

struct clock {
	unsigned second, minute, hour, weekday, day, month, year;
};

static bool is_running(const struct mc146818 *s)
{
	return !(s->cell[REG_B] & B_SET) && (s->cell[REG_A] & A_DIVIDER) == A_DIVIDER_RUN;
}

static uint64_t rtc_second(const struct mc146818 *s, uint64_t now)
{
	return s->epoch + (now - s->epoch_ns) / NS_PER_SEC;
}

static uint8_t encode(const struct mc146818 *s, unsigned value)
{
	if (s->cell[REG_B] & B_BINARY)
		return (uint8_t)value;
	return (uint8_t)((value / 10) << 4 | value % 10);
}

static unsigned decode(const struct mc146818 *s, uint8_t cell)
{
	return s->cell[REG_B] & B_BINARY ? cell : (cell >> 4) * 10u + (cell & 15);
}

static uint8_t encode_hour(const struct mc146818 *s, unsigned hour)
{
	unsigned twelve = hour % 12 ? hour % 12 : 12;

	if (s->cell[REG_B] & B_24H)
		return encode(s, hour);
	return encode(s, twelve) | (hour >= 12 ? HOUR_PM : 0);
}

static unsigned decode_hour(const struct mc146818 *s, uint8_t cell)
{
	unsigned hour;

	if (s->cell[REG_B] & B_24H)
		return decode(s, cell);
	hour = decode(s, cell & 0x7f) % 12;
	return cell & HOUR_PM ? hour + 12 : hour;
}

/*
 * Days since 1970-01-01 and back, for the proleptic Gregorian calendar: years begin in March, so
 * that the leap day is the last of its year, and 400 years are 146097 days.
 */
static uint64_t days_of(unsigned year, unsigned month, unsigned day)
{
	uint64_t y = month <= 2 ? year - 1u : year;
	uint64_t of_year = (153 * (month > 2 ? month - 3u : month + 9u) + 2) / 5 + day - 1;
	uint64_t of_era = y % 400 * 365 + y % 400 / 4 - y % 400 / 100 + of_year;

	return y / 400 * 146097 + of_era - 719468;
}

static void clock_of(uint64_t epoch, struct clock *c)
{
	uint64_t days = epoch / 86400 + 719468, seconds = epoch % 86400;
	uint64_t era = days / 146097, of_era = days % 146097;
	uint64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	uint64_t m = (5 * of_year + 2) / 153;

	c->second = (unsigned)(seconds % 60);
	c->minute = (unsigned)(seconds / 60 % 60);
	c->hour = (unsigned)(seconds / 3600);
	c->weekday = (unsigned)((epoch / 86400 + 4) % 7) + 1; /* 1 is Sunday */
	c->day = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
	c->month = (unsigned)(m < 10 ? m + 3 : m - 9);
	c->year = (unsigned)(era * 400 + y + (c->month <= 2));
}

/* Time cells out of the running clock. */
static void rtc_show(struct mc146818 *s, uint64_t now)
{
	struct clock c;

	if (!is_running(s))
		return;
	clock_of(rtc_second(s, now), &c);
	s->cell[SECONDS] = encode(s, c.second);
	s->cell[MINUTES] = encode(s, c.minute);
	s->cell[HOURS] = encode_hour(s, c.hour);
	s->cell[WEEKDAY] = encode(s, c.weekday);
	s->cell[DAY] = encode(s, c.day);
	s->cell[MONTH] = encode(s, c.month);
	s->cell[YEAR] = encode(s, c.year % 100);
	s->cell[CENTURY] = (uint8_t)(c.year / 1000 % 10 << 4 | c.year / 100 % 10); /* always BCD */
}

static unsigned bring(unsigned value, unsigned low, unsigned high)
{
	return value < low ? low : value > high ? high : value;
}

/* The clock out of the time cells, nonsense brought into range. */
static uint64_t rtc_take(const struct mc146818 *s)
{
	unsigned century = (s->cell[CENTURY] >> 4) * 10u + (s->cell[CENTURY] & 15);
	unsigned year = bring(century * 100 + bring(decode(s, s->cell[YEAR]), 0, 99), 1970, 9999);
	unsigned month = bring(decode(s, s->cell[MONTH]), 1, 12);
	unsigned day = bring(decode(s, s->cell[DAY]), 1, 31);
	unsigned hour = bring(decode_hour(s, s->cell[HOURS]), 0, 23);
	unsigned minute = bring(decode(s, s->cell[MINUTES]), 0, 59);
	unsigned second = bring(decode(s, s->cell[SECONDS]), 0, 59);

	return ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
}

/* Does the cell say "any", or this value? */
static bool alarm_matches(const struct mc146818 *s, unsigned cell, unsigned value)
{
	uint8_t byte = s->cell[cell];

	if ((byte & ALARM_ANY) == ALARM_ANY)
		return true;
	return (cell == HOURS_ALARM ? decode_hour(s, byte) : decode(s, byte)) == value;
}

/* The first second after `after` at which the alarm goes off; VDEV_NEVER: it cannot. */
static uint64_t alarm_after(const struct mc146818 *s, uint64_t after)
{
	uint64_t t = after + 1, end = after + 86400;

	/* At most 25 hours, 61 minutes and 61 seconds are looked at. */
	while (t <= end) {
		if (!alarm_matches(s, HOURS_ALARM, (unsigned)(t / 3600 % 24)))
			t = (t / 3600 + 1) * 3600;
		else if (!alarm_matches(s, MINUTES_ALARM, (unsigned)(t / 60 % 60)))
			t = (t / 60 + 1) * 60;
		else if (!alarm_matches(s, SECONDS_ALARM, (unsigned)(t % 60)))
			t++;
		else
			return t;
	}
	return VDEV_NEVER;
}

/* The period in ns * CRYSTAL_HZ, that is in crystal ticks; 0: off. */
static uint64_t periodic_ticks(const struct mc146818 *s)
{
	unsigned rate = s->cell[REG_A] & A_RATE;

	if (rate == 0 || (s->cell[REG_A] & A_DIVIDER) != A_DIVIDER_RUN)
		return 0;
	/* Rates 1 and 2 are 256 and 128 Hz, as 8 and 9, with the 32 kHz time base. */
	return 1ULL << (rate < 3 ? rate + 6 : rate - 1);
}

/* The next multiple of the period after `now`. */
static uint64_t periodic_after(const struct mc146818 *s, uint64_t now)
{
	uint64_t period = periodic_ticks(s), ticks;

	if (period == 0)
		return VDEV_NEVER;
	ticks = now / NS_PER_SEC * CRYSTAL_HZ + now % NS_PER_SEC * CRYSTAL_HZ / NS_PER_SEC;
	ticks = (ticks / period + 1) * period;
	return ticks / CRYSTAL_HZ * NS_PER_SEC +
	       (ticks % CRYSTAL_HZ * NS_PER_SEC + CRYSTAL_HZ - 1) / CRYSTAL_HZ;
}

/* Flags of what has happened until now; the interrupt line; the timers of what is enabled. */
static void rtc_update(struct vdev *d)
{
	struct mc146818 *s = d->state;
	uint64_t now = d->host->now(d), second = rtc_second(s, now), next = VDEV_NEVER;
	uint8_t flags = s->cell[REG_C], b = s->cell[REG_B];

	if (is_running(s) && second != s->updated) {
		s->updated = second;
		flags |= C_UF;
		if (second >= s->alarm) {
			flags |= C_AF;
			s->alarm = alarm_after(s, second);
		}
	}
	if (now >= s->periodic) {
		flags |= C_PF;
		s->periodic = periodic_after(s, now);
	}
	flags &= (uint8_t)~C_IRQF;
	if (flags & b & (C_PF | C_AF | C_UF))
		flags |= C_IRQF;
	s->cell[REG_C] = flags;
	d->host->line(d, 0, flags & C_IRQF);
	/* A flag that is set already needs no timer to set it again. */
	if (is_running(s) && (b & B_UIE) && !(flags & C_UF))
		next = second + 1;
	else if (is_running(s) && (b & B_AIE) && !(flags & C_AF))
		next = s->alarm;
	if (next != VDEV_NEVER)
		next = s->epoch_ns + (next - s->epoch) * NS_PER_SEC;
	d->host->timer(d, TIMER_SECOND, next);
	d->host->timer(d, TIMER_PERIODIC,
		       (b & B_PIE) && !(flags & C_PF) ? s->periodic : VDEV_NEVER);
}

static void rtc_set_alarm(struct mc146818 *s, uint64_t now)
{
	s->alarm = alarm_after(s, rtc_second(s, now));
}

/* Starts the clock from the time cells, `into` ns after the beginning of that second. */
static void rtc_start(struct mc146818 *s, uint64_t now, uint64_t into)
{
	s->epoch = rtc_take(s);
	if (into > now) { /* guest time has no such past: the second is cut short instead */
		s->epoch_ns = 0;
	} else {
		s->epoch_ns = now - into;
	}
	s->updated = rtc_second(s, now);
	rtc_set_alarm(s, now);
}

static uint8_t rtc_read(struct vdev *d)
{
	struct mc146818 *s = d->state;
	uint64_t now = d->host->now(d);
	uint8_t value;

	switch (s->index) {
	case REG_A:
		value = s->cell[REG_A];
		if (is_running(s) && (now - s->epoch_ns) % NS_PER_SEC >= NS_PER_SEC - UIP_NS)
			value |= A_UIP;
		return value;
	case REG_C:
		rtc_update(d);
		value = s->cell[REG_C];
		s->cell[REG_C] = 0;
		rtc_update(d);
		return value;
	case REG_D:
		return D_VRT;
	default:
		rtc_show(s, now);
		return s->cell[s->index];
	}
}

/* REG_A or REG_B: may stop the clock, start it, or change how its cells are written. */
static void rtc_control(struct mc146818 *s, uint64_t now, uint8_t value)
{
	bool was_running = is_running(s);
	bool was_reset = (s->cell[REG_A] & A_DIVIDER) != A_DIVIDER_RUN;
	uint64_t into = was_running ? (now - s->epoch_ns) % NS_PER_SEC : 0;
	uint64_t seconds = rtc_second(s, now);

	rtc_show(s, now);
	if (s->index == REG_A) {
		s->cell[REG_A] = value & (A_DIVIDER | A_RATE);
		s->periodic = periodic_after(s, now);
	} else {
		if (value & B_SET)
			value &= (uint8_t)~B_UIE; /* [MC146818A "SET"] */
		s->cell[REG_B] = value;
	}
	if (was_running && is_running(s)) {
		s->epoch_ns = now - into; /* only the form of the cells may have changed */
		s->epoch = seconds;
		rtc_set_alarm(s, now);
	} else if (!was_running && is_running(s)) {
		/* Out of divider reset, the first update comes half a second later. */
		rtc_start(s, now, was_reset ? NS_PER_SEC / 2 : 0);
	}
}

static void rtc_write(struct vdev *d, uint8_t value)
{
	struct mc146818 *s = d->state;
	uint64_t now = d->host->now(d), into = (now - s->epoch_ns) % NS_PER_SEC;

	rtc_update(d);
	switch (s->index) {
	case REG_A:
	case REG_B:
		rtc_control(s, now, value);
		break;
	case REG_C:
	case REG_D:
		return;
	case SECONDS_ALARM:
	case MINUTES_ALARM:
	case HOURS_ALARM:
		s->cell[s->index] = value;
		rtc_set_alarm(s, now);
		break;
	case SECONDS:
	case MINUTES:
	case HOURS:
	case WEEKDAY:
	case DAY:
	case MONTH:
	case YEAR:
	case CENTURY:
		rtc_show(s, now);
		s->cell[s->index] = value;
		if (is_running(s))
			rtc_start(s, now, into);
		break;
	default:
		s->cell[s->index] = value;
		return;
	}
	rtc_update(d);
}

static uint64_t mc146818_read(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes)
{
	(void)region;
	(void)bytes;
	return offset & 1 ? rtc_read(d) : 0xff; /* the index register cannot be read */
}

static void mc146818_write(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes,
			   uint64_t value)
{
	struct mc146818 *s = d->state;

	(void)region;
	(void)bytes;
	if (offset & 1)
		rtc_write(d, (uint8_t)value);
	else
		s->index = value & (CELLS - 1); /* bit 7 masks NMI, which nothing here raises */
}

static void mc146818_timer(struct vdev *d, unsigned id)
{
	(void)id;
	rtc_update(d);
}

/* Backed by a battery: time and memory survive a reset, interrupt enables do not. */
static void mc146818_reset(struct vdev *d)
{
	struct mc146818 *s = d->state;

	if (!s->powered) {
		s->powered = 1;
		s->cell[REG_A] = A_DIVIDER_RUN | 6; /* 1024 Hz, as PC firmware leaves it */
		s->cell[REG_B] = B_24H;
		s->epoch = d->host->wall(d);
		s->epoch_ns = d->host->now(d);
		s->updated = s->epoch;
		s->alarm = alarm_after(s, s->epoch);
		s->periodic = periodic_after(s, s->epoch_ns);
	}
	s->index = 0;
	s->cell[REG_B] &= (uint8_t) ~(B_PIE | B_AIE | B_UIE | B_SQWE);
	s->cell[REG_C] = 0;
	rtc_update(d);
}

void mc146818_store(struct vdev *d, unsigned cell, uint8_t value)
{
	struct mc146818 *s = d->state;

	if (cell > REG_D && cell < CELLS && cell != CENTURY)
		s->cell[cell] = value;
}

const struct vdev_class mc146818_class = {
	.name = "MC146818",
	.state_bytes = sizeof(struct mc146818),
	.version = 1,
	.timers = TIMERS,
	.lines_out = 1,
	.reset = mc146818_reset,
	.read = mc146818_read,
	.write = mc146818_write,
	.timer = mc146818_timer,
};
