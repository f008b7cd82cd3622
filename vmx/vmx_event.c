/* SPDX-License-Identifier: GPL-2.0-only */
/* Interrupts, NMIs and exceptions into the guest, and the windows for them. */
#include "vmx/vmx.h"

#include "lib/x86/cr.h"

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

void vmx_inject(struct vcpu *v, const struct hv_event *e)
{
	static const uint8_t type[] = {
		[EVENT_INTERRUPT] = VMX_EVENT_INTR,
		[EVENT_NMI] = VMX_EVENT_NMI,
		[EVENT_EXCEPTION] = VMX_EVENT_HARD,
		[EVENT_SOFT_INTERRUPT] = VMX_EVENT_SOFT_INT,
		[EVENT_SOFT_EXCEPTION] = VMX_EVENT_SOFT,
	};
	/* Real mode has no error codes, and entry refuses them there. */
	bool error = e->has_error && (vmread(VMCS_GUEST_CR0) & CR0_PE) != 0;
	uint64_t rip = vmread(VMCS_GUEST_RIP);

	(void)v;
	vmwrite(VMCS_ENTRY_EVENT, VMX_EVENT_VALID | (uint32_t)type[e->type] << 8 | e->vector | (error ? VMX_EVENT_ERROR : 0));
	if (error)
		vmwrite(VMCS_ENTRY_ERROR, e->error);
	if (e->type != EVENT_SOFT_INTERRUPT && e->type != EVENT_SOFT_EXCEPTION)
		return;
	/* The monitor has moved RIP behind the instruction; the processor wants to do that itself. */
	vmwrite(VMCS_GUEST_RIP, rip - e->insn_len);
	vmwrite(VMCS_ENTRY_LENGTH, e->insn_len);
}

void vmx_window(struct vcpu *v, uint32_t windows, uint8_t priority)
{
	struct vmx_vcpu *s = vmx_vcpu(v);
	bool irq = (windows & HV_CAN_INTERRUPT) != 0, blocked = irq && priority <= v->cr8;
	uint32_t set = 0;

	if ((s->cpu_controls & VMX_CPU_TPR_SHADOW) != 0)
		vmwrite(VMCS_TPR_THRESHOLD, blocked ? priority : 0);
	if (irq && !blocked)
		set |= VMX_CPU_INTERRUPT_WINDOW;
	if ((windows & HV_CAN_NMI) != 0)
		set |= VMX_CPU_NMI_WINDOW;
	vmx_cpu_controls(s, set, (VMX_CPU_INTERRUPT_WINDOW | VMX_CPU_NMI_WINDOW) & ~set);
}

/* Software events are not queued again: RIP is still at the instruction, which raises them once more. */
void vmx_reinject(struct vmx_vcpu *s)
{
	uint32_t info = (uint32_t)vmread(VMCS_VECTORING);
	struct hv_event *e = &s->v.event;

	if ((info & VMX_EVENT_VALID) == 0)
		return;
	switch (VMX_EVENT_TYPE(info)) {
	case VMX_EVENT_INTR: e->type = EVENT_INTERRUPT; break;
	case VMX_EVENT_NMI:
		e->type = EVENT_NMI;
		vmwrite(VMCS_INTERRUPTIBILITY, vmread(VMCS_INTERRUPTIBILITY) & ~(uint64_t)VMX_BLOCK_NMI);
		break;
	case VMX_EVENT_HARD: e->type = EVENT_EXCEPTION; break;
	default: return;
	}
	e->vector = (uint8_t)info;
	e->has_error = (info & VMX_EVENT_ERROR) != 0;
	e->error = (uint32_t)vmread(VMCS_VECTORING_ERROR);
	e->insn_len = 0;
}
