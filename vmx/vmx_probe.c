/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds out what VMX offers here, and turns it on and off. Does not know about vCPUs. */
#include "vmx/vmx.h"

#include "arch/cpu.h"
#include "arch/cr.h"
#include "arch/msr.h"
#include "kernel/percpu.h"
#include "kernel/pool.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"
#include "lib/x86/pte.h"

struct vmx_box vmx_box;

/* Is "-name" among the comma-separated words of options? */
static bool masked_off(const char *options, const char *name)
{
	size_t n = strlen(name);

	while (options != NULL && *options != '\0') {
		if (options[0] == '-' && strncmp(options + 1, name, n) == 0 &&
		    (options[n + 1] == ',' || options[n + 1] == '\0'))
			return true;
		options = strchr(options, ',');
		if (options != NULL)
			options++;
	}
	return false;
}

static int refuse(struct hv_report *report, const char *why)
{
	format(report->reason, sizeof(report->reason), "This processor's VMX %s, which Bulkhead needs.", why);
	return E_UNSUPPORTED;
}

/* A control word: what must be set is, and `want` is there. The low half of the MSR is "must be 1". */
static bool adjust(uint32_t msr, uint32_t want, uint32_t optional, uint32_t *out)
{
	uint64_t cap;

	if (rdmsr_safe(msr, &cap) != 0)
		return false;
	*out = (uint32_t)cap | want | (optional & (uint32_t)(cap >> 32));
	return (want & ~(uint32_t)(cap >> 32)) == 0;
}

/* Names the control that is missing. [SDM3 "VMX Capability Reporting Facility"] */
static const char *controls(struct vmx_box *b, const char *options, uint32_t *caps)
{
	bool exact = (rdmsr(MSR_VMX_BASIC) >> 55 & 1) != 0;
	uint32_t base = exact ? MSR_VMX_TRUE_PIN : MSR_VMX_PIN;
	uint32_t tpr = masked_off(options, "tpr") ? 0 : VMX_CPU_TPR_SHADOW;
	uint64_t ept;

	if (!adjust(base, VMX_PIN_INTERRUPT | VMX_PIN_NMI | VMX_PIN_VIRTUAL_NMI, 0, &b->pin))
		return "has no virtual NMIs";
	if (!adjust(base + 1, VMX_CPU_TSC_OFFSET | VMX_CPU_HLT | VMX_CPU_MWAIT | VMX_CPU_RDPMC | VMX_CPU_IO |
		    VMX_CPU_MSR_BITMAP | VMX_CPU_MONITOR | VMX_CPU_SECONDARY, tpr, &b->cpu))
		return "lacks MSR bitmaps, TSC offsetting or secondary controls";
	if (!adjust(base + 2, VMX_EXIT_HOST_64 | VMX_EXIT_SAVE_EFER | VMX_EXIT_LOAD_EFER, 0, &b->exit) ||
	    !adjust(base + 3, VMX_ENTRY_LOAD_EFER, 0, &b->entry))
		return "cannot switch EFER";
	if (!adjust(MSR_VMX_CPU2, VMX_CPU2_EPT, 0, &b->cpu2) || masked_off(options, "ept"))
		return "has no extended page tables";
	if (!adjust(MSR_VMX_CPU2, VMX_CPU2_EPT | VMX_CPU2_UNRESTRICTED | VMX_CPU2_WBINVD,
		    VMX_CPU2_RDTSCP | VMX_CPU2_INVPCID, &b->cpu2))
		return "has no unrestricted guest mode";
	ept = rdmsr(MSR_VMX_EPT_VPID);
	if ((ept & VMX_EPT_WB) == 0 || (ept & VMX_EPT_WALK4) == 0 || (ept & VMX_EPT_INVEPT) == 0)
		return "has no four-level write-back extended page tables";
	b->invept_one = (ept & VMX_EPT_INV_ONE) != 0;
	b->revision = (uint32_t)rdmsr(MSR_VMX_BASIC) & 0x7fffffff;
	*caps = HV_CAP_NEXT_RIP | ((b->cpu & VMX_CPU_TPR_SHADOW) != 0 ? HV_CAP_TPR : 0U) |
		((ept & VMX_EPT_1G) != 0 && !masked_off(options, "1g") ? HV_CAP_PAGE_1G : 0U) | HV_CAP_VNMI;
	return (ept & VMX_EPT_2M) != 0 ? NULL : "has no 2 MiB extended pages";
}

int vmx_probe(const char *options, struct hv_report *report)
{
	struct vmx_box scratch;
	uint64_t control = 0;
	const char *why;

	report->reason[0] = report->features[0] = '\0';
	report->caps = 0;
	if ((cpuid(1, 0).ecx & 1U << 5) == 0) {
		char vendor[13];

		cpu_vendor(vendor);
		if (strcmp(vendor, "GenuineIntel") == 0)
			format(report->reason, sizeof(report->reason),
			       "This processor has no VMX, which Bulkhead needs (CPUID 1, ECX bit 5).");
		return E_UNSUPPORTED;
	}
	(void)rdmsr_safe(MSR_FEATURE_CONTROL, &control);
	if ((control & FEATURE_CONTROL_LOCK) != 0 && (control & FEATURE_CONTROL_VMX) == 0) {
		format(report->reason, sizeof(report->reason),
		       "This processor has VMX, but the firmware has disabled and locked it: enable VMX (VT-x) in the firmware setup.");
		return E_UNSUPPORTED;
	}
	why = controls(&scratch, options, &report->caps);
	if (why != NULL)
		return refuse(report, why);
	format(report->features, sizeof(report->features), "%s%s%s", (report->caps & HV_CAP_TPR) != 0 ? "tpr " : "",
	       (scratch.cpu2 & VMX_CPU2_RDTSCP) != 0 ? "rdtscp " : "",
	       (scratch.cpu2 & VMX_CPU2_INVPCID) != 0 ? "invpcid" : "");
	return 0;
}

/* A set bit traps. Reads of low MSRs, of high ones, writes of low, of high: 1 KiB each. */
static void bitmap_pass(uint8_t *map, uint32_t msr)
{
	uint32_t bit = msr & 0x1fff, at = msr >= 0xc0000000U ? 1024 : 0;

	map[at + bit / 8] &= (uint8_t)~(1U << (bit % 8));
	map[at + 2048 + bit / 8] &= (uint8_t)~(1U << (bit % 8));
}

static int box_init(void)
{
	static const uint32_t pass[] = {
		MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK,
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
	};
	uint8_t *map = pool_page(NULL);
	uint32_t caps;

	if (map == NULL)
		return E_NOMEM;
	memset(map, 0xff, PAGE_4K);
	for (unsigned i = 0; i < sizeof(pass) / sizeof(pass[0]); i++)
		bitmap_pass(map, pass[i]);
	if (cpu_has(CPU_RDTSCP))
		bitmap_pass(map, MSR_TSC_AUX); /* vcpu_load switches it */
	(void)controls(&vmx_box, NULL, &caps);
	if ((hv_caps & HV_CAP_TPR) == 0)
		vmx_box.cpu &= ~VMX_CPU_TPR_SHADOW;
	if ((vmx_box.cpu & VMX_CPU_TPR_SHADOW) == 0)
		vmx_box.cpu |= VMX_CPU_CR8_LOAD | VMX_CPU_CR8_STORE;
	vmx_box.msr_bitmap = pool_hpa(map);
	return 0;
}

/* The first call, on the boot processor, runs alone and fills vmx_box. */
int vmx_cpu_on(struct percpu *cpu)
{
	struct vmx_cpu *c = cpu->hv;
	uint64_t control = rdmsr(MSR_FEATURE_CONTROL), region;
	uint8_t failed;

	if (vmx_box.msr_bitmap.raw == 0 && box_init() != 0)
		return E_NOMEM;
	if (c == NULL) {
		c = pool_alloc(NULL, sizeof(*c));
		if (c == NULL)
			return E_NOMEM;
		c->vmxon = pool_page(NULL);
		if (c->vmxon == NULL)
			return E_NOMEM;
		cpu->hv = c;
	}
	if ((control & FEATURE_CONTROL_LOCK) == 0)
		wrmsr(MSR_FEATURE_CONTROL, control | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
	write_cr0((read_cr0() | rdmsr(MSR_VMX_CR0_FIXED0)) & rdmsr(MSR_VMX_CR0_FIXED1));
	write_cr4((read_cr4() | rdmsr(MSR_VMX_CR4_FIXED0)) & rdmsr(MSR_VMX_CR4_FIXED1));
	c->vmxon[0] = vmx_box.revision;
	region = pool_hpa(c->vmxon).raw;
	__asm__ volatile("vmxon %1\n\tsetna %0" : "=q"(failed) : "m"(region) : "cc", "memory");
	if (failed)
		return E_UNSUPPORTED;
	c->on = true;
	return 0;
}

void vmx_cpu_off(struct percpu *cpu)
{
	struct vmx_cpu *c = cpu->hv;

	if (c == NULL || !c->on)
		return;
	c->on = false;
	__asm__ volatile("vmxoff" : : : "cc", "memory");
	write_cr4(read_cr4() & ~CR4_VMXE);
}

struct vmx_cpu *vmx_cpu_self(void) { return percpu_self()->hv; }
