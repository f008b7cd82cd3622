/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every part of the emulator does with the processor's state: registers by their number in the
 * instruction, a group of state asked for when it is first needed, the fault that ends the step.
 */
#include "guests/emul/insn.h"

int emul_raise(struct emul *e, unsigned vector)
{
	e->fault = (struct emul_fault){ .vector = (uint8_t)vector };
	return EMUL_FAULT;
}

int emul_raise_error(struct emul *e, unsigned vector, uint32_t error)
{
	e->fault = (struct emul_fault){ .vector = (uint8_t)vector, .has_error = 1, .error = error };
	return EMUL_FAULT;
}

bool emul_need(struct emul *e, uint32_t groups)
{
	if ((e->valid & groups) == groups)
		return true;
	if (e->ops->pull == NULL || e->ops->pull(e, groups & ~e->valid) != 0)
		return false;
	e->valid |= groups;
	return true;
}

static bool is_high_byte(const struct insn *i, unsigned index, unsigned bytes)
{
	return bytes == 1 && i->rex == 0 && index >= 4 && index < 8;
}

uint64_t emul_reg_get(const struct emul *e, const struct insn *i, unsigned index, unsigned bytes)
{
	if (is_high_byte(i, index, bytes))
		return e->regs->gpr[index - 4] >> 8 & 0xff;
	return e->regs->gpr[index & 15] & size_mask(bytes);
}

/* 32-bit results clear the upper half, smaller ones leave the rest of the register alone. */
void emul_gpr_set(struct emul *e, unsigned index, unsigned bytes, uint64_t v)
{
	uint64_t *r = &e->regs->gpr[index & 15];

	if (bytes >= 4)
		*r = v & size_mask(bytes);
	else
		*r = (*r & ~size_mask(bytes)) | (v & size_mask(bytes));
}

void emul_reg_set(struct emul *e, const struct insn *i, unsigned index, unsigned bytes, uint64_t v)
{
	uint64_t *r = &e->regs->gpr[(index - 4) & 15];

	if (is_high_byte(i, index, bytes))
		*r = (*r & ~0xff00ULL) | (v & 0xff) << 8;
	else
		emul_gpr_set(e, index, bytes, v);
}
