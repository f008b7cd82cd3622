/* SPDX-License-Identifier: GPL-2.0-only */
/* What was found out about the box as a whole: written at boot, constant afterwards. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "arch/acpi.h"
#include "kernel/abi/bootinfo.h"
#include "kernel/memory.h"

struct box {
	struct bootinfo boot;
	struct acpi_info acpi;
	bool running; /* (a) the manager runs: trouble is not "cannot run here" any more */
	bool tsc_stable; /* no warp seen between processors */
	uint64_t tsc_hz;
	uint32_t ns_mul; /* ns = (ticks << ns_shift, or >> -ns_shift) * ns_mul >> 32, as kvmclock has it */
	int32_t ns_shift;
	struct piece pool;
};

extern struct box box;

__attribute__((noreturn)) void box_halt(void);
