/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What to use of a processor's VMX, decided from its capability MSRs and the box's command line. Pure:
 * it reads no register, so that it also runs against made-up processors in a unit test.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "vmx/vmcs.h"

/* As read; one that this processor does not have is 0. */
struct vmx_caps {
	uint64_t feature_control, basic, misc, ept_vpid;
	uint64_t word[VMX_WORDS]; /* low half: must be 1; high half: may be 1 */
	uint64_t cr0_fixed0, cr4_fixed0, cr4_fixed1;
};

/* Optional features; the index of the counters that tell whether they are used. */
enum vmx_feature {
	VMX_F_VPID = 1 << 0,
	VMX_F_TPR = 1 << 1, /* TPR shadow: CR8 without exits */
	VMX_F_TIMER = 1 << 2, /* preemption timer */
	VMX_F_PAUSE = 1 << 3, /* PAUSE-loop exiting */
	VMX_F_RDTSCP = 1 << 4,
	VMX_F_INVPCID = 1 << 5,
	VMX_F_1G = 1 << 6, /* 1 GiB pages of EPT */
	VMX_F_INVEPT_ONE = 1 << 7, /* one EPT's translations only */
	VMX_F_INVVPID_ONE = 1 << 8, /* one VPID's translations only */
	VMX_F_INVVPID_LOCAL = 1 << 9, /* .. and of them the global ones stay */
	VMX_FEATURES = 10, /* that have a name */
	VMX_F_BOUND = 1 << 10, /* Bochs: every run of a guest is bounded by the timer */
};

/* The decision. The same on every processor of the box. */
struct vmx_controls {
	uint32_t revision;
	uint32_t word[VMX_WORDS]; /* initial values of the control fields */
	uint64_t allowed[VMX_WORDS]; /* low half: must be 1; high half: may be 1 */
	uint32_t features; /* enum vmx_feature */
	uint32_t timer_shift; /* the preemption timer counts TSC >> timer_shift */
	uint64_t cr0_fixed; /* bits of CR0 that VMX operation wants set, PE and PG apart */
	uint64_t cr4_known; /* bits of CR4 that the processor can set */
	bool lock; /* FEATURE_CONTROL is open: enable VMX and lock it */
};

/*
 * 0, or E_UNSUPPORTED with a whole sentence in why[bytes] that names what is missing. options:
 * "-vpid,-tpr" takes features away; NULL for none.
 */
int vmx_decide(const struct vmx_caps *caps, const char *options, struct vmx_controls *out, char *why,
	       size_t bytes);
/* For the log: what is used, and what the command line took away. */
extern const char *const vmx_feature_name[VMX_FEATURES];
void vmx_describe(const char *options, const struct vmx_controls *c, char *text, size_t bytes);
