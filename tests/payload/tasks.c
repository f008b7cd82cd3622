/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hardware task switches in 32-bit protected mode: by CALL, JMP, IRET and gates, for instructions,
 * exceptions, interrupts and NMIs, between TSSs of both kinds, to virtual-8086 mode and to level 3, with
 * paging, and every fault on the way. lib/tasks.asm has the tasks themselves.
 */
#include "tests/payload/lib/payload.h"

#include "lib/string.h"

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

static volatile uint64_t gdt[GDT_ENTRIES], ldt[4], idt[256];
static volatile struct tss tss[TSS_COUNT] __attribute__((aligned(256)));
static volatile struct tss16 tss16;
static uint8_t stack[TSS_COUNT + 1][1024] __attribute__((aligned(16)));
static uint64_t table[6][512] __attribute__((aligned(4096)));
static volatile uint32_t page[2][1024] __attribute__((aligned(4096)));

#define RECORDS ((unsigned)((tasks_next - at(tasks_record)) / sizeof(struct record)))

static uint32_t at(const volatile void *p)
{
	return (uint32_t)(uintptr_t)p;
}

static uint64_t descriptor(uint32_t base, uint32_t limit, unsigned access)
{
	return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)access << 40 |
	       (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)(base >> 24) << 56;
}

static uint64_t gate(unsigned selector, uint32_t offset, unsigned access)
{
	return (offset & 0xffff) | selector << 16 | (uint64_t)access << 40 | (uint64_t)(offset >> 16) << 48;
}

static unsigned type_of(unsigned selector)
{
	return gdt[selector / 8] >> 40 & 0xff;
}

static void task_set(unsigned n, const uint8_t *entry, uint32_t mark)
{
	tss[n] = (struct tss){
		.eip = at(entry), .eflags = 2, .esp = at(stack[n + 1]), .esp0 = at(stack[n + 1]) - 256, .ss0 = SEL_DATA,
		.eax = mark, .ecx = mark + 1, .edx = mark + 2, .ebx = mark + 3, .ebp = mark + 5, .esi = mark + 6, .edi = mark + 7,
		.es = SEL_DATA, .cs = SEL_CODE32, .ss = SEL_DATA, .ds = SEL_DATA, .fs = SEL_DATA, .gs = SEL_DATA, .map = 104,
	};
}

/* Fresh tables: every task returns by IRET, exceptions end the run, a double fault is rescued. */
static void begin(void)
{
	memset((void *)(uintptr_t)at(gdt), 0, sizeof(gdt));
	memcpy((void *)(uintptr_t)at(gdt), boot_gdt, 12 * 8);
	for (unsigned n = 0; n < TSS_COUNT; n++)
		gdt[SEL_MAIN / 8 + n] = descriptor(at(&tss[n]), 103, AVAILABLE);
	task_set(M_TSS, NULL, 0);
	task_set(A_TSS, task_iret, 0x11000000);
	task_set(B_TSS, task_iret, 0x22000000);
	task_set(H_TSS, task_leave, 0x33000000);
	task_set(RESCUE_TSS, task_leave, 0x44000000);
	gdt[SEL_GATE / 8] = gate(SEL_A, 0, TASK_GATE);
	gdt[SEL_LDT / 8] = descriptor(at(ldt), sizeof(ldt) - 1, 0x82);
	ldt[1] = descriptor(at(page), 0xfff, 0x93) | 1ULL << 54;
	gdt[SEL_CODE16 / 8] = descriptor(at(tasks16), 0xffff, 0x9b);
	gdt[SEL_STACK16 / 8] = descriptor(at(stack), 0xffff, 0x93);
	for (unsigned v = 0; v < 256; v++)
		idt[v] = v < 32 ? gate(SEL_CODE32, tasks_trap_gates[v], 0x8e) : 0;
	idt[VECTOR_DF] = gate(SEL_RESCUE, 0, TASK_GATE);
	tasks_in = (struct tasks_in){
		.gdt_limit = sizeof(gdt) - 1, .gdt_base = at(gdt), .idt_limit = sizeof(idt) - 1, .idt_base = at(idt),
		.tr = SEL_MAIN, .esp = at(stack[1]), .eflags = 2,
	};
}

/* Runs until a task leaves; then tasks_record says what happened. */
static void go(const uint8_t *entry, unsigned target)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr;

	tasks_in.entry = at(entry);
	tasks_next = at(tasks_record);
	tasks_trap = NO_TRAP;
	tasks_target[0] = 0x12345678; /* of no consequence */
	tasks_target[1] = target;
	__asm__ volatile("sidt %0" : "=m"(idtr));
	cli();
	tasks_enter();
	__asm__ volatile("lidt %0" : : "m"(idtr));
	if (tasks_trap != NO_TRAP)
		say("INFO vector %u, error 0x%x", tasks_trap, tasks_record[RECORDS - 1].stack[0]);
}

/* What task `n` saw when it began, apart from its flags. */
static void check_entry(const volatile struct record *r, unsigned n, unsigned selector)
{
	CHECK_EQ(r->tr, selector);
	CHECK_EQ(r->eax, tss[n].eax);
	CHECK_EQ(r->ebx, tss[n].ebx);
	CHECK_EQ(r->ebp, tss[n].ebp);
	CHECK_EQ(r->esi, tss[n].esi);
	CHECK_EQ(r->edi, tss[n].edi);
	CHECK_EQ(r->ds, SEL_DATA);
	CHECK_EQ(r->gs, SEL_DATA);
	CHECK(r->cr0 & TS);
}

/* The first task is as it was when it left off. */
static void check_main(const volatile struct record *r)
{
	CHECK_EQ(r->tr, SEL_MAIN);
	CHECK_EQ(r->ecx, 0xa1a1a1a1);
	CHECK_EQ(r->edx, 0xa2a2a2a2);
	CHECK_EQ(r->ebx, 0xa3a3a3a3);
	CHECK_EQ(r->edi, 0xa7a7a7a7);
	CHECK_EQ(r->esp, at(stack[1]));
	CHECK_EQ(r->eflags & NT, 0);
	CHECK_EQ(type_of(SEL_MAIN), BUSY);
}

/* Task A ran nested in the first one, which then went on behind `next`. */
static void check_nested(const uint8_t *next)
{
	CHECK_EQ(tasks_trap, NO_TRAP);
	CHECK_EQ(RECORDS, 2);
	check_entry(&tasks_record[0], A_TSS, SEL_A);
	CHECK(tasks_record[0].eflags & NT);
	CHECK_EQ(tss[A_TSS].link, SEL_MAIN);
	CHECK_EQ(tss[A_TSS].eflags & NT, 0); /* cleared by IRET in what it saved */
	CHECK_EQ(tss[M_TSS].eip, at(next));
	CHECK_EQ(tss[M_TSS].ecx, 0xa1a1a1a1);
	CHECK_EQ(tss[M_TSS].cs, SEL_CODE32);
	CHECK_EQ(tss[M_TSS].ss, SEL_DATA);
	CHECK_EQ(type_of(SEL_A), AVAILABLE);
	check_main(&tasks_record[1]);
}

/* ---- the ways in and out ---- */

static void call(void)
{
	begin();
	go(main_call, SEL_A);
	check_nested(main_call_next);
	begin(); /* through a gate of the GDT */
	go(main_call, SEL_GATE);
	check_nested(main_call_next);
}

static void jump(void)
{
	for (unsigned target = SEL_A; target <= SEL_GATE; target += SEL_GATE - SEL_A) {
		begin();
		tss[A_TSS].eip = at(task_jmp);
		tasks_back[1] = SEL_MAIN;
		go(main_jmp, target);
		CHECK_EQ(RECORDS, 2);
		check_entry(&tasks_record[0], A_TSS, SEL_A);
		CHECK_EQ(tasks_record[0].eflags & NT, 0);
		CHECK_EQ(tss[A_TSS].link, 0);
		CHECK_EQ(type_of(SEL_A), AVAILABLE);
		check_main(&tasks_record[1]);
	}
}

static void chain(void)
{
	begin();
	tss[A_TSS].eip = at(task_chain);
	gdt[SEL_GATE / 8] = gate(SEL_B, 0, TASK_GATE); /* A calls where the first task called: not A again */
	idt[0x40] = gate(SEL_A, 0, TASK_GATE);
	go(main_int, SEL_GATE);
	CHECK_EQ(RECORDS, 4);
	CHECK_EQ(tasks_record[0].tr, SEL_A);
	CHECK_EQ(tasks_record[1].tr, SEL_B);
	CHECK_EQ(tasks_record[2].tr, SEL_A);
	CHECK(tasks_record[2].eflags & NT); /* still nested */
	CHECK_EQ(tss[B_TSS].link, SEL_A);
	CHECK_EQ(tss[A_TSS].link, SEL_MAIN);
	check_main(&tasks_record[3]);
}

static void interrupts_by_software(void)
{
	begin();
	idt[0x40] = gate(SEL_A, 0, TASK_GATE);
	go(main_int, 0);
	check_nested(main_int_next);
	begin();
	idt[VECTOR_BP] = gate(SEL_A, 0, TASK_GATE);
	go(main_int3, 0);
	check_nested(main_int3_next);
	begin();
	idt[VECTOR_OF] = gate(SEL_A, 0, TASK_GATE);
	go(main_into, 0);
	check_nested(main_into_next);
}

static void iret_nested(void)
{
	begin();
	tasks_in.eflags = NT | 2;
	tss[M_TSS].link = SEL_A;
	gdt[SEL_A / 8] |= 2ULL << 40; /* busy: it waits for us */
	tss[A_TSS].eip = at(task_leave);
	go(main_iret, 0);
	CHECK_EQ(RECORDS, 1);
	check_entry(&tasks_record[0], A_TSS, SEL_A);
	CHECK_EQ(tasks_record[0].eflags & NT, 0);
	CHECK_EQ(tss[M_TSS].eip, at(main_iret_next));
	CHECK_EQ(tss[M_TSS].eflags & NT, 0);
	CHECK_EQ(type_of(SEL_MAIN), AVAILABLE);
	CHECK_EQ(type_of(SEL_A), BUSY);
}

/* ---- events ---- */

static void exceptions(void)
{
	begin();
	idt[VECTOR_UD] = gate(SEL_H, 0, TASK_GATE);
	go(main_ud, 0);
	check_entry(&tasks_record[0], H_TSS, SEL_H);
	CHECK_EQ(tasks_record[0].esp, tss[H_TSS].esp);
	CHECK_EQ(tss[M_TSS].eip, at(main_ud));
	begin(); /* with an error code */
	idt[VECTOR_GP] = gate(SEL_H, 0, TASK_GATE);
	go(main_gp, 0x1f8);
	check_entry(&tasks_record[0], H_TSS, SEL_H);
	CHECK_EQ(tasks_record[0].esp, tss[H_TSS].esp - 4);
	CHECK_EQ(tasks_record[0].stack[0], 0x1f8);
	CHECK_EQ(tss[M_TSS].eip, at(main_gp));
	CHECK_EQ(tss[H_TSS].link, SEL_MAIN);
}

static void interrupt(void)
{
	begin();
	lapic_init(false);
	lapic_set(LAPIC_LVT0, LVT_EXTINT);
	for (unsigned pin = 0; pin < 16; pin++)
		ioapic_set(0x10 + 2 * pin, RTE_MASKED);
	pit_stop();
	pic_init(0x40);
	pic_unmask(0);
	idt[0x40] = gate(SEL_A, 0, TASK_GATE);
	tss[A_TSS].eip = at(task_eoi);
	tss[A_TSS].eax = 0x20;
	pit_one_shot(1000);
	go(main_hlt, 0);
	pic_mask_all();
	check_nested(main_hlt_next);
	CHECK(tss[M_TSS].eflags & 1 << 9);
	CHECK_EQ(tasks_record[0].eflags & 1 << 9, 0);
}

/* The IRET out of the NMI's task is what lets the next one in. */
static void nmi(void)
{
	begin();
	lapic_init(false);
	lapic_set(LAPIC_ICR2, lapic_get(LAPIC_ID));
	idt[VECTOR_NMI] = gate(SEL_A, 0, TASK_GATE);
	go(main_nmi, 0);
	CHECK_EQ(RECORDS, 3);
	CHECK_EQ(tasks_record[0].tr, SEL_A);
	CHECK_EQ(tasks_record[1].tr, SEL_A);
	CHECK_EQ(tasks_record[2].tr, SEL_MAIN);
	CHECK_EQ(tasks_record[2].esi, 0);
}

/* ---- what comes with a task ---- */

static void local_descriptors(void)
{
	begin();
	page[0][0] = 0x600dda7a;
	tss[A_TSS].eip = at(task_load);
	tss[A_TSS].ldt = SEL_LDT;
	tss[A_TSS].ds = 0x0c; /* LDT, 1 */
	go(main_call, SEL_A);
	CHECK_EQ(tasks_trap, NO_TRAP);
	CHECK_EQ(tasks_record[0].eax, 0x600dda7a);
	CHECK_EQ(tasks_record[0].ldtr, SEL_LDT);
	CHECK_EQ(tasks_record[0].ds, 0x0c);
	CHECK_EQ(tasks_record[1].ldtr, 0);
	check_main(&tasks_record[1]);
}

static void debug(void)
{
	begin();
	tss[A_TSS].trap = 1;
	__asm__ volatile("mov %0, %%dr7" : : "r"(0x755ULL)); /* L0 to L3, LE; nothing is ever at address 0 */
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ULL));
	go(main_call, SEL_A);
	CHECK_EQ(tasks_trap, VECTOR_DB);
	CHECK_EQ(tasks_record[0].stack[0], at(task_iret)); /* before its first instruction */
	CHECK_EQ(tasks_record[0].tr, SEL_A);
	CHECK(tasks_record[0].dr6 & 1 << 15);
	CHECK_EQ(tasks_record[0].dr7 & 0x155, 0);
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ULL));
}

static void level3(void)
{
	begin();
	tss[A_TSS].eip = at(task_user);
	tss[A_TSS].cs = SEL_USER_CODE32;
	tss[A_TSS].ss = tss[A_TSS].ds = tss[A_TSS].es = tss[A_TSS].fs = SEL_USER_DATA;
	tss[A_TSS].gs = 0;
	idt[0x41] = gate(SEL_H, 0, TASK_GATE | 0x60);
	go(main_call, SEL_A);
	CHECK_EQ(RECORDS, 1);
	CHECK_EQ(tasks_trap, NO_TRAP);
	CHECK_EQ(tss[H_TSS].link, SEL_A);
	CHECK_EQ(tss[A_TSS].eip, at(task_user) + 2);
	CHECK_EQ(tss[A_TSS].cs, SEL_USER_CODE32);
	CHECK_EQ(tss[A_TSS].fs, SEL_USER_DATA);
}

static void virtual_8086(void)
{
	uint32_t offset = at(task16_v86) - at(tasks16);

	begin();
	memcpy((void *)(uintptr_t)V86_AT, tasks16, (size_t)(tasks16_end - tasks16));
	tss[A_TSS].eflags = VM | 3 << 12 | 2;
	tss[A_TSS].cs = V86_AT >> 4;
	tss[A_TSS].eip = offset;
	tss[A_TSS].ss = 0x700;
	tss[A_TSS].esp = 0xffe;
	tss[A_TSS].ds = 0x1234;
	tss[A_TSS].es = 0xffff;
	tss[A_TSS].fs = 3;
	idt[0x41] = gate(SEL_H, 0, TASK_GATE | 0x60);
	go(main_call, SEL_A);
	CHECK_EQ(tasks_trap, NO_TRAP);
	CHECK_EQ(RECORDS, 1);
	CHECK_EQ(tasks_record[0].tr, SEL_H);
	CHECK_EQ(tasks_record[0].eflags & VM, 0);
	CHECK_EQ(tss[A_TSS].eip, offset + 2);
	CHECK_EQ(tss[A_TSS].eflags & (VM | NT | 3 << 12), (unsigned)(VM | NT | 3 << 12));
	CHECK_EQ(tss[A_TSS].ds, 0x1234);
	CHECK_EQ(tss[A_TSS].es, 0xffff);
	CHECK_EQ(tss[A_TSS].fs, 3);
	CHECK_EQ(tss[H_TSS].link, SEL_A);
}

/* To a 16-bit TSS and 16-bit code, and back. */
static void tss_16(void)
{
	begin();
	tss16 = (struct tss16){ .ip = (uint16_t)(at(task16_iret) - at(tasks16)), .flags = 2, .ax = 0x1001, .cx = 0x1002,
				.bx = 0x1004, .sp = 1024, .di = 0x1008, .es = SEL_DATA, .cs = SEL_CODE16,
				.ss = SEL_STACK16, .ds = SEL_DATA };
	gdt[SEL_SPARE / 8] = descriptor(at(&tss16), 43, TSS16_AVAILABLE);
	go(main_call, SEL_SPARE);
	CHECK_EQ(tasks_trap, NO_TRAP);
	CHECK_EQ(RECORDS, 2);
	CHECK_EQ(tasks_record[0].tr, SEL_SPARE);
	CHECK_EQ((uint16_t)tasks_record[0].eax, 0x1001);
	CHECK_EQ((uint16_t)tasks_record[0].ecx, 0x1002);
	CHECK_EQ((uint16_t)tasks_record[0].ebx, 0x1004);
	CHECK_EQ((uint16_t)tasks_record[0].edi, 0x1008);
	CHECK_EQ((uint16_t)tasks_record[0].esp, 1024);
	CHECK_EQ(tasks_record[0].ss, SEL_STACK16);
	CHECK_EQ(tasks_record[0].fs, 0);
	CHECK_EQ(tss16.link, SEL_MAIN);
	CHECK_EQ(tss16.flags & NT, 0);
	CHECK_EQ(type_of(SEL_SPARE), TSS16_AVAILABLE);
	check_main(&tasks_record[1]);
}

/* ---- paging ---- */

/* Identity for the first 64 MiB, and one 4 KiB page at 1 GiB. */
static uint32_t tables_plain(uint64_t *root, uint64_t *last, const volatile void *mapped)
{
	uint32_t *pd = (uint32_t *)(void *)root, *pt = (uint32_t *)(void *)last;

	memset(root, 0, 4096);
	memset(last, 0, 4096);
	for (uint32_t i = 0; i < 16; i++)
		pd[i] = i << 22 | PS | W | P;
	pd[0x100] = at(last) | W | P;
	pt[0] = at(mapped) | W | P;
	return at(root);
}

/* Each task has an address space of its own. */
static void paging(void)
{
	begin();
	page[0][0] = 0xaaaa0001;
	page[1][0] = 0xbbbb0002;
	tasks_in.cr4 = 0x10;
	tasks_in.cr3 = tss[M_TSS].cr3 = tables_plain(table[0], table[1], page[0]);
	tss[A_TSS].cr3 = tss[H_TSS].cr3 = tables_plain(table[2], table[3], page[1]);
	tss[RESCUE_TSS].cr3 = tasks_in.cr3;
	tss[A_TSS].eip = at(task_read);
	go(main_read, SEL_A);
	CHECK_EQ(RECORDS, 2);
	CHECK_EQ(tasks_record[0].eax, 0xbbbb0002);
	CHECK_EQ(tasks_record[0].cr3, tss[A_TSS].cr3);
	CHECK_EQ(tasks_record[1].eax, 0xaaaa0001);
	CHECK_EQ(tasks_record[1].cr3, tss[M_TSS].cr3);
	CHECK_EQ(tss[M_TSS].cr3, tasks_in.cr3);
}

static void page_fault(void)
{
	begin();
	tasks_in.cr4 = 0x10;
	tasks_in.cr3 = tss[H_TSS].cr3 = tss[RESCUE_TSS].cr3 = tables_plain(table[0], table[1], page[0]);
	idt[VECTOR_PF] = gate(SEL_H, 0, TASK_GATE);
	go(main_pf, 0);
	CHECK_EQ(RECORDS, 1);
	CHECK_EQ(tasks_record[0].tr, SEL_H);
	CHECK_EQ(tasks_record[0].cr2, 0x50000000);
	CHECK_EQ(tasks_record[0].stack[0], 0);
	CHECK_EQ(tasks_record[0].esp, tss[H_TSS].esp - 4);
	CHECK_EQ(tss[M_TSS].eip, at(main_pf));
	begin(); /* the new TSS is not there: the old task's fault */
	tasks_in.cr4 = 0x10;
	tasks_in.cr3 = tss[RESCUE_TSS].cr3 = tables_plain(table[0], table[1], page[0]);
	gdt[SEL_A / 8] = descriptor(0x50000000, 103, AVAILABLE);
	go(main_call, SEL_A);
	CHECK_EQ(tasks_trap, VECTOR_PF);
	CHECK_EQ(tasks_record[0].cr2 & ~0xfffU, 0x50000000);
	CHECK_EQ(tasks_record[0].tr, SEL_MAIN);
	CHECK_EQ(type_of(SEL_A), AVAILABLE);
}

/* Identity for the first 64 MiB; at 1 GiB the table that is both directory and table there. */
static uint32_t pae_space(uint64_t (*t)[512])
{
	memset(t, 0, 3 * 4096);
	t[0][0] = at(t[1]) | P;
	t[0][1] = at(t[2]) | P;
	for (uint64_t i = 0; i < 32; i++)
		t[1][i] = i << 21 | PS | W | P;
	t[2][0] = at(t[2]) | W | P;
	return at(t[0]);
}

static void paging_pae(void)
{
	begin();
	tasks_in.cr4 = 0x30;
	tasks_in.cr3 = tss[M_TSS].cr3 = tss[RESCUE_TSS].cr3 = pae_space(&table[0]);
	tss[A_TSS].cr3 = pae_space(&table[3]);
	tss[A_TSS].eip = at(task_read);
	go(main_read, SEL_A);
	CHECK_EQ(RECORDS, 2);
	CHECK_EQ(tasks_record[0].eax & ~0xfffU, at(table[5]));
	CHECK_EQ(tasks_record[0].cr3, tss[A_TSS].cr3);
	CHECK_EQ(tasks_record[1].eax & ~0xfffU, at(table[2]));
}

/* ---- faults of the old task ---- */

/* Error codes without EXT, which not all processors set for what comes from outside. */
static void check_old_fault(unsigned vector, unsigned selector, const uint8_t *where)
{
	CHECK_EQ(tasks_trap, vector);
	CHECK_EQ(RECORDS, 1);
	CHECK_EQ(tasks_record[0].tr, SEL_MAIN);
	CHECK_EQ(tasks_record[0].stack[0] & ~1U, selector);
	CHECK_EQ(tasks_record[0].stack[1], at(where));
	CHECK_EQ(tasks_record[0].ecx, 0xa1a1a1a1);
	CHECK_EQ(type_of(SEL_MAIN), BUSY);
}

static void old_faults(void)
{
	begin(); /* not present */
	gdt[SEL_A / 8] &= ~(0x80ULL << 40);
	go(main_call, SEL_A);
	check_old_fault(VECTOR_NP, SEL_A, main_call);
	begin(); /* busy: itself, and another */
	go(main_call, SEL_MAIN);
	check_old_fault(VECTOR_GP, SEL_MAIN, main_call);
	begin();
	gdt[SEL_A / 8] |= 2ULL << 40;
	go(main_jmp, SEL_GATE);
	check_old_fault(VECTOR_GP, SEL_A, main_jmp);
	begin(); /* too small */
	gdt[SEL_A / 8] = descriptor(at(&tss[A_TSS]), 102, AVAILABLE);
	go(main_call, SEL_A);
	check_old_fault(VECTOR_TS, SEL_A, main_call);
	begin(); /* beyond the table */
	go(main_call, 0x1f8);
	check_old_fault(VECTOR_GP, 0x1f8, main_call);
	begin(); /* a gate that leads to nothing */
	idt[0x40] = gate(SEL_DATA, 0, TASK_GATE);
	go(main_int, 0);
	check_old_fault(VECTOR_GP, SEL_DATA, main_int);
	begin(); /* an exception's gate */
	gdt[SEL_H / 8] &= ~(0x80ULL << 40);
	idt[VECTOR_UD] = gate(SEL_H, 0, TASK_GATE);
	go(main_ud, 0);
	check_old_fault(VECTOR_NP, SEL_H, main_ud);
}

static void old_faults_of_iret(void)
{
	begin(); /* what is returned to does not wait */
	tasks_in.eflags = NT | 2;
	tss[M_TSS].link = SEL_A;
	go(main_iret, 0);
	check_old_fault(VECTOR_TS, SEL_A, main_iret);
	begin(); /* no TSS at all */
	tasks_in.eflags = NT | 2;
	tss[M_TSS].link = SEL_DATA;
	go(main_iret, 0);
	check_old_fault(VECTOR_TS, SEL_DATA, main_iret);
}

/* A contributory fault on the way to the handler of another one. */
static void double_fault(void)
{
	begin();
	gdt[SEL_H / 8] &= ~(0x80ULL << 40);
	idt[VECTOR_GP] = gate(SEL_H, 0, TASK_GATE);
	go(main_gp, 0x1f8);
	CHECK_EQ(RECORDS, 1);
	CHECK_EQ(tasks_record[0].tr, SEL_RESCUE);
	CHECK_EQ(tasks_record[0].stack[0], 0);
	CHECK_EQ(tasks_record[0].esp, tss[RESCUE_TSS].esp - 4);
	CHECK_EQ(tss[M_TSS].eip, at(main_gp));
}

/* ---- faults of the new task, before its first instruction ---- */

/* The handler is a task too, as the manuals advise: A may have no stack. */
static void check_new_fault(unsigned vector, unsigned selector)
{
	idt[vector] = gate(SEL_H, 0, TASK_GATE);
	go(main_call, SEL_A);
	CHECK_EQ(tasks_trap, NO_TRAP);
	CHECK_EQ(RECORDS, 1);
	CHECK_EQ(tasks_record[0].tr, SEL_H);
	CHECK_EQ(tasks_record[0].stack[0] & ~1U, selector);
	CHECK_EQ(tss[H_TSS].link, SEL_A);
	CHECK_EQ(tss[A_TSS].link, SEL_MAIN);
	if (option("strict")) /* QEMU's TCG goes back to the CALL */
		CHECK_EQ(tss[A_TSS].eip, at(task_iret));
	CHECK_EQ(tss[A_TSS].ecx, 0x11000001);
	CHECK(tss[A_TSS].eflags & NT);
	CHECK_EQ(type_of(SEL_A), BUSY);
	CHECK_EQ(tss[M_TSS].eip, at(main_call_next));
}

#define NEW_FAULT(field, value, vector, error)                                                     \
	do {                                                                                       \
		begin();                                                                           \
		tss[A_TSS].field = (value);                                                        \
		check_new_fault(vector, error);                                                    \
		CHECK_EQ((uint16_t)tss[A_TSS].field, (value));                                     \
	} while (0)

static void new_faults(void)
{
	NEW_FAULT(ldt, SEL_DATA, VECTOR_TS, SEL_DATA); /* not an LDT */
	NEW_FAULT(ldt, 0x1f8, VECTOR_TS, 0x1f8);
	NEW_FAULT(cs, SEL_DATA, VECTOR_TS, SEL_DATA);
	NEW_FAULT(cs, 0, VECTOR_TS, 0);
	NEW_FAULT(ds, SEL_LDT, VECTOR_TS, SEL_LDT); /* a system segment */
	NEW_FAULT(es, 0x1f8, VECTOR_TS, 0x1f8);
	NEW_FAULT(fs, SEL_ABSENT, VECTOR_NP, SEL_ABSENT);
	NEW_FAULT(gs, 0x0c, VECTOR_TS, 0x0c); /* no LDT */
	begin();
	gdt[SEL_SPARE / 8] = descriptor(0, 0xfffff, 0x1b) | 0xcULL << 52; /* code, not present */
	tss[A_TSS].cs = SEL_SPARE;
	check_new_fault(VECTOR_NP, SEL_SPARE);
	begin();
	gdt[SEL_LDT / 8] &= ~(0x80ULL << 40);
	tss[A_TSS].ldt = SEL_LDT;
	check_new_fault(VECTOR_TS, SEL_LDT);
}

static void new_faults_of_stack(void)
{
	NEW_FAULT(ss, 0, VECTOR_TS, 0);
	NEW_FAULT(ss, SEL_CODE32, VECTOR_TS, SEL_CODE32);
	NEW_FAULT(ss, SEL_USER_DATA, VECTOR_TS, SEL_USER_DATA & ~3);
	if (option("strict")) /* QEMU's TCG makes it #NP */
		NEW_FAULT(ss, SEL_ABSENT, VECTOR_SS, SEL_ABSENT);
}

const struct test payload_tests[] = {
	{ "call", call },
	{ "jump", jump },
	{ "chain", chain },
	{ "interrupts_by_software", interrupts_by_software },
	{ "iret_nested", iret_nested },
	{ "exceptions", exceptions },
	{ "interrupt", interrupt },
	{ "nmi", nmi },
	{ "local_descriptors", local_descriptors },
	{ "debug", debug },
	{ "level3", level3 },
	{ "virtual_8086", virtual_8086 },
	{ "tss_16", tss_16 },
	{ "paging", paging },
	{ "page_fault", page_fault },
	{ "paging_pae", paging_pae },
	{ "old_faults", old_faults },
	{ "old_faults_of_iret", old_faults_of_iret },
	{ "double_fault", double_fault },
	{ "new_faults", new_faults },
	{ "new_faults_of_stack", new_faults_of_stack },
	{ 0 },
};
