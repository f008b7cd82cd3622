/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: arch/acpi.c manager/power.c */
/* The ACPI reader on tables that are right, and on each way in which they can be wrong. */
#include "arch/acpi.h"
#include "manager/power.h"
#include "tests/unit/acpi_image.h"
#include "tests/unit/unit.h"
#include <stdlib.h>

static struct acpi_info info;

static struct power power;

/* And what the manager makes of the two tables that it is given. */
static int parse(void)
{
	int r = acpi_parse(IMAGE_BASE, image_read, &info);
	/* Copies of their own size, so that ASan sees a byte too far. */
	uint8_t *fadt = malloc(info.fadt.bytes), *dsdt = malloc(info.dsdt.bytes);

	if (image_read(info.fadt.base, fadt, info.fadt.bytes) && image_read(info.dsdt.base, dsdt, info.dsdt.bytes))
		power_read(&power, fadt, info.fadt.bytes, dsdt, info.dsdt.bytes);
	else
		memset(&power, 0, sizeof(power));
	free(fadt);
	free(dsdt);
	return r;
}

/* Where a table lies in the image. */
static size_t table_at(const char *signature)
{
	for (size_t i = 48; i + 36 <= image_bytes; i += 16)
		if (!memcmp(image + i, signature, 4))
			return i;
	return 0;
}

static size_t table_bytes(size_t at)
{
	return image[at + 4] | (size_t)image[at + 5] << 8;
}
static void resum(size_t at)
{
	fix_sum(at, table_bytes(at), 9);
}

static void everything_is_found(void)
{
	CHECK_EQ(parse(), 0);
	CHECK_EQ(info.cpus, 3);
	CHECK_EQ(info.cpu[0].apic_id, 0);
	CHECK_EQ(info.cpu[1].apic_id, 2);
	CHECK_EQ(info.cpu[2].apic_id, 0x1234);
	CHECK_EQ(info.lapic_base, 0xfee00000);
	CHECK_EQ(info.ioapics, 1);
	CHECK_EQ(info.ioapic[0].base, 0xfec00000);
	CHECK_EQ(info.overrides, 2);
	CHECK_EQ(info.override[0].gsi, 2);
	CHECK(!info.override[0].level && !info.override[0].active_low);
	CHECK(info.override[1].level && info.override[1].active_low);
	CHECK(info.fadt.bytes == 244 && info.dsdt.bytes != 0 && info.timer_32bit);
	CHECK_EQ(info.pm_timer, 0x608);
	CHECK(power.has_s5);
	CHECK_EQ(power.pm1a, 0x604);
	CHECK_EQ(power.pm1b, 0);
	CHECK_EQ(power.smi_cmd, 0xb2);
	CHECK_EQ(power.acpi_enable, 0xf1);
	CHECK_EQ(power.s5_a, 5);
	CHECK_EQ(power.s5_b, 1);
	CHECK_EQ(info.hpet_base, 0xfed00000);
	CHECK_EQ(info.mcfg_base, 0xb0000000);
	CHECK_EQ(info.bad_tables, 0);
}

static void revision_2_with_xsdt(void)
{
	image_usual(true);
	everything_is_found();
}
static void revision_0_with_rsdt(void)
{
	image_usual(false);
	everything_is_found();
}

static void rsdp_checksums(void)
{
	image_usual(true);
	image[10] ^= 1; /* both sums are wrong */
	CHECK(parse() != 0);
	image_usual(true);
	image[33] ^= 1; /* the second sum alone: the RSDT is used, and there is none */
	CHECK(parse() != 0);
	image_usual(false);
	image[8] ^= 1;
	CHECK(parse() != 0);
}

static void a_bad_table_costs_only_itself(void)
{
	image_usual(true);
	image[table_at("APIC") + 50] ^= 1;
	CHECK_EQ(parse(), 0);
	CHECK_EQ(info.cpus, 0);
	CHECK_EQ(info.bad_tables, 1);
	CHECK(info.fadt.bytes != 0 && info.hpet_base != 0);
}

static void madt_entries_with_wrong_lengths(void)
{
	static const uint8_t lengths[] = { 0, 1, 2, 7, 200, 255 };
	size_t at;

	for (unsigned i = 0; i < sizeof(lengths); i++) {
		image_usual(true);
		at = table_at("APIC");
		image[at + 44 + 8 + 1] = lengths[i]; /* the second processor's */
		resum(at);
		CHECK_EQ(parse(), 0);
		CHECK(info.cpus >= 1 && info.cpu[0].apic_id == 0);
		for (unsigned n = 1; n < info.cpus; n++)
			CHECK(info.cpu[n].apic_id != 2);
	}
}

static void too_many_processors(void)
{
	uint8_t body[8 + 8 * 80] = { 0 };
	size_t table[1];

	for (unsigned i = 0; i < 80; i++) {
		body[8 + 8 * i + 1] = 8;
		body[8 + 8 * i + 3] = (uint8_t)i;
		body[8 + 8 * i + 4] = 1;
	}
	image_begin();
	table[0] = add_table("APIC", body, sizeof(body));
	add_root(true, table, 1);
	CHECK_EQ(parse(), 0);
	CHECK_EQ(info.cpus, ACPI_CPUS_MAX);
	CHECK_EQ(info.cpus_ignored, 80 - ACPI_CPUS_MAX);
}

static void a_processor_listed_twice_counts_once(void)
{
	static const uint8_t body[] = { 0, 0,  0xe0, 0xfe, 0, 0, 0, 0, 0, 8, 0, 3, 1, 0, 0, 0,
					9, 16, 0,    0,    3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 };
	size_t table[1];

	image_begin();
	table[0] = add_table("APIC", body, sizeof(body));
	add_root(true, table, 1);
	CHECK_EQ(parse(), 0);
	CHECK_EQ(info.cpus, 1);
}

static void short_fadt_has_no_generic_addresses(void)
{
	size_t at;

	image_usual(true);
	at = table_at("FACP");
	image[at + 172] = 1; /* PM1a control: I/O 0x1234 */
	put(at + 176, 0x1234, 8);
	resum(at);
	CHECK_EQ(parse(), 0);
	CHECK_EQ(power.pm1a, 0x1234);
	put(at + 4, 116, 4);
	resum(at);
	CHECK_EQ(parse(), 0);
	CHECK(info.fadt.bytes == 116 && power.has_s5);
	CHECK_EQ(power.pm1a, 0x604);
	put(at + 4, 115, 4);
	resum(at);
	CHECK_EQ(parse(), 0);
	CHECK(info.fadt.bytes == 0 && !power.has_s5 && power.pm1a == 0);
}

static void s5_in_other_shapes(void)
{
	static const struct {
		uint8_t aml[12];
		bool found;
		uint8_t a, b;
	} shape[] = {
		{ { 0x12, 0x06, 0x02, 0x0a, 0x07, 0x0a, 0x06 }, true, 7, 6 },
		{ { 0x12, 0x46, 0x00, 0x04, 0x00, 0x00, 0, 0 },
		  true,
		  0,
		  0 }, /* two-byte PkgLength */
		{ { 0x12, 0x04, 0x01, 0x0a, 0x05 }, true, 5, 5 }, /* one element: b as a */
		{ { 0x12, 0x06, 0x02, 0x0a, 0x08, 0x00 }, false, 0, 0 }, /* 8 is no SLP_TYP */
		{ { 0x12, 0x06, 0x00, 0x0a, 0x05, 0x00 }, false, 0, 0 }, /* empty package */
		{ { 0x14, 0x06, 0x02, 0x0a, 0x05, 0x00 }, false, 0, 0 }, /* a method */
	};

	for (unsigned i = 0; i < sizeof(shape) / sizeof(shape[0]); i++) {
		uint8_t body[64] = { 'x', '_', 'S', '5', '_' };
		size_t table[1];

		memcpy(body + 5, shape[i].aml, sizeof(shape[i].aml));
		image_begin();
		table[0] = add_fadt(add_table("DSDT", body, sizeof(body)));
		add_root(true, table, 1);
		CHECK_EQ(parse(), 0);
		CHECK_EQ(power.has_s5, shape[i].found);
		if (shape[i].found)
			CHECK_EQ(power.s5_a << 4 | power.s5_b, shape[i].a << 4 | shape[i].b);
	}
}

static void s5_at_the_end(void)
{
	static const uint8_t s5[] = {
		'_', 'S', '5', '_', 0x12, 0x06, 0x02, 0x0a, 0x03, 0x0a, 0x03
	};
	static uint8_t body[2048];

	for (size_t at = 1000; at < 1060; at++) {
		size_t table[1];

		memset(body, 0, sizeof(body));
		memcpy(body + at, s5, sizeof(s5));
		image_begin();
		table[0] = add_fadt(add_table("DSDT", body, at + sizeof(s5)));
		add_root(true, table, 1);
		CHECK_EQ(parse(), 0);
		CHECK(power.has_s5 && power.s5_a == 3);
	}
	/* Cut anywhere inside: not found, nothing read beyond (ASan and image_read would say). */
	for (size_t cut = 0; cut < 8; cut++) {
		size_t table[1];

		image_begin();
		table[0] = add_fadt(add_table("DSDT", s5, cut));
		add_root(true, table, 1);
		CHECK_EQ(parse(), 0);
		CHECK(!power.has_s5);
	}
}

static void root_tables_that_lie(void)
{
	size_t at;

	image_usual(true);
	at = table_at("XSDT");
	put(at + 4, 0xffffffff, 4);
	CHECK(parse() != 0);
	put(at + 4, 35, 4);
	CHECK(parse() != 0);
	image_usual(true);
	at = table_at("XSDT");
	put(at + 36, 0xfffffffffffffff0ULL, 8); /* the MADT's address */
	resum(at);
	CHECK_EQ(parse(), 0);
	CHECK_EQ(info.bad_tables, 1);
	CHECK(acpi_parse(0xffffffffffffffffULL, image_read, &info) != 0);
	CHECK(acpi_parse(0, image_read, &info) != 0); /* no BIOS area in this memory */
}

int main(void)
{
	RUN(revision_2_with_xsdt);
	RUN(revision_0_with_rsdt);
	RUN(rsdp_checksums);
	RUN(a_bad_table_costs_only_itself);
	RUN(madt_entries_with_wrong_lengths);
	RUN(too_many_processors);
	RUN(a_processor_listed_twice_counts_once);
	RUN(short_fadt_has_no_generic_addresses);
	RUN(s5_in_other_shapes);
	RUN(s5_at_the_end);
	RUN(root_tables_that_lie);
	return unit_status();
}
