/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looks for a VM's frames in every page table, the kernel half and the user half, its own monitor's
 * user half apart. Reads tables, changes nothing.
 */
#include "kernel/selfcheck.h"

#include <stdbool.h>
#include "kernel/box.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/pool.h"
#include "kernel/space.h"
#include "kernel/vm.h"
#include "lib/string.h"
#include "lib/text.h"
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

static void walk_table(struct walk *w, const uint64_t *table, unsigned level, uint64_t va, unsigned first)
{
	uint64_t size = 1ULL << (12 + 9 * (level - 1));

	for (unsigned i = first; i < ENTRIES; i++) {
		uint64_t e = table[i], at = va + i * size;

		if ((e & PTE_P) == 0)
			continue;
		if (level == 4 && i >= KERNEL_HALF)
			at |= 0xffff000000000000ULL;
		if (level == 1 || (level < 4 && (e & PTE_PS) != 0))
			check_leaf(w, at, e & PTE_ADDR & ~(size - 1), size);
		else
			walk_table(w, table_at(e & PTE_ADDR), level - 1, at, 0);
	}
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
			walk_table(&w, s->pml4, 4, 0, s == vm->space ? KERNEL_HALF : 0);
			spaces++;
		}
		spin_unlock(&s->lock);
	}
	space_tree(false);
	log_line("selfcheck", "%s: none of %lu mappings in %u spaces reaches its memory", vm->name,
		 w.leaves, spaces);
}
