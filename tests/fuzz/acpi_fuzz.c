/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: arch/acpi.c manager/power.c */
/* Any bytes as ACPI tables: no read outside what the tables cover, counts within their arrays. */
#include "arch/acpi.h"
#include "manager/power.h"
#include "tests/unit/acpi_image.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Mutations would all die at the checksums: mend those of whatever looks like a table. */
static void mend_sums(void)
{
	static const char *const known[] = { "APIC", "FACP", "HPET", "MCFG", "XSDT", "RSDT" };

	for (size_t at = 0; at + 36 <= image_bytes; at++)
		for (unsigned k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
			uint32_t bytes;

			memcpy(&bytes, image + at + 4, 4);
			if (!memcmp(image + at, known[k], 4) && bytes >= 36 &&
			    bytes <= image_bytes - at)
				fix_sum(at, bytes, 9);
		}
	if (image_bytes >= 36) {
		fix_sum(0, 20, 8);
		fix_sum(0, 36, 32);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acpi_info info;
	struct power power = { 0 };
	uint8_t *fadt, *dsdt;

	image_bytes = size < IMAGE_MAX ? size : IMAGE_MAX;
	memcpy(image, data, image_bytes);
	mend_sums();
	(void)acpi_parse(IMAGE_BASE, image_read, &info);
	if (info.cpus > ACPI_CPUS_MAX || info.ioapics > ACPI_IOAPICS_MAX ||
	    info.overrides > ACPI_OVERRIDES_MAX)
		abort();
	fadt = malloc(info.fadt.bytes);
	dsdt = malloc(info.dsdt.bytes);
	if (image_read(info.fadt.base, fadt, info.fadt.bytes) && image_read(info.dsdt.base, dsdt, info.dsdt.bytes))
		power_read(&power, fadt, info.fadt.bytes, dsdt, info.dsdt.bytes);
	free(fadt);
	free(dsdt);
	if (power.s5_a > 7 || power.s5_b > 7)
		abort();
	for (unsigned i = 0; i < info.overrides; i++)
		if (info.override[i].irq > 15)
			abort();
	return 0;
}
