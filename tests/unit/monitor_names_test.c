/* SPDX-License-Identifier: GPL-2.0-only */
/* The monitor's names of exit counters are in the order of the kernel's kinds. */
/* sources: guests/monitor_report.c lib/format.c */
#include "tests/unit/unit.h"
#include "guests/monitor.h"
#include "kernel/hvops.h"

static void names_match(void)
{
	static const struct {
		enum hv_exit_kind kind;
		const char *name;
	} t[] = {
		{ HV_EXIT_INTR, "intr" },	{ HV_EXIT_CPUID, "cpuid" },
		{ HV_EXIT_RDMSR, "rdmsr" },	{ HV_EXIT_HLT, "hlt" },
		{ HV_EXIT_HYPERCALL, "hypercall" }, { HV_EXIT_PIO, "pio" },
		{ HV_EXIT_NPF, "npf" },		{ HV_EXIT_CR, "cr" },
		{ HV_EXIT_XSETBV, "xsetbv" },	{ HV_EXIT_INVD, "invd" },
		{ HV_EXIT_PAUSE, "pause" },	{ HV_EXIT_EXCEPTION, "exception" },
		{ HV_EXIT_WINDOW, "window" },	{ HV_EXIT_DEADLINE, "deadline" },
		{ HV_EXIT_SHUTDOWN, "shutdown" }, { HV_EXIT_INVALID, "invalid" },
		{ HV_EXIT_UNKNOWN, "unknown" },
	};

	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		CHECK_STR(monitor_exit_name(t[i].kind), t[i].name);
	for (unsigned i = 0; i < HV_EXIT_KINDS; i++)
		CHECK(monitor_exit_name(i) != NULL);
	CHECK(monitor_exit_name(HV_EXIT_KINDS) == NULL);
	CHECK(HV_EXIT_KINDS <= sizeof(((struct vcpu_area *)0)->count) / sizeof(uint64_t));
}

int main(void)
{
	RUN(names_match);
	return unit_status();
}
