/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arithmetic of the instructions: results and flags from operand values. Nothing here touches
 * memory. What the architecture leaves undefined is left as the flag was.
 */
#include "guests/emul/insn.h"
#include "lib/x86/cr.h"

static uint64_t sign_bit(unsigned bytes)
{
	return 1ULL << (bytes * 8 - 1);
}

static void flag(struct insn *i, uint64_t bit, bool on)
{
	i->flags = on ? i->flags | bit : i->flags & ~bit;
}

/* PF, ZF and SF of a result. */
static void flags_result(struct insn *i, uint64_t value, unsigned bytes)
{
	uint64_t v = value & size_mask(bytes);

	/* bit n of 0x9669 says whether the nibble n has an even number of ones */
	flag(i, RFLAGS_PF, 0x9669U >> ((v ^ v >> 4) & 15) & 1);
	flag(i, RFLAGS_ZF, v == 0);
	flag(i, RFLAGS_SF, v & sign_bit(bytes));
}

/* CF, AF and OF out of a vector that has, at each bit, the carry (or borrow) out of it. */
static void flags_carry(struct insn *i, uint64_t carry, unsigned bytes)
{
	unsigned top = bytes * 8 - 1;

	flag(i, RFLAGS_CF, carry >> top & 1);
	flag(i, RFLAGS_AF, carry >> 3 & 1);
	flag(i, RFLAGS_OF, (carry >> top ^ carry >> (top - 1)) & 1);
}

static uint64_t add(struct insn *i, uint64_t a, uint64_t b, unsigned carry, unsigned bytes)
{
	uint64_t r = a + b + carry;

	flags_carry(i, (a & b) | ((a | b) & ~r), bytes);
	flags_result(i, r, bytes);
	return r;
}

static uint64_t sub(struct insn *i, uint64_t a, uint64_t b, unsigned borrow, unsigned bytes)
{
	uint64_t r = a - b - borrow;

	flags_carry(i, (~a & b) | ((~a | b) & r), bytes);
	flags_result(i, r, bytes);
	return r;
}

static uint64_t logic(struct insn *i, uint64_t r, unsigned bytes)
{
	flag(i, RFLAGS_CF | RFLAGS_OF, false);
	flags_result(i, r, bytes);
	return r;
}

void emul_flags_sub(struct insn *i, uint64_t a, uint64_t b, unsigned bytes)
{
	(void)sub(i, a, b, 0, bytes);
}

int emul_alu(struct emul *e, struct insn *i)
{
	uint64_t a = i->a, b = i->b;
	unsigned carry = i->flags & RFLAGS_CF;

	(void)e;
	switch (i->op->arg) {
	case ALU_ADD:
		i->a = add(i, a, b, 0, i->size);
		break;
	case ALU_OR:
		i->a = logic(i, a | b, i->size);
		break;
	case ALU_ADC:
		i->a = add(i, a, b, carry, i->size);
		break;
	case ALU_SBB:
		i->a = sub(i, a, b, carry, i->size);
		break;
	case ALU_AND:
		i->a = logic(i, a & b, i->size);
		break;
	case ALU_XOR:
		i->a = logic(i, a ^ b, i->size);
		break;
	default: /* SUB, CMP */
		i->a = sub(i, a, b, 0, i->size);
		break;
	}
	return EMUL_OK;
}

int emul_test(struct emul *e, struct insn *i)
{
	(void)e;
	(void)logic(i, i->a & i->b, i->size);
	return EMUL_OK;
}

int emul_unary(struct emul *e, struct insn *i)
{
	uint64_t carry = i->flags & RFLAGS_CF;

	(void)e;
	switch (i->op->arg) {
	case UNARY_NOT:
		i->a = ~i->a;
		return EMUL_OK;
	case UNARY_NEG:
		i->a = sub(i, 0, i->a, 0, i->size);
		return EMUL_OK;
	case UNARY_INC:
		i->a = add(i, i->a, 1, 0, i->size);
		break;
	default:
		i->a = sub(i, i->a, 1, 0, i->size);
		break;
	}
	flag(i, RFLAGS_CF, carry); /* INC and DEC leave it */
	return EMUL_OK;
}

/* ROL and ROR; `count` is not 0. */
static void rotate(struct insn *i, unsigned count)
{
	unsigned bits = i->size * 8U, left = count % bits;
	uint64_t a = i->a & size_mask(i->size);

	if (i->op->arg == SHIFT_ROR)
		left = (bits - left) % bits;
	if (left != 0)
		a = a << left | a >> (bits - left);
	i->a = a & size_mask(i->size);
	if (i->op->arg == SHIFT_ROL) {
		flag(i, RFLAGS_CF, a & 1);
		flag(i, RFLAGS_OF, (a >> (bits - 1) ^ a) & 1);
	} else {
		flag(i, RFLAGS_CF, a >> (bits - 1) & 1);
		flag(i, RFLAGS_OF, (a >> (bits - 1) ^ a >> (bits - 2)) & 1);
	}
}

/* RCL and RCR, a bit at a time: at most 63 rounds. */
static void rotate_carry(struct insn *i, unsigned count)
{
	unsigned top = i->size * 8U - 1;
	uint64_t a = i->a & size_mask(i->size), carry = i->flags & RFLAGS_CF;

	for (count %= top + 2; count != 0; count--) {
		uint64_t out;

		if (i->op->arg == SHIFT_RCL) {
			out = a >> top & 1;
			a = (a << 1 | carry) & size_mask(i->size);
		} else {
			out = a & 1;
			a = a >> 1 | carry << top;
		}
		carry = out;
	}
	i->a = a;
	flag(i, RFLAGS_CF, carry);
	flag(i, RFLAGS_OF,
	     (a >> top ^ (i->op->arg == SHIFT_RCL ? carry : a >> (top - 1))) & 1);
}

static void shift(struct insn *i, unsigned count)
{
	unsigned bits = i->size * 8U;
	uint64_t a = i->a & size_mask(i->size), wide = sign_extend(a, i->size);

	switch (i->op->arg) {
	case SHIFT_SHR:
		flag(i, RFLAGS_CF, a >> (count - 1) & 1);
		flag(i, RFLAGS_OF, a & sign_bit(i->size));
		i->a = a >> count;
		break;
	case SHIFT_SAR:
		flag(i, RFLAGS_CF, (int64_t)wide >> (count - 1) & 1);
		flag(i, RFLAGS_OF, false);
		i->a = (uint64_t)((int64_t)wide >> count);
		break;
	default:
		flag(i, RFLAGS_CF, count <= bits && (a >> (bits - count) & 1));
		i->a = a << count;
		flag(i, RFLAGS_OF, ((i->a & sign_bit(i->size)) != 0) != (i->flags & RFLAGS_CF));
		break;
	}
	flags_result(i, i->a, i->size);
}

int emul_shift(struct emul *e, struct insn *i)
{
	unsigned count = (unsigned)i->b & (i->size == 8 ? 63 : 31);

	(void)e;
	if (count == 0)
		return EMUL_OK;
	if (i->op->arg <= SHIFT_ROR)
		rotate(i, count);
	else if (i->op->arg <= SHIFT_RCR)
		rotate_carry(i, count);
	else
		shift(i, count);
	return EMUL_OK;
}

/* SHLD (arg 0) and SHRD; the count is the immediate or, without one, CL. */
int emul_shift_double(struct emul *e, struct insn *i)
{
	uint64_t by = i->op->flags & OP_IMM8 ? i->imm : e->regs->gpr[GPR_RCX];
	unsigned count = (unsigned)by & (i->size == 8 ? 63 : 31), bits = i->size * 8U;
	uint64_t a = i->a & size_mask(i->size), b = i->b & size_mask(i->size), r;

	if (count == 0)
		return EMUL_OK;
	if (count > bits) { /* 16-bit only, undefined: as a shift by the rest */
		count -= bits;
		a = b;
	}
	if (i->op->arg == 0) {
		r = count == bits ? b : a << count | b >> (bits - count);
		flag(i, RFLAGS_CF, a >> (bits - count) & 1);
	} else {
		r = count == bits ? b : a >> count | b << (bits - count);
		flag(i, RFLAGS_CF, a >> (count - 1) & 1);
	}
	flag(i, RFLAGS_OF, (r ^ a) & sign_bit(i->size));
	flags_result(i, r, i->size);
	i->a = r;
	return EMUL_OK;
}

int emul_move(struct emul *e, struct insn *i)
{
	(void)e;
	i->a = i->b;
	return EMUL_OK;
}

int emul_move_signed(struct emul *e, struct insn *i)
{
	uint32_t flags = i->op->flags;

	(void)e;
	i->a = sign_extend(i->b, flags & OP_SRC8 ? 1 : flags & OP_SRC16 ? 2 : i->size < 4 ? 2 : 4);
	return EMUL_OK;
}

int emul_move_swapped(struct emul *e, struct insn *i)
{
	(void)e;
	i->a = __builtin_bswap64(i->b) >> (64 - i->size * 8U);
	return EMUL_OK;
}

int emul_exchange(struct emul *e, struct insn *i)
{
	uint64_t old = i->a;

	(void)e;
	i->a = i->b;
	i->b = old;
	return EMUL_OK;
}

int emul_exchange_add(struct emul *e, struct insn *i)
{
	uint64_t old = i->a;

	(void)e;
	i->a = add(i, i->a, i->b, 0, i->size);
	i->b = old;
	return EMUL_OK;
}

/*
 * A memory destination is always written, with its old value when they differ [SDM2 "CMPXCHG"]; the
 * accumulator is then loaded by the caller, after the write (insn.b).
 */
int emul_compare_exchange(struct emul *e, struct insn *i)
{
	uint64_t mask = size_mask(i->size), acc = e->regs->gpr[GPR_RAX] & mask;
	uint64_t old = i->a & mask;

	(void)sub(i, acc, old, 0, i->size);
	i->a = acc == old ? i->b : old;
	i->keep = acc != old;
	i->b = old;
	return EMUL_OK;
}

int emul_bit(struct emul *e, struct insn *i)
{
	uint64_t bit = 1ULL << (i->b & (i->size * 8U - 1));

	(void)e;
	flag(i, RFLAGS_CF, i->a & bit);
	if (i->op->arg == BIT_SET)
		i->a |= bit;
	else if (i->op->arg == BIT_RESET)
		i->a &= ~bit;
	else if (i->op->arg == BIT_COMPLEMENT)
		i->a ^= bit;
	return EMUL_OK;
}

/* Number of the lowest (or highest) one of a value that is not 0. */
static unsigned lowest(uint64_t v)
{
	return (unsigned)__builtin_ctzll(v);
}

static unsigned highest(uint64_t v)
{
	return 63 - (unsigned)__builtin_clzll(v);
}

static unsigned ones(uint64_t v)
{
	unsigned n = 0;

	for (; v != 0; v &= v - 1)
		n++;
	return n;
}

int emul_bit_scan(struct emul *e, struct insn *i)
{
	uint64_t v = i->b & size_mask(i->size);
	unsigned bits = i->size * 8U;

	(void)e;
	switch (i->op->arg) {
	case SCAN_POPCNT:
		i->flags &= ~RFLAGS_STATUS;
		flag(i, RFLAGS_ZF, v == 0);
		i->a = ones(v);
		return EMUL_OK;
	case SCAN_TZCNT:
	case SCAN_LZCNT:
		i->a = v == 0			     ? bits
		       : i->op->arg == SCAN_TZCNT ? lowest(v)
						     : bits - 1 - highest(v);
		flag(i, RFLAGS_CF, v == 0);
		flag(i, RFLAGS_ZF, i->a == 0);
		return EMUL_OK;
	default: /* a source of 0 leaves the destination as it was */
		flag(i, RFLAGS_ZF, v == 0);
		i->keep = v == 0;
		if (v != 0)
			i->a = i->op->arg == SCAN_FORWARD ? lowest(v) : highest(v);
		return EMUL_OK;
	}
}

/* [SDM2 "Encoding of Conditional Test Field"] */
bool emul_condition(uint64_t flags, unsigned code)
{
	bool cf = flags & RFLAGS_CF, zf = flags & RFLAGS_ZF;
	bool less = !(flags & RFLAGS_SF) != !(flags & RFLAGS_OF), on;

	switch (code >> 1 & 7) {
	case 0:
		on = flags & RFLAGS_OF;
		break;
	case 1:
		on = cf;
		break;
	case 2:
		on = zf;
		break;
	case 3:
		on = cf || zf;
		break;
	case 4:
		on = flags & RFLAGS_SF;
		break;
	case 5:
		on = flags & RFLAGS_PF;
		break;
	case 6:
		on = less;
		break;
	default:
		on = zf || less;
		break;
	}
	return on != (code & 1);
}

int emul_set(struct emul *e, struct insn *i)
{
	(void)e;
	i->a = emul_condition(i->flags, i->opcode);
	return EMUL_OK;
}

int emul_cmov(struct emul *e, struct insn *i)
{
	(void)e;
	if (emul_condition(i->flags, i->opcode))
		i->a = i->b;
	return EMUL_OK;
}
