/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How ACPI switches a box off. No AML: S5's values come from a bounded search for the _S5_ package.
 * [ACPI "ACPI Hardware Specification"]
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kernel/abi/syscall.h"

struct power {
	uint16_t pm1a, pm1b, smi_cmd; /* ports, 0: none */
	uint8_t acpi_enable; /* written to smi_cmd, makes firmware let go of pm1a */
	bool has_s5;
	uint8_t s5_a, s5_b; /* SLP_TYP values */
};

/* Pure: reads the two tables, which may say anything, for as long as they are. */
void power_read(struct power *p, const uint8_t *fadt, uint32_t fadt_bytes, const uint8_t *dsdt, uint32_t dsdt_bytes);
/* Returns when there is no way, or none that works. */
void power_off(const struct manager_boot *boot, uint64_t tsc_hz);
