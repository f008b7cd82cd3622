/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The policy on side channels. The kernel maps no guest's memory: what leaks from it is its own state,
 * among which are other guests' registers. Names no processor: arch/flaws.c does.
 */
#include "kernel/mitigation.h"

#include "arch/cpu.h"
#include "arch/flaws.h"
#include "arch/msr.h"
#include "kernel/log.h"
#include "lib/string.h"
#include "lib/text.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"
#include <stddef.h>

uint32_t mitigations;
static uint32_t decided_on; /* (c) flaws of the first processor */

/*
 * Rows of one name are alternatives: the first whose flaw is there and whose remedies are counts. A row
 * that does nothing is a decision not to, and its `lacks` says why. remedy: all of them are needed.
 */
static const struct rule {
	const char *name;
	uint32_t flaw, remedy, does;
	const char *how, *lacks;
} rules[] = {
	{ "meltdown", FLAW_MELTDOWN, 0, MIT_ISOLATION, "ring 3 has page tables without the kernel", "" },
	{ "l1tf", FLAW_L1TF, REMEDY_L1D_FLUSH, MIT_L1D, "L1 data cache flushed before a guest runs on after others",
	  "no command to flush the L1 data cache: update the microcode" },
	{ "mds", FLAW_BUFFERS, REMEDY_VERW, MIT_VERW, "VERW before guests and ring 3",
	  "VERW does not clear the buffers: update the microcode" },
	{ "smt", FLAW_THREADS, 0, 0, "", "two guests may share a core: switch hyper-threading off in the firmware setup" },
	{ "spectre-v1", FLAW_BRANCH, 0, 0, "",
	  "system-call numbers are clamped, other bounds checks are not; the kernel maps no guest's memory" },
	{ "spectre-v2", FLAW_BRANCH, REMEDY_IBRS, MIT_IBRS, "enhanced IBRS", "" },
	{ "spectre-v2", FLAW_BRANCH, REMEDY_AUTO_IBRS, MIT_AUTO_IBRS, "automatic IBRS", "" },
	{ "spectre-v2", FLAW_BRANCH, 0, MIT_RETPOLINE, "retpolines", "" },
	{ "bhi", FLAW_BHI, REMEDY_BHI_DIS, MIT_BHI_DIS, "BHI_DIS_S", "" },
	{ "bhi", FLAW_BHI, 0, MIT_RETPOLINE, "retpolines", "" },
	{ "ibpb", FLAW_BRANCH, REMEDY_IBPB, MIT_IBPB, "barrier when another VM comes to a processor",
	  "no prediction barrier: update the microcode" },
	{ "rsb", FLAW_BRANCH, 0, MIT_RSB_SWITCH, "return stack refilled when another VM comes to a processor", "" },
	{ "rsb-exit", FLAW_RSB_EXIT, 0, MIT_RSB_EXIT, "return stack refilled after each exit", "" },
	{ "retbleed", FLAW_UNDERFLOW, 0, MIT_RSB_EXIT, "return stack refilled, so that it does not run empty", "" },
	{ "retbleed", FLAW_RETBLEED, 0, 0, "", "would need a barrier at each exit; the kernel maps no guest's memory" },
	{ "srso", FLAW_SRSO, 0, 0, "", "would need a barrier at each exit; the kernel maps no guest's memory" },
	{ "ssb", FLAW_STORE, 0, 0, "", "nothing here runs foreign code in its own address space" },
	{ "itlb-multihit", FLAW_ITLB, 0, MIT_ITLB, "large nested pages not executable, split when executed", "" },
};

enum { RULES = sizeof(rules) / sizeof(rules[0]) };

uint32_t mitigation_decide(uint32_t flaws, uint32_t remedies, enum mitigation_mode mode, mitigation_tell *tell)
{
	uint32_t all = 0;

	for (unsigned i = 0, next; i < RULES; i = next) {
		const struct rule *due = NULL, *use = NULL; /* one whose flaw is there; and its remedy */

		for (next = i; next < RULES && strcmp(rules[next].name, rules[i].name) == 0; next++) {
			const struct rule *r = &rules[next];

			if ((flaws & r->flaw) == 0)
				continue;
			due = r;
			if (use == NULL && r->does != 0 && (remedies & r->remedy) == r->remedy)
				use = r;
		}
		if (due == NULL) {
			tell(rules[i].name, "not needed", "this processor is not affected");
		} else if (mode == MITIGATE_OFF) {
			tell(rules[i].name, "off", "mitigations=off");
		} else if (use == NULL) {
			tell(rules[i].name, "off", due->lacks);
		} else {
			all |= use->does;
			tell(rules[i].name, "on", use->how);
		}
	}
	return all;
}

static void log_row(const char *name, const char *state, const char *reason)
{
	log_line("mitigation", "%s: %s (%s)", name, state, reason);
}

/* `mitigations=on` (also without the word), `off`, or `force`: as if the emulator were the real thing. */
void mitigation_init(const char *cmdline)
{
	enum mitigation_mode mode = MITIGATE_ON;
	struct cpu_facts facts;
	char word[8] = "on";

	(void)text_option(cmdline, "mitigations", word, sizeof(word));
	cpu_facts_read(&facts);
	if (strcmp(word, "force") == 0)
		facts.emulated = false;
	else if (strcmp(word, "off") == 0)
		mode = MITIGATE_OFF;
	else if (strcmp(word, "on") != 0)
		log_line("mitigation", "mitigations=%s is not one of on, off, force: on", word);
	decided_on = cpu_flaws(&facts);
	if (facts.emulated)
		log_row("all", "not needed", "the emulator speculates nothing");
	else
		mitigations = mitigation_decide(decided_on, cpu_remedies(&facts), mode, log_row);
	if ((mitigations & MIT_ISOLATION) != 0)
		cpu_features &= ~(uint32_t)CPU_PGE; /* a global translation would outlive the switch to ring 3 */
	if ((mitigations & MIT_RETPOLINE) != 0)
		retpolines_on();
}

void mitigation_cpu_init(void)
{
	uint64_t spec = ((mitigations & MIT_IBRS) != 0 ? SPEC_CTRL_IBRS : 0) |
			((mitigations & MIT_BHI_DIS) != 0 ? SPEC_CTRL_BHI_DIS_S : 0);
	struct cpu_facts facts;

	cpu_facts_read(&facts);
	facts.emulated &= decided_on == 0;
	if ((cpu_flaws(&facts) & ~decided_on) != 0)
		panic("a processor has side channels that the first one has not (0x%x)", cpu_flaws(&facts) & ~decided_on);
	if (spec != 0)
		wrmsr(MSR_SPEC_CTRL, spec);
	if ((mitigations & MIT_AUTO_IBRS) != 0)
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_AIBRSE);
}

void mitigation_switch(void)
{
	if ((mitigations & MIT_IBPB) != 0)
		wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
	if ((mitigations & MIT_RSB_SWITCH) != 0)
		rsb_fill();
}
