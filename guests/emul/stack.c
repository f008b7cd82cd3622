/* SPDX-License-Identifier: GPL-2.0-only */
/* Instructions with a memory operand that push, pop or branch (near only). */
#include "guests/emul/access.h"
#include "lib/x86/cr.h"

#define SS_BIG (1U << 10)

static unsigned stack_bytes(const struct emul *e, const struct insn *i)
{
	if (i->mode == MODE_LONG)
		return 8;
	return e->regs->seg[SEG_SS].attr & SS_BIG ? 4 : 2;
}

static int push(struct emul *e, struct insn *i, uint64_t value)
{
	unsigned width = stack_bytes(e, i);
	uint64_t sp = (e->regs->gpr[GPR_RSP] - i->size) & size_mask(width);
	struct emul_place p;
	int r = emul_map(e, i, SEG_SS, sp, i->size, ACCESS_WRITE, &p);

	if (r == EMUL_OK)
		r = emul_place_put(e, &p, value);
	if (r == EMUL_OK)
		emul_gpr_set(e, GPR_RSP, width, sp);
	return r;
}

int emul_push(struct emul *e, struct insn *i)
{
	int r = emul_source(e, i);

	return r == EMUL_OK ? push(e, i, i->b) : r;
}

int emul_pop(struct emul *e, struct insn *i)
{
	unsigned width = stack_bytes(e, i);
	uint64_t sp = e->regs->gpr[GPR_RSP] & size_mask(width), value;
	struct emul_place from, to;
	int r = emul_map(e, i, SEG_SS, sp, i->size, 0, &from);

	if (r == EMUL_OK && i->mem) {
		if (i->sp_based)
			i->ea = (i->ea + i->size) & size_mask(i->asize);
		r = emul_map(e, i, i->seg, i->ea, i->size, ACCESS_WRITE, &to);
	}
	if (r == EMUL_OK)
		r = emul_place_get(e, &from, &value);
	if (r == EMUL_OK && i->mem)
		r = emul_place_put(e, &to, value);
	if (r != EMUL_OK)
		return r;
	emul_gpr_set(e, GPR_RSP, width, sp + i->size);
	if (!i->mem)
		emul_gpr_set(e, i->rm, i->size, value);
	return EMUL_OK;
}

/* CALL and JMP through ModRM.rm. */
int emul_branch(struct emul *e, struct insn *i)
{
	uint64_t target;
	int r;

	if (i->mode == MODE_LONG && i->size != 8)
		return EMUL_UNKNOWN; /* vendors differ on a 66 prefix here */
	r = emul_source(e, i);
	if (r != EMUL_OK)
		return r;
	target = i->b;
	if (i->mode == MODE_LONG ? !emul_canonical(e, target)
				 : target > e->regs->seg[SEG_CS].limit)
		return i->mode == MODE_REAL ? emul_raise(e, VECTOR_GP)
					    : emul_raise_error(e, VECTOR_GP, 0);
	if (i->op->arg == BRANCH_CALL)
		r = push(e, i, i->next);
	if (r == EMUL_OK)
		i->next = target;
	return r;
}
