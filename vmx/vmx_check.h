/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Would the processor enter with this? Pure: a struct of fields in, the name of the wrong one out. Knows
 * what this backend can produce, not all that VMX allows (no SMM, no nested VMX, no enclaves).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "vmx/vmcs.h"

struct vmx_check_seg {
	uint32_t selector, access, limit;
	uint64_t base;
};

struct vmx_check_host {
	uint64_t cr0, cr3, cr4, efer, rip, sysenter_esp, sysenter_eip;
	uint32_t selector[7]; /* ES CS SS DS FS GS TR */
	uint64_t base[5]; /* FS GS TR GDTR IDTR */
};

struct vmx_state {
	/* of the processor */
	uint64_t cr0_fixed, cr4_fixed0, cr4_fixed1;
	uint64_t allowed[VMX_WORDS]; /* controls: low half: must be 1; high half: may be 1 */
	unsigned phys_bits;
	/* controls */
	uint32_t pin, cpu, cpu2, exit, entry;
	uint32_t event, event_error, event_length;
	uint32_t tpr_threshold, vtpr;
	uint32_t vpid;
	uint64_t ept_pointer, msr_bitmap, virtual_apic, msr_list[3]; /* exit store, exit load, entry load */
	struct vmx_check_host host;
	/* guest state */
	uint64_t cr0, cr3, cr4, dr7, efer, debugctl;
	uint64_t rip, rflags;
	uint64_t sysenter_esp, sysenter_eip;
	struct vmx_check_seg seg[VMCS_SEGS];
	struct vmx_check_seg gdtr, idtr; /* base and limit */
	uint32_t activity, interruptibility;
	uint64_t pending_debug, link, pdpte[4];
};

/* True: nothing is wrong. Otherwise why[bytes] names the field and says what is. */
bool vmx_check(const struct vmx_state *s, char *why, size_t bytes);
