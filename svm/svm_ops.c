/* SPDX-License-Identifier: GPL-2.0-only */
/* The one symbol of this folder that others use. */
#include "svm/svm.h"

#include "kernel/hvops.h"
#include "lib/x86/pte.h"

/* Nested page tables have the format of ordinary ones; every access is a user access. [APM2 "Nested Paging"] */
static const struct npt_format svm_npt = {
	.name = "NPT",
	.levels = 4,
	.table_bits = PTE_P | PTE_W | PTE_U | PTE_A,
	.present_mask = PTE_P,
	.read = PTE_P | PTE_U | PTE_A | PTE_D,
	.write = PTE_W,
	.execute = 0,
	.no_execute = PTE_NX,
	.memtype_wb = 0,
	.large = PTE_PS,
	.address_mask = PTE_ADDR,
};

const struct hv_ops svm_ops = {
	.name = "SVM",
	.title = "SVM (AMD-V)",
	.option = "svm",
	.vcpu_size = sizeof(struct svm_vcpu),
	.probe = svm_probe,
	.cpu_on = svm_cpu_on,
	.vcpu_init = svm_vcpu_init,
	.vcpu_fini = svm_vcpu_fini,
	.load = svm_load,
	.put = svm_put,
	.run = svm_run,
	.skip = svm_skip,
	.pull = svm_pull,
	.push = svm_push,
	.msr_read = svm_msr_read,
	.msr_write = svm_msr_write,
	.can = svm_can,
	.inject = svm_inject,
	.window = svm_window,
	.tsc_offset = svm_tsc_offset,
	.deadline = NULL, /* no HV_CAP_DEADLINE */
	.tlb_flush = svm_tlb_flush,
	.dump = svm_dump,
	.npt = &svm_npt,
};
