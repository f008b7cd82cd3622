/* SPDX-License-Identifier: GPL-2.0-only */
/* Builds the kernel half that ring 3 keeps, and keeps the user halves alike. */
#include "kernel/isolation.h"

#include "arch/cpu.h"
#include "arch/trap.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/mitigation.h"
#include "kernel/paging.h"
#include "kernel/percpu.h"
#include "kernel/pool.h"
#include "kernel/space.h"
#include "lib/string.h"
#include "lib/x86/pte.h"
#include <stddef.h>

enum { HALF = 256, HALF_BYTES = HALF * sizeof(uint64_t) };

extern const char entry_text_start[], entry_text_end[]; /* boot/kernel.ld */

static uint64_t *outline, image_phys; /* (c) after boot: the kernel half; NULL: not isolated */

static void expose(uint64_t va, uint64_t phys, uint64_t bytes, uint64_t flags)
{
	if (page_map(outline, NULL, va, hpa(phys), bytes, PTE_P | PTE_A | PTE_D | flags, false) < 0)
		fatal("not enough memory to isolate the kernel's page tables");
}

static void expose_image(const void *at, uint64_t bytes, uint64_t flags)
{
	expose((uint64_t)at, (uint64_t)at - KERNEL_IMAGE + image_phys, bytes, flags);
}

static void expose_stack(uint64_t top)
{
	uint64_t bottom = top - KERNEL_STACK_BYTES;
	uint64_t *root = (uint64_t *)(uintptr_t)memory_kernel_pml4();

	expose(bottom, *page_entry(root, bottom) & PTE_ADDR, KERNEL_STACK_BYTES, PTE_W | PTE_NX);
}

void isolation_init(uint64_t kernel_phys)
{
	if ((mitigations & MIT_ISOLATION) == 0)
		return;
	outline = pool_page(NULL);
	if (outline == NULL)
		fatal("not enough memory to isolate the kernel's page tables");
	image_phys = kernel_phys;
	expose_image(entry_text_start, (uint64_t)(entry_text_end - entry_text_start), 0);
	expose_image(idt_page(), PAGE_4K, PTE_NX);
}

void isolation_cpu_init(struct percpu *cpu)
{
	uint64_t at = (uint64_t)cpu;

	cpu->guard = mitigations & (MIT_VERW | MIT_ISOLATION);
	if (outline == NULL)
		return;
	if (at >= KERNEL_IMAGE)
		expose_image(cpu, PAGE_4K, PTE_W | PTE_NX);
	else
		expose(at, pool_hpa(cpu).raw, PAGE_4K, PTE_W | PTE_NX);
	for (unsigned i = 0; i < IST_COUNT; i++)
		expose_stack(cpu->tables.tss.ist[i]);
	expose_stack(cpu->entry_rsp);
	seg_set_stack(&cpu->tables, cpu->entry_rsp);
	cpu->kernel_cr3 = memory_kernel_cr3();
}

int isolation_space_create(struct space *s)
{
	if (outline == NULL)
		return 0;
	s->user_pml4 = pool_page(s);
	if (s->user_pml4 == NULL)
		return E_NOMEM;
	memcpy(s->user_pml4 + HALF, outline + HALF, HALF_BYTES);
	return 0;
}

void isolation_space_sync(struct space *s)
{
	if (s->user_pml4 != NULL)
		memcpy(s->user_pml4, s->pml4, HALF_BYTES);
}

void isolation_switch(struct percpu *cpu, const struct space *s)
{
	if (outline == NULL)
		return;
	cpu->kernel_cr3 = s != NULL ? s->cr3 : memory_kernel_cr3();
	cpu->user_cr3 = s != NULL ? pool_hpa(s->user_pml4).raw : 0;
}
