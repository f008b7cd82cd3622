/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small machine for the emulator's tests: 1 MiB of RAM at 0, everything else MMIO that is logged,
 * page tables built by hand, and code at 0x1000.
 */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "guests/emul/emul.h"
#include "lib/x86/cr.h"
#include "lib/x86/pte.h"
#include "tests/unit/unit.h"

enum { W_RAM = 0x100000, W_CODE = 0x1000, W_DATA = 0x10000, W_STACK = 0x20000, W_GDT = 0x30000 };
enum { W_TSS = 0x31000, W_TABLES = 0x40000, W_MMIO = 0xfe000000, W_LOG = 64 };
enum { ATTR_CODE64 = 0x29b, ATTR_CODE32 = 0x49b, ATTR_CODE16 = 0x9b, ATTR_DATA = 0x493, ATTR_DPL3 = 0x60 };

struct world_access {
	uint64_t at, value;
	uint8_t bytes, write;
};

struct world {
	struct emul e;
	struct vcpu_regs r;
	struct world_access log[W_LOG];
	unsigned logged, table_top, pulls, races;
	int fail_with;
	bool no_tables;
	uint64_t mmio_value;
	uint8_t vector[16][32];
};

static _Alignas(4096) uint8_t world_ram[W_RAM];
static struct world w;

static void *world_op_ram(struct emul *e, gpa_t at, size_t bytes, bool write)
{
	(void)e;
	if (at.raw >= W_RAM || at.raw + bytes > W_RAM)
		return NULL;
	if (w.no_tables && at.raw >= W_TABLES && at.raw < W_TABLES + 0x10000)
		return NULL;
	if (write && w.races > 0) { /* another processor was faster */
		w.races--;
		world_ram[at.raw + 1] ^= 2; /* in a page-table entry: a bit for software */
	}
	return world_ram + at.raw;
}

static void world_log(uint64_t at, unsigned bytes, uint64_t value, bool write)
{
	if (w.logged < W_LOG)
		w.log[w.logged] = (struct world_access){ at, value, (uint8_t)bytes, write };
	w.logged++;
}

static int world_op_read(struct emul *e, gpa_t at, unsigned bytes, uint64_t *value)
{
	(void)e;
	*value = bytes == 8 ? w.mmio_value : w.mmio_value & ((1ULL << 8 * bytes) - 1);
	world_log(at.raw, bytes, *value, false);
	return w.fail_with;
}

static int world_op_write(struct emul *e, gpa_t at, unsigned bytes, uint64_t value)
{
	(void)e;
	world_log(at.raw, bytes, bytes == 8 ? value : value & ((1ULL << 8 * bytes) - 1), true);
	return w.fail_with;
}

static int world_op_in(struct emul *e, uint16_t port, unsigned bytes, uint32_t *value)
{
	(void)e;
	*value = (uint32_t)w.mmio_value++;
	world_log(port, bytes, *value, false);
	return w.fail_with;
}

static int world_op_out(struct emul *e, uint16_t port, unsigned bytes, uint32_t value)
{
	(void)e;
	world_log(port, bytes, value, true);
	return w.fail_with;
}

static int world_op_pull(struct emul *e, uint32_t groups)
{
	(void)e;
	w.pulls |= groups;
	return groups & REG_PDPTR ? -1 : 0; /* a processor that does not keep them */
}

static int world_op_get(struct emul *e, unsigned index, uint8_t value[32])
{
	(void)e;
	memcpy(value, w.vector[index], 32);
	return 0;
}

static int world_op_set(struct emul *e, unsigned index, const uint8_t value[32])
{
	(void)e;
	memcpy(w.vector[index], value, 32);
	return 0;
}

static const struct emul_ops world_ops = {
	world_op_ram, world_op_read, world_op_write, world_op_in,
	world_op_out, world_op_pull, world_op_get,   world_op_set,
};

static inline void world_segments(unsigned code, unsigned cpl)
{
	for (unsigned n = 0; n < SEG_COUNT; n++)
		w.r.seg[n] = (struct vcpu_seg){ .selector = (uint16_t)(0x10 | cpl), .limit = 0xffffffff,
						.attr = (uint16_t)(ATTR_DATA | cpl << 5) };
	w.r.seg[SEG_CS].attr = (uint16_t)(code | cpl << 5);
	w.r.seg[SEG_CS].selector = (uint16_t)(8 | cpl);
	w.r.gdtr = (struct vcpu_seg){ .base = W_GDT, .limit = 0xfff };
	w.r.ldtr = (struct vcpu_seg){ .base = W_GDT + 0x800, .limit = 0xff, .attr = 0x82 };
	w.r.tr = (struct vcpu_seg){ .base = W_TSS, .limit = 0x67 + 0x100, .attr = 0x8b };
}

/* No paging, real mode: segments with base 0. */
static inline void world_real(void)
{
	memset(&w, 0, sizeof w);
	memset(world_ram, 0, sizeof world_ram);
	w.e = (struct emul){ .regs = &w.r, .ops = &world_ops, .valid = EMUL_WANT };
	w.table_top = W_TABLES;
	w.mmio_value = 0x8877665544332211;
	w.r.rflags = RFLAGS_FIXED;
	w.r.rip = W_CODE;
	w.r.cr0 = CR0_ET;
	w.r.cr4 = CR4_OSFXSR | CR4_OSXSAVE;
	w.r.xcr0 = 7;
	w.r.gpr[GPR_RSP] = W_STACK;
	world_segments(ATTR_CODE16, 0);
	for (unsigned n = 0; n < SEG_COUNT; n++) {
		w.r.seg[n].limit = 0xffff;
		w.r.seg[n].attr &= 0xff;
	}
}

static inline void world_protected(unsigned cpl)
{
	world_real();
	w.r.cr0 |= CR0_PE | CR0_WP;
	world_segments(ATTR_CODE32, cpl);
}

static inline uint64_t world_table(void)
{
	uint64_t at = w.table_top;

	if (at >= W_TABLES + 0x20000)
		abort();
	w.table_top += 0x1000;
	return at;
}

/* 64-bit mode, no page mapped yet. */
static inline void world_long(unsigned cpl, bool la57)
{
	world_protected(cpl);
	world_segments(ATTR_CODE64, cpl);
	w.r.cr0 |= CR0_PG;
	w.r.cr4 |= CR4_PAE | (la57 ? CR4_LA57 : 0);
	w.r.efer = EFER_LMA | EFER_LME | EFER_NXE;
	w.r.cr3 = world_table();
}

static inline uint64_t world_get(uint64_t at, unsigned bytes)
{
	uint64_t v = 0;

	memcpy(&v, world_ram + at, bytes);
	return v;
}

static inline void world_put(uint64_t at, uint64_t v, unsigned bytes)
{
	memcpy(world_ram + at, &v, bytes);
}

/* Guest-physical address of the entry at `level` (1: of a 4K page); makes tables on the way. */
static inline uint64_t world_entry(uint64_t linear, unsigned level)
{
	bool lma = w.r.efer & EFER_LMA, pae = w.r.cr4 & CR4_PAE;
	unsigned width = lma || pae ? 8 : 4, bits = width == 8 ? 9 : 10;
	unsigned top = lma ? (w.r.cr4 & CR4_LA57 ? 5 : 4) : pae ? 3 : 2;
	uint64_t table = w.r.cr3 & ~0xfffULL, at;

	for (unsigned l = top;; l--) {
		at = table + (linear >> (12 + bits * (l - 1)) & ((1U << bits) - 1)) * width;
		if (l == level)
			return at;
		if (!(world_get(at, width) & PTE_P))
			world_put(at, world_table() | PTE_P | (!lma && l == 3 ? 0 : PTE_W | PTE_U), width);
		table = world_get(at, width) & 0xffffffffff000;
	}
}

static inline unsigned world_width(void)
{
	return w.r.cr4 & CR4_PAE ? 8 : 4;
}

static inline void world_map(uint64_t linear, uint64_t entry)
{
	world_put(world_entry(linear, 1), entry, world_width());
}

/* Code, data and stack pages where they are, and one MMIO page at 0x50000. */
static inline void world_map_usual(uint64_t flags)
{
	world_map(W_CODE, W_CODE | flags);
	world_map(W_DATA, W_DATA | flags);
	world_map(W_DATA + 0x1000, (W_DATA + 0x5000) | flags);
	world_map(W_STACK, W_STACK | flags);
	world_map(W_STACK - 0x1000, (W_STACK - 0x1000) | flags);
	world_map(0x50000, W_MMIO | flags);
}

static inline enum emul_result world_step(const char *hex)
{
	unsigned n = 0;

	for (; *hex; hex += hex[2] == ' ' ? 3 : 2) {
		char two[3] = { hex[0], hex[1], 0 };

		world_ram[W_CODE + n++] = (uint8_t)strtoul(two, NULL, 16);
	}
	w.logged = 0;
	return emul_step(&w.e);
}

#define CHECK_FAULT(result, v, err)                                                                \
	do {                                                                                       \
		CHECK_EQ(result, EMUL_FAULT);                                                      \
		CHECK_EQ(w.e.fault.vector, v);                                                     \
		CHECK_EQ(w.e.fault.error, err);                                                    \
	} while (0)
