/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One generated instruction with the state that it begins from, for emul_native_test: made by
 * emul_native_make.c, run on the processor by emul_native.c, in the emulator by
 * emul_native_judge.c, which compares.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "guests/emul/insn.h"
#include "tests/unit/emul_native.h"

enum { CLASSES = 9, CLASS_REGISTER = 8 };
enum { P_NONE, P_F2, P_F3, P_LOCK, P_GS, P_67, P_COUNT };
enum { S_NONE, S_66, S_W, S_COUNT };

struct native_case {
	const struct emul_op *op;
	unsigned map, opcode, bits, prefix, size, class, mandatory;
	uint8_t code[32];
	unsigned length;
	uint64_t gpr[16], flags, target;
	uint8_t vec[16][32];
	unsigned osize, asize, reg, rm, rex;
	bool has_modrm, mem;
	unsigned count; /* of a shift */
};

static inline uint64_t base_of(const struct native_case *t)
{
	return t->bits == 16 ? 0 : WINDOW;
}

/* ---- emul_native_make.c ---- */

extern uint8_t case_operands[0x2000]; /* what the operand pages hold at the start */
/* False: this combination is not to be run. */
bool case_build(struct native_case *t, int ext);
/* The same for CALL and JMP, after case_build. */
bool case_build_branch(struct native_case *t);

/* ---- emul_native_judge.c ---- */

extern unsigned long differences;
extern unsigned complaints; /* about the present row: two are shown */
/* The page tables that the emulator walks; once. */
void emulator_tables_build(void);
/* The result itself is undefined. */
bool case_undefined(const struct native_case *t);
/* Emulates it, its operands in RAM or in MMIO, and complains of what differs from the processor's result. */
void case_emulate(const struct native_case *t, const struct native_result *n, bool mmio);
