/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: lib/format.c lib/text.c lib/string.c */
/* Which SVM a made-up processor may be used with, which of its features, and the words for the others. */
#include "svm/svm.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "tests/unit/unit.h"

/* What svm_probe.c sees in the processor's place. */
static struct cpuid_regs fake_cpuid(uint32_t leaf, uint32_t sub);
static int fake_rdmsr(uint32_t msr, uint64_t *value);
#define cpuid	   fake_cpuid
#define rdmsr_safe fake_rdmsr
#define cpu_vendor fake_vendor
#define cpu_has(f) ((f) == CPU_PAGE_1G)
static void fake_vendor(char vendor[13]);
#include "svm/svm_probe.c" /* NOLINT: the file under test */
#undef cpuid
#undef rdmsr_safe

static uint32_t max_leaf, feature_ecx, svm_ebx, svm_edx;
static uint64_t vm_cr;
static const char *vendor_name;
static struct hv_report report;

uint32_t hv_caps;
uint32_t cpu_features;
void *pool_page(struct space *payer) { (void)payer; return NULL; }
void *pool_pages(struct space *payer, unsigned order) { (void)payer, (void)order; return NULL; }
void *pool_alloc(struct space *payer, size_t bytes) { (void)payer, (void)bytes; return NULL; }
hpa_t pool_hpa(const void *p) { (void)p; return (hpa_t){ 0 }; }

static struct cpuid_regs fake_cpuid(uint32_t leaf, uint32_t sub)
{
	(void)sub;
	switch (leaf) {
	case 0x80000000: return (struct cpuid_regs){ .eax = max_leaf };
	case 0x80000001: return (struct cpuid_regs){ .ecx = feature_ecx };
	case SVM_LEAF: return (struct cpuid_regs){ .ebx = svm_ebx, .edx = svm_edx };
	default: return (struct cpuid_regs){ 0 };
	}
}

static int fake_rdmsr(uint32_t msr, uint64_t *value)
{
	*value = vm_cr;
	return msr == MSR_VM_CR ? 0 : -1;
}

static void fake_vendor(char vendor[13]) { strcpy(vendor, vendor_name); }

static int probe(const char *options)
{
	memset(&report, 0, sizeof(report));
	return svm_probe(options, &report);
}

static void good(void)
{
	max_leaf = 0x80000020;
	feature_ecx = 4;
	svm_ebx = 16;
	svm_edx = 1 | 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10; /* NP, next RIP, clean, flush, decode, pause */
	vm_cr = 0;
	vendor_name = "AuthenticAMD";
}

static void everything_there(void)
{
	good();
	CHECK_EQ(probe(NULL), 0);
	CHECK_STR(report.features, "nrips clean flushbyasid decode pause");
	CHECK_EQ(report.caps, HV_CAP_TLB_TAG | HV_CAP_TPR | HV_CAP_NEXT_RIP | HV_CAP_CLEAN | HV_CAP_FLUSH_TAG |
				      HV_CAP_DECODE | HV_CAP_PAUSE_FILTER | HV_CAP_PAGE_1G | HV_CAP_RDTSCP |
				      HV_CAP_INVPCID);
}

/* Each name takes its feature away, and no other; a part of a name takes nothing. */
static void masks(void)
{
	static const struct {
		const char *options;
		uint32_t cap;
	} t[] = {
		{ "-nrips", HV_CAP_NEXT_RIP }, { "-clean", HV_CAP_CLEAN }, { "-flushbyasid", HV_CAP_FLUSH_TAG },
		{ "-decode", HV_CAP_DECODE }, { "-pause", HV_CAP_PAUSE_FILTER }, { "-1g", HV_CAP_PAGE_1G },
		{ "-tscscale,-pause", HV_CAP_PAUSE_FILTER }, { "-nrip,-nripss,nrips", 0 },
	};
	uint32_t all;

	good();
	CHECK_EQ(probe(NULL), 0);
	all = report.caps;
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CHECK_EQ(probe(t[i].options), 0);
		CHECK_EQ(report.caps, all & ~t[i].cap);
		CHECK_EQ(strstr(report.features, "(masked)") != NULL, t[i].cap != 0 && t[i].cap != HV_CAP_PAGE_1G);
	}
	CHECK(probe("-npt") != 0);
}

static void firmware_has_it_off(void)
{
	good();
	vm_cr = VM_CR_SVMDIS;
	svm_edx |= 1 << 2; /* there is a lock */
	CHECK(probe(NULL) != 0);
	CHECK(strstr(report.reason, "SVMDIS is set") != NULL);
	vm_cr |= VM_CR_LOCK;
	CHECK(probe(NULL) != 0);
	CHECK(strstr(report.reason, "firmware has disabled and locked it") != NULL);
	vm_cr = VM_CR_LOCK; /* locked, and on */
	CHECK_EQ(probe(NULL), 0);
}

static void nothing_to_use(void)
{
	good();
	feature_ecx = 0;
	CHECK(probe(NULL) != 0);
	CHECK(strstr(report.reason, "has no SVM") != NULL);
	good();
	max_leaf = 0x80000008;
	CHECK(probe(NULL) != 0);
	vendor_name = "GenuineIntel"; /* the other backend's business */
	CHECK(probe(NULL) != 0);
	CHECK_STR(report.reason, "");
	good();
	svm_edx &= ~1U;
	CHECK(probe(NULL) != 0);
	CHECK(strstr(report.reason, "without nested paging") != NULL);
	good();
	svm_ebx = 1;
	CHECK(probe(NULL) != 0);
	CHECK(strstr(report.reason, "no usable ASID") != NULL);
}

int main(void)
{
	RUN(everything_there);
	RUN(masks);
	RUN(firmware_has_it_off);
	RUN(nothing_to_use);
	return unit_status();
}
