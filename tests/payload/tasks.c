/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hardware task switches in 32-bit protected mode: by CALL, JMP, IRET and gates, for instructions,
 * exceptions, interrupts and NMIs, between TSSs of both kinds, to virtual-8086 mode and to level 3, with
 * paging, and every fault on the way: tasks/. Here are the tables, the run and what is checked of every run;
 * lib/tasks.asm has the tasks themselves.
 */
#include "tests/payload/tasks/tasks.h"

#include "lib/string.h"

volatile uint64_t gdt[GDT_ENTRIES], ldt[4], idt[256];
volatile struct tss tss[TSS_COUNT] __attribute__((aligned(256)));
uint8_t stack[TSS_COUNT + 1][1024] __attribute__((aligned(16)));
volatile uint32_t page[2][1024] __attribute__((aligned(4096)));

static void task_set(unsigned n, const uint8_t *entry, uint32_t mark)
{
	tss[n] = (struct tss){
		.eip = at(entry), .eflags = 2, .esp = at(stack[n + 1]), .esp0 = at(stack[n + 1]) - 256, .ss0 = SEL_DATA,
		.eax = mark, .ecx = mark + 1, .edx = mark + 2, .ebx = mark + 3, .ebp = mark + 5, .esi = mark + 6, .edi = mark + 7,
		.es = SEL_DATA, .cs = SEL_CODE32, .ss = SEL_DATA, .ds = SEL_DATA, .fs = SEL_DATA, .gs = SEL_DATA, .map = 104,
	};
}

unsigned type_of(unsigned selector)
{
	return gdt[selector / 8] >> 40 & 0xff;
}

void begin(void)
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

void go(const uint8_t *entry, unsigned target)
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

void check_entry(const volatile struct record *r, unsigned n, unsigned selector)
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

void check_main(const volatile struct record *r)
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

void check_nested(const uint8_t *next)
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
