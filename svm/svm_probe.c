/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds out what SVM offers here, and turns it on. Does not know about vCPUs. */
#include "svm/svm.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "kernel/percpu.h"
#include "kernel/pool.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"
#include "lib/x86/pte.h"

struct svm_box svm_box;

#define SVM_LEAF      0x8000000aU
#define SVM_EDX_NP    (1U << 0)
#define SVM_EDX_LOCK  (1U << 2)

/* Optional features: the bit in CPUID 8000_000A EDX and the name that masks it ("-nrips"). */
static const struct {
	uint32_t edx, cap;
	const char *name;
} svm_features[] = {
	{ 1U << 3, HV_CAP_NEXT_RIP, "nrips" },
	{ 1U << 4, HV_CAP_TSC_SCALE, "tscscale" },
	{ 1U << 5, HV_CAP_CLEAN, "clean" },
	{ 1U << 6, HV_CAP_FLUSH_TAG, "flushbyasid" },
	{ 1U << 7, HV_CAP_DECODE, "decode" },
	{ 1U << 10, HV_CAP_PAUSE_FILTER, "pause" },
	{ 1U << 25, HV_CAP_VNMI, "vnmi" },
};

/* The firmware's switches. [APM2 "Enabling SVM"] */
static int probe_firmware(uint32_t edx, struct hv_report *report)
{
	uint64_t vm_cr;

	if (rdmsr_safe(MSR_VM_CR, &vm_cr) != 0 || (vm_cr & VM_CR_SVMDIS) == 0)
		return 0;
	format(report->reason, sizeof(report->reason), (edx & SVM_EDX_LOCK) != 0 && (vm_cr & VM_CR_LOCK) != 0
	       ? "This processor has SVM, but the firmware has disabled and locked it: enable SVM in the firmware setup."
	       : "This processor has SVM, but VM_CR.SVMDIS is set: enable SVM in the firmware setup.");
	return E_UNSUPPORTED;
}

int svm_probe(const char *options, struct hv_report *report)
{
	struct cpuid_regs r;
	size_t at = 0; /* of report->features, which has room for all of them */
	bool masked;

	report->reason[0] = report->features[0] = '\0';
	report->caps = 0;
	if (cpuid(0x80000000, 0).eax < SVM_LEAF || (cpuid(0x80000001, 0).ecx & 4) == 0) {
		char vendor[13];

		cpu_vendor(vendor);
		if (strcmp(vendor, "AuthenticAMD") == 0 || strcmp(vendor, "HygonGenuine") == 0)
			format(report->reason, sizeof(report->reason),
			       "This processor has no SVM, which Bulkhead needs (CPUID 80000001, ECX bit 2).");
		return E_UNSUPPORTED;
	}
	r = cpuid(SVM_LEAF, 0);
	if (probe_firmware(r.edx, report) != 0)
		return E_UNSUPPORTED;
	if ((r.edx & SVM_EDX_NP) == 0 || text_flag(options, '-', "npt")) {
		format(report->reason, sizeof(report->reason),
		       "This processor has SVM without nested paging, which Bulkhead needs.");
		return E_UNSUPPORTED;
	}
	if (r.ebx < 2) {
		format(report->reason, sizeof(report->reason), "This processor's SVM has no usable ASID.");
		return E_UNSUPPORTED;
	}
	report->caps = HV_CAP_TLB_TAG | HV_CAP_TPR | HV_CAP_RDTSCP | HV_CAP_INVPCID;
	for (unsigned i = 0; i < sizeof(svm_features) / sizeof(svm_features[0]); i++) {
		if ((r.edx & svm_features[i].edx) == 0)
			continue;
		masked = text_flag(options, '-', svm_features[i].name);
		report->caps |= masked ? 0 : svm_features[i].cap;
		at += (size_t)format(report->features + at, sizeof(report->features) - at, "%s%s%s", at ? " " : "",
				     svm_features[i].name, masked ? "(masked)" : "");
	}
	/* A nested 1 GiB page needs what an ordinary one needs. */
	if (cpu_has(CPU_PAGE_1G) && !text_flag(options, '-', "1g"))
		report->caps |= HV_CAP_PAGE_1G;
	return 0;
}

/*
 * One bit in two for each MSR: read, write. Three ranges of 0x2000 MSRs, 2 KiB each. Passed through is
 * what VMLOAD and VMSAVE switch, and TSC_AUX, which vcpu_load switches. [APM2 "MSR Intercepts"]
 */
static void msrpm_fill(uint8_t *map)
{
	static const uint32_t free_msr[] = {
		MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_STAR, MSR_LSTAR, MSR_CSTAR,
		MSR_FMASK, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
	};

	memset(map, 0xff, 2 * PAGE_4K);
	for (unsigned i = 0; i < sizeof(free_msr) / sizeof(free_msr[0]); i++) {
		uint32_t msr = free_msr[i];
		uint32_t bit = 2 * (msr & 0x1fff) + (msr >= 0xc0000000U ? 0x800 * 8 : 0);

		map[bit / 8] &= (uint8_t)~(3U << (bit % 8));
	}
	if (cpu_has(CPU_RDTSCP)) {
		uint32_t bit = 2 * (MSR_TSC_AUX & 0x1fff) + 0x800 * 8;

		map[bit / 8] &= (uint8_t)~(3U << (bit % 8));
	}
}

/* The maps are the same for every guest: all ports trap, and the MSRs above do not. */
static int maps_create(void)
{
	uint8_t *iopm, *msrpm;

	if (svm_box.iopm.raw != 0)
		return 0;
	iopm = pool_pages(NULL, 2); /* three pages are used */
	msrpm = pool_pages(NULL, 1);
	if (iopm == NULL || msrpm == NULL)
		return E_NOMEM;
	memset(iopm, 0xff, 3 * PAGE_4K);
	msrpm_fill(msrpm);
	svm_box.msrpm = pool_hpa(msrpm);
	svm_box.iopm = pool_hpa(iopm);
	return 0;
}

/* The first call, on the boot processor, runs alone and fills svm_box. */
int svm_cpu_on(struct percpu *cpu)
{
	struct svm_cpu *c = cpu->hv;

	if (svm_box.asids == 0) {
		svm_box.caps = hv_caps;
		svm_box.clean = (hv_caps & HV_CAP_CLEAN) != 0 ? SVM_CLEAN_ALL : 0;
		svm_box.asids = cpuid(SVM_LEAF, 0).ebx;
		svm_box.tcg = cpu_is_tcg();
	}
	if (maps_create() != 0)
		return E_NOMEM;
	if (c == NULL) {
		c = pool_alloc(NULL, sizeof(*c));
		if (c == NULL)
			return E_NOMEM;
		c->hsave = pool_page(NULL);
		c->host = pool_page(NULL);
		if (c->hsave == NULL || c->host == NULL)
			return E_NOMEM;
		c->host_hpa = pool_hpa(c->host);
		cpu->hv = c;
	}
	c->generation = 1;
	c->asid_next = 1;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, pool_hpa(c->hsave).raw);
	return 0;
}

struct svm_cpu *svm_cpu_self(void) { return percpu_self()->hv; }
