/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Made-up ACPI tables in a made-up physical memory, for the unit test, the fuzzer and its corpus.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { IMAGE_BASE = 0x1000, IMAGE_MAX = 8192 };

static uint8_t image[IMAGE_MAX];
static size_t image_bytes;

static inline bool image_read(uint64_t phys, void *to, size_t bytes)
{
	if (phys < IMAGE_BASE || phys - IMAGE_BASE > image_bytes ||
	    bytes > image_bytes - (phys - IMAGE_BASE))
		return false;
	memcpy(to, image + (phys - IMAGE_BASE), bytes);
	return true;
}

static inline void put(size_t at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		image[at + i] = (uint8_t)(value >> (8 * i));
}

static inline void fix_sum(size_t at, size_t bytes, size_t sum_at)
{
	uint8_t sum = 0;

	image[at + sum_at] = 0;
	for (size_t i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + image[at + i]);
	image[at + sum_at] = (uint8_t)-sum;
}

/* A table with a body; returns its offset in the image. */
static inline size_t add_table(const char *signature, const void *body, size_t bytes)
{
	size_t at = (image_bytes + 15) & ~(size_t)15;

	memset(image + at, 0, 36);
	memcpy(image + at, signature, 4);
	put(at + 4, 36 + bytes, 4);
	image[at + 8] = 1;
	memcpy(image + at + 36, body, bytes);
	fix_sum(at, 36 + bytes, 9);
	image_bytes = at + 36 + bytes;
	return at;
}

/* RSDP at IMAGE_BASE (reserve it first), pointing to a root table of `n` tables. */
static inline void add_root(bool xsdt, const size_t *table, unsigned n)
{
	uint8_t body[8 * 16] = { 0 };
	unsigned width = xsdt ? 8 : 4;
	size_t root;

	for (unsigned i = 0; i < n; i++) {
		uint64_t phys = IMAGE_BASE + table[i];

		memcpy(body + i * width, &phys, width);
	}
	root = add_table(xsdt ? "XSDT" : "RSDT", body, n * width);
	memset(image, 0, 36);
	memcpy(image, "RSD PTR ", 8);
	image[15] = xsdt ? 2 : 0;
	put(xsdt ? 24 : 16, IMAGE_BASE + root, xsdt ? 8 : 4);
	if (xsdt)
		put(20, 36, 4);
	fix_sum(0, 20, 8);
	if (xsdt)
		fix_sum(0, 36, 32);
}

static inline void image_begin(void)
{
	memset(image, 0, sizeof(image));
	image_bytes = 48;
}

/*
 * The usual MADT: two xAPIC processors and a disabled one, an x2APIC one, an IOAPIC, two overrides,
 * an NMI.
 */
static const uint8_t madt_body[] = {
	0x00, 0x00, 0xe0, 0xfe, 1,    0,    0,    0, /* local APIC, PCAT_COMPAT */
	0,    8,    0,    0,    1,    0,    0,    0,    0,    8, 1, 2,
	1,    0,    0,    0, /* APIC IDs 0 and 2 */
	0,    8,    2,    4,    0,    0,    0,    0, /* disabled */
	9,    16,   0,    0,    0x34, 0x12, 0,    0,    1,    0, 0, 0,
	7,    0,    0,    0, /* x2APIC ID 0x1234 */
	1,    12,   5,    0,    0,    0,    0xc0, 0xfe, 0,    0, 0, 0, /* IOAPIC */
	2,    10,   0,    0,    2,    0,    0,    0,    0,    0, /* IRQ 0 is GSI 2 */
	2,    10,   0,    9,    9,    0,    0,    0,    0x0f, 0, /* IRQ 9 level, active low */
	4,    6,    0xff, 0,    0,    1, /* LINT1 is NMI */
};

static inline size_t add_fadt(size_t dsdt)
{
	uint8_t body[244 - 36] = { 0 };
	uint32_t dsdt_phys = (uint32_t)(IMAGE_BASE + dsdt);

	memcpy(body + 40 - 36, &dsdt_phys, 4);
	body[48 - 36] = 0xb2; /* SMI_CMD */
	body[52 - 36] = 0xf1;
	body[64 - 36] = 0x04; /* PM1a control 0x604 */
	body[65 - 36] = 0x06;
	body[76 - 36] = 0x08; /* PM timer 0x608 */
	body[77 - 36] = 0x06;
	body[113 - 36] = 0x05; /* TMR_VAL_EXT, RESET_REG_SUP */
	body[116 - 36] = 1; /* reset register: I/O 0xcf9, value 0x0f */
	body[120 - 36] = 0xf9;
	body[121 - 36] = 0x0c;
	body[128 - 36] = 0x0f;
	return add_table("FACP", body, sizeof(body));
}

static const uint8_t dsdt_body[] = { 0x10, 0x05, '_',  'S',  'B',  '_',  0x08, '_',  'S', '5',
				     '_',  0x12, 0x08, 0x04, 0x0a, 0x05, 0x01, 0x00, 0x00 };

static inline void image_usual(bool xsdt)
{
	uint8_t hpet[56 - 36] = { 0 }, mcfg[60 - 36] = { 0 };
	size_t table[4];

	put(0, 0, 0);
	image_begin();
	hpet[44 - 36 + 2] = 0xd0;
	hpet[44 - 36 + 3] = 0xfe;
	mcfg[44 - 36 + 3] = 0xb0;
	mcfg[44 - 36 + 11] = 0xff;
	table[0] = add_table("APIC", madt_body, sizeof(madt_body));
	table[1] = add_fadt(add_table("DSDT", dsdt_body, sizeof(dsdt_body)));
	table[2] = add_table("HPET", hpet, sizeof(hpet));
	table[3] = add_table("MCFG", mcfg, sizeof(mcfg));
	add_root(xsdt, table, 4);
}
