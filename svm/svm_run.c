/* SPDX-License-Identifier: GPL-2.0-only */
/* One entry and one decoded exit. Decides nothing about what the guest gets. */
#include "svm/svm.h"

#include "arch/cr.h"
#include "kernel/percpu.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/x86/cr.h"
#include "lib/x86/pte.h"

_Static_assert(offsetof(struct svm_vcpu, v.gpr) == 8, "VCPU_GPR in entry.asm");

/*
 * Exit codes 0x60 to 0xa5: the kind plus one, 0 where there is no such exit. IRET is an exit that only
 * this folder knows. The operands are decoded by svm_decode.
 */
#define OWN HV_EXIT_KINDS
static const uint8_t exit_kind[SVM_EXIT_TABLE - SVM_EXIT_INTR] = {
#define K(code, kind) [SVM_EXIT_##code - SVM_EXIT_INTR] = HV_EXIT_##kind + 1
	K(INTR, INTR), K(NMI, NMI), K(SMI, SMI), K(INIT, INIT), K(VINTR, WINDOW),
	K(CR0_SEL_WRITE, CR), K(RDTSC, RDTSC), K(RDPMC, RDPMC), K(CPUID, CPUID), K(RSM, RSM),
	[SVM_EXIT_IRET - SVM_EXIT_INTR] = OWN + 1, K(INVD, INVD), K(PAUSE, PAUSE), K(HLT, HLT),
	K(INVLPG, INVLPG), K(INVLPGA, VIRT_INSN), K(IOIO, PIO), K(MSR, RDMSR),
	K(FERR_FREEZE, INTR), K(SHUTDOWN, SHUTDOWN), K(VMRUN, VIRT_INSN),
	K(VMMCALL, HYPERCALL), K(VMLOAD, VIRT_INSN), K(VMSAVE, VIRT_INSN), K(STGI, VIRT_INSN),
	K(CLGI, VIRT_INSN), K(SKINIT, VIRT_INSN), K(RDTSCP, RDTSC), K(WBINVD, WBINVD),
	K(MONITOR, MONITOR), K(MWAIT, MWAIT), K(MWAIT_ARMED, MWAIT), K(XSETBV, XSETBV),
	K(RDPRU, VIRT_INSN), K(INVLPGB, VIRT_INSN), K(INVLPGB_ILLEGAL, VIRT_INSN),
	K(INVPCID, INVLPG), K(MCOMMIT, VIRT_INSN), K(TLBSYNC, VIRT_INSN), K(BUS_LOCK, BUS_LOCK),
#undef K
};

/* Bytes of the instructions that we complete, for processors without next-RIP save. */
static const uint8_t exit_length[SVM_EXIT_TABLE - SVM_EXIT_INTR] = {
#define L(code, n) [SVM_EXIT_##code - SVM_EXIT_INTR] = (n)
	L(RDTSC, 2), L(RDPMC, 2), L(CPUID, 2), L(INVD, 2), L(PAUSE, 2), L(HLT, 1), L(MSR, 2),
	L(VMMCALL, 3), L(RDTSCP, 3), L(WBINVD, 2), L(MONITOR, 3), L(MWAIT, 3), L(MWAIT_ARMED, 3),
	L(XSETBV, 3),
#undef L
};

void svm_skip(struct vcpu *v)
{
	struct vmcb *c = svm_vcpu(v)->vmcb;
	uint32_t code = (uint32_t)c->exit_code;
	uint64_t next;

	if (code == SVM_EXIT_IOIO)
		next = c->exit_info2;
	else if ((svm_box.caps & HV_CAP_NEXT_RIP) != 0 && c->next_rip != 0)
		next = c->next_rip;
	else if (code - SVM_EXIT_INTR < SVM_EXIT_TABLE - SVM_EXIT_INTR)
		next = c->rip + exit_length[code - SVM_EXIT_INTR];
	else
		next = c->rip;
	/* Outside 64-bit code RIP has 32 bits. */
	c->rip = (c->seg[SEG_CS].attr & 1U << 9) != 0 && (c->efer & EFER_LMA) != 0 ? next : (uint32_t)next;
	c->interrupt_shadow = 0;
}

static void decode_pio(struct hv_exit *e, const struct vmcb *c)
{
	uint32_t info = (uint32_t)c->exit_info1;

	e->pio.port = (uint16_t)(info >> 16);
	e->pio.size = SVM_IO_SIZE(info) & 7;
	e->pio.write = (info & SVM_IO_IN) == 0;
	e->pio.string = (info & SVM_IO_STRING) != 0;
	e->pio.rep = (info & SVM_IO_REP) != 0;
}

static enum hv_exit_kind decode_npf(struct hv_exit *e, const struct vmcb *c)
{
	uint64_t info = c->exit_info1;

	e->npf.gpa = c->exit_info2;
	e->npf.gva = 0;
	e->npf.has_gva = 0;
	e->npf.write = (info & PF_WRITE) != 0;
	e->npf.fetch = (info & PF_FETCH) != 0;
	e->npf.walk = (info & SVM_NPF_WALK) != 0;
	e->npf.insn_len = 0;
	if ((svm_box.caps & HV_CAP_DECODE) != 0 && c->insn_len <= sizeof(e->npf.insn)) {
		e->npf.insn_len = c->insn_len;
		memcpy(e->npf.insn, c->insn, sizeof(e->npf.insn));
	}
	return (info & PF_RSVD) != 0 ? HV_EXIT_NPT_BAD : HV_EXIT_NPF;
}

static enum hv_exit_kind decode_exception(struct svm_vcpu *s, uint8_t vector)
{
	static const uint32_t with_error = 1U << VECTOR_DF | 1U << VECTOR_TS | 1U << VECTOR_NP |
					   1U << VECTOR_SS | 1U << VECTOR_GP | 1U << VECTOR_PF |
					   1U << VECTOR_AC | 1U << VECTOR_CP;
	struct hv_exit *e = &s->v.exit;

	if (vector == VECTOR_MC) {
		/* The host's handler decides: interrupts are off, and this is where it happened. */
		__asm__ volatile("int $18" : : : "memory");
		return HV_EXIT_MC;
	}
	if (vector == VECTOR_DB && svm_step_done(s))
		return HV_EXIT_WINDOW;
	e->exception.vector = vector;
	e->exception.has_error = (with_error >> vector & 1) != 0;
	e->exception.error = (uint32_t)s->vmcb->exit_info1;
	e->exception.address = vector == VECTOR_PF ? s->vmcb->exit_info2 : s->vmcb->dr6;
	return HV_EXIT_EXCEPTION;
}

/* CR0..15 reads, writes, DR reads, writes. None is intercepted today but by a debug build. */
static enum hv_exit_kind decode_register(struct hv_exit *e, const struct vmcb *c, uint32_t code)
{
	e->reg.number = code & 15;
	e->reg.write = (code & 0x10) != 0;
	e->reg.gpr = (uint8_t)(c->exit_info1 & 15);
	e->reg.decoded = (svm_box.caps & HV_CAP_DECODE) != 0;
	e->reg.value = 0;
	return code < SVM_EXIT_DR_READ ? HV_EXIT_CR : HV_EXIT_DR;
}

static enum hv_exit_kind decode_rare(struct svm_vcpu *s, uint32_t code, enum hv_exit_kind kind)
{
	struct vmcb *c = s->vmcb;
	struct hv_exit *e = &s->v.exit;

	if (code == SVM_EXIT_IRET) {
		svm_iret(s);
		return HV_EXIT_WINDOW;
	}
	if (kind == HV_EXIT_SHUTDOWN)
		s->shut_down = true;
	if (code == SVM_EXIT_INVALID) {
		format(e->text, sizeof(e->text), "VMRUN refused the state: %s", svm_invalid(c));
		return HV_EXIT_INVALID;
	}
	if (kind == HV_EXIT_UNKNOWN) {
		e->raw.code = c->exit_code;
		e->raw.info1 = c->exit_info1;
		e->raw.info2 = c->exit_info2;
	}
	return kind;
}

/*
 * A second host interrupt before the guest has executed anything: QEMU 7.2 has forgotten the shadow that
 * it entered with. Taken between STI and HLT, the guest's interrupt would leave it halted for ever.
 */
static void keep_shadow(struct svm_vcpu *s)
{
	struct vmcb *c = s->vmcb;

	if ((c->interrupt_shadow & SVM_SHADOW) != 0)
		s->shadow_rip = c->rip + 1;
	else if (s->shadow_rip == c->rip + 1)
		c->interrupt_shadow |= SVM_SHADOW;
	else
		s->shadow_rip = 0;
}

/* What is not in the table. */
static enum hv_exit_kind decode_outside(struct svm_vcpu *s, uint32_t code)
{
	if (code == SVM_EXIT_NPF)
		return decode_npf(&s->v.exit, s->vmcb);
	if (code < SVM_EXIT_EXCEPTION)
		return decode_register(&s->v.exit, s->vmcb, code);
	if (code < SVM_EXIT_INTR)
		return decode_exception(s, (uint8_t)(code - SVM_EXIT_EXCEPTION));
	return decode_rare(s, code, HV_EXIT_UNKNOWN);
}

static enum hv_exit_kind svm_decode(struct svm_vcpu *s)
{
	struct vmcb *c = s->vmcb;
	uint32_t code = (uint32_t)c->exit_code;
	enum hv_exit_kind kind;

	if (code - SVM_EXIT_INTR >= SVM_EXIT_TABLE - SVM_EXIT_INTR || exit_kind[code - SVM_EXIT_INTR] == 0)
		return decode_outside(s, code);
	kind = (enum hv_exit_kind)(exit_kind[code - SVM_EXIT_INTR] - 1);
	switch (kind) {
	case HV_EXIT_RDMSR:
		return (c->exit_info1 & 1) != 0 ? HV_EXIT_WRMSR : HV_EXIT_RDMSR;
	case HV_EXIT_PIO:
		decode_pio(&s->v.exit, c);
		return kind;
	case HV_EXIT_INTR:
	case HV_EXIT_NMI:
		keep_shadow(s);
		return kind;
	default:
		if (kind >= HV_EXIT_UNKNOWN || kind == HV_EXIT_SHUTDOWN)
			return decode_rare(s, code, kind);
		return kind;
	}
}

/*
 * QEMU's TCG changes a processor's mask of pending interrupt requests without a lock or an atomic
 * operation in VMRUN and #VMEXIT (seen in 7.2; target/i386/tcg/sysemu/svm_helper.c). An interrupt that
 * another thread raises in that moment is lost: it stays in the local APIC's IRR, and HLT sleeps for
 * ever on a timer that has fired. A write of the TPR makes the APIC look at its IRR again. TPR is 0
 * in the host always, so nothing changes; on a real processor we do not do it.
 */
static inline void svm_rearm(void)
{
	if (__builtin_expect(svm_box.tcg, 0)) {
		__asm__ volatile("stgi"); /* once more: see svm_lost */
		write_cr8(0);
	}
}

/*
 * QEMU's TCG again: any processor that loads an x87 status word (FXRSTOR, XRSTOR) clears a bit in processor
 * 0's flags, without a lock or an atomic operation (cpu_clear_ignne in target/i386/tcg/sysemu/fpu_helper.c).
 * What processor 0 changes there in that moment is lost. When #VMEXIT's end of nested paging is, the fetch
 * of the host's next instruction is a nested page fault, a second #VMEXIT that saves the host's state over
 * the guest's. That is gone; all we can do is not to run, or show, the host's. GIF we set and clear twice.
 */
static bool svm_lost(struct svm_vcpu *s)
{
	struct vmcb *c = s->vmcb;

	if (__builtin_expect(c->rip != (uintptr_t)svm_vmrun_end, 1) ||
	    (uintptr_t)__builtin_frame_address(0) - c->rsp >= 4096)
		return false;
	c->rip = c->cr2 = c->cr3 = c->gdtr.base = c->idtr.base = 0;
	format(s->v.exit.text, sizeof(s->v.exit.text),
	       "the emulator has lost the guest's state (its race of XRSTOR with VMRUN: svm/README.md)");
	return true;
}

enum hv_exit_kind svm_run(struct vcpu *v)
{
	struct svm_vcpu *s = svm_vcpu(v);
	struct svm_cpu *cpu = svm_cpu_self();
	struct vmcb *c = s->vmcb;

	if (s->asid_generation != cpu->generation)
		svm_asid(s, cpu);
	if (c->v_tpr != v->cr8) {
		c->v_tpr = v->cr8;
		svm_dirty(c, SVM_CLEAN_TPR);
	}
	c->rax = v->gpr[GPR_RAX];
	c->rsp = v->gpr[GPR_RSP];

	if (__builtin_expect(svm_box.tcg, 0))
		__asm__ volatile("clgi");
	svm_enter(s, s->vmcb_hpa.raw, cpu->host_hpa.raw);
	svm_rearm();
	if (svm_lost(s))
		return HV_EXIT_INVALID;

	v->gpr[GPR_RAX] = c->rax;
	v->gpr[GPR_RSP] = c->rsp;
	v->cr8 = c->v_tpr & 15;
	c->clean = svm_box.clean;
	c->tlb_control = SVM_TLB_NOTHING;
	c->event_inj = 0;
	v->event.type = EVENT_NONE;
	if (s->virq)
		svm_virq_done(s);
	if ((c->exit_int_info & SVM_EVENT_VALID) != 0)
		svm_reinject(s, c->exit_int_info);
	if (s->step != STEP_NONE && (uint32_t)c->exit_code != SVM_EXIT_EXCEPTION + VECTOR_DB)
		svm_step_cancel(s);
	return svm_decode(s);
}
