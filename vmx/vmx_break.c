/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes VM entries fail on purpose, for the negative tests: nothing that a guest or a monitor can do
 * reaches these fields with such values. Off unless the box is started with `vmx=+break`.
 */
#include "vmx/vmx.h"

#include "kernel/vm.h"
#include "lib/string.h"
#include "lib/x86/msr.h"

#define BREAK_AFTER 200 /* entries: the guest has come some way */

static const struct broken { /* several of one name: all of them */
	const char *name; /* of the VM, behind "break-" */
	uint32_t field;
	uint64_t clear, set;
} broken[] = {
	{ "cr0", VMCS_GUEST_CR0, 0, 1ULL << 40 },
	{ "cr3", VMCS_GUEST_CR3, 0, 1ULL << 60 },
	{ "cr4", VMCS_GUEST_CR4, CR4_VMXE, 0 },
	{ "dr7", VMCS_GUEST_DR7, 0, 1ULL << 40 },
	{ "efer", VMCS_GUEST_EFER, 0, 1ULL << 5 },
	{ "sysenter", VMCS_GUEST_SYSENTER_EIP, 0, 1ULL << 62 },
	{ "cs", VMCS_GUEST_ES_ACCESS + 2 * SEG_CS, 0xf, 0 },
	{ "ss", VMCS_GUEST_ES_BASE + 2 * SEG_SS, 0, 1ULL << 40 },
	{ "fs", VMCS_GUEST_ES_BASE + 2 * SEG_FS, 0, 1ULL << 62 },
	{ "tr", VMCS_GUEST_ES_ACCESS + 2 * VMCS_SEG_TR, 0, VMX_SEG_UNUSABLE },
	{ "gdtr", VMCS_GUEST_GDTR_LIMIT, 0, 1U << 20 },
	{ "rip", VMCS_GUEST_RIP, 0, 1ULL << 62 },
	{ "rflags", VMCS_GUEST_RFLAGS, RFLAGS_FIXED, 0 },
	{ "activity", VMCS_ACTIVITY, 0, 7 },
	{ "blocking", VMCS_INTERRUPTIBILITY, 0, VMX_BLOCK_STI | VMX_BLOCK_MOV_SS },
	{ "debug", VMCS_GUEST_PENDING_DEBUG, 0, 1ULL << 5 },
	{ "link", VMCS_LINK_POINTER, 1, 0 },
	{ "event", VMCS_ENTRY_EVENT, 0, VMX_EVENT_VALID | 1U << 8 },
	{ "control", VMCS_TPR_THRESHOLD, 0, 0x10 },
	{ "eptp", VMCS_EPT_POINTER, 0, 1U << 7 },
	{ "host", VMCS_HOST_TR, 0xffff, 0 },
	{ "vpid", VMCS_VPID, 0xffff, 0 },
	{ "paging", VMCS_GUEST_CR0, CR0_PE, 0 },
	{ "pae", VMCS_GUEST_CR4, CR4_PAE, 0 },
	{ "debugctl", VMCS_GUEST_DEBUGCTL, 0, 1U << 2 },
	{ "lma", VMCS_ENTRY_CONTROLS, VMX_ENTRY_IA32E, 0 },
	{ "lme", VMCS_GUEST_EFER, EFER_LME, 0 },
	{ "pcide", VMCS_ENTRY_CONTROLS, VMX_ENTRY_IA32E, 0 },
	{ "pcide", VMCS_GUEST_EFER, EFER_LMA | EFER_LME, 0 },
	{ "pcide", VMCS_GUEST_CR4, 0, CR4_PCIDE },
	{ "pdpte", VMCS_ENTRY_CONTROLS, VMX_ENTRY_IA32E, 0 },
	{ "pdpte", VMCS_GUEST_EFER, EFER_LMA | EFER_LME, 0 },
	{ "pdpte", VMCS_GUEST_PDPTE0, 0, 1U << 1 | 1U },
	{ "cs-dpl", VMCS_GUEST_ES_ACCESS + 2 * SEG_CS, 0, 3U << 5 },
	{ "cs-mode", VMCS_GUEST_ES_ACCESS + 2 * SEG_CS, 0, 3U << 13 },
	{ "cs-p", VMCS_GUEST_ES_ACCESS + 2 * SEG_CS, 1U << 7, 0 },
	{ "cs-s", VMCS_GUEST_ES_ACCESS + 2 * SEG_CS, 1U << 4, 0 },
	{ "cs-zero", VMCS_GUEST_ES_ACCESS + 2 * SEG_CS, 0, 1U << 8 },
	{ "cs-limit", VMCS_GUEST_ES_LIMIT + 2 * SEG_CS, 0xfff, 0 },
	{ "ss-type", VMCS_GUEST_ES_ACCESS + 2 * SEG_SS, ~0ULL, 0xc091 },
	{ "ds", VMCS_GUEST_ES_ACCESS + 2 * SEG_DS, ~0ULL, 0xc092 },
	{ "v86", VMCS_ENTRY_CONTROLS, VMX_ENTRY_IA32E, 0 },
	{ "v86", VMCS_GUEST_EFER, EFER_LMA | EFER_LME, 0 },
	{ "v86", VMCS_GUEST_CR0, CR0_PG, 0 },
	{ "v86", VMCS_GUEST_RFLAGS, 0, RFLAGS_VM },
	{ "ldtr", VMCS_GUEST_ES_ACCESS + 2 * VMCS_SEG_LDTR, ~0ULL, 0x89 },
	{ "tr-type", VMCS_GUEST_ES_ACCESS + 2 * VMCS_SEG_TR, 2, 0 },
	{ "tr-table", VMCS_GUEST_ES + 2 * VMCS_SEG_TR, 0, 4 },
	{ "idtr", VMCS_GUEST_IDTR_BASE, 0, 1ULL << 62 },
	{ "vm", VMCS_GUEST_RFLAGS, 0, RFLAGS_VM },
	{ "if", VMCS_GUEST_RFLAGS, RFLAGS_IF, 0 },
	{ "if", VMCS_ENTRY_EVENT, ~0ULL, VMX_EVENT_VALID | 0x60 },
	{ "halted", VMCS_ACTIVITY, 0, 1 },
	{ "halted", VMCS_INTERRUPTIBILITY, 0, VMX_BLOCK_MOV_SS },
	{ "sti", VMCS_GUEST_RFLAGS, RFLAGS_IF, 0 },
	{ "sti", VMCS_INTERRUPTIBILITY, 0, VMX_BLOCK_STI },
	{ "smi", VMCS_INTERRUPTIBILITY, 0, 1U << 2 },
	{ "shadow", VMCS_INTERRUPTIBILITY, 0, VMX_BLOCK_MOV_SS },
	{ "shadow", VMCS_ENTRY_EVENT, ~0ULL, VMX_EVENT_VALID | VMX_EVENT_NMI << 8 | VECTOR_NMI },
	{ "step", VMCS_INTERRUPTIBILITY, 0, VMX_BLOCK_MOV_SS },
	{ "step", VMCS_GUEST_RFLAGS, 0, RFLAGS_TF },
	{ "step", VMCS_GUEST_PENDING_DEBUG, DR6_BS, 0 },
};

void vmx_break(struct vmx_vcpu *s)
{
	const char *name = s->v.vm->name;

	if ((vmx_box.debug & VMX_DEBUG_BREAK) == 0 || s->v.area->entries != BREAK_AFTER || strncmp(name, "break-", 6) != 0)
		return;
	if (strcmp(name + 6, "msr") == 0)
		s->lists->guest[0].index = MSR_FS_BASE; /* which no list may load */
	for (unsigned i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		if (strcmp(name + 6, broken[i].name) == 0)
			vmwrite(broken[i].field, (vmread(broken[i].field) & ~broken[i].clear) | broken[i].set);
}
