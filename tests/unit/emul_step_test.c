/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/emul/walk.c guests/emul/memory.c guests/emul/decode.c guests/emul/alu.c guests/emul/muldiv.c guests/emul/execute.c guests/emul/state.c guests/emul/string.c guests/emul/stack.c guests/emul/segment.c guests/emul/vector.c guests/emul/table.c */
/*
 * The emulator, by hand: what the comparison with the processor cannot reach. Segments, system
 * state, port strings, repeats, single step, shadows, device accesses as devices see them.
 */
#include "tests/unit/emul_world.h"

#define DESC(base, limit, access, flags)                                                           \
	(((uint64_t)(base) & 0xffffff) << 16 | ((uint64_t)(base) >> 24) << 56 |                    \
	 ((uint64_t)(limit) & 0xffff) | ((uint64_t)(limit) >> 16) << 48 |                          \
	 (uint64_t)(access) << 40 | (uint64_t)(flags) << 52)

static void long_mode(unsigned cpl)
{
	world_long(cpl, false);
	world_map_usual(PTE_P | PTE_W | PTE_U);
	w.r.gpr[GPR_RBX] = 0x50010;
}

/* ------------------------------------------------------------------ devices */

static void each_size_is_one_access(void)
{
	static const struct { const char *code; unsigned bytes; uint64_t rax; } load[] = {
		{ "8a 03", 1, 0xffffffffffffff11 }, { "66 8b 03", 2, 0xffffffffffff2211 },
		{ "8b 03", 4, 0x44332211 }, { "48 8b 03", 8, 0x8877665544332211 },
		{ "0f b6 03", 1, 0x11 }, { "48 0f bf 03", 2, 0x2211 }, { "48 63 03", 4, 0x44332211 },
		{ "8a 63 00", 1, 0xffffffffffff11ff }, { "0f 38 f0 03", 4, 0x11223344 },
	};

	for (unsigned n = 0; n < sizeof load / sizeof load[0]; n++) {
		long_mode(0);
		w.r.gpr[GPR_RAX] = ~0ULL;
		CHECK_EQ(world_step(load[n].code), EMUL_OK);
		CHECK_EQ(w.logged, 1);
		CHECK_EQ(w.log[0].at, W_MMIO + 0x10);
		CHECK_EQ(w.log[0].bytes, load[n].bytes);
		CHECK_EQ(w.r.gpr[GPR_RAX], load[n].rax);
		CHECK_EQ(w.r.rip, W_CODE + (strlen(load[n].code) + 1) / 3);
		CHECK_EQ(w.e.changed, REG_GPR | REG_RIP);
	}
}

static void modify_is_a_read_and_a_write(void)
{
	static const char *const code[] = { "83 03 01", "f0 ff 03", "87 03", "0f ba 2b 05",
					    "f0 0f c1 03", "0f b1 03", "c1 03 02", "f7 1b" };

	for (unsigned n = 0; n < sizeof code / sizeof code[0]; n++) {
		long_mode(0);
		CHECK_EQ(world_step(code[n]), EMUL_OK);
		CHECK_EQ(w.logged, 2);
		CHECK(!w.log[0].write && w.log[1].write);
		CHECK_EQ(w.log[0].at, W_MMIO + 0x10);
		CHECK_EQ(w.log[1].at, W_MMIO + 0x10);
		CHECK_EQ(w.log[1].bytes, 4);
	}
	long_mode(0);
	CHECK_EQ(world_step("85 03"), EMUL_OK); /* TEST only reads */
	CHECK_EQ(w.logged, 1);
	w.r.rip = W_CODE;
	CHECK_EQ(world_step("c7 03 78 56 34 12"), EMUL_OK); /* MOV only writes */
	CHECK_EQ(w.logged, 1);
	CHECK_EQ(w.log[0].value, 0x12345678);
	w.r.rip = W_CODE;
	CHECK_EQ(world_step("0f 94 03"), EMUL_OK); /* and so does SETcc */
	CHECK_EQ(w.logged, 1);
}

static void vectors_are_pieces_of_eight(void)
{
	long_mode(0);
	CHECK_EQ(world_step("66 0f 6f 0b"), EMUL_OK); /* movdqa xmm1, [rbx] */
	CHECK_EQ(w.logged, 2);
	CHECK_EQ(w.log[1].at, W_MMIO + 0x18);
	CHECK_EQ(w.log[1].bytes, 8);
	CHECK_EQ(w.e.changed & REG_FPU, REG_FPU);
	CHECK_EQ(w.vector[1][15], 0x88);
	w.r.rip = W_CODE;
	CHECK_EQ(world_step("c5 fe 7f 0b"), EMUL_OK); /* vmovdqu [rbx], ymm1 */
	CHECK_EQ(w.logged, 4);
	w.r.rip = W_CODE;
	w.r.gpr[GPR_RBX]++;
	CHECK_FAULT(world_step("0f 28 0b"), VECTOR_GP, 0); /* movaps, not aligned */
	w.r.cr0 |= CR0_TS;
	CHECK_FAULT(world_step("0f 10 0b"), VECTOR_NM, 0);
	w.r.cr0 = (w.r.cr0 & ~CR0_TS) | CR0_EM;
	CHECK_FAULT(world_step("0f 10 0b"), VECTOR_UD, 0);
	w.r.xcr0 = 3;
	CHECK_FAULT(world_step("c5 fe 6f 0b"), VECTOR_UD, 0);
	CHECK_FAULT(world_step("66 c5 fe 6f 0b"), VECTOR_UD, 0);
	CHECK_FAULT(world_step("48 c5 fe 6f 0b"), VECTOR_UD, 0);
}

static void host_errors_stop(void)
{
	long_mode(0);
	w.fail_with = -9;
	w.r.gpr[GPR_RAX] = 5;
	CHECK_EQ(world_step("8b 03"), EMUL_HOST);
	CHECK_EQ(w.e.host_error, -9);
	CHECK_EQ(w.r.gpr[GPR_RAX], 5);
	CHECK_EQ(w.r.rip, W_CODE);
}

/* ------------------------------------------------------------------ decoding */

static void unknown_is_said(void)
{
	static const char *const code[] = { "0f 0b", "0f a2", "c3", "0f 01 13", "d8 03", "0f c7 33",
					    "62 f1 7c 48 10 03", "ff 1b", "0f b2 03", "f2 0f 38 f1 03" };

	for (unsigned n = 0; n < sizeof code / sizeof code[0]; n++) {
		long_mode(0);
		CHECK_EQ(world_step(code[n]), EMUL_UNKNOWN);
		CHECK(w.e.insn_len >= 2);
		CHECK_EQ(w.e.insn[0], strtoul(code[n], NULL, 16));
		CHECK_EQ(w.r.rip, W_CODE);
	}
	world_protected(0);
	CHECK_EQ(world_step("63 03"), EMUL_UNKNOWN); /* ARPL */
	CHECK_EQ(world_step("c4 03"), EMUL_UNKNOWN); /* LES */
	long_mode(0);
	w.r.rip = 0x50000; /* code in MMIO */
	CHECK_EQ(emul_step(&w.e), EMUL_UNKNOWN);
	CHECK_EQ(w.e.insn_len, 0);
	CHECK_EQ(w.logged, 0);
}

static void illegal_forms(void)
{
	long_mode(0);
	CHECK_FAULT(world_step("f0 89 03"), VECTOR_UD, 0); /* LOCK MOV */
	CHECK_FAULT(world_step("f0 01 c0"), VECTOR_UD, 0); /* LOCK with a register */
	CHECK_FAULT(world_step("f0 3b 03"), VECTOR_UD, 0);
	CHECK_FAULT(world_step("f0 0f ba 23 01"), VECTOR_UD, 0); /* BT is not lockable, */
	CHECK_EQ(world_step("f0 0f ba 2b 01"), EMUL_OK); /* BTS is */
	w.r.rip = W_CODE;
	CHECK_FAULT(world_step("82 03 01"), VECTOR_UD, 0); /* not in 64-bit mode */
	CHECK_FAULT(world_step("8e 0b"), VECTOR_UD, 0); /* MOV CS */
	CHECK_FAULT(world_step("8c 33"), VECTOR_UD, 0); /* segment register 6 */
	w.r.gpr[GPR_RBX] += 8;
	CHECK_FAULT(world_step("48 0f c7 0b"), VECTOR_GP, 0); /* CMPXCHG16B wants 16 bytes' */
	CHECK_EQ(world_step("0f c7 0b"), EMUL_OK);
}

static void length_limit(void)
{
	long_mode(0);
	/* 15 bytes will do, 16 are one too many */
	CHECK_EQ(world_step("2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 8b 03"), EMUL_OK);
	w.r.rip = W_CODE;
	CHECK_FAULT(world_step("2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 8b 03"), VECTOR_GP, 0);
	CHECK_EQ(w.e.insn_len, 15);
}

static void given_bytes_save_the_fetch(void)
{
	long_mode(0);
	world_map(W_CODE, 0);
	memcpy(w.e.insn, "\x8b\x03", 2);
	w.e.given = 2;
	CHECK_EQ(emul_step(&w.e), EMUL_OK);
	CHECK_EQ(w.r.gpr[GPR_RAX], 0x44332211);
	w.r.rip = W_CODE;
	CHECK_FAULT(emul_step(&w.e), VECTOR_PF, PF_FETCH); /* they count once */
}

static void rip_wraps_by_mode(void)
{
	world_protected(0);
	w.r.seg[SEG_CS].base = W_CODE + 2;
	w.r.gpr[GPR_RBX] = W_DATA;
	w.r.rip = 0xfffffffe;
	CHECK_EQ(world_step("8b 03"), EMUL_OK);
	CHECK_EQ(w.r.rip, 0);
	/* a 16-bit segment ends at its limit, not at 64K */
	world_real();
	w.r.seg[SEG_CS].base = 0;
	w.r.rip = 0xffff;
	world_ram[0xffff] = 0x8b;
	CHECK_EQ(emul_step(&w.e), EMUL_FAULT);
	CHECK_EQ(w.e.fault.vector, VECTOR_GP);
	CHECK_EQ(w.e.fault.has_error, 0);
}

/* ------------------------------------------------------------------ segments */

static void limits(void)
{
	world_protected(0);
	w.r.seg[SEG_DS].limit = 0x1fff;
	w.r.gpr[GPR_RBX] = 0x1ffc;
	CHECK_EQ(world_step("8b 03"), EMUL_OK);
	w.r.rip = W_CODE;
	w.r.gpr[GPR_RBX] = 0x1ffd;
	CHECK_FAULT(world_step("8b 03"), VECTOR_GP, 0);
	CHECK_EQ(w.e.fault.has_error, 1);
	CHECK_EQ(world_step("8a 03"), EMUL_OK);
	/* expand-down: only above the limit */
	w.r.seg[SEG_DS].attr |= 4;
	w.r.rip = W_CODE;
	CHECK_FAULT(world_step("8b 03"), VECTOR_GP, 0);
	w.r.gpr[GPR_RBX] = 0x2000;
	CHECK_EQ(world_step("8b 03"), EMUL_OK);
	w.r.rip = W_CODE;
	w.r.seg[SEG_DS].attr &= 0x3ff; /* and, when not big, below 64K */
	w.r.gpr[GPR_RBX] = 0xfffd;
	CHECK_FAULT(world_step("8b 03"), VECTOR_GP, 0);
	/* through the stack segment it is #SS */
	w.r.seg[SEG_SS].limit = 0xff;
	w.r.gpr[GPR_RBP] = 0xfe;
	CHECK_FAULT(world_step("8b 45 00"), VECTOR_SS, 0);
	w.r.seg[SEG_DS].attr &= ~4U;
	CHECK_EQ(world_step("3e 8b 45 00"), EMUL_OK);
	/* code beyond the limit */
	world_protected(0);
	w.r.seg[SEG_CS].limit = W_CODE;
	CHECK_FAULT(world_step("8b 03"), VECTOR_GP, 0);
	CHECK_EQ(w.e.insn_len, 1);
}

static void segment_types(void)
{
	world_protected(0);
	w.r.gpr[GPR_RBX] = W_DATA;
	w.r.seg[SEG_DS].attr &= 0xfffd; /* read-only */
	CHECK_EQ(world_step("8b 03"), EMUL_OK);
	w.r.rip = W_CODE;
	CHECK_FAULT(world_step("89 03"), VECTOR_GP, 0);
	CHECK_FAULT(world_step("2e 89 03"), VECTOR_GP, 0); /* code is never written */
	CHECK_EQ(world_step("2e 8b 03"), EMUL_OK);
	w.r.rip = W_CODE;
	w.r.seg[SEG_CS].attr &= 0xfffd; /* execute-only */
	CHECK_FAULT(world_step("2e 8b 03"), VECTOR_GP, 0);
	w.r.seg[SEG_DS].attr = 0; /* null */
	CHECK_FAULT(world_step("8b 03"), VECTOR_GP, 0);
	/* 64-bit mode knows none of this */
	long_mode(0);
	w.r.seg[SEG_DS] = (struct vcpu_seg){ .base = 0x777000 };
	CHECK_EQ(world_step("8b 03"), EMUL_OK);
	w.r.rip = W_CODE;
	w.r.seg[SEG_GS].base = 0x40000;
	w.r.gpr[GPR_RBX] = 0x10018;
	CHECK_EQ(world_step("65 8b 03"), EMUL_OK);
	CHECK_EQ(w.log[0].at, W_MMIO + 0x18);
}

static void real_and_virtual_8086(void)
{
	world_real();
	w.r.seg[SEG_DS].base = 0xffff0;
	w.r.gpr[GPR_RBX] = 0x20;
	CHECK_EQ(world_step("66 8b 07"), EMUL_OK); /* above 1 MiB: A20 is the host's */
	CHECK_EQ(w.log[0].at, 0x100010);
	w.r.rip = W_CODE;
	w.r.gpr[GPR_RBX] = 0xffff;
	CHECK_FAULT(world_step("8b 07"), VECTOR_GP, 0);
	CHECK_EQ(w.e.fault.has_error, 0);
	w.r.gpr[GPR_RBP] = 0xffff;
	CHECK_FAULT(world_step("8b 46 00"), VECTOR_SS, 0);
	/* "unreal": a limit of 4G stays when a segment is loaded */
	w.r.seg[SEG_DS].limit = 0xffffffff;
	w.r.gpr[GPR_RAX] = 0x1234;
	CHECK_EQ(world_step("8e d8"), EMUL_OK);
	CHECK_EQ(w.r.seg[SEG_DS].base, 0x12340);
	CHECK_EQ(w.r.seg[SEG_DS].limit, 0xffffffff);
	CHECK_EQ(w.e.changed & REG_SEG, REG_SEG);
	w.r.rip = W_CODE;
	w.r.gpr[GPR_RBX] = W_MMIO;
	CHECK_EQ(world_step("67 66 8b 03"), EMUL_OK);
	CHECK_EQ(w.log[0].at, W_MMIO + 0x12340);
	/* virtual-8086: limit 64K, CPL 3, whatever SS says */
	world_protected(0);
	w.r.rflags |= RFLAGS_VM;
	for (unsigned n = 0; n < SEG_COUNT; n++)
		w.r.seg[n].limit = 0xffff;
	w.r.gpr[GPR_RBX] = 0xfffe;
	CHECK_EQ(world_step("8b 07"), EMUL_OK);
	w.r.rip = W_CODE;
	CHECK_FAULT(world_step("66 8b 07"), VECTOR_GP, 0);
	CHECK_EQ(w.e.fault.has_error, 1);
	w.r.gpr[GPR_RAX] = 0x1234;
	CHECK_EQ(world_step("8e d8"), EMUL_OK);
	CHECK_EQ(w.r.seg[SEG_DS].base, 0x12340);
}

static void canonical_addresses(void)
{
	long_mode(0);
	w.r.gpr[GPR_RBX] = 0x800000000000;
	CHECK_FAULT(world_step("8b 03"), VECTOR_GP, 0);
	w.r.gpr[GPR_RBX] = 0x7ffffffffffd; /* runs over the edge */
	CHECK_FAULT(world_step("8b 03"), VECTOR_GP, 0);
	w.r.gpr[GPR_RBP] = 1ULL << 63;
	CHECK_FAULT(world_step("8b 45 00"), VECTOR_SS, 0);
	CHECK_FAULT(world_step("3e 8b 45 00"), VECTOR_SS, 0); /* the prefix is void */
	world_long(0, true);
	world_map(W_CODE, W_CODE | PTE_P | PTE_W);
	w.r.gpr[GPR_RBX] = 0x800000000000; /* canonical with 57 bits */
	CHECK_FAULT(world_step("8b 03"), VECTOR_PF, 0);
	w.r.gpr[GPR_RBX] = 0x100000000000000;
	CHECK_FAULT(world_step("8b 03"), VECTOR_GP, 0);
}

static void alignment_check(void)
{
	long_mode(3);
	w.r.rflags |= RFLAGS_AC;
	w.r.gpr[GPR_RBX] = 0x50011;
	CHECK_EQ(world_step("8b 03"), EMUL_OK);
	w.r.rip = W_CODE;
	w.r.cr0 |= CR0_AM;
	CHECK_FAULT(world_step("8b 03"), VECTOR_AC, 0);
	CHECK_EQ(w.e.fault.has_error, 1);
	CHECK_EQ(w.logged, 0);
	CHECK_EQ(world_step("8a 03"), EMUL_OK);
	w.r.rip = W_CODE;
	w.r.gpr[GPR_RBX] = 0x60001; /* a page fault comes first */
	CHECK_FAULT(world_step("8b 03"), VECTOR_PF, PF_USER);
	long_mode(0);
	w.r.cr0 |= CR0_AM;
	w.r.rflags |= RFLAGS_AC;
	w.r.gpr[GPR_RBX] = 0x50011;
	CHECK_EQ(world_step("8b 03"), EMUL_OK);
}

static enum emul_result load_ds(uint16_t selector)
{
	w.r.rip = W_CODE;
	world_put(W_DATA, selector, 2);
	w.r.gpr[GPR_RBX] = W_DATA;
	return world_step("8e 1b");
}

static void segment_loads(void)
{
	world_protected(0);
	world_put(W_GDT + 0x18, DESC(0x12345678, 0xfffff, 0x92, 0xc), 8);
	world_put(W_GDT + 0x20, DESC(0, 0xfff, 0x12, 4), 8); /* absent */
	world_put(W_GDT + 0x28, DESC(0, 0xfff, 0x98, 4), 8); /* execute-only */
	world_put(W_GDT + 0x30, DESC(0, 0xfff, 0x82, 4), 8); /* a system segment */
	world_put(W_GDT + 0x808, DESC(0x1000, 0xfffff, 0xf2, 0xc), 8); /* in the LDT */
	CHECK_EQ(load_ds(0x18), EMUL_OK);
	CHECK_EQ(w.r.seg[SEG_DS].base, 0x12345678);
	CHECK_EQ(w.r.seg[SEG_DS].limit, 0xffffffff);
	CHECK_EQ(w.r.seg[SEG_DS].attr, 0xc93); /* accessed now, */
	CHECK_EQ(world_get(W_GDT + 0x1d, 1), 0x93); /* in memory too */
	w.r.seg[SEG_DS].base = 0;
	CHECK_FAULT(load_ds(0x20), VECTOR_NP, 0x20);
	CHECK_FAULT(load_ds(0x28), VECTOR_GP, 0x28);
	CHECK_FAULT(load_ds(0x30), VECTOR_GP, 0x30);
	CHECK_FAULT(load_ds(0x1003), VECTOR_GP, 0x1000); /* beyond the table */
	CHECK_FAULT(load_ds(0x1b), VECTOR_GP, 0x18); /* RPL 3, DPL 0 */
	CHECK_EQ(load_ds(0x0f), EMUL_OK); /* LDT, DPL 3 */
	CHECK_EQ(w.r.seg[SEG_DS].base, 0x1000);
	w.r.seg[SEG_DS].base = 0;
	w.r.ldtr.attr = 0;
	CHECK_FAULT(load_ds(0x0f), VECTOR_GP, 0x0c);
	CHECK_EQ(load_ds(3), EMUL_OK); /* null: unusable */
	CHECK_EQ(w.r.seg[SEG_DS].attr & 0x80, 0);
	CHECK_FAULT(load_ds(0x18), VECTOR_GP, 0); /* which shows at the next access */
	CHECK_EQ(w.pulls & REG_TABLE, REG_TABLE);
}

static void stack_segment_loads(void)
{
	long_mode(0);
	world_map(W_GDT, W_GDT | PTE_P | PTE_W);
	world_put(W_GDT + 0x18, DESC(0, 0xfffff, 0x92, 0xc), 8);
	world_put(W_GDT + 0x20, DESC(0, 0xfffff, 0x12, 0xc), 8);
	world_put(W_GDT + 0x28, DESC(0, 0xfffff, 0xf2, 0xc), 8);
	w.r.rflags |= RFLAGS_TF;
	w.r.gpr[GPR_RAX] = 0x18;
	CHECK_EQ(world_step("8e d0"), EMUL_OK); /* no #DB: it is held off */
	CHECK_EQ(w.r.shadow, SHADOW_MOV_SS);
	w.r.rip = W_CODE;
	w.r.rflags &= ~RFLAGS_TF;
	w.r.gpr[GPR_RAX] = 0x20;
	CHECK_FAULT(world_step("8e d0"), VECTOR_SS, 0x20);
	w.r.gpr[GPR_RAX] = 0x28;
	CHECK_FAULT(world_step("8e d0"), VECTOR_GP, 0x28); /* DPL is not CPL */
	w.r.gpr[GPR_RAX] = 0;
	CHECK_EQ(world_step("8e d0"), EMUL_OK); /* null is allowed in 64-bit mode below ring 3 */
	CHECK_EQ(w.r.seg[SEG_SS].attr & 0x80, 0);
	w.r.rip = W_CODE;
	w.r.gpr[GPR_RAX] = 3;
	CHECK_FAULT(world_step("8e d0"), VECTOR_GP, 0);
	world_protected(0);
	CHECK_FAULT(world_step("8e d0"), VECTOR_GP, 0);
}

/* The descriptor table is read as supervisor, from ring 3 too; AC does not lift SMAP for it. */
static void descriptors_are_supervisor_accesses(void)
{
	long_mode(3);
	world_map(W_GDT, W_GDT | PTE_P | PTE_W);
	world_put(W_GDT + 0x28, DESC(0, 0xfffff, 0xf3, 0xc), 8);
	w.r.gpr[GPR_RAX] = 0x2b;
	CHECK_EQ(world_step("8e d8"), EMUL_OK);
	w.r.rip = W_CODE;
	w.r.cr4 |= CR4_SMAP;
	w.r.rflags |= RFLAGS_AC;
	world_map(W_GDT, W_GDT | PTE_P | PTE_W | PTE_U);
	CHECK_FAULT(world_step("8e d8"), VECTOR_PF, PF_P);
	CHECK_EQ(w.e.fault.cr2, W_GDT + 0x28);
}

int main(void)
{
	RUN(each_size_is_one_access);
	RUN(modify_is_a_read_and_a_write);
	RUN(vectors_are_pieces_of_eight);
	RUN(host_errors_stop);
	RUN(unknown_is_said);
	RUN(illegal_forms);
	RUN(length_limit);
	RUN(given_bytes_save_the_fetch);
	RUN(rip_wraps_by_mode);
	RUN(limits);
	RUN(segment_types);
	RUN(real_and_virtual_8086);
	RUN(canonical_addresses);
	RUN(alignment_check);
	RUN(segment_loads);
	RUN(stack_segment_loads);
	RUN(descriptors_are_supervisor_accesses);
	return unit_status();
}
