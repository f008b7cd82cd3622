/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The chips: their classes, and what a machine's file sets before the first reset. The regions,
 * lines and channels of a chip are listed over its class. "In" and "out" are the chip's view.
 */
#pragma once

#include "guests/vdev.h"

/*
 * The two 8259A of a PC, cascaded. Regions: 0 master (0x20), 1 slave (0xa0), 2 ELCR (0x4d0).
 * Lines in: IRQ 0 to 15 (2 is the cascade and ignored). Line out: 0 INTR.
 */
extern const struct vdev_class i8259_class;

/*
 * The 8254 with system control port B. Regions: 0 the timer (0x40), 1 port 0x61. Line out: 0 the
 * output of counter 0.
 */
extern const struct vdev_class i8254_class;

/* The 82093AA. Region: 0 the register window (0xfec00000). Lines in: 0 to 23. Sends by msi(). */
extern const struct vdev_class ioapic_class;

/* Real-time clock and CMOS memory. Region: 0 (0x70). Line out: 0 its interrupt. */
extern const struct vdev_class mc146818_class;
/* A cell of the CMOS memory as the firmware left it, offset 0x0e to 0x7f. */
void mc146818_store(struct vdev *d, unsigned cell, uint8_t value);

/* A 16550A. Region: 0. Line out: 0. Channel 0: the line; transmit() and receive(). */
extern const struct vdev_class ns16550_class;

/*
 * ACPI's fixed hardware. Regions: 0 event, control and timer block (12 bytes: status, enable,
 * control, pad, timer), 1 GPE0 (status, enable; 2 bytes each). Lines in: 0 power button, 1 to 16
 * general-purpose events. Line out: 0 SCI.
 */
extern const struct vdev_class acpi_pm_class;
#define ACPI_PM_SLP_TYP_S5 5 /* what \_S5 says */

/* Reset control. Regions: 0 port 0xcf9, 1 port 0x92. */
extern const struct vdev_class reset_ctl_class;

/*
 * Keyboard controller with keyboard and mouse. Regions: 0 data (0x60), 1 status and command (0x64).
 * Lines out: 0 keyboard (IRQ 1), 1 mouse (IRQ 12). Channels: 0 scan codes (set 2) from a keyboard,
 * 1 packets from a mouse.
 */
extern const struct vdev_class i8042_class;
/* What is plugged in; nothing is until this says so. */
void i8042_plug(struct vdev *d, bool keyboard, bool mouse);

/*
 * PCI configuration mechanism 1 and the host bridge, function 0 of device 0. Regions: 0 the address
 * register (0xcf8), 1 the data register (0xcfc). Other functions are reached by config_read().
 */
extern const struct vdev_class pci_cfg_class;

/*
 * A VGA in text mode. Regions: 0 ports 0x3c0 to 0x3cf; 1 CRTC (0x3d4), 2 status (0x3da) in colour; 3 CRTC
 * (0x3b4), 4 status (0x3ba) in monochrome. The text is guest memory at VGA_TEXT_BASE.
 */
extern const struct vdev_class vga_text_class;
#define VGA_TEXT_BASE	 0xb8000
#define VGA_TEXT_COLUMNS 80
#define VGA_TEXT_ROWS	 25

struct vga_text_view {
	unsigned columns, rows;
	uint64_t first; /* guest-physical, of the first cell: character, attribute; wraps at 0xc0000 */
	bool text; /* false: the guest has chosen a graphics mode */
	bool cursor; /* it is to be seen, here: */
	unsigned cursor_column, cursor_row;
};
void vga_text_view(const struct vdev *d, struct vga_text_view *view);

/*
 * QEMU's test devices. Regions: 0 debug exit (0xf4), 1 scratch register (0xe0), 2 flush (0xe4), 3 the
 * scratch register byte by byte and the debug console (0xe8, 0xe9), 4 interrupt lines (0x2000), 5
 * scratch memory (0xff000000). Lines out: 0 to 23, global system interrupts. Channel 0: the console.
 */
extern const struct vdev_class testdev_class;
#define TESTDEV_LINES 24

/*
 * QEMU's firmware configuration device. Regions: 0 selector and data (0x510), 1 DMA address (0x514).
 * Before the first reset, items are added by key, and files by name; E_NOMEM when there is no room.
 */
extern const struct vdev_class fw_cfg_class;
enum {
	FW_CFG_SIGNATURE = 0x00, FW_CFG_ID = 0x01, FW_CFG_UUID = 0x02, FW_CFG_RAM_SIZE = 0x03,
	FW_CFG_NOGRAPHIC = 0x04, FW_CFG_NB_CPUS = 0x05, FW_CFG_NUMA = 0x0d, FW_CFG_BOOT_MENU = 0x0e,
	FW_CFG_MAX_CPUS = 0x0f, FW_CFG_CMDLINE_SIZE = 0x14, FW_CFG_CMDLINE_DATA = 0x15,
	FW_CFG_FILE_DIR = 0x19, FW_CFG_FILE_FIRST = 0x20, FW_CFG_IRQ0_OVERRIDE = 0x8002,
};
int fw_cfg_add(struct vdev *d, uint16_t key, const void *data, size_t bytes);
int fw_cfg_add_file(struct vdev *d, const char *name, const void *data, size_t bytes);
