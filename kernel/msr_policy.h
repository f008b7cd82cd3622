/* SPDX-License-Identifier: GPL-2.0-only */
/* What a guest's RDMSR and WRMSR do. The x2APIC range belongs to the local APIC. */
#pragma once

#include <stdint.h>

struct vcpu;

#define MTRR_VARIABLE 8
#define MTRR_FIXED    11

/* MSRs that no control block holds. */
struct msr_state {
	uint64_t tsc_adjust, tsc_aux, misc_enable, pat, syscfg, hwcr;
	uint64_t mcg_status, mtrr_def_type;
	uint64_t mtrr_fixed[MTRR_FIXED], mtrr_base[MTRR_VARIABLE], mtrr_mask[MTRR_VARIABLE];
	uint64_t kvm_system_time, kvm_wall_clock;
	uint64_t kvm_steal_time, steal_from; /* steal_from: the thread's waiting before that does not count */
	uint32_t clock_version, steal_version; /* of what was written last: even */
};

/* 0, or E_RANGE: unknown (#GP, counted), or E_INVAL: the value is not allowed (#GP). */
int msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
int msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
/* Power-on values; INIT keeps them. */
void msr_reset(struct vcpu *v);

int msr_pat_valid(uint64_t value);
