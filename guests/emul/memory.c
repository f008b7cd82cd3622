/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory as an instruction sees it: segments, limits, canonical addresses, alignment checks,
 * operands over two pages, RAM and MMIO. Translation itself is walk.c's.
 */
#include "guests/emul/access.h"
#include "lib/string.h"
#include "lib/x86/cr.h"
#include "lib/x86/pte.h"

#define SEG_TYPE_CODE	8U
#define SEG_TYPE_DOWN	4U /* of data: expand-down */
#define SEG_TYPE_ACCESS 2U /* data: writable; code: readable */
#define SEG_PRESENT	(1U << 7)
#define SEG_BIG		(1U << 10)

static int segment_fault(struct emul *e, const struct insn *i, unsigned seg)
{
	unsigned vector = seg == SEG_SS ? VECTOR_SS : VECTOR_GP;

	return i->mode == MODE_REAL ? emul_raise(e, vector) : emul_raise_error(e, vector, 0);
}

/* [SDM3 "Limit Checking"], [SDM3 "Type Checking"] */
static bool segment_allows(const struct insn *i, const struct vcpu_seg *s, uint64_t offset,
			   unsigned bytes, unsigned access)
{
	uint64_t last = offset + bytes - 1;
	bool typed = i->mode == MODE_PROTECTED, code = s->attr & SEG_TYPE_CODE;

	if (typed && !(s->attr & SEG_PRESENT))
		return false;
	if (typed && !(access & ACCESS_FETCH)) {
		if ((access & ACCESS_WRITE) && (code || !(s->attr & SEG_TYPE_ACCESS)))
			return false;
		if (code && !(s->attr & SEG_TYPE_ACCESS))
			return false;
	}
	if (typed && !code && (s->attr & SEG_TYPE_DOWN))
		return offset > s->limit && last <= (s->attr & SEG_BIG ? 0xffffffff : 0xffff);
	return last <= s->limit || s->limit == 0xffffffff; /* 4G: an operand may wrap */
}

static inline int to_linear(struct emul *e, const struct insn *i, unsigned seg, uint64_t offset,
			    unsigned bytes, unsigned access, uint64_t *linear)
{
	const struct vcpu_seg *s = &e->regs->seg[seg];

	if (i->mode == MODE_LONG) {
		*linear = offset + (seg >= SEG_FS ? s->base : 0);
		if (!emul_canonical(e, *linear) || !emul_canonical(e, *linear + bytes - 1))
			return segment_fault(e, i, seg);
		return EMUL_OK;
	}
	if (!segment_allows(i, s, offset, bytes, access))
		return segment_fault(e, i, seg);
	*linear = (s->base + offset) & 0xffffffff;
	return EMUL_OK;
}

int emul_linear(struct emul *e, const struct insn *i, unsigned seg, uint64_t offset, unsigned bytes,
		unsigned access, uint64_t *linear)
{
	return to_linear(e, i, seg, offset, bytes, access, linear);
}

static inline int map_pages(struct emul *e, uint64_t linear, unsigned bytes, unsigned access,
			    struct emul_place *p)
{
	unsigned first = 4096 - (linear & 0xfff);
	uint64_t second;
	int r;

	p->parts = 1;
	p->bytes[0] = (uint8_t)bytes;
	r = emul_walk(e, linear, access, &p->at[0]);
	if (r != EMUL_OK || bytes <= first)
		return r;
	p->parts = 2;
	p->bytes[0] = (uint8_t)first;
	p->bytes[1] = (uint8_t)(bytes - first);
	second = linear + first;
	if (access & ACCESS_WRAP)
		second &= 0xffffffff;
	return emul_walk(e, second, access, &p->at[1]);
}

int emul_map_linear(struct emul *e, uint64_t linear, unsigned bytes, unsigned access,
		    struct emul_place *p)
{
	return map_pages(e, linear, bytes, access, p);
}

/* #AC: only for operands of the general registers, which all are a power of two in size. */
static bool misaligned(const struct emul *e, const struct insn *i, uint64_t linear, unsigned bytes)
{
	return i->cpl == 3 && (e->regs->cr0 & CR0_AM) && (e->regs->rflags & RFLAGS_AC) &&
	       bytes <= 8 && (linear & (bytes - 1)) != 0;
}

int emul_map(struct emul *e, const struct insn *i, unsigned seg, uint64_t offset, unsigned bytes,
	     unsigned access, struct emul_place *p)
{
	uint64_t linear = 0;
	int r = to_linear(e, i, seg, offset, bytes, access, &linear);

	if (r != EMUL_OK)
		return r;
	if (i->cpl == 3)
		access |= ACCESS_USER;
	if (i->mode != MODE_LONG)
		access |= ACCESS_WRAP;
	r = map_pages(e, linear, bytes, access, p);
	if (r == EMUL_OK && misaligned(e, i, linear, bytes))
		return emul_raise_error(e, VECTOR_AC, 0);
	return r;
}

static int host_error(struct emul *e, int error)
{
	e->host_error = error;
	return error == 0 ? EMUL_OK : EMUL_HOST;
}

/* RAM copies of the usual sizes are one access, so that a guest never sees them torn. */
static void copy(void *to, const void *from, unsigned bytes)
{
	switch (bytes) {
	case 1:
		*(uint8_t *)to = *(const uint8_t *)from;
		break;
	case 2:
		__asm__ volatile("movw %1, %%cx\n\tmovw %%cx, %0"
				 : "=m"(*(uint16_t(*)[1])to)
				 : "m"(*(const uint16_t(*)[1])from)
				 : "rcx");
		break;
	case 4:
		__asm__ volatile("movl %1, %%ecx\n\tmovl %%ecx, %0"
				 : "=m"(*(uint32_t(*)[1])to)
				 : "m"(*(const uint32_t(*)[1])from)
				 : "rcx");
		break;
	case 8:
		__asm__ volatile("movq %1, %%rcx\n\tmovq %%rcx, %0"
				 : "=m"(*(uint64_t(*)[1])to)
				 : "m"(*(const uint64_t(*)[1])from)
				 : "rcx");
		break;
	default:
		memcpy(to, from, bytes);
	}
}

static unsigned mmio_chunk(unsigned left)
{
	return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

static int part_read(struct emul *e, uint64_t at, unsigned bytes, uint8_t *to)
{
	const void *ram = e->ops->ram(e, gpa(at), bytes, false);

	if (ram != NULL) {
		copy(to, ram, bytes);
		return EMUL_OK;
	}
	for (unsigned done = 0, n; done < bytes; done += n) {
		uint64_t value = 0;
		int error;

		n = mmio_chunk(bytes - done);
		error = e->ops->read(e, gpa(at + done), n, &value);
		if (error != 0)
			return host_error(e, error);
		memcpy(to + done, &value, n);
	}
	return EMUL_OK;
}

static int part_write(struct emul *e, uint64_t at, unsigned bytes, const uint8_t *from)
{
	void *ram = e->ops->ram(e, gpa(at), bytes, true);

	if (ram != NULL) {
		copy(ram, from, bytes);
		return EMUL_OK;
	}
	for (unsigned done = 0, n; done < bytes; done += n) {
		uint64_t value = 0;
		int error;

		n = mmio_chunk(bytes - done);
		memcpy(&value, from + done, n);
		error = e->ops->write(e, gpa(at + done), n, value);
		if (error != 0)
			return host_error(e, error);
	}
	return EMUL_OK;
}

int emul_place_read(struct emul *e, const struct emul_place *p, void *to)
{
	uint8_t *bytes = to;
	int r = part_read(e, p->at[0], p->bytes[0], bytes);

	if (r == EMUL_OK && p->parts == 2)
		r = part_read(e, p->at[1], p->bytes[1], bytes + p->bytes[0]);
	return r;
}

int emul_place_write(struct emul *e, const struct emul_place *p, const void *from)
{
	const uint8_t *bytes = from;
	int r = part_write(e, p->at[0], p->bytes[0], bytes);

	if (r == EMUL_OK && p->parts == 2)
		r = part_write(e, p->at[1], p->bytes[1], bytes + p->bytes[0]);
	return r;
}

/* The usual case, one device register, without a detour. */
static inline bool is_register(const struct emul_place *p)
{
	return p->parts == 1 && (p->bytes[0] & (p->bytes[0] - 1U)) == 0;
}

int emul_place_get(struct emul *e, const struct emul_place *p, uint64_t *value)
{
	const void *ram;

	*value = 0;
	if (!is_register(p))
		return emul_place_read(e, p, value);
	ram = e->ops->ram(e, gpa(p->at[0]), p->bytes[0], false);
	if (ram == NULL) {
		int error = e->ops->read(e, gpa(p->at[0]), p->bytes[0], value);

		*value &= size_mask(p->bytes[0]);
		return host_error(e, error);
	}
	copy(value, ram, p->bytes[0]);
	return EMUL_OK;
}

int emul_place_put(struct emul *e, const struct emul_place *p, uint64_t value)
{
	void *ram;

	if (!is_register(p))
		return emul_place_write(e, p, &value);
	ram = e->ops->ram(e, gpa(p->at[0]), p->bytes[0], true);
	if (ram == NULL)
		return host_error(e, e->ops->write(e, gpa(p->at[0]), p->bytes[0],
						   value & size_mask(p->bytes[0])));
	copy(ram, &value, p->bytes[0]);
	return EMUL_OK;
}

/* The processor's own LOCK CMPXCHG: unlike the compiler's builtins it takes any alignment. */
#define SWAP(type, suffix)                                                                         \
	{                                                                                          \
		type o = (type)old[0];                                                             \
		__asm__ volatile("lock cmpxchg" suffix " %3, %1"                                   \
				 : "=@ccz"(same), "+m"(*(type(*)[1])ram), "+a"(o)                  \
				 : "r"((type)new[0])                                               \
				 : "memory");                                                      \
		break;                                                                             \
	}

static bool swap(void *ram, unsigned bytes, const uint64_t old[2], const uint64_t new[2])
{
	bool same = false;
	uint64_t low = old[0], high = old[1];

	switch (bytes) {
	case 1:
		SWAP(uint8_t, "b")
	case 2:
		SWAP(uint16_t, "w")
	case 4:
		SWAP(uint32_t, "l")
	case 8:
		SWAP(uint64_t, "q")
	case 16:
		__asm__ volatile("lock cmpxchg16b %1"
				 : "=@ccz"(same), "+m"(*(uint64_t(*)[2])ram), "+a"(low), "+d"(high)
				 : "b"(new[0]), "c"(new[1])
				 : "memory");
		break;
	default:
		break;
	}
	return same;
}

int emul_place_swap(struct emul *e, const struct emul_place *p, const uint64_t old[2],
		    const uint64_t new[2], bool *same)
{
	void *ram = NULL;

	*same = true;
	if (p->parts == 1)
		ram = e->ops->ram(e, gpa(p->at[0]), p->bytes[0], true);
	if (ram == NULL)
		return emul_place_write(e, p, new);
	*same = swap(ram, p->bytes[0], old, new);
	return EMUL_OK;
}

int emul_system_read(struct emul *e, uint64_t linear, unsigned bytes, uint64_t *value)
{
	struct emul_place p;
	int r = emul_map_linear(e, linear, bytes, ACCESS_IMPLICIT, &p);

	return r == EMUL_OK ? emul_place_get(e, &p, value) : r;
}

int emul_system_write(struct emul *e, uint64_t linear, unsigned bytes, uint64_t value)
{
	struct emul_place p;
	int r = emul_map_linear(e, linear, bytes, ACCESS_IMPLICIT | ACCESS_WRITE, &p);

	return r == EMUL_OK ? emul_place_put(e, &p, value) : r;
}
