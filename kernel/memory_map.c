/* SPDX-License-Identifier: GPL-2.0-only */
/* Which physical memory is whose, from the boot information alone. Touches none of it. */

#include "kernel/memory.h"
#include "lib/x86/pte.h"

#define LOW_BYTES (1ULL << 20)

/* The n-th interval that is not free, whatever the map says. */
static bool taken(const struct bootinfo *info, const struct piece *pool, unsigned n,
		  struct piece *p)
{
	if (n == 0) {
		*p = (struct piece){ 0, LOW_BYTES };
	} else if (n == 1) {
		*p = (struct piece){ info->kernel_base, info->kernel_size };
	} else if (n == 2) {
		*p = *pool;
	} else if (n - 3 < info->module_count) {
		const struct boot_module *m = &info->module[n - 3];

		*p = (struct piece){ m->base, (m->size + PAGE_4K - 1) & ~(PAGE_4K - 1) };
	} else {
		return false;
	}
	return true;
}

/* Cuts the first free piece off [*at, end); moves *at behind it. */
static bool next_free(const struct bootinfo *info, const struct piece *pool, uint64_t *at,
		      uint64_t end, struct piece *out)
{
	while (*at < end) {
		uint64_t stop = end, skip = 0;
		struct piece t;

		for (unsigned n = 0; taken(info, pool, n, &t); n++) {
			if (t.size == 0 || t.base + t.size <= *at || t.base >= stop)
				continue;
			if (t.base <= *at) {
				skip = t.base + t.size;
				break;
			}
			stop = t.base;
		}
		if (skip) {
			*at = skip;
			continue;
		}
		*out = (struct piece){ *at, stop - *at };
		*at = stop;
		return true;
	}
	return false;
}

unsigned memory_pieces(const struct bootinfo *info, const struct piece *pool, struct piece *out,
		       unsigned max)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < info->mem_count && i < BOOTINFO_MEM_MAX; i++) {
		const struct boot_mem *m = &info->mem[i];
		uint64_t at = (m->base + PAGE_4K - 1) & ~(PAGE_4K - 1);
		uint64_t end = (m->base + m->size) & ~(PAGE_4K - 1);

		if (m->type != BOOT_MEM_USABLE || m->base + m->size < m->base)
			continue;
		while (count < max && next_free(info, pool, &at, end, &out[count]))
			count++;
	}
	return count;
}

bool memory_place_pool(const struct bootinfo *info, struct piece *pool, uint64_t *ram)
{
	struct piece none = { 0, 0 }, best = none, p;
	uint64_t bytes;

	*ram = 0;
	for (uint32_t i = 0; i < info->mem_count && i < BOOTINFO_MEM_MAX; i++)
		if (info->mem[i].type == BOOT_MEM_USABLE || info->mem[i].type == BOOT_MEM_LOADER)
			*ram += info->mem[i].size;
	bytes = ((8ULL << 20) + *ram / 128 + PAGE_2M - 1) & ~(PAGE_2M - 1);
	if (bytes > 4 * PAGE_1G)
		bytes = 4 * PAGE_1G; /* what the page tables in kernel/memory.c map */
	for (uint32_t i = 0; i < info->mem_count && i < BOOTINFO_MEM_MAX; i++) {
		uint64_t at = info->mem[i].base, end = at + info->mem[i].size;

		if (info->mem[i].type != BOOT_MEM_USABLE || end < at)
			continue;
		while (next_free(info, &none, &at, end, &p)) {
			uint64_t top = (p.base + p.size) & ~(PAGE_2M - 1);

			if (top >= bytes && top - bytes >= p.base && top - bytes >= best.base)
				best = (struct piece){ top - bytes, bytes };
		}
	}
	*pool = best;
	return best.size != 0;
}
