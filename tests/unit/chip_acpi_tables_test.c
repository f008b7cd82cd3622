/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/aml.c guests/acpi_tables.c guests/acpi_dsdt.c */
/*
 * The ACPI tables: found by scanning, checksums, cross references, the numbers that must agree with
 * the board, and ACPICA's own opinion: iasl takes the DSDT apart and compiles it again without a
 * warning. Without iasl (acpica-tools) that case says so and passes.
 */
#include "tests/unit/unit.h"

#include "guests/acpi_tables.h"
#include "guests/aml.h"
#include "guests/pc.h"
#include "kernel/abi/status.h"
#include <stdlib.h>
#include <unistd.h>

#define BASE 0xe0000

static uint8_t memory[0x20000];
static uint64_t rsdp;
static int length;

static void build(unsigned cpus)
{
	struct acpi_params p = { .cpus = cpus };

	memset(memory, 0xcc, sizeof(memory));
	length = acpi_tables_build(&p, memory, sizeof(memory), BASE, &rsdp);
}

static uint64_t get(const uint8_t *p, unsigned offset, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)p[offset + i] << (8 * i);
	return value;
}

static uint8_t sum(const uint8_t *p, size_t bytes)
{
	unsigned s = 0;

	while (bytes--)
		s += *p++;
	return (uint8_t)s;
}

/* The table at an address, or NULL when it is outside, or its checksum is wrong. */
static const uint8_t *at(uint64_t address, const char *signature)
{
	const uint8_t *p = memory + (address - BASE);

	if (address < BASE || address + 36 > BASE + (uint64_t)length ||
	    memcmp(p, signature, 4) != 0 || address + get(p, 4, 4) > BASE + (uint64_t)length ||
	    sum(p, get(p, 4, 4)) != 0)
		return NULL;
	return p;
}

static const uint8_t *table(const char *signature)
{
	const uint8_t *xsdt = at(get(memory, 24, 8), "XSDT");

	for (unsigned o = 36; xsdt && o < get(xsdt, 4, 4); o += 8) {
		const uint8_t *p = at(get(xsdt, o, 8), signature);

		if (p)
			return p;
	}
	return NULL;
}

static void root(void)
{
	const uint8_t *rsdt, *xsdt;

	build(2);
	CHECK(length > 0);
	CHECK_EQ(rsdp, BASE);
	CHECK(memcmp(memory, "RSD PTR ", 8) == 0);
	CHECK_EQ(sum(memory, 20), 0);
	CHECK_EQ(sum(memory, 36), 0);
	CHECK_EQ(memory[15], 2);
	rsdt = at(get(memory, 16, 4), "RSDT");
	xsdt = at(get(memory, 24, 8), "XSDT");
	CHECK(rsdt && xsdt);
	CHECK_EQ((get(rsdt, 4, 4) - 36) / 4, (get(xsdt, 4, 4) - 36) / 8);
	for (unsigned i = 0; i < (get(rsdt, 4, 4) - 36) / 4; i++)
		CHECK_EQ(get(rsdt, 36 + 4 * i, 4), get(xsdt, 36 + 8 * i, 8));
	for (int i = length; i < (int)sizeof(memory); i++)
		CHECK_EQ(memory[i], 0xcc); /* nothing is written behind the end */
}

static void fadt(void)
{
	const uint8_t *p;
	uint64_t facs;

	build(2);
	p = table("FACP");
	CHECK(p != NULL);
	CHECK_EQ(get(p, 4, 4), 268);
	facs = get(p, 36, 4);
	CHECK_EQ(facs & 63, 0);
	CHECK(memcmp(memory + (facs - BASE), "FACS", 4) == 0);
	CHECK_EQ(get(memory + (facs - BASE), 4, 4), 64);
	CHECK(at(get(p, 40, 4), "DSDT") != NULL);
	CHECK_EQ(get(p, 140, 8), get(p, 40, 4));
	CHECK_EQ(get(p, 46, 2), PC_SCI_IRQ);
	CHECK_EQ(get(p, 48, 4), 0);
	CHECK_EQ(get(p, 56, 4), PC_PM_PORT);
	CHECK_EQ(get(p, 148 + 4, 8), PC_PM_PORT);
	CHECK_EQ(get(p, 64, 4), PC_PM_PORT + 4);
	CHECK_EQ(get(p, 172 + 4, 8), PC_PM_PORT + 4);
	CHECK_EQ(get(p, 76, 4), PC_PM_PORT + 8);
	CHECK_EQ(get(p, 208 + 4, 8), PC_PM_PORT + 8);
	CHECK_EQ(get(p, 80, 4), PC_GPE_PORT);
	CHECK_EQ(get(p, 220 + 4, 8), PC_GPE_PORT);
	CHECK_EQ(p[108], 0x32);
	CHECK_EQ(get(p, 116 + 4, 8), PC_RESET_PORT);
	CHECK_EQ(p[128], PC_RESET_VALUE);
	CHECK_EQ(get(p, 112, 4) & (1 << 8 | 1 << 10 | 1 << 4), 1 << 8 | 1 << 10);
}

static void madt(void)
{
	static const unsigned counts[] = { 1, 2, 255, 256, 300 };

	for (unsigned c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		unsigned seen[16] = { 0 }, offset = 44, id = 0;
		const uint8_t *p;

		build(counts[c]);
		p = table("APIC");
		CHECK(p != NULL);
		CHECK_EQ(get(p, 36, 4), PC_LAPIC_BASE);
		while (offset < get(p, 4, 4)) {
			const uint8_t *e = p + offset;

			CHECK(e[1] >= 6 && e[0] < 16);
			seen[e[0]]++;
			if (e[0] == 0)
				CHECK_EQ(e[3], id++);
			if (e[0] == 9)
				CHECK_EQ(get(e, 4, 4), id++);
			if (e[0] == 1)
				CHECK_EQ(get(e, 4, 4), PC_IOAPIC_BASE);
			if (e[0] == 2 && e[3] == 0)
				CHECK_EQ(get(e, 4, 4) << 16 | get(e, 8, 2), 2 << 16);
			if (e[0] == 2 && e[3] == 9)
				CHECK_EQ(get(e, 4, 4) << 16 | get(e, 8, 2), 9 << 16 | 0x0d);
			offset += e[1];
		}
		CHECK_EQ(offset, get(p, 4, 4));
		CHECK_EQ(id, counts[c]);
		CHECK_EQ(seen[1], 1);
		CHECK_EQ(seen[2], 2);
		CHECK_EQ(seen[4], 1);
		CHECK_EQ(seen[10], counts[c] > 255);
	}
}

static void refuses(void)
{
	struct acpi_params p = { .cpus = 0 };

	CHECK_EQ(acpi_tables_build(&p, memory, sizeof(memory), BASE, &rsdp), E_INVAL);
	p.cpus = 100000;
	CHECK_EQ(acpi_tables_build(&p, memory, sizeof(memory), BASE, &rsdp), E_INVAL);
	p.cpus = 1;
	CHECK_EQ(acpi_tables_build(&p, memory, sizeof(memory), BASE + 16, &rsdp), E_INVAL);
	CHECK_EQ(acpi_tables_build(&p, memory, sizeof(memory), 0xffffff00, &rsdp), E_INVAL);
}

/* Every buffer that is too small, by every byte: an error and no byte behind its end. */
static void bounded(void)
{
	struct acpi_params p = { .cpus = 3 };

	build(3);
	for (int bytes = 0; bytes <= length; bytes++) {
		uint8_t *small = malloc((size_t)bytes + 1);
		int got = acpi_tables_build(&p, small, (size_t)bytes, BASE, &rsdp);

		free(small); /* ASan has watched */
		CHECK_EQ(got, bytes < length ? E_NOMEM : length);
	}
}

static void integers(void)
{
	static const struct {
		uint64_t value;
		unsigned bytes;
	} t[] = { { 0, 1 },           { 1, 1 },         { 2, 2 },     { 255, 2 },
		  { 256, 3 },         { 65535, 3 },     { 65536, 5 }, { 0xffffffff, 5 },
		  { 0x100000000, 9 }, { UINT64_MAX, 9 } };

	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint8_t to[16];
		struct aml a = { .to = to, .bytes = sizeof(to) };

		aml_integer(&a, t[i].value);
		CHECK_EQ(a.at, t[i].bytes);
		CHECK(t[i].bytes == 1 || get(to, 1, t[i].bytes - 1) == t[i].value);
	}
}

static void eisa_ids(void)
{
	static const uint8_t pnp0a03[] = { 0x0c, 0x41, 0xd0, 0x0a, 0x03 };
	uint8_t to[8];
	struct aml a = { .to = to, .bytes = sizeof(to) };

	aml_eisa_id(&a, "PNP0A03");
	CHECK_EQ(a.at, 5);
	CHECK(memcmp(to, pnp0a03, 5) == 0);
	a.at = 0;
	aml_name(&a, "\\_S5");
	CHECK(a.at == 5 && memcmp(to, "\\_S5_", 5) == 0);
}

/* Runs iasl over a table; the number of its complaints, or -1. */
static int iasl(const char *folder, const char *name, const uint8_t *p)
{
	char path[256], command[1024];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s.dat", folder, name);
	out = fopen(path, "wb");
	if (!out)
		return -1;
	fwrite(p, 1, get(p, 4, 4), out);
	fclose(out);
	snprintf(command, sizeof(command),
		 "cd %s && iasl -d %s.dat >%s.log 2>&1 && iasl -we %s.dsl >>%s.log 2>&1 && "
		 "! grep -iE '(error|warning|remark) +[0-9]{4}|invalid|bad checksum' %s.log",
		 folder, name, name, name, name, name);
	return system(command) == 0 ? 0 : 1;
}

static void acpica_agrees(void)
{
	char folder[] = "/tmp/acpi_test_XXXXXX", command[64];
	const uint8_t *dsdt;
	int bad = 0;

	if (system("command -v iasl >/dev/null") != 0) {
		printf("# iasl is not installed (acpica-tools): not asked\n");
		return;
	}
	CHECK(mkdtemp(folder) != NULL);
	build(3);
	dsdt = at(get(table("FACP"), 40, 4), "DSDT");
	CHECK(dsdt != NULL);
	bad |= iasl(folder, "dsdt", dsdt);
	bad |= iasl(folder, "fadt", table("FACP"));
	build(300);
	bad |= iasl(folder, "madt", table("APIC"));
	snprintf(command, sizeof(command), "rm -r %s", folder);
	if (system(command) != 0)
		printf("# could not remove %s\n", folder);
	CHECK_EQ(bad, 0);
}

int main(void)
{
	RUN(root);
	RUN(fadt);
	RUN(madt);
	RUN(refuses);
	RUN(bounded);
	RUN(integers);
	RUN(eisa_ids);
	RUN(acpica_agrees);
	return unit_status();
}
