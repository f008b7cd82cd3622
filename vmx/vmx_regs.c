/* SPDX-License-Identifier: GPL-2.0-only */
/* Register groups between the VMCS and the neutral form. Validates nothing: vcpu_regs.c does. */
#include "vmx/vmx.h"

#include "arch/cr.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"

#define SEG_PRESENT (1U << 7)

/* Access rights: bits 8-11 of ours are bits 12-15 of the VMCS's. */
void vmx_seg_out(struct vcpu_seg *to, unsigned n)
{
	uint32_t access = (uint32_t)vmread(VMCS_GUEST_ES_ACCESS + 2 * n);

	to->selector = (uint16_t)vmread(VMCS_GUEST_ES + 2 * n);
	to->limit = (uint32_t)vmread(VMCS_GUEST_ES_LIMIT + 2 * n);
	to->base = vmread(VMCS_GUEST_ES_BASE + 2 * n);
	to->attr = (uint16_t)((access & 0xff) | (access >> 4 & 0xf00));
	if ((access & VMX_SEG_UNUSABLE) != 0)
		to->attr &= (uint16_t)~SEG_PRESENT;
}

static void seg_in(const struct vcpu_seg *from, unsigned n)
{
	uint32_t access = (from->attr & 0xffU) | (from->attr & 0xf00U) << 4;

	if ((from->attr & SEG_PRESENT) == 0)
		access |= VMX_SEG_UNUSABLE;
	vmwrite(VMCS_GUEST_ES + 2 * n, from->selector);
	vmwrite(VMCS_GUEST_ES_LIMIT + 2 * n, from->limit);
	vmwrite(VMCS_GUEST_ES_BASE + 2 * n, from->base);
	vmwrite(VMCS_GUEST_ES_ACCESS + 2 * n, access);
}

static uint64_t cr_out(uint64_t real, uint64_t mask, uint64_t shadow)
{
	return (real & ~mask) | (shadow & mask);
}

static void pull_cr(const struct vmx_vcpu *s, struct vcpu_regs *r)
{
	r->cr0 = cr_out(vmread(VMCS_GUEST_CR0), VMX_CR0_OWNED, vmread(VMCS_CR0_SHADOW));
	r->cr2 = s->cr2;
	r->cr3 = vmread(VMCS_GUEST_CR3);
	r->cr4 = cr_out(vmread(VMCS_GUEST_CR4), s->cr4_owned, vmread(VMCS_CR4_SHADOW));
	r->efer = vmread(VMCS_GUEST_EFER);
}

static void push_cr(struct vmx_vcpu *s, const struct vcpu_regs *r)
{
	bool lma = (r->efer & EFER_LMA) != 0;

	s->before |= vmx_tlb_change(vmread(VMCS_GUEST_CR0), vmread(VMCS_GUEST_CR3), vmread(VMCS_GUEST_CR4),
				   vmread(VMCS_GUEST_EFER), r);
	vmwrite(VMCS_GUEST_CR0, (r->cr0 & ~(CR0_CD | CR0_NW)) | CR0_ET | vmx_box.c.cr0_fixed);
	vmwrite(VMCS_CR0_SHADOW, r->cr0 | CR0_ET);
	s->cr2 = r->cr2;
	vmwrite(VMCS_GUEST_CR3, r->cr3);
	vmwrite(VMCS_GUEST_CR4, r->cr4 | CR4_VMXE);
	vmwrite(VMCS_CR4_SHADOW, r->cr4);
	vmwrite(VMCS_GUEST_EFER, r->efer);
	vmwrite(VMCS_ENTRY_CONTROLS, vmx_box.c.word[VMX_WORD_ENTRY] | (lma ? VMX_ENTRY_IA32E : 0));
}

static void pull_msr(const struct vmx_vcpu *s, struct vcpu_regs *r)
{
	r->star = s->lists->guest[LIST_STAR].value;
	r->lstar = s->lists->guest[LIST_LSTAR].value;
	r->cstar = s->lists->guest[LIST_CSTAR].value;
	r->fmask = s->lists->guest[LIST_FMASK].value;
	r->kernel_gs_base = s->lists->guest[LIST_KERNEL_GS].value;
	r->sysenter_cs = vmread(VMCS_GUEST_SYSENTER_CS);
	r->sysenter_esp = vmread(VMCS_GUEST_SYSENTER_ESP);
	r->sysenter_eip = vmread(VMCS_GUEST_SYSENTER_EIP);
}

static void push_msr(struct vmx_vcpu *s, const struct vcpu_regs *r)
{
	s->lists->guest[LIST_STAR].value = r->star;
	s->lists->guest[LIST_LSTAR].value = r->lstar;
	s->lists->guest[LIST_CSTAR].value = r->cstar;
	s->lists->guest[LIST_FMASK].value = r->fmask;
	s->lists->guest[LIST_KERNEL_GS].value = r->kernel_gs_base;
	vmwrite(VMCS_GUEST_SYSENTER_CS, r->sysenter_cs);
	vmwrite(VMCS_GUEST_SYSENTER_ESP, r->sysenter_esp);
	vmwrite(VMCS_GUEST_SYSENTER_EIP, r->sysenter_eip);
}

static void table_out(struct vcpu_regs *r)
{
	vmx_seg_out(&r->ldtr, VMCS_SEG_LDTR);
	vmx_seg_out(&r->tr, VMCS_SEG_TR);
	r->gdtr = (struct vcpu_seg){ .limit = (uint32_t)vmread(VMCS_GUEST_GDTR_LIMIT), .base = vmread(VMCS_GUEST_GDTR_BASE) };
	r->idtr = (struct vcpu_seg){ .limit = (uint32_t)vmread(VMCS_GUEST_IDTR_LIMIT), .base = vmread(VMCS_GUEST_IDTR_BASE) };
}

static void table_in(const struct vcpu_regs *r)
{
	seg_in(&r->ldtr, VMCS_SEG_LDTR);
	seg_in(&r->tr, VMCS_SEG_TR);
	vmwrite(VMCS_GUEST_GDTR_LIMIT, r->gdtr.limit & 0xffff);
	vmwrite(VMCS_GUEST_GDTR_BASE, r->gdtr.base);
	vmwrite(VMCS_GUEST_IDTR_LIMIT, r->idtr.limit & 0xffff);
	vmwrite(VMCS_GUEST_IDTR_BASE, r->idtr.base);
}

void vmx_pull(struct vcpu *v, uint32_t groups, struct vcpu_regs *r)
{
	struct vmx_vcpu *s = vmx_vcpu(v), *previous = vmx_borrow(s);
	uint32_t blocked = (uint32_t)vmread(VMCS_INTERRUPTIBILITY);

	if ((groups & REG_RIP) != 0) {
		r->rip = vmread(VMCS_GUEST_RIP);
		r->rflags = vmread(VMCS_GUEST_RFLAGS);
		r->shadow = blocked & (VMX_BLOCK_STI | VMX_BLOCK_MOV_SS); /* SHADOW_* are the same bits */
	}
	if ((groups & REG_SEG) != 0)
		for (unsigned i = 0; i < SEG_COUNT; i++)
			vmx_seg_out(&r->seg[i], i);
	if ((groups & REG_TABLE) != 0)
		table_out(r);
	if ((groups & REG_CR) != 0)
		pull_cr(s, r);
	if ((groups & REG_DR) != 0) {
		r->dr6 = v->loaded ? read_dr6() : s->guest_dr6;
		r->dr7 = vmread(VMCS_GUEST_DR7);
	}
	if ((groups & REG_MSR) != 0)
		pull_msr(s, r);
	if ((groups & REG_EVENT) != 0)
		r->nmi_blocked = (blocked & VMX_BLOCK_NMI) != 0;
	if ((groups & REG_PDPTR) != 0)
		for (unsigned i = 0; i < 4; i++)
			r->pdptr[i] = vmread(VMCS_GUEST_PDPTE0 + 2 * i);
	vmx_return(s, previous);
}

static void push_blocking(struct vmx_vcpu *s, uint32_t groups, const struct vcpu_regs *r)
{
	uint32_t blocked = (uint32_t)vmread(VMCS_INTERRUPTIBILITY);

	if ((groups & REG_RIP) != 0)
		blocked = (blocked & VMX_BLOCK_NMI) | (r->shadow & (VMX_BLOCK_STI | VMX_BLOCK_MOV_SS));
	if ((groups & REG_EVENT) != 0) {
		blocked = (blocked & ~VMX_BLOCK_NMI) | (r->nmi_blocked ? VMX_BLOCK_NMI : 0);
		vmwrite(VMCS_ENTRY_EVENT, 0);
		vmwrite(VMCS_ACTIVITY, 0); /* HLT and waiting for SIPI are the run loop's */
		s->before &= (uint8_t)~BEFORE_SOFT;
	}
	vmwrite(VMCS_INTERRUPTIBILITY, blocked);
	/* A shadow delays a single step, and the entry insists on its being pending. */
	if ((groups & REG_RIP) != 0)
		vmwrite(VMCS_GUEST_PENDING_DEBUG,
			(blocked & (VMX_BLOCK_STI | VMX_BLOCK_MOV_SS)) != 0 && (r->rflags & RFLAGS_TF) != 0 ? DR6_BS : 0);
}

void vmx_push(struct vcpu *v, uint32_t groups, const struct vcpu_regs *r)
{
	struct vmx_vcpu *s = vmx_vcpu(v), *previous = vmx_borrow(s);

	if ((groups & REG_RIP) != 0) {
		vmwrite(VMCS_GUEST_RIP, r->rip);
		vmwrite(VMCS_GUEST_RFLAGS, r->rflags);
	}
	if ((groups & (REG_RIP | REG_EVENT)) != 0)
		push_blocking(s, groups, r);
	if ((groups & REG_SEG) != 0)
		for (unsigned i = 0; i < SEG_COUNT; i++)
			seg_in(&r->seg[i], i);
	if ((groups & REG_TABLE) != 0)
		table_in(r);
	if ((groups & REG_CR) != 0)
		push_cr(s, r);
	if ((groups & REG_DR) != 0) {
		s->guest_dr6 = r->dr6;
		if (v->loaded)
			write_dr6(r->dr6);
		vmwrite(VMCS_GUEST_DR7, r->dr7);
	}
	if ((groups & REG_MSR) != 0)
		push_msr(s, r);
	if ((groups & REG_PDPTR) != 0)
		for (unsigned i = 0; i < 4; i++)
			vmwrite(VMCS_GUEST_PDPTE0 + 2 * i, r->pdptr[i]);
	vmx_return(s, previous);
}

/* The VMCS field or list slot that holds an MSR. */
static uint64_t *list_slot(struct vmx_vcpu *s, uint32_t msr)
{
	for (unsigned i = 0; i < LIST_COUNT; i++)
		if (s->lists->guest[i].index == msr)
			return &s->lists->guest[i].value;
	return NULL;
}

static uint64_t msr_field(uint32_t msr)
{
	switch (msr) {
	case MSR_EFER: return VMCS_GUEST_EFER;
	case MSR_FS_BASE: return VMCS_GUEST_ES_BASE + 2 * SEG_FS;
	case MSR_GS_BASE: return VMCS_GUEST_ES_BASE + 2 * SEG_GS;
	case MSR_SYSENTER_CS: return VMCS_GUEST_SYSENTER_CS;
	case MSR_SYSENTER_ESP: return VMCS_GUEST_SYSENTER_ESP;
	case MSR_SYSENTER_EIP: return VMCS_GUEST_SYSENTER_EIP;
	default: return 0;
	}
}

int vmx_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	uint64_t *slot = list_slot(vmx_vcpu(v), msr), field = msr_field(msr);

	if (slot == NULL && field == 0)
		return E_RANGE;
	*value = slot != NULL ? *slot : vmread(field);
	return 0;
}

int vmx_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	uint64_t *slot = list_slot(vmx_vcpu(v), msr), field = msr_field(msr);

	if (slot == NULL && field == 0)
		return E_RANGE;
	if (msr == MSR_EFER && ((vmread(field) ^ value) & EFER_NXE) != 0)
		vmx_vcpu(v)->before |= FLUSH_LINEAR;
	if (slot != NULL)
		*slot = value;
	else
		vmwrite(field, value);
	return 0;
}
