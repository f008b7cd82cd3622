/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: tests/unit/emul_native.c guests/emul/walk.c guests/emul/memory.c guests/emul/decode.c guests/emul/alu.c guests/emul/muldiv.c guests/emul/execute.c guests/emul/state.c guests/emul/string.c guests/emul/stack.c guests/emul/segment.c guests/emul/vector.c guests/emul/table.c */
/*
 * The emulator against the processor: each row of the opcode table x prefix x size x ModRM class, in
 * 64-, 32- and 16-bit code, runs natively and in the emulator, once on RAM and once on MMIO, from
 * the same random state. Registers, flags but the undefined ones, memory and exceptions must agree.
 * Not here: what needs ring 0 (see emul_step_test.c).
 */
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "guests/emul/insn.h"
#include "lib/x86/cr.h"
#include "lib/x86/pte.h"
#include "tests/unit/emul_native.h"

enum { CLASSES = 9, CLASS_REGISTER = 8 };
enum { P_NONE, P_F2, P_F3, P_LOCK, P_GS, P_67, P_COUNT };
enum { S_NONE, S_66, S_W, S_COUNT };

static uint64_t seed = 0x9e3779b97f4a7c15;
static unsigned long ran, faulted, failed, rows, skipped;
static unsigned long ran_by_bits[3];
static unsigned rounds = 1; /* of random states for each combination; the argument */
static unsigned shown, complaints; /* about the present row: two are shown */

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1d;
}

/* ------------------------------------------------------------------ one generated instruction */

struct test {
	const struct emul_op *op;
	unsigned map, opcode, bits, prefix, size, class, mandatory;
	uint8_t code[32];
	unsigned length;
	uint64_t gpr[16], flags, target;
	uint8_t vec[16][32];
	unsigned osize, asize, reg, rm, rex;
	bool has_modrm, mem;
	unsigned count; /* of a shift */
};

static uint8_t initial[0x2000]; /* the operand pages */
static uint8_t shadow[0x10000]; /* what the emulator sees as the window */

static void put(struct test *t, uint64_t v, unsigned bytes)
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

static uint64_t base_of(const struct test *t)
{
	return t->bits == 16 ? 0 : WINDOW;
}

/* ModRM and address in 16-bit form; registers are set so that it comes out at t->target. */
static void modrm16(struct test *t)
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
static void modrm_long(struct test *t)
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

static void build_state(struct test *t)
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

		memcpy(initial + n, &v, 8);
	}
	t->target = base_of(t) + pick_target();
	t->gpr[GPR_RSP] = base_of(t) + (pick_target() & ~7ULL);
}

/* Registers that an instruction takes for granted, before ModRM claims its own. */
static void build_implicit(struct test *t)
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
			memset(initial, 0x5a, 0x2000), t->gpr[GPR_RAX] = 0x5a5a5a5a;
		if (t->prefix == P_GS)
			t->gpr[GPR_RSI] -= GS_BASE;
	}
	if (rnd() & 1)
		t->gpr[GPR_RDX] = 0; /* divisions that fit */
}

/* Sizes as the test understands them, independent of the decoder. */
static unsigned effective_osize(const struct test *t)
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

static void put_prefixes(struct test *t)
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

static void put_opcode(struct test *t, bool modrm)
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

static void put_immediate(struct test *t)
{
	unsigned bytes = t->op->flags & OP_BYTE ? 1 : t->osize > 4 ? 4 : t->osize;

	if (t->op->src == O_OFFSET || t->op->dst == O_OFFSET)
		put(t, t->target, t->asize);
	else if (t->op->src == O_IMM || (t->op->flags & OP_IMM))
		put(t, rnd(), bytes);
	else if (t->op->src == O_IMM8 || (t->op->flags & OP_IMM8))
		put(t, t->count, 1);
}

/* False: this combination is not to be run. */
static bool build(struct test *t, int ext)
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
static bool build_branch(struct test *t)
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
		memcpy(initial + (at - W_DATA), &stub, 8);
	return t->mem || t->rm != GPR_RSP;
}

/* ------------------------------------------------------------------ the emulator's side */

static uint64_t tables[4][512]; /* PML4, PDPT, PD, PT at 1 MiB */
static bool as_mmio;

static void *op_ram(struct emul *e, gpa_t at, size_t bytes, bool write)
{
	(void)e;
	(void)write;
	if (at.raw >= 0x100000 && at.raw + bytes <= 0x100000 + sizeof tables)
		return (uint8_t *)tables + (at.raw - 0x100000);
	if (at.raw + bytes > sizeof shadow || (as_mmio && at.raw >= W_DATA && at.raw < W_STATE))
		return NULL;
	return shadow + at.raw;
}

static int op_read(struct emul *e, gpa_t at, unsigned bytes, uint64_t *value)
{
	(void)e;
	if (at.raw + bytes > sizeof shadow)
		abort();
	*value = 0;
	memcpy(value, shadow + at.raw, bytes);
	return 0;
}

static int op_write(struct emul *e, gpa_t at, unsigned bytes, uint64_t value)
{
	(void)e;
	if (at.raw + bytes > sizeof shadow)
		abort();
	memcpy(shadow + at.raw, &value, bytes);
	return 0;
}

static int op_in(struct emul *e, uint16_t port, unsigned bytes, uint32_t *value)
{
	(void)e, (void)port, (void)bytes, (void)value;
	abort(); /* ring 3 has no ports */
}

static int op_out(struct emul *e, uint16_t port, unsigned bytes, uint32_t value)
{
	(void)e, (void)port, (void)bytes, (void)value;
	abort();
}

static int op_get(struct emul *e, unsigned index, uint8_t value[32])
{
	memcpy(value, ((uint8_t(*)[32])e->host)[index], 32);
	return 0;
}

static int op_set(struct emul *e, unsigned index, const uint8_t value[32])
{
	memcpy(((uint8_t(*)[32])e->host)[index], value, 32);
	return 0;
}

static const struct emul_ops ops = { op_ram, op_read, op_write, op_in, op_out,
				     NULL,   op_get,  op_set };

static void tables_build(void)
{
	tables[0][0] = 0x101000 | PTE_P | PTE_W | PTE_U;
	tables[1][0] = 0x102000 | PTE_P | PTE_W | PTE_U;
	tables[2][WINDOW >> 21] = 0x103000 | PTE_P | PTE_W | PTE_U;
	for (unsigned n = 0; n < 16; n++)
		if (n != W_HOLE >> 12)
			tables[3][n] = n << 12 | PTE_P | PTE_U |
				       (n == W_READONLY >> 12 ? 0 : PTE_W);
}

static struct vcpu_seg data_segment(unsigned bits, uint16_t selector)
{
	return (struct vcpu_seg){ .selector = selector, .attr = 0x4f3,
				  .limit = bits == 16 ? 0xffff : 0xffffffff,
				  .base = bits == 16 ? WINDOW : 0 };
}

static void regs_build(const struct test *t, struct vcpu_regs *r)
{
	uint16_t selector = t->bits == 16 ? native_ds16 : 0x2b, fs, gs;

	memset(r, 0, sizeof *r);
	memcpy(r->gpr, t->gpr, sizeof r->gpr);
	r->rflags = t->flags;
	r->rip = t->bits == 16 ? W_CODE : WINDOW + W_CODE;
	r->cr0 = CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_AM;
	r->cr3 = 0x100000;
	r->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP;
	r->efer = EFER_LMA | EFER_LME | EFER_NXE | EFER_SCE;
	r->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	r->seg[SEG_ES] = r->seg[SEG_SS] = r->seg[SEG_DS] = data_segment(t->bits, selector);
	r->seg[SEG_CS] = data_segment(t->bits, t->bits == 64 ? 0x33 : t->bits == 32 ? 0x23 : native_cs16);
	r->seg[SEG_CS].attr = t->bits == 64 ? 0x2fb : t->bits == 32 ? 0x4fb : 0xfb;
	__asm__("mov %%fs, %0\n\tmov %%gs, %1" : "=r"(fs), "=r"(gs));
	r->seg[SEG_FS].selector = fs;
	r->seg[SEG_GS].selector = gs;
	if (t->bits == 64)
		r->seg[SEG_GS].base = GS_BASE;
}

/* ------------------------------------------------------------------ judging */

static uint64_t undefined_flags(const struct test *t)
{
	uint64_t u = t->op->undefined;
	unsigned bits = t->op->flags & OP_BYTE ? 8 : t->osize * 8, count;

	if (!(t->op->flags & OP_OF_1))
		return u;
	count = t->op->src == O_ONE ? 1
		: t->op->src == O_IMM8 || (t->op->flags & OP_IMM8)
			? t->count : (unsigned)t->gpr[GPR_RCX] & 0xff;
	count &= bits == 64 ? 63 : 31;
	if (count == 0)
		return 0;
	if (count != 1)
		u |= RFLAGS_OF;
	if (count >= bits && t->op->arg >= SHIFT_SHL && t->op->compute == emul_shift)
		u |= RFLAGS_CF;
	return u;
}

/* SHLD and SHRD of 16 bits by more than 16: the result itself is undefined. */
static bool undefined_result(const struct test *t)
{
	unsigned count = (t->op->flags & OP_IMM8 ? t->count : (unsigned)t->gpr[GPR_RCX]) & 31;

	return t->op->compute == emul_shift_double && t->osize == 2 && count > 16;
}

static void complain(const struct test *t, const char *what, uint64_t native, uint64_t emulated)
{
	failed++;
	if (++complaints > 2 || shown++ > 60)
		return;
	printf("FAIL %s: %u-bit map %u opcode %02x %s differs: native %#llx, emulated %#llx; bytes",
	       t->op->name, t->bits, t->map, t->opcode, what, (unsigned long long)native,
	       (unsigned long long)emulated);
	for (unsigned n = 0; n < t->length; n++)
		printf(" %02x", t->code[n]);
	printf("; %s, target %#llx\n", as_mmio ? "MMIO" : "RAM", (unsigned long long)t->target);
}

static bool judge_fault(const struct test *t, const struct native_result *n, const struct emul *e,
			enum emul_result r)
{
	if (n->fault != (r == EMUL_FAULT)) {
		complain(t, n->fault ? "fault (native vector, emulator result)" : "result (emulator's vector)",
			 n->fault ? n->vector : 0, r == EMUL_FAULT ? e->fault.vector : r);
		return false;
	}
	if (!n->fault)
		return true;
	if (n->vector != e->fault.vector)
		complain(t, "vector", n->vector, e->fault.vector);
	else if (n->vector >= 8 && n->error != e->fault.error)
		complain(t, "error code", n->error, e->fault.error);
	else if (n->vector == VECTOR_PF && n->cr2 != e->fault.cr2 &&
		 !((t->op->flags & OP_STRING) && t->op->arg == STRING_CMPS)) /* either may be first */
		complain(t, "CR2", n->cr2, e->fault.cr2);
	else
		return true;
	return false;
}

static void judge(const struct test *t, const struct native_result *n, const struct emul *e,
		  enum emul_result r, const uint8_t vec[16][32])
{
	uint64_t mask = ~(undefined_flags(t) | RFLAGS_RF), stop;

	if (!judge_fault(t, n, e, r))
		return;
	for (unsigned k = 0; k < (t->bits == 64 ? 16U : 8U); k++) {
		if (n->gpr[k] != e->regs->gpr[k]) {
			complain(t, "register", n->gpr[k], e->regs->gpr[k]);
			return;
		}
	}
	if ((n->flags ^ e->regs->rflags) & mask)
		complain(t, "RFLAGS", n->flags & mask, e->regs->rflags & mask);
	if (memcmp((void *)(WINDOW + W_DATA), shadow + W_DATA, 0x2000) != 0)
		complain(t, "memory", 0, 0);
	if (!n->fault && memcmp(n->vec, vec, (t->bits == 64 ? 16 : 8) * 32) != 0)
		complain(t, "vector registers", 0, 0);
	if (n->fault && n->rip != e->regs->rip)
		complain(t, "RIP of the fault", n->rip, e->regs->rip);
	stop = (t->bits == 16 ? W_CODE : WINDOW + W_CODE) + (n->fault ? 0 : t->length);
	if ((t->op->flags & OP_BRANCH) && !n->fault)
		stop = base_of(t) + W_STUBS + (t->bits == 64 ? 0 : t->bits == 32 ? 0x400 : 0x800);
	if (e->regs->rip != stop)
		complain(t, "RIP", stop, e->regs->rip);
}

static void emulate(const struct test *t, const struct native_result *n, bool mmio)
{
	struct vcpu_regs regs;
	uint8_t vec[16][32];
	struct emul e = { .regs = &regs, .ops = &ops, .valid = EMUL_WANT | REG_TABLE,
			  .gpa_bits = 40, .host = vec };
	enum emul_result r;

	as_mmio = mmio;
	memcpy(vec, t->vec, sizeof vec);
	memcpy(shadow + W_DATA, initial, 0x2000);
	memset(shadow + W_READONLY, 0, 0x1000);
	memset(shadow + W_CODE, 0x90, 32);
	memcpy(shadow + W_CODE, t->code, t->length);
	regs_build(t, &regs);
	r = emul_step(&e);
	judge(t, n, &e, r, (const uint8_t(*)[32])vec);
}

static void run(struct test *t, int ext)
{
	uint8_t *code = (uint8_t *)WINDOW + W_CODE;
	int32_t jump;
	struct native_result n;
	uint32_t stub = t->bits == 64 ? 0 : t->bits == 32 ? 0x400 : 0x800;

	if (!build(t, ext) || ((t->op->flags & OP_BRANCH) && !build_branch(t)) ||
	    undefined_result(t)) {
		skipped++;
		return;
	}
	memcpy(code, t->code, t->length);
	jump = (int32_t)(W_STUBS + stub - W_CODE - t->length - (t->bits == 16 ? 6 : 5));
	if (t->bits == 16)
		code[t->length] = 0x66;
	code[t->length + (t->bits == 16)] = 0xe9;
	memcpy(code + t->length + (t->bits == 16) + 1, &jump, 4);
	memcpy((void *)(WINDOW + W_DATA), initial, 0x2000);
	native_run(t->bits, t->gpr, t->flags, (const uint8_t(*)[32])t->vec, &n);
	ran++;
	ran_by_bits[t->bits == 64 ? 2 : t->bits == 32]++;
	faulted += n.fault;
	emulate(t, &n, false);
	emulate(t, &n, true);
}

/* ------------------------------------------------------------------ what is enumerated */

static bool has_avx, has_movbe, has_lzcnt, has_bmi, has_clwb, has_clflushopt, has_sse41;

static void host_features(void)
{
	unsigned a, b, c, d;

	__cpuid(1, a, b, c, d);
	has_movbe = c & bit_MOVBE;
	has_sse41 = c & bit_SSE4_1;
	has_avx = (c & bit_AVX) && (c & bit_OSXSAVE);
	__cpuid(0x80000001, a, b, c, d);
	has_lzcnt = c & bit_LZCNT;
	__cpuid_count(7, 0, a, b, c, d);
	has_bmi = b & bit_BMI;
	has_clwb = b & bit_CLWB;
	has_clflushopt = b & bit_CLFLUSHOPT;
}

static bool host_lacks(const struct emul_op *op, unsigned map)
{
	return (map == MAP_VEX && !has_avx) || (!has_movbe && strcmp(op->name, "movbe") == 0) ||
	       (!has_lzcnt && strcmp(op->name, "lzcnt") == 0) ||
	       (!has_bmi && strcmp(op->name, "tzcnt") == 0) ||
	       (!has_clwb && strcmp(op->name, "clwb") == 0) ||
	       (!has_sse41 && strcmp(op->name, "movntdqa") == 0) ||
	       (!has_clflushopt && strcmp(op->name, "clflushopt") == 0);
}

/* Prefixes that would make another instruction of it, or none. */
static bool makes_sense(const struct test *t, int by_prefix)
{
	bool rep = t->prefix == P_F2 || t->prefix == P_F3;

	if (t->bits != 64 && (t->size == S_W || t->prefix == P_GS))
		return false;
	if (t->bits != 64 && (t->op->flags & OP_ONLY64))
		return false;
	if (t->map == MAP_VEX && (t->size == S_66 || rep || t->prefix == P_LOCK))
		return false; /* #UD, all of them: emul_step_test.c */
	if (by_prefix && (rep || (t->size == S_66 && t->mandatory == PREFIX_NONE)))
		return false;
	if (rep && t->map == MAP_0F && (t->opcode == 0xae || t->opcode == 0xc7))
		return false; /* RDPID and others */
	if (rep && t->map == MAP_0F && (t->opcode == 0x1f || t->opcode == 0x18))
		return false; /* ENDBR and other hints */
	if ((t->op->flags & OP_ONLY64) && t->size == S_66)
		return false; /* MOVSXD to 16 bits: vendors differ */
	if (t->class == CLASS_REGISTER && t->map == MAP_0F &&
	    (t->opcode == 0x0d || t->opcode == 0xae))
		return false; /* vendors differ; fences */
	if (t->class == CLASS_REGISTER && t->map == MAP_VEX && (t->opcode & ~1U) == 0x10 &&
	    (t->op->arg & V_BYTES) != 0)
		return false; /* VMOVSS and VMOVSD of three registers are not in the table */
	if ((t->op->flags & OP_BRANCH) && rep)
		return false; /* BND */
	return true;
}

static void each_combination(const struct emul_op *op, unsigned map, unsigned opcode, int ext,
			     int by_prefix, unsigned mandatory)
{
	static const unsigned widths[3] = { 64, 32, 16 };
	struct test t;

	if (op->row != ROW_PLAIN)
		return;
	if (host_lacks(op, map)) {
		skipped++;
		return;
	}
	rows++;
	complaints = 0;
	for (unsigned n = 0; n < 3 * P_COUNT * S_COUNT * CLASSES * rounds; n++) {
		memset(&t, 0, sizeof t);
		t.op = op;
		t.map = map;
		t.opcode = opcode;
		t.mandatory = mandatory;
		t.bits = widths[n % 3];
		t.prefix = n / 3 % P_COUNT;
		t.size = n / 3 / P_COUNT % S_COUNT;
		t.class = n / 3 / P_COUNT / S_COUNT % CLASSES;
		if (t.bits == 16 && native_cs16 == 0)
			continue;
		if (!(op->flags & OP_MODRM) && t.class > 3)
			continue;
		if (makes_sense(&t, by_prefix))
			run(&t, ext);
	}
}

static void each_row(unsigned map, unsigned opcode)
{
	const struct emul_op *op = emul_table_row(map, opcode), *o;
	unsigned count;

	if (op == NULL || op->row == ROW_NONE)
		return;
	count = op->row == ROW_BY_PREFIX ? PREFIX_COUNT : 1;
	for (unsigned p = 0; p < count; p++) {
		o = op->row == ROW_BY_PREFIX ? &op->sub[p] : op;
		if (o->row == ROW_BY_REG)
			for (int r = 0; r < 8; r++)
				each_combination(&o->sub[r], map, opcode, r, count > 1, p);
		else
			each_combination(o, map, opcode, -1, count > 1, p);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = (unsigned)atoi(argv[1]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	host_features();
	if (!native_setup(has_avx)) {
		printf("FAIL emul_native: the window at %#lx cannot be had\n", WINDOW);
		return 1;
	}
	tables_build();
	for (unsigned map = 0; map < MAP_COUNT; map++) {
		unsigned long before = failed;

		for (unsigned opcode = 0; opcode < 256; opcode++)
			each_row(map, opcode);
		printf("%s emul_native_map_%u\n", failed == before ? "ok" : "FAIL", map);
	}
	printf("emul_native: %lu instructions of %lu encodings ran on the processor (64-bit %lu, "
	       "32-bit %lu, 16-bit %lu), %lu of them faulted; each was emulated on RAM and on MMIO\n",
	       ran, rows, ran_by_bits[2], ran_by_bits[1], ran_by_bits[0], faulted);
	if (native_cs16 == 0)
		printf("emul_native: this kernel has no modify_ldt: 16-bit code was not run\n");
	if (failed != 0)
		printf("FAIL emul_native: %lu differences\n", failed);
	return failed != 0 || ran < 10000;
}
