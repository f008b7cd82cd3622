/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ACPI table reader. Every length is checked against the table's, every table against its
 * checksum.
 */

#include "arch/acpi.h"
#include "lib/string.h"

#define TABLE_MAX  (1U << 20) /* longer tables are not believed */
#define HEADER     36 /* bytes of the common table header */
#define TABLES_MAX 128

struct reader {
	acpi_read read;
	struct acpi_info *info;
};

static uint32_t get_le(const uint8_t *p, unsigned bytes)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint32_t)p[i] << (8 * i);
	return v;
}

static uint64_t get_le64(const uint8_t *p)
{
	return get_le(p, 4) | (uint64_t)get_le(p + 4, 4) << 32;
}

/* Reads a field of a table; what lies beyond the table's end is zero. */
static uint64_t table_get(const struct reader *r, const struct acpi_table *t, uint32_t offset,
			  unsigned bytes)
{
	uint8_t raw[8] = { 0 };

	if (offset > t->bytes || bytes > t->bytes - offset ||
	    !r->read(t->base + offset, raw, bytes))
		return 0;
	return get_le64(raw);
}

static bool checksum_ok(const struct reader *r, uint64_t base, uint32_t bytes)
{
	uint8_t sum = 0, chunk[256];

	for (uint32_t at = 0; at < bytes;) {
		uint32_t n = bytes - at < sizeof(chunk) ? bytes - at : (uint32_t)sizeof(chunk);

		if (!r->read(base + at, chunk, n))
			return false;
		for (uint32_t i = 0; i < n; i++)
			sum = (uint8_t)(sum + chunk[i]);
		at += n;
	}
	return sum == 0;
}

/* Looks at a table's header; false when it is not a whole, valid table. */
static bool table_open(const struct reader *r, uint64_t base, struct acpi_table *t)
{
	uint8_t h[HEADER];

	if (base == 0 || base + TABLE_MAX < base || !r->read(base, h, sizeof(h)))
		return false;
	memcpy(t->signature, h, 4);
	t->base = base;
	t->bytes = get_le(h + 4, 4);
	/* The DSDT is only searched, by the manager: it may be large, and firmware gets its sum wrong. */
	return t->bytes >= HEADER && t->bytes <= TABLE_MAX &&
	       (!memcmp(t->signature, "DSDT", 4) || checksum_ok(r, base, t->bytes));
}

/* ---- MADT [ACPI "Multiple APIC Description Table (MADT)"] */

static void madt_cpu(struct acpi_info *info, uint32_t apic_id, uint32_t flags)
{
	if (!(flags & 1) || apic_id == 0xffffffff) /* not enabled */
		return;
	for (unsigned i = 0; i < info->cpus; i++)
		if (info->cpu[i].apic_id == apic_id)
			return;
	if (info->cpus == ACPI_CPUS_MAX) {
		info->cpus_ignored++;
		return;
	}
	info->cpu[info->cpus++] = (struct acpi_cpu){ apic_id };
}

static void madt_ioapic(struct acpi_info *info, const uint8_t *e)
{
	if (info->ioapics < ACPI_IOAPICS_MAX)
		info->ioapic[info->ioapics++] = (struct acpi_ioapic){
			.id = e[2], .base = get_le(e + 4, 4), .gsi_base = get_le(e + 8, 4)
		};
}

static void madt_override(struct acpi_info *info, const uint8_t *e)
{
	uint32_t flags = get_le(e + 8, 2);

	if (info->overrides == ACPI_OVERRIDES_MAX || e[2] != 0 || e[3] > 15)
		return;
	info->override[info->overrides++] = (struct acpi_override){
		.irq = e[3],
		.gsi = get_le(e + 4, 4),
		.active_low = (flags & 3) == 3, /* 0 conforms to the bus: ISA is edge, high */
		.level = (flags >> 2 & 3) == 3,
	};
}

/* One entry, e[0] its type, with the least length that the type has. */
static void madt_entry(struct acpi_info *info, const uint8_t *e, uint8_t bytes)
{
	static const uint8_t least[] = {
		[0] = 8, [1] = 12, [2] = 10, [5] = 12, [9] = 16
	};

	if (e[0] >= sizeof(least) || least[e[0]] == 0 || bytes < least[e[0]])
		return;
	switch (e[0]) {
	case 0: /* local APIC; ID 255 is none */
		if (e[3] != 0xff)
			madt_cpu(info, e[3], get_le(e + 4, 4));
		break;
	case 1:
		madt_ioapic(info, e);
		break;
	case 2:
		madt_override(info, e);
		break;
	case 5:
		info->lapic_base = get_le64(e + 4);
		break;
	case 9:
		madt_cpu(info, get_le(e + 4, 4), get_le(e + 8, 4));
		break;
	}
}

static void parse_madt(const struct reader *r, const struct acpi_table *t)
{
	uint8_t e[16];

	if (t->bytes < 44)
		return;
	r->info->lapic_base = table_get(r, t, 36, 4);
	for (uint32_t at = 44; t->bytes - at >= 2;) {
		uint32_t n;

		memset(e, 0, sizeof(e));
		if (!r->read(t->base + at, e, 2) || e[1] < 2 || e[1] > t->bytes - at)
			return; /* the rest cannot be told apart */
		n = e[1] < sizeof(e) ? e[1] : (uint32_t)sizeof(e);
		if (!r->read(t->base + at, e, n))
			return;
		at += e[1];
		madt_entry(r->info, e, e[1]);
	}
}

/* ---- FADT */

static void parse_fadt(const struct reader *r, const struct acpi_table *t)
{
	struct acpi_info *info = r->info;
	uint64_t dsdt = table_get(r, t, 140, 8), timer = table_get(r, t, 76, 4);

	if (t->bytes < 116)
		return;
	info->fadt = *t;
	/* The generic address wins when it is there and is a port. */
	if (table_get(r, t, 208, 1) == 1 && table_get(r, t, 212, 8) != 0)
		timer = table_get(r, t, 212, 8);
	info->pm_timer = timer <= 0xffff ? (uint16_t)timer : 0;
	info->timer_32bit = table_get(r, t, 112, 4) >> 8 & 1;
	if (dsdt == 0)
		dsdt = table_get(r, t, 40, 4);
	if (!table_open(r, dsdt, &info->dsdt) || memcmp(info->dsdt.signature, "DSDT", 4) != 0)
		info->dsdt.bytes = 0;
}

/* ---- HPET, MCFG */

static void parse_hpet(const struct reader *r, const struct acpi_table *t)
{
	if (t->bytes >= 56 && table_get(r, t, 40, 1) == 0)
		r->info->hpet_base = table_get(r, t, 44, 8);
}

static void parse_mcfg(const struct reader *r, const struct acpi_table *t)
{
	for (uint32_t at = 44; at <= t->bytes && t->bytes - at >= 16; at += 16) {
		if (table_get(r, t, at + 8, 2) != 0)
			continue;
		r->info->mcfg_base = table_get(r, t, at, 8);
		return;
	}
}

/* ---- root */

static void parse_table(const struct reader *r, uint64_t base)
{
	static const struct {
		char signature[5];
		void (*parse)(const struct reader *r, const struct acpi_table *t);
	} parsers[] = { { "APIC", parse_madt },
			{ "FACP", parse_fadt },
			{ "HPET", parse_hpet },
			{ "MCFG", parse_mcfg } };
	struct acpi_table t;

	r->info->tables++;
	if (!table_open(r, base, &t)) {
		r->info->bad_tables++;
		return;
	}
	for (unsigned i = 0; i < sizeof(parsers) / sizeof(parsers[0]); i++)
		if (!memcmp(t.signature, parsers[i].signature, 4))
			parsers[i].parse(r, &t);
}

static bool parse_root(const struct reader *r, uint64_t base, const char *signature, unsigned width)
{
	struct acpi_table t;

	if (!table_open(r, base, &t) || memcmp(t.signature, signature, 4) != 0)
		return false;
	for (uint32_t i = 0; i < (t.bytes - HEADER) / width && i < TABLES_MAX; i++)
		parse_table(r, table_get(r, &t, HEADER + i * width, width));
	return true;
}

static bool rsdp_valid(const struct reader *r, uint64_t base, uint8_t rsdp[36])
{
	memset(rsdp, 0, 36);
	if (!r->read(base, rsdp, 20) || memcmp(rsdp, "RSD PTR ", 8) != 0 ||
	    !checksum_ok(r, base, 20))
		return false;
	/* From revision 2 on there is more, with a checksum of its own. */
	if (rsdp[15] >= 2 &&
	    (!r->read(base, rsdp, 36) || get_le(rsdp + 20, 4) < 36 || get_le(rsdp + 20, 4) > 4096 ||
	     !checksum_ok(r, base, get_le(rsdp + 20, 4))))
		rsdp[15] = 0;
	return true;
}

/* The first KiB of the EBDA, then the BIOS area, on 16-byte boundaries. */
static bool rsdp_search(const struct reader *r, uint8_t rsdp[36])
{
	uint8_t segment[2];
	uint64_t ebda = 0;

	if (r->read(0x40e, segment, 2))
		ebda = (uint64_t)get_le(segment, 2) << 4;
	for (uint64_t at = ebda; ebda >= 0x80000 && at < ebda + 1024 && at < 0xa0000; at += 16)
		if (rsdp_valid(r, at, rsdp))
			return true;
	for (uint64_t at = 0xe0000; at < 0x100000; at += 16)
		if (rsdp_valid(r, at, rsdp))
			return true;
	return false;
}

int acpi_parse(uint64_t rsdp_base, acpi_read read, struct acpi_info *info)
{
	struct reader r = { read, info };
	uint8_t rsdp[36];

	memset(info, 0, sizeof(*info));
	if (!(rsdp_base ? rsdp_valid(&r, rsdp_base, rsdp) : rsdp_search(&r, rsdp)))
		return -1;
	if (rsdp[15] >= 2 && get_le64(rsdp + 24) != 0 &&
	    parse_root(&r, get_le64(rsdp + 24), "XSDT", 8))
		return 0;
	return parse_root(&r, get_le(rsdp + 16, 4), "RSDT", 4) ? 0 : -1;
}
