/* SPDX-License-Identifier: GPL-2.0-only */
/* Machine `pc`: which chips it has, where the guest finds them, and how they are wired. */
#include "guests/board.h"
#include "guests/board_internal.h"
#include "guests/chips.h"
#include "guests/pc.h"
#include "kernel/abi/status.h"
#include "lib/string.h"

/* clang-format off */
enum pc_chip {
	PC_PIC, PC_IOAPIC, PC_PIT, PC_RTC, PC_COM1, PC_COM2, PC_KBC, PC_PM, PC_RESET, PC_PCI, PC_VGA,
	PC_CHIPS, /* from here on: only with board_params.testdev */
	PC_TESTDEV = PC_CHIPS, PC_FW_CFG,
	PC_CHIPS_MAX
};

/* In the order of their resets: the interrupt controllers first, they see the others' lines. */
static const struct vdev_class *const pc_chips[PC_CHIPS_MAX] = {
	[PC_PIC] = &i8259_class,
	[PC_IOAPIC] = &ioapic_class,
	[PC_PIT] = &i8254_class,
	[PC_RTC] = &mc146818_class,
	[PC_COM1] = &ns16550_class,
	[PC_COM2] = &ns16550_class,
	[PC_KBC] = &i8042_class,
	[PC_PM] = &acpi_pm_class,
	[PC_RESET] = &reset_ctl_class,
	[PC_PCI] = &pci_cfg_class,
	[PC_VGA] = &vga_text_class,
	[PC_TESTDEV] = &testdev_class,
	[PC_FW_CFG] = &fw_cfg_class,
};

/* Width wider than count: the register takes the whole access (0xcf8 is one doubleword). */
static const struct pc_ports {
	uint8_t chip, region;
	uint16_t first, count;
	uint8_t width;
} pc_ports[] = {
	{ PC_PIC, 0, 0x20, 2, 1 },
	{ PC_PIT, 0, 0x40, 4, 1 },
	{ PC_KBC, 0, 0x60, 1, 1 },
	{ PC_PIT, 1, 0x61, 1, 1 },
	{ PC_KBC, 1, 0x64, 1, 1 },
	{ PC_RTC, 0, 0x70, 2, 1 },
	{ PC_RESET, 1, 0x92, 1, 1 },
	{ PC_PIC, 1, 0xa0, 2, 1 },
	{ PC_TESTDEV, 1, 0xe0, 4, 4 },
	{ PC_TESTDEV, 2, 0xe4, 4, 4 },
	{ PC_TESTDEV, 3, 0xe8, 4, 4 },
	{ PC_TESTDEV, 0, 0xf4, 4, 4 },
	{ PC_COM2, 0, PC_COM2_PORT, 8, 1 },
	{ PC_VGA, 3, 0x3b4, 2, 1 },
	{ PC_VGA, 4, 0x3ba, 1, 1 },
	{ PC_VGA, 0, 0x3c0, 16, 1 },
	{ PC_VGA, 1, 0x3d4, 2, 1 },
	{ PC_VGA, 2, 0x3da, 1, 1 },
	{ PC_COM1, 0, PC_COM1_PORT, 8, 1 },
	{ PC_PIC, 2, 0x4d0, 2, 1 },
	{ PC_FW_CFG, 0, 0x510, 2, 2 },
	{ PC_FW_CFG, 1, 0x514, 8, 4 },
	{ PC_PM, 0, PC_PM_PORT, 12, 4 },
	{ PC_PM, 1, PC_GPE_PORT, 4, 2 },
	{ PC_PCI, 0, 0xcf8, 1, 4 },
	{ PC_RESET, 0, PC_RESET_PORT, 1, 1 },
	{ PC_PCI, 1, 0xcfc, 4, 4 },
	{ PC_TESTDEV, 4, 0x2000, TESTDEV_LINES, 1 },
};

static const struct pc_wire {
	uint8_t chip, pin, kind, to;
} pc_wires[] = {
	{ PC_PIC, 0, WIRE_INTR, 0 },
	{ PC_PIT, 0, WIRE_GSI, 0 },
	{ PC_KBC, 0, WIRE_GSI, 1 },
	{ PC_COM2, 0, WIRE_GSI, 3 },
	{ PC_COM1, 0, WIRE_GSI, 4 },
	{ PC_RTC, 0, WIRE_GSI, 8 },
	{ PC_PM, 0, WIRE_GSI, PC_SCI_IRQ },
	{ PC_KBC, 1, WIRE_GSI, 12 },
};

/* clang-format on */

/* What firmware and old systems look up in CMOS memory. */
static void pc_cmos(struct vdev *rtc, const struct board_params *p)
{
	uint64_t above_1m = p->ram_low > 1 << 20 ? (p->ram_low - (1 << 20)) >> 10 : 0;
	uint64_t above_16m = p->ram_low > 16 << 20 ? (p->ram_low - (16 << 20)) >> 16 : 0;
	uint64_t above_4g = p->ram_high >> 16;
	unsigned cpus = p->cpus - 1 > 0xff ? 0xff : p->cpus - 1;
	unsigned sum = 0;

	if (above_1m > 0xffff)
		above_1m = 0xffff;
	if (above_16m > 0xffff)
		above_16m = 0xffff;
	/* clang-format off */
	const uint8_t cell[][2] = {
		{ 0x14, 0x06 }, /* equipment: FPU, PS/2 mouse; no floppy */
		{ 0x15, 640 & 0xff }, { 0x16, 640 >> 8 }, /* base memory in KiB */
		{ 0x17, (uint8_t)above_1m }, { 0x18, (uint8_t)(above_1m >> 8) },
		{ 0x30, (uint8_t)above_1m }, { 0x31, (uint8_t)(above_1m >> 8) },
		{ 0x34, (uint8_t)above_16m }, { 0x35, (uint8_t)(above_16m >> 8) }, /* 64 KiB */
		{ 0x5b, (uint8_t)above_4g }, { 0x5c, (uint8_t)(above_4g >> 8) },
		{ 0x5d, (uint8_t)(above_4g >> 16) }, { 0x5f, (uint8_t)cpus },
	};
	/* clang-format on */
	for (unsigned i = 0; i < sizeof(cell) / sizeof(cell[0]); i++) {
		mc146818_store(rtc, cell[i][0], cell[i][1]);
		if (cell[i][0] >= 0x10 && cell[i][0] <= 0x2d)
			sum += cell[i][1];
	}
	mc146818_store(rtc, 0x2e, (uint8_t)(sum >> 8)); /* over 0x10 to 0x2d */
	mc146818_store(rtc, 0x2f, (uint8_t)sum);
}

/* What QEMU tells in its firmware configuration device, as far as programs ask for it. */
static int pc_fw_cfg(struct vdev *d, const struct board_params *p)
{
	const char *cmdline = p->cmdline ? p->cmdline : "";
	struct {
		uint64_t base, size;
		uint32_t type;
	} __attribute__((packed)) e820[] = { { 0, p->ram_low, 1 }, { 1ULL << 32, p->ram_high, 1 } };
	const uint64_t ram = p->ram_low + p->ram_high, none = 0;
	const uint32_t features = 3 /* ports, DMA */, yes = 1, length = (uint32_t)strlen(cmdline) + 1;
	const uint16_t cpus = (uint16_t)p->cpus;
	const struct {
		uint16_t key, bytes;
		const void *data;
	} item[] = {
		{ FW_CFG_SIGNATURE, 4, "QEMU" }, { FW_CFG_ID, 4, &features },
		{ FW_CFG_UUID, 16, (const uint8_t[16]){ 0 } }, { FW_CFG_RAM_SIZE, 8, &ram },
		{ FW_CFG_NOGRAPHIC, 2, &none }, { FW_CFG_NB_CPUS, 2, &cpus },
		{ FW_CFG_NUMA, 8, &none }, { FW_CFG_BOOT_MENU, 2, &none },
		{ FW_CFG_MAX_CPUS, 2, &cpus }, { FW_CFG_CMDLINE_SIZE, 4, &length },
		{ FW_CFG_CMDLINE_DATA, (uint16_t)length, cmdline }, { FW_CFG_IRQ0_OVERRIDE, 4, &yes },
	};
	int status = length > UINT16_MAX ? E_INVAL : 0;

	for (unsigned i = 0; i < sizeof(item) / sizeof(item[0]) && status == 0; i++)
		status = fw_cfg_add(d, item[i].key, item[i].data, item[i].bytes);
	if (status == 0)
		status = fw_cfg_add_file(d, "etc/e820", e820, p->ram_high ? sizeof(e820) : sizeof(e820[0]));
	return status;
}

/* The test devices, on a board that has the rest. */
static int pc_testdev(struct board *b, const unsigned *device, const struct board_params *p)
{
	int status = board_claim_mmio(b, device[PC_TESTDEV], 5, PC_TESTDEV_MEMORY,
				      PC_TESTDEV_MEMORY_BYTES, 8);

	for (unsigned gsi = 0; gsi < TESTDEV_LINES && status == 0; gsi++)
		status = board_wire(b, device[PC_TESTDEV], gsi, WIRE_GSI, gsi);
	b->console_of[device[PC_TESTDEV]] = 0;
	return status ? status : pc_fw_cfg(&b->device[device[PC_FW_CFG]], p);
}

int pc_board_build(struct board *b, const struct board_params *p)
{
	unsigned device[PC_CHIPS_MAX], chips = p->testdev ? PC_CHIPS_MAX : PC_CHIPS;
	int status = 0;

	if (p->cpus == 0 || p->ram_low < 1 << 20 || p->ram_low > PC_LOW_RAM_MAX)
		return E_INVAL;
	for (unsigned i = 0; i < chips && status == 0; i++)
		status = board_add(b, pc_chips[i], &device[i]);
	for (unsigned i = 0; i < sizeof(pc_ports) / sizeof(pc_ports[0]) && status == 0; i++) {
		const struct pc_ports *c = &pc_ports[i];

		if (c->chip >= chips)
			continue;
		status = board_claim_ports(b, device[c->chip], c->region, c->first, c->count,
					   c->width);
	}
	if (status == 0)
		status = board_claim_mmio(b, device[PC_IOAPIC], 0, PC_IOAPIC_BASE, 0x1000, 4);
	for (unsigned i = 0; i < sizeof(pc_wires) / sizeof(pc_wires[0]) && status == 0; i++) {
		const struct pc_wire *w = &pc_wires[i];

		status = board_wire(b, device[w->chip], w->pin, (enum board_wire_kind)w->kind,
				    w->to);
	}
	if (status)
		return status;
	b->pic = (uint8_t)device[PC_PIC];
	b->ioapic = (uint8_t)device[PC_IOAPIC];
	b->power = (uint8_t)device[PC_PM];
	b->vga = (uint8_t)device[PC_VGA];
	/* The timer's IRQ 0 is IOAPIC input 2, where the cascade would be; the MADT says so. */
	b->gsi_to_pin[0] = 2;
	b->gsi_to_pin[2] = BOARD_NO_DEVICE;
	b->console[0] = (uint8_t)device[PC_COM1];
	b->console[1] = (uint8_t)device[PC_COM2];
	b->console_of[device[PC_COM1]] = 0;
	b->console_of[device[PC_COM2]] = 1;
	b->a20_sources = 1u << device[PC_KBC] | 1u << device[PC_RESET];
	i8042_plug(&b->device[device[PC_KBC]], true, true);
	pc_cmos(&b->device[device[PC_RTC]], p);
	return p->testdev ? pc_testdev(b, device, p) : 0;
}
