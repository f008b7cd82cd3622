/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI's fixed tables for machine `pc`: RSDP, RSDT, XSDT, FADT, FACS, MADT, and the frame around
 * the DSDT. Layouts from [ACPI "ACPI System Description Tables"], version 5.0 of the FADT.
 */
#include "guests/acpi_tables.h"
#include "guests/aml.h"
#include "guests/pc.h"
#include "kernel/abi/status.h"

enum { RSDP_BYTES = 36, HEADER_BYTES = 36, FACS_BYTES = 64, FADT_BYTES = 268 };
enum { CPUS_MAX = 1024, XAPIC_CPUS = 255 };

/* Flags of the FADT. */
enum {
	BOOT_LEGACY_DEVICES = 1 << 0,
	BOOT_8042 = 1 << 1,
	FADT_WBINVD = 1 << 0,
	FADT_C1 = 1 << 2,
	FADT_NO_SLEEP_BUTTON = 1 << 5,
	FADT_NO_FIXED_RTC = 1 << 6,
	FADT_TIMER_32 = 1 << 8,
	FADT_RESET = 1 << 10,
};

static void checksum_set(struct aml *a, size_t start, size_t bytes, size_t at)
{
	uint8_t sum = 0;

	if (a->full)
		return;
	for (size_t i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + a->to[start + i]);
	aml_patch(a, at, (uint8_t)(0 - sum), 1);
}

/* Begins a table at the next multiple of 16; returns its offset. */
static size_t table_begin(struct aml *a, const char *signature, uint8_t revision)
{
	size_t start;

	aml_align(a, 16);
	start = a->at;
	aml_put(a, signature, 4);
	aml_u32(a, 0); /* length, by table_end */
	aml_u8(a, revision);
	aml_u8(a, 0); /* checksum, by table_end */
	aml_put(a, "BULKHD", 6);
	aml_put(a, "BULKPC  ", 8);
	aml_u32(a, 1);
	aml_put(a, "BLKH", 4);
	aml_u32(a, 1);
	return start;
}

static void table_end(struct aml *a, size_t start)
{
	aml_patch(a, start + 4, a->at - start, 4);
	checksum_set(a, start, a->at - start, start + 9);
}

/* A generic address: an I/O port block of `bits` bits. */
static void io_address(struct aml *a, uint16_t port, uint8_t bits, uint8_t access)
{
	aml_u8(a, 1);
	aml_u8(a, bits);
	aml_u8(a, 0);
	aml_u8(a, access); /* 1 byte, 2 word, 3 doubleword */
	aml_u64(a, port);
}

static void no_address(struct aml *a, unsigned count)
{
	for (unsigned i = 0; i < 12 * count; i++)
		aml_u8(a, 0);
}

static void fadt_blocks(struct aml *a)
{
	aml_u32(a, PC_PM_PORT); /* PM1a events */
	aml_u32(a, 0);
	aml_u32(a, PC_PM_PORT + 4); /* PM1a control */
	aml_u32(a, 0);
	aml_u32(a, 0); /* PM2 control */
	aml_u32(a, PC_PM_PORT + 8); /* PM timer */
	aml_u32(a, PC_GPE_PORT);
	aml_u32(a, 0);
	aml_put(a, "\x04\x02\x00\x04\x04\x00\x00\x00", 8); /* their lengths; GPE1 base; no _CST */
	aml_u16(a, 0xfff); /* latencies above 100 and 1000: no C2, no C3 */
	aml_u16(a, 0xfff);
}

static size_t fadt_write(struct aml *a, uint32_t facs, uint32_t dsdt)
{
	size_t start = table_begin(a, "FACP", 5);

	aml_u32(a, facs);
	aml_u32(a, dsdt);
	aml_u16(a, 0); /* reserved; preferred profile: unspecified */
	aml_u16(a, PC_SCI_IRQ);
	aml_u32(a, 0); /* no SMI command port: always in ACPI mode */
	aml_u32(a, 0);
	fadt_blocks(a);
	aml_u32(a, 0); /* cache flush size and stride: WBINVD is there */
	aml_u32(a, 0); /* duty offset and width, day and month alarm */
	aml_u8(a, 0x32); /* the RTC's century cell */
	aml_u16(a, BOOT_LEGACY_DEVICES | BOOT_8042);
	aml_u8(a, 0);
	aml_u32(a, FADT_WBINVD | FADT_C1 | FADT_NO_SLEEP_BUTTON | FADT_NO_FIXED_RTC |
			   FADT_TIMER_32 | FADT_RESET);
	io_address(a, PC_RESET_PORT, 8, 1);
	aml_u8(a, PC_RESET_VALUE);
	aml_u16(a, 0); /* Arm */
	aml_u8(a, 0); /* minor revision */
	aml_u64(a, 0); /* the FACS is below 4 GiB: the 32-bit field says where */
	aml_u64(a, dsdt);
	io_address(a, PC_PM_PORT, 32, 2);
	no_address(a, 1);
	io_address(a, PC_PM_PORT + 4, 16, 2);
	no_address(a, 2);
	io_address(a, PC_PM_PORT + 8, 32, 3);
	io_address(a, PC_GPE_PORT, 32, 1);
	no_address(a, 3); /* GPE1, sleep control and status */
	table_end(a, start);
	return start;
}

static void madt_override(struct aml *a, uint8_t irq, uint32_t gsi, uint16_t flags)
{
	aml_u8(a, 2);
	aml_u8(a, 10);
	aml_u8(a, 0); /* bus: ISA */
	aml_u8(a, irq);
	aml_u32(a, gsi);
	aml_u16(a, flags);
}

/* Local APIC entries for IDs that fit one byte, x2APIC ones for the rest. */
static void madt_processor(struct aml *a, unsigned n)
{
	if (n < XAPIC_CPUS) {
		aml_u8(a, 0);
		aml_u8(a, 8);
		aml_u8(a, (uint8_t)n);
		aml_u8(a, (uint8_t)n);
		aml_u32(a, 1); /* enabled */
		return;
	}
	aml_u8(a, 9);
	aml_u8(a, 16);
	aml_u16(a, 0);
	aml_u32(a, n);
	aml_u32(a, 1);
	aml_u32(a, n);
}

static size_t madt_write(struct aml *a, unsigned cpus)
{
	size_t start = table_begin(a, "APIC", 4);

	aml_u32(a, PC_LAPIC_BASE);
	aml_u32(a, 1); /* there are 8259s, too */
	for (unsigned n = 0; n < cpus; n++)
		madt_processor(a, n);
	aml_u8(a, 1); /* the IOAPIC: ID 0, first GSI 0 */
	aml_u8(a, 12);
	aml_u16(a, 0);
	aml_u32(a, PC_IOAPIC_BASE);
	aml_u32(a, 0);
	madt_override(a, 0, 2, 0); /* the timer: as the bus has it */
	madt_override(a, PC_SCI_IRQ, PC_SCI_IRQ, 0x000d); /* level-triggered, active high */
	aml_u8(a, 4); /* NMI: LINT1 of every local APIC */
	aml_u8(a, 6);
	aml_u8(a, 0xff);
	aml_u16(a, 0);
	aml_u8(a, 1);
	if (cpus > XAPIC_CPUS) {
		aml_u8(a, 10);
		aml_u8(a, 12);
		aml_u16(a, 0);
		aml_u32(a, UINT32_MAX);
		aml_u32(a, 1); /* LINT1, three bytes reserved */
	}
	table_end(a, start);
	return start;
}

static size_t facs_write(struct aml *a)
{
	size_t start;

	aml_align(a, 64);
	start = a->at;
	aml_put(a, "FACS", 4);
	aml_u32(a, FACS_BYTES);
	for (unsigned i = 8; i < FACS_BYTES; i++)
		aml_u8(a, i == 32 ? 2 : 0); /* version 2 */
	return start;
}

static void rsdp_write(struct aml *a, uint32_t rsdt, uint64_t xsdt)
{
	struct aml p = { .to = a->to, .bytes = RSDP_BYTES };

	if (a->full)
		return;
	aml_put(&p, "RSD PTR ", 8);
	aml_u8(&p, 0);
	aml_put(&p, "BULKHD", 6);
	aml_u8(&p, 2);
	aml_u32(&p, rsdt);
	aml_u32(&p, RSDP_BYTES);
	aml_u64(&p, xsdt);
	aml_u32(&p, 0);
	checksum_set(&p, 0, 20, 8);
	checksum_set(&p, 0, RSDP_BYTES, 32);
}

int acpi_tables_build(const struct acpi_params *params, uint8_t *to, size_t bytes, uint64_t base,
		      uint64_t *rsdp)
{
	struct aml a = { .to = to, .bytes = bytes };
	uint64_t facs, dsdt, fadt, madt;
	size_t start, xsdt;

	if (params->cpus == 0 || params->cpus > CPUS_MAX || (base & 63) || bytes > 1 << 20 ||
	    base + bytes > UINT32_MAX)
		return E_INVAL;
	for (unsigned i = 0; i < RSDP_BYTES; i++)
		aml_u8(&a, 0); /* filled in when the addresses are known */
	facs = base + facs_write(&a);
	start = table_begin(&a, "DSDT", 2); /* revision 2: integers of 64 bits */
	acpi_dsdt_write(&a, params);
	table_end(&a, start);
	dsdt = base + start;
	fadt = base + fadt_write(&a, (uint32_t)facs, (uint32_t)dsdt);
	madt = base + madt_write(&a, params->cpus);
	xsdt = table_begin(&a, "XSDT", 1);
	aml_u64(&a, fadt);
	aml_u64(&a, madt);
	table_end(&a, xsdt);
	start = table_begin(&a, "RSDT", 1);
	aml_u32(&a, (uint32_t)fadt);
	aml_u32(&a, (uint32_t)madt);
	table_end(&a, start);
	rsdp_write(&a, (uint32_t)(base + start), base + xsdt);
	if (a.full)
		return E_NOMEM;
	*rsdp = base;
	return (int)a.at;
}
