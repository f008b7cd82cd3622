/* sources: svm/svm_run.c svm/svm_event.c svm/svm_regs.c lib/format.c */
/* SPDX-License-Identifier: GPL-2.0-only */
/* The SVM backend around VMRUN: what it makes of exits. The processor is a script: svm_enter fills the VMCB. */
#include "svm/svm.h"

#include <stdlib.h>
#include "kernel/hvops.h"
#include "kernel/log.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"
#include "tests/unit/unit.h"

struct svm_box svm_box;
static struct svm_cpu cpu = { .generation = 1, .asid_next = 2 };
static struct svm_vcpu vcpu;
static struct vmcb vmcb, next; /* next: what the guest's run leaves behind */
static struct vmcb entered;

struct svm_cpu *svm_cpu_self(void) { return &cpu; }

void svm_asid(struct svm_vcpu *s, struct svm_cpu *c) { s->asid_generation = c->generation; }

void svm_enter(struct svm_vcpu *s, uint64_t vmcb_hpa, uint64_t host_hpa)
{
	(void)vmcb_hpa, (void)host_hpa;
	entered = *s->vmcb;
	s->vmcb->exit_code = next.exit_code;
	s->vmcb->exit_info1 = next.exit_info1;
	s->vmcb->exit_info2 = next.exit_info2;
	s->vmcb->exit_int_info = next.exit_int_info;
	s->vmcb->interrupt_shadow = next.interrupt_shadow;
	s->vmcb->rip = next.rip;
	if (next.rsp != 0)
		s->vmcb->rsp = next.rsp;
	s->vmcb->dr6 = next.dr6;
	s->vmcb->next_rip = next.next_rip;
}

const char svm_vmrun_end[1];

static unsigned flushes;
void svm_tlb_flush(struct vcpu *v) { (void)v, flushes++; }

void log_line(const char *part, const char *fmt, ...) { (void)part, (void)fmt; }

static void setup(void)
{
	memset(&vcpu, 0, sizeof(vcpu));
	memset(&vmcb, 0, sizeof(vmcb));
	memset(&next, 0, sizeof(next));
	memset(&svm_box, 0, sizeof(svm_box));
	vcpu.vmcb = &vmcb;
	vmcb.rflags = RFLAGS_IF;
	vmcb.seg[SEG_CS].attr = 1 << 9;
	vmcb.efer = EFER_LMA;
}

static enum hv_exit_kind run(uint64_t code, uint64_t rip)
{
	next.exit_code = code;
	next.rip = rip;
	return svm_run(&vcpu.v);
}

/* QEMU 7.2 enters without the shadow: two host interrupts between STI and HLT. */
static void shadow_kept_over_two_interrupts(void)
{
	setup();
	next.interrupt_shadow = 1;
	CHECK_EQ(run(SVM_EXIT_INTR, 0x1000), HV_EXIT_INTR);
	CHECK_EQ(svm_can(&vcpu.v), 0);
	next.interrupt_shadow = 0;
	CHECK_EQ(run(SVM_EXIT_INTR, 0x1000), HV_EXIT_INTR);
	CHECK_EQ(svm_can(&vcpu.v), 0);
	CHECK_EQ(run(SVM_EXIT_INTR, 0x1000), HV_EXIT_INTR);
	CHECK_EQ(svm_can(&vcpu.v), 0);
	/* The HLT itself ends it. */
	CHECK_EQ(run(SVM_EXIT_HLT, 0x1000), HV_EXIT_HLT);
	svm_skip(&vcpu.v);
	CHECK_EQ(vmcb.rip, 0x1001);
	CHECK_EQ(svm_can(&vcpu.v), HV_CAN_INTERRUPT | HV_CAN_NMI);
	CHECK_EQ(run(SVM_EXIT_INTR, 0x1001), HV_EXIT_INTR);
	CHECK_EQ(svm_can(&vcpu.v), HV_CAN_INTERRUPT | HV_CAN_NMI);
}

static void no_shadow_out_of_nowhere(void)
{
	setup();
	CHECK_EQ(run(SVM_EXIT_INTR, 0), HV_EXIT_INTR);
	CHECK_EQ(svm_can(&vcpu.v), HV_CAN_INTERRUPT | HV_CAN_NMI);
	next.interrupt_shadow = 1;
	run(SVM_EXIT_INTR, 0x1000);
	next.interrupt_shadow = 0;
	run(SVM_EXIT_INTR, 0x1004);
	CHECK_EQ(svm_can(&vcpu.v), HV_CAN_INTERRUPT | HV_CAN_NMI);
	run(SVM_EXIT_INTR, 0x1000);
	CHECK_EQ(svm_can(&vcpu.v), HV_CAN_INTERRUPT | HV_CAN_NMI);
}

/* A window in a shadow is a step; the guest's own TF stays its own. */
static void window_in_a_shadow(void)
{
	setup();
	next.interrupt_shadow = 1;
	run(SVM_EXIT_INTR, 0x1000);
	svm_window(&vcpu.v, HV_CAN_INTERRUPT, 5);
	CHECK((vmcb.rflags & RFLAGS_TF) != 0 && (vmcb.v_irq & SVM_V_IRQ) == 0);
	next.interrupt_shadow = 0;
	next.dr6 = DR6_BS;
	CHECK_EQ(run(SVM_EXIT_EXCEPTION + VECTOR_DB, 0x1001), HV_EXIT_WINDOW);
	CHECK((vmcb.rflags & RFLAGS_TF) == 0 && (vmcb.dr6 & DR6_BS) == 0);
	CHECK_EQ(svm_can(&vcpu.v), HV_CAN_INTERRUPT | HV_CAN_NMI);
	/* Bochs exits before it has written DR6. */
	vmcb.interrupt_shadow = 1;
	svm_window(&vcpu.v, HV_CAN_INTERRUPT, 5);
	next.dr6 = 0;
	CHECK_EQ(run(SVM_EXIT_EXCEPTION + VECTOR_DB, 0x1002), HV_EXIT_WINDOW);
	/* A breakpoint on the same instruction is the guest's. */
	vmcb.interrupt_shadow = 1;
	svm_window(&vcpu.v, HV_CAN_INTERRUPT, 5);
	next.dr6 = DR6_BS | 1;
	CHECK_EQ(run(SVM_EXIT_EXCEPTION + VECTOR_DB, 0x1003), HV_EXIT_EXCEPTION);
	CHECK_EQ(vcpu.v.exit.exception.vector, VECTOR_DB);
}

/* Another exit comes before the step is done: TF does not leak into what the guest saves. */
static void step_cancelled(void)
{
	setup();
	vmcb.interrupt_shadow = 1;
	svm_window(&vcpu.v, HV_CAN_INTERRUPT, 5);
	CHECK((vmcb.rflags & RFLAGS_TF) != 0);
	CHECK_EQ(run(SVM_EXIT_NPF, 0x1000), HV_EXIT_NPF);
	CHECK((vmcb.rflags & RFLAGS_TF) == 0);
}

/* On TCG interrupts go in by V_IRQ, also over a window, which then opens with IRET; what is lost goes in again. */
static void interrupts_on_tcg(void)
{
	static const struct hv_event timer = { .type = EVENT_INTERRUPT, .vector = 0xec };

	setup();
	svm_inject(&vcpu.v, &timer);
	CHECK((vmcb.event_inj & SVM_EVENT_VALID) != 0 && !vcpu.virq);
	setup();
	svm_box.tcg = true;
	svm_window(&vcpu.v, HV_CAN_INTERRUPT, 3);
	svm_inject(&vcpu.v, &timer);
	CHECK(vcpu.virq && vmcb.event_inj == 0 && (vmcb.v_irq & SVM_V_IRQ) != 0);
	CHECK_EQ(vmcb.v_vector, 0xec);
	CHECK_EQ(vmcb.intercept1 & (SVM_I_VINTR | SVM_I_IRET), SVM_I_IRET);
	svm_virq_done(&vcpu); /* the host's interrupt came first */
	CHECK_EQ(vcpu.v.event.type, EVENT_INTERRUPT);
	CHECK(!vcpu.virq && (vmcb.v_irq & SVM_V_IRQ) == 0);
	vcpu.v.event.type = EVENT_NONE;
	svm_virq_done(&vcpu); /* TCG has lost it */
	CHECK_EQ(vcpu.v.event.vector, 0xec);
	CHECK_EQ(vcpu.v.event.type, EVENT_INTERRUPT);
	vcpu.v.event.type = EVENT_NONE;
	vmcb.exit_int_info = 0x3ec; /* TCG has delivered it */
	svm_virq_done(&vcpu);
	CHECK_EQ(vcpu.v.event.type, EVENT_NONE);
}

static void lengths_without_next_rip(void)
{
	static const struct {
		uint32_t code, bytes;
	} of[] = { { SVM_EXIT_CPUID, 2 }, { SVM_EXIT_MSR, 2 },	   { SVM_EXIT_HLT, 1 },	  { SVM_EXIT_VMMCALL, 3 },
		   { SVM_EXIT_XSETBV, 3 }, { SVM_EXIT_RDTSCP, 3 }, { SVM_EXIT_PAUSE, 2 }, { SVM_EXIT_WBINVD, 2 } };

	for (unsigned i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		setup();
		run(of[i].code, 0xfffffffe);
		svm_skip(&vcpu.v);
		CHECK_EQ(vmcb.rip, 0xfffffffeULL + of[i].bytes);
		setup();
		vmcb.seg[SEG_CS].attr = 0; /* 32-bit code wraps */
		run(of[i].code, 0xffffffff);
		svm_skip(&vcpu.v);
		CHECK_EQ(vmcb.rip, of[i].bytes - 1);
		setup();
		svm_box.caps = HV_CAP_NEXT_RIP;
		next.next_rip = 0x2007; /* with prefixes */
		run(of[i].code, 0x2000);
		svm_skip(&vcpu.v);
		CHECK_EQ(vmcb.rip, 0x2007);
	}
	setup();
	next.exit_info2 = 0x3003;
	run(SVM_EXIT_IOIO, 0x3000);
	svm_skip(&vcpu.v);
	CHECK_EQ(vmcb.rip, 0x3003);
}

static void interrupted_delivery(void)
{
	setup();
	next.exit_int_info = SVM_EVENT_VALID | SVM_EVENT_INTR << 8 | 0x51;
	run(SVM_EXIT_NPF, 0x1000);
	CHECK(vcpu.v.event.type == EVENT_INTERRUPT && vcpu.v.event.vector == 0x51);
	/* QEMU's word for the same. */
	next.exit_int_info = SVM_EVENT_VALID | SVM_EVENT_EXCEPTION << 8 | 0x51;
	run(SVM_EXIT_NPF, 0x1000);
	CHECK(vcpu.v.event.type == EVENT_INTERRUPT && vcpu.v.event.vector == 0x51 && !vcpu.v.event.has_error);
	next.exit_int_info = SVM_EVENT_VALID | SVM_EVENT_EXCEPTION << 8 | SVM_EVENT_ERROR | 14 | 2ULL << 32;
	run(SVM_EXIT_NPF, 0x1000);
	CHECK(vcpu.v.event.type == EVENT_EXCEPTION && vcpu.v.event.vector == 14);
	CHECK(vcpu.v.event.has_error && vcpu.v.event.error == 2);
	/* INT n is executed again. */
	next.exit_int_info = SVM_EVENT_VALID | SVM_EVENT_SOFT << 8 | 0x80;
	run(SVM_EXIT_NPF, 0x1000);
	CHECK_EQ(vcpu.v.event.type, EVENT_NONE);
}

static void refused(void)
{
	setup();
	CHECK_EQ(run(0x00000000ffffffff, 0x1000), HV_EXIT_INVALID); /* QEMU */
	CHECK(strstr(vcpu.v.exit.text, "EFER.SVME") != NULL);
	CHECK_EQ(run(~0ULL, 0x1000), HV_EXIT_INVALID);
	CHECK_EQ(run(0x12345, 0x1000), HV_EXIT_UNKNOWN);
	CHECK_EQ(vcpu.v.exit.raw.code, 0x12345);
	CHECK_EQ(run(SVM_EXIT_SHUTDOWN, 0x1000), HV_EXIT_SHUTDOWN);
	CHECK(vcpu.shut_down);
}

/* QEMU's second #VMEXIT: what the guest had is gone, and nobody gets to see or to run what the host has. */
static void host_state(void)
{
	setup();
	vcpu.v.gpr[GPR_RSP] = 0x7000;
	vmcb.cr3 = 0x1f257000;
	vmcb.idtr.base = 0xffffffff80030000;
	next.rsp = (uintptr_t)__builtin_frame_address(0) - 256;
	CHECK_EQ(run(SVM_EXIT_NPF, (uintptr_t)svm_vmrun_end), HV_EXIT_INVALID);
	CHECK(strstr(vcpu.v.exit.text, "the emulator") != NULL);
	CHECK(strlen(vcpu.v.exit.text) < sizeof(vcpu.v.exit.text) - 1);
	CHECK_EQ(vmcb.rip | vmcb.cr3 | vmcb.idtr.base, 0);
	CHECK_EQ(vcpu.v.gpr[GPR_RSP], 0x7000);
	/* A guest may have code there; what it has not is our stack. */
	setup();
	next.rsp = 0x7000;
	CHECK_EQ(run(SVM_EXIT_NPF, (uintptr_t)svm_vmrun_end), HV_EXIT_NPF);
	CHECK_EQ(vcpu.v.gpr[GPR_RSP], 0x7000);
}

static void nmi_until_iret(void)
{
	const struct hv_event nmi = { .type = EVENT_NMI, .vector = 2 };

	setup();
	svm_inject(&vcpu.v, &nmi);
	CHECK((vmcb.event_inj & SVM_EVENT_VALID) != 0 && (vmcb.intercept1 & SVM_I_IRET) != 0);
	run(SVM_EXIT_INTR, 0x1000);
	CHECK_EQ(svm_can(&vcpu.v) & HV_CAN_NMI, 0);
	CHECK_EQ(run(SVM_EXIT_IRET, 0x1100), HV_EXIT_WINDOW);
	CHECK_EQ(svm_can(&vcpu.v) & HV_CAN_NMI, 0); /* it has not executed yet */
	CHECK_EQ(vmcb.intercept1 & SVM_I_IRET, 0);
	run(SVM_EXIT_INTR, 0x2000);
	CHECK_EQ(svm_can(&vcpu.v) & HV_CAN_NMI, HV_CAN_NMI);
}

/* VMRUN flushes nothing by itself: translations of another CR3 would live on under the same ASID. */
static void paging_changes_flush(void)
{
	struct vcpu_regs r = { .cr3 = 0x1000 };

	setup();
	flushes = 0;
	svm_push(&vcpu.v, REG_RIP | REG_SEG | REG_DR, &r);
	CHECK_EQ(flushes, 0);
	svm_push(&vcpu.v, REG_CR, &r);
	CHECK_EQ(flushes, 1);
	CHECK_EQ(svm_msr_write(&vcpu.v, MSR_EFER, EFER_NXE), 0);
	CHECK_EQ(flushes, 2);
	CHECK_EQ(svm_msr_write(&vcpu.v, MSR_STAR, 1), 0);
	CHECK_EQ(flushes, 2);
}

int main(void)
{
	RUN(shadow_kept_over_two_interrupts);
	RUN(no_shadow_out_of_nowhere);
	RUN(window_in_a_shadow);
	RUN(step_cancelled);
	RUN(interrupts_on_tcg);
	RUN(lengths_without_next_rip);
	RUN(interrupted_delivery);
	RUN(refused);
	RUN(host_state);
	RUN(nmi_until_iret);
	RUN(paging_changes_flush);
	return unit_status();
}
