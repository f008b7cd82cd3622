/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device contract. A device model is a class (constant functions and sizes) plus an instance:
 * one plain struct of state without pointers, supplied by the host. A model's only way out is
 * struct vdev_host. So the same object file runs in the monitor, in a unit test and in a fuzzer.
 *
 * Rules for a model: no globals that can be written, no allocation, no clock of its own; guest
 * memory is read once a field; every index from a guest is bounded; every loop has a budget. A
 * snapshot of a device is a copy of its state. Called with the board's lock held, never re-entered
 * (a host call from a model may reach another model, never the same one).
 */
#pragma once

#include "lib/addr.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vdev;

#define VDEV_NEVER         UINT64_MAX
#define VDEV_REGION_CONFIG 15 /* a PCI function's configuration space, offset 0 to 255 */

enum vdev_machine_request {
	VDEV_MACHINE_RESET, /* hard reset: all devices and all vCPUs */
	VDEV_MACHINE_POWER_OFF, /* ACPI S5 */
	VDEV_MACHINE_A20_ON,
	VDEV_MACHINE_A20_OFF,
};

/* Time is guest time in nanoseconds, monotonic, 0 at power-on. */
struct vdev_host {
	uint64_t (*now)(struct vdev *d);
	uint64_t (*wall)(struct vdev *d); /* seconds since 1970-01-01 00:00 UTC */
	/* One-shot; fires class->timer(d, id) at or after `when`; VDEV_NEVER cancels. */
	void (*timer)(struct vdev *d, unsigned id, uint64_t when);
	/* Output line `pin` of this device has changed (told also when it has not). */
	void (*line)(struct vdev *d, unsigned pin, bool level);
	/* A message-signalled interrupt; address and data as on a PCI bus. */
	void (*msi)(struct vdev *d, uint64_t address, uint32_t data);
	/* 0, or E_RANGE when any byte is outside guest RAM (then nothing has been copied). */
	int (*mem_read)(struct vdev *d, gpa_t from, void *to, size_t bytes);
	int (*mem_write)(struct vdev *d, gpa_t to, const void *from, size_t bytes);
	/* Bytes to the outside (console, network). Returns how many were taken. */
	size_t (*transmit)(struct vdev *d, unsigned channel, const void *data, size_t bytes);
	/* `channel` can take bytes again, after class->receive has refused some. */
	void (*ready)(struct vdev *d, unsigned channel);
	/*
	 * A PCI host bridge only: a configuration access to another function of its bus, forwarded
	 * to that function's region VDEV_REGION_CONFIG. Nobody there: all-ones, or dropped.
	 */
	uint32_t (*config_read)(struct vdev *d, unsigned devfn, unsigned offset, unsigned bytes);
	void (*config_write)(struct vdev *d, unsigned devfn, unsigned offset, unsigned bytes,
			     uint32_t value);
	/* The guest asks for something of the whole machine. */
	void (*machine)(struct vdev *d, enum vdev_machine_request request);
	/* The guest ends itself with this exit status, 0 to 255: a test program has come to its end. */
	void (*exit)(struct vdev *d, uint32_t status);
	/* This device cannot go on; `why` is a constant sentence, `value` what it saw. */
	void (*failed)(struct vdev *d, const char *why, uint64_t value);
};

struct vdev_class {
	const char *name; /* the part number, or the virtio device's name */
	uint32_t state_bytes, version; /* version changes whenever the state's layout does */
	uint8_t timers, lines_out, lines_in, channels;
	/* Power-on or bus reset. The host has zeroed the state before power-on. */
	void (*reset)(struct vdev *d);
	/*
	 * An access inside region `region` (0: the device's first port or MMIO range, .. as the
	 * class documents) of 1, 2, 4 or 8 bytes, naturally aligned, no wider than the machine's
	 * file says the device takes. Bits above `bytes` of a value are ignored.
	 */
	uint64_t (*read)(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes);
	void (*write)(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes,
		      uint64_t value);
	void (*timer)(struct vdev *d, unsigned id);
	/* Input line `pin` (interrupt controllers, gates). */
	void (*line)(struct vdev *d, unsigned pin, bool level);
	/* Bytes from the outside; returns how many were taken. The host offers the rest again. */
	size_t (*receive)(struct vdev *d, unsigned channel, const void *data, size_t bytes);
	/* Interrupt controllers only: the host's EOI of a level-triggered vector. */
	void (*eoi)(struct vdev *d, uint8_t vector);
	/* The 8259 only: the INTA cycle; returns the vector. */
	uint8_t (*inta)(struct vdev *d);
};

struct vdev {
	const struct vdev_class *class;
	const struct vdev_host *host;
	void *state; /* class->state_bytes, aligned to 8 */
	unsigned index; /* the host's number of this device on its board */
};
