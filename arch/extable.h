/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The exception table: pairs of an instruction that may fault in ring 0 and the place to go on at.
 * The section's name is a C identifier, so that the linker provides its bounds.
 */
#pragma once

#include <stdint.h>

struct extable_entry {
	int32_t fault, fixup; /* each relative to its own address */
};

/* A line of inline assembly that adds an entry; `from` and `to` are local labels. */
#define EXTABLE(from, to) \
	".pushsection extable, \"a\"\n.balign 4\n" \
	".long " #from " - .\n.long " #to " - .\n" \
	".popsection\n"

/* The address to continue at when the instruction at rip faulted, 0 when none is known. */
uint64_t extable_find(uint64_t rip);
