/* SPDX-License-Identifier: GPL-2.0-only */
/* Faults on the way into a task: the old one takes them, or the new one. */
#include "tests/payload/tasks/tasks.h"

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

void old_faults(void)
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

void old_faults_of_iret(void)
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
void double_fault(void)
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

void new_faults(void)
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

void new_faults_of_stack(void)
{
	NEW_FAULT(ss, 0, VECTOR_TS, 0);
	NEW_FAULT(ss, SEL_CODE32, VECTOR_TS, SEL_CODE32);
	NEW_FAULT(ss, SEL_USER_DATA, VECTOR_TS, SEL_USER_DATA & ~3);
	if (option("strict")) /* QEMU's TCG makes it #NP */
		NEW_FAULT(ss, SEL_ABSENT, VECTOR_SS, SEL_ABSENT);
}
