/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds out what VMX offers here, and turns it on. Does not know about vCPUs. */
#include "vmx/vmx.h"

#include "arch/cpu.h"
#include "arch/cr.h"
#include "arch/msr.h"
#include "kernel/percpu.h"
#include "kernel/log.h"
#include "kernel/pool.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"
#include "lib/x86/pte.h"

struct vmx_box vmx_box;

/* What the calling processor says of itself. */
static void caps_read(struct vmx_caps *c)
{
	uint32_t base;

	memset(c, 0, sizeof(*c));
	(void)rdmsr_safe(MSR_FEATURE_CONTROL, &c->feature_control);
	(void)rdmsr_safe(MSR_VMX_BASIC, &c->basic);
	base = (c->basic & VMX_BASIC_TRUE) != 0 ? MSR_VMX_TRUE_PIN : MSR_VMX_PIN;
	for (uint32_t i = VMX_WORD_PIN; i <= VMX_WORD_ENTRY; i++)
		(void)rdmsr_safe(base + i, &c->word[i]);
	if ((c->word[VMX_WORD_CPU] >> 32 & VMX_CPU_SECONDARY) != 0)
		(void)rdmsr_safe(MSR_VMX_CPU2, &c->word[VMX_WORD_CPU2]);
	if ((c->word[VMX_WORD_CPU2] >> 32 & (VMX_CPU2_EPT | VMX_CPU2_VPID)) != 0)
		(void)rdmsr_safe(MSR_VMX_EPT_VPID, &c->ept_vpid);
	(void)rdmsr_safe(MSR_VMX_MISC, &c->misc);
	(void)rdmsr_safe(MSR_VMX_CR0_FIXED0, &c->cr0_fixed0);
	(void)rdmsr_safe(MSR_VMX_CR4_FIXED0, &c->cr4_fixed0);
	(void)rdmsr_safe(MSR_VMX_CR4_FIXED1, &c->cr4_fixed1);
}

static uint32_t caps_common(uint32_t features)
{
	uint32_t caps = HV_CAP_NEXT_RIP | HV_CAP_VNMI;

	caps |= (features & VMX_F_TPR) != 0 ? HV_CAP_TPR : 0;
	caps |= (features & VMX_F_1G) != 0 ? HV_CAP_PAGE_1G : 0;
	caps |= (features & VMX_F_TIMER) != 0 ? HV_CAP_DEADLINE : 0;
	caps |= (features & VMX_F_PAUSE) != 0 ? HV_CAP_PAUSE_FILTER : 0;
	caps |= (features & VMX_F_RDTSCP) != 0 ? HV_CAP_RDTSCP : 0;
	caps |= (features & VMX_F_INVPCID) != 0 ? HV_CAP_INVPCID : 0;
	caps |= (features & VMX_F_VPID) != 0 ? HV_CAP_TLB_TAG : 0;
	caps |= (features & VMX_F_INVVPID_ONE) != 0 ? HV_CAP_FLUSH_TAG : 0;
	return caps;
}

/* On the boot processor, alone: the only writer of vmx_box. */
int vmx_probe(const char *options, struct hv_report *report)
{
	struct vmx_caps caps;

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
	caps_read(&caps);
	if (vmx_decide(&caps, options, &vmx_box.c, report->reason, sizeof(report->reason)) != 0)
		return E_UNSUPPORTED;
	format(vmx_box.options, sizeof(vmx_box.options), "%s", options != NULL ? options : "");
	vmx_box.debug = (text_flag(options, '+', "check") ? VMX_DEBUG_CHECK : 0) |
			(text_flag(options, '+', "break") ? VMX_DEBUG_BREAK : 0);
	report->caps = caps_common(vmx_box.c.features);
	vmx_describe(options, &vmx_box.c, report->features, sizeof(report->features));
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

	if (map == NULL)
		return E_NOMEM;
	memset(map, 0xff, PAGE_4K);
	for (unsigned i = 0; i < sizeof(pass) / sizeof(pass[0]); i++)
		bitmap_pass(map, pass[i]);
	if ((vmx_box.c.features & VMX_F_RDTSCP) != 0)
		bitmap_pass(map, MSR_TSC_AUX); /* vcpu_load switches it */
	vmx_box.msr_bitmap = pool_hpa(map);
	return 0;
}

/* A box has one decision: a processor that would need another one cannot take part. */
static int cpu_agrees(struct percpu *cpu)
{
	struct vmx_controls mine;
	struct vmx_caps caps;
	char why[160];

	caps_read(&caps);
	if (vmx_decide(&caps, vmx_box.options, &mine, why, sizeof(why)) != 0) {
		log_line("vmx", "processor %u: %s", cpu->index, why);
		return E_UNSUPPORTED;
	}
	if (mine.revision != vmx_box.c.revision || mine.features != vmx_box.c.features ||
	    memcmp(mine.word, vmx_box.c.word, sizeof(mine.word)) != 0) {
		log_line("vmx", "processor %u has other VMX features than the first one", cpu->index);
		return E_UNSUPPORTED;
	}
	if (mine.lock)
		wrmsr(MSR_FEATURE_CONTROL, caps.feature_control | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
	write_cr0(read_cr0() | caps.cr0_fixed0);
	write_cr4(read_cr4() | caps.cr4_fixed0);
	return 0;
}

/* The first call, on the boot processor, runs alone and makes the bitmap. */
int vmx_cpu_on(struct percpu *cpu)
{
	struct vmx_cpu *c = cpu->hv;
	uint64_t region;
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
	if (cpu_agrees(cpu) != 0)
		return E_UNSUPPORTED;
	c->vmxon[0] = vmx_box.c.revision;
	region = pool_hpa(c->vmxon).raw;
	__asm__ volatile("vmxon %1\n\tsetna %0" : "=q"(failed) : "m"(region) : "cc", "memory");
	return failed ? E_UNSUPPORTED : 0;
}

struct vmx_cpu *vmx_cpu_self(void) { return percpu_self()->hv; }
