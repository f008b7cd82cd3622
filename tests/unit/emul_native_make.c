/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes an instruction and a random state in which its operand lies at an interesting place. Runs nothing. */
#include "tests/unit/emul_native_case.h"

#include <string.h>
#include "lib/x86/cr.h"

uint8_t case_operands[0x2000];
static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1d;
}

static void put(struct native_case *t, uint64_t v, unsigned bytes)
{
	memcpy(t->code + t->length, &v, bytes);
	t->length += bytes;
}

/* An offset inside the window: plain, unaligned, over two pages, into the hole, read-only. */
static uint64_t pick_target(void)
{
	switch (rnd() % 16) {
	case 0: case 1:
		return W_DATA + 0x1000 - rnd() % 34; /* maybe over two pages */
	case 2:
		return W_HOLE - rnd() % 34; /* maybe into the hole */
	case 3:
		return W_HOLE + rnd() % 0x800;
	case 4:
		return W_READONLY + 16 + rnd() % 0x800;
	case 5: case 6:
		return W_DATA + 0x200 + rnd() % 0x1a00;
	default:
		return W_DATA + 0x200 + (rnd() % 0x1a00 & ~31ULL);
	}
}

/* ModRM and address in 16-bit form; registers are set so that it comes out at t->target. */
static void modrm16(struct native_case *t)
{
	static const uint8_t base[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };
	unsigned mod = t->class % 3, rm = (unsigned)rnd() & 7, disp;

	put(t, mod << 6 | (t->reg & 7) << 3 | rm, 1);
	t->rm = 16; /* none */
	if (mod == 0 && rm == 6) {
		put(t, t->target, 2);
		return;
	}
	disp = mod == 0 ? 0 : (unsigned)rnd() & 0xffff;
	if (mod == 1)
		disp = (unsigned)(int8_t)disp;
	put(t, disp, mod);
	t->rm = base[rm];
	t->gpr[base[rm]] = (rnd() & 0xffff0000) |
			   ((t->target - disp - (rm < 4 ? t->gpr[rm & 1 ? 7 : 6] : 0)) & 0xffff);
}

/* The same for 32- and 64-bit addresses. Classes: 0-2 base with each displacement, 3-4 base and
 * index, 5 absolute by SIB, 6 index only, 7 RIP-relative or absolute. */
static void modrm_long(struct native_case *t)
{
	unsigned scale = (unsigned)rnd() & 3, base = (unsigned)rnd() & 15, index;
	unsigned mod = t->class < 3 ? t->class : t->class == 4 ? 1 : 0, limit = t->rex ? 16 : 8;
	uint64_t mask = t->asize == 8 ? ~0ULL : 0xffffffff, disp, at = t->target;
	uint64_t high = t->asize == 8 ? 0 : t->bits == 64 ? rnd() << 32 : 0;

	base %= limit;
	index = (unsigned)rnd() % limit;
	while (index == 4 || index == base)
		index = (index + 1) % limit;
	disp = mod == 1 ? (uint64_t)(int8_t)rnd() : mod == 2 ? (uint64_t)(int32_t)rnd() : 0;
	if ((base & 7) == 5 && mod == 0 && t->class != 5 && t->class != 6 && t->class != 7)
		base--; /* without displacement it would mean another form */
	if ((base & 7) == 4 && t->class < 3)
		base++;
	if ((base & 7) == 5 && mod == 0)
		base++, base += (base & 7) == 4 ? 2 : 0;
	while (index == 4 || index == base)
		index = (index + 1) % limit;
	t->rm = base;
	if (t->class == 7) {
		put(t, (t->reg & 7) << 3 | 5, 1);
		t->rm = 16;
		put(t, 0, 4); /* filled in when the length is known */
		return;
	}
	if (t->class < 3) {
		put(t, mod << 6 | (t->reg & 7) << 3 | (base & 7), 1);
		t->rex |= base >> 3;
		put(t, disp, mod == 1 ? 1 : mod == 2 ? 4 : 0);
		t->gpr[base] = ((at - disp) & mask) | high;
		return;
	}
	put(t, mod << 6 | (t->reg & 7) << 3 | 4, 1);
	if (t->class == 5 || t->class == 6) {
		t->rm = 16;
		if (t->class == 6) {
			t->gpr[index] = (rnd() & 0xfff) | high;
			at -= (t->gpr[index] & mask) << scale;
			t->rm = index;
		}
		put(t, scale << 6 | (t->class == 6 ? index & 7 : 4) << 3 | 5, 1);
		t->rex |= t->class == 6 ? index >> 3 << 1 : 0;
		put(t, at, 4);
		return;
	}
	put(t, scale << 6 | (index & 7) << 3 | (base & 7), 1);
	t->rex |= base >> 3 | index >> 3 << 1;
	put(t, disp, mod == 1 ? 1 : 0);
	t->gpr[base] = ((at - disp - (t->gpr[index] << scale)) & mask) | high;
	if (t->op->flags & OP_BITS)
		t->reg = t->reg == index ? 17 : t->reg; /* told to the caller */
}

static void build_state(struct native_case *t)
{
	for (unsigned n = 0; n < 16; n++)
		t->gpr[n] = rnd() % 4 == 0 ? rnd() & 0xff : rnd() >> (rnd() & 63);
	for (unsigned n = 0; n < 16; n++)
		for (unsigned k = 0; k < 32; k++)
			t->vec[n][k] = (uint8_t)rnd();
	if (t->bits != 64)
		for (unsigned n = 0; n < 16; n++)
			t->gpr[n] &= n < 8 ? 0xffffffff : 0;
	if (!NATIVE->avx)
		for (unsigned n = 0; n < 16; n++)
			memset(t->vec[n] + 16, 0, 16);
	t->flags = RFLAGS_FIXED | RFLAGS_IF | (rnd() & (RFLAGS_STATUS | RFLAGS_DF));
	for (unsigned n = 0; n < 0x2000; n += 8) {
		uint64_t v = rnd() % 4 == 0 ? n : seed * 0x2545f4914f6cdd1d;

		memcpy(case_operands + n, &v, 8);
	}
	t->target = base_of(t) + pick_target();
	t->gpr[GPR_RSP] = base_of(t) + (pick_target() & ~7ULL);
}

/* Registers that an instruction takes for granted, before ModRM claims its own. */
static void build_implicit(struct native_case *t)
{
	if (t->op->flags & OP_STRING) {
		t->gpr[GPR_RSI] = base_of(t) + pick_target();
		t->gpr[GPR_RDI] = base_of(t) + pick_target();
		t->gpr[GPR_RCX] = rnd() % 6;
		if (t->bits == 64 && t->prefix == P_67) {
			t->gpr[GPR_RSI] |= rnd() << 32;
			t->gpr[GPR_RDI] |= rnd() << 32;
			t->gpr[GPR_RCX] |= rnd() << 32;
		}
		if (rnd() & 1) /* let compares meet equal bytes */
			memset(case_operands, 0x5a, 0x2000), t->gpr[GPR_RAX] = 0x5a5a5a5a;
		if (t->prefix == P_GS)
			t->gpr[GPR_RSI] -= GS_BASE;
	}
	if (rnd() & 1)
		t->gpr[GPR_RDX] = 0; /* divisions that fit */
}

/* Sizes as the test understands them, independent of the decoder. */
static unsigned effective_osize(const struct native_case *t)
{
	unsigned by66 = t->size == S_66 || t->mandatory == PREFIX_66;

	if (t->size == S_W)
		return 8;
	if (t->bits == 16)
		return by66 ? 4 : 2;
	if (by66)
		return 2;
	return t->bits == 64 && (t->op->flags & OP_D64) ? 8 : 4;
}

static void put_prefixes(struct native_case *t)
{
	static const uint8_t byte[P_COUNT] = { 0, 0xf2, 0xf3, 0xf0, 0x65, 0x67 };
	static const uint8_t must[PREFIX_COUNT] = { 0, 0x66, 0xf3, 0xf2 };

	if (t->prefix != P_NONE)
		put(t, byte[t->prefix], 1);
	if (t->size == S_66)
		put(t, 0x66, 1);
	if (t->mandatory != 0)
		put(t, must[t->mandatory], 1);
}

static void put_opcode(struct native_case *t, bool modrm)
{
	uint8_t body[16];
	unsigned start = t->length, n;

	/* the body is made first: it settles REX */
	if (modrm) {
		if (!t->mem)
			put(t, 0xc0 | (t->reg & 7) << 3 | (t->rm & 7), 1);
		else if (t->asize == 2)
			modrm16(t);
		else
			modrm_long(t);
	}
	n = t->length - start;
	memcpy(body, t->code + start, n);
	t->length = start;
	if (t->map == MAP_VEX) {
		static const uint8_t pp[PREFIX_COUNT] = { 0, 1, 2, 3 };
		unsigned rxb = ~(t->rex & 7 & (t->bits == 64 ? 7U : 0U)) & 7;

		t->length -= t->mandatory != 0; /* in VEX.pp instead */
		put(t, 0xc4, 1);
		put(t, rxb << 5 | 1, 1);
		put(t, (t->size == S_W ? 0x80 : 0) | 0x78 | (t->count & 1 ? 4 : 0) |
			       pp[t->mandatory], 1);
	} else {
		if (t->rex != 0)
			put(t, 0x40 | (t->rex & 15), 1);
		if (t->map != MAP_ONE)
			put(t, 0x0f, 1);
		if (t->map == MAP_0F38)
			put(t, 0x38, 1);
	}
	put(t, t->opcode, 1);
	memcpy(t->code + t->length, body, n);
	t->length += n;
}

static void put_immediate(struct native_case *t)
{
	unsigned bytes = t->op->flags & OP_BYTE ? 1 : t->osize > 4 ? 4 : t->osize;

	if (t->op->src == O_OFFSET || t->op->dst == O_OFFSET)
		put(t, t->target, t->asize);
	else if (t->op->src == O_IMM || (t->op->flags & OP_IMM))
		put(t, rnd(), bytes);
	else if (t->op->src == O_IMM8 || (t->op->flags & OP_IMM8))
		put(t, t->count, 1);
}

bool case_build(struct native_case *t, int ext)
{
	bool modrm = t->op->flags & OP_MODRM;
	unsigned modrm_end;

	build_state(t);
	build_implicit(t);
	t->length = 0;
	t->has_modrm = modrm;
	t->mem = modrm ? t->class != CLASS_REGISTER : true;
	t->osize = effective_osize(t);
	t->asize = t->bits / 8;
	if (t->prefix == P_67)
		t->asize = t->bits == 32 ? 2 : 4;
	t->count = (unsigned)rnd() & 0xff;
	t->rex = t->size == S_W ? 8 : 0;
	if (t->bits == 64 && (rnd() & 1))
		t->rex |= 0x10; /* a plain 40 at least */
	t->reg = ext >= 0 ? (unsigned)ext : (unsigned)rnd() & (t->rex ? 15 : 7);
	t->rm = (unsigned)rnd() & (t->rex ? 15 : 7);
	if (t->rex) {
		t->rex |= (t->reg >> 3) << 2;
		if (!t->mem)
			t->rex |= t->rm >> 3;
	}
	if (t->prefix == P_GS)
		t->target -= GS_BASE;
	if (t->op->perform == emul_move_to_sreg && (t->reg & 7) != 1 && (t->reg & 7) < 6)
		return false; /* would be loaded for good: emul_step_test.c */
	if ((t->op->flags & OP_BITS) && t->mem)
		t->gpr[t->reg] = ((rnd() & 0xff) - 0x80) & (t->bits == 64 ? ~0ULL : 0xffffffff);
	put_prefixes(t);
	put_opcode(t, modrm);
	if ((t->op->flags & OP_STACK) && t->mem && t->rm == GPR_RSP)
		return false; /* the stack would be anywhere: emul_step_test.c */
	if (t->reg == 17 || ((t->op->flags & OP_BITS) && t->mem && t->reg == t->rm))
		return false;

	modrm_end = t->length;
	put_immediate(t);
	if (modrm && t->mem && t->class == 7 && t->asize != 2) {
		uint32_t disp = (uint32_t)t->target;

		if (t->bits == 64)
			disp -= (uint32_t)(WINDOW + W_CODE) + t->length;
		memcpy(t->code + modrm_end - 4, &disp, 4);
	}
	return true;
}

/* CALL and JMP go to the stub. A target that is not canonical faults before the jump with one
 * vendor and after it with the other: not here. */
bool case_build_branch(struct native_case *t)
{
	uint64_t stub = W_STUBS + (t->bits == 64 ? 0 : t->bits == 32 ? 0x400U : 0x800U);
	uint64_t at = t->target + (t->prefix == P_GS ? GS_BASE : 0) - base_of(t);

	stub += base_of(t);
	if (t->bits == 64 && t->osize == 2)
		return false; /* vendors differ */
	if (t->bits == 32 && t->osize == 2)
		return false; /* would land below 64K */
	if (!t->mem)
		t->gpr[t->rm] = stub;
	else if (at >= W_READONLY || (at > W_HOLE - 8 && at < W_HOLE))
		return false;
	else if (at < W_HOLE)
		memcpy(case_operands + (at - W_DATA), &stub, 8);
	return t->mem || t->rm != GPR_RSP;
}
