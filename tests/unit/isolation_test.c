/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: kernel/pool.c kernel/paging.c kernel/npt.c */
/* What of the kernel ring 3's page tables have: every page of it is named here, and there is no other. */
#include "kernel/isolation.c" /* outline */
#include "kernel/pool_impl.h"
#include "tests/unit/page_lookup.h"
#include "tests/unit/unit.h"
#include <stdlib.h>

enum { BYTES = 8 << 20, STACKS = IST_COUNT + 1 };
#define PHYSICAL   0x140000000ULL
#define IMAGE_PHYS 0x7000000ULL

uint32_t mitigations;
__asm__(".pushsection .bss\n.balign 4096\n.globl entry_text_start, entry_text_end\n"
	"entry_text_start: .zero 8192\nentry_text_end:\n.popsection\n");
static char idt[4096] __attribute__((aligned(4096)));
static void *memory;
static uint64_t *kernel_root;

void panic(const char *fmt, ...)
{
	printf("FAIL %s: panic: %s\n", unit_case, fmt);
	exit(1);
}
void fatal(const char *fmt, ...)
{
	panic(fmt);
}
const void *idt_page(void) { return idt; }
const uint64_t *memory_kernel_pml4(void) { return kernel_root; }
uint64_t memory_kernel_cr3(void) { return 0x1234000; }

static uint64_t image(const void *va) { return (uint64_t)va - KERNEL_IMAGE + IMAGE_PHYS; }

static unsigned bad; /* large, global or ring 3's */

/* Leaves of some of the root's entries. */
static unsigned leaves(const uint64_t *table, unsigned level, unsigned first, unsigned last)
{
	unsigned n = 0;

	for (unsigned i = first; i < last; i++) {
		if ((table[i] & PTE_P) == 0)
			continue;
		if (level == 1 || (level < 4 && (table[i] & PTE_PS) != 0)) {
			bad += level != 1 || (table[i] & (PTE_U | PTE_G)) != 0;
			n++;
		} else {
			n += leaves(pool_va(hpa(table[i] & PTE_ADDR)), level - 1, 0, 512);
		}
	}
	return n;
}

static void maps(uint64_t *root, uint64_t va, uint64_t phys, uint64_t flags)
{
	uint64_t size, leaf = page_lookup(root, va & ((1ULL << 48) - 1), &size);

	CHECK_EQ(leaf, (phys & PTE_ADDR) | flags | PTE_P | PTE_A | PTE_D);
}

static struct percpu *processor(unsigned n)
{
	struct percpu *cpu = pool_page(NULL);

	for (unsigned i = 0; i < STACKS; i++) {
		uint64_t top = KERNEL_STACKS + (n * STACKS + i + 1) * 16384ULL;

		(void)page_map(kernel_root, NULL, top - KERNEL_STACK_BYTES, pool_hpa(pool_pages(NULL, 1)), KERNEL_STACK_BYTES, PTE_P | PTE_W, false);
		if (i < IST_COUNT)
			cpu->tables.tss.ist[i] = top;
		else
			cpu->entry_rsp = top;
	}
	return cpu;
}

static void the_outline_and_nothing_else(void)
{
	struct space s = { .quota = 100 };
	struct percpu *cpu[2];

	pool_init(memory, hpa(PHYSICAL), BYTES);
	kernel_root = pool_page(NULL);
	mitigations = MIT_ISOLATION;
	isolation_init(IMAGE_PHYS);
	for (unsigned i = 0; i < 2; i++) {
		cpu[i] = processor(i);
		isolation_cpu_init(cpu[i]);
		CHECK_EQ(cpu[i]->guard, MIT_ISOLATION);
		CHECK_EQ(cpu[i]->kernel_cr3, 0x1234000);
		CHECK_EQ(cpu[i]->tables.tss.rsp[0], cpu[i]->entry_rsp); /* interrupts from ring 3 land where it can see */
	}
	CHECK_EQ(isolation_space_create(&s), 0);
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < STACKS; k++) {
			uint64_t top = k < IST_COUNT ? cpu[i]->tables.tss.ist[k] : cpu[i]->entry_rsp, size;

			for (uint64_t at = top - KERNEL_STACK_BYTES; at < top; at += 4096)
				maps(s.user_pml4, at, page_lookup(kernel_root, at & ((1ULL << 48) - 1), &size) & PTE_ADDR, PTE_W | PTE_NX);
		}
	CHECK_EQ(leaves(s.user_pml4, 4, 256, 512), 2 * STACKS * 2);
	CHECK_EQ(leaves(s.user_pml4, 4, 0, 256), 0);
	/* In this program the image and struct percpu have addresses of the lower half: the outline has them. */
	maps(outline, (uint64_t)entry_text_start, image(entry_text_start), 0); /* executable, not writable */
	maps(outline, (uint64_t)entry_text_start + 4096, image(entry_text_start) + 4096, 0);
	maps(outline, (uint64_t)idt, image(idt), PTE_NX);
	for (unsigned i = 0; i < 2; i++)
		maps(outline, (uint64_t)cpu[i], pool_hpa(cpu[i]).raw, PTE_W | PTE_NX);
	CHECK_EQ(leaves(outline, 4, 0, 256), 2 + 1 + 2);
	CHECK_EQ(bad, 0);
}

static void spaces(void)
{
	struct space s = { .quota = 100 };
	struct percpu cpu = { .index = 0 };
	uint64_t user[512] = { 0 };

	CHECK_EQ(isolation_space_create(&s), 0);
	s.pml4 = user;
	user[0] = 0x5007;
	user[255] = 0x6007;
	user[256] = 0x7003;
	isolation_space_sync(&s);
	CHECK_EQ(s.user_pml4[0], 0x5007);
	CHECK_EQ(s.user_pml4[255], 0x6007);
	CHECK(s.user_pml4[256] != 0x7003); /* the kernel's half is never copied */
	s.cr3 = 0x9000;
	isolation_switch(&cpu, &s);
	CHECK_EQ(cpu.kernel_cr3, 0x9000);
	CHECK_EQ(cpu.user_cr3, pool_hpa(s.user_pml4).raw);
	isolation_switch(&cpu, NULL);
	CHECK_EQ(cpu.kernel_cr3, 0x1234000);
	CHECK_EQ(cpu.user_cr3, 0);
}

int main(void)
{
	memory = aligned_alloc(2 << 20, BYTES);
	RUN(the_outline_and_nothing_else);
	RUN(spaces);
	free(memory);
	return unit_status();
}
