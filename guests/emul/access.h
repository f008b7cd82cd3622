/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside the emulator: guest memory by linear address and by segment. */
#pragma once

#include "guests/emul/insn.h"
#include "lib/x86/cr.h"

enum {
	ACCESS_WRITE = 1 << 0, /* also for read-modify-write */
	ACCESS_FETCH = 1 << 1,
	ACCESS_USER = 1 << 2, /* CPL is 3 */
	ACCESS_IMPLICIT = 1 << 3, /* a descriptor table or TSS: supervisor, whatever the CPL */
	ACCESS_PEEK = 1 << 4, /* no permission checks, no accessed bits, no fault recorded */
	ACCESS_WRAP = 1 << 5, /* linear addresses have 32 bits */
};

/* Where an operand lies: one or two pieces, each within a page. Translated and permitted. */
struct emul_place {
	uint64_t at[2];
	uint8_t bytes[2];
	uint8_t parts;
};

/* walk.c */
int emul_walk(struct emul *e, uint64_t linear, unsigned access, uint64_t *to);
/* Host pointer for reads to the 4K page of `linear` when it is RAM, else NULL. */
int emul_walk_ram(struct emul *e, uint64_t linear, unsigned access, const uint8_t **page);

/* memory.c */
static inline bool emul_canonical(const struct emul *e, uint64_t linear)
{
	unsigned shift = e->regs->cr4 & CR4_LA57 ? 7 : 16;

	return (uint64_t)((int64_t)(linear << shift) >> shift) == linear;
}

/* Segment and canonical checks; offset has been cut to the address size. */
int emul_linear(struct emul *e, const struct insn *i, unsigned seg, uint64_t offset, unsigned bytes,
		unsigned access, uint64_t *linear);
int emul_map_linear(struct emul *e, uint64_t linear, unsigned bytes, unsigned access,
		    struct emul_place *p);
/* An operand in a segment, with the privilege and alignment check of the instruction. */
int emul_map(struct emul *e, const struct insn *i, unsigned seg, uint64_t offset, unsigned bytes,
	     unsigned access, struct emul_place *p);
int emul_place_read(struct emul *e, const struct emul_place *p, void *to);
int emul_place_write(struct emul *e, const struct emul_place *p, const void *from);
int emul_place_get(struct emul *e, const struct emul_place *p, uint64_t *value);
int emul_place_put(struct emul *e, const struct emul_place *p, uint64_t value);
/*
 * Atomically: if the operand (1, 2, 4, 8 or 16 bytes) is still `old`, it becomes `new`; *same says
 * so. Memory that is not RAM, and operands over two pages, are just written.
 */
int emul_place_swap(struct emul *e, const struct emul_place *p, const uint64_t old[2],
		    const uint64_t new[2], bool *same);
/* Implicit supervisor accesses of at most 8 bytes, for descriptor tables and the TSS. */
int emul_system_read(struct emul *e, uint64_t linear, unsigned bytes, uint64_t *value);
int emul_system_write(struct emul *e, uint64_t linear, unsigned bytes, uint64_t value);
