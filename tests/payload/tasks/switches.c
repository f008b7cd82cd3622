/* SPDX-License-Identifier: GPL-2.0-only */
/* Ways into a task and back, events that enter one, and what comes with a task. */
#include "tests/payload/tasks/tasks.h"

#include "lib/string.h"

static volatile struct tss16 tss16;

/* ---- the ways in and out ---- */

void call(void)
{
	begin();
	go(main_call, SEL_A);
	check_nested(main_call_next);
	begin(); /* through a gate of the GDT */
	go(main_call, SEL_GATE);
	check_nested(main_call_next);
}

void jump(void)
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

void chain(void)
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

void interrupts_by_software(void)
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

void iret_nested(void)
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

void exceptions(void)
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

void interrupt(void)
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
void nmi(void)
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

void local_descriptors(void)
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

void debug(void)
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

void level3(void)
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

void virtual_8086(void)
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
void tss_16(void)
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
