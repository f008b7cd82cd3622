/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/board.c guests/board_io.c guests/pc_board.c guests/i8259.c guests/i8254.c guests/ioapic.c guests/mc146818.c guests/ns16550.c guests/acpi_pm.c guests/reset_ctl.c guests/i8042.c guests/pci_cfg.c guests/vga_text.c guests/testdev.c guests/fw_cfg.c */
/* Machine pc as a whole: routing, splitting, wires, timers, consoles, reset, snapshots. */
#include "tests/unit/board_world.h"

static void refuses_impossible_machines(void)
{
	struct board_params p = { .ram_low = 512 << 20, .cpus = 0 };

	CHECK_EQ(board_init(&m.board, &ops, &p), E_INVAL);
	p = (struct board_params){ .ram_low = PC_LOW_RAM_MAX + 1, .cpus = 1 };
	CHECK_EQ(board_init(&m.board, &ops, &p), E_INVAL);
	p = (struct board_params){ .ram_low = 4096, .cpus = 1 };
	CHECK_EQ(board_init(&m.board, &ops, &p), E_INVAL);
}

static void nothing_there(void)
{
	uint64_t value = 0;

	CHECK_EQ(start(), 0);
	CHECK_EQ(in(0x1234, 1), 0xff);
	CHECK_EQ(in(0x1234, 2), 0xffff);
	CHECK_EQ(in(0x1234, 4), 0xffffffff);
	CHECK_EQ(in(0xffff, 4), 0xffffffff);
	CHECK_EQ(in(0xffff, 3), 0xffffffff);
	CHECK_EQ(m.board.state.lost_reads, 4);
	out(0x1234, 4, 0);
	out(0x80, 1, 0);
	CHECK_EQ(m.board.state.lost_writes, 2);
	CHECK_EQ(m.board.state.lost_port, 0x80);
	CHECK(!board_mmio_read(&m.board, 0xd0000000, 8, &value));
	CHECK_EQ(value, UINT64_MAX);
	CHECK(!board_mmio_write(&m.board, UINT64_MAX, 8, 0));
	CHECK(!board_mmio_read(&m.board, UINT64_MAX - 2, 8, &value));
	CHECK(!board_mmio_read(&m.board, PC_IOAPIC_BASE, 9, &value));
}

/* Every port: the tables' order and the cache never mix two devices up. */
static void every_port_has_one_owner(void)
{
	unsigned claimed = 0;

	CHECK_EQ(start(), 0);
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < 65536; i++) {
			uint16_t port = (uint16_t)(pass ? 65535 - i : i);
			uint64_t lost = m.board.state.lost_reads;
			bool known = false;

			for (unsigned k = 0; k < m.board.ports.count; k++) {
				const struct board_range *r = &m.board.ports.range[k];

				known |= port >= r->first && port <= r->last;
			}
			in(port, 1);
			CHECK_EQ(m.board.state.lost_reads - lost, !known);
			claimed += known;
		}
	}
	CHECK_EQ(claimed, 2 * (2 + 4 + 1 + 1 + 1 + 2 + 1 + 2 + 8 + 8 + 2 + 12 + 4 + 1 + 1 + 4 +
			       2 + 1 + 16 + 2 + 1));
}

static void wide_accesses_are_split(void)
{
	CHECK_EQ(start(), 0);
	out(0x70, 2, 0x5540); /* index and data in one */
	CHECK_EQ(in(0x71, 1), 0x55);
	CHECK_EQ(in(0x70, 2), 0x55ff);
	CHECK_EQ(in(0x3f8, 4), 0x00000000 | 0x01 << 16); /* RBR, IER, IIR, LCR */
	out(0x2ff, 1, 0x77); /* scratch */
	CHECK_EQ(in(0x2fe, 2), 0x77b0); /* MSR and scratch */
	CHECK_EQ(in(0x2ff, 2), 0xff77); /* over the end */
	CHECK_EQ(in(0x2ff, 4), 0xffffff77);
	CHECK_EQ(in(0x2f6, 4) >> 16, in(0x2f8, 2));
}

static void configuration_ports_overlap_reset(void)
{
	CHECK_EQ(start(), 0);
	out(0xcf8, 4, 0x80000000);
	CHECK_EQ(m.requests[VDEV_MACHINE_RESET], 0);
	CHECK_EQ(in(0xcf8, 4), 0x80000000);
	CHECK_EQ(in(0xcfc, 4), 0x12378086);
	CHECK_EQ(in(0xcfd, 2), 0x3780); /* unaligned: byte by byte */
	CHECK_EQ(in(0xcfe, 4), 0xffff1237);
	out(0xcf8, 4, 0x80000800);
	CHECK_EQ(in(0xcfc, 4), 0xffffffff); /* an empty bus */
	out(0xcf9, 1, 0x06);
	CHECK_EQ(m.requests[VDEV_MACHINE_RESET], 1);
}

static void console(void)
{
	CHECK_EQ(start(), 0);
	out(0x3f8, 1, 'o');
	out(0x3f8, 1, 'k');
	out(0x2f8, 1, '2');
	CHECK_EQ(m.out_bytes[0], 2);
	CHECK_EQ(m.out_bytes[1], 1);
	CHECK(memcmp(m.out, "ok", 2) == 0);
	CHECK_EQ(board_console_in(&m.board, 0, "ab", 2), 1); /* no FIFO yet */
	CHECK_EQ(in(0x3f8, 1), 'a');
	CHECK_EQ(m.ready, 1);
	CHECK_EQ(board_console_in(&m.board, 7, "ab", 2), 2);
}

static void serial_interrupt_by_8259(void)
{
	CHECK_EQ(start(), 0);
	pic_init();
	out(0x3fc, 1, 0x08);
	out(0x3f9, 1, 0x01);
	CHECK_EQ(m.intr, false);
	board_console_in(&m.board, 0, "x", 1);
	CHECK_EQ(m.intr, true);
	CHECK_EQ(board_inta(&m.board), 0x24);
	CHECK_EQ(m.intr, false);
	CHECK_EQ(m.intr_changes, 2);
}

static void serial_interrupt_by_ioapic(void)
{
	CHECK_EQ(start(), 0);
	ioapic(0x11 + 2 * 4, 1u << 24);
	ioapic(0x10 + 2 * 4, 0x44);
	out(0x3fc, 1, 0x08);
	out(0x3f9, 1, 0x01);
	board_console_in(&m.board, 0, "x", 1);
	CHECK_EQ(m.msis, 1);
	CHECK_EQ(m.msi_address, 0xfee01000);
	CHECK_EQ(m.msi_data, 0x44);
}

static void timer_reaches_input_2(void)
{
	CHECK_EQ(start(), 0);
	ioapic(0x10 + 2 * 0, 0x30);
	ioapic(0x10 + 2 * 2, 0x32);
	out(0x43, 1, 0x34);
	out(0x40, 1, 0xa9);
	out(0x40, 1, 0x04); /* 1193: 1000 Hz */
	CHECK(m.told != VDEV_NEVER);
	CHECK_EQ(board_next_deadline(&m.board), m.told);
	for (unsigned i = 0; i < 10; i++) {
		m.now = m.told;
		board_expire(&m.board);
		CHECK_EQ(m.msis, i + 1);
		CHECK_EQ(m.msi_data, 0x32);
	}
	CHECK(m.now > 9990000 && m.now < 10010000);
	m.now++;
	board_expire(&m.board); /* nothing is due */
	CHECK_EQ(m.msis, 10);
}

static void deadlines_are_sorted(void)
{
	uint64_t first;

	CHECK_EQ(start(), 0);
	CHECK_EQ(board_next_deadline(&m.board), VDEV_NEVER);
	out(0x600 + 2, 2, 1); /* PM timer: in minutes */
	first = m.told;
	CHECK_EQ(m.deadlines, 1);
	out(0x70, 2, 0x120b); /* RTC update interrupt: within a second */
	CHECK(m.told < first);
	CHECK_EQ(m.deadlines, 2);
	out(0x70, 2, 0x020b);
	CHECK_EQ(m.told, first);
	out(0x602, 2, 0);
	CHECK_EQ(m.told, VDEV_NEVER);
}

static void time_never_steps_back(void)
{
	uint32_t ticks;

	CHECK_EQ(start(), 0);
	m.now = 1000000000;
	ticks = in(0x608, 4);
	CHECK_EQ(ticks, 3579545);
	m.now -= 500;
	CHECK_EQ(in(0x608, 4), ticks);
	m.now += 1000;
	CHECK_EQ(in(0x608, 4), ticks + 1);
}

static void sci_is_level(void)
{
	CHECK_EQ(start(), 0);
	ioapic(0x10 + 2 * 9, 0x39 | 1 << 15);
	out(0x602, 2, 0x100);
	board_power_button(&m.board);
	CHECK_EQ(m.msis, 1);
	CHECK_EQ(m.msi_data, 0xc039);
	board_eoi(&m.board, 0x39);
	CHECK_EQ(m.msis, 2); /* still asserted */
	out(0x600, 2, 0x100);
	board_eoi(&m.board, 0x39);
	CHECK_EQ(m.msis, 2);
	out(0x604, 2, 5 << 10 | 1 << 13);
	CHECK_EQ(m.requests[VDEV_MACHINE_POWER_OFF], 1);
}

static void a20_is_the_or_of_two(void)
{
	CHECK_EQ(start(), 0);
	out(0x92, 1, 0x00);
	CHECK_EQ(m.requests[VDEV_MACHINE_A20_OFF], 0); /* the 8042 still holds it open */
	out(0x64, 1, 0xdd);
	CHECK_EQ(m.requests[VDEV_MACHINE_A20_OFF], 1);
	out(0x92, 1, 0x02);
	CHECK_EQ(m.requests[VDEV_MACHINE_A20_ON], 1);
	out(0x64, 1, 0xdf);
	CHECK_EQ(m.requests[VDEV_MACHINE_A20_ON], 1);
}

static void mmio_is_routed(void)
{
	uint64_t value;

	CHECK_EQ(start(), 0);
	board_mmio_write(&m.board, PC_IOAPIC_BASE, 4, 1);
	CHECK(board_mmio_read(&m.board, PC_IOAPIC_BASE + 0x10, 4, &value));
	CHECK_EQ(value, 0x00170020);
	CHECK(board_mmio_read(&m.board, PC_IOAPIC_BASE + 0x10, 8, &value)); /* two doublewords */
	CHECK_EQ(value, 0x00170020);
	CHECK(board_mmio_read(&m.board, PC_IOAPIC_BASE - 4, 8, &value)); /* half of it is there */
	CHECK_EQ(value, 0x1ffffffffULL);
	CHECK(!board_mmio_read(&m.board, PC_IOAPIC_BASE + 0x1000, 4, &value));
}

static void reset_is_complete(void)
{
	CHECK_EQ(start(), 0);
	pic_init();
	out(0x43, 1, 0x34);
	out(0x40, 2, 0x0000);
	out(0x40, 1, 0x00);
	out(0x3fc, 1, 0x08);
	out(0x3f9, 1, 0x02);
	out(0x70, 2, 0x7740);
	CHECK_EQ(m.intr, true);
	CHECK(board_next_deadline(&m.board) != VDEV_NEVER);
	board_reset(&m.board);
	CHECK_EQ(m.intr, false);
	CHECK_EQ(board_next_deadline(&m.board), VDEV_NEVER);
	CHECK_EQ(m.told, VDEV_NEVER);
	CHECK_EQ(in(0x3f9, 1), 0);
	out(0x70, 1, 0x40);
	CHECK_EQ(in(0x71, 1), 0x77); /* the battery holds */
	CHECK_EQ(in(0x21, 1), 0xff);
}

static void cmos_says_how_much_memory(void)
{
	struct board_params p = { .ram_low = 0xc0000000, .ram_high = 3ULL << 30, .cpus = 4 };
	uint8_t cell[128];
	unsigned sum = 0;

	memset(&m, 0, sizeof(m));
	CHECK_EQ(board_init(&m.board, &ops, &p), 0);
	for (unsigned i = 0; i < 128; i++) {
		out(0x70, 1, i);
		cell[i] = (uint8_t)in(0x71, 1);
	}
	CHECK_EQ(cell[0x15] | cell[0x16] << 8, 640);
	CHECK_EQ(cell[0x17] | cell[0x18] << 8, 0xffff);
	CHECK_EQ((cell[0x34] | cell[0x35] << 8) * 65536ULL + (16 << 20), 0xc0000000);
	CHECK_EQ((cell[0x5b] | cell[0x5c] << 8 | cell[0x5d] << 16) * 65536ULL, 3ULL << 30);
	CHECK_EQ(cell[0x5f], 3);
	for (unsigned i = 0x10; i <= 0x2d; i++)
		sum += cell[i];
	CHECK_EQ(cell[0x2e] << 8 | cell[0x2f], sum);
}

static void snapshot_goes_round(void)
{
	static uint8_t saved[BOARD_STATE_BYTES + sizeof(struct board_state)];
	struct board_part part;
	size_t at = 0;
	unsigned parts = 0;

	CHECK_EQ(start(), 0);
	out(0x43, 1, 0x34);
	out(0x40, 1, 0xa9);
	out(0x40, 1, 0x04);
	out(0x2ff, 1, 0x42);
	for (; board_part(&m.board, parts, &part); parts++) {
		CHECK(at + part.bytes <= sizeof(saved));
		CHECK(part.version != 0 && part.name[0] != 0);
		memcpy(saved + at, part.state, part.bytes);
		at += part.bytes;
	}
	CHECK_EQ(parts, m.board.devices + 1);
	CHECK_EQ(start(), 0);
	at = 0;
	for (unsigned n = 0; board_part(&m.board, n, &part); n++) {
		memcpy(part.state, saved + at, part.bytes);
		at += part.bytes;
	}
	CHECK_EQ(in(0x2ff, 1), 0x42);
	CHECK(board_next_deadline(&m.board) < 2000000);
	m.now = 500000;
	out(0x43, 1, 0x00);
	at = in(0x40, 1);
	at |= in(0x40, 1) << 8;
	CHECK(at > 500 && at < 700);
}

static void tables_refuse_what_does_not_fit(void)
{
	unsigned device;

	CHECK_EQ(start(), 0);
	CHECK_EQ(board_claim_ports(&m.board, 0, 0, 0x3ff, 2, 1), E_EXIST);
	CHECK_EQ(board_claim_ports(&m.board, 0, 0, 0xffff, 2, 1), E_INVAL);
	CHECK_EQ(board_claim_ports(&m.board, 31, 0, 0x1000, 2, 1), E_INVAL);
	CHECK_EQ(board_wire(&m.board, 0, 7, WIRE_GSI, 1), E_INVAL);
	CHECK_EQ(board_add_function(&m.board, 0, 8), 0);
	CHECK_EQ(board_add_function(&m.board, 0, 8), E_EXIST);
	while (board_add(&m.board, m.board.device[0].class, &device) == 0)
		CHECK(device < BOARD_DEVICES);
	CHECK_EQ(m.board.devices, BOARD_DEVICES);
	for (uint16_t port = 0x1000; board_claim_ports(&m.board, 0, 0, port, 1, 1) == 0; port += 2)
		CHECK(m.board.ports.count <= BOARD_RANGES);
	CHECK_EQ(m.board.ports.count, BOARD_RANGES);
}

/* `testdev = yes`: QEMU's test devices, and fw_cfg; without it nothing is there. */
static void test_devices(void)
{
	struct board_params p = { .ram_low = 64 << 20, .cpus = 3, .testdev = true, .cmdline = "a b" };
	uint64_t value;

	CHECK_EQ(start(), 0);
	CHECK_EQ(in(0xe9, 1), 0xff);
	CHECK_EQ(in(0x511, 1), 0xff);
	out(0xf4, 4, 0);
	CHECK_EQ(m.exit_status, 0);
	CHECK(!board_mmio_read(&m.board, PC_TESTDEV_MEMORY, 4, &value));
	memset(&m, 0, sizeof(m));
	m.told = VDEV_NEVER;
	CHECK_EQ(board_init(&m.board, &ops, &p), 0);
	CHECK_EQ(in(0xe9, 1), 0xe9);
	out(0xe9, 1, 'x');
	CHECK_EQ(m.out_bytes[0], 1);
	CHECK_EQ(m.out[0], 'x');
	out(0xe8, 4, 0x01020304);
	CHECK_EQ(in(0xe0, 4), 0x01020304);
	CHECK(board_mmio_write(&m.board, PC_TESTDEV_MEMORY + 0xfffd, 2, 0x55aa)); /* unaligned: split */
	CHECK(board_mmio_read(&m.board, PC_TESTDEV_MEMORY + 0xfffc, 4, &value));
	CHECK_EQ(value, 0x55aa00);
	out(0x20, 1, 0x11); /* line 5 by the 8259, base vector 0x30 */
	out(0x21, 1, 0x30);
	out(0x21, 1, 4);
	out(0x21, 1, 1);
	out(0x21, 1, 0xdf);
	out(0x2005, 1, 1);
	CHECK(m.intr);
	CHECK_EQ(board_inta(&m.board), 0x35);
	out(0x510, 2, FW_CFG_NB_CPUS);
	CHECK_EQ(in(0x511, 1), 3);
	out(0x510, 2, FW_CFG_CMDLINE_DATA);
	CHECK_EQ(in(0x511, 1), 'a');
	CHECK_EQ(in(0x511, 1), ' ');
	CHECK_EQ(in(0x514, 4), 0x554d4551);
	out(0xf4, 4, 1);
	CHECK_EQ(m.exit_status, 3);
	board_reset(&m.board);
	out(0x510, 2, FW_CFG_RAM_SIZE);
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(in(0x511, 1), 0);
	CHECK_EQ(in(0x511, 1), 4); /* 64 MiB */
}

int main(void)
{
	RUN(test_devices);
	RUN(refuses_impossible_machines);
	RUN(nothing_there);
	RUN(every_port_has_one_owner);
	RUN(wide_accesses_are_split);
	RUN(configuration_ports_overlap_reset);
	RUN(console);
	RUN(serial_interrupt_by_8259);
	RUN(serial_interrupt_by_ioapic);
	RUN(timer_reaches_input_2);
	RUN(deadlines_are_sorted);
	RUN(time_never_steps_back);
	RUN(sci_is_level);
	RUN(a20_is_the_or_of_two);
	RUN(mmio_is_routed);
	RUN(reset_is_complete);
	RUN(cmos_says_how_much_memory);
	RUN(snapshot_goes_round);
	RUN(tables_refuse_what_does_not_fit);
	return unit_status();
}
