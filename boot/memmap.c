/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory map of struct bootinfo: insertion with overlaps resolved. Firmware maps are not
 * sorted, overlap now and then, and come in hundreds of pieces. Does not know where the entries
 * come from.
 */
#include "boot/memmap.h"

#include <stdbool.h>

#define PAGE 4096ULL

/* Who wins where two entries overlap. Indexed by enum boot_mem_type. */
static const uint8_t type_rank[] = {
	[BOOT_MEM_USABLE] = 0,   [BOOT_MEM_LOADER] = 1,   [BOOT_MEM_ACPI] = 2, [BOOT_MEM_NVS] = 3,
	[BOOT_MEM_FIRMWARE] = 4, [BOOT_MEM_RESERVED] = 5, [BOOT_MEM_MMIO] = 6, [BOOT_MEM_BAD] = 7,
};

static uint64_t entry_end(const struct boot_mem *m)
{
	return m->base + m->size;
}

static void entry_remove(struct bootinfo *info, uint32_t at)
{
	info->mem_count--;
	for (uint32_t i = at; i < info->mem_count; i++)
		info->mem[i] = info->mem[i + 1];
}

/* Joins the entry with its right neighbour where they touch and agree. */
static bool entry_merge(struct bootinfo *info, uint32_t at)
{
	struct boot_mem *m = &info->mem[at];

	if (at + 1 >= info->mem_count || entry_end(m) != m[1].base || m->type != m[1].type)
		return false;
	m->size += m[1].size;
	entry_remove(info, at + 1);
	return true;
}

/* Puts a piece that overlaps nothing into its place. */
static int entry_insert(struct bootinfo *info, uint64_t base, uint64_t end, uint32_t type)
{
	uint32_t at = 0;

	if (base >= end)
		return 0;
	while (at < info->mem_count && info->mem[at].base < base)
		at++;
	/* Growing a neighbour needs no slot, and keeps a full map useful. */
	if (at > 0 && info->mem[at - 1].type == type && entry_end(&info->mem[at - 1]) == base) {
		info->mem[at - 1].size += end - base;
		entry_merge(info, at - 1);
		return 0;
	}
	if (at < info->mem_count && info->mem[at].type == type && info->mem[at].base == end) {
		info->mem[at].base = base;
		info->mem[at].size += end - base;
		return 0;
	}
	if (info->mem_count == BOOTINFO_MEM_MAX)
		return -1;
	for (uint32_t i = info->mem_count; i > at; i--)
		info->mem[i] = info->mem[i - 1];
	info->mem[at] = (struct boot_mem){ .base = base, .size = end - base, .type = type };
	info->mem_count++;
	return 0;
}

/*
 * Cuts [base, end) out of entry `at`. Returns -1 when the part behind the hole found no slot:
 * memory is then lost, not given away.
 */
static int entry_cut(struct bootinfo *info, uint32_t at, uint64_t base, uint64_t end)
{
	struct boot_mem old = info->mem[at];
	int status = 0;

	if (base > old.base) {
		info->mem[at].size = base - old.base;
	} else {
		entry_remove(info, at);
	}
	if (end < entry_end(&old))
		status = entry_insert(info, end, entry_end(&old), old.type);
	return status;
}

/*
 * The part of [base, end) that a stronger entry leaves: from base up to where it starts or we end.
 */
static int add_pages(struct bootinfo *info, uint64_t base, uint64_t end, uint32_t type)
{
	int status = 0;

	for (uint32_t i = 0; i < info->mem_count && base < end;) {
		struct boot_mem m = info->mem[i];
		uint64_t from = m.base > base ? m.base : base;
		uint64_t to = entry_end(&m) < end ? entry_end(&m) : end;

		if (from >= to) {
			i++;
			continue;
		}
		if (type_rank[m.type] > type_rank[type] || m.type == type) {
			status |= entry_insert(info, base, from, type);
			base = to;
		} else {
			status |= entry_cut(info, i, from, to);
		}
		i = 0; /* entries have moved */
	}
	return entry_insert(info, base, end, type) | status;
}

int memmap_add(struct bootinfo *info, uint64_t base, uint64_t size, uint32_t type)
{
	uint64_t end = base + size;

	if (type == 0 || type >= sizeof(type_rank))
		type = BOOT_MEM_RESERVED;
	if (end < base || end > ~0ULL - PAGE)
		end = ~0ULL - PAGE + 1; /* the last page does not exist on any processor */
	if (type == BOOT_MEM_USABLE) {
		if (base > ~0ULL - PAGE)
			return 0;
		base = (base + PAGE - 1) & ~(PAGE - 1);
		end &= ~(PAGE - 1);
	} else if (size != 0) {
		base &= ~(PAGE - 1);
		end = (end + PAGE - 1) & ~(PAGE - 1);
	}
	return base < end ? add_pages(info, base, end, type) : 0;
}

int memmap_claim(struct bootinfo *info, uint64_t base, uint64_t size)
{
	uint64_t end = (base + size + PAGE - 1) & ~(PAGE - 1);
	int status = 0;

	base &= ~(PAGE - 1);
	for (uint32_t i = 0; i < info->mem_count;) {
		struct boot_mem m = info->mem[i];
		uint64_t from = m.base > base ? m.base : base;
		uint64_t to = entry_end(&m) < end ? entry_end(&m) : end;

		if (m.type != BOOT_MEM_USABLE || from >= to) {
			i++;
			continue;
		}
		status |= memmap_add(info, from, to - from, BOOT_MEM_LOADER);
		i = 0; /* entries have moved */
	}
	return status;
}
