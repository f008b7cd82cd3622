/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads the ELF file of a ring-3 program; every length is checked. Maps nothing itself. */
#include "manager/manager.h"

#include "lib/elf.h"
#include "lib/string.h"

static const char *add_segment(struct program *p, const struct elf64_segment *h, uint64_t file_bytes)
{
	struct program_segment *s = &p->segment[p->segments];
	uint64_t end;

	if (h->memsz == 0)
		return NULL;
	if (p->segments == PROGRAM_SEGMENTS)
		return "it has too many segments";
	if (h->filesz > h->memsz || h->offset > file_bytes || h->filesz > file_bytes - h->offset)
		return "a segment lies outside the file";
	if (h->vaddr < 4096 || h->memsz > USER_STACK_TOP / 2 ||
	    h->vaddr > USER_STACK_TOP / 2 - h->memsz)
		return "a segment lies outside the place for programs";
	if ((h->flags & ELF_W) && (h->flags & ELF_X))
		return "a segment is both writable and executable";
	s->lead = (uint32_t)(h->vaddr & 4095);
	s->va = h->vaddr - s->lead;
	end = (h->vaddr + h->memsz + 4095) & ~4095ULL;
	s->bytes = end - s->va;
	s->prot = (h->flags & ELF_R ? PROT_READ : 0) | (h->flags & ELF_W ? PROT_WRITE : 0) |
		  (h->flags & ELF_X ? PROT_EXEC : 0);
	s->shared = !(h->flags & ELF_W) && h->filesz == h->memsz &&
		    (h->offset & 4095) == (h->vaddr & 4095);
	s->file_offset = s->shared ? h->offset - s->lead : h->offset;
	s->file_bytes = h->filesz;
	for (unsigned i = 0; i < p->segments; i++) {
		if (s->va < p->segment[i].va + p->segment[i].bytes && p->segment[i].va < end)
			return "two segments overlap";
	}
	if (!s->shared)
		p->private_bytes += s->bytes;
	p->segments++;
	return NULL;
}

const char *program_read(struct program *p, const uint8_t *file, uint64_t bytes)
{
	const char *why = NULL;
	struct elf64_header e;
	struct elf64_segment h;
	bool inside = false;

	memset(p, 0, sizeof(*p));
	if (bytes < sizeof(e))
		return "it is too short";
	memcpy(&e, file, sizeof(e));
	if (memcmp(e.ident, "\177ELF\2\1", 6) != 0 || e.type != ELF_EXEC || e.machine != ELF_X86_64)
		return "it is not an x86-64 ELF program";
	if (e.phentsize != sizeof(h) || e.phoff > bytes || e.phnum > (bytes - e.phoff) / sizeof(h))
		return "its program headers lie outside the file";
	for (unsigned i = 0; i < e.phnum && !why; i++) {
		memcpy(&h, file + e.phoff + i * sizeof(h), sizeof(h));
		if (h.type == ELF_LOAD)
			why = add_segment(p, &h, bytes);
	}
	p->entry = e.entry;
	for (unsigned i = 0; i < p->segments; i++) {
		const struct program_segment *s = &p->segment[i];

		inside |= (s->prot & PROT_EXEC) && e.entry >= s->va && e.entry < s->va + s->bytes;
	}
	if (!why && !inside)
		why = "its entry point is in no executable segment";
	return why;
}
