/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reset control register, port 0xcf9, and system control port A, port 0x92: fast A20 and fast
 * reset. A fast (INIT) reset is a reset of the whole machine here.
 * Facts from [PIIX3 "Reset Control Register"] and [PIIX3 "Port 92 Register"].
 */
#include "guests/chips.h"

enum { REGION_CF9, REGION_92 };
enum { RST_HARD = 0x02, RST_CPU = 0x04, RST_FULL = 0x08 };
enum { FAST_RESET = 0x01, FAST_A20 = 0x02 };

struct reset_ctl {
	uint8_t cf9, port92;
};

static uint64_t reset_ctl_read(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes)
{
	const struct reset_ctl *s = d->state;

	(void)offset;
	(void)bytes;
	return region == REGION_CF9 ? s->cf9 : s->port92;
}

static void reset_ctl_write(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes,
			    uint64_t value)
{
	struct reset_ctl *s = d->state;

	(void)offset;
	(void)bytes;
	if (region == REGION_CF9) {
		s->cf9 = value & (RST_HARD | RST_FULL); /* the trigger reads as zero */
		if (value & RST_CPU)
			d->host->machine(d, VDEV_MACHINE_RESET);
		return;
	}
	s->port92 = value & ~(uint64_t)FAST_RESET & 0xff;
	d->host->machine(d, value & FAST_A20 ? VDEV_MACHINE_A20_ON : VDEV_MACHINE_A20_OFF);
	if (value & FAST_RESET)
		d->host->machine(d, VDEV_MACHINE_RESET);
}

static void reset_ctl_reset(struct vdev *d)
{
	struct reset_ctl *s = d->state;

	*s = (struct reset_ctl){ .port92 = FAST_A20 };
	d->host->machine(d, VDEV_MACHINE_A20_ON);
}

const struct vdev_class reset_ctl_class = {
	.name = "reset",
	.state_bytes = sizeof(struct reset_ctl),
	.version = 1,
	.reset = reset_ctl_reset,
	.read = reset_ctl_read,
	.write = reset_ctl_write,
};
