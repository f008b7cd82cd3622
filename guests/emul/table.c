/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The opcode table: a row for each encoding that the emulator knows, and nothing else. The unit
 * test walks it and runs each row on the real processor as well.
 */
#include "guests/emul/insn.h"
#include "lib/x86/cr.h"

#define AF RFLAGS_AF
#define OF RFLAGS_OF
#define ALL_BUT_ZF (RFLAGS_STATUS & ~RFLAGS_ZF)
#define ALL_BUT_CF_OF (RFLAGS_STATUS & ~(RFLAGS_CF | RFLAGS_OF))
#define ALL_BUT_CF_ZF (RFLAGS_STATUS & ~(RFLAGS_CF | RFLAGS_ZF))

#define RW (OP_READ | OP_WRITE)
#define LOCKABLE (OP_READ | OP_WRITE | OP_LOCK)

/* A row whose handler computes: name, handler, operands, flags, undefined flags, argument. */
#define COMPUTE(n, fn, d, s, f, u, a)                                                              \
	{ .name = n, .row = ROW_PLAIN, .compute = fn, .dst = d, .src = s, .arg = a,                \
	  .flags = (f) | (((d) == O_RM || (s) == O_RM || (d) == O_REG) ? (uint32_t)OP_MODRM : 0) | \
		   (((s) == O_IMM || (s) == O_IMM8 || (s) == O_OFFSET || (d) == O_OFFSET ||         \
		     ((f) & (OP_IMM | OP_IMM8))) ? (uint32_t)OP_TAIL : 0),                          \
	  .undefined = (uint16_t)(u) }
/* A row whose handler does everything. */
#define PERFORM(n, fn, s, f, a)                                                                    \
	{ .name = n, .row = ROW_PLAIN, .perform = fn, .src = s, .arg = a,                          \
	  .flags = (f) | ((s) == O_RM ? (uint32_t)OP_MODRM : 0) }
#define BY_REG(rows)	{ .row = ROW_BY_REG, .sub = rows, .flags = OP_MODRM }
#define BY_PREFIX(rows) { .row = ROW_BY_PREFIX, .sub = rows }

#define ALU_ROWS(code, n, op, wr, und)                                                             \
	[(code) + 0] = COMPUTE(n, emul_alu, O_RM, O_REG, OP_BYTE | wr, und, op),                   \
	[(code) + 1] = COMPUTE(n, emul_alu, O_RM, O_REG, wr, und, op),                             \
	[(code) + 2] = COMPUTE(n, emul_alu, O_REG, O_RM, OP_BYTE | (wr & ~OP_LOCK), und, op),      \
	[(code) + 3] = COMPUTE(n, emul_alu, O_REG, O_RM, wr & ~OP_LOCK, und, op),                  \
	[(code) + 4] = COMPUTE(n, emul_alu, O_ACC, O_IMM, OP_BYTE | (wr & ~OP_LOCK), und, op),     \
	[(code) + 5] = COMPUTE(n, emul_alu, O_ACC, O_IMM, wr & ~OP_LOCK, und, op)

#define ALU_GROUP(s, f)                                                                            \
	{                                                                                          \
		COMPUTE("add", emul_alu, O_RM, s, LOCKABLE | f, 0, ALU_ADD),                       \
		COMPUTE("or", emul_alu, O_RM, s, LOCKABLE | f, AF, ALU_OR),                        \
		COMPUTE("adc", emul_alu, O_RM, s, LOCKABLE | f, 0, ALU_ADC),                       \
		COMPUTE("sbb", emul_alu, O_RM, s, LOCKABLE | f, 0, ALU_SBB),                       \
		COMPUTE("and", emul_alu, O_RM, s, LOCKABLE | f, AF, ALU_AND),                      \
		COMPUTE("sub", emul_alu, O_RM, s, LOCKABLE | f, 0, ALU_SUB),                       \
		COMPUTE("xor", emul_alu, O_RM, s, LOCKABLE | f, AF, ALU_XOR),                      \
		COMPUTE("cmp", emul_alu, O_RM, s, OP_READ | f, 0, ALU_CMP),                        \
	}

static const struct emul_op alu_byte[8] = ALU_GROUP(O_IMM, OP_BYTE);
static const struct emul_op alu_byte_82[8] = ALU_GROUP(O_IMM, OP_BYTE | OP_NO64);
static const struct emul_op alu_imm[8] = ALU_GROUP(O_IMM, 0);
static const struct emul_op alu_imm8[8] = ALU_GROUP(O_IMM8, 0);

#define SHIFT_ROW(n, s, f, u, a) COMPUTE(n, emul_shift, O_RM, s, RW | OP_OF_1 | f, u, a)
#define SHIFT_GROUP(s, f)                                                                          \
	{                                                                                          \
		SHIFT_ROW("rol", s, f, 0, SHIFT_ROL), SHIFT_ROW("ror", s, f, 0, SHIFT_ROR),        \
		SHIFT_ROW("rcl", s, f, 0, SHIFT_RCL), SHIFT_ROW("rcr", s, f, 0, SHIFT_RCR),        \
		SHIFT_ROW("shl", s, f, AF, SHIFT_SHL), SHIFT_ROW("shr", s, f, AF, SHIFT_SHR),      \
		SHIFT_ROW("sal", s, f, AF, SHIFT_SAL), SHIFT_ROW("sar", s, f, AF, SHIFT_SAR),      \
	}

static const struct emul_op shift_byte_imm[8] = SHIFT_GROUP(O_IMM8, OP_BYTE);
static const struct emul_op shift_imm[8] = SHIFT_GROUP(O_IMM8, 0);
static const struct emul_op shift_byte_one[8] = SHIFT_GROUP(O_ONE, OP_BYTE);
static const struct emul_op shift_one[8] = SHIFT_GROUP(O_ONE, 0);
static const struct emul_op shift_byte_cl[8] = SHIFT_GROUP(O_CL, OP_BYTE);
static const struct emul_op shift_cl[8] = SHIFT_GROUP(O_CL, 0);

#define UNARY_GROUP(f)                                                                             \
	{                                                                                          \
		COMPUTE("test", emul_test, O_RM, O_IMM, OP_READ | f, AF, 0),                       \
		COMPUTE("test", emul_test, O_RM, O_IMM, OP_READ | f, AF, 0),                       \
		COMPUTE("not", emul_unary, O_RM, O_NONE, LOCKABLE | f, 0, UNARY_NOT),              \
		COMPUTE("neg", emul_unary, O_RM, O_NONE, LOCKABLE | f, 0, UNARY_NEG),              \
		COMPUTE("mul", emul_multiply, O_NONE, O_RM, f, ALL_BUT_CF_OF, MUL_UNSIGNED),       \
		COMPUTE("imul", emul_multiply, O_NONE, O_RM, f, ALL_BUT_CF_OF, MUL_SIGNED),        \
		COMPUTE("div", emul_divide, O_NONE, O_RM, f, RFLAGS_STATUS, MUL_UNSIGNED),         \
		COMPUTE("idiv", emul_divide, O_NONE, O_RM, f, RFLAGS_STATUS, MUL_SIGNED),          \
	}

static const struct emul_op unary_byte[8] = UNARY_GROUP(OP_BYTE);
static const struct emul_op unary[8] = UNARY_GROUP(0);

static const struct emul_op group_fe[8] = {
	[0] = COMPUTE("inc", emul_unary, O_RM, O_NONE, LOCKABLE | OP_BYTE, 0, UNARY_INC),
	[1] = COMPUTE("dec", emul_unary, O_RM, O_NONE, LOCKABLE | OP_BYTE, 0, UNARY_DEC),
};

static const struct emul_op group_ff[8] = {
	[0] = COMPUTE("inc", emul_unary, O_RM, O_NONE, LOCKABLE, 0, UNARY_INC),
	[1] = COMPUTE("dec", emul_unary, O_RM, O_NONE, LOCKABLE, 0, UNARY_DEC),
	[2] = PERFORM("call", emul_branch, O_RM, OP_D64 | OP_BRANCH | OP_STACK, BRANCH_CALL),
	[4] = PERFORM("jmp", emul_branch, O_RM, OP_D64 | OP_BRANCH, BRANCH_JMP),
	[6] = PERFORM("push", emul_push, O_RM, OP_D64 | OP_STACK, 0),
};

static const struct emul_op group_8f[8] = {
	[0] = PERFORM("pop", emul_pop, O_RM, OP_D64 | OP_STACK, 0),
};

static const struct emul_op group_c6[8] = {
	[0] = COMPUTE("mov", emul_move, O_RM, O_IMM, OP_BYTE | OP_WRITE, 0, 0),
};

static const struct emul_op group_c7[8] = {
	[0] = COMPUTE("mov", emul_move, O_RM, O_IMM, OP_WRITE, 0, 0),
};

#define STRING(n, a, f) PERFORM(n, emul_string, O_NONE, OP_STRING | f, a)

static const struct emul_op map_one[256] = {
	ALU_ROWS(0x00, "add", ALU_ADD, LOCKABLE, 0),
	ALU_ROWS(0x08, "or", ALU_OR, LOCKABLE, AF),
	ALU_ROWS(0x10, "adc", ALU_ADC, LOCKABLE, 0),
	ALU_ROWS(0x18, "sbb", ALU_SBB, LOCKABLE, 0),
	ALU_ROWS(0x20, "and", ALU_AND, LOCKABLE, AF),
	ALU_ROWS(0x28, "sub", ALU_SUB, LOCKABLE, 0),
	ALU_ROWS(0x30, "xor", ALU_XOR, LOCKABLE, AF),
	ALU_ROWS(0x38, "cmp", ALU_CMP, OP_READ, 0),
	[0x63] = COMPUTE("movsxd", emul_move_signed, O_REG, O_RM,
			 OP_WRITE | OP_SRC32 | OP_ONLY64, 0, 0),
	[0x69] = COMPUTE("imul", emul_multiply_to, O_REG, O_RM, OP_WRITE | OP_IMM, ALL_BUT_CF_OF, 1),
	[0x6b] = COMPUTE("imul", emul_multiply_to, O_REG, O_RM, OP_WRITE | OP_IMM8, ALL_BUT_CF_OF,
			 1),
	[0x6c] = STRING("ins", STRING_INS, OP_BYTE | OP_IO),
	[0x6d] = STRING("ins", STRING_INS, OP_IO),
	[0x6e] = STRING("outs", STRING_OUTS, OP_BYTE | OP_IO),
	[0x6f] = STRING("outs", STRING_OUTS, OP_IO),
	[0x80] = BY_REG(alu_byte),
	[0x81] = BY_REG(alu_imm),
	[0x82] = BY_REG(alu_byte_82),
	[0x83] = BY_REG(alu_imm8),
	[0x84] = COMPUTE("test", emul_test, O_RM, O_REG, OP_READ | OP_BYTE, AF, 0),
	[0x85] = COMPUTE("test", emul_test, O_RM, O_REG, OP_READ, AF, 0),
	[0x86] = COMPUTE("xchg", emul_exchange, O_RM, O_REG,
			 LOCKABLE | OP_LOCKED | OP_SWAP | OP_BYTE, 0, 0),
	[0x87] = COMPUTE("xchg", emul_exchange, O_RM, O_REG, LOCKABLE | OP_LOCKED | OP_SWAP, 0, 0),
	[0x88] = COMPUTE("mov", emul_move, O_RM, O_REG, OP_WRITE | OP_BYTE, 0, 0),
	[0x89] = COMPUTE("mov", emul_move, O_RM, O_REG, OP_WRITE, 0, 0),
	[0x8a] = COMPUTE("mov", emul_move, O_REG, O_RM, OP_WRITE | OP_BYTE, 0, 0),
	[0x8b] = COMPUTE("mov", emul_move, O_REG, O_RM, OP_WRITE, 0, 0),
	[0x8c] = COMPUTE("mov", emul_move, O_RM, O_SREG, OP_WRITE | OP_DST16 | OP_SREG, 0, 0),
	[0x8e] = PERFORM("mov", emul_move_to_sreg, O_RM, OP_SRC16 | OP_SREG, 0),
	[0x8f] = BY_REG(group_8f),
	[0xa0] = COMPUTE("mov", emul_move, O_ACC, O_OFFSET, OP_WRITE | OP_BYTE, 0, 0),
	[0xa1] = COMPUTE("mov", emul_move, O_ACC, O_OFFSET, OP_WRITE, 0, 0),
	[0xa2] = COMPUTE("mov", emul_move, O_OFFSET, O_ACC, OP_WRITE | OP_BYTE, 0, 0),
	[0xa3] = COMPUTE("mov", emul_move, O_OFFSET, O_ACC, OP_WRITE, 0, 0),
	[0xa4] = STRING("movs", STRING_MOVS, OP_BYTE),
	[0xa5] = STRING("movs", STRING_MOVS, 0),
	[0xa6] = STRING("cmps", STRING_CMPS, OP_BYTE),
	[0xa7] = STRING("cmps", STRING_CMPS, 0),
	[0xaa] = STRING("stos", STRING_STOS, OP_BYTE),
	[0xab] = STRING("stos", STRING_STOS, 0),
	[0xac] = STRING("lods", STRING_LODS, OP_BYTE),
	[0xad] = STRING("lods", STRING_LODS, 0),
	[0xae] = STRING("scas", STRING_SCAS, OP_BYTE),
	[0xaf] = STRING("scas", STRING_SCAS, 0),
	[0xc0] = BY_REG(shift_byte_imm),
	[0xc1] = BY_REG(shift_imm),
	[0xc6] = BY_REG(group_c6),
	[0xc7] = BY_REG(group_c7),
	[0xd0] = BY_REG(shift_byte_one),
	[0xd1] = BY_REG(shift_one),
	[0xd2] = BY_REG(shift_byte_cl),
	[0xd3] = BY_REG(shift_cl),
	[0xf6] = BY_REG(unary_byte),
	[0xf7] = BY_REG(unary),
	[0xfe] = BY_REG(group_fe),
	[0xff] = BY_REG(group_ff),
};

/* Sixteen conditions of the same instruction. */
#define CONDITIONS(code, row)                                                                      \
	[(code) + 0] = row, [(code) + 1] = row, [(code) + 2] = row, [(code) + 3] = row,            \
	[(code) + 4] = row, [(code) + 5] = row, [(code) + 6] = row, [(code) + 7] = row,            \
	[(code) + 8] = row, [(code) + 9] = row, [(code) + 10] = row, [(code) + 11] = row,          \
	[(code) + 12] = row, [(code) + 13] = row, [(code) + 14] = row, [(code) + 15] = row

#define CMOV COMPUTE("cmov", emul_cmov, O_REG, O_RM, RW, 0, 0)
#define SET  COMPUTE("set", emul_set, O_RM, O_NONE, OP_WRITE | OP_BYTE, 0, 0)

/* One vector move: the row goes under its mandatory prefix. */
#define VMOVE(n, a)	PERFORM(n, emul_vector_move, O_NONE, OP_VECTOR | OP_MODRM, a)
#define VMOVE_MEM(n, a) PERFORM(n, emul_vector_move, O_NONE, OP_VECTOR | OP_MODRM | OP_MEMORY, a)
#define VMOVE_GPR(n, a) PERFORM(n, emul_vector_move, O_RM, OP_VECTOR, a)

static const struct emul_op mov_10[PREFIX_COUNT] = {
	VMOVE("movups", 0), VMOVE("movupd", 0), VMOVE("movss", 4), VMOVE("movsd", 8),
};
static const struct emul_op mov_11[PREFIX_COUNT] = {
	VMOVE("movups", V_STORE), VMOVE("movupd", V_STORE),
	VMOVE("movss", V_STORE | 4), VMOVE("movsd", V_STORE | 8),
};
static const struct emul_op mov_12[PREFIX_COUNT] = {
	VMOVE("movlps", 8), VMOVE_MEM("movlpd", 8), /* MOVHLPS between registers */
};
static const struct emul_op mov_13[PREFIX_COUNT] = {
	VMOVE_MEM("movlps", V_STORE | 8), VMOVE_MEM("movlpd", V_STORE | 8),
};
static const struct emul_op mov_16[PREFIX_COUNT] = {
	VMOVE("movhps", V_HIGH | 8), VMOVE_MEM("movhpd", V_HIGH | 8), /* MOVLHPS */
};
static const struct emul_op mov_17[PREFIX_COUNT] = {
	VMOVE_MEM("movhps", V_HIGH | V_STORE | 8), VMOVE_MEM("movhpd", V_HIGH | V_STORE | 8),
};
static const struct emul_op mov_28[PREFIX_COUNT] = {
	VMOVE("movaps", V_ALIGNED), VMOVE("movapd", V_ALIGNED),
};
static const struct emul_op mov_29[PREFIX_COUNT] = {
	VMOVE("movaps", V_ALIGNED | V_STORE), VMOVE("movapd", V_ALIGNED | V_STORE),
};
static const struct emul_op mov_2b[PREFIX_COUNT] = {
	VMOVE_MEM("movntps", V_ALIGNED | V_STORE), VMOVE_MEM("movntpd", V_ALIGNED | V_STORE),
};
static const struct emul_op mov_6e[PREFIX_COUNT] = {
	[PREFIX_66] = VMOVE_GPR("movd", 4),
};
static const struct emul_op mov_6f[PREFIX_COUNT] = {
	[PREFIX_66] = VMOVE("movdqa", V_ALIGNED), [PREFIX_F3] = VMOVE("movdqu", 0),
};
static const struct emul_op mov_7e[PREFIX_COUNT] = {
	[PREFIX_66] = VMOVE_GPR("movd", V_STORE | 4), [PREFIX_F3] = VMOVE("movq", 8),
};
static const struct emul_op mov_7f[PREFIX_COUNT] = {
	[PREFIX_66] = VMOVE("movdqa", V_ALIGNED | V_STORE),
	[PREFIX_F3] = VMOVE("movdqu", V_STORE),
};
static const struct emul_op mov_c3[PREFIX_COUNT] = {
	COMPUTE("movnti", emul_move, O_RM, O_REG, OP_WRITE | OP_MEMORY | OP_NO16, 0, 0),
};
static const struct emul_op mov_d6[PREFIX_COUNT] = {
	[PREFIX_66] = VMOVE("movq", V_STORE | 8),
};
static const struct emul_op mov_e7[PREFIX_COUNT] = {
	[PREFIX_66] = VMOVE_MEM("movntdq", V_ALIGNED | V_STORE),
};
static const struct emul_op mov_f0[PREFIX_COUNT] = {
	[PREFIX_F2] = VMOVE_MEM("lddqu", 0),
};

#define BSF COMPUTE("bsf", emul_bit_scan, O_REG, O_RM, RW, ALL_BUT_ZF, SCAN_FORWARD)
#define BSR COMPUTE("bsr", emul_bit_scan, O_REG, O_RM, RW, ALL_BUT_ZF, SCAN_REVERSE)

static const struct emul_op scan_b8[PREFIX_COUNT] = {
	[PREFIX_F3] = COMPUTE("popcnt", emul_bit_scan, O_REG, O_RM, OP_WRITE, 0, SCAN_POPCNT),
};
static const struct emul_op scan_bc[PREFIX_COUNT] = {
	BSF, BSF,
	COMPUTE("tzcnt", emul_bit_scan, O_REG, O_RM, OP_WRITE, ALL_BUT_CF_ZF, SCAN_TZCNT), BSF,
};
static const struct emul_op scan_bd[PREFIX_COUNT] = {
	BSR, BSR,
	COMPUTE("lzcnt", emul_bit_scan, O_REG, O_RM, OP_WRITE, ALL_BUT_CF_ZF, SCAN_LZCNT), BSR,
};

#define BT_FLAGS (RFLAGS_STATUS & ~(RFLAGS_CF | RFLAGS_ZF))
#define BT_ROW(n, s, f, a) COMPUTE(n, emul_bit, O_RM, s, f, BT_FLAGS, a)

static const struct emul_op group_ba[8] = {
	[4] = BT_ROW("bt", O_IMM8, OP_READ, BIT_TEST),
	[5] = BT_ROW("bts", O_IMM8, LOCKABLE, BIT_SET),
	[6] = BT_ROW("btr", O_IMM8, LOCKABLE, BIT_RESET),
	[7] = BT_ROW("btc", O_IMM8, LOCKABLE, BIT_COMPLEMENT),
};

static const struct emul_op group_c7_0f[8] = {
	[1] = PERFORM("cmpxchg8b", emul_compare_exchange_pair, O_RM, OP_LOCK | OP_MEMORY, 0),
};

#define NOTHING(n) PERFORM(n, emul_nothing, O_RM, 0, 0)

static const struct emul_op group_0d[8] = {
	NOTHING("prefetch"), NOTHING("prefetchw"), NOTHING("prefetchwt1"), NOTHING("prefetch"),
	NOTHING("prefetch"), NOTHING("prefetch"), NOTHING("prefetch"), NOTHING("prefetch"),
};

/* CLFLUSH, CLFLUSHOPT (66) and CLWB (66). Their register forms are fences, not ours. */
static const struct emul_op group_ae[8] = {
	[7] = PERFORM("clflush", emul_flush_line, O_RM, 0, 0),
};
static const struct emul_op group_ae_66[8] = {
	[6] = PERFORM("clwb", emul_flush_line, O_RM, 0, 0),
	[7] = PERFORM("clflushopt", emul_flush_line, O_RM, 0, 0),
};
static const struct emul_op prefix_ae[PREFIX_COUNT] = {
	[PREFIX_NONE] = BY_REG(group_ae), [PREFIX_66] = BY_REG(group_ae_66),
};

static const struct emul_op map_0f[256] = {
	[0x0d] = BY_REG(group_0d),
	[0x10] = BY_PREFIX(mov_10),
	[0x11] = BY_PREFIX(mov_11),
	[0x12] = BY_PREFIX(mov_12),
	[0x13] = BY_PREFIX(mov_13),
	[0x16] = BY_PREFIX(mov_16),
	[0x17] = BY_PREFIX(mov_17),
	[0x18] = NOTHING("prefetch"),
	[0x1f] = NOTHING("nop"),
	[0x28] = BY_PREFIX(mov_28),
	[0x29] = BY_PREFIX(mov_29),
	[0x2b] = BY_PREFIX(mov_2b),
	CONDITIONS(0x40, CMOV),
	[0x6e] = BY_PREFIX(mov_6e),
	[0x6f] = BY_PREFIX(mov_6f),
	[0x7e] = BY_PREFIX(mov_7e),
	[0x7f] = BY_PREFIX(mov_7f),
	CONDITIONS(0x90, SET),
	[0xa3] = BT_ROW("bt", O_REG, OP_READ | OP_BITS, BIT_TEST),
	[0xa4] = COMPUTE("shld", emul_shift_double, O_RM, O_REG, RW | OP_IMM8 | OP_OF_1, AF, 0),
	[0xa5] = COMPUTE("shld", emul_shift_double, O_RM, O_REG, RW | OP_OF_1, AF, 0),
	[0xab] = BT_ROW("bts", O_REG, LOCKABLE | OP_BITS, BIT_SET),
	[0xac] = COMPUTE("shrd", emul_shift_double, O_RM, O_REG, RW | OP_IMM8 | OP_OF_1, AF, 1),
	[0xad] = COMPUTE("shrd", emul_shift_double, O_RM, O_REG, RW | OP_OF_1, AF, 1),
	[0xae] = BY_PREFIX(prefix_ae),
	[0xaf] = COMPUTE("imul", emul_multiply_to, O_REG, O_RM, RW, ALL_BUT_CF_OF, 0),
	[0xb0] = COMPUTE("cmpxchg", emul_compare_exchange, O_RM, O_REG, LOCKABLE | OP_BYTE, 0, 0),
	[0xb1] = COMPUTE("cmpxchg", emul_compare_exchange, O_RM, O_REG, LOCKABLE, 0, 0),
	[0xb3] = BT_ROW("btr", O_REG, LOCKABLE | OP_BITS, BIT_RESET),
	[0xb6] = COMPUTE("movzx", emul_move, O_REG, O_RM, OP_WRITE | OP_SRC8, 0, 0),
	[0xb7] = COMPUTE("movzx", emul_move, O_REG, O_RM, OP_WRITE | OP_SRC16, 0, 0),
	[0xb8] = BY_PREFIX(scan_b8),
	[0xba] = BY_REG(group_ba),
	[0xbb] = BT_ROW("btc", O_REG, LOCKABLE | OP_BITS, BIT_COMPLEMENT),
	[0xbc] = BY_PREFIX(scan_bc),
	[0xbd] = BY_PREFIX(scan_bd),
	[0xbe] = COMPUTE("movsx", emul_move_signed, O_REG, O_RM, OP_WRITE | OP_SRC8, 0, 0),
	[0xbf] = COMPUTE("movsx", emul_move_signed, O_REG, O_RM, OP_WRITE | OP_SRC16, 0, 0),
	[0xc0] = COMPUTE("xadd", emul_exchange_add, O_RM, O_REG, LOCKABLE | OP_SWAP | OP_BYTE, 0, 0),
	[0xc1] = COMPUTE("xadd", emul_exchange_add, O_RM, O_REG, LOCKABLE | OP_SWAP, 0, 0),
	[0xc3] = BY_PREFIX(mov_c3),
	[0xc7] = BY_REG(group_c7_0f),
	[0xd6] = BY_PREFIX(mov_d6),
	[0xe7] = BY_PREFIX(mov_e7),
	[0xf0] = BY_PREFIX(mov_f0),
};

/* MOVBE; with F2 these are CRC32, which is not ours. */
static const struct emul_op movbe_load[PREFIX_COUNT] = {
	COMPUTE("movbe", emul_move_swapped, O_REG, O_RM, OP_WRITE | OP_MEMORY, 0, 0),
	COMPUTE("movbe", emul_move_swapped, O_REG, O_RM, OP_WRITE | OP_MEMORY, 0, 0),
};
static const struct emul_op movbe_store[PREFIX_COUNT] = {
	COMPUTE("movbe", emul_move_swapped, O_RM, O_REG, OP_WRITE | OP_MEMORY, 0, 0),
	COMPUTE("movbe", emul_move_swapped, O_RM, O_REG, OP_WRITE | OP_MEMORY, 0, 0),
};
static const struct emul_op mov_2a[PREFIX_COUNT] = {
	[PREFIX_66] = VMOVE_MEM("movntdqa", V_ALIGNED),
};

static const struct emul_op map_0f38[] = {
	[0x2a] = BY_PREFIX(mov_2a),
	[0xf0] = BY_PREFIX(movbe_load),
	[0xf1] = BY_PREFIX(movbe_store),
};

/* VEX moves are those of map 0F, but for the ones that merge two registers. */
static const struct emul_op vex_10[PREFIX_COUNT] = {
	VMOVE("vmovups", 0), VMOVE("vmovupd", 0), VMOVE("vmovss", 4), VMOVE("vmovsd", 8),
};
static const struct emul_op vex_11[PREFIX_COUNT] = {
	VMOVE("vmovups", V_STORE), VMOVE("vmovupd", V_STORE),
	VMOVE("vmovss", V_STORE | 4), VMOVE("vmovsd", V_STORE | 8),
};

static const struct emul_op *vex_row(unsigned opcode)
{
	static const struct emul_op load = BY_PREFIX(vex_10), store = BY_PREFIX(vex_11);

	switch (opcode) {
	case 0x10:
		return &load;
	case 0x11:
		return &store;
	case 0x13: case 0x17: case 0x28: case 0x29: case 0x2b: case 0x6e: case 0x6f: case 0x7e:
	case 0x7f: case 0xd6: case 0xe7: case 0xf0:
		return &map_0f[opcode];
	default:
		return NULL;
	}
}

const struct emul_op *emul_table_row(unsigned map, unsigned opcode)
{
	switch (map) {
	case MAP_ONE:
		return &map_one[opcode & 0xff];
	case MAP_0F:
		return &map_0f[opcode & 0xff];
	case MAP_0F38:
		return opcode < sizeof map_0f38 / sizeof map_0f38[0] ? &map_0f38[opcode] : NULL;
	default:
		return vex_row(opcode & 0xff);
	}
}
