/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: arch/flaws.c kernel/mitigation.c lib/text.c */
/*
 * The policy on side channels over real processors: signature, feature words and ARCH_CAPABILITIES as their
 * vendors document them, reduced to the bits that are looked at.
 */
#include "arch/cpu.h"
#include "arch/flaws.h"
#include "kernel/log.h"
#include "kernel/mitigation.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define INTEL 0x756e6547U
#define AMD   0x68747541U

/* Leaf 7 EDX: MD_CLEAR, IBRS and IBPB, STIBP, L1D flush, SSBD; and ARCH_CAPABILITIES. */
#define UPDATED 0x9c000400U
#define CAPS	(UPDATED | 1U << 29)
#define RTM	(1U << 11)
/* Leaf 8000_0008 EBX: IBPB, IBRS, STIBP, SSBD; BTC_NO. */
#define AMD_OLD (1U << 12)
#define AMD_NEW (1U << 12 | 1U << 14 | 1U << 15 | 1U << 24)
#define BTC_NO	(1U << 29)

#define BRANCH (MIT_RETPOLINE | MIT_IBPB | MIT_RSB_SWITCH | MIT_RSB_EXIT)
#define OLD    (BRANCH | MIT_ISOLATION | MIT_L1D | MIT_VERW | MIT_ITLB)

uint32_t cpu_features;
void rsb_fill(void) { }
void retpolines_on(void) { }
void log_line(const char *subsystem, const char *fmt, ...) { (void)subsystem, (void)fmt; }
void panic(const char *fmt, ...) { (void)fmt, abort(); }

static const struct {
	const char *name;
	struct cpu_facts f;
	uint32_t want;
	const char *off; /* rows that are decided against, or lack a remedy */
} processors[] = {
	{ "Haswell, microcode of 2013", { INTEL, 0x306c3, 0, 0, 0, 0, 0, 0, true, false },
	  MIT_ISOLATION | MIT_RETPOLINE | MIT_RSB_SWITCH | MIT_RSB_EXIT | MIT_ITLB, "l1tf mds smt spectre-v1 ibpb ssb " },
	{ "Haswell", { INTEL, 0x306c3, RTM, UPDATED, 0, 0, 0, 0, false, false }, OLD, "spectre-v1 ssb " },
	{ "Skylake-SP", { INTEL, 0x50654, RTM, UPDATED, 0, 0, 0, 0, true, false }, OLD, "smt spectre-v1 ssb " },
	{ "Goldmont", { INTEL, 0x506c9, 0, 0xac000000, 0, 0, 0, 0, false, false }, BRANCH | MIT_ISOLATION, "spectre-v1 ssb " },
	{ "Cascade Lake", { INTEL, 0x50657, RTM, CAPS, 0, 0, 0, 0xab, true, false },
	  BRANCH | MIT_VERW | MIT_IBRS | MIT_ITLB, "smt spectre-v1 ssb " },
	{ "Ice Lake-SP", { INTEL, 0x606a6, 0, CAPS, 0, 0, 0, 0x2016b, true, false }, BRANCH | MIT_VERW | MIT_IBRS, "smt spectre-v1 ssb " },
	{ "Sapphire Rapids", { INTEL, 0x806f8, RTM, CAPS, 0x10, 0, 0, 0x100e16b, true, false },
	  MIT_IBRS | MIT_BHI_DIS | MIT_IBPB | MIT_RSB_SWITCH, "spectre-v1 ssb " },
	{ "Zen 1", { AMD, 0x800f12, 0, 0, 0, AMD_OLD, 0, 0, true, false }, BRANCH, "spectre-v1 retbleed srso ssb " },
	{ "Zen 2", { AMD, 0x830f10, 0, 0, 0, AMD_NEW, 0, 0, true, false }, BRANCH, "spectre-v1 retbleed srso ssb " },
	{ "Zen 3", { AMD, 0xa00f11, 0, 0, 0, AMD_NEW | BTC_NO, 0x40, 0, true, false }, BRANCH, "spectre-v1 srso ssb " },
	{ "Zen 4", { AMD, 0xa10f11, 0, 0, 0, AMD_NEW | BTC_NO, 0x144, 0, true, false },
	  MIT_AUTO_IBRS | MIT_IBPB | MIT_RSB_SWITCH, "spectre-v1 srso ssb " },
	{ "Zen 5", { AMD, 0xb00f21, 0, 0, 0, AMD_NEW | BTC_NO, 1U << 29 | 0x144, 0, true, false },
	  MIT_AUTO_IBRS | MIT_IBPB | MIT_RSB_SWITCH, "spectre-v1 ssb " },
	{ "QEMU's TCG", { AMD, 0x800f12, 0, 0, 0, 0, 0, 0, true, true }, 0, "" },
};

static char off[256];
static unsigned rows, on, not_needed;

static void tell(const char *name, const char *state, const char *reason)
{
	CHECK(reason[0] != '\0');
	rows++;
	on += strcmp(state, "on") == 0;
	not_needed += strcmp(state, "not needed") == 0;
	if (strcmp(state, "off") == 0)
		strcat(strcat(off, name), " ");
}

static uint32_t decide(const struct cpu_facts *f, enum mitigation_mode mode)
{
	off[0] = '\0';
	rows = on = not_needed = 0;
	return mitigation_decide(cpu_flaws(f), cpu_remedies(f), mode, tell);
}

static void real_processors(void)
{
	for (unsigned i = 0; i < sizeof(processors) / sizeof(processors[0]); i++) {
		uint32_t got = decide(&processors[i].f, MITIGATE_ON);

		if (got != processors[i].want || strcmp(off, processors[i].off) != 0)
			printf("%s: %#x instead of %#x; off: %s\n", processors[i].name, got, processors[i].want, off);
		CHECK_EQ(got, processors[i].want);
		CHECK(strcmp(off, processors[i].off) == 0);
		CHECK_EQ(rows, 14); /* every row says something, whatever the processor */
	}
}

static void off_means_off(void)
{
	for (unsigned i = 0; i < sizeof(processors) / sizeof(processors[0]); i++) {
		CHECK_EQ(decide(&processors[i].f, MITIGATE_OFF), 0);
		CHECK_EQ(on, 0);
		CHECK_EQ(not_needed == rows, processors[i].f.emulated);
	}
}

/* Who is not known, and says nothing of itself, is not believed to be sound. */
static void an_unknown_vendor_has_everything(void)
{
	struct cpu_facts f = { .vendor = 0x746e6543, .signature = 0x706f0 };

	CHECK_EQ(decide(&f, MITIGATE_ON) & (MIT_ISOLATION | MIT_RETPOLINE | MIT_ITLB), MIT_ISOLATION | MIT_RETPOLINE | MIT_ITLB);
}

static void what_guests_are_told(void)
{
	/* What a processor lacks shows; what needs SPEC_CTRL, TSX_CTRL or a nested hypervisor does not. */
	CHECK_EQ(ARCH_CAPS_TELL & 0x2016b, 0x20161);
	CHECK_EQ(ARCH_CAPS_TELL & (1 << 1 | 1 << 3 | 1 << 7 | 1 << 10 | 1 << 18), 0);
}

int main(void)
{
	RUN(real_processors);
	RUN(off_means_off);
	RUN(an_unknown_vendor_has_everything);
	RUN(what_guests_are_told);
	return unit_status();
}
