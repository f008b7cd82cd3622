/* SPDX-License-Identifier: GPL-2.0-only */
/* Which controls are required, used when there, and refused. Reads no register. */
#include "vmx/vmx_caps.h"

#include "kernel/abi/status.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "lib/x86/cr.h"

enum need {
	REQUIRED, /* there is no way without it */
	OPTIONAL, /* used when there and not taken away */
	REFUSED, /* a processor that insists on it cannot be used */
};

/* [SDM3 "VM-Execution Controls"], [SDM3 "VM-Exit Controls"], [SDM3 "VM-Entry Controls"] */
static const struct control {
	uint8_t word, need;
	uint32_t bits, feature;
	const char *name; /* also what "-name" takes away */
	const char *title;
} controls[] = {
	{ VMX_WORD_PIN, REQUIRED, VMX_PIN_INTERRUPT, 0, "interrupt-exiting", "external-interrupt exiting" },
	{ VMX_WORD_PIN, REQUIRED, VMX_PIN_NMI, 0, "nmi-exiting", "NMI exiting" },
	{ VMX_WORD_PIN, REQUIRED, VMX_PIN_VIRTUAL_NMI, 0, "virtual-nmis", "virtual NMIs" },
	{ VMX_WORD_CPU, REQUIRED, VMX_CPU_TSC_OFFSET, 0, "tsc-offsetting", "TSC offsetting" },
	{ VMX_WORD_CPU, REQUIRED, VMX_CPU_HLT, 0, "hlt-exiting", "HLT exiting" },
	{ VMX_WORD_CPU, REQUIRED, VMX_CPU_MWAIT, 0, "mwait-exiting", "MWAIT exiting" },
	{ VMX_WORD_CPU, REQUIRED, VMX_CPU_MONITOR, 0, "monitor-exiting", "MONITOR exiting" },
	{ VMX_WORD_CPU, REQUIRED, VMX_CPU_RDPMC, 0, "rdpmc-exiting", "RDPMC exiting" },
	{ VMX_WORD_CPU, REQUIRED, VMX_CPU_IO, 0, "io-exiting", "unconditional I/O exiting" },
	{ VMX_WORD_CPU, REQUIRED, VMX_CPU_MSR_BITMAP, 0, "msr-bitmaps", "MSR bitmaps" },
	{ VMX_WORD_CPU, REQUIRED, VMX_CPU_INTERRUPT_WINDOW, 0, "interrupt-window", "interrupt-window exiting" },
	{ VMX_WORD_CPU, REQUIRED, VMX_CPU_NMI_WINDOW, 0, "nmi-window", "NMI-window exiting" },
	{ VMX_WORD_CPU, REQUIRED, VMX_CPU_SECONDARY, 0, "secondary", "secondary controls" },
	{ VMX_WORD_CPU, REFUSED, VMX_CPU_CR3_LOAD | VMX_CPU_CR3_STORE, 0, "", "CR3 without exits (true controls)" },
	{ VMX_WORD_CPU, REFUSED, VMX_CPU_INVLPG, 0, "", "INVLPG without exits" },
	{ VMX_WORD_CPU, OPTIONAL, VMX_CPU_TPR_SHADOW, VMX_F_TPR, "tpr", "" },
	{ VMX_WORD_CPU2, REQUIRED, VMX_CPU2_EPT, 0, "ept", "extended page tables (EPT)" },
	{ VMX_WORD_CPU2, REQUIRED, VMX_CPU2_UNRESTRICTED, 0, "unrestricted-guest", "unrestricted guest" },
	{ VMX_WORD_CPU2, REQUIRED, VMX_CPU2_WBINVD, 0, "wbinvd-exiting", "WBINVD exiting" },
	{ VMX_WORD_CPU2, OPTIONAL, VMX_CPU2_VPID, VMX_F_VPID, "vpid", "" },
	{ VMX_WORD_CPU2, OPTIONAL, VMX_CPU2_RDTSCP, VMX_F_RDTSCP, "rdtscp", "" },
	{ VMX_WORD_CPU2, OPTIONAL, VMX_CPU2_INVPCID, VMX_F_INVPCID, "invpcid", "" },
	{ VMX_WORD_CPU2, OPTIONAL, VMX_CPU2_PAUSE_LOOP, VMX_F_PAUSE, "pause", "" },
	{ VMX_WORD_EXIT, REQUIRED, VMX_EXIT_SAVE_DEBUG, 0, "save-debug", "saving of debug controls" },
	{ VMX_WORD_EXIT, REQUIRED, VMX_EXIT_HOST_64, 0, "host-64", "64-bit hosts" },
	{ VMX_WORD_EXIT, REQUIRED, VMX_EXIT_SAVE_EFER, 0, "save-efer", "saving of EFER" },
	{ VMX_WORD_EXIT, REQUIRED, VMX_EXIT_LOAD_EFER, 0, "load-efer", "loading of EFER" },
	{ VMX_WORD_ENTRY, REQUIRED, VMX_ENTRY_LOAD_DEBUG, 0, "load-debug", "loading of debug controls" },
	{ VMX_WORD_ENTRY, REQUIRED, VMX_ENTRY_LOAD_EFER, 0, "entry-efer", "loading of EFER at entry" },
};

/* [SDM3 "Extended-Page-Table Pointer (EPTP)"], IA32_VMX_EPT_VPID_CAP */
static const struct ept_bit {
	uint64_t bits;
	uint32_t feature; /* 0: required */
	const char *name, *title;
} ept_bits[] = {
	{ VMX_EPT_WALK4, 0, "ept-4-levels", "four-level EPT" },
	{ VMX_EPT_WB, 0, "ept-wb", "write-back EPT structures" },
	{ VMX_EPT_2M, 0, "2m", "2 MiB pages in EPT" },
	{ VMX_EPT_INVEPT | VMX_EPT_INVEPT_ALL, 0, "invept", "INVEPT of all contexts" },
	{ VMX_EPT_1G, VMX_F_1G, "1g", "" },
	{ VMX_EPT_INVEPT_ONE, VMX_F_INVEPT_ONE, "invept-one", "" },
	{ VMX_EPT_INVVPID | VMX_EPT_INVVPID_ONE, VMX_F_INVVPID_ONE, "invvpid-one", "" },
	{ VMX_EPT_INVVPID | VMX_EPT_INVVPID_LOCAL, VMX_F_INVVPID_LOCAL, "invvpid-local", "" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int refuse(char *why, size_t bytes, const char *title)
{
	format(why, bytes, "This processor's VMX has no %s, which Bulkhead needs.", title);
	return E_UNSUPPORTED;
}

/* [SDM3 "IA32_FEATURE_CONTROL MSR"] */
static int decide_firmware(const struct vmx_caps *caps, struct vmx_controls *out, char *why, size_t bytes)
{
	out->lock = (caps->feature_control & FEATURE_CONTROL_LOCK) == 0;
	if (out->lock || (caps->feature_control & FEATURE_CONTROL_VMX) != 0)
		return 0;
	format(why, bytes, "This processor has VMX, but the firmware has disabled and locked it: "
	       "enable VMX (VT-x) in the firmware setup.");
	return E_UNSUPPORTED;
}

static int decide_controls(const struct vmx_caps *caps, const char *options, struct vmx_controls *out, char *why,
			   size_t bytes)
{
	for (unsigned i = 0; i < VMX_WORDS; i++)
		out->word[i] = (uint32_t)caps->word[i]; /* what must be 1 */
	for (unsigned i = 0; i < COUNT(controls); i++) {
		const struct control *c = &controls[i];
		uint32_t must = (uint32_t)caps->word[c->word], may = (uint32_t)(caps->word[c->word] >> 32);

		if (c->need == REFUSED) {
			if ((must & c->bits) != 0)
				return refuse(why, bytes, c->title);
			continue;
		}
		if ((may & c->bits) != c->bits || text_flag(options, '-', c->name)) {
			if (c->need == REQUIRED)
				return refuse(why, bytes, c->title);
			continue;
		}
		out->features |= c->feature;
		/* The windows are opened when something waits. */
		if ((c->bits & (VMX_CPU_INTERRUPT_WINDOW | VMX_CPU_NMI_WINDOW)) == 0 || c->word != VMX_WORD_CPU)
			out->word[c->word] |= c->bits;
	}
	return 0;
}

static int decide_ept(const struct vmx_caps *caps, const char *options, struct vmx_controls *out, char *why,
		      size_t bytes)
{
	for (unsigned i = 0; i < COUNT(ept_bits); i++) {
		const struct ept_bit *e = &ept_bits[i];
		bool there = (caps->ept_vpid & e->bits) == e->bits && !text_flag(options, '-', e->name);

		if (there)
			out->features |= e->feature;
		else if (e->feature == 0)
			return refuse(why, bytes, e->title);
	}
	/* A VPID is of use only when its translations can be dropped. */
	if ((caps->ept_vpid & (VMX_EPT_INVVPID | VMX_EPT_INVVPID_ALL)) != (VMX_EPT_INVVPID | VMX_EPT_INVVPID_ALL))
		out->features &= ~(uint32_t)VMX_F_VPID;
	if ((out->features & VMX_F_VPID) == 0) {
		out->features &= ~(uint32_t)(VMX_F_INVVPID_ONE | VMX_F_INVVPID_LOCAL);
		out->word[VMX_WORD_CPU2] &= ~VMX_CPU2_VPID;
	}
	return 0;
}

/* Its pin control is set per vCPU, while there is a deadline. */
static void decide_timer(const struct vmx_caps *caps, const char *options, struct vmx_controls *out)
{
	if ((caps->word[VMX_WORD_PIN] >> 32 & VMX_PIN_TIMER) == 0 || text_flag(options, '-', "preemption-timer"))
		return;
	out->features |= VMX_F_TIMER;
	/*
	 * Bochs (2.7, 3.0) enters a guest whose interrupts are off with the host's masked, too, until the
	 * guest first changes RFLAGS.IF: one that spins would never be left. No processor has its revision.
	 */
	if ((caps->basic & 0x7fffffff) == 0x2b && (caps->basic >> VMX_BASIC_SIZE & 0x1fff) == 4096)
		out->features |= VMX_F_BOUND;
	out->timer_shift = caps->misc & 31;
}

int vmx_decide(const struct vmx_caps *caps, const char *options, struct vmx_controls *out, char *why,
	       size_t bytes)
{
	memset(out, 0, sizeof(*out));
	out->revision = (uint32_t)caps->basic & 0x7fffffff;
	memcpy(out->allowed, caps->word, sizeof(out->allowed));
	if (decide_firmware(caps, out, why, bytes) != 0 || decide_controls(caps, options, out, why, bytes) != 0 ||
	    decide_ept(caps, options, out, why, bytes) != 0)
		return E_UNSUPPORTED;
	if ((caps->basic >> VMX_BASIC_TYPE & 15) != 6)
		return refuse(why, bytes, "write-back VMCS");
	if ((caps->basic >> VMX_BASIC_SIZE & 0x1fff) > 4096)
		return refuse(why, bytes, "VMCS within 4 KiB");
	decide_timer(caps, options, out);
	if ((out->features & VMX_F_TPR) == 0)
		out->word[VMX_WORD_CPU] |= VMX_CPU_CR8_LOAD | VMX_CPU_CR8_STORE;
	out->cr0_fixed = caps->cr0_fixed0 & ~(uint64_t)(CR0_PE | CR0_PG);
	out->cr4_known = caps->cr4_fixed1;
	return 0;
}

const char *const vmx_feature_name[VMX_FEATURES] = {
	"vpid", "tpr", "preemption-timer", "pause", "rdtscp", "invpcid", "1g", "invept-one", "invvpid-one", "invvpid-local",
};

void vmx_describe(const char *options, const struct vmx_controls *c, char *text, size_t bytes)
{
	size_t at = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < VMX_FEATURES && at < bytes; i++) {
		bool masked = text_flag(options, '-', vmx_feature_name[i]);

		if ((c->features >> i & 1) != 0 || masked)
			at += (size_t)format(text + at, bytes - at, "%s%s%s", at != 0 ? " " : "", vmx_feature_name[i],
					     masked ? "(masked)" : "");
	}
}
