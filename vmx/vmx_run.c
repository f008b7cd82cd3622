/* SPDX-License-Identifier: GPL-2.0-only */
/* One entry, and what is said when the processor refuses it. */
#include "vmx/vmx.h"

#include "arch/cpu.h"
#include "arch/cr.h"
#include "arch/msr.h"
#include "lib/format.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"
#include "vmx/vmx_check.h"

_Static_assert(offsetof(struct vmx_vcpu, v.gpr) == 8, "VCPU_GPR in entry.asm");

#define VTPR (0x80 / sizeof(uint32_t)) /* of the virtual-APIC page */

/* A single step that the instruction would have ended in is pending now: the entry delivers it. */
void vmx_skip(struct vcpu *v)
{
	uint64_t blocked = vmread(VMCS_INTERRUPTIBILITY), rip = vmread(VMCS_GUEST_RIP);
	uint64_t next = rip + (uint32_t)vmread(VMCS_EXIT_LENGTH);

	(void)v; /* loaded: its VMCS is current */
	/* Outside 64-bit code RIP has 32 bits. */
	if (((rip ^ next) >> 32) != 0 && (vmread(VMCS_GUEST_ES_ACCESS + 2 * SEG_CS) & 1U << 13) == 0)
		next = (uint32_t)next;
	vmwrite(VMCS_GUEST_RIP, next);
	if ((blocked & (VMX_BLOCK_STI | VMX_BLOCK_MOV_SS)) != 0)
		vmwrite(VMCS_INTERRUPTIBILITY, blocked & ~(uint64_t)(VMX_BLOCK_STI | VMX_BLOCK_MOV_SS));
	if ((vmread(VMCS_GUEST_RFLAGS) & RFLAGS_TF) != 0)
		vmwrite(VMCS_GUEST_PENDING_DEBUG, vmread(VMCS_GUEST_PENDING_DEBUG) | DR6_BS);
}

/* [SDM3 "VM-Instruction Error Numbers"] */
static const char *instruction_error(uint64_t number)
{
	switch (number) {
	case 4: return "VMLAUNCH with a VMCS that is not clear";
	case 5: return "VMRESUME with a VMCS that is not launched";
	case 7: return "invalid control field";
	case 8: return "invalid host state";
	case 26: return "events blocked by MOV SS";
	default: return "error";
	}
}

static enum hv_exit_kind refused(struct vmx_vcpu *s, const char *what, uint64_t detail)
{
	struct vmx_state state;
	char why[80];

	vmx_state_read(s, &state);
	if (vmx_check(&state, why, sizeof(why)))
		format(why, sizeof(why), "our own checks find nothing");
	format(s->v.exit.text, sizeof(s->v.exit.text), "VM entry failed: %s (%#llx); %s", what, (unsigned long long)detail,
	       why);
	s->v.event.type = EVENT_NONE;
	return HV_EXIT_INVALID;
}

/* VMLAUNCH or VMRESUME went on to the next instruction. */
static __attribute__((noinline)) enum hv_exit_kind instruction_failed(struct vmx_vcpu *s)
{
	uint64_t number = vmread(VMCS_INSTRUCTION_ERROR);

	return refused(s, instruction_error(number), number);
}

/* The host's state has been loaded as at an exit; VMLAUNCH has not launched. [SDM3 "VM-Entry Failures"] */
static __attribute__((noinline)) enum hv_exit_kind entry_failed(struct vmx_vcpu *s, uint32_t reason)
{
	uint64_t q = vmread(VMCS_EXIT_QUALIFICATION);

	if ((reason & 0xffff) == VMX_INVALID_MSR)
		return refused(s, "loading an MSR", q - 1 < LIST_COUNT ? s->lists->guest[q - 1].index : q);
	return (reason & 0xffff) == VMX_INVALID_STATE ? refused(s, "invalid guest state", q) :
							refused(s, "machine check", reason);
}

/*
 * The timer counts TSC >> timer_shift, and its first tick may come at once: one more, so that it is not
 * early. In the past: 0, and the exit comes before the first instruction.
 */
static void timer_set(struct vmx_vcpu *s)
{
	uint64_t now = rdtsc(), ticks = 0, most = (vmx_box.c.features & VMX_F_BOUND) != 0 ? VMX_BOUND : UINT32_MAX;

	if (s->deadline > now)
		ticks = ((s->deadline - now) >> vmx_box.c.timer_shift) + 1;
	vmwrite(VMCS_TIMER, ticks > most ? most : ticks);
	vmx_cpu_self()->used[VMX_USE_TIMER]++;
}

/* `vmx=+check`: before every entry what otherwise is done after a failure. False: do not enter. */
static bool debug_entry(struct vmx_vcpu *s)
{
	struct vmx_state state;
	char why[80];

	vmx_break(s);
	if ((vmx_box.debug & VMX_DEBUG_CHECK) == 0)
		return true;
	vmx_state_read(s, &state);
	if (vmx_check(&state, why, sizeof(why)))
		return true;
	format(s->v.exit.text, sizeof(s->v.exit.text), "VM entry not tried: %s", why);
	return false;
}

static __attribute__((noinline)) bool before_entry(struct vmx_vcpu *s)
{
	if ((s->before & FLUSH) != 0)
		vmx_tlb_do(s);
	if ((s->before & BEFORE_SOFT) != 0)
		vmx_event_arm(s);
	if ((s->before & BEFORE_TIMER) != 0)
		timer_set(s);
	if (s->v.foreign != 0) {
		wrmsr(MSR_FLUSH_CMD, FLUSH_CMD_L1D);
		s->v.foreign = 0;
	}
	return (s->before & BEFORE_DEBUG) == 0 || debug_entry(s);
}

enum hv_exit_kind vmx_run(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_vcpu(v);
	uint64_t reason; /* the field has 32 bits */
	uint8_t kind;

	s->virtual_apic[VTPR] = (uint32_t)v->cr8 << 4;
	if (v->gpr[GPR_RSP] != s->rsp)
		vmwrite(VMCS_GUEST_RSP, s->rsp = v->gpr[GPR_RSP]);
	if (__builtin_expect((s->before | v->foreign) != 0, 0) && !before_entry(s))
		return HV_EXIT_INVALID;
	if (read_cr2() != s->cr2)
		write_cr2(s->cr2);
	if (vmx_enter(s, s->launched, &s->host_rsp) != 0)
		return instruction_failed(s);
	reason = vmread(VMCS_EXIT_REASON);
	if ((reason & VMX_REASON_ENTRY_FAILED) != 0)
		return entry_failed(s, (uint32_t)reason);
	s->launched = true;
	s->cr2 = read_cr2();
	s->rsp = v->gpr[GPR_RSP] = vmread(VMCS_GUEST_RSP);
	v->cr8 = s->virtual_apic[VTPR] >> 4 & 15; /* without a TPR shadow: as it was */
	v->event.type = EVENT_NONE;
	kind = reason < VMX_REASONS ? vmx_exit_kind[reason] : 0;
	if ((kind & VMX_INSN) == 0)
		vmx_reinject(s, (uint32_t)vmread(VMCS_VECTORING));
	if (kind == 0 || (kind & VMX_DECODE) != 0)
		return vmx_decode(s, (uint32_t)reason);
	return (enum hv_exit_kind)((kind & ~VMX_INSN) - 1);
}
