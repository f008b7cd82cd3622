/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ELF32 and ELF64 kernels that carry a PVH entry note, entered in flat 32-bit mode with a pointer to
 * the start information in EBX. [PVH "x86/HVM direct boot ABI"] Nothing but program headers is read.
 */
#include "guests/load/load.h"

#include <stdbool.h>
#include "kernel/abi/status.h"
#include "lib/string.h"

enum { PT_LOAD = 1, PT_NOTE = 4, EM_386 = 3, EM_X86_64 = 62, ELF_PHDRS_MAX = 64 };
enum { NOTE_PHYS32_ENTRY = 18, PVH_MAGIC = 0x336ec578 };

struct elf_segment { /* a program header, either class */
	uint32_t type;
	uint64_t offset, paddr, filesz, memsz, align;
};

struct elf_file {
	const struct load_file *file;
	bool is64;
	uint64_t phoff;
	unsigned phentsize, phnum;
};

struct pvh_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};
_Static_assert(sizeof(struct pvh_start_info) == 56, "version 1 of the ABI");

struct pvh_module {
	uint64_t paddr, size, cmdline, reserved;
};

struct pvh_memmap {
	uint64_t addr, size;
	uint32_t type, reserved;
};

static uint64_t get(const uint8_t *p, uint64_t at, unsigned bytes)
{
	uint64_t v = 0;

	memcpy(&v, p + at, bytes);
	return v;
}

static int elf_open(const struct load_file *f, struct elf_file *e, char *why)
{
	uint64_t machine, min;

	if (f->bytes < 52 || f->data[5] != 1 || (f->data[4] != 1 && f->data[4] != 2))
		return load_error(why, E_INVAL, "kernel '%s' is not a little-endian ELF file", f->name);
	*e = (struct elf_file){ .file = f, .is64 = f->data[4] == 2 };
	if (e->is64 && f->bytes < 64)
		return load_error(why, E_INVAL, "kernel '%s': the ELF header is truncated", f->name);
	machine = get(f->data, 18, 2);
	if (machine != EM_386 && machine != EM_X86_64)
		return load_error(why, E_UNSUPPORTED, "kernel '%s' is an ELF file for machine %llu, not x86",
				  f->name, (unsigned long long)machine);
	e->phoff = e->is64 ? get(f->data, 32, 8) : get(f->data, 28, 4);
	e->phentsize = (unsigned)get(f->data, e->is64 ? 54 : 42, 2);
	e->phnum = (unsigned)get(f->data, e->is64 ? 56 : 44, 2);
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

static int elf_segment(const struct elf_file *e, unsigned i, struct elf_segment *s, char *why)
{
	const uint8_t *p = e->file->data + e->phoff + (uint64_t)i * e->phentsize;

	s->type = (uint32_t)get(p, 0, 4);
	s->offset = e->is64 ? get(p, 8, 8) : get(p, 4, 4);
	s->paddr = e->is64 ? get(p, 24, 8) : get(p, 12, 4);
	s->filesz = e->is64 ? get(p, 32, 8) : get(p, 16, 4);
	s->memsz = e->is64 ? get(p, 40, 8) : get(p, 20, 4);
	s->align = e->is64 ? get(p, 48, 8) : get(p, 28, 4);
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

/* Looks for the PVH note in one note segment: name size, value size, type, name, value. */
static bool note_find(const struct elf_file *e, const struct elf_segment *s, uint64_t *entry)
{
	const uint8_t *p = e->file->data + s->offset;
	uint64_t at = 0, pad = s->align == 8 ? 7 : 3;

	while (s->filesz - at >= 12) {
		uint64_t name = get(p, at, 4), bytes = get(p, at + 4, 4), type = get(p, at + 8, 4);
		uint64_t value = at + ((12 + name + pad) & ~pad);
		uint64_t next = (value + bytes + pad) & ~pad;

		if (value > s->filesz || bytes > s->filesz - value)
			return false;
		if (type == NOTE_PHYS32_ENTRY && name == 4 && memcmp(p + at + 12, "Xen", 4) == 0 &&
		    (bytes == 4 || bytes == 8)) {
			*entry = get(p, value, (unsigned)bytes);
			return true;
		}
		if (next > s->filesz)
			return false;
		at = next;
	}
	return false;
}

/* Loads every segment; *top is the end of the highest one. */
static int load_segments(const struct load_request *req, const struct elf_file *e, uint64_t *entry,
			 uint64_t *top, char *why)
{
	struct elf_segment s;
	bool found = false, inside = false;
	int status;

	for (unsigned i = 0; i < e->phnum; i++) {
		status = elf_segment(e, i, &s, why);
		if (status != 0)
			return status;
		if (s.type == PT_NOTE && !found)
			found = note_find(e, &s, entry);
		if (s.type != PT_LOAD || s.memsz == 0)
			continue;
		status = load_segment(req, &s, i, why);
		if (status != 0)
			return status;
		if (s.paddr + s.memsz > *top)
			*top = s.paddr + s.memsz;
	}
	if (!found)
		return load_error(why, E_UNSUPPORTED,
				  "kernel '%s' is an ELF file without a PVH entry note", e->file->name);
	for (unsigned i = 0; i < e->phnum && elf_segment(e, i, &s, why) == 0; i++)
		inside |= s.type == PT_LOAD && *entry >= s.paddr && *entry - s.paddr < s.memsz;
	if (!inside)
		return load_error(why, E_INVAL, "kernel '%s': the PVH entry 0x%llx is in no segment",
				  e->file->name, (unsigned long long)*entry);
	return 0;
}

static int load_modules(const struct load_request *req, uint64_t floor, struct pvh_start_info *info,
			char *why)
{
	uint64_t limit = req->low_bytes, list = LOAD_PVH_INFO + 0x400;
	const struct load_file *file = &req->initrd;

	for (unsigned i = 0; i <= req->modules && i <= LOAD_MODULES_MAX; i++) {
		struct pvh_module m = { 0 };
		int status;

		if (file->data && file->bytes) {
			status = load_high(req, file, floor, limit, &m.paddr, why);
			if (status != 0)
				return status;
			m.size = file->bytes;
			limit = m.paddr;
			memcpy(req->ram + list + info->nr_modules * sizeof(m), &m, sizeof(m));
			info->nr_modules++;
		}
		file = &req->module[i < LOAD_MODULES_MAX ? i : 0];
	}
	info->modlist = info->nr_modules ? list : 0;
	return 0;
}

int load_pvh(const struct load_request *req, struct load_start *start, char *why)
{
	struct pvh_start_info info = { .magic = PVH_MAGIC, .version = 1 };
	struct load_map_entry map[LOAD_MAP_MAX];
	struct elf_file e;
	uint64_t entry = 0, top = LOAD_HIGH_START;
	int status = elf_open(&req->kernel, &e, why);

	if (status == 0)
		status = load_segments(req, &e, &entry, &top, why);
	if (status == 0)
		status = load_modules(req, top, &info, why);
	if (status == 0)
		status = load_cmdline(req, LOAD_CMDLINE_MAX - 1, why);
	if (status != 0)
		return status;
	load_tables(req);
	info.cmdline = LOAD_CMDLINE;
	info.rsdp = req->rsdp;
	info.memmap = LOAD_PVH_INFO + 0x800;
	info.memmap_entries = load_map(req, map);
	for (unsigned i = 0; i < info.memmap_entries; i++) {
		struct pvh_memmap m = { map[i].base, map[i].size, map[i].type, 0 };

		memcpy(req->ram + info.memmap + i * sizeof(m), &m, sizeof(m));
	}
	memcpy(req->ram + LOAD_PVH_INFO, &info, sizeof(info));
	*start = (struct load_start){
		.mode = LOAD_PROT32,
		.rip = entry,
		.rsp = LOAD_STACK,
		.rbx = LOAD_PVH_INFO,
		.protocol = e.is64 ? "PVH, ELF64" : "PVH, ELF32",
	};
	return 0;
}
