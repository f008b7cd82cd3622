/* SPDX-License-Identifier: GPL-2.0-only */
/* From an exit's fields in the VMCS to the neutral exit. Decides nothing about what the guest gets. */
#include "vmx/vmx.h"

#include "arch/cpu.h"
#include "arch/cr.h"
#include "lib/x86/cr.h"

_Static_assert(HV_EXIT_KINDS + 1 < VMX_INSN, "a kind and its flags share a byte");

const uint8_t vmx_exit_kind[VMX_REASONS] = {
#define K(reason, kind) [VMX_##reason] = HV_EXIT_##kind + 1
#define I(reason, kind) [VMX_##reason] = (HV_EXIT_##kind + 1) | VMX_INSN
#define D(reason, kind) [VMX_##reason] = (HV_EXIT_##kind + 1) | VMX_DECODE
	D(EXCEPTION_NMI, EXCEPTION), K(INTERRUPT, INTR), K(TRIPLE_FAULT, SHUTDOWN), K(INIT, INIT), K(SIPI, INIT),
	K(IO_SMI, SMI), K(SMI, SMI), K(INTERRUPT_WINDOW, WINDOW), K(NMI_WINDOW, WINDOW),
	D(TASK_SWITCH, TASK_SWITCH), I(CPUID, CPUID), I(GETSEC, VIRT_INSN), I(HLT, HLT), I(INVD, INVD),
	I(INVLPG, INVLPG), I(RDPMC, RDPMC), I(RDTSC, RDTSC), I(RSM, RSM), I(VMCALL, HYPERCALL),
	I(VMCLEAR, VIRT_INSN), I(VMLAUNCH, VIRT_INSN), I(VMPTRLD, VIRT_INSN), I(VMPTRST, VIRT_INSN),
	I(VMREAD, VIRT_INSN), I(VMRESUME, VIRT_INSN), I(VMWRITE, VIRT_INSN), I(VMXOFF, VIRT_INSN),
	I(VMXON, VIRT_INSN), D(CR, CR), K(DR, DR), [VMX_IO] = (HV_EXIT_PIO + 1) | VMX_DECODE | VMX_INSN,
	I(RDMSR, RDMSR), I(WRMSR, WRMSR),
	K(INVALID_STATE, INVALID), K(INVALID_MSR, INVALID), I(MWAIT, MWAIT), K(MTF, WINDOW), I(MONITOR, MONITOR),
	I(PAUSE, PAUSE), K(MACHINE_CHECK, MC), K(TPR, TPR), K(APIC_ACCESS, APIC_ACCESS), K(VIRTUAL_EOI, EOI),
	D(EPT_VIOLATION, NPF), D(EPT_BAD, NPT_BAD), I(INVEPT, VIRT_INSN), I(RDTSCP, RDTSC),
	D(PREEMPTION, DEADLINE), I(INVVPID, VIRT_INSN), I(WBINVD, WBINVD), I(XSETBV, XSETBV),
	I(INVPCID, INVLPG), I(VMFUNC, VIRT_INSN), I(ENCLS, VIRT_INSN), I(XSAVES, VIRT_INSN),
	I(XRSTORS, VIRT_INSN), I(PCONFIG, VIRT_INSN), I(UMWAIT, VIRT_INSN), I(TPAUSE, VIRT_INSN),
	I(LOADIWKEY, VIRT_INSN), I(ENCLV, VIRT_INSN), K(BUS_LOCK, BUS_LOCK), K(NOTIFY, NOTIFY),
#undef K
#undef I
#undef D
};

static enum hv_exit_kind decode_exception(struct vmx_vcpu *s)
{
	uint32_t info = (uint32_t)vmread(VMCS_EXIT_EVENT);
	struct hv_exit *e = &s->v.exit;

	if (VMX_EVENT_TYPE(info) == VMX_EVENT_NMI) {
		__asm__ volatile("int $2" : : : "memory"); /* its IRET unblocks NMIs */
		return HV_EXIT_NMI;
	}
	e->exception.vector = (uint8_t)info;
	if (e->exception.vector == VECTOR_MC) {
		__asm__ volatile("int $18" : : : "memory");
		return HV_EXIT_MC;
	}
	e->exception.has_error = (info & VMX_EVENT_ERROR) != 0;
	e->exception.error = (uint32_t)vmread(VMCS_EXIT_ERROR);
	e->exception.address = vmread(VMCS_EXIT_QUALIFICATION);
	/* The exit keeps #DB's cause from DR6: what the guest's handler will read is put there. */
	if (e->exception.vector == VECTOR_DB)
		write_dr6((read_dr6() & ~0xfULL) | (e->exception.address & 0x600f));
	if (e->exception.vector != VECTOR_DF)
		vmx_iret_undo(info);
	return HV_EXIT_EXCEPTION;
}

static void decode_pio(struct hv_exit *e)
{
	uint64_t q = vmread(VMCS_EXIT_QUALIFICATION);

	e->pio.port = (uint16_t)(q >> 16);
	e->pio.size = (uint8_t)((q & 7) + 1);
	e->pio.write = (q & 8) == 0;
	e->pio.string = (q & 16) != 0;
	e->pio.rep = (q & 32) != 0;
}

static void decode_npf(struct hv_exit *e)
{
	uint64_t q = vmread(VMCS_EXIT_QUALIFICATION);

	vmx_iret_undo(q);
	e->npf.gpa = vmread(VMCS_GUEST_PHYSICAL);
	e->npf.has_gva = (q & 1U << 7) != 0;
	e->npf.gva = e->npf.has_gva ? vmread(VMCS_GUEST_LINEAR) : 0;
	e->npf.write = (q & 2) != 0;
	e->npf.fetch = (q & 4) != 0;
	e->npf.walk = (q & 1U << 7) != 0 && (q & 1U << 8) == 0;
	e->npf.insn_len = 0;
}

/*
 * MOV to CR0 or CR4 that would change one of our bits; CR8 where there is no TPR shadow. CLTS and LMSW do
 * not reach bits of ours.
 */
static bool decode_cr(struct vmx_vcpu *s)
{
	uint64_t q = vmread(VMCS_EXIT_QUALIFICATION);
	bool wide = (vmread(VMCS_GUEST_ES_ACCESS + 2 * SEG_CS) & 1U << 13) != 0;
	struct hv_exit *e = &s->v.exit;
	unsigned type = q >> 4 & 3;

	e->reg.number = q & 15;
	e->reg.gpr = q >> 8 & 15;
	e->reg.write = type == 0;
	e->reg.decoded = 1;
	e->reg.value = s->v.gpr[e->reg.gpr];
	if (!wide) /* the upper halves are left over from 64-bit mode */
		e->reg.value = (uint32_t)e->reg.value;
	return type <= 1;
}

/* An event that no instruction raised is in v.event (vmx_reinject): the switch is its delivery. */
static void decode_task(struct vmx_vcpu *s)
{
	uint64_t q = vmread(VMCS_EXIT_QUALIFICATION);
	struct hv_exit *e = &s->v.exit;

	e->task.selector = (uint16_t)q;
	e->task.reason = q >> 30 & 3; /* TASK_* are numbered so */
	e->task.insn_len = s->v.event.type == EVENT_NONE ? (uint8_t)vmread(VMCS_EXIT_LENGTH) : 0;
	if (s->v.event.type == EVENT_NMI) /* its handler runs from now on */
		vmwrite(VMCS_INTERRUPTIBILITY, vmread(VMCS_INTERRUPTIBILITY) | VMX_BLOCK_NMI);
}

static enum hv_exit_kind decode_unknown(struct vmx_vcpu *s, uint32_t reason)
{
	s->v.exit.raw.code = reason;
	s->v.exit.raw.info1 = vmread(VMCS_EXIT_QUALIFICATION);
	s->v.exit.raw.info2 = 0;
	return HV_EXIT_UNKNOWN;
}

enum hv_exit_kind vmx_decode(struct vmx_vcpu *s, uint32_t reason)
{
	uint32_t basic = reason & 0xffff;

	switch (basic) {
	case VMX_IO: decode_pio(&s->v.exit); return HV_EXIT_PIO; /* the hot one */
	case VMX_EPT_VIOLATION: decode_npf(&s->v.exit); return HV_EXIT_NPF;
	case VMX_EXCEPTION_NMI: return decode_exception(s);
	case VMX_EPT_BAD: s->v.exit.npf.gpa = vmread(VMCS_GUEST_PHYSICAL); return HV_EXIT_NPT_BAD;
	case VMX_CR: return decode_cr(s) ? HV_EXIT_CR : decode_unknown(s, reason);
	case VMX_TASK_SWITCH: decode_task(s); return HV_EXIT_TASK_SWITCH;
	/* Before the deadline it is VMX_F_BOUND's: host interrupts may be waiting. */
	case VMX_PREEMPTION: return s->deadline > rdtsc() ? HV_EXIT_INTR : HV_EXIT_DEADLINE;
	default: return decode_unknown(s, reason);
	}
}
