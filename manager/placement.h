/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which host processor each virtual processor runs on: decided once at boot, out of the config and
 * the number of processors. Processor 0 is never exclusive: it has the manager
 * and what exclusive VMs do not want on their own.
 */
#pragma once

#include "manager/config.h"

#define PLACEMENT_WHY_MAX 128

struct placement {
	bool ok; /* else: why */
	uint16_t cpu[CONFIG_CPUS_MAX]; /* of vCPU n */
	uint16_t io; /* of the monitor's first thread: never an exclusive one */
	char why[PLACEMENT_WHY_MAX];
};

/* One for each VM of the config; those that are `wrong` get nothing. */
void placement_make(const struct config *config, unsigned host_cpus,
		    struct placement place[CONFIG_VM_MAX]);
