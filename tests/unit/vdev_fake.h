/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A host for one device model: it records everything that the model says, and lets a test move the
 * clock. It checks the contract of guests/vdev.h as it goes (pins, timers and channels within the
 * class's figures; no re-entry) and aborts when a model breaks it.
 */
#pragma once

#include "guests/vdev.h"

#define FAKE_STATE  73728
#define FAKE_TIMERS 8
#define FAKE_LINES  24
#define FAKE_LOG    64
#define FAKE_RAM    4096

struct fake_msi {
	uint64_t address;
	uint32_t data;
};

struct vdev_fake {
	struct vdev d;
	uint64_t now, wall;
	uint64_t timer[FAKE_TIMERS]; /* VDEV_NEVER: not armed */
	bool line[FAKE_LINES];
	unsigned rises[FAKE_LINES]; /* how often the line went from low to high */
	struct fake_msi msi[FAKE_LOG]; /* the first ones */
	unsigned msis;
	uint8_t out[FAKE_LOG]; /* the first bytes transmitted */
	unsigned outs, out_limit; /* transmit takes at most out_limit bytes a call */
	unsigned ready[4]; /* calls a channel */
	unsigned requests[4]; /* calls a kind of enum vdev_machine_request */
	unsigned failures;
	unsigned exits, exit_status; /* calls; the first one's status */
	const char *why;
	unsigned config_devfn, config_offset, config_bytes,
		config_value; /* last forwarded access */
	unsigned config_reads, config_writes;
	uint8_t ram[FAKE_RAM];
	bool inside; /* in a call of the model */
	_Alignas(16) uint8_t state[FAKE_STATE];
};

/* Power-on at guest time 0, wall clock as given. */
void fake_start(struct vdev_fake *f, const struct vdev_class *class, uint64_t wall);
/* As fake_start, without the reset: for models that are configured before it. */
void fake_attach(struct vdev_fake *f, const struct vdev_class *class, uint64_t wall);
void fake_reset(struct vdev_fake *f);
uint64_t fake_read(struct vdev_fake *f, unsigned region, uint64_t offset, unsigned bytes);
void fake_write(struct vdev_fake *f, unsigned region, uint64_t offset, unsigned bytes,
		uint64_t value);
void fake_line(struct vdev_fake *f, unsigned pin, bool level);
size_t fake_receive(struct vdev_fake *f, unsigned channel, const void *data, size_t bytes);
void fake_eoi(struct vdev_fake *f, uint8_t vector);
uint8_t fake_inta(struct vdev_fake *f);
/* Moves the clock on, running timers when they are due, in order; no more than 100000 of them. */
void fake_advance(struct vdev_fake *f, uint64_t ns);
/* Earliest armed timer, or VDEV_NEVER. */
uint64_t fake_deadline(const struct vdev_fake *f);

static inline uint8_t fake_in8(struct vdev_fake *f, unsigned region, uint64_t offset)
{
	return (uint8_t)fake_read(f, region, offset, 1);
}

static inline void fake_out8(struct vdev_fake *f, unsigned region, uint64_t offset, uint8_t value)
{
	fake_write(f, region, offset, 1, value);
}
