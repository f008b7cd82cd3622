/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation (MIT_ISOLATION): in ring 3 a space runs with a second PML4, which has its user half
 * and of the kernel only what an entry needs before it switches: the entry code, the IDT, and each
 * processor's struct percpu (GDT, TSS), IST stacks and entry stack, all where they always are.
 */
#pragma once

#include <stdint.h>

struct percpu;
struct space;

/* After memory_init, before the first space: nothing when it is not in force. */
void isolation_init(uint64_t kernel_phys);
/* cpu->tables.tss.ist[] and cpu->entry_rsp are made; struct percpu has its page for itself. */
void isolation_cpu_init(struct percpu *cpu);
/* The second PML4 of a new space. 0, E_NOMEM. */
int isolation_space_create(struct space *s);
/* [space lock] The user half has changed at the top level. */
void isolation_space_sync(struct space *s);
/* s (NULL: none) runs on this processor now. */
void isolation_switch(struct percpu *cpu, const struct space *s);
