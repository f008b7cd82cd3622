/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/emul/walk.c guests/emul/memory.c guests/emul/decode.c guests/emul/alu.c guests/emul/muldiv.c guests/emul/execute.c guests/emul/state.c guests/emul/string.c guests/emul/stack.c guests/emul/segment.c guests/emul/task.c guests/emul/vector.c guests/emul/table.c */
/*
 * Task switches between arbitrary TSSs, tables and registers. Input: struct header, then what lies in
 * memory from the GDT on. Checked beside the sanitizers: a fault of the old task has changed no register,
 * that of the new one shows its TSS, the host's work is bounded, and the state is one that a processor enters.
 */
#include <stdlib.h>
#include <string.h>
#include "guests/emul/emul.h"
#include "lib/x86/cr.h"
#include "lib/x86/pte.h"

enum { RAM_BYTES = 0x8000, GDT = 0x1000, GDT_BYTES = 0x80, TABLES = 0x4000, STEPS = 3, CALLS_MAX = 400 };

struct header {
	uint8_t mode, reason, insn_len, event_type, event_vector, has_error, gdt_limit, tr_kind;
	uint16_t selector, tr_selector;
	uint32_t error, rflags, tr_base, tr_limit, ldt_base;
	uint8_t spare[4];
};

static _Alignas(4096) uint8_t ram[RAM_BYTES];
static unsigned calls;

static void *op_ram(struct emul *e, gpa_t at, size_t bytes, bool write)
{
	(void)e;
	(void)write;
	if (bytes == 0 || bytes > 4096 || (at.raw & 4095) + bytes > 4096)
		abort();
	return at.raw + bytes > RAM_BYTES || at.raw >= RAM_BYTES ? NULL : ram + at.raw;
}

static int op_read(struct emul *e, gpa_t at, unsigned bytes, uint64_t *value)
{
	(void)e;
	if (++calls > CALLS_MAX || (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8))
		abort();
	*value = at.raw * 0x9e3779b97f4a7c15;
	return (at.raw & 0xff000) == 0xba000 ? -6 : 0;
}

static int op_write(struct emul *e, gpa_t at, unsigned bytes, uint64_t value)
{
	(void)value;
	return op_read(e, at, bytes, &(uint64_t){ 0 });
}

static const struct emul_ops ops = { .ram = op_ram, .read = op_read, .write = op_write };

/* Identity for 2 MiB: RAM, then devices; less the pages that mode's high bits take away. */
static void build_tables(struct vcpu_regs *r, unsigned mode)
{
	uint64_t *t = (uint64_t *)(ram + TABLES);
	uint32_t *t4 = (uint32_t *)(ram + TABLES);
	bool pae = mode & 2;

	if (!(mode & 1))
		return;
	r->cr0 |= CR0_PG | (mode & 4 ? CR0_WP : 0);
	r->cr4 |= pae ? CR4_PAE : 0;
	r->cr3 = TABLES;
	t[0] = (TABLES + 0x1000) | (pae ? PTE_P : PTE_P | PTE_W);
	if (pae)
		t[512] = (TABLES + 0x2000) | PTE_P | PTE_W;
	for (unsigned n = 0; n < 512; n++) {
		uint64_t entry = n << 12 | (n == mode >> 4 ? 0U : PTE_P) | (mode & 8 && n > 4 ? 0U : PTE_W);

		if (pae)
			t[1024 + n] = entry;
		else
			t4[1024 + n] = (uint32_t)entry;
	}
}

static void build(struct emul *e, struct vcpu_regs *r, const struct header *h)
{
	memset(r, 0, sizeof *r);
	r->cr0 = CR0_PE | CR0_ET;
	r->rflags = (h->rflags & 0x3f7fd7) | RFLAGS_FIXED;
	r->rip = 0x1234;
	for (unsigned n = 0; n < SEG_COUNT; n++)
		r->seg[n] = (struct vcpu_seg){ .limit = 0xffffffff, .attr = n == SEG_CS ? 0xc9b : 0xc93 };
	r->gdtr = (struct vcpu_seg){ .base = GDT, .limit = h->gdt_limit & 1 ? 0xffff : GDT_BYTES - 1 };
	r->ldtr = (struct vcpu_seg){ .base = h->ldt_base, .limit = 0xff, .attr = h->gdt_limit & 2 ? 0x82 : 0 };
	r->tr = (struct vcpu_seg){ .selector = h->tr_selector, .base = h->tr_base & 0x1fffff, .limit = h->tr_limit,
				   .attr = h->tr_kind & 1 ? 0x83 : 0x8b };
	build_tables(r, h->mode);
	memcpy(r->pdptr, ram + TABLES, sizeof r->pdptr);
	e->valid = EMUL_WANT | REG_TABLE | REG_DR | REG_PDPTR | (h->gdt_limit & 4 ? REG_EVENT : 0);
	e->gpa_bits = h->gdt_limit & 8 ? 36 : 0;
}

static void check(const struct emul *e, const struct vcpu_regs *was, enum emul_result r)
{
	const struct vcpu_regs *now = e->regs;
	const struct vcpu_seg *cs = &now->seg[SEG_CS];

	if (r == EMUL_AGAIN || r == EMUL_UNKNOWN)
		if (memcmp(was, now, sizeof *was) != 0)
			abort();
	if (r == EMUL_FAULT && e->changed == 0 && memcmp(was, now, sizeof *was) != 0)
		abort();
	if (e->changed == 0 || r == EMUL_HOST)
		return;
	if (!(now->rflags & RFLAGS_FIXED) || (now->rflags & ~0x3f7fd7ULL) || now->rip >> 32 != 0 || !(now->cr0 & CR0_TS))
		abort();
	if ((now->tr.attr & 0x97) != 0x83 || now->tr.selector & 4)
		abort();
	/* [SDM3 "Checks on Guest Segment Registers"] */
	if (now->rflags & RFLAGS_VM) {
		for (unsigned n = 0; n < SEG_COUNT; n++)
			if (now->seg[n].attr != 0xf3 || now->seg[n].base != (uint64_t)now->seg[n].selector << 4)
				abort();
		return;
	}
	if (!(cs->attr & 0x80) || (cs->attr & 0x19) != 0x19 || (now->seg[SEG_SS].attr >> 5 & 3) != (cs->selector & 3U))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vcpu_regs regs, was;
	struct emul e = { .regs = &regs, .ops = &ops };
	struct header h = { 0 };
	struct vcpu_task t;

	memcpy(&h, data, size < sizeof h ? size : sizeof h);
	data += size < sizeof h ? size : sizeof h;
	size -= size < sizeof h ? size : sizeof h;
	memset(ram, 0, sizeof ram);
	memcpy(ram + GDT, data, size < TABLES - GDT ? size : TABLES - GDT);
	build(&e, &regs, &h);
	t = (struct vcpu_task){ .selector = h.selector, .reason = h.reason & 7, .insn_len = h.insn_len & 15,
				.event_type = h.event_type & 3, .event_vector = h.event_vector & 31,
				.has_error = h.has_error & 1, .error = h.error };
	for (unsigned n = 0; n < STEPS; n++) {
		enum emul_result r;

		calls = 0;
		e.changed = 0;
		was = regs;
		r = emul_task_switch(&e, &t);
		check(&e, &was, r);
		if (r != EMUL_OK)
			break;
		t.selector = (uint16_t)(ram[GDT] | ram[GDT + 1] << 8); /* on: back, or to a third one */
		t.reason ^= 1;
	}
	return 0;
}
