/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looks for a VM's frames in every page table, the kernel half and the user half, its own monitor's
 * user half apart; for pages of ours that can be written and executed, for what this processor has
 * against ring 0's use of ring 3's memory, and for the guard page of each stack. Changes nothing, but for what
 * the tests have it plant.
 */
#include "kernel/selfcheck.h"

#include <stdbool.h>
#include "arch/cpu.h"
#include "arch/cr.h"
#include "arch/msr.h"
#include "kernel/box.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/pool.h"
#include "kernel/space.h"
#include "kernel/thread_impl.h"
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
	unsigned stacks;
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

static bool mapped(uint64_t va)
{
	const uint64_t *table = memory_kernel_pml4();

	for (unsigned shift = 39;; shift -= 9) {
		uint64_t e = table[va >> shift & (ENTRIES - 1)];

		if ((e & PTE_P) == 0 || shift == 12 || (shift < 39 && (e & PTE_PS)))
			return e & PTE_P;
		table = table_at(e & PTE_ADDR);
	}
}

/* `above`: a page that is not part of it, either. */
static void check_stack(struct walk *w, uint64_t bottom, uint64_t above)
{
	if (mapped(bottom - PAGE_4K) || !mapped(bottom) || mapped(above))
		panic("selfcheck: the kernel stack at %#lx has no guard page", bottom);
	w->stacks++;
}

static void check_slot(struct walk *w, uint64_t top)
{
	check_stack(w, top - KERNEL_STACK_BYTES, top);
}

/* Each processor's: of the interrupts, of the way in from ring 3, of its idle thread. */
static void check_cpu_stacks(struct walk *w)
{
	for (unsigned i = 0; i < cpu_count; i++) {
		const struct percpu *cpu = cpu_table[i];

		for (unsigned k = 0; k < IST_COUNT; k++)
			check_slot(w, cpu->tables.tss.ist[k]);
		check_slot(w, cpu->entry_rsp);
		if (i == 0)
			check_stack(w, (uint64_t)boot_stack_guard + PAGE_4K, (uint64_t)boot_stack_guard);
		else
			check_slot(w, cpu->idle->stack_top);
	}
}

/* What must not go unnoticed. */
static void plant(const struct vm *vm, const char *what)
{
	uint64_t top = thread_self()->stack_top, *bottom;

	if (strcmp(what, "plant") == 0 && vm->ranges != 0)
		(void)memory_window(vm->range[0].base.raw, PAGE_4K);
	if (strcmp(what, "guard") == 0 && (bottom = page_entry(vm->space->pml4, top - KERNEL_STACK_BYTES)) != NULL)
		bottom[-1] = bottom[0];
}

static unsigned overflow(const volatile unsigned *above)
{
	volatile unsigned here = *above + 1;

	return here == 0 ? 0 : overflow(&here) + here;
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
	if (strcmp(option, "overflow") == 0)
		(void)overflow(&spaces);
	plant(vm, option);
	while (s->parent != NULL)
		s = s->parent;
	space_tree(true);
	for (; s != NULL; s = space_next(s)) {
		spin_lock(&s->lock); /* its tables stay while it is held */
		if (s->pml4 != NULL) {
			walk_table(&w, s->pml4, 4, 0, s == vm->space ? KERNEL_HALF : 0, PTE_W);
			spaces++;
		}
		for (const struct thread *t = s->threads; t != NULL; t = t->space_next)
			check_slot(&w, t->stack_top);
		spin_unlock(&s->lock);
	}
	space_tree(false);
	check_processor();
	check_cpu_stacks(&w);
	log_line("selfcheck", "%u kernel stacks, and no page is mapped next to one", w.stacks);
	log_line("selfcheck", "%s: none of %lu mappings in %u spaces reaches its memory", vm->name,
		 w.leaves, spaces);
}
