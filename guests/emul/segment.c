/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segment register loads, with the descriptor checks of protected mode, and the check of the I/O
 * permission bitmap. What a task switch checks instead is in task.c.
 */
#include "guests/emul/descriptor.h"
#include "lib/x86/cr.h"

#define TSS_32	     8U /* of the type: not a 16-bit TSS, which has no bitmap */
#define TSS_BITMAP   0x66U /* where a TSS says where its I/O bitmap is */

struct vcpu_seg emul_segment(uint16_t selector, uint64_t d)
{
	struct vcpu_seg s = { .selector = selector };

	s.base = (d >> 16 & 0xffffff) | (d >> 32 & 0xff000000);
	s.limit = (uint32_t)((d & 0xffff) | (d >> 32 & 0xf0000));
	if (d & DESC_G)
		s.limit = s.limit << 12 | 0xfff;
	s.attr = (uint16_t)((d >> 40 & 0xff) | (d >> 52 & 15) << 8);
	return s;
}

int emul_descriptor(struct emul *e, uint16_t selector, unsigned vector, uint64_t *at, uint64_t *d)
{
	const struct vcpu_seg *table = &e->regs->gdtr;
	unsigned index = selector & 0xfff8U;

	if (!emul_need(e, REG_TABLE))
		return EMUL_UNKNOWN;
	if (selector & 4)
		table = &e->regs->ldtr;
	if (index + 7 > table->limit || ((selector & 4) && !(table->attr & ATTR_P)))
		return emul_raise_error(e, vector, selector & 0xfffcU);
	*at = table->base + index;
	return emul_system_read(e, *at, 8, d);
}

int emul_descriptor_use(struct emul *e, uint64_t at, uint64_t *d)
{
	if (*d & DESC_ACCESSED)
		return EMUL_OK;
	*d |= DESC_ACCESSED;
	return emul_system_write(e, at + 5, 1, *d >> 40);
}

/* [SDM2 "MOV", protected mode exceptions]. False: #GP(selector). */
static bool load_allowed(const struct insn *i, uint16_t selector, uint64_t d)
{
	unsigned rpl = selector & 3, dpl = d >> 45 & 3;

	if (!(d & DESC_S))
		return false;
	if (i->reg == SEG_SS)
		return rpl == i->cpl && dpl == i->cpl && !(d & DESC_CODE) && (d & DESC_WRITABLE);
	if ((d & DESC_CODE) && !(d & DESC_WRITABLE))
		return false;
	if ((d & DESC_CODE) && (d & DESC_DOWN))
		return true;
	return dpl >= i->cpl && dpl >= rpl;
}

static int load_null(struct emul *e, const struct insn *i, uint16_t selector)
{
	struct vcpu_seg *s = &e->regs->seg[i->reg];

	if (i->reg == SEG_SS) {
		if (i->mode != MODE_LONG || i->cpl == 3 || (selector & 3) != i->cpl)
			return emul_raise_error(e, VECTOR_GP, 0);
		/* unusable, but the DPL still is the CPL */
		*s = (struct vcpu_seg){ .selector = selector, .attr = (uint16_t)(i->cpl << 5) };
		return EMUL_OK;
	}
	*s = (struct vcpu_seg){ .selector = selector };
	return EMUL_OK;
}

static int load_protected(struct emul *e, const struct insn *i, uint16_t selector)
{
	uint64_t at = 0, d = 0;
	int r;

	if ((selector & 0xfffc) == 0)
		return load_null(e, i, selector);
	r = emul_descriptor(e, selector, VECTOR_GP, &at, &d);
	if (r != EMUL_OK)
		return r;
	if (!load_allowed(i, selector, d))
		return emul_raise_error(e, VECTOR_GP, selector & 0xfffcU);
	if (!(d & DESC_P))
		return emul_raise_error(e, i->reg == SEG_SS ? VECTOR_SS : VECTOR_NP,
					selector & 0xfffcU);
	r = emul_descriptor_use(e, at, &d);
	if (r == EMUL_OK)
		e->regs->seg[i->reg] = emul_segment(selector, d);
	return r;
}

int emul_move_to_sreg(struct emul *e, struct insn *i)
{
	struct vcpu_seg *s = &e->regs->seg[i->reg % SEG_COUNT];
	int r;

	if (i->reg >= SEG_COUNT || i->reg == SEG_CS)
		return emul_raise(e, VECTOR_UD);
	r = emul_source(e, i);
	if (r != EMUL_OK)
		return r;
	if (i->mode == MODE_REAL || i->mode == MODE_V86) { /* limit and attributes stay */
		s->selector = (uint16_t)i->b;
		s->base = (uint64_t)s->selector << 4;
	} else {
		r = load_protected(e, i, (uint16_t)i->b);
	}
	if (r != EMUL_OK)
		return r;
	i->mov_ss = i->reg == SEG_SS;
	e->changed |= REG_SEG;
	return EMUL_OK;
}

/* [SDM1 "I/O Permission Bit Map"] */
int emul_io_permit(struct emul *e, const struct insn *i, unsigned port, unsigned bytes)
{
	const struct vcpu_seg *tr = &e->regs->tr;
	unsigned iopl = e->regs->rflags >> 12 & 3;
	uint64_t map, bits;
	int r;

	if (i->mode == MODE_REAL || (i->mode != MODE_V86 && i->cpl <= iopl))
		return EMUL_OK;
	if (!emul_need(e, REG_TABLE))
		return EMUL_UNKNOWN;
	if (!(tr->attr & ATTR_P) || !(tr->attr & TSS_32) || tr->limit < TSS_BITMAP + 1)
		return emul_raise_error(e, VECTOR_GP, 0);
	r = emul_system_read(e, tr->base + TSS_BITMAP, 2, &map);
	if (r != EMUL_OK)
		return r;
	map += port / 8; /* two bytes are read, as an access may reach into the next */
	if (map + 1 > tr->limit)
		return emul_raise_error(e, VECTOR_GP, 0);
	r = emul_system_read(e, tr->base + map, 2, &bits);
	if (r != EMUL_OK)
		return r;
	if (bits >> (port & 7) & ((1U << bytes) - 1))
		return emul_raise_error(e, VECTOR_GP, 0);
	return EMUL_OK;
}
