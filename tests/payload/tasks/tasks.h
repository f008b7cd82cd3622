/* SPDX-License-Identifier: GPL-2.0-only */
/* What the sources of the payload `tasks` share: the tables that the tasks run with, and checks of a run. */
#pragma once

#include "tests/payload/lib/payload.h"

#define ENTRIES(x) x(call) x(call_next) x(jmp) x(int) x(int_next) x(int3) x(int3_next) x(into) x(into_next) \
	x(iret) x(iret_next) x(ud) x(gp) x(read) x(pf) x(hlt) x(hlt_next) x(nmi)
#define EXTERN_MAIN(name) extern const uint8_t main_##name[];
ENTRIES(EXTERN_MAIN)
extern const uint8_t task_iret[], task_jmp[], task_chain[], task_leave[], task_load[], task_read[], task_eoi[],
	task_user[], tasks16[], task16_iret[], task16_v86[], tasks16_end[];
extern const uint32_t tasks_trap_gates[32];
void tasks_enter(void);

/* Selectors of the GDT that the tasks run with; the first twelve entries are the 64-bit one's. */
enum {
	SEL_MAIN = 0x60, SEL_A = 0x68, SEL_B = 0x70, SEL_H = 0x78, SEL_RESCUE = 0x80, SEL_GATE = 0x88,
	SEL_LDT = 0x90, SEL_SPARE = 0x98, SEL_CODE16 = 0xa0, SEL_STACK16 = 0xa8, GDT_ENTRIES = 24,
};
enum { AVAILABLE = 0x89, BUSY = 0x8b, TSS16_AVAILABLE = 0x81, TSS16_BUSY = 0x83, TASK_GATE = 0x85 };
enum { NT = 1 << 14, VM = 1 << 17, TS = 1 << 3, P = 1, W = 2, PS = 0x80, V86_AT = 0x8000 };
enum { M_TSS, A_TSS, B_TSS, H_TSS, RESCUE_TSS, TSS_COUNT };

struct tasks_in {
	uint16_t gdt_limit;
	uint32_t gdt_base;
	uint16_t pad0, idt_limit;
	uint32_t idt_base;
	uint16_t pad1;
	uint32_t cr3, cr4, tr, esp, eflags, entry;
} __attribute__((packed));

struct record {
	uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi, eflags;
	uint32_t es, cs, ss, ds, fs, gs, tr, ldtr, cr0, cr2, cr3, dr6, dr7, stack[2], unused[8];
};
_Static_assert(sizeof(struct record) == 128, "TASK_RECORD in lib/tasks.asm");

struct tss {
	uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
	uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t es, cs, ss, ds, fs, gs, ldt;
	uint16_t trap, map;
};
struct tss16 {
	uint16_t link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags;
	uint16_t ax, cx, dx, bx, sp, bp, si, di, es, cs, ss, ds, ldt;
};
_Static_assert(sizeof(struct tss) == 104 && sizeof(struct tss16) == 44, "[SDM3 \"Task Management\"]");

extern volatile struct tasks_in tasks_in;
extern volatile struct record tasks_record[16];
extern volatile uint32_t tasks_next, tasks_target[2], tasks_back[2], tasks_trap;
extern uint64_t boot_gdt[];

extern volatile uint64_t gdt[GDT_ENTRIES], ldt[4], idt[256];
extern volatile struct tss tss[TSS_COUNT];
extern uint8_t stack[TSS_COUNT + 1][1024];
extern volatile uint32_t page[2][1024];

#define RECORDS ((unsigned)((tasks_next - at(tasks_record)) / sizeof(struct record)))

static inline uint32_t at(const volatile void *p)
{
	return (uint32_t)(uintptr_t)p;
}

static inline uint64_t descriptor(uint32_t base, uint32_t limit, unsigned access)
{
	return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)access << 40 |
	       (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)(base >> 24) << 56;
}

static inline uint64_t gate(unsigned selector, uint32_t offset, unsigned access)
{
	return (offset & 0xffff) | selector << 16 | (uint64_t)access << 40 | (uint64_t)(offset >> 16) << 48;
}

unsigned type_of(unsigned selector); /* of a descriptor of the GDT */
/* Fresh tables: every task returns by IRET, exceptions end the run, a double fault is rescued. */
void begin(void);
/* Runs until a task leaves; then tasks_record says what happened. */
void go(const uint8_t *entry, unsigned target);
/* What task `n` saw when it began, apart from its flags. */
void check_entry(const volatile struct record *r, unsigned n, unsigned selector);
/* The first task is as it was when it left off. */
void check_main(const volatile struct record *r);
/* Task A ran nested in the first one, which then went on behind `next`. */
void check_nested(const uint8_t *next);

/* ---- switches.c ---- */

void call(void), jump(void), chain(void), interrupts_by_software(void), iret_nested(void),
	exceptions(void), interrupt(void), nmi(void), local_descriptors(void), debug(void),
	level3(void), virtual_8086(void), tss_16(void);

/* ---- paging.c ---- */

void paging(void), page_fault(void), paging_pae(void);

/* ---- faults.c ---- */

void old_faults(void), old_faults_of_iret(void), double_fault(void), new_faults(void),
	new_faults_of_stack(void);
