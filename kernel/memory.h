/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's address space and what it may touch of physical memory: the image, the pool, mapped
 * devices, kernel stacks, and a window a processor for a short look at anything else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernel/abi/bootinfo.h"
#include "lib/addr.h"

/* PML4 slots of the kernel half: 256 pool, 384 stacks, 385 windows and devices, 511 the image. */
#define KERNEL_POOL    0xffff800000000000ULL
#define KERNEL_STACKS  0xffffc00000000000ULL
#define KERNEL_WINDOWS 0xffffc08000000000ULL
#define KERNEL_MMIO    0xffffc0c000000000ULL
#define KERNEL_IMAGE   0xffffffff80000000ULL

#define WINDOW_BYTES	   (64U << 10)
#define KERNEL_STACK_BYTES 8192U

struct percpu;
struct space;

struct piece { /* of free RAM */
	uint64_t base, size;
};

/*
 * The usable RAM that is nobody's: without the first MiB, the kernel image and the modules, and
 * `pool`.
 */
unsigned memory_pieces(const struct bootinfo *info, const struct piece *pool, struct piece *out,
		       unsigned max);
/*
 * Where the pool goes: 8 MiB + RAM / 128, in whole 2 MiB, at the top of the highest piece that
 * holds it.
 */
bool memory_place_pool(const struct bootinfo *info, struct piece *pool, uint64_t *ram);

/* Sets the pool and the kernel half up, on the early page tables. Fatal without enough memory. */
void memory_init(const struct bootinfo *info, uint64_t kernel_phys, struct piece *pool);
/* The processor's window; before it first uses one. */
void memory_cpu_init(struct percpu *cpu);
/* No identity map any more, on any processor. */
void memory_drop_identity(void);
/* What CR3 holds when no space is active, and the table that spaces copy the kernel half from. */
uint64_t memory_kernel_cr3(void);
const uint64_t *memory_kernel_pml4(void);

/*
 * Maps device memory for good; write-combining or uncached. NULL: no address space or memory left.
 */
void *memory_map_device(uint64_t base, uint64_t bytes, bool write_combining);
/* bytes <= WINDOW_BYTES from base on, base + bytes within one window when base is not aligned. */
void *memory_window(uint64_t base, size_t bytes);
/* Unmaps what the window shows; after the last look. */
void memory_window_close(void);
/* Copies physical memory by way of the window, any size. */
void memory_read(uint64_t base, void *to, size_t bytes);

/* The top of a kernel stack, two of the payer's pages with nothing mapped below, or 0. */
uint64_t stack_alloc(struct space *payer);
void stack_free(struct space *payer, uint64_t top);
/* True for an address in the unmapped pages below a kernel stack, the one that boot/entry.asm made, too. */
bool stack_guards(uint64_t va);
extern const char boot_stack_guard[]; /* a page; its stack is processor 0's until the end */
