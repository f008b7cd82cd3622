/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 8254 timer: three counters, modes 0 to 5, and port 0x61, which gates counter 2 and shows its
 * output. (The port lives here because a read of it samples that output at that very moment.)
 * Nothing ticks: a counter is its start time, and what it reads is computed. Only rising edges of
 * counter 0 are told to the board; the low part of its wave is not, but for an instant before the
 * edge, which is what an edge-triggered input needs. Edges that the host was too late for are
 * dropped, not queued. Facts from [8254] and [PIIX3 "NMI Status and Control Register"].
 */
#include "guests/chips.h"

#define PIT_HZ     1193182ULL
#define NS_PER_SEC 1000000000ULL
#define REFRESH_NS 15085 /* port 0x61 bit 4 toggles with the memory refresh requests */
#define NOT_LOADED UINT64_MAX

enum { ACCESS_LATCH = 0, ACCESS_LOW, ACCESS_HIGH, ACCESS_BOTH };

struct counter {
	uint64_t start; /* tick at which the count was loaded; NOT_LOADED: not counting */
	uint64_t held; /* gate low: ticks counted until it fell */
	uint64_t switch_at; /* modes 2 and 3: tick at which `next` takes over */
	uint32_t count; /* initial count as loaded, 1 to 65536 */
	uint32_t next; /* written, and waiting for the end of a period or for a trigger; or 0 */
	uint16_t latch;
	uint8_t mode, access, bcd, gate;
	uint8_t low; /* ACCESS_BOTH: the low byte as written */
	uint8_t write_high, read_high; /* ACCESS_BOTH: the high byte is next */
	uint8_t latched; /* bytes of the latch still to be read */
	uint8_t status, status_latched;
};

struct i8254 {
	struct counter counter[3];
	uint8_t control; /* port 0x61 bits 0 to 3 */
};

static uint64_t pit_ticks(struct vdev *d)
{
	uint64_t now = d->host->now(d);

	return now / NS_PER_SEC * PIT_HZ + now % NS_PER_SEC * PIT_HZ / NS_PER_SEC;
}

/* The first nanosecond at which `ticks` have passed. */
static uint64_t pit_when(uint64_t ticks)
{
	return ticks / PIT_HZ * NS_PER_SEC + (ticks % PIT_HZ * NS_PER_SEC + PIT_HZ - 1) / PIT_HZ;
}

static bool is_periodic(const struct counter *c)
{
	return c->mode == 2 || c->mode == 3;
}

/* In modes 1 and 5 the gate does not pause the counter: its rising edge loads it. */
static bool is_triggered(const struct counter *c)
{
	return c->mode == 1 || c->mode == 5;
}

/* A count written while a period was running takes effect when that period is over. */
static void counter_settle(struct counter *c, uint64_t tick)
{
	if (!is_periodic(c) || c->next == 0 || !c->gate || tick < c->switch_at)
		return;
	c->start = c->switch_at;
	c->count = c->next;
	c->next = 0;
}

/* Ticks since the count was loaded. Requires that it has been. */
static uint64_t counter_elapsed(const struct counter *c, uint64_t tick)
{
	if (!c->gate && !is_triggered(c))
		return c->held;
	return tick > c->start ? tick - c->start : 0;
}

static bool counter_out(const struct counter *c, uint64_t tick)
{
	uint64_t e;

	if (c->start == NOT_LOADED)
		return c->mode != 0;
	e = counter_elapsed(c, tick);
	switch (c->mode) {
	case 0:
	case 1:
		return e >= c->count;
	case 2:
		return !c->gate || e % c->count != c->count - 1 || c->count == 1;
	case 3:
		return !c->gate || e % c->count < (c->count + 1) / 2;
	default: /* the strobes: low for one tick */
		return e != c->count;
	}
}

/* What the counting element holds, not yet as BCD. */
static uint32_t counter_value(const struct counter *c, uint64_t tick)
{
	uint32_t modulus = c->bcd ? 10000 : 65536;
	uint32_t phase, half;
	uint64_t e;

	if (c->start == NOT_LOADED)
		return c->count % modulus;
	e = counter_elapsed(c, tick);
	switch (c->mode) {
	case 2:
		return (c->count - (uint32_t)(e % c->count)) % modulus;
	case 3: /* counts down by two, twice a period; an odd count loads one less */
		phase = (uint32_t)(e % c->count);
		half = (c->count + 1) / 2;
		if (phase >= half)
			phase -= half;
		return ((c->count & ~1u) - 2 * phase) % modulus;
	default: /* wraps and goes on after the terminal count */
		return (c->count + modulus - (uint32_t)(e % modulus)) % modulus;
	}
}

static uint16_t to_bcd(uint32_t value)
{
	return (uint16_t)(value / 1000 % 10 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 |
			  value % 10);
}

static uint32_t from_bcd(uint32_t value)
{
	return (value >> 12 & 15) * 1000 + (value >> 8 & 15) * 100 + (value >> 4 & 15) * 10 +
	       (value & 15);
}

static uint16_t counter_read_value(const struct counter *c, uint64_t tick)
{
	uint32_t value = counter_value(c, tick);

	return c->bcd ? to_bcd(value) : (uint16_t)value;
}

/* The tick of the next rising edge of OUT after `tick`, or NOT_LOADED. Requires counter_settle. */
static uint64_t counter_next_edge(const struct counter *c, uint64_t tick)
{
	uint64_t e;

	if (c->start == NOT_LOADED || (!c->gate && !is_triggered(c)))
		return NOT_LOADED;
	e = counter_elapsed(c, tick);
	if (is_periodic(c))
		return c->start + (e / c->count + 1) * c->count;
	if (c->mode <= 1)
		return e < c->count ? c->start + c->count : NOT_LOADED;
	return e <= c->count ? c->start + c->count + 1 : NOT_LOADED;
}

/* A whole count has been written; it is loaded with the next clock, period or trigger. */
static void counter_load(struct counter *c, uint64_t tick, uint32_t value)
{
	uint32_t count = c->bcd ? from_bcd(value) : value;

	if (count == 0)
		count = c->bcd ? 10000 : 65536;
	if (is_triggered(c)) {
		c->next = count;
	} else if (is_periodic(c) && c->start != NOT_LOADED) {
		c->next = count;
		c->switch_at = c->start + (counter_elapsed(c, tick) / c->count + 1) * c->count;
	} else {
		c->count = count;
		c->start = tick + 1;
		c->held = 0;
	}
}

static void counter_write(struct counter *c, uint64_t tick, uint8_t value)
{
	switch (c->access) {
	case ACCESS_LOW:
		counter_load(c, tick, value);
		break;
	case ACCESS_HIGH:
		counter_load(c, tick, (uint32_t)value << 8);
		break;
	default:
		c->write_high = !c->write_high;
		if (c->write_high) {
			c->low = value;
			if (c->mode == 0) /* the first byte stops the count and lowers OUT */
				c->start = NOT_LOADED;
		} else {
			counter_load(c, tick, c->low | (uint32_t)value << 8);
		}
		break;
	}
}

static uint8_t counter_read(struct counter *c, uint64_t tick)
{
	uint16_t value;
	bool high;

	if (c->status_latched) {
		c->status_latched = 0;
		return c->status;
	}
	value = c->latched ? c->latch : counter_read_value(c, tick);
	if (c->latched)
		c->latched--;
	high = c->access == ACCESS_HIGH;
	if (c->access == ACCESS_BOTH) {
		high = c->read_high;
		c->read_high = !c->read_high;
	}
	return (uint8_t)(high ? value >> 8 : value);
}

static void counter_latch(struct counter *c, uint64_t tick)
{
	if (c->latched)
		return; /* the first latch stays until it has been read */
	c->latch = counter_read_value(c, tick);
	c->latched = c->access == ACCESS_BOTH ? 2 : 1;
	c->read_high = 0;
}

static void counter_latch_status(struct counter *c, uint64_t tick)
{
	bool null_count = c->start == NOT_LOADED || c->next != 0 || tick < c->start;

	if (c->status_latched)
		return;
	c->status = (uint8_t)(counter_out(c, tick) << 7 | null_count << 6 | c->access << 4 |
			      c->mode << 1 | c->bcd);
	c->status_latched = 1;
}

static void counter_gate(struct counter *c, uint64_t tick, bool gate)
{
	if (gate == c->gate)
		return;
	if (!gate) {
		if (c->start != NOT_LOADED && !is_triggered(c))
			c->held = counter_elapsed(c, tick);
		c->gate = 0;
		return;
	}
	c->gate = 1;
	if (is_triggered(c) || is_periodic(c)) { /* a rising gate loads the count again */
		if (c->next)
			c->count = c->next;
		c->next = 0;
		if (c->count && (is_triggered(c) || c->start != NOT_LOADED))
			c->start = tick + 1;
	} else if (c->start != NOT_LOADED) {
		c->start = tick + 1 - c->held;
	}
}

static void pit_control(struct i8254 *s, uint64_t tick, uint8_t value)
{
	unsigned select = value >> 6, access = (value >> 4) & 3;
	struct counter *c;

	if (select == 3) { /* read-back: bits 5 and 4 are active low */
		for (unsigned i = 0; i < 3; i++) {
			if (!(value & 2u << i))
				continue;
			if (!(value & 0x20))
				counter_latch(&s->counter[i], tick);
			if (!(value & 0x10))
				counter_latch_status(&s->counter[i], tick);
		}
		return;
	}
	c = &s->counter[select];
	if (access == ACCESS_LATCH) {
		counter_latch(c, tick);
		return;
	}
	*c = (struct counter){ .start = NOT_LOADED,
			       .gate = c->gate,
			       .access = (uint8_t)access,
			       .mode = (value >> 1) & 7,
			       .bcd = value & 1 };
	if (c->mode > 5)
		c->mode &= 3; /* bit 2 is "don't care" in modes 2 and 3 */
}

/* Tell counter 0's level, and arm its next rising edge. */
static void pit_update(struct vdev *d, uint64_t tick)
{
	struct i8254 *s = d->state;
	struct counter *c = &s->counter[0];
	uint64_t edge = counter_next_edge(c, tick);

	d->host->line(d, 0, counter_out(c, tick));
	d->host->timer(d, 0, edge == NOT_LOADED ? VDEV_NEVER : pit_when(edge));
}

static void i8254_timer(struct vdev *d, unsigned id)
{
	struct i8254 *s = d->state;
	struct counter *c = &s->counter[0];
	uint64_t tick = pit_ticks(d), edge;

	(void)id;
	counter_settle(c, tick);
	edge = counter_next_edge(c, tick);
	d->host->line(d, 0, false);
	d->host->line(d, 0, true);
	d->host->timer(d, 0, edge == NOT_LOADED ? VDEV_NEVER : pit_when(edge));
}

static uint64_t i8254_read(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes)
{
	struct i8254 *s = d->state;
	uint64_t tick = pit_ticks(d);
	bool refresh;

	(void)bytes;
	for (unsigned i = 0; i < 3; i++)
		counter_settle(&s->counter[i], tick);
	if (region == 1) {
		refresh = d->host->now(d) / REFRESH_NS & 1;
		return (uint64_t)(s->control | refresh << 4 |
				  counter_out(&s->counter[2], tick) << 5);
	}
	if (offset >= 3)
		return 0xff; /* the control word cannot be read */
	return counter_read(&s->counter[offset], tick);
}

static void i8254_write(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes,
			uint64_t value)
{
	struct i8254 *s = d->state;
	uint64_t tick = pit_ticks(d);
	bool counter0 = false;

	(void)bytes;
	for (unsigned i = 0; i < 3; i++)
		counter_settle(&s->counter[i], tick);
	if (region == 1) {
		s->control = value & 0xf;
		counter_gate(&s->counter[2], tick, value & 1);
	} else if (offset >= 3) {
		/* A latch command changes nothing that the board sees. */
		counter0 = (value & 0xc0) == 0 && (value & 0x30) != 0;
		pit_control(s, tick, (uint8_t)value);
	} else {
		counter0 = offset == 0;
		counter_write(&s->counter[offset], tick, (uint8_t)value);
	}
	if (counter0)
		pit_update(d, tick);
}

static void i8254_reset(struct vdev *d)
{
	struct i8254 *s = d->state;

	*s = (struct i8254){ 0 };
	for (unsigned i = 0; i < 3; i++)
		s->counter[i] = (struct counter){
			.start = NOT_LOADED, .mode = 3, .gate = i != 2, .access = ACCESS_BOTH
		};
	pit_update(d, pit_ticks(d));
}

const struct vdev_class i8254_class = {
	.name = "8254",
	.state_bytes = sizeof(struct i8254),
	.version = 1,
	.timers = 1,
	.lines_out = 1,
	.reset = i8254_reset,
	.read = i8254_read,
	.write = i8254_write,
	.timer = i8254_timer,
};
