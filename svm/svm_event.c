/* SPDX-License-Identifier: GPL-2.0-only */
/* Interrupts, NMIs and exceptions into the guest, and the windows for them. */
#include "svm/svm.h"

#include "lib/x86/cr.h"

static bool nmi_blocked(struct svm_vcpu *s)
{
	if ((svm_box.caps & HV_CAP_VNMI) != 0)
		return (s->vmcb->v_irq & SVM_V_NMI_MASK) != 0;
	/* The IRET that ends the handler was seen about to execute: it has, once RIP has moved. */
	if (s->nmi_iret && s->step != STEP_IRET && s->vmcb->rip != s->nmi_iret_rip)
		s->nmi_blocked = s->nmi_iret = false;
	return s->nmi_blocked;
}

uint32_t svm_can(struct vcpu *v)
{
	struct svm_vcpu *s = svm_vcpu(v);
	struct vmcb *c = s->vmcb;

	if ((c->interrupt_shadow & SVM_SHADOW) != 0)
		return 0;
	return ((c->rflags & RFLAGS_IF) != 0 ? HV_CAN_INTERRUPT : 0U) |
	       (nmi_blocked(s) ? 0U : HV_CAN_NMI);
}

/*
 * QEMU's TCG may deliver an interrupt of EVENTINJ twice: its VMRUN leaves the exception index behind, and a
 * processor that is told to leave its loop before the guest's next exit delivers that as well, whatever IF is.
 * It is told so for another processor's turn with thread=single, and for another one's locked access across
 * an alignment boundary with a thread each. There a virtual interrupt is used instead.
 * A window behind it opens with the handler's IRET, for V_IRQ is taken. False: a step is under way.
 */
static bool inject_virq(struct svm_vcpu *s, uint8_t vector)
{
	struct vmcb *c = s->vmcb;

	if (s->step != STEP_NONE)
		return false;
	if ((c->intercept1 & SVM_I_VINTR) != 0) {
		c->intercept1 = (c->intercept1 & ~SVM_I_VINTR) | SVM_I_IRET;
		svm_dirty(c, SVM_CLEAN_I);
	}
	c->v_irq |= SVM_V_IRQ;
	c->v_intr_prio = SVM_V_IGN_TPR;
	c->v_vector = vector;
	c->event_inj = 0; /* from before, when the entry was put off */
	svm_dirty(c, SVM_CLEAN_TPR);
	s->virq = true;
	return true;
}

/*
 * Not delivered: still there, or lost in the race of svm_rearm. TCG notes what it delivers in a guest in
 * EVENTINJ, which #VMEXIT moves to EXITINTINFO, without the valid bit when it is through.
 */
void svm_virq_done(struct svm_vcpu *s)
{
	struct vmcb *c = s->vmcb;

	if ((c->v_irq & SVM_V_IRQ) != 0 || (uint32_t)c->exit_int_info == 0)
		s->v.event = (struct hv_event){ .type = EVENT_INTERRUPT, .vector = c->v_vector };
	c->v_irq &= (uint8_t)~SVM_V_IRQ;
	s->virq = false;
}

void svm_inject(struct vcpu *v, const struct hv_event *e)
{
	static const uint8_t type[] = {
		[EVENT_INTERRUPT] = SVM_EVENT_INTR,
		[EVENT_NMI] = SVM_EVENT_NMI,
		[EVENT_EXCEPTION] = SVM_EVENT_EXCEPTION,
		[EVENT_SOFT_INTERRUPT] = SVM_EVENT_SOFT,
		[EVENT_SOFT_EXCEPTION] = SVM_EVENT_EXCEPTION,
	};
	struct svm_vcpu *s = svm_vcpu(v);
	struct vmcb *c = s->vmcb;

	if (svm_box.tcg && e->type == EVENT_INTERRUPT && inject_virq(s, e->vector))
		return;
	c->event_inj = SVM_EVENT_VALID | (uint64_t)type[e->type] << 8 | e->vector |
		       (e->has_error ? SVM_EVENT_ERROR | (uint64_t)e->error << 32 : 0);
	if (e->type == EVENT_SOFT_INTERRUPT || e->type == EVENT_SOFT_EXCEPTION)
		c->next_rip = c->rip; /* the monitor has moved RIP behind the instruction already */
	if (e->type != EVENT_NMI)
		return;
	if ((svm_box.caps & HV_CAP_VNMI) != 0) {
		c->v_irq |= SVM_V_NMI_MASK;
		svm_dirty(c, SVM_CLEAN_TPR);
		return;
	}
	s->nmi_blocked = true;
	s->nmi_iret = false;
	c->intercept1 |= SVM_I_IRET;
	svm_dirty(c, SVM_CLEAN_I);
}

/* Execute one instruction, then come back. */
static void step(struct svm_vcpu *s, enum svm_step why)
{
	struct vmcb *c = s->vmcb;

	if (s->step != STEP_NONE)
		return;
	s->step = (uint8_t)why;
	s->step_tf = (c->rflags & RFLAGS_TF) != 0;
	s->step_dr6 = c->dr6;
	c->rflags |= RFLAGS_TF;
}

bool svm_step_done(struct svm_vcpu *s)
{
	struct vmcb *c = s->vmcb;
	enum svm_step why = (enum svm_step)s->step;
	bool breakpoint = (c->dr6 & 0xf & ~s->step_dr6) != 0;
	/* Bochs 2.7 exits before it has written DR6: without any cause there it can only be ours. */
	bool ours = ((c->dr6 & DR6_BS) != 0 || !breakpoint) && !s->step_tf;

	if (why == STEP_NONE)
		return false;
	s->step = STEP_NONE;
	if (why == STEP_IRET)
		s->nmi_blocked = s->nmi_iret = false; /* and RFLAGS came from its stack */
	else if (!s->step_tf)
		c->rflags &= ~RFLAGS_TF;
	if (!ours)
		return false;
	/* A breakpoint may have hit on the same instruction: that one is the guest's. */
	c->dr6 &= ~DR6_BS;
	svm_dirty(c, SVM_CLEAN_DR);
	return !breakpoint;
}

/* An exit came before the step was done: the instruction has not executed. */
void svm_step_cancel(struct svm_vcpu *s)
{
	if (s->step == STEP_NONE)
		return;
	if (!s->step_tf)
		s->vmcb->rflags &= ~RFLAGS_TF;
	s->step = STEP_NONE;
}

/*
 * An interrupt window is a virtual interrupt that is never delivered: the intercept comes first. Its
 * priority lets the processor compare with the guest's TPR. In an interrupt shadow we step instead:
 * QEMU 7.2 forgets the shadow at VMRUN, and would take the window between STI and HLT.
 */
void svm_window(struct vcpu *v, uint32_t windows, uint8_t priority)
{
	struct svm_vcpu *s = svm_vcpu(v);
	struct vmcb *c = s->vmcb;
	bool shadow = (c->interrupt_shadow & SVM_SHADOW) != 0;
	bool irq = (windows & HV_CAN_INTERRUPT) != 0 && !shadow;

	s->virq = false;
	if (irq) {
		c->v_irq |= SVM_V_IRQ;
		c->v_intr_prio = priority > 15 ? SVM_V_IGN_TPR : priority;
		c->intercept1 |= SVM_I_VINTR;
	} else {
		c->v_irq &= (uint8_t)~SVM_V_IRQ;
		c->intercept1 &= ~SVM_I_VINTR;
	}
	svm_dirty(c, SVM_CLEAN_I | SVM_CLEAN_TPR);
	if (windows != 0 && shadow)
		step(s, STEP_SHADOW);
	else if ((windows & HV_CAN_NMI) != 0 && s->nmi_iret)
		step(s, STEP_IRET);
}

void svm_iret(struct svm_vcpu *s)
{
	s->nmi_iret = true;
	s->nmi_iret_rip = s->vmcb->rip;
	s->vmcb->intercept1 &= ~SVM_I_IRET;
	svm_dirty(s->vmcb, SVM_CLEAN_I);
}

/*
 * Software events are not queued again: RIP is still at the instruction, which raises them once
 * more. QEMU reports an external interrupt as an exception with a vector of 32 or more.
 */
void svm_reinject(struct svm_vcpu *s, uint64_t info)
{
	struct hv_event *e = &s->v.event;
	uint8_t vector = (uint8_t)info;

	switch (SVM_EVENT_TYPE(info)) {
	case SVM_EVENT_INTR:
		e->type = EVENT_INTERRUPT;
		break;
	case SVM_EVENT_NMI:
		e->type = EVENT_NMI;
		break;
	case SVM_EVENT_EXCEPTION:
		if (vector == VECTOR_BP || vector == VECTOR_OF)
			return;
		e->type = vector >= 32 ? EVENT_INTERRUPT : vector == 2 ? EVENT_NMI : EVENT_EXCEPTION;
		break;
	default:
		return;
	}
	e->vector = vector;
	e->has_error = (info & SVM_EVENT_ERROR) != 0 && e->type == EVENT_EXCEPTION;
	e->error = (uint32_t)(info >> 32);
	e->insn_len = 0;
}

