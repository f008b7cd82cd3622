/* SPDX-License-Identifier: GPL-2.0-only */
/* The ACPI tables that describe machine `pc` to its guest. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct aml;

struct acpi_params {
	unsigned cpus; /* local APIC IDs are 0 to cpus - 1 */
};

/*
 * Writes all tables to `to`, which the guest sees at guest-physical address `base`: below 4 GiB,
 * and 64-byte aligned. The RSDP comes first, so with `base` in 0xe0000 to 0xfffff it is found by
 * scanning, too; *rsdp is its address. Returns the bytes written; E_INVAL, or E_NOMEM when `bytes`
 * are not enough.
 */
int acpi_tables_build(const struct acpi_params *params, uint8_t *to, size_t bytes, uint64_t base,
		      uint64_t *rsdp);

/* The DSDT's definition block, after the header (acpi_dsdt.c). */
void acpi_dsdt_write(struct aml *a, const struct acpi_params *params);
