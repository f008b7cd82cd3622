/* SPDX-License-Identifier: GPL-2.0-only */
/* Tasks with an address space each. */
#include "tests/payload/tasks/tasks.h"

#include "lib/string.h"

static uint64_t table[6][512] __attribute__((aligned(4096)));

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
void paging(void)
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

void page_fault(void)
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

void paging_pae(void)
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
