/* SPDX-License-Identifier: GPL-2.0-only */
/* What the VMCS says, for the log: the dump, the counters, and the state for the pre-entry checker. */
#include "vmx/vmx.h"

#include "arch/cpu.h"
#include "kernel/log.h"
#include "kernel/percpu.h"
#include "kernel/vm.h"
#include "lib/format.h"
#include "lib/x86/cr.h"
#include "vmx/vmx_check.h"

/* What is done without a feature is counted behind the features, which have names. */
static const char *const without_name[VMX_USES - VMX_FEATURES] = {
	[VMX_USE_INVEPT_ALL - VMX_FEATURES] = "invept-all",
	[VMX_USE_INVVPID_ALL - VMX_FEATURES] = "invvpid-all",
};

/* One line on what optional features were used so far, on all processors, and on what is done without. */
static void uses(const struct vcpu *v)
{
	uint64_t sum[VMX_USES] = { [VMX_USE_1G] = v->vm->npt.leaf[3] };
	char text[240] = "";
	size_t at = 0;

	for (unsigned i = 0; i < cpu_count; i++) {
		const struct vmx_cpu *c = cpu_table[i]->hv;

		for (unsigned k = 0; c != NULL && k < VMX_USES; k++)
			sum[k] += c->used[k];
	}
	for (unsigned k = 0; k < VMX_USES && at < sizeof(text); k++)
		at += (size_t)format(text + at, sizeof(text) - at, " %s=%llu",
				     k < VMX_FEATURES ? vmx_feature_name[k] : without_name[k - VMX_FEATURES],
				     (unsigned long long)sum[k]);
	log_line("vmx", "used:%s", text);
}

static void seg_read(struct vmx_check_seg *g, unsigned n)
{
	g->selector = (uint32_t)vmread(VMCS_GUEST_ES + 2 * n);
	g->access = (uint32_t)vmread(VMCS_GUEST_ES_ACCESS + 2 * n);
	g->limit = (uint32_t)vmread(VMCS_GUEST_ES_LIMIT + 2 * n);
	g->base = vmread(VMCS_GUEST_ES_BASE + 2 * n);
}

static void host_read(struct vmx_check_host *h)
{
	h->cr0 = vmread(VMCS_HOST_CR0);
	h->cr3 = vmread(VMCS_HOST_CR3);
	h->cr4 = vmread(VMCS_HOST_CR4);
	h->efer = vmread(VMCS_HOST_EFER);
	h->rip = vmread(VMCS_HOST_RIP);
	h->sysenter_esp = vmread(VMCS_HOST_SYSENTER_ESP);
	h->sysenter_eip = vmread(VMCS_HOST_SYSENTER_EIP);
	for (unsigned i = 0; i < 7; i++)
		h->selector[i] = (uint32_t)vmread(VMCS_HOST_ES + 2 * i);
	for (unsigned i = 0; i < 5; i++)
		h->base[i] = vmread(VMCS_HOST_FS_BASE + 2 * i);
}

static void controls_read(const struct vmx_vcpu *s, struct vmx_state *out)
{
	out->cr0_fixed = vmx_box.c.cr0_fixed;
	out->cr4_fixed0 = CR4_VMXE;
	out->cr4_fixed1 = vmx_box.c.cr4_known;
	out->phys_bits = cpu_phys_bits;
	out->pin = (uint32_t)vmread(VMCS_PIN_CONTROLS);
	out->cpu = (uint32_t)vmread(VMCS_CPU_CONTROLS);
	out->cpu2 = (uint32_t)vmread(VMCS_CPU_CONTROLS2);
	out->exit = (uint32_t)vmread(VMCS_EXIT_CONTROLS);
	out->entry = (uint32_t)vmread(VMCS_ENTRY_CONTROLS);
	for (unsigned i = 0; i < VMX_WORDS; i++)
		out->allowed[i] = vmx_box.c.allowed[i];
	out->event = (uint32_t)vmread(VMCS_ENTRY_EVENT);
	out->event_error = (uint32_t)vmread(VMCS_ENTRY_ERROR);
	out->event_length = (uint32_t)vmread(VMCS_ENTRY_LENGTH);
	out->tpr_threshold = (uint32_t)vmread(VMCS_TPR_THRESHOLD);
	out->vtpr = s->virtual_apic[0x80 / 4];
	out->vpid = (out->cpu2 & VMX_CPU2_VPID) != 0 ? (uint32_t)vmread(VMCS_VPID) : 0;
	out->ept_pointer = vmread(VMCS_EPT_POINTER);
	out->msr_bitmap = vmread(VMCS_MSR_BITMAP);
	out->virtual_apic = vmread(VMCS_VIRTUAL_APIC);
	out->msr_list[0] = vmread(VMCS_EXIT_MSR_STORE);
	out->msr_list[1] = vmread(VMCS_EXIT_MSR_LOAD);
	out->msr_list[2] = vmread(VMCS_ENTRY_MSR_LOAD);
	host_read(&out->host);
}

void vmx_state_read(const struct vmx_vcpu *s, struct vmx_state *out)
{
	controls_read(s, out);
	out->cr0 = vmread(VMCS_GUEST_CR0);
	out->cr3 = vmread(VMCS_GUEST_CR3);
	out->cr4 = vmread(VMCS_GUEST_CR4);
	out->dr7 = vmread(VMCS_GUEST_DR7);
	out->efer = vmread(VMCS_GUEST_EFER);
	out->debugctl = vmread(VMCS_GUEST_DEBUGCTL);
	out->rip = vmread(VMCS_GUEST_RIP);
	out->rflags = vmread(VMCS_GUEST_RFLAGS);
	out->sysenter_esp = vmread(VMCS_GUEST_SYSENTER_ESP);
	out->sysenter_eip = vmread(VMCS_GUEST_SYSENTER_EIP);
	for (unsigned i = 0; i < VMCS_SEGS; i++)
		seg_read(&out->seg[i], i);
	out->gdtr = (struct vmx_check_seg){ .base = vmread(VMCS_GUEST_GDTR_BASE), .limit = (uint32_t)vmread(VMCS_GUEST_GDTR_LIMIT) };
	out->idtr = (struct vmx_check_seg){ .base = vmread(VMCS_GUEST_IDTR_BASE), .limit = (uint32_t)vmread(VMCS_GUEST_IDTR_LIMIT) };
	out->activity = (uint32_t)vmread(VMCS_ACTIVITY);
	out->interruptibility = (uint32_t)vmread(VMCS_INTERRUPTIBILITY);
	out->pending_debug = vmread(VMCS_GUEST_PENDING_DEBUG);
	out->link = vmread(VMCS_LINK_POINTER);
	for (unsigned i = 0; i < 4; i++)
		out->pdpte[i] = vmread(VMCS_GUEST_PDPTE0 + 2 * i);
}

static void dump_seg(const char *name, unsigned n)
{
	struct vcpu_seg g;

	vmx_seg_out(&g, n);
	log_line("vmx", "  %s %04x base %016llx limit %08x attr %03x", name, g.selector, (unsigned long long)g.base,
		 g.limit, g.attr);
}

void vmx_dump(struct vcpu *v)
{
	static const char *const name[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
	struct vmx_vcpu *s = vmx_vcpu(v);

	if (vmx_cpu_self()->current != s) {
		log_line("vmx", "  the VMCS is not loaded here");
		return;
	}
	log_line("vmx", "  reason %#llx qualification %#llx vectoring %#llx error %llu interruptibility %#llx",
		 (unsigned long long)vmread(VMCS_EXIT_REASON), (unsigned long long)vmread(VMCS_EXIT_QUALIFICATION),
		 (unsigned long long)vmread(VMCS_VECTORING), (unsigned long long)vmread(VMCS_INSTRUCTION_ERROR),
		 (unsigned long long)vmread(VMCS_INTERRUPTIBILITY));
	log_line("vmx", "  pin %#x cpu %#x cpu2 %#llx exit %#x entry %#llx vpid %u", s->pin_controls, s->cpu_controls,
		 (unsigned long long)vmread(VMCS_CPU_CONTROLS2), vmx_box.c.word[VMX_WORD_EXIT],
		 (unsigned long long)vmread(VMCS_ENTRY_CONTROLS), s->vpid);
	for (unsigned i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		dump_seg(name[i], i);
	uses(v);
}
