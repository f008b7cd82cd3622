/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside the emulator: a decoded instruction and a row of the opcode table. Only the emulator's own
 * files and its tests include this.
 */
#pragma once

#include "guests/emul/emul.h"

struct insn;

/* What an operand is. The size is the instruction's (insn.size) unless a flag says otherwise. */
enum emul_operand {
	O_NONE,
	O_RM, /* ModRM.rm: register or memory */
	O_REG, /* ModRM.reg */
	O_ACC, /* AL, AX, EAX or RAX */
	O_IMM, /* immediate of the operand size, at most 32 bits, sign-extended */
	O_IMM8, /* immediate byte, sign-extended */
	O_ONE, /* the constant 1 */
	O_CL,
	O_OFFSET, /* memory at an address inside the instruction (A0-A3) */
	O_SREG, /* segment register ModRM.reg */
};

/* Flags of a row. */
enum {
	OP_BYTE = 1 << 0, /* operates on bytes */
	OP_READ = 1 << 1, /* the destination is read */
	OP_WRITE = 1 << 2, /* the destination is written */
	OP_SWAP = 1 << 3, /* the source register is written too, with insn.b */
	OP_LOCK = 1 << 4, /* LOCK is legal with a memory destination */
	OP_LOCKED = 1 << 5, /* always locked with memory (XCHG) */
	OP_SRC8 = 1 << 6, /* the source is a byte, */
	OP_SRC16 = 1 << 7, /* a word, */
	OP_SRC32 = 1 << 8, /* or a doubleword, whatever the destination is */
	OP_DST16 = 1 << 9, /* the destination is a word when it is memory (MOV from Sreg) */
	OP_D64 = 1 << 10, /* 64-bit by default in 64-bit mode */
	OP_BITS = 1 << 11, /* source register is a bit offset that may reach beyond the operand */
	OP_MEMORY = 1 << 12, /* only with memory; the register form is #UD */
	OP_NO64 = 1 << 13, /* #UD in 64-bit mode */
	OP_ONLY64 = 1 << 14,
	OP_STRING = 1 << 15, /* REP applies */
	OP_MODRM = 1 << 16, /* has a ModRM byte (implied by O_RM and O_REG) */
	OP_IMM8 = 1 << 17, /* an immediate byte beside the operands (shift count) */
	OP_IMM = 1 << 18, /* an immediate of the operand size beside the operands */
	OP_OF_1 = 1 << 19, /* OF is defined for a count of 1 only, nothing changes for 0 */
	OP_VECTOR = 1 << 20, /* an SSE or AVX move */
	OP_IO = 1 << 21, /* touches a port */
	OP_BRANCH = 1 << 22, /* writes RIP */
	OP_STACK = 1 << 23, /* pushes or pops */
	OP_SREG = 1 << 24, /* ModRM.reg is a segment register */
	OP_NO16 = 1 << 25, /* 32 bits even in 16-bit code */
	OP_TAIL = 1 << 26, /* an operand follows ModRM: immediate or address */
};

enum emul_row { ROW_NONE, ROW_PLAIN, ROW_BY_REG, ROW_BY_PREFIX };
enum { PREFIX_NONE, PREFIX_66, PREFIX_F3, PREFIX_F2, PREFIX_COUNT }; /* index of ROW_BY_PREFIX */

/* One encoding. `compute` gets operand values in insn.a and insn.b; `perform` does it all. */
struct emul_op {
	const char *name;
	int (*compute)(struct emul *e, struct insn *i);
	int (*perform)(struct emul *e, struct insn *i);
	const struct emul_op *sub; /* ROW_BY_*: 8 or PREFIX_COUNT rows */
	uint32_t flags; /* OP_* */
	uint16_t undefined; /* status flags that the architecture leaves undefined */
	uint8_t row; /* enum emul_row */
	uint8_t dst, src; /* enum emul_operand */
	uint8_t arg; /* the handler's own: which operation, condition, size */
};

enum { MAP_ONE, MAP_0F, MAP_0F38, MAP_VEX, MAP_COUNT };

/* The row for an opcode; NULL when there is none. MAP_VEX: the VEX encodings of map 0F. */
const struct emul_op *emul_table_row(unsigned map, unsigned opcode);

enum emul_mode { MODE_REAL, MODE_V86, MODE_PROTECTED, MODE_LONG };

struct insn {
	const struct emul_op *op;
	uint64_t ea; /* offset of the memory operand in its segment */
	uint64_t imm; /* sign-extended */
	uint64_t next; /* RIP after the instruction */
	uint64_t a, b; /* values: destination, source */
	uint64_t flags; /* RFLAGS, to be written back */
	uint8_t mode, cpl, bits; /* bits: 16, 32 or 64 */
	uint8_t size; /* operation size in bytes: 1, 2, 4, 8 */
	uint8_t osize, asize; /* operand and address size in bytes */
	uint8_t map, opcode, modrm, mod, reg, rm; /* reg and rm with their REX bits */
	uint8_t rex, seg, rep, prefix66;
	bool lock, mem, has_modrm, seg_override, rip_relative;
	bool keep; /* the computation leaves a register destination as it was */
	bool sp_based; /* RSP is in the address: POP counts it after the increment */
	bool vex, vex_wide; /* vex_wide: VEX.L */
	uint8_t length;
	bool mov_ss; /* loaded SS: shadow for the next instruction */
	uint32_t iterations; /* of a string instruction, finished and in the registers */
};

/* decode.c: reads and decodes the instruction at CS:RIP. Changes nothing but e's insn bytes. */
int emul_decode(struct emul *e, struct insn *i);

/* state.c: raise an exception; each returns EMUL_FAULT. */
int emul_raise(struct emul *e, unsigned vector);
int emul_raise_error(struct emul *e, unsigned vector, uint32_t error);

/* Makes register groups valid; false: they cannot be had. */
bool emul_need(struct emul *e, uint32_t groups);

static inline uint64_t size_mask(unsigned bytes)
{
	return bytes >= 8 ? UINT64_MAX : (1ULL << (bytes * 8)) - 1;
}

static inline uint64_t sign_extend(uint64_t v, unsigned bytes)
{
	unsigned shift = 64 - bytes * 8;

	return (uint64_t)((int64_t)(v << shift) >> shift);
}

/* General registers by encoding; without REX, byte registers 4 to 7 are AH to BH. */
uint64_t emul_reg_get(const struct emul *e, const struct insn *i, unsigned index, unsigned bytes);
void emul_reg_set(struct emul *e, const struct insn *i, unsigned index, unsigned bytes, uint64_t v);
/* The same for implicit operands and addresses: never AH to BH. */
void emul_gpr_set(struct emul *e, unsigned index, unsigned bytes, uint64_t v);

/* Loads the row's source operand into insn.b. */
int emul_source(struct emul *e, struct insn *i);

/* alu.c: computations on insn.a, insn.b, insn.flags. */
int emul_alu(struct emul *e, struct insn *i);
int emul_test(struct emul *e, struct insn *i);
int emul_unary(struct emul *e, struct insn *i);
int emul_shift(struct emul *e, struct insn *i);
int emul_shift_double(struct emul *e, struct insn *i);
int emul_move(struct emul *e, struct insn *i);
int emul_move_signed(struct emul *e, struct insn *i);
int emul_move_swapped(struct emul *e, struct insn *i);
int emul_exchange(struct emul *e, struct insn *i);
int emul_exchange_add(struct emul *e, struct insn *i);
int emul_compare_exchange(struct emul *e, struct insn *i);
int emul_bit(struct emul *e, struct insn *i);
int emul_bit_scan(struct emul *e, struct insn *i);
int emul_set(struct emul *e, struct insn *i);
int emul_cmov(struct emul *e, struct insn *i);
bool emul_condition(uint64_t flags, unsigned code);
void emul_flags_sub(struct insn *i, uint64_t a, uint64_t b, unsigned bytes);
/* muldiv.c */
int emul_multiply(struct emul *e, struct insn *i);
int emul_multiply_to(struct emul *e, struct insn *i);
int emul_divide(struct emul *e, struct insn *i);

/* perform handlers: string.c, stack.c, segment.c, vector.c, execute.c */
int emul_string(struct emul *e, struct insn *i);
int emul_push(struct emul *e, struct insn *i);
int emul_pop(struct emul *e, struct insn *i);
int emul_branch(struct emul *e, struct insn *i);
int emul_move_to_sreg(struct emul *e, struct insn *i);
int emul_io_permit(struct emul *e, const struct insn *i, unsigned port, unsigned bytes);
int emul_vector_move(struct emul *e, struct insn *i);
int emul_compare_exchange_pair(struct emul *e, struct insn *i);
int emul_nothing(struct emul *e, struct insn *i);
int emul_flush_line(struct emul *e, struct insn *i);

enum { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP }; /* encoding order */
enum { SHIFT_ROL, SHIFT_ROR, SHIFT_RCL, SHIFT_RCR, SHIFT_SHL, SHIFT_SHR, SHIFT_SAL, SHIFT_SAR };
enum { UNARY_NOT, UNARY_NEG, UNARY_INC, UNARY_DEC };
enum { BIT_TEST, BIT_SET, BIT_RESET, BIT_COMPLEMENT };
enum { SCAN_FORWARD, SCAN_REVERSE, SCAN_TZCNT, SCAN_LZCNT, SCAN_POPCNT };
enum { MUL_UNSIGNED, MUL_SIGNED };
enum { STRING_MOVS, STRING_CMPS, STRING_STOS, STRING_LODS, STRING_SCAS, STRING_INS, STRING_OUTS };
enum { BRANCH_CALL, BRANCH_JMP };
/* arg of a vector move: bytes in memory, and how. Source O_RM: rm may be a general register. */
enum {
	V_BYTES = 0x1f, /* 4, 8, 16; 0: VEX.L or 16 */
	V_STORE = 0x20, /* register to ModRM.rm */
	V_HIGH = 0x40, /* the high half of the register, the low is kept */
	V_ALIGNED = 0x80,
};
