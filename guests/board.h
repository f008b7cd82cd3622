/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A board: the devices of one VM and what lies between them and the guest. It routes port and MMIO
 * accesses to (device, region), device lines to the interrupt controllers, and timers to one
 * deadline. It knows no chip: a machine's file (pc_board.c) lists them. It takes no lock; every
 * function here is called with the monitor's board lock held.
 */
#pragma once

#include "guests/vdev.h"
#include "lib/addr.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOARD_DEVICES     32
#define BOARD_RANGES      48
#define BOARD_TIMERS      64
#define BOARD_LINES_OUT   24 /* output lines of one device */
#define BOARD_FUNCTIONS   32 /* PCI functions besides the host bridge */
#define BOARD_STATE_BYTES 98304 /* all device states together */
#define BOARD_GSIS        24
#define BOARD_CONSOLES    2

#define BOARD_NO_DEVICE 0xff

struct board;

/*
 * What the monitor provides. A monitor embeds struct board in its own VM structure and finds it
 * again by the member's offset. None of these may call back into the board.
 */
struct board_ops {
	uint64_t (*now)(struct board *b); /* guest time in ns, 0 at power-on */
	uint64_t (*wall)(struct board *b); /* seconds since 1970-01-01 00:00 UTC */
	/* The earliest deadline is now `when` (ns; VDEV_NEVER: none): call board_expire then. */
	void (*deadline)(struct board *b, uint64_t when);
	/* A message to the local APICs; data bit 15 set: level-triggered, ends by board_eoi. */
	void (*msi)(struct board *b, uint64_t address, uint32_t data);
	/* The 8259's INTR towards vCPU 0; told on changes only. */
	void (*intr_set)(struct board *b, bool level);
	/* Guest RAM: 0, or E_RANGE when any byte is outside (then nothing has been copied). */
	int (*mem_read)(struct board *b, gpa_t from, void *to, size_t bytes);
	int (*mem_write)(struct board *b, gpa_t to, const void *from, size_t bytes);
	/* A serial port's output; returns how many bytes were taken, the rest comes again later. */
	size_t (*console_out)(struct board *b, unsigned console, const void *data, size_t bytes);
	/* board_console_in took less than it was offered; it would take more now. */
	void (*console_ready)(struct board *b, unsigned console);
	/* Note the request and act on it after the board call has returned. */
	void (*machine)(struct board *b, enum vdev_machine_request request);
	/* As machine(), for a test program that ends with an exit status, 0 to 255. */
	void (*exit)(struct board *b, uint32_t status);
	/* Device `device` cannot go on: stop the VM with this reason. Told once a device. */
	void (*failed)(struct board *b, const char *device, const char *why, uint64_t value);
};

struct board_params {
	uint64_t ram_low; /* bytes of RAM from guest-physical 0, below 4 GiB */
	uint64_t ram_high; /* bytes of RAM from 4 GiB on */
	unsigned cpus;
	bool testdev; /* QEMU's test devices and fw_cfg as well */
	const char *cmdline; /* the kernel's, for fw_cfg; NULL: none */
};

/* One claim of ports or of MMIO addresses; `last` is inclusive. */
struct board_range {
	uint64_t first, last;
	uint64_t offset; /* region offset of `first` */
	uint8_t device, region;
	uint8_t width; /* widest access the device takes; wider ones are split */
	bool whole; /* takes an access that begins in the range and ends after it, unsplit */
};

struct board_space {
	struct board_range range[BOARD_RANGES]; /* sorted by first, no overlaps */
	unsigned count;
	unsigned last; /* index of the last hit */
};

enum board_wire_kind {
	WIRE_NONE = 0,
	WIRE_GSI, /* global system interrupt `to`: the IOAPIC, below 16 the 8259 as well */
	WIRE_INTR, /* the 8259's INTR, to vCPU 0 */
};

struct board_wire {
	uint8_t kind, to;
};

/* A PCI function: which device answers at devfn of bus 0. Wiring, not state. */
struct pci_function {
	uint8_t devfn, device;
};

struct board_timer {
	uint64_t when;
	uint8_t device, id;
};

/* The board's own part of a snapshot. */
struct board_state {
	struct board_timer timer[BOARD_TIMERS]; /* sorted, earliest first */
	uint32_t timers;
	uint64_t now; /* the latest guest time that a device has seen */
	uint32_t asserted[BOARD_GSIS]; /* a bit a device: a GSI is the OR of who drives it */
	uint32_t failed; /* a bit a device */
	uint32_t a20_off; /* a bit a device that has asked for it */
	bool intr, a20;
	uint64_t lost_reads, lost_writes; /* accesses to ports where nothing is */
	uint32_t lost_port; /* the last such port */
};

/* Treat as opaque. */
struct board {
	const struct board_ops *ops;
	struct vdev device[BOARD_DEVICES];
	unsigned devices;
	struct board_space ports, mmio;
	struct board_wire wire[BOARD_DEVICES][BOARD_LINES_OUT];
	struct pci_function function[BOARD_FUNCTIONS];
	unsigned functions;
	uint8_t gsi_to_pin[BOARD_GSIS]; /* IOAPIC pin of a GSI that is an ISA IRQ */
	uint8_t pic, ioapic, power, vga; /* device numbers, or BOARD_NO_DEVICE; power: ACPI's chip */
	uint32_t a20_sources; /* a bit a device that can hold the A20 gate open */
	bool quiet; /* deadlines are told when this is over */
	uint8_t console[BOARD_CONSOLES]; /* device number of each console */
	uint8_t console_of[BOARD_DEVICES]; /* the other way round */
	uint64_t told; /* the deadline that ops->deadline was last told */
	struct board_state state;
	size_t arena_used;
	_Alignas(16) uint8_t arena[BOARD_STATE_BYTES];
};

/*
 * Build machine `pc` (guests/pc_board.c) and power it on. 0, or E_INVAL for parameters that this
 * machine cannot have, E_NOMEM when a table above is too small for it. `ops` must outlive it.
 */
int board_init(struct board *b, const struct board_ops *ops, const struct board_params *params);
/* Hard reset of every device. Not from inside an ops call: see ops->machine. */
void board_reset(struct board *b);

/* bytes: 1, 2 or 4. Where nothing is: all-ones; writes are dropped and counted. */
uint32_t board_port_read(struct board *b, uint16_t port, unsigned bytes);
void board_port_write(struct board *b, uint16_t port, unsigned bytes, uint32_t value);
/* bytes: 1 to 8. False: nothing at that address (*value is then all-ones). */
bool board_mmio_read(struct board *b, uint64_t address, unsigned bytes, uint64_t *value);
bool board_mmio_write(struct board *b, uint64_t address, unsigned bytes, uint64_t value);

/* EXIT_INTA: the 8259's interrupt acknowledge cycle. */
uint8_t board_inta(struct board *b);
/* EXIT_EOI of a level-triggered vector. */
void board_eoi(struct board *b, uint8_t vector);

/* Console input; returns how many bytes were taken. console_ready says when to offer the rest. */
size_t board_console_in(struct board *b, unsigned console, const void *data, size_t bytes);

/* The earliest deadline, or VDEV_NEVER. */
uint64_t board_next_deadline(const struct board *b);
/* Run every timer that is due at ops->now. */
void board_expire(struct board *b);
/* The operator presses the power button: the guest gets an ACPI event. */
void board_power_button(struct board *b);

/* The states that make a snapshot, one a call; the last one is the board's own. */
struct board_part {
	const char *name;
	uint32_t version;
	void *state;
	size_t bytes;
};
/* False when there is no part number `n`. */
bool board_part(struct board *b, unsigned n, struct board_part *part);

/* For a machine's file, while it builds a board. Each returns 0, E_NOMEM, or E_EXIST. */
int board_add(struct board *b, const struct vdev_class *class, unsigned *device);
int board_claim_ports(struct board *b, unsigned device, unsigned region, uint16_t first,
		      unsigned count, unsigned width);
int board_claim_mmio(struct board *b, unsigned device, unsigned region, uint64_t first,
		     uint64_t bytes, unsigned width);
int board_wire(struct board *b, unsigned device, unsigned pin, enum board_wire_kind kind,
	       unsigned to);
int board_add_function(struct board *b, unsigned device, unsigned devfn);
