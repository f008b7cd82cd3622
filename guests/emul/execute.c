/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Performs a decoded instruction: loads operands, lets the row compute, writes back, and only then
 * changes registers, so that a fault leaves them as they were. Here is emul_step.
 */
#include "guests/emul/access.h"
#include "lib/x86/cr.h"
#include "lib/x86/pte.h"

#define LOCK_RETRIES 16

static unsigned source_bytes(const struct insn *i)
{
	uint32_t flags = i->op->flags;

	if (!(flags & (OP_SRC8 | OP_SRC16 | OP_SRC32)))
		return i->size;
	if (flags & OP_SRC8)
		return 1;
	return flags & OP_SRC16 ? 2 : i->size < 4 ? 2 : 4;
}

int emul_source(struct emul *e, struct insn *i)
{
	unsigned bytes = source_bytes(i);
	struct emul_place p;
	int r;

	switch (i->op->src) {
	case O_RM:
	case O_OFFSET:
		if (!i->mem) {
			i->b = emul_reg_get(e, i, i->rm, bytes);
			return EMUL_OK;
		}
		r = emul_map(e, i, i->seg, i->ea, bytes, 0, &p);
		return r == EMUL_OK ? emul_place_get(e, &p, &i->b) : r;
	case O_REG:
		i->b = emul_reg_get(e, i, i->reg, bytes);
		return EMUL_OK;
	case O_ACC:
		i->b = e->regs->gpr[GPR_RAX] & size_mask(bytes);
		return EMUL_OK;
	case O_CL:
		i->b = e->regs->gpr[GPR_RCX] & 0xff;
		return EMUL_OK;
	case O_ONE:
		i->b = 1;
		return EMUL_OK;
	case O_SREG:
		if (i->reg >= SEG_COUNT)
			return emul_raise(e, VECTOR_UD);
		i->b = e->regs->seg[i->reg].selector;
		return EMUL_OK;
	default:
		i->b = i->imm & size_mask(i->size);
		return EMUL_OK;
	}
}

/* BT and its kin with a register: the bit may lie beyond the operand, on either side. */
static void bits_to_address(struct insn *i)
{
	int64_t offset = (int64_t)sign_extend(i->b, i->size);
	unsigned shift = i->size == 8 ? 6 : i->size == 4 ? 5 : 4;

	i->ea = (i->ea + (uint64_t)(offset >> shift) * i->size) & size_mask(i->asize);
}

static unsigned destination_register(const struct insn *i)
{
	return i->op->dst == O_RM ? i->rm : i->op->dst == O_REG ? i->reg : (unsigned)GPR_RAX;
}

static void commit_registers(struct emul *e, struct insn *i, bool dst_mem)
{
	uint32_t flags = i->op->flags;

	if (flags & OP_SWAP)
		emul_reg_set(e, i, i->reg, i->size, i->b);
	if (i->op->compute == emul_compare_exchange && !(i->flags & RFLAGS_ZF))
		emul_gpr_set(e, GPR_RAX, i->size, i->b);
	if (!(flags & OP_WRITE) || dst_mem || i->keep)
		return;
	if (i->op->dst != O_ACC)
		emul_reg_set(e, i, destination_register(i), i->size, i->a);
	else
		emul_gpr_set(e, GPR_RAX, i->size, i->a);
}

/* One round on a memory destination. *done: false when a locked operand changed under us. */
static int memory_round(struct emul *e, struct insn *i, const struct emul_place *p, bool *done)
{
	bool locked = i->lock || (i->op->flags & OP_LOCKED);
	uint64_t old[2] = { 0, 0 }, new[2] = { 0, 0 };
	int r = EMUL_OK;

	if (i->op->flags & OP_READ)
		r = emul_place_get(e, p, &i->a);
	old[0] = i->a;
	if (r == EMUL_OK)
		r = i->op->compute(e, i);
	*done = true;
	if (r != EMUL_OK || !(i->op->flags & OP_WRITE))
		return r;
	if (!locked)
		return emul_place_put(e, p, i->a);
	new[0] = i->a;
	return emul_place_swap(e, p, old, new, done);
}

static int memory_destination(struct emul *e, struct insn *i)
{
	unsigned access = i->op->flags & OP_WRITE ? ACCESS_WRITE : 0;
	unsigned bytes = i->op->flags & OP_DST16 ? 2 : i->size;
	uint64_t source = i->b;
	struct emul_place p;
	bool done = false;
	int r;

	if (i->op->flags & OP_BITS)
		bits_to_address(i);
	r = emul_map(e, i, i->seg, i->ea, bytes, access, &p);
	for (unsigned n = 0; r == EMUL_OK && !done; n++) {
		if (n == LOCK_RETRIES)
			return EMUL_AGAIN;
		i->b = source;
		i->flags = e->regs->rflags;
		r = memory_round(e, i, &p, &done);
	}
	return r;
}

/* An instruction of a destination, a source and a computation between them. */
static int perform_computation(struct emul *e, struct insn *i)
{
	const struct emul_op *op = i->op;
	bool dst_mem = i->mem && (op->dst == O_RM || op->dst == O_OFFSET);
	int r = op->src == O_NONE ? EMUL_OK : emul_source(e, i);

	if (r != EMUL_OK)
		return r;
	if (dst_mem) {
		r = memory_destination(e, i);
	} else {
		i->flags = e->regs->rflags;
		if (op->flags & OP_READ)
			i->a = emul_reg_get(e, i, destination_register(i),
					    op->dst == O_ACC && i->size == 1 ? 1 : i->size);
		r = op->compute(e, i);
	}
	if (r != EMUL_OK)
		return r;
	commit_registers(e, i, dst_mem);
	e->regs->rflags = i->flags;
	return EMUL_OK;
}

/* CMPXCHG8B and CMPXCHG16B */
int emul_compare_exchange_pair(struct emul *e, struct insn *i)
{
	unsigned half = i->osize == 8 ? 8 : 4;
	uint64_t mask = size_mask(half), *gpr = e->regs->gpr;
	uint64_t old[2] = { 0, 0 }, new[2], value[2] = { 0, 0 };
	struct emul_place p;
	bool same = false, equal = false;
	int r;

	if (half == 8 && (i->ea + (i->seg >= SEG_FS ? e->regs->seg[i->seg].base : 0)) % 16 != 0)
		return emul_raise_error(e, VECTOR_GP, 0);
	r = emul_map(e, i, i->seg, i->ea, half * 2, ACCESS_WRITE, &p);
	for (unsigned n = 0; r == EMUL_OK && !same; n++) {
		if (n == LOCK_RETRIES)
			return EMUL_AGAIN;
		r = emul_place_read(e, &p, value);
		if (r != EMUL_OK)
			return r;
		old[0] = half == 8 ? value[0] : value[0] & mask;
		old[1] = half == 8 ? value[1] : value[0] >> 32;
		equal = old[0] == (gpr[GPR_RAX] & mask) && old[1] == (gpr[GPR_RDX] & mask);
		new[0] = equal ? gpr[GPR_RBX] & mask : old[0];
		new[1] = equal ? gpr[GPR_RCX] & mask : old[1];
		if (half == 4)
			new[0] |= new[1] << 32;
		r = emul_place_swap(e, &p, value, new, &same);
	}
	if (r != EMUL_OK)
		return r;
	if (!equal) {
		emul_gpr_set(e, GPR_RAX, half, old[0]);
		emul_gpr_set(e, GPR_RDX, half, old[1]);
	}
	e->regs->rflags = (e->regs->rflags & ~RFLAGS_ZF) | (equal ? RFLAGS_ZF : 0);
	return EMUL_OK;
}

/* Hints: prefetches and NOPs with an operand, which they never access. */
int emul_nothing(struct emul *e, struct insn *i)
{
	(void)e;
	(void)i;
	return EMUL_OK;
}

/* CLFLUSH and CLWB are checked as a load of a byte. */
int emul_flush_line(struct emul *e, struct insn *i)
{
	struct emul_place p;

	if (!i->mem)
		return EMUL_UNKNOWN; /* a fence or a wait */
	return emul_map(e, i, i->seg, i->ea, 1, 0, &p);
}

/* The #DB of a single step, after the instruction or an iteration. [SDM3 "Single-Step"] */
static int single_step(struct emul *e)
{
	if (emul_need(e, REG_DR)) {
		e->regs->dr6 |= DR6_BS;
		e->changed |= REG_DR;
	}
	return emul_raise(e, VECTOR_DB);
}

enum emul_result emul_step(struct emul *e)
{
	struct vcpu_regs *regs = e->regs;
	bool stepping = regs->rflags & RFLAGS_TF;
	struct insn i;
	int r = emul_decode(e, &i);

	if (r != EMUL_OK)
		return (enum emul_result)r;
	r = i.op->perform != NULL ? i.op->perform(e, &i) : perform_computation(e, &i);
	if (r == EMUL_OK) {
		regs->rip = i.next;
		regs->rflags &= ~RFLAGS_RF;
		regs->shadow = i.mov_ss ? SHADOW_MOV_SS : 0;
		e->changed |= REG_GPR | REG_RIP;
		if (stepping && !i.mov_ss)
			r = single_step(e);
	} else if (i.iterations != 0) {
		regs->shadow = 0;
		e->changed |= REG_GPR | REG_RIP;
		if (r == EMUL_AGAIN && stepping) {
			regs->rflags |= RFLAGS_RF; /* as pushed between iterations */
			r = single_step(e);
		}
	}
	return (enum emul_result)r;
}

void emul_fault_post(struct emul *e)
{
	struct vcpu_regs *r = e->regs;

	r->event_type = EVENT_EXCEPTION;
	r->event_vector = e->fault.vector;
	r->event_has_error = e->fault.has_error;
	r->event_error = e->fault.error;
	r->event_len = 0;
	e->changed |= REG_EVENT;
	if (e->fault.set_cr2) {
		r->cr2 = e->fault.cr2;
		e->changed |= REG_CR;
	}
	if (e->fault.vector != VECTOR_DB) { /* a fault restarts the instruction: RF is pushed set */
		r->rflags |= RFLAGS_RF;
		e->changed |= REG_RIP;
	}
}
