/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads the ACPI tables that a hypervisor needs. Pure: physical memory comes through a function, so
 * that the same code runs in unit tests and under a fuzzer. What it takes to switch the power off is the
 * manager's to find, in the two tables that are named here. [ACPI "ACPI Software Programming Model"]
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACPI_CPUS_MAX	   64
#define ACPI_IOAPICS_MAX   8
#define ACPI_OVERRIDES_MAX 16

/* Copies [phys, phys + bytes), at most 4 KiB, into to. False: no such memory. */
typedef bool (*acpi_read)(uint64_t phys, void *to, size_t bytes);

struct acpi_cpu {
	uint32_t apic_id;
};

struct acpi_ioapic {
	uint32_t id, gsi_base;
	uint64_t base;
};

struct acpi_override { /* an ISA interrupt that is not where and what it seems */
	uint32_t gsi;
	uint8_t irq;
	bool level, active_low;
};

struct acpi_table {
	uint64_t base;
	uint32_t bytes; /* 0: there is none */
	char signature[4];
};

struct acpi_info {
	unsigned cpus, ioapics, overrides;
	unsigned cpus_ignored; /* beyond ACPI_CPUS_MAX */
	struct acpi_cpu cpu[ACPI_CPUS_MAX];
	struct acpi_ioapic ioapic[ACPI_IOAPICS_MAX];
	struct acpi_override override[ACPI_OVERRIDES_MAX];
	uint64_t lapic_base; /* 0: no MADT */
	struct acpi_table fadt, dsdt;
	bool timer_32bit;
	uint16_t pm_timer; /* port, 0: none */
	uint64_t hpet_base; /* 0: none */
	uint64_t mcfg_base; /* segment 0; 0: none */
	unsigned tables, bad_tables; /* seen; and refused for length or checksum */
};

/*
 * rsdp 0: looks for one in the BIOS areas. 0, or -1 when there is no valid RSDP or root table;
 * *info is filled as far as tables were valid, never beyond.
 */
int acpi_parse(uint64_t rsdp, acpi_read read, struct acpi_info *info);
