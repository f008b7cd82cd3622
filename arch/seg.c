/* SPDX-License-Identifier: GPL-2.0-only */
/* GDT and TSS of a processor. */

#include "arch/seg.h"

/* Access bytes in place: P, DPL, S, type, L, D/B, G. [SDM3 "Segment Descriptors"] */
#define DESC_KERNEL_CODE 0x00209b0000000000ULL
#define DESC_KERNEL_DATA 0x0000930000000000ULL
#define DESC_USER_DATA   0x0000f30000000000ULL
#define DESC_USER_CODE   0x0020fb0000000000ULL
#define DESC_TSS         0x0000890000000000ULL

void seg_load(struct cpu_tables *t)
{
	uint64_t base = (uint64_t)&t->tss;
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) gdtr = { sizeof(t->gdt) - 1, (uint64_t)t->gdt };

	t->gdt[SEL_KERNEL_CS / 8] = DESC_KERNEL_CODE;
	t->gdt[SEL_KERNEL_SS / 8] = DESC_KERNEL_DATA;
	t->gdt[SEL_USER_SS / 8] = DESC_USER_DATA;
	t->gdt[SEL_USER_CS / 8] = DESC_USER_CODE;
	t->gdt[SEL_TSS / 8] = DESC_TSS | (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 |
			      (base & 0xff000000) << 32;
	t->gdt[SEL_TSS / 8 + 1] = base >> 32;
	t->tss.iomap = sizeof(struct tss);

	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmovl %2, %%ss\n\t"
			 "movl %3, %%ds\n\t"
			 "movl %3, %%es\n\t"
			 "movl %3, %%fs\n\t"
			 "ltr %w4"
			 :
			 : "m"(gdtr), "i"(SEL_KERNEL_CS), "r"(SEL_KERNEL_SS), "r"(0), "r"(SEL_TSS)
			 : "rax", "memory");
}
