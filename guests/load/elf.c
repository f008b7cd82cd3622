/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ELF32 and ELF64 files of whatever protocol: program headers checked, segments put into guest memory
 * at their physical addresses. Section headers are not read.
 */
#include "guests/load/elf.h"

#include "kernel/abi/status.h"
#include "lib/string.h"

enum { EM_386 = 3, EM_X86_64 = 62, ELF_PHDRS_MAX = 64 };

int elf_open(const struct load_file *f, struct elf_file *e, char *why)
{
	uint64_t machine, min;

	if (f->bytes < 52 || memcmp(f->data, "\177ELF", 4) != 0 || f->data[5] != 1 ||
	    (f->data[4] != 1 && f->data[4] != 2))
		return load_error(why, E_INVAL, "kernel '%s' is not a little-endian ELF file", f->name);
	*e = (struct elf_file){ .file = f, .is64 = f->data[4] == 2 };
	if (e->is64 && f->bytes < 64)
		return load_error(why, E_INVAL, "kernel '%s': the ELF header is truncated", f->name);
	machine = load_get(f->data, 18, 2);
	if (machine != EM_386 && machine != EM_X86_64)
		return load_error(why, E_UNSUPPORTED, "kernel '%s' is an ELF file for machine %llu, not x86",
				  f->name, (unsigned long long)machine);
	e->phoff = e->is64 ? load_get(f->data, 32, 8) : load_get(f->data, 28, 4);
	e->entry = e->is64 ? load_get(f->data, 24, 8) : load_get(f->data, 24, 4);
	e->phentsize = (unsigned)load_get(f->data, e->is64 ? 54 : 42, 2);
	e->phnum = (unsigned)load_get(f->data, e->is64 ? 56 : 44, 2);
	min = e->is64 ? 56 : 32;
	if (e->phnum == 0 || e->phnum > ELF_PHDRS_MAX || e->phentsize < min)
		return load_error(why, E_INVAL, "kernel '%s': %u program headers of %u bytes make no sense",
				  f->name, e->phnum, e->phentsize);
	if (e->phoff > f->bytes || (uint64_t)e->phnum * e->phentsize > f->bytes - e->phoff)
		return load_error(why, E_INVAL,
				  "kernel '%s' is truncated: program headers at 0x%llx lie outside the file",
				  f->name, (unsigned long long)e->phoff);
	return 0;
}

int elf_segment(const struct elf_file *e, unsigned i, struct elf_segment *s, char *why)
{
	const uint8_t *p = e->file->data + e->phoff + (uint64_t)i * e->phentsize;

	s->type = (uint32_t)load_get(p, 0, 4);
	s->offset = e->is64 ? load_get(p, 8, 8) : load_get(p, 4, 4);
	s->vaddr = e->is64 ? load_get(p, 16, 8) : load_get(p, 8, 4);
	s->paddr = e->is64 ? load_get(p, 24, 8) : load_get(p, 12, 4);
	s->filesz = e->is64 ? load_get(p, 32, 8) : load_get(p, 16, 4);
	s->memsz = e->is64 ? load_get(p, 40, 8) : load_get(p, 20, 4);
	s->align = e->is64 ? load_get(p, 48, 8) : load_get(p, 28, 4);
	if (s->type != PT_LOAD && s->type != PT_NOTE)
		return 0;
	if (s->offset > e->file->bytes || s->filesz > e->file->bytes - s->offset)
		return load_error(why, E_INVAL,
				  "kernel '%s' is truncated: segment %u at 0x%llx + 0x%llx lies outside the file",
				  e->file->name, i, (unsigned long long)s->offset,
				  (unsigned long long)s->filesz);
	return 0;
}

static int load_segment(const struct load_request *req, const struct elf_segment *s, unsigned i,
			char *why)
{
	if (s->filesz > s->memsz)
		return load_error(why, E_INVAL,
				  "kernel '%s': segment %u has more bytes in the file than in memory",
				  req->kernel.name, i);
	if (s->paddr < LOAD_HIGH_START || s->paddr > req->low_bytes ||
	    s->memsz > req->low_bytes - s->paddr)
		return load_error(why, E_RANGE,
				  "kernel '%s': segment %u at 0x%llx + 0x%llx is not in memory, 0x%x to 0x%llx",
				  req->kernel.name, i, (unsigned long long)s->paddr,
				  (unsigned long long)s->memsz, LOAD_HIGH_START,
				  (unsigned long long)req->low_bytes);
	memcpy(req->ram + s->paddr, req->kernel.data + s->offset, s->filesz);
	memset(req->ram + s->paddr + s->filesz, 0, s->memsz - s->filesz);
	return 0;
}

int elf_load(const struct load_request *req, const struct elf_file *e, uint64_t *top, char *why)
{
	struct elf_segment s;
	int status;

	for (unsigned i = 0; i < e->phnum; i++) {
		status = elf_segment(e, i, &s, why);
		if (status != 0)
			return status;
		if (s.type != PT_LOAD || s.memsz == 0)
			continue;
		status = load_segment(req, &s, i, why);
		if (status != 0)
			return status;
		if (s.paddr + s.memsz > *top)
			*top = s.paddr + s.memsz;
	}
	return 0;
}
