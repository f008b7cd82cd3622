/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/board.c guests/board_io.c guests/pc_board.c guests/i8259.c guests/i8254.c guests/ioapic.c guests/mc146818.c guests/ns16550.c guests/acpi_pm.c guests/reset_ctl.c guests/i8042.c guests/pci_cfg.c guests/vga_text.c guests/testdev.c guests/fw_cfg.c tests/unit/vdev_fake.c */
/*
 * All chips behind vdev.h. The input is a list of operations. Its first byte chooses: one chip
 * behind the recording host, or machine pc as a whole. The fake host aborts when a model breaks the
 * contract (a bad pin, timer or channel, re-entry, a write behind its state, a timer in the past
 * from its own expiry); this file adds what must hold of the whole board, and that two runs of the
 * same input end in the same state: no clock of its own, nothing hidden outside its state.
 */
#include "guests/board.h"
#include "guests/chips.h"
#include "guests/pc.h"
#include "kernel/abi/status.h"
#include "tests/unit/vdev_fake.h"
#include <stdlib.h>
#include <string.h>

#define OPERATIONS 400

struct input {
	const uint8_t *at;
	size_t left;
};

static uint8_t take8(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

static uint32_t take32(struct input *in)
{
	uint32_t v = take8(in);

	v |= (uint32_t)take8(in) << 8;
	v |= (uint32_t)take8(in) << 16;
	return v | (uint32_t)take8(in) << 24;
}

static void must(bool condition)
{
	if (!condition)
		abort();
}

/* A step of time: a few nanoseconds to many hours. */
static uint64_t take_time(struct input *in)
{
	unsigned shift = take8(in) % 47;

	return (1ULL << shift) + take8(in) * ((1ULL << shift) >> 8);
}

static const struct target {
	const struct vdev_class *class;
	struct {
		uint32_t bytes;
		uint8_t width;
	} region[6];
} targets[] = {
	{ &i8259_class, { { 2, 1 }, { 2, 1 }, { 2, 1 } } },
	{ &i8254_class, { { 4, 1 }, { 1, 1 } } },
	{ &ioapic_class, { { 0x1000, 4 } } },
	{ &mc146818_class, { { 2, 1 } } },
	{ &ns16550_class, { { 8, 1 } } },
	{ &acpi_pm_class, { { 12, 4 }, { 4, 2 } } },
	{ &reset_ctl_class, { { 1, 1 }, { 1, 1 } } },
	{ &i8042_class, { { 1, 1 }, { 1, 1 } } },
	{ &pci_cfg_class, { { 4, 4 }, { 4, 4 } } },
	{ &vga_text_class, { { 16, 1 }, { 2, 1 }, { 1, 1 }, { 2, 1 }, { 1, 1 } } },
	{ &testdev_class, { { 4, 4 }, { 4, 4 }, { 4, 4 }, { 4, 4 }, { 24, 1 }, { 0x10000, 8 } } },
	{ &fw_cfg_class, { { 2, 2 }, { 8, 4 } } },
};
#define TARGETS (sizeof(targets) / sizeof(targets[0]))

static void access_one(struct vdev_fake *f, const struct target *t, struct input *in, bool write)
{
	unsigned region = take8(in) % 6, bytes, offset;

	if (t->region[region].bytes == 0)
		region = 0;
	bytes = 1u << take8(in) % 3;
	if (bytes > t->region[region].width)
		bytes = t->region[region].width;
	if (t->region[region].bytes > 256) /* registers lie 16 bytes apart */
		offset = (take8(in) & 15u) << 4;
	else
		offset = take8(in) % t->region[region].bytes & ~(bytes - 1);
	if (write)
		fake_write(f, region, offset, bytes, take32(in));
	else
		fake_read(f, region, offset, bytes);
}

static void drive_chip(struct vdev_fake *f, const struct target *t, struct input *in)
{
	static const uint8_t bytes[32] = { 0x1c, 0xf0, 0x1c, 'x' };
	const struct vdev_class *c = t->class;

	fake_attach(f, c, take32(in));
	if (c == &i8042_class)
		i8042_plug(&f->d, take8(in) & 1, take8(in) & 1);
	if (c == &fw_cfg_class) {
		must(fw_cfg_add(&f->d, FW_CFG_SIGNATURE, "QEMU", 4) == 0);
		must(fw_cfg_add_file(&f->d, "etc/file", "some bytes", 10) == 0);
		for (unsigned i = 0; i < 64; i++) /* something for its DMA to find */
			f->ram[i] = take8(in);
	}
	fake_reset(f);
	for (unsigned n = 0; n < OPERATIONS && in->left; n++) {
		switch (take8(in) % 9) {
		case 0:
		case 1:
		case 2:
			access_one(f, t, in, true);
			break;
		case 3:
		case 4:
			access_one(f, t, in, false);
			break;
		case 5:
			if (c->timer)
				fake_advance(f, fake_deadline(f) - f->now < 1ULL << 40
							? fake_deadline(f) - f->now
							: 1);
			f->now += take8(in) == 255 ? take_time(in) : 0; /* a host that is late */
			break;
		case 6:
			f->out_limit = take8(in) & 15;
			f->now += take_time(in) & 0xffffffffff;
			break;
		case 7:
			if (c->line)
				fake_line(f, take8(in) % 40, take8(in) & 1);
			if (c->inta)
				fake_inta(f);
			if (c->eoi)
				fake_eoi(f, take8(in));
			break;
		default:
			if (c->receive)
				fake_receive(f, take8(in) & 1, bytes, take8(in) & 31);
			if (take8(in) == 255)
				fake_reset(f);
			break;
		}
		must(f->failures == 0);
	}
}

struct monitor {
	struct board board;
	uint64_t now, told;
	bool intr, inside;
	unsigned calls;
};

static struct monitor *of(struct board *b)
{
	struct monitor *m = (struct monitor *)((char *)b - offsetof(struct monitor, board));

	m->calls++;
	return m;
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
}

static void op_msi(struct board *b, uint64_t address, uint32_t data)
{
	(void)of(b);
	must((address & 0xfff00000) == 0xfee00000);
	must((data & ~0xc7ffu) == 0); /* vector, mode, level, trigger */
}

static void op_intr_set(struct board *b, bool level)
{
	must(of(b)->intr != level); /* changes only */
	of(b)->intr = level;
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
	must(console < BOARD_CONSOLES);
	(void)data;
	return of(b)->calls & 4 ? bytes : bytes / 2;
}

static void op_console_ready(struct board *b, unsigned console)
{
	(void)of(b);
	must(console < BOARD_CONSOLES);
}

static void op_machine(struct board *b, enum vdev_machine_request request)
{
	(void)of(b);
	must((unsigned)request <= VDEV_MACHINE_A20_OFF);
}

static void op_exit(struct board *b, uint32_t status)
{
	(void)of(b);
	must(status <= 255);
}

static void op_failed(struct board *b, const char *device, const char *why, uint64_t value)
{
	(void)b, (void)device, (void)why, (void)value;
	abort();
}

static const struct board_ops board_ops = {
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

static void check_board(const struct monitor *m)
{
	const struct board_state *s = &m->board.state;

	must(s->timers <= BOARD_TIMERS);
	for (unsigned i = 1; i < s->timers; i++)
		must(s->timer[i - 1].when <= s->timer[i].when);
	must(m->told == board_next_deadline(&m->board));
	must(m->intr == s->intr);
}

static void drive_board(struct monitor *m, struct input *in)
{
	static const uint16_t ports[] = { 0x20,  0x21,  0xa0,  0xa1,  0x40,  0x42,  0x43,
					  0x60,  0x61,  0x64,  0x70,  0x71,  0x92,  0x2f8,
					  0x3f8, 0x3f9, 0x3fa, 0x3fc, 0x4d0, 0x600, 0x602,
					  0x604, 0x608, 0x620, 0xcf8, 0xcf9, 0xcfc, 0xffff,
					  0xe0,  0xe9,  0xf4,  0x510, 0x511, 0x514, 0x518,
					  0x3c0, 0x3d4, 0x3da, 0x2004 };
	static const uint8_t text[32] = "a line of console input";
	struct board_params p = { .ram_low = 512 << 20, .ram_high = 1ULL << 30, .cpus = 2,
				  .testdev = true, .cmdline = "some words" };
	uint64_t value;

	memset(m, 0, sizeof(*m));
	m->told = VDEV_NEVER;
	must(board_init(&m->board, &board_ops, &p) == 0);
	for (unsigned n = 0; n < OPERATIONS && in->left; n++) {
		uint16_t port = (uint16_t)(ports[take8(in) % (sizeof(ports) / sizeof(ports[0]))]);
		unsigned bytes = 1u << take8(in) % 3;

		switch (take8(in) % 8) {
		case 0:
		case 1:
			board_port_write(&m->board, port, bytes, take32(in));
			break;
		case 2:
			must(bytes == 4 ||
			     board_port_read(&m->board, port, bytes) >> (8 * bytes) == 0);
			break;
		case 3:
			board_mmio_write(&m->board, PC_IOAPIC_BASE + (take8(in) & 0xf0), bytes,
					 take32(in));
			break;
		case 4:
			board_mmio_read(&m->board, PC_IOAPIC_BASE + take8(in) - 8, take8(in) % 10,
					&value);
			break;
		case 5:
			m->now += take_time(in);
			board_expire(&m->board);
			break;
		case 6:
			board_inta(&m->board);
			board_eoi(&m->board, take8(in));
			break;
		default:
			board_console_in(&m->board, take8(in) % 3, text, take8(in) & 31);
			if (take8(in) == 255)
				board_reset(&m->board);
			else if (take8(in) == 255)
				board_power_button(&m->board);
			break;
		}
		check_board(m);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vdev_fake fakes[2];
	static struct monitor monitors[2];

	if (size < 1)
		return 0;
	for (unsigned run = 0; run < 2; run++) {
		struct input in = { data + 1, size - 1 };

		if (data[0] % (TARGETS + 2) < TARGETS)
			drive_chip(&fakes[run], &targets[data[0] % (TARGETS + 2)], &in);
		else
			drive_board(&monitors[run], &in);
	}
	must(memcmp(fakes[0].state, fakes[1].state, sizeof(fakes[0].state)) == 0);
	must(memcmp(monitors[0].board.arena, monitors[1].board.arena, BOARD_STATE_BYTES) == 0);
	must(memcmp(&monitors[0].board.state, &monitors[1].board.state,
		    sizeof(struct board_state)) == 0);
	return 0;
}
