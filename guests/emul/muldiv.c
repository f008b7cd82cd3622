/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Multiplication and division. Double-width values are pairs of 64-bit halves, so that the
 * compiler's 128-bit library is not needed.
 */
#include "guests/emul/insn.h"
#include "lib/x86/cr.h"

struct wide {
	uint64_t low, high;
};

static struct wide multiply(uint64_t a, uint64_t b, bool is_signed)
{
	struct wide w;

	if (is_signed)
		__asm__("imulq %3" : "=a"(w.low), "=d"(w.high) : "a"(a), "rm"(b) : "cc");
	else
		__asm__("mulq %3" : "=a"(w.low), "=d"(w.high) : "a"(a), "rm"(b) : "cc");
	return w;
}

static void flags_overflow(struct insn *i, bool overflow)
{
	i->flags &= ~(RFLAGS_CF | RFLAGS_OF);
	if (overflow)
		i->flags |= RFLAGS_CF | RFLAGS_OF;
}

/* Result halves into AX, or rDX:rAX. */
static void set_pair(struct emul *e, const struct insn *i, uint64_t low, uint64_t high)
{
	if (i->size == 1) {
		emul_gpr_set(e, GPR_RAX, 2, (low & 0xff) | (high & 0xff) << 8);
		return;
	}
	emul_gpr_set(e, GPR_RAX, i->size, low);
	emul_gpr_set(e, GPR_RDX, i->size, high);
}

/* MUL and IMUL of one operand. */
int emul_multiply(struct emul *e, struct insn *i)
{
	uint64_t acc = e->regs->gpr[GPR_RAX], mask = size_mask(i->size), low, high;
	unsigned bits = i->size * 8U;
	bool is_signed = i->op->arg == MUL_SIGNED;
	struct wide w;

	if (is_signed)
		w = multiply(sign_extend(acc, i->size), sign_extend(i->b, i->size), true);
	else
		w = multiply(acc & mask, i->b & mask, false);
	low = w.low & mask;
	high = i->size == 8 ? w.high : w.low >> bits & mask;
	flags_overflow(i, is_signed ? high != ((0 - (low >> (bits - 1))) & mask) : high != 0);
	set_pair(e, i, low, high);
	return EMUL_OK;
}

/* IMUL with a register destination; arg 1: times the immediate. */
int emul_multiply_to(struct emul *e, struct insn *i)
{
	uint64_t factor = i->op->arg == 1 ? i->imm : sign_extend(i->a, i->size);
	struct wide w = multiply(factor, sign_extend(i->b, i->size), true);
	uint64_t fits = sign_extend(w.low, i->size);

	(void)e;
	i->a = w.low;
	flags_overflow(i, fits != w.low || w.high != 0 - (w.low >> 63));
	return EMUL_OK;
}

static struct wide negate(struct wide w)
{
	w.low = 0 - w.low;
	w.high = ~w.high + (w.low == 0);
	return w;
}

/* Unsigned; w.high is below d, so the quotient fits. Quotient in low, remainder in high. */
static struct wide divide(struct wide w, uint64_t d)
{
	__asm__("divq %2" : "+a"(w.low), "+d"(w.high) : "rm"(d) : "cc");
	return w;
}

int emul_divide(struct emul *e, struct insn *i)
{
	const uint64_t *gpr = e->regs->gpr;
	uint64_t mask = size_mask(i->size), d = i->b & mask, limit = mask;
	bool minus = false, minus_d = false;
	struct wide w;

	if (i->size == 8) {
		w = (struct wide){ gpr[GPR_RAX], gpr[GPR_RDX] };
	} else {
		uint64_t high = i->size == 1 ? gpr[GPR_RAX] >> 8 : gpr[GPR_RDX];

		w.low = (gpr[GPR_RAX] & mask) | (high & mask) << (i->size * 8);
		w.high = 0;
		if (i->op->arg == MUL_SIGNED) {
			w.low = sign_extend(w.low, i->size * 2U);
			w.high = 0 - (w.low >> 63);
		}
	}
	if (i->op->arg == MUL_SIGNED) {
		minus = w.high >> 63;
		minus_d = d >> (i->size * 8 - 1) & 1;
		w = minus ? negate(w) : w;
		d = minus_d ? (0 - d) & mask : d;
		limit = (mask >> 1) + (minus != minus_d); /* largest magnitude of a quotient */
	}
	if (d == 0 || w.high >= d)
		return emul_raise(e, VECTOR_DE);
	w = divide(w, d);
	if (w.low > limit)
		return emul_raise(e, VECTOR_DE);
	set_pair(e, i, minus != minus_d ? 0 - w.low : w.low, minus ? 0 - w.high : w.high);
	return EMUL_OK;
}
