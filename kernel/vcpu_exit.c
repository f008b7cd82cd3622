/* SPDX-License-Identifier: GPL-2.0-only */
/* What each kind of exit means: a table of small handlers. Knows no vendor. */
#include "kernel/vcpu.h"

#include "arch/cpu.h"
#include "kernel/cpuid_policy.h"
#include "kernel/hypercall.h"
#include "kernel/mitigation.h"
#include "kernel/thread.h"
#include "kernel/vm.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/x86/cr.h"

#define CR0_OURS (CR0_NE | CR0_CD | CR0_NW) /* what a backend may keep for itself */

typedef enum exit_action exit_handler(struct vcpu *v);

/* ---- exceptions ---- */

/* Faults that turn a second one of their kind into a double fault. [SDM3 "Interrupt 8"] */
static bool contributory(uint8_t vector)
{
	return vector == VECTOR_DE || (vector >= VECTOR_TS && vector <= VECTOR_GP) || vector == VECTOR_CP;
}

void vcpu_raise(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error)
{
	struct hv_event old = v->event;

	v->event = (struct hv_event){ .type = EVENT_EXCEPTION, .vector = vector, .has_error = has_error, .error = error };
	switch (old.type) {
	case EVENT_NMI:
		v->nmi_pending = 1; /* the fault came while it was delivered: it comes again */
		return;
	case EVENT_INTERRUPT:
		if (lapic_enabled(&v->lapic) && v->lapic.isr_top == old.vector)
			lapic_unaccept(&v->lapic, old.vector);
		return;
	case EVENT_EXCEPTION:
		if ((contributory(old.vector) && contributory(vector)) ||
		    (old.vector == VECTOR_PF && (contributory(vector) || vector == VECTOR_PF)))
			v->event = (struct hv_event){ .type = EVENT_EXCEPTION, .vector = VECTOR_DF, .has_error = 1 };
		return;
	default:
		return;
	}
}

/* #AC, #DB and whatever else was asked for: the guest gets its exception. */
static enum exit_action on_exception(struct vcpu *v)
{
	vcpu_raise(v, v->exit.exception.vector, v->exit.exception.has_error != 0, v->exit.exception.error);
	return ACTION_RESUME;
}

static enum exit_action on_ud(struct vcpu *v)
{
	vcpu_raise_ud(v);
	return ACTION_RESUME;
}

static enum exit_action on_gp(struct vcpu *v)
{
	vcpu_raise_gp(v);
	return ACTION_RESUME;
}

/* ---- completed here ---- */

/* An MSR that is not there counts; one that does not take the value does not. */
static enum exit_action msr_refused(struct vcpu *v, int status)
{
	v->unknown_msr += status == E_RANGE;
	v->area->unknown_msr = v->unknown_msr;
	return on_gp(v);
}

static enum exit_action on_cpuid(struct vcpu *v)
{
	cpuid_execute(v);
	hv->skip(v);
	return ACTION_RESUME;
}

static enum exit_action on_rdmsr(struct vcpu *v)
{
	uint64_t value;
	int status = msr_read(v, (uint32_t)v->gpr[GPR_RCX], &value);

	if (status != 0)
		return msr_refused(v, status);
	v->gpr[GPR_RAX] = (uint32_t)value;
	v->gpr[GPR_RDX] = value >> 32;
	hv->skip(v);
	return ACTION_RESUME;
}

static enum exit_action on_wrmsr(struct vcpu *v)
{
	uint64_t value = v->gpr[GPR_RDX] << 32 | (uint32_t)v->gpr[GPR_RAX];
	int status = msr_write(v, (uint32_t)v->gpr[GPR_RCX], value);

	if (status != 0)
		return msr_refused(v, status);
	hv->skip(v);
	return ACTION_RESUME;
}

static enum exit_action on_hlt(struct vcpu *v)
{
	hv->skip(v);
	v->activity = ACTIVITY_HALTED;
	return ACTION_RESUME;
}

static enum exit_action on_hypercall(struct vcpu *v)
{
	v->gpr[GPR_RAX] = hypercall(v);
	hv->skip(v);
	return ACTION_RESUME;
}

static enum exit_action on_xsetbv(struct vcpu *v)
{
	uint64_t value = v->gpr[GPR_RDX] << 32 | (uint32_t)v->gpr[GPR_RAX];

	if ((uint32_t)v->gpr[GPR_RCX] != 0 || !cpuid_xcr0_valid(v->vm->cpuid, value) ||
	    vcpu_xcr0_set(v, value) != 0)
		return on_gp(v);
	hv->skip(v);
	return ACTION_RESUME;
}

static exit_handler on_unknown;

/* Only what the backend keeps for itself traps: bits of CR0 and CR4, and CR8 without a TPR shadow. */
static enum exit_action on_cr(struct vcpu *v)
{
	struct vcpu_regs r, before;
	uint64_t value = v->exit.reg.value;
	bool paging = false;

	if (!v->exit.reg.decoded)
		return on_unknown(v);
	if (v->exit.reg.number == 8) {
		if (!v->exit.reg.write)
			v->gpr[v->exit.reg.gpr] = v->cr8;
		else if (value > 15)
			return on_gp(v);
		else
			v->cr8 = (uint8_t)value;
		hv->skip(v);
		return ACTION_RESUME;
	}
	hv->pull(v, REG_CR, &r);
	if (v->exit.reg.number == 0) {
		paging = ((r.cr0 ^ value) & CR0_PG) != 0;
		before = r;
		if (paging)
			r.efer = (value & CR0_PG) != 0 && (r.efer & EFER_LME) != 0 ? r.efer | EFER_LMA : r.efer & ~EFER_LMA;
		r.cr0 = (value & 0xffffffffU) | CR0_ET;
	} else {
		r.cr4 = value;
	}
	r.cr8 = v->cr8;
	r.xcr0 = v->xcr0;
	if (value >> 32 != 0 || !vcpu_cr_valid(v, &r))
		return on_gp(v);
	/*
	 * With paging go LMA and the PDPTEs, which only the processor gets right: it has what is ours
	 * now, and executes the rest.
	 */
	if (paging) {
		before.cr0 = (before.cr0 & ~CR0_OURS) | (r.cr0 & CR0_OURS);
		hv->push(v, REG_CR, &before);
		return ACTION_RESUME;
	}
	hv->push(v, REG_CR, &r);
	hv->skip(v);
	return ACTION_RESUME;
}

/* The guest's timer deadline came while it ran. */
static enum exit_action on_deadline(struct vcpu *v)
{
	lapic_timer_expired(v);
	return ACTION_RESUME;
}

static enum exit_action on_rdtsc(struct vcpu *v)
{
	uint64_t now = rdtsc() + v->tsc_offset;

	v->gpr[GPR_RAX] = (uint32_t)now;
	v->gpr[GPR_RDX] = now >> 32;
	hv->skip(v);
	return ACTION_RESUME;
}

/* WBINVD, INVD: memory is coherent without them. */
static enum exit_action on_nothing(struct vcpu *v)
{
	hv->skip(v);
	return ACTION_RESUME;
}

/* It spins, perhaps for another vCPU that waits for this very processor. */
static enum exit_action on_pause(struct vcpu *v)
{
	hv->skip(v);
	sched_give_way();
	return ACTION_RESUME;
}

static enum exit_action on_interrupt(struct vcpu *v)
{
	(void)v;
	sched_yield_point();
	return ACTION_RESUME;
}

static enum exit_action on_resume(struct vcpu *v)
{
	(void)v;
	return ACTION_RESUME;
}

/* ---- the monitor's ---- */

static enum exit_action to_monitor(struct vcpu *v, enum vcpu_exit reason)
{
	v->reason = reason;
	return ACTION_MONITOR;
}

static enum exit_action on_pio(struct vcpu *v)
{
	struct vcpu_pio *pio = &v->area->pio;
	uint32_t data = 0;

	if (v->exit.pio.string)
		return to_monitor(v, EXIT_PIO_STRING);
	hv->skip(v);
	if (v->exit.pio.write) {
		data = (uint32_t)v->gpr[GPR_RAX];
		if (v->exit.pio.size < 4)
			data &= (1U << (8 * v->exit.pio.size)) - 1;
		if (doorbell_ring(&v->vm->doorbells, v->exit.pio.port, v->exit.pio.size, data))
			return ACTION_RESUME;
	} else {
		v->pending = EXIT_PIO;
		v->pending_size = v->exit.pio.size;
	}
	pio->port = v->exit.pio.port;
	pio->size = v->exit.pio.size;
	pio->write = v->exit.pio.write;
	pio->data = data;
	return to_monitor(v, EXIT_PIO);
}

static enum exit_action on_npf(struct vcpu *v)
{
	if (v->exit.npf.fetch && (mitigations & MIT_ITLB) != 0) {
		int status = vm_execute(v->vm, gpa(v->exit.npf.gpa));

		if (status == 0)
			return ACTION_RESUME;
		if (status == E_NOMEM) {
			format(v->area->text, VCPU_TEXT_MAX, "no kernel memory left to split the page at guest-physical %#lx",
			       v->exit.npf.gpa);
			return to_monitor(v, EXIT_FAULT);
		}
	}
	if (v->event.type != EVENT_NONE) {
		format(v->area->text, VCPU_TEXT_MAX,
		       "delivering vector %u touched guest-physical %#lx, where there is no memory",
		       v->event.vector, v->exit.npf.gpa);
		return to_monitor(v, EXIT_FAULT);
	}
	v->area->mmio = v->exit.npf;
	return to_monitor(v, EXIT_MMIO);
}

static enum exit_action on_task(struct vcpu *v)
{
	v->area->task = (struct vcpu_task){
		.selector = v->exit.task.selector, .reason = v->exit.task.reason, .insn_len = v->exit.task.insn_len,
		.event_type = v->event.type, .event_vector = v->event.vector,
		.has_error = v->event.has_error, .error = v->event.error,
	};
	v->event.type = EVENT_NONE; /* the task switch is its delivery */
	return to_monitor(v, EXIT_TASK_SWITCH);
}

static enum exit_action on_shutdown(struct vcpu *v) { return to_monitor(v, EXIT_SHUTDOWN); }

static enum exit_action on_invalid(struct vcpu *v)
{
	memcpy(v->area->text, v->exit.text, VCPU_TEXT_MAX);
	vcpu_dump(v);
	return to_monitor(v, EXIT_INVALID);
}

static enum exit_action on_npt_bad(struct vcpu *v)
{
	format(v->area->text, VCPU_TEXT_MAX, "the nested page table is broken at guest-physical %#lx",
	       v->exit.npf.gpa);
	vcpu_dump(v);
	return to_monitor(v, EXIT_FAULT);
}

static enum exit_action on_unknown(struct vcpu *v)
{
	format(v->area->text, VCPU_TEXT_MAX, "an exit that nobody asked for: %s code %#lx info %#lx %#lx", hv->name,
	       v->exit.raw.code, v->exit.raw.info1, v->exit.raw.info2);
	vcpu_dump(v);
	return to_monitor(v, EXIT_FAULT);
}

static exit_handler *const handlers[HV_EXIT_KINDS] = {
	[HV_EXIT_INTR] = on_interrupt,
	[HV_EXIT_NMI] = on_resume,
	[HV_EXIT_MC] = on_resume,
	[HV_EXIT_CPUID] = on_cpuid,
	[HV_EXIT_RDMSR] = on_rdmsr,
	[HV_EXIT_WRMSR] = on_wrmsr,
	[HV_EXIT_HLT] = on_hlt,
	[HV_EXIT_HYPERCALL] = on_hypercall,
	[HV_EXIT_PIO] = on_pio,
	[HV_EXIT_NPF] = on_npf,
	[HV_EXIT_NPT_BAD] = on_npt_bad,
	[HV_EXIT_CR] = on_cr,
	[HV_EXIT_DR] = on_unknown,
	[HV_EXIT_XSETBV] = on_xsetbv,
	[HV_EXIT_WBINVD] = on_nothing,
	[HV_EXIT_INVD] = on_nothing,
	[HV_EXIT_INVLPG] = on_unknown,
	[HV_EXIT_RDTSC] = on_rdtsc,
	[HV_EXIT_RDPMC] = on_gp,
	[HV_EXIT_MONITOR] = on_ud,
	[HV_EXIT_MWAIT] = on_ud,
	[HV_EXIT_PAUSE] = on_pause,
	[HV_EXIT_VIRT_INSN] = on_ud,
	[HV_EXIT_EXCEPTION] = on_exception,
	[HV_EXIT_WINDOW] = on_resume,
	[HV_EXIT_TPR] = on_resume,
	[HV_EXIT_DEADLINE] = on_deadline,
	[HV_EXIT_EOI] = on_unknown,
	[HV_EXIT_APIC_ACCESS] = on_unknown,
	[HV_EXIT_TASK_SWITCH] = on_task,
	[HV_EXIT_SHUTDOWN] = on_shutdown,
	[HV_EXIT_INIT] = on_interrupt,
	[HV_EXIT_SMI] = on_interrupt,
	[HV_EXIT_RSM] = on_ud,
	[HV_EXIT_INVALID] = on_invalid,
	[HV_EXIT_BUS_LOCK] = on_resume,
	[HV_EXIT_NOTIFY] = on_resume,
	[HV_EXIT_UNKNOWN] = on_unknown,
};

enum exit_action vcpu_exit_handle(struct vcpu *v, enum hv_exit_kind kind)
{
	return handlers[kind](v);
}
