/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Multiboot version 1: an ELF file of either class, or a flat file whose header has the addresses,
 * with modules. Entered in flat 32-bit mode; video modes other than EGA text are not to be had.
 * [MULTIBOOT "OS image format", "Machine state", "Boot information format"]
 */
#include "guests/load/elf.h"

#include "kernel/abi/status.h"
#include "lib/string.h"

#define HEADER_MAGIC 0x1badb002u
#define START_MAGIC  0x2badb002u

/* The header, and bits of its flags; the low half of the flags are demands. */
enum {
	HEADER_SEARCH = 8192, HEADER_ADDRESSES_END = 32, HEADER_VIDEO_END = 48,
	NEED_PAGE_ALIGN = 1 << 0, NEED_MEMORY = 1 << 1, NEED_VIDEO = 1 << 2, HAS_ADDRESSES = 1 << 16,
	NEED_MASK = 0xffff, VIDEO_TEXT = 1,
};

/* The information structure: where its parts lie, its fields, and bits of its flags. */
enum {
	INFO_MODULES = 0x400, INFO_MAP = 0x800,
	INFO_MEM_LOWER = 4, INFO_MEM_UPPER = 8, INFO_CMDLINE = 16, INFO_MODS_COUNT = 20,
	INFO_MODS_ADDR = 24, INFO_MMAP_LENGTH = 44, INFO_MMAP_ADDR = 48, INFO_LOADER_NAME = 64,
	INFO_FB_ADDR = 88, INFO_FB_PITCH = 96, INFO_FB_WIDTH = 100, INFO_FB_HEIGHT = 104,
	INFO_FB_BPP = 108, INFO_FB_TYPE = 109, INFO_BYTES = 116,
	TELLS_MEMORY = 1 << 0, TELLS_CMDLINE = 1 << 2, TELLS_MODULES = 1 << 3, TELLS_MAP = 1 << 6,
	TELLS_LOADER_NAME = 1 << 9, TELLS_FB = 1 << 12, FB_EGA_TEXT = 2,
};

/* What the kernel file says of itself. */
struct multiboot_kernel {
	const uint8_t *header;
	uint32_t at, flags; /* offset of the header in the file */
	uint64_t entry, top; /* top: the end of what has been loaded */
	const char *protocol;
};

int multiboot_find(const struct load_file *kernel)
{
	uint64_t end = load_min(kernel->bytes, HEADER_SEARCH);

	for (uint64_t at = 0; at + 12 <= end; at += 4) {
		const uint8_t *p = kernel->data + at;

		if (load_get(p, 0, 4) == HEADER_MAGIC &&
		    (uint32_t)(load_get(p, 0, 4) + load_get(p, 4, 4) + load_get(p, 8, 4)) == 0)
			return (int)at;
	}
	return -1;
}

static int header_check(const struct load_file *f, struct multiboot_kernel *k, char *why)
{
	int at = multiboot_find(f);
	uint32_t need;

	if (at < 0)
		return load_error(why, E_INVAL, "kernel '%s' has no multiboot header", f->name);
	*k = (struct multiboot_kernel){ .header = f->data + at, .at = (uint32_t)at };
	k->flags = (uint32_t)load_get(k->header, 4, 4);
	need = k->flags & NEED_MASK & ~(uint32_t)(NEED_PAGE_ALIGN | NEED_MEMORY | NEED_VIDEO);
	if (need != 0)
		return load_error(why, E_UNSUPPORTED,
				  "kernel '%s': its multiboot header demands unknown features 0x%x",
				  f->name, need);
	if ((k->flags & HAS_ADDRESSES) && f->bytes - k->at < HEADER_ADDRESSES_END)
		return load_error(why, E_INVAL,
				  "kernel '%s' is truncated: its multiboot header has no addresses",
				  f->name);
	if (!(k->flags & NEED_VIDEO))
		return 0;
	if (f->bytes - k->at < HEADER_VIDEO_END)
		return load_error(why, E_INVAL,
				  "kernel '%s' is truncated: its multiboot header has no video mode",
				  f->name);
	if (load_get(k->header, 32, 4) != VIDEO_TEXT)
		return load_error(why, E_UNSUPPORTED,
				  "kernel '%s': its multiboot header demands a graphics mode; only text is there",
				  f->name);
	return 0;
}

/* The ELF entry is a virtual address: many kernels are linked elsewhere than they are loaded. */
static int load_elf(const struct load_request *req, struct multiboot_kernel *k, char *why)
{
	struct elf_segment s;
	struct elf_file e;
	int status = elf_open(&req->kernel, &e, why);

	if (status == 0)
		status = elf_load(req, &e, &k->top, why);
	if (status != 0)
		return status;
	k->protocol = e.is64 ? "multiboot, ELF64" : "multiboot, ELF32";
	for (unsigned i = 0; i < e.phnum && elf_segment(&e, i, &s, why) == 0; i++) {
		if (s.type != PT_LOAD || e.entry < s.vaddr || e.entry - s.vaddr >= s.memsz)
			continue;
		k->entry = e.entry - s.vaddr + s.paddr;
		return 0;
	}
	return load_error(why, E_INVAL, "kernel '%s': its entry 0x%llx is in no segment",
			  req->kernel.name, (unsigned long long)e.entry);
}

/* A flat file: the header says what of it goes where ("a.out kludge"). */
static int load_flat(const struct load_request *req, struct multiboot_kernel *k, char *why)
{
	const struct load_file *f = &req->kernel;
	uint64_t header = load_get(k->header, 12, 4), start = load_get(k->header, 16, 4);
	uint64_t data_end = load_get(k->header, 20, 4), bss_end = load_get(k->header, 24, 4);
	uint64_t from, bytes;

	k->protocol = "multiboot, flat";
	k->entry = load_get(k->header, 28, 4);
	if (start > header || header - start > k->at)
		return load_error(why, E_INVAL,
				  "kernel '%s': load_addr 0x%llx, header_addr 0x%llx and the header at 0x%x of the file do not agree",
				  f->name, (unsigned long long)start, (unsigned long long)header, k->at);
	from = k->at - (header - start);
	bytes = data_end ? data_end - start : f->bytes - from;
	if (data_end && (data_end < start || bytes > f->bytes - from))
		return load_error(why, E_INVAL,
				  "kernel '%s': load_end_addr 0x%llx is before load_addr or after the file's end",
				  f->name, (unsigned long long)data_end);
	if (bss_end == 0)
		bss_end = start + bytes;
	if (bss_end < start + bytes)
		return load_error(why, E_INVAL, "kernel '%s': bss_end_addr 0x%llx is before the data's end",
				  f->name, (unsigned long long)bss_end);
	if (start < LOAD_HIGH_START || bss_end > req->low_bytes)
		return load_error(why, E_RANGE,
				  "kernel '%s' at 0x%llx to 0x%llx is not in memory, 0x%x to 0x%llx", f->name,
				  (unsigned long long)start, (unsigned long long)bss_end,
				  LOAD_HIGH_START, (unsigned long long)req->low_bytes);
	if (k->entry < start || k->entry >= bss_end)
		return load_error(why, E_INVAL, "kernel '%s': entry_addr 0x%llx is not in what is loaded",
				  f->name, (unsigned long long)k->entry);
	memcpy(req->ram + start, f->data + from, bytes);
	memset(req->ram + start + bytes, 0, bss_end - start - bytes);
	k->top = bss_end;
	return 0;
}

/* One module: whole pages behind what is there. Its string is "file args". */
static int load_module(const struct load_request *req, const struct load_file *file, unsigned n,
		       uint64_t *top, uint32_t *texts, char *why)
{
	uint8_t *entry = req->ram + LOAD_MULTIBOOT_INFO + INFO_MODULES + n * 16;
	uint64_t at = (*top + 4095) & ~4095ULL;
	uint32_t text;
	int status;

	if (at > req->low_bytes || file->bytes > req->low_bytes - at)
		return load_error(why, E_RANGE,
				  "module '%s' of %llu bytes does not fit: free is 0x%llx to 0x%llx",
				  file->name, (unsigned long long)file->bytes, (unsigned long long)at,
				  (unsigned long long)req->low_bytes);
	status = load_text(req, texts, file->name, file->args, &text, why);
	if (status != 0)
		return status;
	memcpy(req->ram + at, file->data, file->bytes);
	load_put(entry, 0, 4, at);
	load_put(entry, 4, 4, at + file->bytes);
	load_put(entry, 8, 4, text);
	load_put(entry, 12, 4, 0);
	*top = at + file->bytes;
	return 0;
}

/* The initrd, if there is one, is the first module. */
static int load_modules(const struct load_request *req, uint64_t *top, uint32_t *texts,
			unsigned *count, char *why)
{
	int status = 0;

	*count = 0;
	if (req->initrd.data && req->initrd.bytes)
		status = load_module(req, &req->initrd, (*count)++, top, texts, why);
	for (unsigned i = 0; i < req->modules && i < LOAD_MODULES_MAX && status == 0; i++)
		status = load_module(req, &req->module[i], (*count)++, top, texts, why);
	return status;
}

static void tell_map(const struct load_request *req, uint8_t *info)
{
	uint8_t *to = info + INFO_MAP;
	struct load_map_entry map[LOAD_MAP_MAX];
	unsigned n = load_map(req, map);

	for (unsigned i = 0; i < n; i++, to += 24) {
		load_put(to, 0, 4, 20); /* the size of what follows */
		load_put(to, 4, 8, map[i].base);
		load_put(to, 12, 8, map[i].size);
		load_put(to, 20, 4, map[i].type);
	}
	load_put(info, INFO_MMAP_LENGTH, 4, n * 24);
	load_put(info, INFO_MMAP_ADDR, 4, LOAD_MULTIBOOT_INFO + INFO_MAP);
}

static void tell_text_mode(uint8_t *info)
{
	load_put(info, INFO_FB_ADDR, 8, 0xb8000);
	load_put(info, INFO_FB_PITCH, 4, 160);
	load_put(info, INFO_FB_WIDTH, 4, 80);
	load_put(info, INFO_FB_HEIGHT, 4, 25);
	load_put(info, INFO_FB_BPP, 1, 16);
	load_put(info, INFO_FB_TYPE, 1, FB_EGA_TEXT);
}

static void tell(const struct load_request *req, const struct multiboot_kernel *k, unsigned modules,
		 uint32_t loader_name)
{
	uint8_t *info = req->ram + LOAD_MULTIBOOT_INFO;
	uint32_t flags = TELLS_MEMORY | TELLS_CMDLINE | TELLS_MODULES | TELLS_MAP | TELLS_LOADER_NAME;

	memset(info, 0, INFO_BYTES);
	load_put(info, INFO_MEM_LOWER, 4, LOAD_BASE_END >> 10);
	load_put(info, INFO_MEM_UPPER, 4, (req->low_bytes - LOAD_HIGH_START) >> 10);
	load_put(info, INFO_CMDLINE, 4, LOAD_CMDLINE);
	load_put(info, INFO_MODS_COUNT, 4, modules);
	load_put(info, INFO_MODS_ADDR, 4, LOAD_MULTIBOOT_INFO + INFO_MODULES);
	load_put(info, INFO_LOADER_NAME, 4, loader_name);
	tell_map(req, info);
	if (k->flags & NEED_VIDEO) {
		tell_text_mode(info);
		flags |= TELLS_FB;
	}
	load_put(info, 0, 4, flags);
}

int load_multiboot(const struct load_request *req, struct load_start *start, char *why)
{
	uint32_t texts = LOAD_TEXTS, loader_name = 0;
	struct multiboot_kernel k;
	unsigned modules = 0;
	int status = header_check(&req->kernel, &k, why);

	if (status == 0)
		status = k.flags & HAS_ADDRESSES ? load_flat(req, &k, why) : load_elf(req, &k, why);
	if (status == 0)
		status = load_modules(req, &k.top, &texts, &modules, why);
	if (status == 0)
		status = load_text(req, &texts, "Bulkhead", NULL, &loader_name, why);
	if (status == 0)
		status = load_cmdline(req, req->kernel.name, LOAD_CMDLINE_MAX - 1, why);
	if (status != 0)
		return status;
	load_tables(req, LOAD_PROT32);
	tell(req, &k, modules, loader_name);
	*start = (struct load_start){
		.mode = LOAD_PROT32,
		.rip = k.entry,
		.rsp = LOAD_STACK,
		.rax = START_MAGIC,
		.rbx = LOAD_MULTIBOOT_INFO,
		.protocol = k.protocol,
	};
	return 0;
}
