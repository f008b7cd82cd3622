/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ELF32 and ELF64 kernels that carry a PVH entry note, entered in flat 32-bit mode with a pointer to
 * the start information in EBX. [PVH "x86/HVM direct boot ABI"]
 */
#include "guests/load/elf.h"

#include "kernel/abi/status.h"
#include "lib/string.h"

enum { NOTE_PHYS32_ENTRY = 18, PVH_MAGIC = 0x336ec578 };

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

/* Looks for the PVH note in one note segment: name size, value size, type, name, value. */
static bool note_find(const struct elf_file *e, const struct elf_segment *s, uint64_t *entry)
{
	const uint8_t *p = e->file->data + s->offset;
	uint64_t at = 0, pad = s->align == 8 ? 7 : 3;

	while (s->filesz - at >= 12) {
		uint64_t name = load_get(p, at, 4), bytes = load_get(p, at + 4, 4);
		uint64_t type = load_get(p, at + 8, 4);
		uint64_t value = at + ((12 + name + pad) & ~pad);
		uint64_t next = (value + bytes + pad) & ~pad;

		if (value > s->filesz || bytes > s->filesz - value)
			return false;
		if (type == NOTE_PHYS32_ENTRY && name == 4 && memcmp(p + at + 12, "Xen", 4) == 0 &&
		    (bytes == 4 || bytes == 8)) {
			*entry = load_get(p, value, (unsigned)bytes);
			return true;
		}
		if (next > s->filesz)
			return false;
		at = next;
	}
	return false;
}

/* Finds the entry, which must be in a segment. */
static int find_entry(const struct elf_file *e, uint64_t *entry, char *why)
{
	struct elf_segment s;
	bool found = false, inside = false;

	for (unsigned i = 0; i < e->phnum && !found; i++)
		found = elf_segment(e, i, &s, why) == 0 && s.type == PT_NOTE &&
			note_find(e, &s, entry);
	if (!found)
		return load_error(why, E_UNSUPPORTED,
				  "kernel '%s' is an ELF file without a PVH entry note or multiboot header",
				  e->file->name);
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
	uint32_t texts = LOAD_TEXTS, text;

	for (unsigned i = 0; i <= req->modules && i <= LOAD_MODULES_MAX; i++) {
		struct pvh_module m = { 0 };
		int status;

		if (file->data && file->bytes) {
			status = load_high(req, file, floor, limit, &m.paddr, why);
			if (status == 0)
				status = load_text(req, &texts, file->args, NULL, &text, why);
			if (status != 0)
				return status;
			m.cmdline = text;
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
		status = elf_load(req, &e, &top, why);
	if (status == 0)
		status = find_entry(&e, &entry, why);
	if (status == 0)
		status = load_modules(req, top, &info, why);
	if (status == 0)
		status = load_cmdline(req, NULL, LOAD_CMDLINE_MAX - 1, why);
	if (status != 0)
		return status;
	load_tables(req, LOAD_PROT32);
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
