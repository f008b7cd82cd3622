/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the hostile payloads share: arbitrary numbers from a seed, and one kind of mischief, chosen by `kind=` on
 * the command line, on every processor for ever. `seed=` changes the numbers. Faults of RDMSR, WRMSR, VMCALL,
 * VMMCALL, MONITOR and MWAIT are stepped over.
 */
#pragma once

#include "tests/payload/lib/smp.h"

struct hostile_kind {
	const char *name;
	void (*run)(void); /* once; it is called again and again */
	void (*prepare)(void); /* first, on the boot processor, others not yet up; or NULL */
};

/* Each processor's own sequence. */
uint64_t arbitrary(void);
/* An interrupt that nobody minds: EOI. */
void hostile_served(struct frame *f);
/* Out of a handler, whatever was going on: this processor goes on with its mischief. */
__attribute__((noreturn)) void hostile_anew(void);
/* The command line's kind out of this list, ended by an empty entry. The test fails when it is none of them. */
__attribute__((noreturn)) void hostile_for_ever(const struct hostile_kind *kinds);
