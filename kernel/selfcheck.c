/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looks for a VM's frames in every page table, the kernel half and the user half, its own monitor's
 * user half apart; for pages of ours that can be written and executed, and for what this processor has
 * against ring 0's use of ring 3's memory. Reads tables, changes nothing.
 */
#include "kernel/selfcheck.h"

#include <stdbool.h>
#include "arch/cpu.h"
#include "arch/cr.h"
#include "arch/msr.h"
#include "kernel/box.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/pool.h"
#include "kernel/space.h"
#include "kernel/vm.h"
#include "lib/string.h"
#include "lib/text.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"
#include "lib/x86/pte.h"

enum { KERNEL_HALF = 256, ENTRIES = 512 };

struct walk {
	const struct vm *vm;
	uint64_t leaves;
};

/* Tables are pool pages, but for those of the image, which lie in it. */
static const uint64_t *table_at(uint64_t base)
{
	if (base - box.pool.base < box.pool.size)
		return pool_va(hpa(base));
	if (base - box.boot.kernel_base < box.boot.kernel_size)
		return (const uint64_t *)(KERNEL_IMAGE + (base - box.boot.kernel_base));
	panic("selfcheck: a page table at %#lx is neither in the pool nor in the image", base);
}

static void check_leaf(struct walk *w, uint64_t va, uint64_t base, uint64_t size)
{
	w->leaves++;
	for (unsigned i = 0; i < w->vm->ranges; i++) {
		const struct vm_range *r = &w->vm->range[i];

		if (base < r->base.raw + r->size && r->base.raw < base + size)
			panic("selfcheck: memory of VM %s is mapped at %#lx (host-physical %#lx)", w->vm->name,
			      va, base);
	}
}

/* `rights`: PTE_W as all levels above have it, PTE_NX as one of them has. */
static void walk_table(struct walk *w, const uint64_t *table, unsigned level, uint64_t va, unsigned first,
		       uint64_t rights)
{
	uint64_t size = 1ULL << (12 + 9 * (level - 1));

	for (unsigned i = first; i < ENTRIES; i++) {
		uint64_t e = table[i], at = va + i * size, have = (rights & e & PTE_W) | ((rights | e) & PTE_NX);

		if ((e & PTE_P) == 0)
			continue;
		if (level == 4 && i >= KERNEL_HALF)
			at |= 0xffff000000000000ULL;
		if (level > 1 && (level == 4 || (e & PTE_PS) == 0)) {
			walk_table(w, table_at(e & PTE_ADDR), level - 1, at, 0, have);
			continue;
		}
		if (have == PTE_W && cpu_has(CPU_NX))
			panic("selfcheck: %#lx can be written and executed", at);
		check_leaf(w, at, e & PTE_ADDR & ~(size - 1), size);
	}
}

/* All that this processor has is on (arch/cpu.c). */
static void check_processor(void)
{
	uint64_t want = (cpu_has(CPU_SMEP) ? CR4_SMEP : 0) | (cpu_has(CPU_SMAP) ? CR4_SMAP : 0) |
			(cpu_has(CPU_UMIP) ? CR4_UMIP : 0);

	if ((read_cr0() & CR0_WP) == 0 || (read_cr4() & want) != want ||
	    (cpu_has(CPU_NX) && (rdmsr(MSR_EFER) & EFER_NXE) == 0))
		panic("selfcheck: CR0 %#lx, CR4 %#lx, EFER %#lx", read_cr0(), read_cr4(), rdmsr(MSR_EFER));
	log_line("selfcheck", "WP%s%s%s%s are on, and no page can be written and executed", cpu_has(CPU_NX) ? " NX" : "",
		 cpu_has(CPU_SMEP) ? " SMEP" : "", cpu_has(CPU_SMAP) ? " SMAP" : "",
		 cpu_has(CPU_UMIP) ? " UMIP" : "");
}

void selfcheck_vm(const struct vm *vm)
{
	struct walk w = { .vm = vm };
	struct space *s = vm->space;
	unsigned spaces = 0;
	char option[16];

	if (!text_option(box.boot.cmdline, "selfcheck", option, sizeof(option)))
		return;
	if (strcmp(option, "plant") == 0 && vm->ranges != 0)
		(void)memory_window(vm->range[0].base.raw, PAGE_4K);
	while (s->parent != NULL)
		s = s->parent;
	space_tree(true);
	for (; s != NULL; s = space_next(s)) {
		spin_lock(&s->lock); /* its tables stay while it is held */
		if (s->pml4 != NULL) {
			walk_table(&w, s->pml4, 4, 0, s == vm->space ? KERNEL_HALF : 0, PTE_W);
			spaces++;
		}
		spin_unlock(&s->lock);
	}
	space_tree(false);
	check_processor();
	log_line("selfcheck", "%s: none of %lu mappings in %u spaces reaches its memory", vm->name,
		 w.leaves, spaces);
}
