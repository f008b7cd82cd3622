/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/emul/walk.c guests/emul/memory.c guests/emul/decode.c guests/emul/alu.c guests/emul/muldiv.c guests/emul/execute.c guests/emul/state.c guests/emul/string.c guests/emul/stack.c guests/emul/segment.c guests/emul/vector.c guests/emul/table.c */
/*
 * The emulator on arbitrary code, registers, page tables and memory. Input: a header (struct
 * header), then pokes into page tables, then code bytes. Checked: the sanitizers, that the host's
 * work is bounded, that a fault without REP has changed no register, and that results make sense.
 */
#include <stdlib.h>
#include <string.h>
#include "guests/emul/emul.h"
#include "lib/x86/cr.h"
#include "lib/x86/pte.h"

enum { RAM_BYTES = 0x10000, CODE = 0x1000, TABLES = 0x8000, STEPS = 4, BUDGET = 64 };

struct header {
	uint8_t mode, flags, cpl, pokes;
	uint8_t cr4, seg, gpr_kind, spare;
	uint64_t gpr[16];
	uint64_t poke[4];
};

static _Alignas(4096) uint8_t ram[RAM_BYTES];
static uint8_t vectors[16][32];
static unsigned calls;

static void *op_ram(struct emul *e, gpa_t at, size_t bytes, bool write)
{
	(void)e;
	(void)write;
	if (bytes == 0 || bytes > 4096 || (at.raw & 4095) + bytes > 4096)
		abort();
	if (at.raw >= RAM_BYTES || at.raw + bytes > RAM_BYTES)
		return NULL;
	return ram + at.raw;
}

static void check_mmio(gpa_t at, unsigned bytes)
{
	calls++;
	if ((bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) ||
	    (at.raw & 4095) + bytes > 4096)
		abort();
}

static int op_read(struct emul *e, gpa_t at, unsigned bytes, uint64_t *value)
{
	(void)e;
	check_mmio(at, bytes);
	*value = at.raw * 0x9e3779b97f4a7c15;
	return (at.raw & 0xffff00) == 0xbad00 ? -6 : 0;
}

static int op_write(struct emul *e, gpa_t at, unsigned bytes, uint64_t value)
{
	(void)e;
	(void)value;
	check_mmio(at, bytes);
	return 0;
}

static int op_in(struct emul *e, uint16_t port, unsigned bytes, uint32_t *value)
{
	(void)e;
	if (bytes != 1 && bytes != 2 && bytes != 4)
		abort();
	calls++;
	*value = port * 0x1010101U;
	return 0;
}

static int op_out(struct emul *e, uint16_t port, unsigned bytes, uint32_t value)
{
	(void)value;
	return op_in(e, port, bytes, &(uint32_t){ 0 });
}

static int op_pull(struct emul *e, uint32_t groups)
{
	return e->host != NULL && groups != 0 ? 0 : -10;
}

static int op_get(struct emul *e, unsigned index, uint8_t value[32])
{
	(void)e;
	if (index > 15)
		abort();
	memcpy(value, vectors[index], 32);
	return 0;
}

static int op_set(struct emul *e, unsigned index, const uint8_t value[32])
{
	(void)e;
	if (index > 15)
		abort();
	memcpy(vectors[index], value, 32);
	return 0;
}

static const struct emul_ops ops = { op_ram, op_read, op_write, op_in, op_out,
				     op_pull, op_get, op_set };

/* Identity maps of the first 2 MiB (RAM, then MMIO) for the paging mode, all tables in TABLES. */
static void build_tables(uint64_t efer, uint64_t cr4)
{
	uint64_t *t = (uint64_t *)(ram + TABLES);
	uint32_t *t4 = (uint32_t *)(ram + TABLES);
	unsigned levels = efer & EFER_LMA ? (cr4 & CR4_LA57 ? 5 : 4) : 3;

	if (!(efer & EFER_LMA) && !(cr4 & CR4_PAE)) {
		t4[0] = (TABLES + 0x1000) | 7;
		t4[1] = 0x400000 | 0xe7; /* 4M */
		for (unsigned n = 0; n < 1024; n++)
			t4[1024 + n] = n << 12 | 7;
		return;
	}
	for (unsigned l = 0; l + 1 < levels; l++)
		t[512 * l] = (TABLES + 0x1000 * (l + 1)) | (levels == 3 && l == 0 ? 1 : 7);
	t[512 * (levels - 2) + 1] = 0x200000 | 0xe7; /* 2M */
	for (unsigned n = 0; n < 512; n++)
		t[512 * (levels - 1) + n] = n << 12 | 7;
}

static void build_segments(struct vcpu_regs *r, const struct header *h)
{
	unsigned cpl = r->cr0 & CR0_PE ? h->cpl & 3 : 0;
	bool wide = r->efer & EFER_LMA && !(h->mode & 0x10);

	for (unsigned n = 0; n < SEG_COUNT; n++) {
		r->seg[n].attr = (uint16_t)(0x493 | cpl << 5);
		r->seg[n].limit = h->seg & 1 ? 0xffff : 0xffffffff;
		r->seg[n].base = h->seg & 2 && n != SEG_CS ? h->gpr[n] & 0xffff : 0;
		if (h->seg & 0x20 && n >= SEG_DS)
			r->seg[n].attr = (uint16_t)(h->gpr[n] & 0x4ff);
	}
	r->seg[SEG_CS].attr = (uint16_t)(0x9b | cpl << 5 | (wide ? 0x200 : h->seg & 4 ? 0 : 0x400));
	if (h->seg & 8)
		r->seg[SEG_SS].attr &= 0x3ff;
	r->gdtr = (struct vcpu_seg){ .base = 0x3000, .limit = h->seg & 0x10 ? 0x1f : 0xfff };
	r->ldtr = (struct vcpu_seg){ .base = 0x3800, .limit = 0xff, .attr = h->seg & 0x40 ? 0x82 : 0 };
	r->tr = (struct vcpu_seg){ .base = 0x2000, .limit = 0x2067, .attr = h->seg & 0x80 ? 0x8b : 0x83 };
}

static void build_regs(struct vcpu_regs *r, const struct header *h)
{
	memset(r, 0, sizeof *r);
	memcpy(r->gpr, h->gpr, sizeof r->gpr);
	for (unsigned n = 0; n < 16; n++)
		if (h->gpr_kind & 1 << (n & 7))
			r->gpr[n] &= 0x3fffff; /* mapped, most likely */
	r->cr0 = CR0_ET | (h->mode & 1 ? CR0_PE : 0) | (h->mode & 8 ? CR0_WP : 0) |
		 (h->mode & 0x20 ? CR0_AM : 0) | (h->flags & 0x80 ? CR0_TS : 0);
	r->cr4 = CR4_OSFXSR | CR4_OSXSAVE | (h->cr4 & 1 ? CR4_PAE : 0) | (h->cr4 & 2 ? CR4_PSE : 0) |
		 (h->cr4 & 4 ? CR4_SMEP : 0) | (h->cr4 & 8 ? CR4_SMAP : 0) |
		 (h->cr4 & 16 ? CR4_LA57 : 0);
	r->xcr0 = 7;
	if (h->cr4 & 32)
		r->efer |= EFER_NXE;
	if ((h->mode & 3) == 3)
		r->cr0 |= CR0_PG;
	if ((h->mode & 7) == 7) {
		r->efer |= EFER_LMA | EFER_LME;
		r->cr4 |= CR4_PAE;
	}
	r->cr3 = TABLES;
	r->rip = CODE;
	r->rflags = RFLAGS_FIXED | (h->flags & 1 ? RFLAGS_TF : 0) | (h->flags & 2 ? RFLAGS_DF : 0) |
		    (h->flags & 4 ? RFLAGS_AC : 0) | (h->flags & 8 ? RFLAGS_CF : 0) |
		    (uint64_t)(h->flags >> 4 & 3) << 12 |
		    (h->flags & 0x40 && !(r->efer & EFER_LMA) ? RFLAGS_VM : 0);
	build_segments(r, h);
	build_tables(r->efer, r->cr4);
	for (unsigned n = 0; n < (h->pokes & 3U); n++) /* 13 bits of where, the rest is what */
		memcpy(ram + TABLES + (h->poke[n] & 0xbff) * 8, &h->poke[n], 8);
	memcpy(r->pdptr, ram + TABLES, sizeof r->pdptr);
}

static void check(const struct emul *e, const struct vcpu_regs *before, enum emul_result r)
{
	static const uint8_t faults[32] = { [0] = 1, [1] = 1, [6] = 1, [7] = 1, [11] = 1, [12] = 1,
					    [13] = 1, [14] = 1, [17] = 1 };
	bool rep = false;

	if (e->insn_len > EMUL_INSN_MAX || calls > 2U * BUDGET * 4 + 64)
		abort();
	for (unsigned n = 0; n < e->insn_len; n++)
		rep |= e->insn[n] == 0xf2 || e->insn[n] == 0xf3;
	if (r == EMUL_FAULT && (e->fault.vector > 31 || !faults[e->fault.vector]))
		abort();
	if (r == EMUL_FAULT && e->fault.vector != VECTOR_DB && !rep &&
	    memcmp(before, e->regs, sizeof *before) != 0)
		abort();
	if ((r == EMUL_UNKNOWN || r == EMUL_HOST) && !rep &&
	    memcmp(before, e->regs, sizeof *before) != 0)
		abort();
	if ((e->regs->rflags & ~(0x3fffffULL)) != 0 || !(e->regs->rflags & RFLAGS_FIXED))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vcpu_regs regs, before;
	struct emul e = { .regs = &regs, .ops = &ops, .budget = BUDGET };
	struct header h = { 0 };

	memcpy(&h, data, size < sizeof h ? size : sizeof h);
	data += size < sizeof h ? size : sizeof h;
	size -= size < sizeof h ? size : sizeof h;
	memset(ram, 0, TABLES);
	memset(ram + TABLES, 0, RAM_BYTES - TABLES);
	for (unsigned n = 0; n < 0x1000; n += 8) /* descriptors, and data for loads */
		memcpy(ram + 0x3000 + n, &h.gpr[n / 8 & 15], 8);
	build_regs(&regs, &h);
	e.host = h.spare & 1 ? &e : NULL;
	e.valid = EMUL_WANT | (h.spare & 2 ? REG_TABLE | REG_DR | REG_PDPTR : 0);
	e.gpa_bits = h.spare & 4 ? 36 : 0;
	if (h.spare & 8)
		regs.rip = 0x1ff8; /* code over two pages */
	if (size > 128)
		size = 128;
	memcpy(ram + regs.rip, data, size);
	if (h.spare & 16) {
		e.given = (uint8_t)(size < 16 ? size : 15);
		memcpy(e.insn, data, e.given);
	}
	for (unsigned n = 0; n < STEPS; n++) {
		enum emul_result r;

		calls = 0;
		before = regs;
		r = emul_step(&e);
		check(&e, &before, r);
		if (r == EMUL_FAULT)
			emul_fault_post(&e);
		if (r != EMUL_OK && r != EMUL_AGAIN)
			break;
	}
	return 0;
}
