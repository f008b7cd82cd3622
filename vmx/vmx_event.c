/* SPDX-License-Identifier: GPL-2.0-only */
/* Interrupts, NMIs and exceptions into the guest, and the windows for them. */
#include "vmx/vmx.h"

#include "lib/x86/cr.h"

/* Exceptions that push an error code. [SDM3 "Error Code"] */
#define ERROR_VECTORS                                                                             \
	(1U << VECTOR_DF | 1U << VECTOR_TS | 1U << VECTOR_NP | 1U << VECTOR_SS | 1U << VECTOR_GP | \
	 1U << VECTOR_PF | 1U << VECTOR_AC)

uint32_t vmx_can(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_vcpu(v), *previous = vmx_borrow(s);
	uint32_t blocked = (uint32_t)vmread(VMCS_INTERRUPTIBILITY), can = 0;

	if ((blocked & (VMX_BLOCK_STI | VMX_BLOCK_MOV_SS)) == 0)
		can = ((vmread(VMCS_GUEST_RFLAGS) & RFLAGS_IF) != 0 ? HV_CAN_INTERRUPT : 0U) |
		      ((blocked & VMX_BLOCK_NMI) == 0 ? HV_CAN_NMI : 0U);
	vmx_return(s, previous);
	return can;
}

/*
 * The entry wants an error code exactly with those exceptions that have one, and none in real mode.
 * [SDM3 "VM-Entry Control Fields", checks on event injection]
 */
static bool event_error(const struct hv_event *e)
{
	return e->type == EVENT_EXCEPTION && e->vector < 32 && (ERROR_VECTORS >> e->vector & 1) != 0 &&
	       (vmread(VMCS_GUEST_CR0) & CR0_PE) != 0;
}

void vmx_inject(struct vcpu *v, const struct hv_event *e)
{
	static const uint8_t type[] = {
		[EVENT_INTERRUPT] = VMX_EVENT_INTR,
		[EVENT_NMI] = VMX_EVENT_NMI,
		[EVENT_EXCEPTION] = VMX_EVENT_HARD,
		[EVENT_SOFT_INTERRUPT] = VMX_EVENT_SOFT_INT,
		[EVENT_SOFT_EXCEPTION] = VMX_EVENT_SOFT,
	};
	struct vmx_vcpu *s = vmx_vcpu(v);
	bool error = event_error(e), soft = e->type == EVENT_SOFT_INTERRUPT || e->type == EVENT_SOFT_EXCEPTION;

	if (error)
		vmwrite(VMCS_ENTRY_ERROR, e->has_error ? e->error & 0x7fff : 0);
	/* Called again when the entry was put off: RIP goes back once, right before it (vmx_event_arm). */
	s->before = (uint8_t)((s->before & ~BEFORE_SOFT) | (soft ? BEFORE_SOFT : 0));
	s->soft_length = e->insn_len != 0 ? e->insn_len : 1;
	vmwrite(VMCS_ENTRY_EVENT, VMX_EVENT_VALID | (uint32_t)type[e->type] << 8 | e->vector | (error ? VMX_EVENT_ERROR : 0));
}

/* The monitor has moved RIP behind the instruction; the processor wants to do that itself. */
void vmx_event_arm(struct vmx_vcpu *s)
{
	vmwrite(VMCS_GUEST_RIP, vmread(VMCS_GUEST_RIP) - s->soft_length);
	vmwrite(VMCS_ENTRY_LENGTH, s->soft_length);
	s->before &= (uint8_t)~BEFORE_SOFT;
}

/*
 * An interrupt that the task priority holds back makes the TPR's fall an exit; otherwise the window is
 * the exit. A processor may hold an NMI back behind STI and yet call its window open: there we wait for
 * the interrupt window, which opens at the same time.
 */
void vmx_window(struct vcpu *v, uint32_t windows, uint8_t priority)
{
	struct vmx_vcpu *s = vmx_vcpu(v);
	bool irq = (windows & HV_CAN_INTERRUPT) != 0, blocked = irq && priority <= v->cr8;
	uint32_t set = irq && !blocked ? VMX_CPU_INTERRUPT_WINDOW : 0;

	if ((s->cpu_controls & VMX_CPU_TPR_SHADOW) != 0)
		vmwrite(VMCS_TPR_THRESHOLD, blocked ? priority : 0);
	if ((windows & HV_CAN_NMI) != 0)
		set |= (vmread(VMCS_INTERRUPTIBILITY) & VMX_BLOCK_STI) != 0 ? VMX_CPU_INTERRUPT_WINDOW :
									       VMX_CPU_NMI_WINDOW;
	vmx_cpu_controls(s, set, (VMX_CPU_INTERRUPT_WINDOW | VMX_CPU_NMI_WINDOW) & ~set);
}

/* Software events are not queued again: RIP is still at the instruction, which raises them once more. */
void vmx_reinject(struct vmx_vcpu *s, uint32_t info)
{
	struct hv_event *e = &s->v.event;

	if ((info & VMX_EVENT_VALID) == 0)
		return;
	switch (VMX_EVENT_TYPE(info)) {
	case VMX_EVENT_INTR: e->type = EVENT_INTERRUPT; break;
	case VMX_EVENT_NMI: /* it has not been delivered: the next one may not wait for its IRET */
		e->type = EVENT_NMI;
		vmwrite(VMCS_INTERRUPTIBILITY, vmread(VMCS_INTERRUPTIBILITY) & ~(uint64_t)VMX_BLOCK_NMI);
		break;
	case VMX_EVENT_HARD: e->type = EVENT_EXCEPTION; break;
	default: return;
	}
	e->vector = (uint8_t)info;
	e->has_error = (info & VMX_EVENT_ERROR) != 0;
	e->error = e->has_error ? (uint32_t)vmread(VMCS_VECTORING_ERROR) : 0;
	e->insn_len = 0;
}

/*
 * A fault on an IRET that had just unblocked NMIs: to the guest, it has not executed. Not when the fault
 * came in an event's delivery, nor with #DF, where the bit is undefined. [SDM3 "Exit Qualification for
 * EPT Violations", "VM-Exit Interruption Information"]
 */
void vmx_iret_undo(uint64_t unblocked)
{
	if ((unblocked & VMX_EVENT_UNBLOCK) != 0 && (vmread(VMCS_VECTORING) & VMX_EVENT_VALID) == 0)
		vmwrite(VMCS_INTERRUPTIBILITY, vmread(VMCS_INTERRUPTIBILITY) | VMX_BLOCK_NMI);
}
