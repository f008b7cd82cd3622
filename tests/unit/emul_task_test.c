/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/emul/walk.c guests/emul/memory.c guests/emul/decode.c guests/emul/alu.c guests/emul/muldiv.c guests/emul/execute.c guests/emul/state.c guests/emul/string.c guests/emul/stack.c guests/emul/segment.c guests/emul/task.c guests/emul/vector.c guests/emul/table.c */
/*
 * Task switches by hand: what goes to memory and to the registers for each way in, and for each fault
 * whether the old or the new task has it. The payload tasks.c does the same on real processors' terms.
 */
#include "tests/unit/emul_world.h"

enum { SEL_OLD = 0x40, SEL_NEW = 0x48, SEL_NEW16 = 0x50, SEL_LDT = 0x58, SEL_CODE = 8, SEL_DATA = 0x10 };
enum { SEL_USER_CODE = 0x1b, SEL_USER_DATA = 0x23, SEL_ABSENT = 0x28, SEL_CONFORMING = 0x30 };
enum { OLD = W_TSS, NEW = W_TSS + 0x200, NEW16 = W_TSS + 0x400, LDT = W_TSS + 0x600 };

static struct vcpu_task t;
static struct vcpu_regs was;

static void descriptor(unsigned selector, uint64_t base, uint64_t limit, uint64_t access, uint64_t flags)
{
	world_put(W_GDT + (selector & ~7U),
		  (limit & 0xffff) | (base & 0xffffff) << 16 | access << 40 | (limit >> 16 & 15) << 48 | flags << 52 |
			  (base >> 24) << 56, 8);
}

static uint64_t access_of(unsigned selector)
{
	return world_get(W_GDT + (selector & ~7U) + 5, 1);
}

static void tss32(uint64_t at, uint64_t eip, uint64_t eflags, unsigned code, unsigned data)
{
	world_put(at + 0x20, eip, 4);
	world_put(at + 0x24, eflags, 4);
	for (unsigned n = 0; n < 8; n++)
		world_put(at + 0x28 + 4 * n, 0x90000000 + n, 4);
	world_put(at + 0x38, W_STACK, 4);
	for (unsigned n = 0; n < 6; n++)
		world_put(at + 0x48 + 4 * n, n == SEG_CS ? code : data, 4);
	world_put(at + 0x60, 0, 4);
	world_put(at + 0x64, 0, 4);
}

static void begin(unsigned reason)
{
	world_protected(0);
	descriptor(SEL_CODE, 0, 0xfffff, 0x9a, 0xc);
	descriptor(SEL_DATA, 0, 0xfffff, 0x92, 0xc);
	descriptor(SEL_USER_CODE, 0, 0xfffff, 0xfa, 0xc);
	descriptor(SEL_USER_DATA, 0, 0xfffff, 0xf2, 0xc);
	descriptor(SEL_ABSENT, 0, 0xfffff, 0x12, 0xc);
	descriptor(SEL_CONFORMING, 0, 0xfffff, 0x9e, 0xc);
	descriptor(SEL_OLD, OLD, 0x67, 0x8b, 0);
	descriptor(SEL_NEW, NEW, 0x67, reason == TASK_IRET ? 0x8b : 0x89, 0);
	descriptor(SEL_NEW16, NEW16, 0x2b, reason == TASK_IRET ? 0x83 : 0x81, 0);
	descriptor(SEL_LDT, LDT, 0x17, 0x82, 0);
	tss32(NEW, 0x5678, 0x202, SEL_CODE, SEL_DATA);
	w.r.tr.selector = SEL_OLD;
	w.r.rip = W_CODE;
	w.r.rflags = RFLAGS_FIXED | RFLAGS_NT | RFLAGS_CF;
	for (unsigned n = 0; n < 8; n++)
		w.r.gpr[n] = 0xa0000000 + n;
	w.e.valid |= REG_TABLE | REG_DR | REG_EVENT;
	w.r.dr7 = 0x7ff;
	w.r.nmi_blocked = 1;
	t = (struct vcpu_task){ .selector = SEL_NEW, .reason = (uint8_t)reason, .insn_len = 7 };
}

static enum emul_result run(void)
{
	was = w.r;
	return emul_task_switch(&w.e, &t);
}

/* ------------------------------------------------------------------ ways in */

static void saved(unsigned reason)
{
	CHECK_EQ(world_get(OLD + 0x20, 4), W_CODE + 7);
	CHECK_EQ(world_get(OLD + 0x24, 4), RFLAGS_FIXED | RFLAGS_CF | (reason == TASK_IRET ? 0 : RFLAGS_NT));
	for (unsigned n = 0; n < 8; n++)
		CHECK_EQ(world_get(OLD + 0x28 + 4 * n, 4), 0xa0000000 + n);
	CHECK_EQ(world_get(OLD + 0x4c, 4), SEL_CODE);
	CHECK_EQ(world_get(OLD + 0x5c, 4), SEL_DATA);
}

static void each_reason(void)
{
	static const struct {
		uint8_t reason, old, new, link;
		bool nt;
	} row[] = {
		{ TASK_CALL, 0x8b, 0x8b, SEL_OLD, true },
		{ TASK_IRET, 0x89, 0x8b, 0, false },
		{ TASK_JMP, 0x89, 0x8b, 0, false },
		{ TASK_GATE, 0x8b, 0x8b, SEL_OLD, true },
	};

	for (unsigned n = 0; n < 4; n++) {
		begin(row[n].reason);
		CHECK_EQ(run(), EMUL_OK);
		saved(row[n].reason);
		CHECK_EQ(access_of(SEL_OLD), row[n].old);
		CHECK_EQ(access_of(SEL_NEW), row[n].new);
		CHECK_EQ(world_get(NEW, 2), row[n].link);
		CHECK_EQ(w.r.rip, 0x5678);
		CHECK_EQ(w.r.rflags, 0x202 | (row[n].nt ? RFLAGS_NT : 0));
		CHECK_EQ(w.r.gpr[GPR_RCX], 0x90000001);
		CHECK_EQ(w.r.gpr[GPR_RSP], W_STACK);
		CHECK_EQ(w.r.gpr[GPR_R8], 0);
		CHECK_EQ(w.r.tr.selector, SEL_NEW);
		CHECK_EQ(w.r.tr.attr, 0x8b);
		CHECK_EQ(w.r.tr.base, NEW);
		CHECK_EQ(w.r.seg[SEG_CS].attr, 0xc9b);
		CHECK_EQ(w.r.seg[SEG_SS].attr, 0xc93);
		CHECK_EQ(w.r.seg[SEG_SS].limit, 0xffffffff);
		CHECK_EQ(access_of(SEL_CODE), 0x9b); /* accessed */
		CHECK_EQ(w.r.cr0 & CR0_TS, CR0_TS);
		CHECK_EQ(w.r.dr7, 0x6aa);
		CHECK_EQ(w.r.nmi_blocked, row[n].reason != TASK_IRET);
		CHECK_EQ(w.e.changed & ~(uint32_t)REG_EVENT,
			 REG_GPR | REG_RIP | REG_SEG | REG_TABLE | REG_CR | REG_DR);
	}
}

static void error_code(void)
{
	begin(TASK_GATE);
	t.event_type = EVENT_EXCEPTION;
	t.event_vector = VECTOR_GP;
	t.has_error = 1;
	t.error = 0x1234;
	t.insn_len = 0;
	CHECK_EQ(run(), EMUL_OK);
	CHECK_EQ(world_get(OLD + 0x20, 4), W_CODE);
	CHECK_EQ(w.r.gpr[GPR_RSP], W_STACK - 4);
	CHECK_EQ(world_get(W_STACK - 4, 4), 0x1234);
	/* No room for it: the new task's #SS, of what came from outside. */
	begin(TASK_GATE);
	t.event_type = EVENT_EXCEPTION;
	t.event_vector = VECTOR_AC;
	t.has_error = 1;
	descriptor(SEL_DATA, 0, 0xfff, 0x92, 4);
	CHECK_FAULT(run(), VECTOR_SS, 1);
	CHECK_EQ(w.r.tr.selector, SEL_NEW);
}

static void both_kinds(void)
{
	begin(TASK_CALL);
	t.selector = SEL_NEW16;
	world_put(NEW16 + 0x0e, 0x4321, 2);
	world_put(NEW16 + 0x10, 0x2, 2);
	for (unsigned n = 0; n < 8; n++)
		world_put(NEW16 + 0x12 + 2 * n, 0x7000 + n, 2);
	for (unsigned n = 0; n < 4; n++)
		world_put(NEW16 + 0x22 + 2 * n, n == SEG_CS ? SEL_CODE : SEL_DATA, 2);
	CHECK_EQ(run(), EMUL_OK);
	saved(TASK_CALL);
	CHECK_EQ(w.r.rip, 0x4321);
	CHECK_EQ(w.r.gpr[GPR_RDI], 0x7007);
	CHECK_EQ(w.r.seg[SEG_GS].selector, 0);
	CHECK_EQ(w.r.seg[SEG_GS].attr, 0);
	CHECK_EQ(w.r.tr.attr, 0x83);
	CHECK_EQ(world_get(NEW16, 2), SEL_OLD);
	/* And back, to the 32-bit one that waits. */
	t = (struct vcpu_task){ .selector = SEL_OLD, .reason = TASK_IRET, .insn_len = 1 };
	w.r.gpr[GPR_RBX] = 0x12345678;
	CHECK_EQ(run(), EMUL_OK);
	CHECK_EQ(world_get(NEW16 + 0x0e, 2), 0x4322);
	CHECK_EQ(world_get(NEW16 + 0x10, 2), 2);
	CHECK_EQ(world_get(NEW16 + 0x18, 2), 0x5678);
	CHECK_EQ(world_get(NEW16 + 0x2a, 2), 0); /* not written */
	CHECK_EQ(w.r.gpr[GPR_RCX], 0xa0000001);
	CHECK_EQ(access_of(SEL_NEW16), 0x81);
	CHECK_EQ(access_of(SEL_OLD), 0x8b);
}

static void level_3(void)
{
	begin(TASK_JMP);
	tss32(NEW, 0x5678, 0x2, SEL_USER_CODE, SEL_USER_DATA);
	CHECK_EQ(run(), EMUL_OK);
	CHECK_EQ(w.r.seg[SEG_SS].attr, 0xcf3);
	begin(TASK_JMP); /* conforming code runs at the selector's level */
	tss32(NEW, 0x5678, 0x2, SEL_CONFORMING | 3, SEL_USER_DATA);
	CHECK_EQ(run(), EMUL_OK);
	CHECK_EQ(w.r.seg[SEG_CS].selector, SEL_CONFORMING | 3);
	CHECK_EQ(w.r.seg[SEG_SS].attr, 0xcf3);
}

static void virtual_8086(void)
{
	begin(TASK_CALL);
	tss32(NEW, 0x100, RFLAGS_VM | 2, 0xf000, 0x1234);
	CHECK_EQ(run(), EMUL_OK);
	for (unsigned n = 0; n < SEG_COUNT; n++) {
		CHECK_EQ(w.r.seg[n].base, n == SEG_CS ? 0xf0000 : 0x12340);
		CHECK_EQ(w.r.seg[n].limit, 0xffff);
		CHECK_EQ(w.r.seg[n].attr, 0xf3);
	}
	CHECK_EQ(w.r.rflags, RFLAGS_VM | RFLAGS_NT | 2);
	/* A fault on the way finds it in that mode. */
	begin(TASK_CALL);
	tss32(NEW, 0x100, RFLAGS_VM | 2, 0xf000, 0x1234);
	world_put(NEW + 0x60, SEL_DATA, 2);
	CHECK_FAULT(run(), VECTOR_TS, SEL_DATA);
	CHECK_EQ(w.r.seg[SEG_CS].base, 0xf0000);
	CHECK_EQ(w.r.seg[SEG_CS].attr, 0xf3);
}

static void local_table(void)
{
	begin(TASK_CALL);
	world_put(NEW + 0x60, SEL_LDT, 2);
	world_put(NEW + 0x54, 0x0c, 2); /* DS: LDT, 1 */
	world_put(LDT + 8, 0x0040920010000fffULL, 8);
	CHECK_EQ(run(), EMUL_OK);
	CHECK_EQ(w.r.ldtr.base, LDT);
	CHECK_EQ(w.r.ldtr.attr, 0x82);
	CHECK_EQ(w.r.seg[SEG_DS].base, 0x1000);
}

static void trap_bit(void)
{
	begin(TASK_CALL);
	world_put(NEW + 0x64, 1, 2);
	CHECK_FAULT(run(), VECTOR_DB, 0);
	CHECK_EQ(w.r.dr6 & 1 << 15, 1 << 15);
	CHECK_EQ(w.r.rip, 0x5678);
	emul_fault_post(&w.e);
	CHECK_EQ(w.r.rflags & RFLAGS_RF, 0);
}

/* ------------------------------------------------------------------ paging */

static void paged(bool pae)
{
	static const uint64_t at[] = { W_GDT, W_TSS, W_STACK, W_STACK - 0x1000 };

	w.r.cr0 |= CR0_PG;
	w.r.cr4 = pae ? CR4_PAE : 0;
	w.r.cr3 = world_table();
	for (unsigned n = 0; n < 4; n++)
		world_map(at[n], at[n] | PTE_P | PTE_W);
}

static void address_spaces(void)
{
	begin(TASK_CALL);
	world_put(NEW + 0x1c, 0x7f000, 4);
	CHECK_EQ(run(), EMUL_OK);
	CHECK_EQ(w.r.cr3, 0); /* no paging */
	begin(TASK_CALL);
	paged(false);
	world_put(NEW + 0x1c, W_TABLES + 0xf000, 4);
	/* The new one has the GDT elsewhere, with a flat segment that is not writable. */
	memcpy(world_ram + W_TABLES + 0xf000, world_ram + w.r.cr3, 4096);
	CHECK_EQ(run(), EMUL_OK);
	CHECK_EQ(w.r.cr3, W_TABLES + 0xf000);
}

static void pdptrs(void)
{
	for (unsigned bad = 0; bad < 2; bad++) {
		begin(TASK_CALL);
		paged(true);
		world_put(NEW + 0x1c, W_TABLES + 0xf020, 4);
		memcpy(world_ram + W_TABLES + 0xf020, world_ram + w.r.cr3, 32);
		world_put(W_TABLES + 0xf028, 0x123001 | (bad ? 2 : 0), 8);
		if (bad) {
			CHECK_FAULT(run(), VECTOR_GP, 0);
			CHECK_EQ(w.r.tr.selector, SEL_NEW);
			CHECK_EQ(w.r.cr3, was.cr3);
			continue;
		}
		CHECK_EQ(run(), EMUL_OK);
		CHECK_EQ(w.r.pdptr[1], 0x123001);
		CHECK_EQ(w.e.changed & REG_PDPTR, REG_PDPTR);
		CHECK_EQ(w.r.cr3, W_TABLES + 0xf020);
	}
	begin(TASK_CALL); /* no memory there */
	paged(true);
	world_put(NEW + 0x1c, W_MMIO, 4);
	CHECK_FAULT(run(), VECTOR_GP, 0);
}

static void not_there(void)
{
	static const uint64_t hole[] = { W_GDT, W_TSS };

	for (unsigned n = 0; n < 2; n++) {
		begin(TASK_CALL);
		paged(false);
		world_map(hole[n], 0);
		CHECK_EQ(run(), EMUL_FAULT);
		CHECK_EQ(w.e.fault.vector, VECTOR_PF);
		CHECK_EQ(w.e.fault.cr2 & ~0xfffULL, hole[n]);
		CHECK(memcmp(&was, &w.r, sizeof was) == 0);
		CHECK_EQ(access_of(SEL_NEW), 0x89);
		CHECK_EQ(world_get(NEW, 2), 0);
	}
}

/* ------------------------------------------------------------------ faults */

static void old_fault(unsigned vector, unsigned error)
{
	uint8_t tss[0x68];

	memcpy(tss, world_ram + OLD, sizeof tss);
	CHECK_FAULT(run(), vector, error);
	CHECK(memcmp(&was, &w.r, sizeof was) == 0);
	CHECK(memcmp(tss, world_ram + OLD, sizeof tss) == 0);
	CHECK_EQ(w.e.changed, 0);
	CHECK_EQ(access_of(SEL_OLD), 0x8b);
}

static void faults_before(void)
{
	for (unsigned reason = TASK_CALL; reason <= TASK_GATE; reason++) {
		bool back = reason == TASK_IRET;
		unsigned vector = back ? VECTOR_TS : VECTOR_GP;

		begin(reason);
		t.selector = SEL_NEW | 4;
		old_fault(vector, SEL_NEW | 4);
		begin(reason);
		t.selector = 0xff8;
		w.r.gdtr.limit = 0xff0;
		old_fault(vector, 0xff8);
		begin(reason);
		t.selector = SEL_DATA;
		old_fault(vector, SEL_DATA);
		begin(reason);
		descriptor(SEL_NEW, NEW, 0x67, back ? 0x89 : 0x8b, 0);
		old_fault(vector, SEL_NEW);
		begin(reason);
		descriptor(SEL_NEW, NEW, 0x67, back ? 0x0b : 0x09, 0);
		old_fault(VECTOR_NP, SEL_NEW);
		begin(reason);
		descriptor(SEL_NEW, NEW, 0x66, back ? 0x8b : 0x89, 0);
		old_fault(VECTOR_TS, SEL_NEW);
		begin(reason);
		w.r.tr.limit = 0x5c;
		old_fault(VECTOR_TS, SEL_OLD);
	}
}

/* What is delivered from outside shows in the error code; what INT n asks for does not. */
static void external(void)
{
	static const uint8_t type[] = { EVENT_NONE, EVENT_INTERRUPT, EVENT_NMI, EVENT_EXCEPTION };

	for (unsigned n = 0; n < 4; n++) {
		begin(TASK_GATE);
		t.event_type = type[n];
		t.event_vector = type[n] == EVENT_EXCEPTION ? VECTOR_UD : 0x20;
		t.selector = SEL_DATA;
		old_fault(VECTOR_GP, SEL_DATA | (n != 0));
		begin(TASK_GATE);
		t.event_type = type[n];
		t.event_vector = VECTOR_UD;
		world_put(NEW + 0x54, 0x7f8, 2);
		CHECK_FAULT(run(), VECTOR_TS, 0x7f8 | (n != 0));
		CHECK_EQ(w.r.tr.selector, SEL_NEW);
	}
}

static void faults_after(void)
{
	static const struct {
		uint16_t at, selector;
		uint8_t vector;
	} row[] = {
		{ 0x60, SEL_DATA, VECTOR_TS }, { 0x60, 0x7f8, VECTOR_TS }, { 0x60, SEL_LDT | 4, VECTOR_TS },
		{ 0x4c, 0, VECTOR_TS }, { 0x4c, SEL_DATA, VECTOR_TS }, { 0x4c, SEL_USER_CODE & ~3, VECTOR_TS },
		{ 0x4c, SEL_NEW, VECTOR_TS }, { 0x50, 0, VECTOR_TS }, { 0x50, SEL_CODE, VECTOR_TS },
		{ 0x50, SEL_DATA | 1, VECTOR_TS }, { 0x50, SEL_USER_DATA & ~3, VECTOR_TS },
		{ 0x50, SEL_ABSENT, VECTOR_SS }, { 0x48, SEL_LDT, VECTOR_TS }, { 0x54, SEL_ABSENT, VECTOR_NP },
		{ 0x58, 0x7f8, VECTOR_TS }, { 0x5c, SEL_LDT | 4, VECTOR_TS }, { 0x5c, SEL_DATA | 3, VECTOR_TS },
	};

	for (unsigned n = 0; n < sizeof(row) / sizeof(row[0]); n++) {
		begin(TASK_CALL);
		world_put(NEW + row[n].at, row[n].selector, 2);
		CHECK_FAULT(run(), row[n].vector, row[n].selector & 0xfffcU);
		CHECK_EQ(w.r.tr.selector, SEL_NEW);
		CHECK_EQ(w.r.rip, 0x5678);
		CHECK_EQ(world_get(NEW, 2), SEL_OLD);
		saved(TASK_CALL);
		/* A processor must be able to enter with it. */
		CHECK_EQ(w.r.seg[SEG_CS].attr & 0x9b, 0x9b);
		CHECK_EQ(w.r.seg[SEG_SS].attr >> 5 & 3, w.r.seg[SEG_CS].selector & 3);
		CHECK_EQ(w.r.seg[SEG_GS].selector, row[n].at == 0x5c ? row[n].selector : SEL_DATA);
	}
}

static void two_faults(void)
{
	static const struct {
		uint8_t first, second_np, vector, result;
	} row[] = {
		{ VECTOR_UD, 1, VECTOR_NP, EMUL_FAULT }, { VECTOR_GP, 1, VECTOR_DF, EMUL_FAULT },
		{ VECTOR_PF, 1, VECTOR_DF, EMUL_FAULT }, { VECTOR_DF, 1, VECTOR_NP, EMUL_SHUTDOWN },
		{ VECTOR_GP, 0, VECTOR_PF, EMUL_FAULT }, { VECTOR_PF, 0, VECTOR_DF, EMUL_FAULT },
	};

	for (unsigned n = 0; n < sizeof(row) / sizeof(row[0]); n++) {
		begin(TASK_GATE);
		t.event_type = EVENT_EXCEPTION;
		t.event_vector = row[n].first;
		if (row[n].second_np) {
			descriptor(SEL_NEW, NEW, 0x67, 0x09, 0);
		} else {
			paged(false);
			world_map(W_TSS, 0);
		}
		CHECK_EQ(run(), row[n].result);
		CHECK_EQ(w.e.fault.vector, row[n].vector);
		CHECK_EQ(w.e.fault.set_cr2, !row[n].second_np);
	}
}

/* Another processor takes the new TSS just before we do. */
static void *faster(struct emul *e, gpa_t at, size_t bytes, bool write)
{
	if (write && at.raw == W_GDT + SEL_NEW + 5)
		world_ram[at.raw] |= 2;
	return world_op_ram(e, at, bytes, write);
}

static void other_processors(void)
{
	struct emul_ops racing = world_ops;

	begin(TASK_CALL);
	racing.ram = faster;
	w.e.ops = &racing;
	CHECK_EQ(run(), EMUL_AGAIN);
	CHECK(memcmp(&was, &w.r, sizeof was) == 0);
	CHECK_EQ(world_get(OLD + 0x20, 4), 0);
	CHECK_FAULT(run(), VECTOR_GP, SEL_NEW); /* it is the other one's now */
	begin(TASK_CALL);
	t.selector = SEL_NEW;
	w.r.efer = EFER_LMA;
	CHECK_EQ(run(), EMUL_UNKNOWN);
	begin(TASK_CALL);
	w.r.cr0 &= ~CR0_PE;
	CHECK_EQ(run(), EMUL_UNKNOWN);
	begin(TASK_CALL); /* a TSS in a device */
	descriptor(SEL_NEW, W_MMIO, 0x67, 0x89, 0);
	w.fail_with = -6;
	CHECK_EQ(run(), EMUL_HOST);
}

int main(void)
{
	RUN(each_reason);
	RUN(error_code);
	RUN(both_kinds);
	RUN(level_3);
	RUN(virtual_8086);
	RUN(local_table);
	RUN(trap_bit);
	RUN(address_spaces);
	RUN(pdptrs);
	RUN(not_there);
	RUN(faults_before);
	RUN(external);
	RUN(faults_after);
	RUN(two_faults);
	RUN(other_processors);
	return unit_status();
}
