/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Places the kernel: an ELF64 whose segments form one block of physical memory, movable by 4 KiB.
 */
#include "boot/efi/loader.h"

#include "lib/elf.h"
#include "lib/string.h"

#define KERNEL_MAX (64ULL << 20)

static const struct elf64_segment *segment_at(const struct blob *file, unsigned int i)
{
	const struct elf64_header *h = (const void *)file->base;

	return (const void *)(file->base + h->phoff + (uint64_t)i * h->phentsize);
}

static bool header_ok(const struct blob *file)
{
	const struct elf64_header *h = (const void *)file->base;

	return file->size >= sizeof(*h) && memcmp(h->ident, "\177ELF\2\1\1", 7) == 0 &&
	       h->type == ELF_EXEC && h->machine == ELF_X86_64 &&
	       h->phentsize >= sizeof(struct elf64_segment) && h->phnum > 0 &&
	       h->phoff <= file->size &&
	       (uint64_t)h->phnum * h->phentsize <= file->size - h->phoff && h->phoff % 8 == 0 &&
	       h->phentsize % 8 == 0;
}

/* The physical span of all segments; false when one of them cannot be. */
static bool span_find(const struct blob *file, uint64_t *low, uint64_t *high)
{
	const struct elf64_header *h = (const void *)file->base;

	*low = ~0ULL;
	*high = 0;
	for (unsigned int i = 0; i < h->phnum; i++) {
		const struct elf64_segment *s = segment_at(file, i);

		if (s->type != ELF_LOAD || s->memsz == 0)
			continue;
		if (s->filesz > s->memsz || s->offset > file->size ||
		    s->filesz > file->size - s->offset || s->memsz > KERNEL_MAX ||
		    s->paddr > BELOW_4G)
			return false;
		if (s->paddr < *low)
			*low = s->paddr;
		if (s->paddr + s->memsz > *high)
			*high = s->paddr + s->memsz;
	}
	*low &= ~(PAGE_BYTES - 1);
	return *low < *high && *high - *low <= KERNEL_MAX;
}

EFI_STATUS kernel_place(struct loader *ld, const char *name, const struct blob *file)
{
	const struct elf64_header *h = (const void *)file->base;
	uint64_t low, high, base;
	EFI_STATUS status;

	if (!header_ok(file))
		return give_up(ld, "%s is not an ELF64 program for x86-64", name);
	if (!span_find(file, &low, &high))
		return give_up(ld, "%s is cut short, or a segment of it lies nowhere", name);
	base = low;
	if (ld->bs->AllocatePages(AllocateAddress, EfiLoaderCode,
				  (UINTN)((high - low + PAGE_BYTES - 1) / PAGE_BYTES),
				  &base) != EFI_SUCCESS) {
		status = pages_alloc(ld, high - low, BELOW_4G, EfiLoaderCode, name, &base);
		if (status != EFI_SUCCESS)
			return status;
	}
	memset((void *)base, 0, (size_t)((high - low + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1)));
	for (unsigned int i = 0; i < h->phnum; i++) {
		const struct elf64_segment *s = segment_at(file, i);

		if (s->type != ELF_LOAD || s->memsz == 0)
			continue;
		memcpy((void *)(base + s->paddr - low), (const void *)(file->base + s->offset),
		       (size_t)s->filesz);
		if (h->entry >= s->vaddr && h->entry - s->vaddr < s->memsz)
			ld->entry = base + (s->paddr - low) + (h->entry - s->vaddr);
	}
	if (ld->entry == 0)
		return give_up(ld, "%s has no entry point in its segments", name);
	ld->info->kernel_base = base;
	ld->info->kernel_size = (high - low + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	return EFI_SUCCESS;
}
