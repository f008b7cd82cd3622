/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/emul/walk.c guests/emul/memory.c guests/emul/decode.c guests/emul/alu.c guests/emul/muldiv.c guests/emul/execute.c guests/emul/state.c guests/emul/string.c guests/emul/stack.c guests/emul/segment.c guests/emul/vector.c guests/emul/table.c */
/* Page walks of the emulator: every paging mode, permissions, accessed and dirty bits, page faults. */
#include "tests/unit/emul_world.h"

#define RWU (PTE_P | PTE_W | PTE_U)
#define LOAD  "8b 03" /* mov eax, [rbx] */
#define STORE "89 03"

static void no_paging(void)
{
	world_protected(0);
	w.r.gpr[GPR_RBX] = W_MMIO + 8;
	CHECK_EQ(world_step(LOAD), EMUL_OK);
	CHECK_EQ(w.r.gpr[GPR_RAX], 0x44332211);
	CHECK_EQ(w.logged, 1);
	CHECK_EQ(w.log[0].at, W_MMIO + 8);
}

static void setup_32bit(uint64_t cr4)
{
	world_protected(0);
	w.r.cr0 |= CR0_PG;
	w.r.cr4 |= cr4;
	w.r.cr3 = world_table();
	world_map_usual(RWU);
	w.r.gpr[GPR_RBX] = 0x50010;
}

static void paging_32bit(void)
{
	uint64_t pte;

	setup_32bit(0);
	pte = world_entry(0x50000, 1);
	CHECK_EQ(world_step(LOAD), EMUL_OK);
	CHECK_EQ(w.log[0].at, W_MMIO + 0x10);
	CHECK_EQ(world_get(pte, 4), W_MMIO | RWU | PTE_A);
	CHECK_EQ(world_get(world_entry(0x50000, 2), 4) & (PTE_A | PTE_D), PTE_A);
	w.r.rip = W_CODE;
	CHECK_EQ(world_step(STORE), EMUL_OK);
	CHECK_EQ(world_get(pte, 4), W_MMIO | RWU | PTE_A | PTE_D);
	CHECK_EQ(w.log[0].write, 1);
}

static void paging_32bit_4m(void)
{
	setup_32bit(CR4_PSE);
	/* bits 13-20 are address bits 32-39 */
	world_put(world_entry(0x00c00000, 2), 0x80000000 | 5 << 13 | PTE_PS | RWU, 4);
	w.r.gpr[GPR_RBX] = 0x00f23458;
	CHECK_EQ(world_step(STORE), EMUL_OK);
	CHECK_EQ(w.log[0].at, 0x580323458);
	CHECK_EQ(world_get(world_entry(0x00c00000, 2), 4) & 0xff, PTE_PS | RWU | PTE_A | PTE_D);
	w.r.rip = W_CODE;
	w.e.gpa_bits = 34; /* bit 34 is reserved then */
	emul_flush(&w.e);
	CHECK_FAULT(world_step(STORE), VECTOR_PF, PF_P | PF_RSVD | PF_WRITE);
	w.e.gpa_bits = 0;
	emul_flush(&w.e);
	world_put(world_entry(0x00c00000, 2), 1 << 21 | PTE_PS | RWU, 4);
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_P | PF_RSVD);
	/* without PSE it names a page table, which lies outside RAM: all-ones */
	w.r.cr4 &= ~CR4_PSE;
	world_put(world_entry(0x00c00000, 2), 0x80000000 | PTE_PS | RWU, 4);
	CHECK_EQ(world_step(LOAD), EMUL_OK);
	CHECK_EQ(w.log[0].at, 0xfffff458);
}

static void setup_pae(void)
{
	world_protected(0);
	w.r.cr0 |= CR0_PG;
	w.r.cr4 |= CR4_PAE;
	w.r.efer = EFER_NXE;
	w.r.cr3 = world_table();
	world_map_usual(RWU);
	w.r.gpr[GPR_RBX] = 0x50010;
}

static void paging_pae(void)
{
	setup_pae();
	CHECK_EQ(world_step(STORE), EMUL_OK);
	CHECK(w.pulls & REG_PDPTR); /* were asked for, then read from memory */
	CHECK_EQ(w.log[0].at, W_MMIO + 0x10);
	CHECK_EQ(world_get(world_entry(0x50000, 1), 8), W_MMIO | RWU | PTE_A | PTE_D);
	CHECK_EQ(world_get(w.r.cr3, 8) & PTE_A, 0);
	/* 2M pages, above 4G */
	world_put(world_entry(0x600000, 2), 0x1234600000 | PTE_PS | RWU, 8);
	w.r.gpr[GPR_RBX] = 0x612340;
	w.r.rip = W_CODE;
	CHECK_EQ(world_step(STORE), EMUL_OK);
	CHECK_EQ(w.log[0].at, 0x1234612340);
	/* bits 52-62 are reserved here */
	world_put(world_entry(0x600000, 2), 1ULL << 60 | PTE_PS | RWU, 8);
	w.r.rip = W_CODE;
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_P | PF_RSVD);
}

static void paging_pae_registers(void)
{
	uint64_t second = 0;

	setup_pae();
	w.e.valid |= REG_PDPTR;
	memcpy(w.r.pdptr, world_ram + w.r.cr3, 32);
	memset(world_ram + w.r.cr3, 0, 32); /* what memory says no longer counts */
	CHECK_EQ(world_step(LOAD), EMUL_OK);
	w.r.rip = W_CODE;
	second = w.r.pdptr[0];
	w.r.pdptr[3] = 0x123000; /* (not all zero) */
	w.r.pdptr[0] = 0; /* and a change of the register is seen at once */
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_FETCH);
	CHECK_EQ(w.e.fault.cr2, W_CODE);
	w.r.pdptr[0] = second | 2; /* reserved */
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_FETCH | PF_P | PF_RSVD);
	memset(w.r.pdptr, 0, sizeof w.r.pdptr); /* all zero: in memory, then */
	world_put(w.r.cr3, second, 8);
	CHECK_EQ(world_step(LOAD), EMUL_OK);
}

static void walk_long(bool la57, uint64_t linear)
{
	static const uint64_t size[4] = { 0, 1ULL << 12, 1ULL << 21, 1ULL << 30 };

	for (unsigned level = 1; level <= 3; level++) {
		uint64_t base = linear & ~(size[level] - 1), frame = 0x7740000000, pte;

		world_long(0, la57);
		world_map_usual(RWU);
		pte = world_entry(base, level);
		world_put(pte, frame | RWU | (level > 1 ? PTE_PS : 0), 8);
		w.r.gpr[GPR_RBX] = linear;
		CHECK_EQ(world_step("48 89 03"), EMUL_OK);
		CHECK_EQ(w.logged, 1);
		CHECK_EQ(w.log[0].at, frame + (linear - base));
		CHECK_EQ(w.log[0].bytes, 8);
		CHECK_EQ(world_get(pte, 8) & (PTE_A | PTE_D), PTE_A | PTE_D);
		CHECK_EQ(world_get(world_entry(base, level + 1), 8) & (PTE_A | PTE_D), PTE_A);
		/* an address bit below the page's size is reserved */
		w.r.rip = W_CODE;
		if (level > 1) {
			world_put(pte, frame | RWU | PTE_PS | 1 << 14, 8);
			CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_P | PF_RSVD);
			CHECK_EQ(w.e.fault.cr2, linear);
		}
	}
}

static void paging_4level(void) { walk_long(false, 0xffff9a1234567890); }
static void paging_5level(void) { walk_long(true, 0x00129a1234567890); }

static void reserved_bits(void)
{
	world_long(0, false);
	world_map_usual(RWU);
	w.r.gpr[GPR_RBX] = W_DATA;
	world_map(W_DATA, 1ULL << 51 | W_DATA | RWU);
	w.e.gpa_bits = 51;
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_P | PF_RSVD);
	w.e.gpa_bits = 52;
	emul_flush(&w.e);
	CHECK_EQ(world_step(LOAD), EMUL_OK); /* a hole: MMIO */
	w.r.rip = W_CODE;
	world_map(W_DATA, W_DATA | RWU | PTE_NX);
	CHECK_EQ(world_step(LOAD), EMUL_OK);
	w.r.rip = W_CODE;
	w.r.efer &= ~EFER_NXE;
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_P | PF_RSVD);
	world_map(W_DATA, W_DATA | RWU);
	world_put(world_entry(W_DATA, 4), world_get(world_entry(W_DATA, 4), 8) | PTE_PS, 8);
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_P | PF_RSVD);
}

/* One access to W_DATA mapped with `flags`, at CPL `cpl`: the error code, or -1 when allowed. */
static int access_error(unsigned cpl, uint64_t flags, uint64_t cr0, uint64_t cr4, uint64_t rflags,
			const char *code)
{
	enum emul_result r;

	world_long(cpl, false);
	world_map_usual(cpl == 3 ? RWU : PTE_P | PTE_W);
	world_map(W_DATA, W_DATA | flags);
	w.r.cr0 = (w.r.cr0 & ~CR0_WP) | cr0;
	w.r.cr4 |= cr4;
	w.r.rflags |= rflags;
	w.r.gpr[GPR_RBX] = W_DATA + 4;
	r = world_step(code);
	if (r == EMUL_OK)
		return -1;
	return r == EMUL_FAULT && w.e.fault.vector == VECTOR_PF && w.e.fault.cr2 == W_DATA + 4
		       ? (int)w.e.fault.error : -2;
}

static void permissions(void)
{
	CHECK_EQ(access_error(3, RWU, CR0_WP, 0, 0, STORE), -1);
	CHECK_EQ(access_error(3, 0, CR0_WP, 0, 0, LOAD), PF_USER);
	CHECK_EQ(access_error(3, 0, CR0_WP, 0, 0, STORE), PF_USER | PF_WRITE);
	CHECK_EQ(access_error(0, 0, CR0_WP, 0, 0, STORE), PF_WRITE);
	CHECK_EQ(access_error(3, PTE_P | PTE_W, CR0_WP, 0, 0, LOAD), PF_P | PF_USER);
	CHECK_EQ(access_error(3, PTE_P | PTE_U, CR0_WP, 0, 0, LOAD), -1);
	CHECK_EQ(access_error(3, PTE_P | PTE_U, 0, 0, 0, STORE), PF_P | PF_USER | PF_WRITE);
	CHECK_EQ(access_error(0, PTE_P, CR0_WP, 0, 0, STORE), PF_P | PF_WRITE);
	CHECK_EQ(access_error(0, PTE_P, 0, 0, 0, STORE), -1);
	CHECK_EQ(access_error(1, PTE_P | PTE_W, CR0_WP, 0, 0, STORE), -1);
	CHECK_EQ(access_error(0, RWU, CR0_WP, CR4_SMAP, 0, LOAD), PF_P);
	CHECK_EQ(access_error(0, RWU, CR0_WP, CR4_SMAP, 0, STORE), PF_P | PF_WRITE);
	CHECK_EQ(access_error(0, RWU, CR0_WP, CR4_SMAP, RFLAGS_AC, STORE), -1);
	CHECK_EQ(access_error(0, PTE_P | PTE_U, CR0_WP, CR4_SMAP, RFLAGS_AC, STORE), PF_P | PF_WRITE);
	CHECK_EQ(access_error(3, RWU, CR0_WP, CR4_SMAP, 0, LOAD), -1);
	/* read-modify-write faults as a write, a compare as a read */
	CHECK_EQ(access_error(3, PTE_P | PTE_U, CR0_WP, 0, 0, "01 03"), PF_P | PF_USER | PF_WRITE);
	CHECK_EQ(access_error(3, PTE_P | PTE_U, CR0_WP, 0, 0, "39 03"), -1);
	CHECK_EQ(access_error(3, PTE_P | PTE_U, CR0_WP, 0, 0, "0f b1 03"), PF_P | PF_USER | PF_WRITE);
}

/* Permissions of upper levels count as well. */
static void permissions_above(void)
{
	for (unsigned level = 2; level <= 4; level++) {
		world_long(3, false);
		world_map_usual(RWU);
		w.r.gpr[GPR_RBX] = 0x7f0000000000 + W_DATA;
		world_map(w.r.gpr[GPR_RBX], W_DATA | RWU);
		world_put(world_entry(w.r.gpr[GPR_RBX], level),
			  world_get(world_entry(w.r.gpr[GPR_RBX], level), 8) & ~PTE_U, 8);
		CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_P | PF_USER);
		/* a walk that fails marks nothing */
		CHECK_EQ(world_get(world_entry(w.r.gpr[GPR_RBX], 1), 8) & PTE_A, 0);
	}
}

static void fetch_faults(void)
{
	world_long(3, false);
	world_map_usual(RWU);
	world_map(W_CODE, W_CODE | RWU | PTE_NX);
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_P | PF_USER | PF_FETCH);
	CHECK_EQ(w.e.fault.cr2, W_CODE);
	world_map(W_CODE, 0);
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_USER | PF_FETCH);
	w.r.efer &= ~EFER_NXE;
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_USER); /* not told without NX and SMEP */
	world_long(0, false);
	world_map_usual(RWU);
	w.r.cr4 |= CR4_SMEP;
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_P | PF_FETCH);
	w.r.cr4 &= ~CR4_SMEP;
	w.r.gpr[GPR_RBX] = W_DATA;
	CHECK_EQ(world_step(LOAD), EMUL_OK);
}

static void remembered_walk_follows_the_tables(void)
{
	uint64_t pte;

	world_long(0, false);
	world_map_usual(RWU);
	pte = world_entry(W_DATA, 1);
	w.r.gpr[GPR_RBX] = W_DATA;
	w.r.gpr[GPR_RAX] = 0x1111;
	CHECK_EQ(world_step(STORE), EMUL_OK);
	CHECK_EQ(world_get(W_DATA, 4), 0x1111);
	/* moved, without any invalidation that we could see */
	world_put(pte, (W_DATA + 0x3000) | RWU, 8);
	w.r.rip = W_CODE;
	CHECK_EQ(world_step(STORE), EMUL_OK);
	CHECK_EQ(world_get(W_DATA + 0x3000, 4), 0x1111);
	CHECK_EQ(world_get(pte, 8) & PTE_D, PTE_D);
	/* cleaned: a write has to mark it again */
	world_put(pte, (W_DATA + 0x3000) | RWU | PTE_A, 8);
	w.r.rip = W_CODE;
	CHECK_EQ(world_step(LOAD), EMUL_OK);
	CHECK_EQ(world_get(pte, 8) & PTE_D, 0);
	w.r.rip = W_CODE;
	CHECK_EQ(world_step(STORE), EMUL_OK);
	CHECK_EQ(world_get(pte, 8) & PTE_D, PTE_D);
	/* write-protected, then gone */
	world_put(pte, world_get(pte, 8) & ~PTE_W, 8);
	w.r.rip = W_CODE;
	CHECK_FAULT(world_step(STORE), VECTOR_PF, PF_P | PF_WRITE);
	CHECK_EQ(world_step(LOAD), EMUL_OK);
	world_put(pte, 0, 8);
	w.r.rip = W_CODE;
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, 0);
}

/* Reading again after the tables changed does not make a page writable, nor one for ring 3. */
static void remembered_rights_end_with_the_entry(void)
{
	uint64_t pte;

	world_long(0, false);
	world_map_usual(RWU);
	pte = world_entry(W_DATA, 1);
	w.r.gpr[GPR_RBX] = W_DATA;
	for (unsigned n = 0; n < 2; n++) { /* both kinds are remembered */
		w.r.rip = W_CODE;
		CHECK_EQ(world_step(STORE), EMUL_OK);
		w.r.rip = W_CODE;
		CHECK_EQ(world_step(LOAD), EMUL_OK);
	}
	world_put(pte, W_DATA | PTE_P | PTE_U, 8);
	w.r.rip = W_CODE;
	CHECK_EQ(world_step(LOAD), EMUL_OK);
	w.r.rip = W_CODE;
	CHECK_FAULT(world_step(STORE), VECTOR_PF, PF_P | PF_WRITE);
	w.r.cr0 &= ~CR0_WP;
	CHECK_EQ(world_step(STORE), EMUL_OK);
	w.r.rip = W_CODE;
	w.r.cr0 |= CR0_WP;
	CHECK_FAULT(world_step(STORE), VECTOR_PF, PF_P | PF_WRITE);
	w.r.cr4 |= CR4_SMAP;
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_P);
	w.r.rflags |= RFLAGS_AC;
	CHECK_EQ(world_step(LOAD), EMUL_OK);
	w.r.rip = W_CODE;
	w.r.rflags &= ~RFLAGS_AC;
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_P);
	world_segments(ATTR_CODE64, 3);
	CHECK_EQ(world_step(LOAD), EMUL_OK);
	w.r.rip = W_CODE;
	world_put(pte, W_DATA | PTE_P, 8);
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_P | PF_USER);
}

static void tables_outside_ram(void)
{
	world_long(0, false);
	world_map_usual(RWU);
	w.r.gpr[GPR_RBX] = 0x7f0000000000;
	world_put(world_entry(w.r.gpr[GPR_RBX], 4), W_MMIO | RWU, 8);
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_P | PF_RSVD); /* all-ones */
	CHECK_EQ(w.logged, 0);
	w.no_tables = true;
	emul_flush(&w.e);
	CHECK_FAULT(world_step(LOAD), VECTOR_PF, PF_P | PF_RSVD | PF_FETCH);
}

static void an_entry_that_changes_under_the_walk(void)
{
	world_long(0, false);
	world_map_usual(RWU);
	w.r.gpr[GPR_RBX] = W_DATA;
	w.races = 1; /* an accessed bit meets another processor's write, once */
	world_ram[world_entry(W_CODE, 4)] |= PTE_A;
	CHECK_EQ(world_step("8b 03"), EMUL_OK);
	CHECK_EQ(w.races, 0);
	world_long(0, false);
	world_map_usual(RWU);
	w.races = 1000000;
	w.r.gpr[GPR_RBX] = W_DATA;
	CHECK(world_step("8b 03") != EMUL_OK); /* bounded, whatever it is */
	CHECK(w.races > 999000);
}

static void over_two_pages(void)
{
	world_long(0, false);
	world_map_usual(RWU);
	w.r.gpr[GPR_RBX] = W_DATA + 0xffd;
	world_put(W_DATA + 0xffd, 0x332211, 3);
	world_put(W_DATA + 0x5000, 0x8877665544, 5);
	CHECK_EQ(world_step("48 8b 03"), EMUL_OK);
	CHECK_EQ(w.r.gpr[GPR_RAX], 0x8877665544332211);
	/* the second page faults: nothing is written, CR2 names it */
	world_map(W_DATA + 0x1000, (W_DATA + 0x5000) | PTE_P);
	w.r.gpr[GPR_RAX] = ~0ULL;
	w.r.rip = W_CODE;
	CHECK_FAULT(world_step("48 89 03"), VECTOR_PF, PF_P | PF_WRITE);
	CHECK_EQ(w.e.fault.cr2, W_DATA + 0x1000);
	CHECK_EQ(world_get(W_DATA + 0xffd, 3), 0x332211);
	/* RAM, then MMIO in pieces that devices take */
	world_map(W_DATA + 0x1000, W_MMIO | RWU);
	w.r.gpr[GPR_RAX] = 0x8877665544332211;
	CHECK_EQ(world_step("48 89 03"), EMUL_OK);
	CHECK_EQ(world_get(W_DATA + 0xffd, 3), 0x332211);
	CHECK_EQ(w.logged, 2);
	CHECK_EQ(w.log[0].at, W_MMIO);
	CHECK_EQ(w.log[0].bytes, 4);
	CHECK_EQ(w.log[0].value, 0x77665544);
	CHECK_EQ(w.log[1].at, W_MMIO + 4);
	CHECK_EQ(w.log[1].bytes, 1);
}

static void code_over_two_pages(void)
{
	world_long(0, false);
	world_map_usual(RWU);
	world_map(W_CODE + 0x1000, W_DATA | RWU);
	w.r.rip = W_CODE + 0xfff;
	world_ram[W_CODE + 0xfff] = 0x8b;
	world_ram[W_DATA] = 0x03;
	w.r.gpr[GPR_RBX] = 0x50000;
	CHECK_EQ(emul_step(&w.e), EMUL_OK);
	CHECK_EQ(w.r.rip, W_CODE + 0x1001);
	world_map(W_CODE + 0x1000, 0);
	w.r.rip = W_CODE + 0xfff;
	CHECK_FAULT(emul_step(&w.e), VECTOR_PF, PF_FETCH);
	CHECK_EQ(w.e.fault.cr2, W_CODE + 0x1000);
	CHECK_EQ(w.e.insn_len, 1);
	/* but an instruction that ends with the page does not look at the next */
	w.r.rip = W_CODE + 0xffe;
	world_ram[W_CODE + 0xffe] = 0x8b;
	world_ram[W_CODE + 0xfff] = 0x03;
	CHECK_EQ(emul_step(&w.e), EMUL_OK);
}

static void translate_changes_nothing(void)
{
	gpa_t to;

	world_long(3, false);
	world_map(W_DATA, W_DATA | PTE_P | PTE_NX);
	CHECK(emul_translate(&w.e, gva(W_DATA + 5), &to));
	CHECK_EQ(to.raw, W_DATA + 5);
	CHECK_EQ(world_get(world_entry(W_DATA, 1), 8), W_DATA | PTE_P | PTE_NX);
	CHECK(!emul_translate(&w.e, gva(W_DATA + 0x1000), &to));
}

int main(void)
{
	RUN(no_paging);
	RUN(paging_32bit);
	RUN(paging_32bit_4m);
	RUN(paging_pae);
	RUN(paging_pae_registers);
	RUN(paging_4level);
	RUN(paging_5level);
	RUN(reserved_bits);
	RUN(permissions);
	RUN(permissions_above);
	RUN(fetch_faults);
	RUN(remembered_walk_follows_the_tables);
	RUN(remembered_rights_end_with_the_entry);
	RUN(tables_outside_ram);
	RUN(an_entry_that_changes_under_the_walk);
	RUN(over_two_pages);
	RUN(code_over_two_pages);
	RUN(translate_changes_nothing);
	return unit_status();
}
