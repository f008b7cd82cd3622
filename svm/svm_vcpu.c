/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU's control block: made, loaded, tagged, given back. Not its registers. */
#include "svm/svm.h"

#include "arch/cpu.h"
#include "kernel/percpu.h"
#include "kernel/pool.h"
#include "kernel/vm.h"
#include "lib/x86/cr.h"

_Static_assert(offsetof(struct svm_vcpu, v) == 0, "hvops.h");
_Static_assert(sizeof(struct svm_vcpu) <= 4096, "vcpu.c gives it one page");

/* #AC and #DB: a guest can make them endless; each must be an exit. #MC is the host's. */
#define ALWAYS_TRAPPED (1U << VECTOR_DB | 1U << VECTOR_AC | 1U << VECTOR_MC)

/* Guest RAM is write-back whatever the guest's PAT says: six is WB. [APM2 "Nested Paging and Memory Types"] */
#define PAT_ALL_WB 0x0606060606060606ULL

#define PAUSE_COUNT	3000 /* spins before an exit */
#define PAUSE_THRESHOLD 128 /* cycles between two PAUSEs of one spin */

int svm_vcpu_init(struct vcpu *v)
{
	struct svm_vcpu *s = svm_vcpu(v);
	struct vmcb *c = pool_page(v->vm->space);

	if (c == NULL)
		return E_NOMEM;
	s->vmcb = c;
	s->vmcb_hpa = pool_hpa(c);
	c->exceptions = ALWAYS_TRAPPED;
	c->intercept1 = SVM_I_INTR | SVM_I_NMI | SVM_I_SMI | SVM_I_INIT | SVM_I_RDPMC | SVM_I_CPUID |
			SVM_I_RSM | SVM_I_INVD | SVM_I_HLT | SVM_I_INVLPGA | SVM_I_IOIO | SVM_I_MSR |
			SVM_I_FERR_FREEZE | SVM_I_SHUTDOWN;
	c->intercept2 = SVM_I_VMRUN | SVM_I_VMMCALL | SVM_I_VMLOAD | SVM_I_VMSAVE | SVM_I_STGI |
			SVM_I_CLGI | SVM_I_SKINIT | SVM_I_WBINVD | SVM_I_MONITOR | SVM_I_MWAIT |
			SVM_I_MWAIT_ARM | SVM_I_XSETBV | SVM_I_RDPRU;
	/* INVLPGB and TLBSYNC would reach other guests' translations. */
	c->intercept3 = SVM_I_INVLPGB | SVM_I_MCOMMIT | SVM_I_TLBSYNC;
	if ((svm_box.caps & HV_CAP_PAUSE_FILTER) != 0) {
		c->intercept1 |= SVM_I_PAUSE;
		c->pause_count = PAUSE_COUNT;
		c->pause_threshold = PAUSE_THRESHOLD;
	}
	c->iopm = svm_box.iopm.raw;
	c->msrpm = svm_box.msrpm.raw;
	c->v_control = SVM_V_INTR_MASKING;
	if ((svm_box.caps & HV_CAP_VNMI) != 0)
		c->v_control |= SVM_V_NMI_ENABLE;
	c->np_enable = 1;
	c->n_cr3 = pool_hpa(v->vm->npt.root).raw;
	c->g_pat = PAT_ALL_WB;
	c->efer = EFER_SVME;
	s->cpu = ~0U;
	return 0;
}

void svm_vcpu_fini(struct vcpu *v)
{
	struct svm_vcpu *s = svm_vcpu(v);

	if (s->vmcb != NULL)
		pool_page_free(v->vm->space, s->vmcb);
	s->vmcb = NULL;
}

void svm_load(struct vcpu *v)
{
	struct svm_vcpu *s = svm_vcpu(v);
	struct svm_cpu *cpu = svm_cpu_self();
	unsigned index = cpu_index();

	/* What VMLOAD brings back after an entry; the kernel never changes it under a loaded vCPU. */
	svm_vmsave(cpu->host_hpa.raw);
	if (s->cpu != index) {
		s->cpu = index;
		s->asid_generation = 0;
		s->vmcb->clean = 0;
	}
}

void svm_put(struct vcpu *v) { (void)v; }

void svm_asid(struct svm_vcpu *s, struct svm_cpu *cpu)
{
	struct vmcb *c = s->vmcb;

	if (cpu->asid_next >= svm_box.asids) {
		cpu->generation++;
		cpu->asid_next = 1;
		c->tlb_control = SVM_TLB_FLUSH_ALL;
	}
	c->asid = cpu->asid_next++;
	s->asid_generation = cpu->generation;
	svm_dirty(c, SVM_CLEAN_ASID);
}

void svm_tlb_flush(struct vcpu *v)
{
	struct svm_vcpu *s = svm_vcpu(v);

	if ((svm_box.caps & HV_CAP_FLUSH_TAG) != 0)
		s->vmcb->tlb_control = SVM_TLB_FLUSH_TAG;
	else
		s->asid_generation = 0; /* a new tag has no translations */
}

void svm_tsc_offset(struct vcpu *v, uint64_t offset)
{
	struct vmcb *c = svm_vcpu(v)->vmcb;

	c->tsc_offset = offset;
	svm_dirty(c, SVM_CLEAN_I);
}
