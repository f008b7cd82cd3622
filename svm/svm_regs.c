/* SPDX-License-Identifier: GPL-2.0-only */
/* Register groups between the VMCB and the neutral form, and the dump. Validates nothing: vcpu_regs.c does. */
#include "svm/svm.h"

#include "kernel/log.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"

#define SEG_PRESENT (1U << 7)

static void seg_out(struct vcpu_seg *to, const struct vmcb_seg *from)
{
	to->selector = from->selector;
	to->attr = from->attr;
	to->limit = from->limit;
	to->base = from->base;
}

static void seg_in(struct vmcb_seg *to, const struct vcpu_seg *from)
{
	to->selector = from->selector;
	to->attr = from->attr & 0xfff;
	to->limit = from->limit;
	to->base = from->base;
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
		seg_out(&r->seg[SEG_ES], &c->es);
		seg_out(&r->seg[SEG_CS], &c->cs);
		seg_out(&r->seg[SEG_SS], &c->ss);
		seg_out(&r->seg[SEG_DS], &c->ds);
		seg_out(&r->seg[SEG_FS], &c->fs);
		seg_out(&r->seg[SEG_GS], &c->gs);
		/* The processor keeps the privilege level apart from SS. */
		r->seg[SEG_SS].attr = (uint16_t)((r->seg[SEG_SS].attr & ~(3U << 5)) | (c->cpl & 3U) << 5);
	}
	if ((groups & REG_TABLE) != 0) {
		seg_out(&r->ldtr, &c->ldtr);
		seg_out(&r->tr, &c->tr);
		seg_out(&r->gdtr, &c->gdtr);
		seg_out(&r->idtr, &c->idtr);
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
	if ((groups & REG_MSR) != 0) {
		r->star = c->star;
		r->lstar = c->lstar;
		r->cstar = c->cstar;
		r->fmask = c->sfmask;
		r->kernel_gs_base = c->kernel_gs_base;
		r->sysenter_cs = c->sysenter_cs;
		r->sysenter_esp = c->sysenter_esp;
		r->sysenter_eip = c->sysenter_eip;
	}
	if ((groups & REG_EVENT) != 0)
		r->nmi_blocked = s->nmi_blocked || (c->v_irq & SVM_V_NMI_MASK) != 0;
	if ((groups & REG_PDPTR) != 0)
		for (unsigned i = 0; i < 4; i++)
			r->pdptr[i] = 0; /* nested paging reads them from memory at each walk */
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

static void push_segments(struct vmcb *c, const struct vcpu_regs *r)
{
	seg_in(&c->es, &r->seg[SEG_ES]);
	seg_in(&c->cs, &r->seg[SEG_CS]);
	seg_in(&c->ss, &r->seg[SEG_SS]);
	seg_in(&c->ds, &r->seg[SEG_DS]);
	seg_in(&c->fs, &r->seg[SEG_FS]);
	seg_in(&c->gs, &r->seg[SEG_GS]);
	c->cpl = (uint8_t)(c->ss.attr >> 5 & 3);
	svm_dirty(c, SVM_CLEAN_SEG);
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
	if ((groups & REG_SEG) != 0)
		push_segments(c, r);
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
	}
	if ((groups & REG_DR) != 0) {
		c->dr6 = r->dr6;
		c->dr7 = r->dr7;
		svm_dirty(c, SVM_CLEAN_DR);
	}
	if ((groups & REG_MSR) != 0) {
		c->star = r->star;
		c->lstar = r->lstar;
		c->cstar = r->cstar;
		c->sfmask = r->fmask;
		c->kernel_gs_base = r->kernel_gs_base;
		c->sysenter_cs = r->sysenter_cs;
		c->sysenter_esp = r->sysenter_esp;
		c->sysenter_eip = r->sysenter_eip;
	}
	if ((groups & REG_EVENT) != 0)
		push_event(s, r);
}

int svm_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	const struct vmcb *c = svm_vcpu(v)->vmcb;

	switch (msr) {
	case MSR_EFER: *value = c->efer & ~EFER_SVME; return 0;
	case MSR_FS_BASE: *value = c->fs.base; return 0;
	case MSR_GS_BASE: *value = c->gs.base; return 0;
	case MSR_KERNEL_GS_BASE: *value = c->kernel_gs_base; return 0;
	case MSR_STAR: *value = c->star; return 0;
	case MSR_LSTAR: *value = c->lstar; return 0;
	case MSR_CSTAR: *value = c->cstar; return 0;
	case MSR_FMASK: *value = c->sfmask; return 0;
	case MSR_SYSENTER_CS: *value = c->sysenter_cs; return 0;
	case MSR_SYSENTER_ESP: *value = c->sysenter_esp; return 0;
	case MSR_SYSENTER_EIP: *value = c->sysenter_eip; return 0;
	case MSR_DEBUGCTL: *value = c->dbgctl; return 0;
	default: return E_RANGE;
	}
}

int svm_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	struct vmcb *c = svm_vcpu(v)->vmcb;

	switch (msr) {
	case MSR_EFER:
		c->efer = value | EFER_SVME;
		svm_dirty(c, SVM_CLEAN_CR);
		return 0;
	case MSR_FS_BASE: c->fs.base = value; return 0;
	case MSR_GS_BASE: c->gs.base = value; return 0;
	case MSR_KERNEL_GS_BASE: c->kernel_gs_base = value; return 0;
	case MSR_STAR: c->star = value; return 0;
	case MSR_LSTAR: c->lstar = value; return 0;
	case MSR_CSTAR: c->cstar = value; return 0;
	case MSR_FMASK: c->sfmask = value; return 0;
	case MSR_SYSENTER_CS: c->sysenter_cs = value; return 0;
	case MSR_SYSENTER_ESP: c->sysenter_esp = value; return 0;
	case MSR_SYSENTER_EIP: c->sysenter_eip = value; return 0;
	default: return E_RANGE;
	}
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
	if (lme && paging && (c->cs.attr & 1U << 9) != 0 && (c->cs.attr & 1U << 10) != 0)
		return "CS.L and CS.D are both set";
	if ((c->intercept2 & SVM_I_VMRUN) == 0)
		return "VMRUN is not intercepted";
	if (c->asid == 0)
		return "the ASID is zero";
	if ((c->event_inj & SVM_EVENT_VALID) != 0)
		return "perhaps the event to be injected";
	return "perhaps reserved bits of CR3, CR4 or EFER";
}

static void dump_seg(const char *name, const struct vmcb_seg *g)
{
	log_line("svm", "  %s %04x base %016llx limit %08x attr %03x%s", name, g->selector,
		 (unsigned long long)g->base, g->limit, g->attr,
		 (g->attr & SEG_PRESENT) != 0 ? "" : " (not present)");
}

void svm_dump(struct vcpu *v)
{
	struct svm_vcpu *s = svm_vcpu(v);
	const struct vmcb *c = s->vmcb;

	if (s->shut_down)
		log_line("svm", "  after a shutdown the guest state below is undefined");
	log_line("svm", "  exit %#llx info1 %#llx info2 %#llx intinfo %#llx shadow %llu",
		 (unsigned long long)c->exit_code, (unsigned long long)c->exit_info1,
		 (unsigned long long)c->exit_info2, (unsigned long long)c->exit_int_info,
		 (unsigned long long)c->interrupt_shadow);
	log_line("svm", "  asid %u tlb %u v_irq %#x prio %#x tpr %#x clean %#x intercepts %#x %#x %#x",
		 c->asid, c->tlb_control, c->v_irq, c->v_intr_prio, c->v_tpr, c->clean, c->intercept1,
		 c->intercept2, c->intercept3);
	dump_seg("cs", &c->cs);
	dump_seg("ss", &c->ss);
	dump_seg("ds", &c->ds);
	dump_seg("es", &c->es);
	dump_seg("fs", &c->fs);
	dump_seg("gs", &c->gs);
	dump_seg("tr", &c->tr);
	dump_seg("ldtr", &c->ldtr);
	dump_seg("gdtr", &c->gdtr);
	dump_seg("idtr", &c->idtr);
}
