/* SPDX-License-Identifier: GPL-2.0-only */
/* The recording host of vdev_fake.h. Hosted: for unit tests and fuzzers only. */
#include "tests/unit/vdev_fake.h"

#include "kernel/abi/status.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct vdev_fake *fake_of(struct vdev *d)
{
	return (struct vdev_fake *)((char *)d - offsetof(struct vdev_fake, d));
}

static void broken(const struct vdev_fake *f, const char *rule)
{
	fprintf(stderr, "%s breaks the device contract: %s\n", f->d.class->name, rule);
	abort();
}

static uint64_t now(struct vdev *d)
{
	return fake_of(d)->now;
}

static uint64_t wall(struct vdev *d)
{
	return fake_of(d)->wall;
}

static void timer(struct vdev *d, unsigned id, uint64_t when)
{
	struct vdev_fake *f = fake_of(d);

	if (id >= d->class->timers || id >= FAKE_TIMERS)
		broken(f, "timer number");
	f->timer[id] = when;
}

static void line(struct vdev *d, unsigned pin, bool level)
{
	struct vdev_fake *f = fake_of(d);

	if (pin >= d->class->lines_out || pin >= FAKE_LINES)
		broken(f, "line number");
	f->rises[pin] += level && !f->line[pin];
	f->line[pin] = level;
}

static void msi(struct vdev *d, uint64_t address, uint32_t data)
{
	struct vdev_fake *f = fake_of(d);

	if (f->msis < FAKE_LOG)
		f->msi[f->msis] = (struct fake_msi){ address, data };
	f->msis++;
}

static int mem_read(struct vdev *d, gpa_t from, void *to, size_t bytes)
{
	struct vdev_fake *f = fake_of(d);

	if (from.raw > FAKE_RAM || bytes > FAKE_RAM - from.raw)
		return E_RANGE;
	memcpy(to, f->ram + from.raw, bytes);
	return 0;
}

static int mem_write(struct vdev *d, gpa_t to, const void *from, size_t bytes)
{
	struct vdev_fake *f = fake_of(d);

	if (to.raw > FAKE_RAM || bytes > FAKE_RAM - to.raw)
		return E_RANGE;
	memcpy(f->ram + to.raw, from, bytes);
	return 0;
}

static size_t transmit(struct vdev *d, unsigned channel, const void *data, size_t bytes)
{
	struct vdev_fake *f = fake_of(d);
	const uint8_t *byte = data;

	if (channel >= d->class->channels)
		broken(f, "channel number");
	if (bytes > f->out_limit)
		bytes = f->out_limit;
	for (size_t i = 0; i < bytes; i++) {
		if (f->outs < FAKE_LOG)
			f->out[f->outs] = byte[i];
		f->outs++;
	}
	return bytes;
}

static void ready(struct vdev *d, unsigned channel)
{
	struct vdev_fake *f = fake_of(d);

	if (channel >= d->class->channels || channel >= 4)
		broken(f, "channel number");
	f->ready[channel]++;
}

static uint32_t config_read(struct vdev *d, unsigned devfn, unsigned offset, unsigned bytes)
{
	struct vdev_fake *f = fake_of(d);

	if (devfn == 0 || devfn > 0xff || offset + bytes > 256)
		broken(f, "configuration access");
	f->config_devfn = devfn;
	f->config_offset = offset;
	f->config_bytes = bytes;
	f->config_reads++;
	return f->config_value;
}

static void config_write(struct vdev *d, unsigned devfn, unsigned offset, unsigned bytes,
			 uint32_t value)
{
	struct vdev_fake *f = fake_of(d);

	if (devfn == 0 || devfn > 0xff || offset + bytes > 256)
		broken(f, "configuration access");
	f->config_devfn = devfn;
	f->config_offset = offset;
	f->config_bytes = bytes;
	f->config_value = value;
	f->config_writes++;
}

static void machine(struct vdev *d, enum vdev_machine_request request)
{
	struct vdev_fake *f = fake_of(d);

	if ((unsigned)request >= 4)
		broken(f, "machine request");
	f->requests[request]++;
}

static void fake_exit(struct vdev *d, uint32_t status)
{
	struct vdev_fake *f = fake_of(d);

	if (status > 255)
		broken(f, "exit status");
	if (f->exits++ == 0)
		f->exit_status = status;
}

static void failed(struct vdev *d, const char *why, uint64_t value)
{
	struct vdev_fake *f = fake_of(d);

	(void)value;
	if (f->failures++)
		broken(f, "failure told twice");
	f->why = why;
}

static const struct vdev_host fake_host = {
	.now = now,
	.wall = wall,
	.timer = timer,
	.line = line,
	.msi = msi,
	.mem_read = mem_read,
	.mem_write = mem_write,
	.transmit = transmit,
	.ready = ready,
	.config_read = config_read,
	.config_write = config_write,
	.machine = machine,
	.exit = fake_exit,
	.failed = failed,
};

static void enter(struct vdev_fake *f)
{
	if (f->inside)
		broken(f, "re-entered");
	f->inside = true;
}

static void leave(struct vdev_fake *f)
{
	f->inside = false;
}

void fake_attach(struct vdev_fake *f, const struct vdev_class *class, uint64_t wall_seconds)
{
	memset(f, 0, sizeof(*f));
	f->d = (struct vdev){ .class = class, .host = &fake_host, .state = f->state };
	f->wall = wall_seconds;
	f->out_limit = FAKE_LOG;
	for (unsigned i = 0; i < FAKE_TIMERS; i++)
		f->timer[i] = VDEV_NEVER;
	if (class->state_bytes > FAKE_STATE)
		broken(f, "state does not fit the fake");
	/* A canary behind the state: models may not write there. */
	memset(f->state + class->state_bytes, 0xa5, FAKE_STATE - class->state_bytes);
}

static void check_canary(const struct vdev_fake *f)
{
	for (size_t i = f->d.class->state_bytes; i < FAKE_STATE && i < f->d.class->state_bytes + 64;
	     i++) {
		if (f->state[i] != 0xa5)
			broken(f, "wrote behind its state");
	}
}

void fake_reset(struct vdev_fake *f)
{
	enter(f);
	f->d.class->reset(&f->d);
	leave(f);
}

void fake_start(struct vdev_fake *f, const struct vdev_class *class, uint64_t wall_seconds)
{
	fake_attach(f, class, wall_seconds);
	fake_reset(f);
}

uint64_t fake_read(struct vdev_fake *f, unsigned region, uint64_t offset, unsigned bytes)
{
	uint64_t value;

	enter(f);
	value = f->d.class->read(&f->d, region, offset, bytes);
	leave(f);
	check_canary(f);
	return bytes < 8 ? value & ((1ULL << (8 * bytes)) - 1) : value;
}

void fake_write(struct vdev_fake *f, unsigned region, uint64_t offset, unsigned bytes,
		uint64_t value)
{
	enter(f);
	f->d.class->write(&f->d, region, offset, bytes, value);
	leave(f);
	check_canary(f);
}

void fake_line(struct vdev_fake *f, unsigned pin, bool level)
{
	enter(f);
	f->d.class->line(&f->d, pin, level);
	leave(f);
}

size_t fake_receive(struct vdev_fake *f, unsigned channel, const void *data, size_t bytes)
{
	size_t taken;

	enter(f);
	taken = f->d.class->receive(&f->d, channel, data, bytes);
	leave(f);
	if (taken > bytes)
		broken(f, "took more than it was offered");
	check_canary(f);
	return taken;
}

void fake_eoi(struct vdev_fake *f, uint8_t vector)
{
	enter(f);
	f->d.class->eoi(&f->d, vector);
	leave(f);
}

uint8_t fake_inta(struct vdev_fake *f)
{
	uint8_t vector;

	enter(f);
	vector = f->d.class->inta(&f->d);
	leave(f);
	return vector;
}

uint64_t fake_deadline(const struct vdev_fake *f)
{
	uint64_t first = VDEV_NEVER;

	for (unsigned i = 0; i < FAKE_TIMERS; i++) {
		if (f->timer[i] < first)
			first = f->timer[i];
	}
	return first;
}

void fake_advance(struct vdev_fake *f, uint64_t ns)
{
	uint64_t end = f->now + ns;

	for (unsigned budget = 100000; budget; budget--) {
		uint64_t first = fake_deadline(f);
		unsigned id = 0;

		if (first > end)
			break;
		while (f->timer[id] != first)
			id++;
		f->timer[id] = VDEV_NEVER;
		if (first > f->now)
			f->now = first;
		enter(f);
		f->d.class->timer(&f->d, id);
		leave(f);
		if (f->timer[id] <= f->now)
			broken(f, "armed a timer in the past from its own expiry");
	}
	f->now = end;
}
