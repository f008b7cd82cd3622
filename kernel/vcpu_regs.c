/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Register groups between the monitor's area and the vCPU. Everything that comes in is copied once
 * and checked here: the backends load it as it is.
 */
#include "kernel/vcpu.h"

#include "arch/fpu.h"
#include "kernel/abi/status.h"
#include "kernel/cpuid_policy.h"
#include "kernel/vm.h"
#include "lib/addr.h"
#include "lib/string.h"
#include "lib/x86/cr.h"

#define RFLAGS_ALLOWED 0x003f7fd5ULL
#define LAPIC_AT       0x1000
#define FPU_AT	       0x2000
#define MXCSR_AT       24
#define XSTATE_AT      512 /* header: XSTATE_BV, XCOMP_BV, 48 reserved bytes */

/* What the backend keeps; the rest of the groups is ours. */
#define BACKEND_GROUPS (REG_RIP | REG_SEG | REG_TABLE | REG_CR | REG_DR | REG_MSR | REG_EVENT | REG_PDPTR)

/* ---- out ---- */

static void pull_fpu(struct vcpu *v)
{
	bool loaded = v->loaded;

	/* The registers are saved where they belong by putting the vCPU off and on again. */
	if (loaded)
		vcpu_put(v);
	memcpy((char *)v->area + FPU_AT, v->fpu, fpu_bytes);
	if (loaded)
		vcpu_load(v);
}

static void pull_event(const struct vcpu *v, struct vcpu_regs *r)
{
	r->event_type = v->event.type;
	r->event_vector = v->event.vector;
	r->event_has_error = v->event.has_error;
	r->event_len = v->event.insn_len;
	r->event_error = v->event.error;
	r->nmi_pending = v->nmi_pending;
	r->activity = v->activity;
	r->sipi_vector = v->sipi;
}

void vcpu_regs_pull(struct vcpu *v, uint32_t mask)
{
	struct vcpu_regs *r = &v->area->regs;

	if ((mask & REG_GPR) != 0)
		for (unsigned i = 0; i < 16; i++)
			r->gpr[i] = v->gpr[i];
	if ((mask & BACKEND_GROUPS) != 0)
		hv->pull(v, mask & BACKEND_GROUPS, r);
	if ((mask & REG_CR) != 0) {
		r->cr8 = v->cr8;
		r->xcr0 = v->xcr0;
	}
	if ((mask & REG_DR) != 0) {
		if (v->loaded)
			vcpu_dr_save(v);
		memcpy(r->dr, v->dr, sizeof(r->dr));
	}
	if ((mask & REG_MSR) != 0) {
		r->pat = v->msr.pat;
		r->tsc_aux = v->loaded ? vcpu_tsc_aux() : v->msr.tsc_aux;
		r->apic_base = v->lapic.base;
		r->tsc_deadline = v->lapic.tsc_deadline;
	}
	if ((mask & REG_EVENT) != 0)
		pull_event(v, r);
	if ((mask & REG_TSC) != 0)
		r->tsc_offset = v->tsc_offset;
	if ((mask & REG_LAPIC) != 0)
		memcpy((char *)v->area + LAPIC_AT, v->lapic.page, 4096);
	if ((mask & REG_FPU) != 0)
		pull_fpu(v);
}

/* ---- in: check ---- */

static bool check_segments(const struct vcpu_regs *r)
{
	for (unsigned i = 0; i < SEG_COUNT; i++)
		if (!canonical(r->seg[i].base))
			return false;
	return true;
}

static bool check_tables(const struct vcpu_regs *r)
{
	return canonical(r->ldtr.base) && canonical(r->tr.base) && canonical(r->gdtr.base) && canonical(r->idtr.base);
}

bool vcpu_cr_valid(const struct vcpu *v, const struct vcpu_regs *r)
{
	const struct cpuid_table *t = v->vm->cpuid;
	bool paging = (r->cr0 & CR0_PG) != 0, lma = (r->efer & EFER_LMA) != 0;

	if (r->cr0 >> 32 != 0 || (paging && (r->cr0 & CR0_PE) == 0) ||
	    (r->cr0 & (CR0_CD | CR0_NW)) == CR0_NW)
		return false;
	if ((r->cr4 & ~t->cr4_allowed) != 0 || (r->efer & ~t->efer_allowed) != 0 || r->cr8 > 15)
		return false;
	if (lma != (paging && (r->efer & EFER_LME) != 0) || (lma && (r->cr4 & CR4_PAE) == 0))
		return false;
	/* PCID uses the low bits, and long mode without it ignores them; bit 63 is no part of CR3. */
	if ((r->cr3 & ~(t->physical_mask | 0xfff)) != 0)
		return false;
	return r->xcr0 == v->xcr0 || (t->xcr0_allowed != 0 && cpuid_xcr0_valid(t, r->xcr0));
}

static bool check_msr(const struct vcpu_regs *r)
{
	return canonical(r->lstar) && canonical(r->cstar) && canonical(r->kernel_gs_base) &&
	       canonical(r->sysenter_esp) && canonical(r->sysenter_eip) && msr_pat_valid(r->pat) &&
	       r->tsc_aux >> 32 == 0;
}

static bool check_event(const struct vcpu_regs *r)
{
	if (r->event_type > EVENT_SOFT_EXCEPTION || r->activity > ACTIVITY_WAIT_SIPI)
		return false;
	if (r->event_type == EVENT_NMI && r->event_vector != VECTOR_NMI)
		return false;
	return r->event_type != EVENT_EXCEPTION || (r->event_vector < 32 && r->event_vector != VECTOR_NMI);
}

static bool check(const struct vcpu *v, uint32_t mask, const struct vcpu_regs *r)
{
	if ((mask & REG_SEG) != 0 && !check_segments(r))
		return false;
	if ((mask & REG_TABLE) != 0 && !check_tables(r))
		return false;
	if ((mask & REG_CR) != 0 && !vcpu_cr_valid(v, r))
		return false;
	if ((mask & REG_DR) != 0 && (r->dr6 >> 32 != 0 || r->dr7 >> 32 != 0))
		return false;
	if ((mask & REG_MSR) != 0 && !check_msr(r))
		return false;
	return (mask & REG_EVENT) == 0 || check_event(r);
}

/* ---- in: copy and apply ---- */

/* Only the groups that are asked for: an MMIO exit is hot. */
static void copy_in(struct vcpu_regs *to, const struct vcpu_regs *from, uint32_t mask)
{
	if ((mask & REG_RIP) != 0) {
		to->rip = from->rip;
		to->rflags = from->rflags;
		to->shadow = from->shadow;
	}
	if ((mask & REG_SEG) != 0)
		memcpy(to->seg, from->seg, sizeof(to->seg));
	if ((mask & ~(uint32_t)(REG_GPR | REG_RIP | REG_SEG)) != 0) {
		memcpy(&to->ldtr, &from->ldtr, sizeof(*to) - offsetof(struct vcpu_regs, ldtr));
	}
	__asm__ volatile("" : : : "memory"); /* what was read stays what is checked */
}

/* MXCSR and the header, as XRSTOR wants them in standard form. [SDM1 "Operation of XRSTOR"] */
static int push_fpu(struct vcpu *v)
{
	bool loaded = v->loaded;
	char *from = (char *)v->area + FPU_AT, *to = v->fpu;
	uint64_t header[8];
	uint32_t mxcsr;

	if (loaded)
		vcpu_put(v);
	memcpy(to, from, fpu_bytes);
	memcpy(&mxcsr, to + MXCSR_AT, sizeof(mxcsr));
	mxcsr &= 0xffff;
	memcpy(to + MXCSR_AT, &mxcsr, sizeof(mxcsr));
	if (fpu_xcr0 != 0) {
		memcpy(header, to + XSTATE_AT, sizeof(header));
		header[0] &= fpu_xcr0;
		memset(&header[1], 0, sizeof(header) - sizeof(header[0]));
		memcpy(to + XSTATE_AT, header, sizeof(header));
	}
	if (loaded)
		vcpu_load(v);
	return 0;
}

static void apply_own(struct vcpu *v, uint32_t mask, const struct vcpu_regs *r)
{
	if ((mask & REG_CR) != 0) {
		v->cr8 = (uint8_t)r->cr8;
		lapic_set(&v->lapic, APIC_TPR, (uint32_t)r->cr8 << 4);
		if (r->xcr0 != v->xcr0)
			(void)vcpu_xcr0_set(v, r->xcr0);
	}
	if ((mask & REG_DR) != 0) {
		memcpy(v->dr, r->dr, sizeof(v->dr));
		if (v->loaded)
			vcpu_dr_load(v);
	}
	if ((mask & REG_MSR) != 0) {
		v->msr.pat = r->pat;
		v->msr.tsc_aux = r->tsc_aux;
		vcpu_tsc_aux_load(v);
		(void)lapic_base_write(v, r->apic_base);
		lapic_deadline_write(v, r->tsc_deadline);
	}
	if ((mask & REG_EVENT) != 0) {
		v->event = (struct hv_event){ .type = r->event_type, .vector = r->event_vector,
					      .has_error = r->event_has_error != 0, .insn_len = r->event_len & 15,
					      .error = r->event_error };
		v->nmi_pending = r->nmi_pending != 0;
		v->activity = r->activity;
		v->sipi = r->sipi_vector;
	}
	if ((mask & REG_TSC) != 0) {
		v->tsc_offset = r->tsc_offset;
		hv->tsc_offset(v, v->tsc_offset);
	}
}

int vcpu_regs_push(struct vcpu *v, uint32_t mask)
{
	const struct vcpu_regs *from = &v->area->regs;
	struct vcpu_regs r;

	copy_in(&r, from, mask);
	if (!check(v, mask, &r))
		return E_INVAL;
	r.rflags = (r.rflags & RFLAGS_ALLOWED) | RFLAGS_FIXED;
	if ((mask & REG_GPR) != 0)
		for (unsigned i = 0; i < 16; i++)
			v->gpr[i] = from->gpr[i];
	if ((mask & BACKEND_GROUPS) != 0)
		hv->push(v, mask & BACKEND_GROUPS, &r);
	apply_own(v, mask, &r);
	if ((mask & REG_LAPIC) != 0) {
		memcpy(v->lapic.page, (char *)v->area + LAPIC_AT, 4096);
		lapic_restored(v);
	}
	return (mask & REG_FPU) != 0 ? push_fpu(v) : 0;
}
