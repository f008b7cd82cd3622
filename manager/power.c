/* SPDX-License-Identifier: GPL-2.0-only */
/* Switches the box off: what FADT and DSDT say of S5, and the ports that do it. Does not tell anybody. */
#include "manager/power.h"

#include "kernel/abi/sys.h"
#include "lib/string.h"

#define TABLES_AT     0x0000032000000000ULL /* the FADT while it is read; the DSDT at + TABLE_STRIDE */
#define TABLE_STRIDE  0x10000000ULL

enum { FADT_SMI_CMD = 48, FADT_ACPI_ENABLE = 52, FADT_PM1A = 64, FADT_PM1B = 68, FADT_X_PM1A = 172, FADT_X_PM1B = 184 };
enum { SCI_EN = 1, SLP_EN = 1 << 13, SLP_TYP_SHIFT = 10 };
enum { TABLE_HEADER = 36 };

/* ---- what the tables say */

/* A field; what lies beyond the table's end is zero. */
static uint64_t get(const uint8_t *t, uint32_t size, uint32_t at, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes && at <= size && bytes <= size - at; i++)
		v |= (uint64_t)t[at + i] << (8 * i);
	return v;
}

/* The generic address wins when it is there and is a port. */
static uint16_t port_of(const uint8_t *fadt, uint32_t size, uint32_t old, uint32_t generic)
{
	uint64_t port = get(fadt, size, old, 4);

	if (get(fadt, size, generic, 1) == 1 && get(fadt, size, generic + 4, 8) != 0)
		port = get(fadt, size, generic + 4, 8);
	return port <= 0xffff ? (uint16_t)port : 0;
}

/* The value of a small AML constant at p, at most n bytes; *used is 0 when it is none. */
static uint8_t aml_byte(const uint8_t *p, uint32_t n, uint32_t *used)
{
	*used = 0;
	if (n >= 1 && (p[0] == 0x00 || p[0] == 0x01)) { /* ZeroOp, OneOp */
		*used = 1;
		return p[0];
	}
	if (n >= 2 && p[0] == 0x0a) { /* BytePrefix */
		*used = 2;
		return p[1];
	}
	return 0;
}

/* p points behind "_S5_": PackageOp, PkgLength, count, SLP_TYPa, SLP_TYPb. */
static bool parse_s5(struct power *power, const uint8_t *p, uint32_t n)
{
	uint32_t at, used;
	uint8_t a, b;
	bool two;

	if (n < 4 || p[0] != 0x12)
		return false;
	at = 1 + 1 + (p[1] >> 6); /* PkgLength is 1 to 4 bytes */
	if (at >= n || p[at] < 1)
		return false;
	two = p[at++] >= 2;
	a = aml_byte(p + at, n - at, &used);
	if (used == 0 || a > 7)
		return false;
	at += used;
	b = aml_byte(p + at, n - at, &used);
	if (!two || used == 0 || b > 7)
		b = a;
	power->s5_a = a;
	power->s5_b = b;
	return true;
}

void power_read(struct power *p, const uint8_t *fadt, uint32_t fadt_bytes, const uint8_t *dsdt, uint32_t dsdt_bytes)
{
	memset(p, 0, sizeof(*p));
	p->pm1a = port_of(fadt, fadt_bytes, FADT_PM1A, FADT_X_PM1A);
	p->pm1b = port_of(fadt, fadt_bytes, FADT_PM1B, FADT_X_PM1B);
	p->smi_cmd = (uint16_t)get(fadt, fadt_bytes, FADT_SMI_CMD, 2);
	p->acpi_enable = (uint8_t)get(fadt, fadt_bytes, FADT_ACPI_ENABLE, 1);
	for (uint32_t at = TABLE_HEADER; at < dsdt_bytes && dsdt_bytes - at > 4 && !p->has_s5; at++)
		if (memcmp(dsdt + at, "_S5_", 4) == 0)
			p->has_s5 = parse_s5(p, dsdt + at + 4, dsdt_bytes - at - 4);
}

/* ---- doing it */

static const uint8_t *table_map(const struct manager_boot_table *t, uint64_t at)
{
	uint64_t bytes = (t->offset + (uint64_t)t->bytes + 4095) & ~4095ULL;
	int status = sys_range_map(HANDLE_SELF_SPACE, (int)t->handle, at, 0, bytes, PROT_READ);

	return t->bytes != 0 && status == 0 ? (const uint8_t *)(uintptr_t)(at + t->offset) : NULL;
}

/*
 * Firmware owns the power registers until ACPI mode is on. [ACPI "Legacy/ACPI Select and the SCI
 * Interrupt"]
 */
static void acpi_mode(const struct power *p, int pm1a, uint64_t tsc_hz)
{
	uint64_t end = sys_tsc() + tsc_hz;
	int smi;

	if (sys_port_in(pm1a, p->pm1a, 2) & SCI_EN || p->smi_cmd == 0 || p->acpi_enable == 0)
		return;
	smi = sys_port_grant(HANDLE_BOX, p->smi_cmd, 1);
	sys_port_out(smi, p->smi_cmd, 1, p->acpi_enable);
	while (!(sys_port_in(pm1a, p->pm1a, 2) & SCI_EN) && sys_tsc() < end)
		;
}

static void sleep_write(int ports, uint16_t port, uint8_t type)
{
	uint32_t keep = sys_port_in(ports, port, 2) & ~(uint32_t)(SLP_EN | 7 << SLP_TYP_SHIFT);

	sys_port_out(ports, port, 2, keep | (uint32_t)type << SLP_TYP_SHIFT);
	sys_port_out(ports, port, 2, keep | (uint32_t)type << SLP_TYP_SHIFT | SLP_EN);
}

void power_off(const struct manager_boot *boot, uint64_t tsc_hz)
{
	const uint8_t *fadt = table_map(&boot->fadt, TABLES_AT), *dsdt = table_map(&boot->dsdt, TABLES_AT + TABLE_STRIDE);
	uint64_t end;
	struct power p;
	int pm1a;

	if (!fadt || !dsdt)
		return;
	power_read(&p, fadt, boot->fadt.bytes, dsdt, boot->dsdt.bytes);
	if (!p.has_s5 || p.pm1a == 0)
		return;
	pm1a = sys_port_grant(HANDLE_BOX, p.pm1a, 2);
	acpi_mode(&p, pm1a, tsc_hz);
	sleep_write(pm1a, p.pm1a, p.s5_a);
	if (p.pm1b != 0)
		sleep_write(sys_port_grant(HANDLE_BOX, p.pm1b, 2), p.pm1b, p.s5_b);
	for (end = sys_tsc() + tsc_hz; sys_tsc() < end;)
		;
}
