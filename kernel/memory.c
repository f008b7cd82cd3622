/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel half of every address space: built once at boot, shared by all, never changed above
 * level 3.
 */

#include "kernel/memory.h"
#include "arch/cpu.h"
#include "arch/cr.h"
#include "arch/spinlock.h"
#include "kernel/log.h"
#include "kernel/paging.h"
#include "kernel/percpu.h"
#include "kernel/pool.h"
#include "kernel/pool_impl.h"
#include "kernel/tlb.h"
#include "lib/string.h"
#include "lib/x86/pte.h"

#define LEAF (PTE_P | PTE_A | PTE_D | PTE_G)

enum { SLOT_POOL = 256, POOL_PDS = 4 };
enum {
	EARLY_PAGES = 16 << 8 /* of the image, mapped by boot/entry.asm: 16 MiB */,
	EARLY_PT = 0x8000 / 8
};

extern uint64_t boot_tables[]; /* boot/entry.asm: PML4 first, the image's page tables at EARLY_PT */

/* The pool's tables, in the image because the pool is not there yet. */
static uint64_t pool_pdpt[512] __attribute__((aligned(4096)));
static uint64_t pool_pd[POOL_PDS][512] __attribute__((aligned(4096)));

static uint64_t kernel_cr3, nx; /* (c) after boot */
static struct {
	struct spinlock lock;
	uint64_t mmio_next; /* [lock] */
} layout = { .mmio_next = KERNEL_MMIO };

uint64_t memory_kernel_cr3(void)
{
	return kernel_cr3;
}
const uint64_t *memory_kernel_pml4(void)
{
	return boot_tables;
}

static void map_pool(uint64_t kernel_phys, const struct piece *pool)
{
	for (uint64_t at = 0; at < pool->size; at += PAGE_2M)
		pool_pd[at / PAGE_1G][at / PAGE_2M % 512] =
			(pool->base + at) | LEAF | PTE_W | PTE_PS | nx;
	for (unsigned i = 0; i < POOL_PDS; i++)
		pool_pdpt[i] = ((uint64_t)pool_pd[i] - KERNEL_IMAGE + kernel_phys) | PTE_P | PTE_W;
	boot_tables[SLOT_POOL] = ((uint64_t)pool_pdpt - KERNEL_IMAGE + kernel_phys) | PTE_P | PTE_W;
}

/*
 * Every block of the pool that can be a stack has its place as one, with a gap below, for good: a stack costs its two
 * pages and no table, and goes back to the pool without any processor having to forget a translation.
 */
static void map_stacks(const struct piece *pool)
{
	_Static_assert(KERNEL_STACK_BYTES == PAGE_4K << 1, "a block of order 1");
	for (uint64_t at = 0; at < pool->size; at += KERNEL_STACK_BYTES)
		if (page_map(boot_tables, NULL, KERNEL_STACKS + 2 * at + KERNEL_STACK_BYTES, hpa(pool->base + at),
			     KERNEL_STACK_BYTES, LEAF | PTE_W | nx, false) < 0)
			fatal("not enough memory for the page tables of %lu MiB of kernel stacks", pool->size >> 20);
}

void memory_init(const struct bootinfo *info, uint64_t kernel_phys, struct piece *pool)
{
	uint64_t ram;

	nx = cpu_has(CPU_NX) ? PTE_NX : 0;
	if (!memory_place_pool(info, pool, &ram))
		fatal("not enough memory: the hypervisor needs a free piece of %lu MiB in one, of "
		      "%lu MiB in all",
		      8 + (ram >> 27), ram >> 20);
	kernel_cr3 = read_cr3() & PTE_ADDR;
	map_pool(kernel_phys, pool);
	/* The image's pages are the same in every space. */
	for (unsigned i = 0; i < EARLY_PAGES; i++)
		if (boot_tables[EARLY_PT + i] & PTE_P)
			boot_tables[EARLY_PT + i] |= PTE_G;
	write_cr3(kernel_cr3);
	pool_init((void *)KERNEL_POOL, hpa(pool->base), pool->size);
	map_stacks(pool);
	log_line("mem", "%lu MiB RAM, kernel pool %lu MiB at 0x%lx", ram >> 20, pool->size >> 20,
		 pool->base);
}

void memory_cpu_init(struct percpu *cpu)
{
	uint64_t va = KERNEL_WINDOWS + (uint64_t)cpu->index * 2 * WINDOW_BYTES;

	cpu->window = (char *)va;
	cpu->window_pte = page_entry(boot_tables, va);
}

void memory_drop_identity(void)
{
	boot_tables[0] = 0;
	tlb_flush_all();
}

void *memory_map_device(uint64_t base, uint64_t bytes, bool write_combining)
{
	uint64_t offset = base & (PAGE_4K - 1),
		 size = (offset + bytes + PAGE_4K - 1) & ~(PAGE_4K - 1);
	uint64_t type = write_combining && cpu_has(CPU_PAT) ? PTE_PAT : PTE_PCD | PTE_PWT;
	uint64_t va;
	int r;

	spin_lock(&layout.lock);
	/* Same place within 2 MiB, so that a framebuffer gets large pages. */
	va = ((layout.mmio_next + PAGE_2M - 1) & ~(PAGE_2M - 1)) +
	     ((base - offset) & (PAGE_2M - 1));
	r = page_map(boot_tables, NULL, va, hpa(base - offset), size, LEAF | PTE_W | type | nx,
		     false);
	if (r == 0)
		layout.mmio_next = va + size;
	spin_unlock(&layout.lock);
	return r == 0 ? (char *)va + offset : NULL;
}

/* What was looked at may be a guest's next: nothing stays mapped. */
void memory_window_close(void)
{
	struct percpu *cpu = percpu_self();

	for (unsigned i = 0; i < WINDOW_BYTES / PAGE_4K; i++) {
		if (cpu->window_pte[i] == 0)
			continue;
		cpu->window_pte[i] = 0;
		cpu_invlpg(cpu->window + ((uint64_t)i << 12));
	}
}

void *memory_window(uint64_t base, size_t bytes)
{
	struct percpu *cpu = percpu_self();
	uint64_t offset = base & (PAGE_4K - 1);

	verify(offset + bytes <= WINDOW_BYTES);
	for (uint64_t i = 0; i << 12 < offset + bytes; i++) {
		cpu->window_pte[i] = (base - offset + (i << 12)) | (LEAF & ~PTE_G) | PTE_W | nx;
		cpu_invlpg(cpu->window + (i << 12));
	}
	return cpu->window + offset;
}

void memory_read(uint64_t base, void *to, size_t bytes)
{
	for (size_t at = 0, n; at < bytes; at += n) {
		n = bytes - at < PAGE_4K ? bytes - at : PAGE_4K;
		memcpy((char *)to + at, memory_window(base + at, n), n);
	}
	memory_window_close();
}

uint64_t stack_alloc(struct space *payer)
{
	const char *pages = pool_pages(payer, 1);

	return pages ? KERNEL_STACKS + 2 * ((uint64_t)pages - KERNEL_POOL + KERNEL_STACK_BYTES) : 0;
}

void stack_free(struct space *payer, uint64_t top)
{
	pool_pages_free(payer, (char *)KERNEL_POOL + (top - KERNEL_STACKS) / 2 - KERNEL_STACK_BYTES, 1);
}

bool stack_guards(uint64_t va)
{
	return va - (uint64_t)boot_stack_guard < PAGE_4K ||
	       (va - KERNEL_STACKS < 2 * POOL_PDS * PAGE_1G && va % (2 * KERNEL_STACK_BYTES) < KERNEL_STACK_BYTES);
}
