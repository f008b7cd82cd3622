/* SPDX-License-Identifier: GPL-2.0-only */
/* A board under a monitor that records what it is asked for, and accesses to its ports and chips. Included once. */
#pragma once

#include "guests/board.h"
#include "guests/chips.h"
#include "guests/pc.h"
#include "kernel/abi/status.h"
#include "tests/unit/unit.h"

/* A monitor that records. */
struct monitor {
	struct board board;
	uint64_t now, told;
	bool intr;
	unsigned intr_changes, msis, out_bytes[BOARD_CONSOLES], ready, requests[4], deadlines;
	uint64_t msi_address;
	uint32_t msi_data;
	enum vdev_machine_request last;
	char out[64];
	int exit_status;
};

static struct monitor m;

static struct monitor *of(struct board *b)
{
	return (struct monitor *)((char *)b - offsetof(struct monitor, board));
}

static uint64_t op_now(struct board *b)
{
	return of(b)->now;
}
static uint64_t op_wall(struct board *b)
{
	(void)b;
	return 1700000000;
}

static void op_deadline(struct board *b, uint64_t when)
{
	of(b)->told = when;
	of(b)->deadlines++;
}

static void op_msi(struct board *b, uint64_t address, uint32_t data)
{
	of(b)->msis++;
	of(b)->msi_address = address;
	of(b)->msi_data = data;
}

static void op_intr_set(struct board *b, bool level)
{
	of(b)->intr = level;
	of(b)->intr_changes++;
}

static int op_mem_read(struct board *b, gpa_t from, void *to, size_t bytes)
{
	(void)b, (void)from, (void)to, (void)bytes;
	return E_RANGE;
}

static int op_mem_write(struct board *b, gpa_t to, const void *from, size_t bytes)
{
	(void)b, (void)from, (void)to, (void)bytes;
	return E_RANGE;
}

static size_t op_console_out(struct board *b, unsigned console, const void *data, size_t bytes)
{
	struct monitor *x = of(b);

	if (x->out_bytes[0] + bytes <= sizeof(x->out) && console == 0)
		memcpy(x->out + x->out_bytes[0], data, bytes);
	x->out_bytes[console] += (unsigned)bytes;
	return bytes;
}

static void op_console_ready(struct board *b, unsigned console)
{
	of(b)->ready += console == 0;
}

static void op_machine(struct board *b, enum vdev_machine_request request)
{
	of(b)->requests[request]++;
	of(b)->last = request;
}

static void op_exit(struct board *b, uint32_t status)
{
	of(b)->exit_status = (int)status;
}

static void op_failed(struct board *b, const char *device, const char *why, uint64_t value)
{
	(void)b, (void)value;
	printf("device %s failed: %s\n", device, why);
}

static const struct board_ops ops = {
	.now = op_now,
	.wall = op_wall,
	.deadline = op_deadline,
	.msi = op_msi,
	.intr_set = op_intr_set,
	.mem_read = op_mem_read,
	.mem_write = op_mem_write,
	.console_out = op_console_out,
	.console_ready = op_console_ready,
	.machine = op_machine,
	.exit = op_exit,
	.failed = op_failed,
};

static int start(void)
{
	struct board_params p = { .ram_low = 512 << 20, .ram_high = 0, .cpus = 2 };

	memset(&m, 0, sizeof(m));
	m.told = VDEV_NEVER;
	return board_init(&m.board, &ops, &p);
}

static uint32_t in(uint16_t port, unsigned bytes)
{
	return board_port_read(&m.board, port, bytes);
}
static void out(uint16_t port, unsigned bytes, uint32_t v)
{
	board_port_write(&m.board, port, bytes, v);
}

static void ioapic(unsigned reg, uint32_t value)
{
	board_mmio_write(&m.board, PC_IOAPIC_BASE, 4, reg);
	board_mmio_write(&m.board, PC_IOAPIC_BASE + 0x10, 4, value);
}

static void pic_init(void)
{
	static const uint16_t port[8] = { 0x20, 0x21, 0x21, 0x21, 0xa0, 0xa1, 0xa1, 0xa1 };
	static const uint8_t value[8] = { 0x11, 0x20, 0x04, 0x01, 0x11, 0x28, 0x02, 0x01 };

	for (unsigned i = 0; i < 8; i++)
		out(port[i], 1, value[i]);
}
