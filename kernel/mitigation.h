/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Side channels: what is done about each, decided once at boot from what the processor has
 * (arch/flaws.h) and the box's command line. The table with its reasons is in mitigation.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What is in force. Known to assembly: arch/gs.inc. */
enum mitigation {
	MIT_VERW = 1 << 0, /* buffers are cleared before guests and ring 3 */
	MIT_RSB_EXIT = 1 << 1, /* the return stack is refilled after each exit */
	MIT_ISOLATION = 1 << 2, /* ring 3 has page tables without the kernel */
	MIT_L1D = 1 << 3, /* the L1 data cache is flushed before a guest runs on after others */
	MIT_IBRS = 1 << 4, /* SPEC_CTRL.IBRS, set once */
	MIT_AUTO_IBRS = 1 << 5, /* EFER.AIBRSE */
	MIT_BHI_DIS = 1 << 6, /* SPEC_CTRL.BHI_DIS_S */
	MIT_RETPOLINE = 1 << 7,
	MIT_IBPB = 1 << 8, /* a barrier when another space's threads come to a processor */
	MIT_RSB_SWITCH = 1 << 9, /* the return stack is refilled then */
	MIT_ITLB = 1 << 10, /* large nested pages are not executable, and split when executed */
};

extern uint32_t mitigations; /* (c) after boot */

enum mitigation_mode { MITIGATE_ON, MITIGATE_OFF };

typedef void mitigation_tell(const char *name, const char *state, const char *reason);

/* The policy: flaws and remedies to enum mitigation. Calls tell once a row. */
uint32_t mitigation_decide(uint32_t flaws, uint32_t remedies, enum mitigation_mode mode, mitigation_tell *tell);
/* Decides, logs, switches the boot processor. Before cpu_setup; takes from cpu_features what must go. */
void mitigation_init(const char *cmdline);
/* Each processor, after cpu_setup. Panics on one that needs more than the first. */
void mitigation_cpu_init(void);
/* Another space's threads and guests will run on this processor. */
void mitigation_switch(void);
