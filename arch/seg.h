/* SPDX-License-Identifier: GPL-2.0-only */
/* Segments: a processor's GDT and TSS. */
#pragma once

#include <stdint.h>

/* SYSCALL/SYSRET fix the order: kernel CS, kernel SS; user 32-bit CS (unused), user SS, user CS. */
enum {
	SEL_KERNEL_CS = 0x08,
	SEL_KERNEL_SS = 0x10,
	SEL_USER_CS32 = 0x18,
	SEL_USER_SS = 0x20 | 3,
	SEL_USER_CS = 0x28 | 3,
	SEL_TSS = 0x30,
};

enum { IST_NMI = 1, IST_DB, IST_DF, IST_MC, IST_COUNT = IST_MC };

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7]; /* IST n is ist[n - 1] */
	uint64_t reserved2;
	uint16_t reserved3, iomap; /* iomap beyond the limit: no port is ring 3's */
} __attribute__((packed));

_Static_assert(sizeof(struct tss) == 104, "[SDM3 \"64-Bit TSS\"]");

struct cpu_tables {
	uint64_t gdt[8];
	struct tss tss;
};

/* Fills the tables (tss.ist is the caller's) and loads GDT, segment registers and TR; GS base is left alone. */
void seg_load(struct cpu_tables *t);
/* The kernel stack that interrupts from ring 3 switch to. */
static inline void seg_set_stack(struct cpu_tables *t, uint64_t top) { t->tss.rsp[0] = top; }
