/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: vmx/vmx_caps.c lib/format.c lib/string.c lib/text.c */
/* Which VMX a made-up processor may be used with, and the words for those that may not. */
#include "tests/unit/unit.h"
#include "vmx/vmx_caps.h"

#include "kernel/abi/status.h"

static char why[160];

/* As Bochs' Haswell has it, FEATURE_CONTROL still open. */
static struct vmx_caps good(void)
{
	return (struct vmx_caps){
		.basic = 0x00d810000000002bULL,
		.misc = 0x600401e5ULL,
		.ept_vpid = 0x00000f0106734141ULL,
		.word = { [VMX_WORD_PIN] = 0x0000007f00000016ULL,
			  [VMX_WORD_CPU] = 0xfff9fffe04006172ULL,
			  [VMX_WORD_EXIT] = 0x007fffff00036dfbULL,
			  [VMX_WORD_ENTRY] = 0x0000ffff000011fbULL,
			  [VMX_WORD_CPU2] = 0x00007cff00000000ULL },
		.cr0_fixed0 = 0x80000021,
		.cr4_fixed0 = 0x2000,
		.cr4_fixed1 = 0x1767ff,
	};
}

static int decide(const struct vmx_caps *caps, const char *options, struct vmx_controls *c)
{
	why[0] = '\0';
	return vmx_decide(caps, options, c, why, sizeof(why));
}

static void everything_there(void)
{
	struct vmx_caps caps = good();
	struct vmx_controls c;

	CHECK_EQ(decide(&caps, NULL, &c), 0);
	CHECK_EQ(c.revision, 0x2b);
	CHECK_EQ(c.features, VMX_F_VPID | VMX_F_TPR | VMX_F_TIMER | VMX_F_PAUSE | VMX_F_RDTSCP | VMX_F_INVPCID | VMX_F_1G |
				     VMX_F_INVEPT_ONE | VMX_F_INVVPID_ONE | VMX_F_INVVPID_LOCAL | VMX_F_BOUND);
	CHECK_EQ(c.timer_shift, 5);
	CHECK(c.lock);
	CHECK_EQ(c.cr0_fixed, 0x20); /* PE and PG are the guest's */
	for (unsigned i = 0; i < VMX_WORDS; i++) { /* what must be set is, what may not be is not */
		CHECK_EQ(c.word[i] & (uint32_t)caps.word[i], (uint32_t)caps.word[i]);
		CHECK_EQ(c.word[i] & ~(uint32_t)(caps.word[i] >> 32), 0);
	}
	/* Windows and timer are off until something waits; CR8 does not exit. */
	CHECK_EQ(c.word[VMX_WORD_PIN] & VMX_PIN_TIMER, 0);
	CHECK_EQ(c.word[VMX_WORD_CPU] & (VMX_CPU_INTERRUPT_WINDOW | VMX_CPU_NMI_WINDOW | VMX_CPU_CR8_LOAD), 0);
	CHECK_EQ(c.word[VMX_WORD_ENTRY] & VMX_ENTRY_LOAD_DEBUG, VMX_ENTRY_LOAD_DEBUG);
}

static void firmware_switch(void)
{
	struct vmx_caps caps = good();
	struct vmx_controls c;

	caps.feature_control = FEATURE_CONTROL_LOCK;
	CHECK_EQ(decide(&caps, NULL, &c), E_UNSUPPORTED);
	CHECK(strstr(why, "firmware has disabled and locked it") != NULL);
	caps.feature_control = FEATURE_CONTROL_LOCK | 2; /* inside SMX only */
	CHECK_EQ(decide(&caps, NULL, &c), E_UNSUPPORTED);
	caps.feature_control = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX;
	CHECK_EQ(decide(&caps, NULL, &c), 0);
	CHECK(!c.lock);
	caps.feature_control = FEATURE_CONTROL_VMX; /* enabled, but open to anyone */
	CHECK_EQ(decide(&caps, NULL, &c), 0);
	CHECK(c.lock);
}

/* Each required control, taken away by the processor and by the command line, is named. */
static void required_named(void)
{
	static const struct {
		unsigned word;
		uint32_t bit;
		const char *option, *text;
	} rows[] = {
		{ VMX_WORD_PIN, VMX_PIN_INTERRUPT, "-interrupt-exiting", "external-interrupt exiting" },
		{ VMX_WORD_PIN, VMX_PIN_NMI, "-nmi-exiting", "NMI exiting" },
		{ VMX_WORD_PIN, VMX_PIN_VIRTUAL_NMI, "-virtual-nmis", "virtual NMIs" },
		{ VMX_WORD_CPU, VMX_CPU_TSC_OFFSET, "-tsc-offsetting", "TSC offsetting" },
		{ VMX_WORD_CPU, VMX_CPU_HLT, "-hlt-exiting", "HLT exiting" },
		{ VMX_WORD_CPU, VMX_CPU_MWAIT, "-mwait-exiting", "MWAIT exiting" },
		{ VMX_WORD_CPU, VMX_CPU_MONITOR, "-monitor-exiting", "MONITOR exiting" },
		{ VMX_WORD_CPU, VMX_CPU_RDPMC, "-rdpmc-exiting", "RDPMC exiting" },
		{ VMX_WORD_CPU, VMX_CPU_IO, "-io-exiting", "unconditional I/O exiting" },
		{ VMX_WORD_CPU, VMX_CPU_MSR_BITMAP, "-msr-bitmaps", "MSR bitmaps" },
		{ VMX_WORD_CPU, VMX_CPU_INTERRUPT_WINDOW, "-interrupt-window", "interrupt-window exiting" },
		{ VMX_WORD_CPU, VMX_CPU_NMI_WINDOW, "-nmi-window", "NMI-window exiting" },
		{ VMX_WORD_CPU, VMX_CPU_SECONDARY, "-secondary", "secondary controls" },
		{ VMX_WORD_CPU2, VMX_CPU2_EPT, "-ept", "extended page tables" },
		{ VMX_WORD_CPU2, VMX_CPU2_UNRESTRICTED, "-unrestricted-guest", "unrestricted guest" },
		{ VMX_WORD_CPU2, VMX_CPU2_WBINVD, "-wbinvd-exiting", "WBINVD exiting" },
		{ VMX_WORD_EXIT, VMX_EXIT_SAVE_DEBUG, "-save-debug", "saving of debug controls" },
		{ VMX_WORD_EXIT, VMX_EXIT_HOST_64, "-host-64", "64-bit hosts" },
		{ VMX_WORD_EXIT, VMX_EXIT_SAVE_EFER, "-save-efer", "saving of EFER" },
		{ VMX_WORD_EXIT, VMX_EXIT_LOAD_EFER, "-load-efer", "loading of EFER" },
		{ VMX_WORD_ENTRY, VMX_ENTRY_LOAD_DEBUG, "-load-debug", "loading of debug controls" },
		{ VMX_WORD_ENTRY, VMX_ENTRY_LOAD_EFER, "-entry-efer", "loading of EFER at entry" },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmx_caps caps = good();
		struct vmx_controls c;

		CHECK_EQ(decide(&caps, rows[i].option, &c), E_UNSUPPORTED);
		CHECK(strstr(why, rows[i].text) != NULL);
		caps.word[rows[i].word] &= ~((uint64_t)rows[i].bit << 32 | rows[i].bit);
		CHECK_EQ(decide(&caps, NULL, &c), E_UNSUPPORTED);
		CHECK(strstr(why, rows[i].text) != NULL);
		CHECK(why[strlen(why) - 1] == '.'); /* a whole sentence */
	}
}

static void insisting_processor(void)
{
	struct vmx_caps caps = good();
	struct vmx_controls c;

	caps.word[VMX_WORD_CPU] |= VMX_CPU_CR3_LOAD; /* no true controls */
	CHECK_EQ(decide(&caps, NULL, &c), E_UNSUPPORTED);
	CHECK(strstr(why, "CR3 without exits") != NULL);
	caps = good();
	caps.word[VMX_WORD_CPU] |= VMX_CPU_INVLPG;
	CHECK_EQ(decide(&caps, NULL, &c), E_UNSUPPORTED);
	CHECK(strstr(why, "INVLPG") != NULL);
}

static void ept_parts(void)
{
	static const struct {
		uint64_t bit;
		const char *text;
	} rows[] = {
		{ VMX_EPT_WALK4, "four-level" }, { VMX_EPT_WB, "write-back EPT" }, { VMX_EPT_2M, "2 MiB" },
		{ VMX_EPT_INVEPT, "INVEPT" }, { VMX_EPT_INVEPT_ALL, "INVEPT" },
	};
	struct vmx_caps caps;
	struct vmx_controls c;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		caps = good();
		caps.ept_vpid &= ~rows[i].bit;
		CHECK_EQ(decide(&caps, NULL, &c), E_UNSUPPORTED);
		CHECK(strstr(why, rows[i].text) != NULL);
	}
	caps = good();
	caps.ept_vpid &= ~(VMX_EPT_1G | VMX_EPT_INVEPT_ONE | VMX_EPT_INVVPID_LOCAL);
	CHECK_EQ(decide(&caps, NULL, &c), 0);
	CHECK_EQ(c.features & (VMX_F_1G | VMX_F_INVEPT_ONE | VMX_F_INVVPID_LOCAL), 0);
	CHECK((c.features & VMX_F_VPID) != 0);
}

/* A tag whose translations cannot be dropped is none. */
static void vpid_without_invvpid(void)
{
	struct vmx_caps caps = good();
	struct vmx_controls c;

	caps.ept_vpid &= ~VMX_EPT_INVVPID_ALL;
	CHECK_EQ(decide(&caps, NULL, &c), 0);
	CHECK_EQ(c.features & (VMX_F_VPID | VMX_F_INVVPID_ONE | VMX_F_INVVPID_LOCAL), 0);
	CHECK_EQ(c.word[VMX_WORD_CPU2] & VMX_CPU2_VPID, 0);
}

static void masks(void)
{
	struct vmx_caps caps = good();
	struct vmx_controls c, all;
	char text[200];

	CHECK_EQ(decide(&caps, NULL, &all), 0);
	CHECK_EQ(decide(&caps, "-vpid,-tpr,-preemption-timer", &c), 0);
	CHECK_EQ(c.features & (VMX_F_VPID | VMX_F_TPR | VMX_F_TIMER), 0);
	CHECK_EQ(c.word[VMX_WORD_CPU2] & VMX_CPU2_VPID, 0);
	CHECK_EQ(c.word[VMX_WORD_CPU] & VMX_CPU_TPR_SHADOW, 0);
	CHECK_EQ(c.word[VMX_WORD_CPU] & (VMX_CPU_CR8_LOAD | VMX_CPU_CR8_STORE), VMX_CPU_CR8_LOAD | VMX_CPU_CR8_STORE);
	vmx_describe("-vpid,-tpr,-preemption-timer", &c, text, sizeof(text));
	CHECK_STR(text, "vpid(masked) tpr(masked) preemption-timer(masked) pause rdtscp invpcid 1g invept-one");
	for (unsigned i = 0; i < VMX_FEATURES; i++) { /* each by its name, and no other but what needs it */
		char option[32];
		uint32_t gone;

		snprintf(option, sizeof(option), "-%s", vmx_feature_name[i]);
		CHECK_EQ(decide(&caps, option, &c), 0);
		gone = all.features & ~c.features;
		CHECK_EQ(gone, (1U << i | (gone & VMX_F_VPID ? VMX_F_INVVPID_ONE | VMX_F_INVVPID_LOCAL : 0) |
				(gone & VMX_F_TIMER ? VMX_F_BOUND : 0)) & all.features);
		CHECK(gone >> i & 1);
	}
	/* Neither a longer nor a shorter word masks. */
	CHECK_EQ(decide(&caps, "-vpids,-tp,vpid,-", &c), 0);
	CHECK_EQ(c.features, all.features);
}

/* Runs are bounded on Bochs only, and only by a timer that may be used. */
static void bound(void)
{
	struct vmx_caps caps = good();
	struct vmx_controls c;

	CHECK_EQ(decide(&caps, "-preemption-timer", &c), 0);
	CHECK_EQ(c.features & (VMX_F_TIMER | VMX_F_BOUND), 0);
	caps.basic = 0x00da040000000004ULL; /* a real processor's */
	CHECK_EQ(decide(&caps, NULL, &c), 0);
	CHECK_EQ(c.features & (VMX_F_TIMER | VMX_F_BOUND), VMX_F_TIMER);
}

static void odd_vmcs(void)
{
	struct vmx_caps caps = good();
	struct vmx_controls c;

	caps.basic = (caps.basic & ~(15ULL << VMX_BASIC_TYPE)); /* uncacheable */
	CHECK_EQ(decide(&caps, NULL, &c), E_UNSUPPORTED);
	caps = good();
	caps.basic = (caps.basic & ~(0x1fffULL << VMX_BASIC_SIZE)) | 8191ULL << VMX_BASIC_SIZE;
	CHECK_EQ(decide(&caps, NULL, &c), E_UNSUPPORTED);
	memset(&caps, 0, sizeof(caps)); /* nothing at all */
	CHECK_EQ(decide(&caps, NULL, &c), E_UNSUPPORTED);
}

int main(void)
{
	RUN(everything_there);
	RUN(firmware_switch);
	RUN(required_named);
	RUN(insisting_processor);
	RUN(ept_parts);
	RUN(vpid_without_invvpid);
	RUN(masks);
	RUN(bound);
	RUN(odd_vmcs);
	return unit_status();
}
