/* SPDX-License-Identifier: GPL-2.0-only */
/* Register groups between the VMCB and the neutral form, and the dump. Validates nothing: vcpu_regs.c does. */
#include "svm/svm.h"

#include "kernel/log.h"
#include "lib/string.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"

#define SEG_PRESENT (1U << 7)

/* The SYSCALL and SYSENTER MSRs lie in the same order in both. */
#define MSR_BYTES (offsetof(struct vmcb, sysenter_eip) + sizeof(uint64_t) - offsetof(struct vmcb, star))
#define SAME_PLACE(neutral, own) \
	(offsetof(struct vcpu_regs, neutral) - offsetof(struct vcpu_regs, star) == \
	 offsetof(struct vmcb, own) - offsetof(struct vmcb, star))
_Static_assert(SAME_PLACE(lstar, lstar) && SAME_PLACE(cstar, cstar) && SAME_PLACE(fmask, sfmask) &&
		       SAME_PLACE(kernel_gs_base, kernel_gs_base) && SAME_PLACE(sysenter_cs, sysenter_cs) &&
		       SAME_PLACE(sysenter_esp, sysenter_esp) && SAME_PLACE(sysenter_eip, sysenter_eip),
	       "copied as one");

static void seg_in(struct vcpu_seg *to, const struct vcpu_seg *from)
{
	*to = *from;
	to->attr &= 0xfff;
}

/*
 * VMLOAD's part of the VMCB (FS, GS, TR, LDTR, SYSCALL and SYSENTER) is current in memory after every
 * exit, because svm_enter ends with VMSAVE.
 */
void svm_pull(struct vcpu *v, uint32_t groups, struct vcpu_regs *r)
{
	struct svm_vcpu *s = svm_vcpu(v);
	const struct vmcb *c = s->vmcb;

	if ((groups & REG_RIP) != 0) {
		r->rip = c->rip;
		r->rflags = c->rflags;
		r->shadow = (c->interrupt_shadow & SVM_SHADOW) != 0 ? SHADOW_STI : 0;
	}
	if ((groups & REG_SEG) != 0) {
		memcpy(r->seg, c->seg, sizeof(r->seg));
		/* The processor keeps the privilege level apart from SS. */
		r->seg[SEG_SS].attr = (uint16_t)((r->seg[SEG_SS].attr & ~(3U << 5)) | (c->cpl & 3U) << 5);
	}
	if ((groups & REG_TABLE) != 0) {
		r->ldtr = c->ldtr;
		r->tr = c->tr;
		r->gdtr = c->gdtr;
		r->idtr = c->idtr;
	}
	if ((groups & REG_CR) != 0) {
		r->cr0 = c->cr0;
		r->cr2 = c->cr2;
		r->cr3 = c->cr3;
		r->cr4 = c->cr4;
		r->efer = c->efer & ~EFER_SVME;
	}
	if ((groups & REG_DR) != 0) {
		r->dr6 = c->dr6;
		r->dr7 = c->dr7;
	}
	if ((groups & REG_MSR) != 0)
		memcpy(&r->star, &c->star, MSR_BYTES);
	if ((groups & REG_EVENT) != 0)
		r->nmi_blocked = s->nmi_blocked || (c->v_irq & SVM_V_NMI_MASK) != 0;
	if ((groups & REG_PDPTR) != 0)
		memset(r->pdptr, 0, sizeof(r->pdptr)); /* nested paging reads them from memory at each walk */
}

static void push_event(struct svm_vcpu *s, const struct vcpu_regs *r)
{
	struct vmcb *c = s->vmcb;

	c->event_inj = 0;
	if (s->virq)
		c->v_irq &= (uint8_t)~SVM_V_IRQ;
	s->virq = false;
	s->nmi_iret = false;
	s->nmi_blocked = r->nmi_blocked != 0;
	if ((svm_box.caps & HV_CAP_VNMI) != 0) {
		c->v_irq = (uint8_t)((c->v_irq & ~SVM_V_NMI_MASK) | (r->nmi_blocked ? SVM_V_NMI_MASK : 0));
		s->nmi_blocked = false;
	} else if (s->nmi_blocked) {
		c->intercept1 |= SVM_I_IRET;
	} else {
		c->intercept1 &= ~SVM_I_IRET;
	}
	svm_dirty(c, SVM_CLEAN_I | SVM_CLEAN_TPR);
}

void svm_push(struct vcpu *v, uint32_t groups, const struct vcpu_regs *r)
{
	struct svm_vcpu *s = svm_vcpu(v);
	struct vmcb *c = s->vmcb;

	if ((groups & REG_RIP) != 0) {
		c->rip = r->rip;
		c->rflags = r->rflags;
		c->interrupt_shadow = r->shadow != 0 ? SVM_SHADOW : 0;
		s->step = STEP_NONE;
	}
	if ((groups & REG_SEG) != 0) {
		for (unsigned i = 0; i < SEG_COUNT; i++)
			seg_in(&c->seg[i], &r->seg[i]);
		c->cpl = (uint8_t)(c->seg[SEG_SS].attr >> 5 & 3);
		svm_dirty(c, SVM_CLEAN_SEG);
	}
	if ((groups & REG_TABLE) != 0) {
		seg_in(&c->ldtr, &r->ldtr);
		seg_in(&c->tr, &r->tr);
		c->gdtr.base = r->gdtr.base;
		c->gdtr.limit = r->gdtr.limit & 0xffff;
		c->idtr.base = r->idtr.base;
		c->idtr.limit = r->idtr.limit & 0xffff;
		svm_dirty(c, SVM_CLEAN_DT);
	}
	if ((groups & REG_CR) != 0) {
		c->cr0 = r->cr0 | CR0_ET;
		c->cr2 = r->cr2;
		c->cr3 = r->cr3;
		c->cr4 = r->cr4;
		c->efer = r->efer | EFER_SVME;
		s->shut_down = false;
		svm_dirty(c, SVM_CLEAN_CR | SVM_CLEAN_CR2);
		svm_tlb_flush(v); /* as a MOV to CR3 would */
	}
	if ((groups & REG_DR) != 0) {
		c->dr6 = r->dr6;
		c->dr7 = r->dr7;
		svm_dirty(c, SVM_CLEAN_DR);
	}
	if ((groups & REG_MSR) != 0)
		memcpy(&c->star, &r->star, MSR_BYTES);
	if ((groups & REG_EVENT) != 0)
		push_event(s, r);
}

/* Where the VMCB has an MSR as it is; NULL: nowhere. */
static uint64_t *msr_slot(struct vmcb *c, uint32_t msr)
{
	switch (msr) {
	case MSR_FS_BASE: return &c->seg[SEG_FS].base;
	case MSR_GS_BASE: return &c->seg[SEG_GS].base;
	case MSR_KERNEL_GS_BASE: return &c->kernel_gs_base;
	case MSR_STAR: return &c->star;
	case MSR_LSTAR: return &c->lstar;
	case MSR_CSTAR: return &c->cstar;
	case MSR_FMASK: return &c->sfmask;
	case MSR_SYSENTER_CS: return &c->sysenter_cs;
	case MSR_SYSENTER_ESP: return &c->sysenter_esp;
	case MSR_SYSENTER_EIP: return &c->sysenter_eip;
	default: return NULL;
	}
}

int svm_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	struct vmcb *c = svm_vcpu(v)->vmcb;
	const uint64_t *slot = msr_slot(c, msr);

	if (slot == NULL && msr != MSR_EFER)
		return E_RANGE;
	*value = slot != NULL ? *slot : c->efer & ~EFER_SVME;
	return 0;
}

int svm_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	struct vmcb *c = svm_vcpu(v)->vmcb;
	uint64_t *slot = msr_slot(c, msr);

	if (slot != NULL) {
		*slot = value;
		return 0;
	}
	if (msr != MSR_EFER)
		return E_RANGE;
	c->efer = value | EFER_SVME;
	svm_dirty(c, SVM_CLEAN_CR);
	svm_tlb_flush(v); /* NXE */
	return 0;
}

/* [APM2 "Canonicalization and Consistency Checks"] */
const char *svm_invalid(const struct vmcb *c)
{
	bool paging = (c->cr0 & CR0_PG) != 0, lme = (c->efer & EFER_LME) != 0;

	if ((c->efer & EFER_SVME) == 0)
		return "EFER.SVME is clear";
	if ((c->cr0 & (CR0_CD | CR0_NW)) == CR0_NW)
		return "CR0.NW without CR0.CD";
	if (c->cr0 >> 32 != 0)
		return "CR0's upper half is not zero";
	if (c->dr6 >> 32 != 0 || c->dr7 >> 32 != 0)
		return "the upper half of DR6 or DR7 is not zero";
	if (lme && paging && (c->cr4 & CR4_PAE) == 0)
		return "long mode without CR4.PAE";
	if (lme && paging && (c->cr0 & CR0_PE) == 0)
		return "paging without protection";
	if (lme && paging && (c->seg[SEG_CS].attr & 1U << 9) != 0 && (c->seg[SEG_CS].attr & 1U << 10) != 0)
		return "CS.L and CS.D are both set";
	if ((c->intercept2 & SVM_I_VMRUN) == 0)
		return "VMRUN is not intercepted";
	if (c->asid == 0)
		return "the ASID is zero";
	if ((c->event_inj & SVM_EVENT_VALID) != 0)
		return "perhaps the event to be injected";
	return "perhaps reserved bits of CR3, CR4 or EFER";
}

static void dump_seg(const char *name, const struct vcpu_seg *g)
{
	log_line("svm", "  %s %04x base %016lx limit %08x attr %03x%s", name, g->selector, g->base, g->limit, g->attr,
		 (g->attr & SEG_PRESENT) != 0 ? "" : " (not present)");
}

void svm_dump(struct vcpu *v)
{
	static const char name[SEG_COUNT][3] = { "es", "cs", "ss", "ds", "fs", "gs" };
	struct svm_vcpu *s = svm_vcpu(v);
	const struct vmcb *c = s->vmcb;

	if (s->shut_down)
		log_line("svm", "  after a shutdown the guest state below is undefined");
	log_line("svm", "  exit %#lx info1 %#lx info2 %#lx intinfo %#lx shadow %lu",
		 c->exit_code, c->exit_info1, c->exit_info2, c->exit_int_info, c->interrupt_shadow);
	log_line("svm", "  vmcb %#lx, host area %#lx, processor %u", s->vmcb_hpa.raw, svm_cpu_self()->host_hpa.raw, s->cpu);
	log_line("svm", "  asid %u tlb %u v_irq %#x prio %#x tpr %#x clean %#x intercepts %#x %#x %#x",
		 c->asid, c->tlb_control, c->v_irq, c->v_intr_prio, c->v_tpr, c->clean, c->intercept1,
		 c->intercept2, c->intercept3);
	for (unsigned i = 0; i < SEG_COUNT; i++)
		dump_seg(name[i], &c->seg[i]);
	dump_seg("tr", &c->tr);
	dump_seg("ldtr", &c->ldtr);
	dump_seg("gdtr", &c->gdtr);
	dump_seg("idtr", &c->idtr);
}
