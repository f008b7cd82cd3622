/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What test programs written for QEMU find there: isa-debug-exit, isa-debugcon and pc-testdev in one
 * chip. QEMU has the debug console on port 0xe9 in the middle of pc-testdev's byte-wide scratch
 * register: here, too, a byte at 0xe9 is the console's, and everything wider is the register's. The
 * flush port makes QEMU unmap a page for a moment; no mapping is dropped here, and a guest cannot tell.
 */
#include "guests/chips.h"
#include "lib/string.h"

enum { REGION_EXIT, REGION_SCRATCH, REGION_FLUSH, REGION_SCRATCH_BYTE, REGION_IRQ, REGION_MEMORY };
enum { TIMER_TRANSMIT, TIMERS };
enum { CONSOLE_OFFSET = 1, CONSOLE_ID = 0xe9, MEMORY_BYTES = 0x10000, FIFO = 2048 };

#define RETRY_NS 1000000 /* offer bytes to a host that would not take them */

struct testdev {
	uint8_t exited;
	uint8_t memory[MEMORY_BYTES];
	uint32_t scratch;
	uint32_t count; /* bytes in fifo */
	uint8_t fifo[FIFO]; /* of the debug console; beyond, bytes are lost */
};

static void console_send(struct vdev *d)
{
	struct testdev *s = d->state;
	size_t taken = s->count ? d->host->transmit(d, 0, s->fifo, s->count) : 0;

	if (taken > s->count)
		taken = s->count;
	s->count -= (uint32_t)taken;
	memmove(s->fifo, s->fifo + taken, s->count);
	if (s->count)
		d->host->timer(d, TIMER_TRANSMIT, d->host->now(d) + RETRY_NS);
}

static void console_put(struct vdev *d, uint8_t byte)
{
	struct testdev *s = d->state;
	bool waiting = s->count != 0; /* then the timer sends */

	if (s->count < FIFO)
		s->fifo[s->count++] = byte;
	if (!waiting)
		console_send(d);
}

static uint64_t mask(unsigned bytes)
{
	return bytes >= 8 ? UINT64_MAX : (1ULL << (8 * bytes)) - 1;
}

static uint64_t testdev_read(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes)
{
	const struct testdev *s = d->state;
	uint64_t value = 0;

	switch (region) {
	case REGION_SCRATCH_BYTE:
		if (bytes == 1 && offset == CONSOLE_OFFSET)
			return CONSOLE_ID;
		return s->scratch >> (8 * (offset & 3));
	case REGION_SCRATCH:
		return s->scratch >> (8 * (offset & 3));
	case REGION_MEMORY:
		if (offset < MEMORY_BYTES && bytes <= MEMORY_BYTES - offset)
			memcpy(&value, s->memory + offset, bytes);
		return value;
	case REGION_EXIT:
		return 0;
	default:
		return UINT64_MAX; /* write only */
	}
}

static void scratch_write(struct testdev *s, unsigned shift, unsigned bytes, uint64_t value)
{
	s->scratch &= (uint32_t)~(mask(bytes) << shift);
	s->scratch |= (uint32_t)((value & mask(bytes)) << shift);
}

/* The exit status is QEMU's: twice the value and one, what a process can return of it. */
static void debug_exit(struct vdev *d, uint64_t value)
{
	struct testdev *s = d->state;

	if (!s->exited)
		d->host->exit(d, (uint32_t)(value << 1 | 1) & 0xff);
	s->exited = 1;
}

static void testdev_write(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes,
			  uint64_t value)
{
	struct testdev *s = d->state;

	switch (region) {
	case REGION_EXIT:
		debug_exit(d, value & mask(bytes));
		break;
	case REGION_SCRATCH_BYTE:
		if (bytes == 1 && offset == CONSOLE_OFFSET)
			console_put(d, (uint8_t)value);
		else
			scratch_write(s, 8 * (offset & 3), bytes, value);
		break;
	case REGION_SCRATCH:
		scratch_write(s, 8 * (offset & 3), bytes, value);
		break;
	case REGION_IRQ:
		if (offset < TESTDEV_LINES)
			d->host->line(d, (unsigned)offset, (value & mask(bytes)) != 0);
		break;
	case REGION_MEMORY:
		if (offset < MEMORY_BYTES && bytes <= MEMORY_BYTES - offset)
			memcpy(s->memory + offset, &value, bytes);
		break;
	default: /* REGION_FLUSH */
		break;
	}
}

static void testdev_timer(struct vdev *d, unsigned id)
{
	(void)id;
	console_send(d);
}

static void testdev_reset(struct vdev *d)
{
	struct testdev *s = d->state;

	memset(s, 0, sizeof(*s));
	d->host->timer(d, TIMER_TRANSMIT, VDEV_NEVER);
	for (unsigned pin = 0; pin < TESTDEV_LINES; pin++)
		d->host->line(d, pin, false);
}

const struct vdev_class testdev_class = {
	.name = "testdev",
	.state_bytes = sizeof(struct testdev),
	.version = 1,
	.timers = TIMERS,
	.lines_out = TESTDEV_LINES,
	.channels = 1,
	.reset = testdev_reset,
	.read = testdev_read,
	.write = testdev_write,
	.timer = testdev_timer,
};
