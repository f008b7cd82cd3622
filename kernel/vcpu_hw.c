/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a processor holds for a loaded vCPU and no entry switches: FPU state, XCR0, DR0-3, TSC_AUX.
 * Switched when the scheduler switches the thread, not on exits: neither the kernel nor a monitor
 * uses any of it. Ring 0 code here runs with the FPU allowed (the scheduler saw to it).
 */
#include "kernel/vcpu.h"

#include "arch/cpu.h"
#include "arch/cr.h"
#include "arch/fpu.h"
#include "arch/msr.h"
#include "kernel/abi/status.h"
#include "kernel/kvm_pv.h"
#include "kernel/mitigation.h"
#include "lib/x86/msr.h"

void vcpu_dr_load(struct vcpu *v)
{
	write_dr0(v->dr[0]);
	write_dr1(v->dr[1]);
	write_dr2(v->dr[2]);
	write_dr3(v->dr[3]);
}

void vcpu_dr_save(struct vcpu *v)
{
	v->dr[0] = read_dr0();
	v->dr[1] = read_dr1();
	v->dr[2] = read_dr2();
	v->dr[3] = read_dr3();
}

void vcpu_load(struct vcpu *v)
{
	if (v->loaded)
		return;
	/* What a monitor supplied was checked, but a processor may know better: then it is reset state. */
	if (fpu_restore(v->fpu) != 0)
		v->dropped_writes++;
	if (fpu_xcr0 != 0 && v->xcr0 != fpu_xcr0)
		(void)xsetbv_safe(0, v->xcr0);
	vcpu_dr_load(v);
	if (cpu_has(CPU_RDTSCP))
		(void)wrmsr_safe(MSR_TSC_AUX, v->msr.tsc_aux);
	hv->load(v);
	v->foreign = (mitigations & MIT_L1D) != 0;
	v->loaded = true;
	if ((v->msr.kvm_steal_time & 1) != 0)
		kvm_steal_update(v);
}

void vcpu_put(struct vcpu *v)
{
	if (!v->loaded)
		return;
	vcpu_xcr0_sync(v);
	v->loaded = false;
	hv->put(v);
	if (cpu_has(CPU_RDTSCP))
		v->msr.tsc_aux = rdmsr(MSR_TSC_AUX);
	vcpu_dr_save(v);
	if (fpu_xcr0 != 0 && v->xcr0 != fpu_xcr0)
		(void)xsetbv_safe(0, fpu_xcr0);
	fpu_save(v->fpu);
}

/* XSETBV is intercepted, but QEMU's TCG executes it all the same: the register has the truth. */
void vcpu_xcr0_sync(struct vcpu *v)
{
	if (v->loaded && fpu_xcr0 != 0)
		v->xcr0 = xgetbv(0) & fpu_xcr0;
}

int vcpu_xcr0_set(struct vcpu *v, uint64_t value)
{
	if (xsetbv_safe(0, value) != 0)
		return E_INVAL;
	v->xcr0 = value;
	return 0;
}

uint64_t vcpu_tsc_aux(void) { return cpu_has(CPU_RDTSCP) ? rdmsr(MSR_TSC_AUX) : 0; }

void vcpu_tsc_aux_load(const struct vcpu *v)
{
	if (v->loaded && cpu_has(CPU_RDTSCP))
		(void)wrmsr_safe(MSR_TSC_AUX, v->msr.tsc_aux);
}

void vcpu_ibpb(void) { (void)wrmsr_safe(MSR_PRED_CMD, PRED_CMD_IBPB); }
