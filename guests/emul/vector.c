/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SSE and AVX moves between memory (or a general register) and a vector register. Registers are
 * the host's, through ops->vector_get and _set; nothing here computes with them.
 */
#include "guests/emul/access.h"
#include "lib/string.h"
#include "lib/x86/cr.h"

/* [SDM2 "Exception Conditions of SSE and AVX Instructions"] */
static int vector_check(struct emul *e, const struct insn *i)
{
	const struct vcpu_regs *r = e->regs;

	if (e->ops->vector_get == NULL || e->ops->vector_set == NULL)
		return EMUL_UNKNOWN;
	if (i->vex) {
		if (i->mode == MODE_REAL || i->mode == MODE_V86 || !(r->cr4 & CR4_OSXSAVE) ||
		    (r->xcr0 & (XCR0_SSE | XCR0_AVX)) != (XCR0_SSE | XCR0_AVX))
			return emul_raise(e, VECTOR_UD);
	} else if ((r->cr0 & CR0_EM) || !(r->cr4 & CR4_OSFXSR)) {
		return emul_raise(e, VECTOR_UD);
	}
	return r->cr0 & CR0_TS ? emul_raise(e, VECTOR_NM) : EMUL_OK;
}

static int host_result(struct emul *e, int error)
{
	e->host_error = error;
	return error == 0 ? EMUL_OK : EMUL_HOST;
}

/* Bytes that the row moves. MOVD becomes MOVQ with REX.W. */
static unsigned vector_bytes(const struct insn *i)
{
	unsigned bytes = i->op->arg & V_BYTES;

	if (bytes == 0)
		return i->vex_wide ? 32 : 16;
	return bytes == 4 && i->op->src == O_RM && i->osize == 8 ? 8 : bytes;
}

static int map_operand(struct emul *e, const struct insn *i, unsigned bytes, unsigned access,
		       struct emul_place *p)
{
	uint64_t linear = i->ea;

	if (i->mode != MODE_LONG || i->seg >= SEG_FS)
		linear += e->regs->seg[i->seg].base;
	if ((i->op->arg & V_ALIGNED) && linear % bytes != 0)
		return i->mode == MODE_REAL ? emul_raise(e, VECTOR_GP)
					    : emul_raise_error(e, VECTOR_GP, 0);
	return emul_map(e, i, i->seg, i->ea, bytes, access, p);
}

/* ModRM.rm out: 0 bytes above `bytes`. */
static int source_read(struct emul *e, const struct insn *i, unsigned bytes, uint8_t value[32])
{
	struct emul_place p;
	int r;

	memset(value, 0, 32);
	if (i->mem) {
		r = map_operand(e, i, bytes, 0, &p);
		return r == EMUL_OK ? emul_place_read(e, &p, value) : r;
	}
	if (i->op->src == O_RM) { /* a general register */
		memcpy(value, &e->regs->gpr[i->rm & 15], bytes);
		return EMUL_OK;
	}
	r = host_result(e, e->ops->vector_get(e, i->rm, value));
	if (i->opcode == 0x12) /* MOVHLPS */
		memcpy(value, value + 8, 8);
	memset(value + bytes, 0, 32 - bytes);
	return r;
}

/* Into vector register `index`: `keep` says that what is not moved inside the XMM stays. */
static int vector_write(struct emul *e, const struct insn *i, unsigned index, unsigned bytes,
			bool keep, const uint8_t value[32])
{
	uint8_t whole[32];
	int r = host_result(e, e->ops->vector_get(e, index, whole));

	if (r != EMUL_OK)
		return r;
	if (i->op->arg & V_HIGH)
		memcpy(whole + 8, value, 8);
	else if (keep)
		memcpy(whole, value, bytes);
	else
		memcpy(whole, value, bytes < 16 ? 16 : bytes);
	if (i->vex && bytes < 32)
		memset(whole + 16, 0, 16);
	r = host_result(e, e->ops->vector_set(e, index, whole));
	if (r == EMUL_OK)
		e->changed |= REG_FPU;
	return r;
}

static int vector_store(struct emul *e, struct insn *i, unsigned bytes)
{
	bool scalar = bytes < 16;
	uint8_t value[32];
	struct emul_place p;
	int r;

	if (i->mem) {
		r = map_operand(e, i, bytes, ACCESS_WRITE, &p);
		if (r == EMUL_OK)
			r = host_result(e, e->ops->vector_get(e, i->reg, value));
		if (r == EMUL_OK)
			r = emul_place_write(e, &p, value + (i->op->arg & V_HIGH ? 8 : 0));
		return r;
	}
	r = host_result(e, e->ops->vector_get(e, i->reg, value));
	if (r != EMUL_OK)
		return r;
	if (i->op->src == O_RM) {
		uint64_t v = 0;

		memcpy(&v, value, bytes);
		emul_gpr_set(e, i->rm, bytes, v);
		return EMUL_OK;
	}
	if (i->opcode == 0xd6) { /* MOVQ clears the upper half, MOVSS and MOVSD do not */
		memset(value + 8, 0, 24);
		scalar = false;
	}
	return vector_write(e, i, i->rm, bytes, scalar, value);
}

int emul_vector_move(struct emul *e, struct insn *i)
{
	unsigned bytes = vector_bytes(i);
	uint8_t value[32];
	bool keep;
	int r = vector_check(e, i);

	if (r != EMUL_OK)
		return r;
	if (i->vex && !i->mem && bytes < 16 && (i->opcode & ~1U) == 0x10)
		return EMUL_UNKNOWN; /* merges two registers */
	if (i->vex_wide && (i->op->arg & V_BYTES) != 0 && (i->opcode & ~1U) != 0x10)
		return emul_raise(e, VECTOR_UD); /* only VMOVSS and VMOVSD ignore VEX.L */
	if (i->op->arg & V_STORE)
		return vector_store(e, i, bytes);
	r = source_read(e, i, bytes, value);
	if (r != EMUL_OK)
		return r;
	/* MOVSS and MOVSD between registers, MOVLPS from memory */
	keep = (i->opcode == 0x10 && !i->mem && bytes < 16) || i->opcode == 0x12;
	return vector_write(e, i, i->reg, bytes, keep, value);
}
