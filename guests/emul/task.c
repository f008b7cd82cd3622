/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Task switches by hardware TSS, 32-bit and 16-bit, for a processor that leaves them to its host.
 * [SDM3 "Task Switching"]; the order of the checks is that of "Exception Conditions Checked During a
 * Task Switch", but that CS comes first: what is delivered to the new task needs its privilege level.
 */
#include "guests/emul/descriptor.h"
#include "lib/string.h"
#include "lib/x86/cr.h"

/* Type field of a system descriptor. */
#define TYPE(d)	  ((d) >> 40 & 15)
#define TYPE_LDT  2U
#define TYPE_BUSY 2U /* bit of a TSS's type */
#define TYPE_TSS  1U /* available, 16-bit; with TYPE_32 and TYPE_BUSY the other three */
#define TYPE_32	  8U

#define DPL(d) ((unsigned)((d) >> 45 & 3))

#define TSS_LINK   0U
#define TSS_BYTES  0x68U /* of the larger kind */
#define TSS_TRAP   0x64U /* bit 0: #DB when the task begins; 32-bit only */
#define DR6_BT	   (1ULL << 15)
#define DR7_LOCAL  0x155ULL
#define EFLAGS_ALL 0x3f7fd7ULL
#define ATTR_V86   0xf3U
#define ATTR_SYS   0x1fU /* type and S */

/* Where a TSS of each kind has what. Segments are in encoding order, as are the registers. */
static const struct layout {
	uint8_t width, bytes, dynamic, dynamic_bytes; /* width: of a register */
	uint8_t cr3, ip, flags, gpr, seg, segs, seg_step, ldt;
} layouts[2] = {
	{ 2, 0x2c, 0x0e, 0x1c, 0, 0x0e, 0x10, 0x12, 0x22, 4, 2, 0x2a },
	{ 4, 0x68, 0x20, 0x3e, 0x1c, 0x20, 0x24, 0x28, 0x48, 6, 4, 0x60 },
};

/* One switch on its way. */
struct task {
	const struct vcpu_task *t;
	const struct layout *from, *to;
	uint32_t ext; /* of error codes: what is delivered comes from outside */
	bool nested; /* CALL or a gate: the new task returns by IRET */
	uint64_t at, descriptor; /* of the new TSS */
	struct vcpu_seg tss;
	/* What will be written; new: the whole TSS, read. */
	struct emul_place old, old_busy, new, new_busy, link;
	uint8_t image[TSS_BYTES]; /* the new task */
};

static uint32_t get(const uint8_t *image, unsigned at, unsigned width)
{
	uint32_t v = 0;

	memcpy(&v, image + at, width);
	return v;
}

static int task_fault(struct emul *e, const struct task *s, unsigned vector, unsigned selector)
{
	return emul_raise_error(e, vector, (selector & 0xfffc) | s->ext);
}

static int map32(struct emul *e, uint64_t linear, unsigned bytes, unsigned access, struct emul_place *p)
{
	return emul_map_linear(e, linear & UINT32_MAX, bytes, access | ACCESS_IMPLICIT | ACCESS_WRAP, p);
}

/* ---- before the commit point: nothing has changed ---- */

/* The new task's TSS descriptor. The processor has looked at it too, but it may have changed. */
static int check_tss(struct emul *e, struct task *s)
{
	bool back = s->t->reason == TASK_IRET;
	unsigned vector = back ? VECTOR_TS : VECTOR_GP;
	uint64_t d = 0;
	int r;

	if (s->t->selector & 4)
		return task_fault(e, s, vector, s->t->selector);
	r = emul_descriptor(e, s->t->selector, vector, &s->at, &d);
	if (r != EMUL_OK) {
		e->fault.error |= e->fault.vector == vector ? s->ext : 0;
		return r;
	}
	if ((d & DESC_S) || (TYPE(d) & ~(TYPE_32 | TYPE_BUSY)) != TYPE_TSS ||
	    ((TYPE(d) & TYPE_BUSY) != 0) != back)
		return task_fault(e, s, vector, s->t->selector);
	if (!(d & DESC_P))
		return task_fault(e, s, VECTOR_NP, s->t->selector);
	s->to = &layouts[(TYPE(d) & TYPE_32) != 0];
	s->descriptor = d;
	s->tss = emul_segment(s->t->selector, d | (uint64_t)TYPE_BUSY << 40);
	if (s->tss.limit + 1ULL < s->to->bytes)
		return task_fault(e, s, VECTOR_TS, s->t->selector);
	return EMUL_OK;
}

/* All that will be written before the new task has the processor, and the new TSS, are there. */
static int check_memory(struct emul *e, struct task *s)
{
	const struct vcpu_seg *tr = &e->regs->tr;
	int r;

	s->from = &layouts[(tr->attr & TYPE_32) != 0];
	if (tr->limit + 1ULL < s->from->dynamic + s->from->dynamic_bytes)
		return task_fault(e, s, VECTOR_TS, tr->selector);
	r = map32(e, tr->base + s->from->dynamic, s->from->dynamic_bytes, ACCESS_WRITE, &s->old);
	if (r == EMUL_OK)
		r = map32(e, s->tss.base, s->to->bytes, 0, &s->new);
	if (r == EMUL_OK && s->nested)
		r = map32(e, s->tss.base + TSS_LINK, 2, ACCESS_WRITE, &s->link);
	else if (r == EMUL_OK)
		r = map32(e, e->regs->gdtr.base + (tr->selector & 0xfff8U) + 5, 1, ACCESS_WRITE, &s->old_busy);
	if (r == EMUL_OK && s->t->reason != TASK_IRET)
		r = map32(e, s->at + 5, 1, ACCESS_WRITE, &s->new_busy);
	return r;
}

/* Takes the new TSS; EMUL_AGAIN when somebody has changed its descriptor meanwhile. */
static int busy_set(struct emul *e, struct task *s)
{
	uint64_t old[2] = { s->descriptor >> 40 & 0xff, 0 }, new[2] = { old[0] | TYPE_BUSY, 0 };
	bool same = true;
	int r;

	if (s->t->reason == TASK_IRET)
		return EMUL_OK;
	r = emul_place_swap(e, &s->new_busy, old, new, &same);
	return r == EMUL_OK && !same ? EMUL_AGAIN : r;
}

/* ---- the commit ---- */

static int busy_clear(struct emul *e, struct task *s)
{
	uint64_t type;
	int r = emul_place_get(e, &s->old_busy, &type);

	return r == EMUL_OK ? emul_place_put(e, &s->old_busy, type & ~(uint64_t)TYPE_BUSY) : r;
}

static void put(uint8_t *image, unsigned at, unsigned width, uint64_t v)
{
	memcpy(image + at, &v, width);
}

static int save_old(struct emul *e, struct task *s)
{
	const struct vcpu_regs *r = e->regs;
	const struct layout *l = s->from;
	uint64_t flags = r->rflags & ~(s->t->reason == TASK_IRET ? RFLAGS_NT : 0);
	uint8_t image[TSS_BYTES];
	int status = emul_place_read(e, &s->old, image + l->dynamic);

	if (status != EMUL_OK)
		return status;
	put(image, l->ip, l->width, r->rip + s->t->insn_len);
	put(image, l->flags, l->width, flags);
	for (unsigned n = 0; n < 8; n++)
		put(image, l->gpr + n * l->width, l->width, r->gpr[n]);
	for (unsigned n = 0; n < l->segs; n++)
		put(image, l->seg + n * l->seg_step, 2, r->seg[n].selector);
	return emul_place_write(e, &s->old, image + l->dynamic);
}

static int commit_memory(struct emul *e, struct task *s)
{
	int r = s->nested ? EMUL_OK : busy_clear(e, s);

	if (r == EMUL_OK)
		r = save_old(e, s);
	if (r == EMUL_OK && s->nested)
		r = emul_place_put(e, &s->link, e->regs->tr.selector);
	return r == EMUL_OK ? emul_place_read(e, &s->new, s->image) : r;
}

/* ---- in the new task ---- */

/* [SDM3 "PDPTE Registers"]: loaded when CR3 changes; a reserved bit in a present one is #GP(0). */
static int load_cr3(struct emul *e, struct task *s)
{
	unsigned bits = e->gpa_bits == 0 || e->gpa_bits > 52 ? 52 : e->gpa_bits;
	uint64_t cr3 = get(s->image, s->to->cr3, 4), reserved = 0x1e6 | ~((1ULL << bits) - 1), pdptr[4];
	const void *ram;

	if (s->to->cr3 == 0 || !(e->regs->cr0 & CR0_PG) || cr3 == e->regs->cr3)
		return EMUL_OK;
	if (e->regs->cr4 & CR4_PAE) {
		ram = e->ops->ram(e, gpa(cr3 & ~0x1fULL), sizeof(pdptr), false);
		if (ram == NULL)
			return task_fault(e, s, VECTOR_GP, 0);
		memcpy(pdptr, ram, sizeof(pdptr));
		for (unsigned n = 0; n < 4; n++)
			if ((pdptr[n] & 1) && (pdptr[n] & reserved))
				return task_fault(e, s, VECTOR_GP, 0);
		memcpy(e->regs->pdptr, pdptr, sizeof(pdptr));
		e->valid |= REG_PDPTR;
		e->changed |= REG_PDPTR;
	}
	e->regs->cr3 = cr3;
	return EMUL_OK;
}

/*
 * In virtual-8086 mode that is all. Else selectors without their descriptors: what a fault on the way
 * shows. CS and SS have the privilege level, and CS is a segment that ends at once.
 */
static void load_selectors(struct emul *e, const struct task *s, unsigned cpl)
{
	bool v86 = e->regs->rflags & RFLAGS_VM;
	const struct layout *l = s->to;

	for (unsigned n = 0; n < SEG_COUNT; n++) {
		uint16_t selector = n < l->segs ? (uint16_t)get(s->image, l->seg + n * l->seg_step, 2) : 0;

		e->regs->seg[n] = (struct vcpu_seg){ .selector = selector };
		if (v86)
			e->regs->seg[n] = (struct vcpu_seg){ selector, ATTR_V86, 0xffff, (uint64_t)selector << 4 };
	}
	e->regs->ldtr = (struct vcpu_seg){ .selector = (uint16_t)get(s->image, l->ldt, 2) };
	if (v86)
		return;
	e->regs->seg[SEG_CS].attr = (uint16_t)(0x9b | cpl << 5);
	e->regs->seg[SEG_SS].attr = (uint16_t)(cpl << 5);
}

static void load_registers(struct emul *e, const struct task *s)
{
	const struct layout *l = s->to;
	struct vcpu_regs *r = e->regs;

	r->tr = s->tss;
	r->cr0 |= CR0_TS;
	r->dr7 &= ~DR7_LOCAL;
	r->rip = get(s->image, l->ip, l->width);
	r->rflags = (get(s->image, l->flags, l->width) & EFLAGS_ALL) | RFLAGS_FIXED;
	if (s->nested)
		r->rflags |= RFLAGS_NT;
	for (unsigned n = 0; n < 8; n++)
		r->gpr[n] = get(s->image, l->gpr + n * l->width, l->width);
	r->shadow = 0;
	e->changed |= REG_GPR | REG_RIP | REG_SEG | REG_TABLE | REG_CR | REG_DR;
	if (s->t->reason == TASK_IRET && (e->valid & REG_EVENT)) {
		r->nmi_blocked = 0;
		e->changed |= REG_EVENT;
	}
}

static int load_ldt(struct emul *e, struct task *s)
{
	uint16_t selector = e->regs->ldtr.selector;
	struct vcpu_seg ldt;
	uint64_t at, d = 0;
	int r;

	if ((selector & 0xfffc) == 0)
		return EMUL_OK;
	if (selector & 4)
		return task_fault(e, s, VECTOR_TS, selector);
	r = emul_descriptor(e, selector, VECTOR_TS, &at, &d);
	if (r != EMUL_OK)
		return r;
	ldt = emul_segment(selector, d);
	if ((ldt.attr & ATTR_SYS) != TYPE_LDT || !(ldt.attr & ATTR_P))
		return task_fault(e, s, VECTOR_TS, selector);
	e->regs->ldtr = ldt;
	return EMUL_OK;
}

/* The vector of what is wrong with a segment of the new task; 0: nothing. */
static unsigned segment_wrong(unsigned seg, uint16_t selector, uint64_t d, unsigned cpl)
{
	unsigned rpl = selector & 3;
	bool code = d & DESC_CODE, conforming = code && (d & DESC_DOWN);

	if (!(d & DESC_S))
		return VECTOR_TS;
	if (seg == SEG_CS) {
		if (!code || (conforming ? DPL(d) > cpl : DPL(d) != cpl))
			return VECTOR_TS;
	} else if (seg == SEG_SS) {
		if (code || !(d & DESC_WRITABLE))
			return VECTOR_TS;
		if (!(d & DESC_P))
			return VECTOR_SS;
		if (rpl != cpl || DPL(d) != cpl)
			return VECTOR_TS;
	} else if ((code && !(d & DESC_WRITABLE)) || (!conforming && (DPL(d) < cpl || DPL(d) < rpl))) {
		return VECTOR_TS;
	}
	return d & DESC_P ? 0 : VECTOR_NP;
}

static int load_segment(struct emul *e, struct task *s, unsigned seg, unsigned cpl)
{
	uint16_t selector = e->regs->seg[seg].selector;
	uint64_t at, d = 0;
	unsigned wrong;
	int r;

	if ((selector & 0xfffc) == 0)
		return seg == SEG_CS || seg == SEG_SS ? task_fault(e, s, VECTOR_TS, 0) : EMUL_OK;
	r = emul_descriptor(e, selector, VECTOR_TS, &at, &d);
	if (r != EMUL_OK)
		return r;
	wrong = segment_wrong(seg, selector, d, cpl);
	if (wrong != 0)
		return task_fault(e, s, wrong, selector);
	r = emul_descriptor_use(e, at, &d);
	if (r == EMUL_OK)
		e->regs->seg[seg] = emul_segment(selector, d);
	return r;
}

static int load_segments(struct emul *e, struct task *s, unsigned cpl)
{
	static const uint8_t order[] = { SEG_CS, SEG_SS, SEG_DS, SEG_ES, SEG_FS, SEG_GS };
	int r = load_ldt(e, s);

	for (unsigned n = 0; r == EMUL_OK && !(e->regs->rflags & RFLAGS_VM) && n < sizeof(order); n++)
		r = load_segment(e, s, order[n], cpl);
	/* Outside its table: emul_descriptor does not know where the event came from. */
	if (r == EMUL_FAULT && e->fault.vector == VECTOR_TS)
		e->fault.error |= s->ext;
	return r;
}

static int push_error(struct emul *e, const struct task *s, unsigned cpl)
{
	bool v86 = e->regs->rflags & RFLAGS_VM, big = e->regs->seg[SEG_SS].attr & 1U << 10;
	struct insn i = { .mode = v86 ? MODE_V86 : MODE_PROTECTED, .cpl = (uint8_t)cpl };
	uint64_t sp = (e->regs->gpr[GPR_RSP] - s->to->width) & size_mask(big ? 4 : 2);
	struct emul_place p;
	int r = emul_map(e, &i, SEG_SS, sp, s->to->width, ACCESS_WRITE, &p);

	if (r == EMUL_FAULT && e->fault.vector == VECTOR_SS)
		e->fault.error |= s->ext;
	if (r == EMUL_OK)
		r = emul_place_put(e, &p, s->t->error);
	if (r == EMUL_OK)
		emul_gpr_set(e, GPR_RSP, big ? 4 : 2, sp);
	return r;
}

static int enter(struct emul *e, struct task *s)
{
	unsigned cpl;
	int r;

	load_registers(e, s);
	cpl = e->regs->rflags & RFLAGS_VM ? 3 : get(s->image, s->to->seg + s->to->seg_step, 2) & 3;
	load_selectors(e, s, cpl);
	r = load_cr3(e, s);
	if (r == EMUL_OK)
		r = load_segments(e, s, cpl);
	if (r == EMUL_OK && s->t->has_error)
		r = push_error(e, s, cpl);
	if (r == EMUL_OK && s->to->cr3 != 0 && (get(s->image, TSS_TRAP, 2) & 1)) {
		e->regs->dr6 |= DR6_BT;
		r = emul_raise(e, VECTOR_DB);
	}
	return r;
}

/* ---- all of it ---- */

static bool contributory(unsigned vector)
{
	return vector == VECTOR_DE || (vector >= VECTOR_TS && vector <= VECTOR_GP);
}

/* The fault came while an event was delivered. [SDM3 "Interrupt 8", table of conditions] */
static int combine(struct emul *e, const struct vcpu_task *t)
{
	unsigned first = t->event_vector, second = e->fault.vector;

	bool serious = contributory(second) || second == VECTOR_PF;

	if (t->reason != TASK_GATE || t->event_type != EVENT_EXCEPTION || !serious)
		return EMUL_FAULT;
	if (first == VECTOR_DF)
		return EMUL_SHUTDOWN;
	if (first == VECTOR_PF || (contributory(first) && contributory(second))) {
		e->fault.vector = VECTOR_DF;
		e->fault.error = 0;
	}
	return EMUL_FAULT;
}

enum emul_result emul_task_switch(struct emul *e, const struct vcpu_task *t)
{
	struct task s = { .t = t };
	int r;

	if (!(e->regs->cr0 & CR0_PE) || (e->regs->efer & EFER_LMA) || t->reason > TASK_GATE ||
	    !emul_need(e, REG_TABLE | REG_DR))
		return EMUL_UNKNOWN;
	s.nested = t->reason == TASK_CALL || t->reason == TASK_GATE;
	s.ext = t->reason == TASK_GATE && t->event_type != EVENT_NONE;
	r = check_tss(e, &s);
	if (r == EMUL_OK)
		r = check_memory(e, &s);
	if (r == EMUL_OK)
		r = busy_set(e, &s);
	if (r == EMUL_OK)
		r = commit_memory(e, &s);
	if (r == EMUL_OK)
		r = enter(e, &s);
	return (enum emul_result)(r == EMUL_FAULT ? combine(e, t) : r);
}
