/* SPDX-License-Identifier: GPL-2.0-only */
/* The DSDT of machine `pc`: power-off, the PCI host bridge with its routing, the devices on board. */
#include "guests/acpi_tables.h"
#include "guests/aml.h"
#include "guests/chips.h"
#include "guests/pc.h"

enum { OP_STORE = 0x70, OP_RETURN = 0xa4, OP_ARG0 = 0x68 };

/* A device on board: its ports (count 0 ends them) and its interrupt (0xff: none). */
static const struct onboard {
	char name[5], hid[8];
	uint8_t uid, irq;
	struct {
		uint16_t first;
		uint8_t count;
	} io[4];
} onboard[] = {
	{ "PIC", "PNP0000", 0, 2, { { 0x20, 2 }, { 0xa0, 2 }, { 0x4d0, 2 } } },
	{ "TIMR", "PNP0100", 0, 0, { { 0x40, 4 } } },
	{ "RTC", "PNP0B00", 0, 8, { { 0x70, 2 } } },
	{ "SPKR", "PNP0800", 0, 0xff, { { 0x61, 1 } } },
	{ "KBD", "PNP0303", 0, 1, { { 0x60, 1 }, { 0x64, 1 } } },
	{ "MOU", "PNP0F13", 0, 12, { { 0, 0 } } },
	{ "COM1", "PNP0501", 1, 4, { { PC_COM1_PORT, 8 } } },
	{ "COM2", "PNP0501", 2, 3, { { PC_COM2_PORT, 8 } } },
};

static void name_integer(struct aml *a, const char *name, uint64_t value)
{
	aml_name_op(a, name);
	aml_integer(a, value);
}

static void dsdt_onboard(struct aml *a, const struct onboard *o)
{
	size_t device = aml_device(a, o->name);
	struct aml_resources crs;

	aml_name_op(a, "_HID");
	aml_eisa_id(a, o->hid);
	if (o->uid)
		name_integer(a, "_UID", o->uid);
	aml_name_op(a, "_CRS");
	crs = aml_resources(a);
	for (unsigned i = 0; i < 4 && o->io[i].count; i++)
		aml_io(a, o->io[i].first, o->io[i].count);
	if (o->irq != 0xff)
		aml_irq(a, o->irq);
	aml_resources_end(a, &crs);
	aml_close(a, device);
}

/* Which interrupt each pin of each slot reaches. Not through link devices: it never changes. */
static void dsdt_routes(struct aml *a, const char *name, bool apic)
{
	size_t table, route;

	aml_name_op(a, name);
	table = aml_package(a, 31 * 4);
	for (unsigned slot = 1; slot < 32; slot++) {
		for (unsigned pin = 0; pin < 4; pin++) {
			route = aml_package(a, 4);
			aml_integer(a, (uint64_t)slot << 16 | 0xffff); /* every function */
			aml_integer(a, pin);
			aml_integer(a, 0);
			aml_integer(a, apic ? PC_INTX_GSI(slot, pin) : PC_INTX_IRQ(slot, pin));
			aml_close(a, route);
		}
	}
	aml_close(a, table);
}

static void dsdt_host_bridge(struct aml *a)
{
	size_t device = aml_device(a, "PCI0"), method, block;
	struct aml_resources crs;

	aml_name_op(a, "_HID");
	aml_eisa_id(a, "PNP0A03");
	name_integer(a, "_UID", 0);
	name_integer(a, "_BBN", 0);
	aml_name_op(a, "_CRS");
	crs = aml_resources(a);
	aml_word_window(a, AML_BUS, 0, 0);
	aml_io(a, 0xcf8, 8);
	aml_word_window(a, AML_IO, 0, 0xcf7);
	aml_word_window(a, AML_IO, 0xd00, 0xffff);
	aml_dword_window(a, AML_MEMORY, 0xa0000, 0xbffff);
	aml_dword_window(a, AML_MEMORY, PC_PCI_HOLE_BASE, PC_PCI_HOLE_END);
	aml_resources_end(a, &crs);
	dsdt_routes(a, "PRTA", true);
	dsdt_routes(a, "PRTP", false);
	method = aml_method(a, "_PRT", 0);
	block = aml_if(a);
	aml_name(a, "PICM");
	aml_u8(a, OP_RETURN);
	aml_name(a, "PRTA");
	aml_close(a, block);
	aml_u8(a, OP_RETURN);
	aml_name(a, "PRTP");
	aml_close(a, method);
	for (unsigned i = 0; i < sizeof(onboard) / sizeof(onboard[0]); i++)
		dsdt_onboard(a, &onboard[i]);
	aml_close(a, device);
}

static void dsdt_processor(struct aml *a, unsigned n)
{
	static const char digit[] = "0123456789ABCDEF";
	const char name[5] = { 'C', digit[n >> 8 & 15], digit[n >> 4 & 15], digit[n & 15], 0 };
	size_t device = aml_device(a, name);

	aml_name_op(a, "_HID");
	aml_string(a, "ACPI0007");
	name_integer(a, "_UID", n);
	aml_close(a, device);
}

void acpi_dsdt_write(struct aml *a, const struct acpi_params *params)
{
	size_t block;

	aml_name_op(a, "\\_S5");
	block = aml_package(a, 4);
	aml_integer(a, ACPI_PM_SLP_TYP_S5);
	aml_integer(a, ACPI_PM_SLP_TYP_S5);
	aml_integer(a, 0);
	aml_integer(a, 0);
	aml_close(a, block);
	/* The guest says which interrupt controller it uses: 0 the 8259, 1 the IOAPIC. */
	name_integer(a, "\\PICM", 0);
	block = aml_method(a, "\\_PIC", 1);
	aml_u8(a, OP_STORE);
	aml_u8(a, OP_ARG0);
	aml_name(a, "PICM");
	aml_close(a, block);
	block = aml_scope(a, "\\_SB");
	for (unsigned i = 0; i < params->cpus; i++)
		dsdt_processor(a, i);
	dsdt_host_bridge(a);
	aml_close(a, block);
}
