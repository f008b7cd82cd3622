/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * String instructions with their repeats, port strings among them. An iteration is finished, in
 * registers and memory, before the next one starts; all addresses of one are checked before
 * anything with a side effect is done.
 */
#include "guests/emul/access.h"
#include "lib/x86/cr.h"

static void advance(struct emul *e, const struct insn *i, unsigned index)
{
	uint64_t step = e->regs->rflags & RFLAGS_DF ? 0 - (uint64_t)i->size : i->size;

	emul_gpr_set(e, index, i->asize, e->regs->gpr[index] + step);
}

/* DS:rSI, or with an override, for reading. */
static int map_source(struct emul *e, const struct insn *i, struct emul_place *p)
{
	return emul_map(e, i, i->seg, e->regs->gpr[GPR_RSI] & size_mask(i->asize), i->size, 0, p);
}

/* ES:rDI, always ES. */
static int map_target(struct emul *e, const struct insn *i, unsigned access, struct emul_place *p)
{
	return emul_map(e, i, SEG_ES, e->regs->gpr[GPR_RDI] & size_mask(i->asize), i->size, access,
			p);
}

static int once_move(struct emul *e, struct insn *i)
{
	struct emul_place from, to;
	uint64_t value;
	int r = map_source(e, i, &from);

	if (r == EMUL_OK)
		r = map_target(e, i, ACCESS_WRITE, &to);
	if (r == EMUL_OK)
		r = emul_place_get(e, &from, &value);
	if (r == EMUL_OK)
		r = emul_place_put(e, &to, value);
	if (r != EMUL_OK)
		return r;
	advance(e, i, GPR_RSI);
	advance(e, i, GPR_RDI);
	return EMUL_OK;
}

static int once_compare(struct emul *e, struct insn *i)
{
	bool both = i->op->arg == STRING_CMPS;
	struct emul_place from, to;
	uint64_t a = e->regs->gpr[GPR_RAX] & size_mask(i->size), b;
	int r = map_target(e, i, 0, &to);

	if (r == EMUL_OK && both)
		r = map_source(e, i, &from);
	if (r == EMUL_OK && both)
		r = emul_place_get(e, &from, &a);
	if (r == EMUL_OK)
		r = emul_place_get(e, &to, &b);
	if (r != EMUL_OK)
		return r;
	i->flags = e->regs->rflags;
	emul_flags_sub(i, a, b, i->size);
	e->regs->rflags = i->flags;
	if (both)
		advance(e, i, GPR_RSI);
	advance(e, i, GPR_RDI);
	return EMUL_OK;
}

static int once_store(struct emul *e, struct insn *i)
{
	struct emul_place to;
	int r = map_target(e, i, ACCESS_WRITE, &to);

	if (r == EMUL_OK)
		r = emul_place_put(e, &to, e->regs->gpr[GPR_RAX]);
	if (r == EMUL_OK)
		advance(e, i, GPR_RDI);
	return r;
}

static int once_load(struct emul *e, struct insn *i)
{
	struct emul_place from;
	uint64_t value;
	int r = map_source(e, i, &from);

	if (r == EMUL_OK)
		r = emul_place_get(e, &from, &value);
	if (r != EMUL_OK)
		return r;
	emul_gpr_set(e, GPR_RAX, i->size, value);
	advance(e, i, GPR_RSI);
	return EMUL_OK;
}

static int once_in(struct emul *e, struct insn *i)
{
	uint16_t port = (uint16_t)e->regs->gpr[GPR_RDX];
	struct emul_place to;
	uint32_t value = 0;
	int r = map_target(e, i, ACCESS_WRITE, &to);

	if (r != EMUL_OK)
		return r;
	e->host_error = e->ops->port_in(e, port, i->size, &value);
	if (e->host_error != 0)
		return EMUL_HOST;
	r = emul_place_put(e, &to, value);
	if (r == EMUL_OK)
		advance(e, i, GPR_RDI);
	return r;
}

static int once_out(struct emul *e, struct insn *i)
{
	uint16_t port = (uint16_t)e->regs->gpr[GPR_RDX];
	struct emul_place from;
	uint64_t value;
	int r = map_source(e, i, &from);

	if (r == EMUL_OK)
		r = emul_place_get(e, &from, &value);
	if (r != EMUL_OK)
		return r;
	e->host_error = e->ops->port_out(e, port, i->size, (uint32_t)value);
	if (e->host_error != 0)
		return EMUL_HOST;
	advance(e, i, GPR_RSI);
	return EMUL_OK;
}

static int once(struct emul *e, struct insn *i)
{
	switch (i->op->arg) {
	case STRING_MOVS:
		return once_move(e, i);
	case STRING_CMPS:
	case STRING_SCAS:
		return once_compare(e, i);
	case STRING_STOS:
		return once_store(e, i);
	case STRING_LODS:
		return once_load(e, i);
	case STRING_INS:
		return once_in(e, i);
	default:
		return once_out(e, i);
	}
}

/* REPE goes on while ZF is set, REPNE while it is not; the others do not look. */
static bool condition_ends(const struct emul *e, const struct insn *i)
{
	if (i->op->arg != STRING_CMPS && i->op->arg != STRING_SCAS)
		return false;
	return ((e->regs->rflags & RFLAGS_ZF) != 0) != (i->rep == 0xf3);
}

static int repeat(struct emul *e, struct insn *i, uint32_t budget)
{
	uint64_t mask = size_mask(i->asize);
	uint64_t *count = &e->regs->gpr[GPR_RCX];

	while ((*count & mask) != 0) {
		int r;

		if (i->iterations == budget)
			return EMUL_AGAIN;
		r = once(e, i);
		if (r != EMUL_OK)
			return r;
		emul_gpr_set(e, GPR_RCX, i->asize, *count - 1);
		i->iterations++;
		if (condition_ends(e, i))
			break;
	}
	return EMUL_OK;
}

int emul_string(struct emul *e, struct insn *i)
{
	uint32_t budget = e->budget != 0 ? e->budget : EMUL_BUDGET;
	bool port = i->op->arg == STRING_INS || i->op->arg == STRING_OUTS;
	int r = EMUL_OK;

	if (port) {
		if (i->size == 8)
			i->size = 4; /* ports have no 64-bit form */
		r = emul_io_permit(e, i, (uint16_t)e->regs->gpr[GPR_RDX], i->size);
	}
	if (r != EMUL_OK)
		return r;
	if (i->rep == 0)
		return once(e, i);
	/* TF traps after each iteration. */
	return repeat(e, i, e->regs->rflags & RFLAGS_TF ? 1 : budget);
}
