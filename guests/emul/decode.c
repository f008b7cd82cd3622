/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fetches and decodes one instruction: prefixes, opcode, ModRM, SIB, displacement, immediates. It
 * reads guest code once, byte by byte as far as the instruction goes, and touches no operand.
 */
#include "guests/emul/access.h"
#include "lib/string.h"
#include "lib/x86/cr.h"

#define REX_W 8U
#define REX_R 4U
#define REX_X 2U
#define REX_B 1U

/* Rows that decode_check has something to say about. */
#define OP_RARE (OP_D64 | OP_NO16 | OP_MEMORY | OP_ONLY64 | OP_SRC32 | OP_SREG | OP_NO64)

#define CS_LONG (1U << 9)
#define CS_BIG	(1U << 10)

static void decode_mode(const struct emul *e, struct insn *i)
{
	const struct vcpu_regs *r = e->regs;
	unsigned cs = r->seg[SEG_CS].attr;

	i->cpl = r->seg[SEG_SS].attr >> 5 & 3;
	i->bits = cs & CS_BIG ? 32 : 16;
	i->mode = MODE_PROTECTED;
	if (!(r->cr0 & CR0_PE)) {
		i->mode = MODE_REAL;
		i->cpl = 0;
	} else if (r->efer & EFER_LMA) {
		if (cs & CS_LONG) {
			i->mode = MODE_LONG;
			i->bits = 64;
		}
	} else if (r->rflags & RFLAGS_VM) {
		i->mode = MODE_V86;
		i->cpl = 3;
		i->bits = 16;
	}
}

/* Reads more code bytes: up to the end of the page, the code segment or insn[]. */
static int fetch_more(struct emul *e, struct insn *i)
{
	const struct vcpu_seg *cs = &e->regs->seg[SEG_CS];
	uint64_t offset = e->regs->rip + e->insn_len, linear;
	unsigned n = EMUL_INSN_MAX - e->insn_len, access = ACCESS_FETCH, room;
	const uint8_t *page;
	int r;

	if (n == 0)
		return emul_raise_error(e, VECTOR_GP, 0); /* longer than 15 bytes */
	if (i->mode != MODE_LONG)
		offset &= 0xffffffff;
	linear = offset;
	if (i->mode == MODE_LONG && emul_canonical(e, offset))
		r = EMUL_OK;
	else
		r = emul_linear(e, i, SEG_CS, offset, 1, ACCESS_FETCH, &linear);
	if (r != EMUL_OK) /* a fetch beyond the limit is #GP */
		return r;
	room = 4096 - (linear & 0xfff);
	if (n > room)
		n = room;
	if (i->mode != MODE_LONG && cs->limit - offset < n - 1)
		n = (unsigned)(cs->limit - offset) + 1;
	if (i->cpl == 3)
		access |= ACCESS_USER;
	r = emul_walk_ram(e, linear, access, &page);
	if (r != EMUL_OK)
		return r;
	if (page == NULL)
		return EMUL_UNKNOWN; /* code in MMIO */
	if (n == EMUL_INSN_MAX && room >= sizeof e->insn)
		__builtin_memcpy(e->insn, page + (linear & 0xfff), sizeof e->insn); /* two loads */
	else
		memcpy(e->insn + e->insn_len, page + (linear & 0xfff), n);
	e->insn_len = (uint8_t)(e->insn_len + n);
	return EMUL_OK;
}

static inline int next_byte(struct emul *e, struct insn *i, uint8_t *b)
{
	if (i->length >= e->insn_len) {
		int r = fetch_more(e, i);

		if (r != EMUL_OK)
			return r;
	}
	*b = e->insn[i->length++];
	return EMUL_OK;
}

/* A little-endian value of 1, 2, 4 or 8 bytes, sign-extended. */
static int next_value(struct emul *e, struct insn *i, unsigned bytes, uint64_t *value)
{
	uint64_t v = 0;

	if (i->length + bytes <= e->insn_len && bytes == 4) { /* the usual displacement, at once */
		int32_t v32;

		__builtin_memcpy(&v32, e->insn + i->length, 4);
		i->length = (uint8_t)(i->length + 4);
		*value = (uint64_t)(int64_t)v32;
		return EMUL_OK;
	}
	for (unsigned n = 0; n < bytes; n++) {
		uint8_t b;
		int r = next_byte(e, i, &b);

		if (r != EMUL_OK)
			return r;
		v |= (uint64_t)b << (8 * n);
	}
	*value = sign_extend(v, bytes);
	return EMUL_OK;
}

/* A bit for each byte that is a legacy prefix. */
static inline bool is_prefix(uint8_t b)
{
	static const uint64_t prefix[4] = { 0x4040404000000000, 0x000000f000000000, 0,
					    0x000d000000000000 };

	return prefix[b >> 6] >> (b & 63) & 1;
}

/* Takes legacy prefix `b`. */
static void take_prefix(struct insn *i, uint8_t b)
{
	switch (b) {
	case 0x26: case 0x2e: case 0x36: case 0x3e:
		if (i->mode == MODE_LONG) /* ignored: no effect on an FS or GS before it either */
			break;
		i->seg = b >> 3 & 3; /* ES, CS, SS, DS in encoding order */
		i->seg_override = true;
		break;
	case 0x64: case 0x65:
		i->seg = b == 0x64 ? SEG_FS : SEG_GS;
		i->seg_override = true;
		break;
	case 0x66:
		i->prefix66 = 1;
		break;
	case 0x67:
		i->asize = i->bits == 32 ? 2 : 4;
		break;
	case 0xf0:
		i->lock = true;
		break;
	default:
		i->rep = b;
		break;
	}
}

/* Prefixes and the first opcode byte. REX counts only right before the opcode. */
static int decode_prefixes(struct emul *e, struct insn *i)
{
	uint8_t b;
	int r;

	i->seg = SEG_DS;
	i->asize = i->bits / 8;
	for (;;) {
		r = next_byte(e, i, &b);
		if (r != EMUL_OK)
			return r;
		if (is_prefix(b)) {
			take_prefix(i, b);
			i->rex = 0;
		} else if (i->mode == MODE_LONG && (b & 0xf0) == 0x40) {
			i->rex = b;
		} else {
			break;
		}
	}
	i->opcode = b;
	i->osize = i->bits == 16 ? 2 : 4;
	if (i->prefix66)
		i->osize = (uint8_t)(6 - i->osize);
	if (i->rex & REX_W)
		i->osize = 8;
	return EMUL_OK;
}

/*
 * C4 and C5: VEX in 64-bit mode, and in protected mode when the next byte could not be the ModRM of
 * LES or LDS. Those two are not ours. [SDM2 "VEX Prefix"]
 */
static int decode_vex(struct emul *e, struct insn *i)
{
	static const uint8_t pp[4] = { 0, 0x66, 0xf3, 0xf2 };
	bool three = i->opcode == 0xc4;
	uint8_t b, c;
	int r = next_byte(e, i, &b);

	if (r != EMUL_OK)
		return r;
	if (i->mode != MODE_LONG && ((b & 0xc0) != 0xc0 || i->mode != MODE_PROTECTED))
		return EMUL_UNKNOWN;
	if (i->lock || i->rep || i->prefix66 || i->rex)
		return emul_raise(e, VECTOR_UD);
	c = b;
	i->rex = b & 0x80 ? 0 : REX_R;
	if (three) {
		r = next_byte(e, i, &c);
		if (r != EMUL_OK)
			return r;
		i->rex |= (uint8_t)((~b >> 5 & 3) | (c & 0x80 ? REX_W : 0));
		if ((b & 0x1f) != 1)
			return EMUL_UNKNOWN;
	}
	if (i->mode != MODE_LONG)
		i->rex = 0; /* outside 64-bit mode these bits say nothing here */
	if ((c >> 3 & 15) != 15)
		return EMUL_UNKNOWN; /* moves to and from memory have no second source */
	i->vex = true;
	i->vex_wide = c & 4;
	i->prefix66 = pp[c & 3] == 0x66;
	i->rep = pp[c & 3] > 0x66 ? pp[c & 3] : 0;
	i->map = MAP_VEX;
	i->osize = i->rex & REX_W ? 8 : 4;
	return next_byte(e, i, &i->opcode);
}

static int decode_opcode(struct emul *e, struct insn *i)
{
	int r;

	if (i->opcode == 0xc4 || i->opcode == 0xc5)
		return decode_vex(e, i);
	if (i->opcode != 0x0f)
		return EMUL_OK;
	i->map = MAP_0F;
	r = next_byte(e, i, &i->opcode);
	if (r != EMUL_OK || i->opcode != 0x38)
		return r;
	i->map = MAP_0F38;
	return next_byte(e, i, &i->opcode);
}

static uint64_t gpr(const struct emul *e, unsigned index)
{
	return e->regs->gpr[index & 15];
}

/* [SDM2 "16-Bit Addressing Forms with the ModR/M Byte"] */
static int decode_memory16(struct emul *e, struct insn *i)
{
	static const uint8_t base[8] = { GPR_RBX, GPR_RBX, GPR_RBP, GPR_RBP,
					 GPR_RSI, GPR_RDI, GPR_RBP, GPR_RBX };
	static const uint8_t index[4] = { GPR_RSI, GPR_RDI, GPR_RSI, GPR_RDI };
	unsigned rm = i->modrm & 7;
	uint64_t disp = 0;
	int r = EMUL_OK;

	if (i->mod == 0 && rm == 6) {
		r = next_value(e, i, 2, &i->ea);
		i->ea &= 0xffff;
		return r;
	}
	if (i->mod != 0)
		r = next_value(e, i, i->mod, &disp);
	if (!i->seg_override && (rm == 2 || rm == 3 || rm == 6))
		i->seg = SEG_SS;
	i->ea = (gpr(e, base[rm]) + (rm < 4 ? gpr(e, index[rm]) : 0) + disp) & 0xffff;
	return r;
}

/* The address is left without RIP: its value after the instruction is not known yet. */
static int decode_memory(struct emul *e, struct insn *i)
{
	unsigned base = i->modrm & 7;
	uint64_t disp = 0, address = 0;
	bool no_base = i->mod == 0 && base == 5;
	unsigned disp_bytes = i->mod == 1 ? 1 : i->mod == 2 || no_base ? 4 : 0;
	uint8_t sib;
	int r = EMUL_OK;

	if (i->asize == 2)
		return decode_memory16(e, i);
	i->rip_relative = no_base && i->mode == MODE_LONG;
	if (base == 4) {
		unsigned index;

		r = next_byte(e, i, &sib);
		if (r != EMUL_OK)
			return r;
		index = (sib >> 3 & 7) | (i->rex & REX_X ? 8 : 0);
		if (index != 4)
			address = gpr(e, index) << (sib >> 6);
		base = sib & 7;
		no_base = i->mod == 0 && base == 5;
		if (no_base)
			disp_bytes = 4;
	}
	if (disp_bytes != 0)
		r = next_value(e, i, disp_bytes, &disp);
	if (!no_base) {
		if (!i->seg_override && (base == GPR_RSP || base == GPR_RBP) &&
		    !(i->rex & REX_B))
			i->seg = SEG_SS;
		base |= i->rex & REX_B ? 8 : 0;
		i->sp_based = base == GPR_RSP;
		address += gpr(e, base);
	}
	i->ea = (address + disp) & size_mask(i->asize);
	return r;
}

static int decode_modrm(struct emul *e, struct insn *i)
{
	int r = next_byte(e, i, &i->modrm);

	if (r != EMUL_OK)
		return r;
	i->has_modrm = true;
	i->mod = i->modrm >> 6;
	i->reg = (uint8_t)((i->modrm >> 3 & 7) | (i->rex & REX_R ? 8 : 0));
	i->rm = (uint8_t)((i->modrm & 7) | (i->rex & REX_B ? 8 : 0));
	i->mem = i->mod != 3;
	return EMUL_OK;
}

/* The row of the table; reads ModRM on the way. i->op stays NULL when there is none. */
static int decode_row(struct emul *e, struct insn *i)
{
	const struct emul_op *op = emul_table_row(i->map, i->opcode);
	int r;

	if (op != NULL && op->row == ROW_BY_PREFIX) {
		unsigned n = i->rep == 0xf3	? PREFIX_F3
			     : i->rep == 0xf2	? PREFIX_F2
			     : i->prefix66 != 0 ? PREFIX_66
						: PREFIX_NONE;

		op = &op->sub[n];
	}
	if (op == NULL || op->row == ROW_NONE)
		return EMUL_UNKNOWN;
	if (op->flags & OP_MODRM) {
		r = decode_modrm(e, i);
		if (r != EMUL_OK)
			return r;
	}
	if (op->row == ROW_BY_REG)
		op = &op->sub[i->modrm >> 3 & 7];
	if (op->row != ROW_PLAIN)
		return EMUL_UNKNOWN;
	i->op = op;
	return EMUL_OK;
}

/* Sizes, and the encodings that are #UD whatever their operands. */
static int decode_check(struct emul *e, struct insn *i)
{
	uint32_t flags = i->op->flags;

	if (!i->lock && !(flags & OP_RARE)) {
		i->size = flags & OP_BYTE ? 1 : i->osize;
		return EMUL_OK;
	}
	if ((flags & OP_D64) && i->mode == MODE_LONG && i->osize == 4)
		i->osize = 8;
	if ((flags & OP_NO16) && i->osize == 2)
		i->osize = 4;
	i->size = flags & OP_BYTE ? 1 : i->osize;
	if (i->lock && !((flags & OP_LOCK) && i->mem))
		return emul_raise(e, VECTOR_UD);
	if ((flags & OP_MEMORY) && i->has_modrm && !i->mem)
		return emul_raise(e, VECTOR_UD);
	if ((flags & OP_ONLY64) && i->mode != MODE_LONG)
		return EMUL_UNKNOWN; /* ARPL */
	if ((flags & OP_SRC32) && i->osize == 2)
		return EMUL_UNKNOWN; /* MOVSXD to 16 bits: how much is read depends on the vendor */
	if ((flags & OP_SREG) && i->has_modrm)
		i->reg &= 7; /* REX.R is ignored */
	if ((flags & OP_NO64) && i->mode == MODE_LONG)
		return emul_raise(e, VECTOR_UD);
	return EMUL_OK;
}

static int decode_immediate(struct emul *e, struct insn *i)
{
	const struct emul_op *op = i->op;
	int r;

	if (op->dst == O_OFFSET || op->src == O_OFFSET) {
		r = next_value(e, i, i->asize, &i->ea);
		i->ea &= size_mask(i->asize);
		i->mem = true;
		return r;
	}
	if (op->src == O_IMM8 || (op->flags & OP_IMM8))
		return next_value(e, i, 1, &i->imm);
	if (op->src == O_IMM || (op->flags & OP_IMM))
		return next_value(e, i, i->size > 4 ? 4 : i->size, &i->imm);
	return EMUL_OK;
}

int emul_decode(struct emul *e, struct insn *i)
{
	int r;

	*i = (struct insn){ 0 };
	decode_mode(e, i);
	e->insn_len = e->given < EMUL_INSN_MAX ? e->given : EMUL_INSN_MAX;
	e->given = 0;
	r = decode_prefixes(e, i);
	if (r == EMUL_OK)
		r = decode_opcode(e, i);
	if (r == EMUL_OK)
		r = decode_row(e, i);
	if (r == EMUL_OK && i->has_modrm && i->mem)
		r = decode_memory(e, i);
	if (r != EMUL_OK)
		return r;
	r = decode_check(e, i);
	if (r == EMUL_OK && (i->op->flags & OP_TAIL))
		r = decode_immediate(e, i);
	i->next = e->regs->rip + i->length;
	if (i->mode != MODE_LONG)
		i->next &= 0xffffffff;
	if (i->rip_relative)
		i->ea = (i->ea + i->next) & size_mask(i->asize);
	return r;
}
