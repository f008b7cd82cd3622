/* SPDX-License-Identifier: GPL-2.0-only */
/* The one symbol of this folder that others use. */
#include "vmx/vmx.h"

#include "kernel/hvops.h"

#define EPT_READ       (1ULL << 0)
#define EPT_WRITE      (1ULL << 1)
#define EPT_EXECUTE    (1ULL << 2)
#define EPT_TYPE(t)    ((uint64_t)(t) << 3)
#define EPT_IGNORE_PAT (1ULL << 6)
#define EPT_LARGE      (1ULL << 7)

/* [SDM3 "EPT Translation Mechanism"]; guest RAM is write-back whatever the guest's PAT says */
static const struct npt_format vmx_ept = {
	.name = "EPT",
	.levels = 4,
	.table_bits = EPT_READ | EPT_WRITE | EPT_EXECUTE,
	.present_mask = EPT_READ | EPT_WRITE | EPT_EXECUTE,
	.read = EPT_READ,
	.write = EPT_WRITE,
	.execute = EPT_EXECUTE,
	.no_execute = 0,
	.memtype_wb = EPT_TYPE(6) | EPT_IGNORE_PAT,
	.large = EPT_LARGE,
	.address_mask = 0x000ffffffffff000ULL,
};

const struct hv_ops vmx_ops = {
	.name = "VMX",
	.title = "VMX (Intel VT-x)",
	.option = "vmx",
	.vcpu_size = sizeof(struct vmx_vcpu),
	.probe = vmx_probe,
	.cpu_on = vmx_cpu_on,
	.vcpu_init = vmx_vcpu_init,
	.vcpu_fini = vmx_vcpu_fini,
	.load = vmx_load,
	.put = vmx_put,
	.run = vmx_run,
	.skip = vmx_skip,
	.pull = vmx_pull,
	.push = vmx_push,
	.msr_read = vmx_msr_read,
	.msr_write = vmx_msr_write,
	.can = vmx_can,
	.inject = vmx_inject,
	.window = vmx_window,
	.tsc_offset = vmx_tsc_offset,
	.deadline = vmx_deadline,
	.tlb_flush = vmx_tlb_flush,
	.dump = vmx_dump,
	.npt = &vmx_ept,
};
