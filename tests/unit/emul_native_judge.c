/* SPDX-License-Identifier: GPL-2.0-only */
/* An instruction in the emulator; its result and the processor's agree in all that is defined. */
#include "tests/unit/emul_native_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/x86/cr.h"
#include "lib/x86/pte.h"

unsigned long differences;
unsigned complaints;
static unsigned shown;
static uint8_t shadow[0x10000]; /* what the emulator sees as the window */
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

void emulator_tables_build(void)
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

static void regs_build(const struct native_case *t, struct vcpu_regs *r)
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

static uint64_t undefined_flags(const struct native_case *t)
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
bool case_undefined(const struct native_case *t)
{
	unsigned count = (t->op->flags & OP_IMM8 ? t->count : (unsigned)t->gpr[GPR_RCX]) & 31;

	return t->op->compute == emul_shift_double && t->osize == 2 && count > 16;
}

static void complain(const struct native_case *t, const char *what, uint64_t native, uint64_t emulated)
{
	differences++;
	if (++complaints > 2 || shown++ > 60)
		return;
	printf("FAIL %s: %u-bit map %u opcode %02x %s differs: native %#llx, emulated %#llx; bytes",
	       t->op->name, t->bits, t->map, t->opcode, what, (unsigned long long)native,
	       (unsigned long long)emulated);
	for (unsigned n = 0; n < t->length; n++)
		printf(" %02x", t->code[n]);
	printf("; %s, target %#llx\n", as_mmio ? "MMIO" : "RAM", (unsigned long long)t->target);
}

static bool judge_fault(const struct native_case *t, const struct native_result *n, const struct emul *e,
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

static void judge(const struct native_case *t, const struct native_result *n, const struct emul *e,
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

void case_emulate(const struct native_case *t, const struct native_result *n, bool mmio)
{
	struct vcpu_regs regs;
	uint8_t vec[16][32];
	struct emul e = { .regs = &regs, .ops = &ops, .valid = EMUL_WANT | REG_TABLE,
			  .gpa_bits = 40, .host = vec };
	enum emul_result r;

	as_mmio = mmio;
	memcpy(vec, t->vec, sizeof vec);
	memcpy(shadow + W_DATA, case_operands, 0x2000);
	memset(shadow + W_READONLY, 0, 0x1000);
	memset(shadow + W_CODE, 0x90, 32);
	memcpy(shadow + W_CODE, t->code, t->length);
	regs_build(t, &regs);
	r = emul_step(&e);
	judge(t, n, &e, r, (const uint8_t(*)[32])vec);
}
