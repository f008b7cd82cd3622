/* SPDX-License-Identifier: GPL-2.0-only */
/* What the loaders have in common: the memory map, tables, placing files. */
#include "guests/load/load.h"

#include <stdarg.h>
#include "kernel/abi/status.h"
#include "lib/format.h"
#include "lib/string.h"

int load_error(char *why, int status, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	format_v(why, LOAD_WHY_MAX, fmt, args);
	va_end(args);
	return status;
}

unsigned load_map(const struct load_request *req, struct load_map_entry map[LOAD_MAP_MAX])
{
	unsigned n = 0;

	map[n++] = (struct load_map_entry){ 0, LOAD_BASE_END, 1 };
	map[n++] = (struct load_map_entry){ LOAD_BASE_END, 0xa0000 - LOAD_BASE_END, 2 };
	map[n++] = (struct load_map_entry){ LOAD_ROM_START, LOAD_HIGH_START - LOAD_ROM_START, 2 };
	map[n++] = (struct load_map_entry){ LOAD_HIGH_START, req->low_bytes - LOAD_HIGH_START, 1 };
	if (req->high_bytes)
		map[n++] = (struct load_map_entry){ LOAD_HOLE_END, req->high_bytes, 1 };
	return n;
}

void load_tables(const struct load_request *req, enum load_mode mode)
{
	const uint64_t gdt[LOAD_GDT_BYTES / 8] = {
		0,
		0,
		mode == LOAD_LONG64 ? 0x00af9b000000ffff : 0x00cf9b000000ffff, /* LOAD_SEL_CODE */
		0x00cf93000000ffff, /* LOAD_SEL_DATA */
		0,
		0x00008b0000000067, /* LOAD_SEL_TSS: base 0, busy 32- or 64-bit */
		0,
	};
	uint8_t *pt = req->ram + LOAD_PAGE_TABLES;
	uint64_t entry;

	memcpy(req->ram + LOAD_GDT, gdt, sizeof(gdt));
	memset(pt, 0, 6 * 4096);
	entry = (LOAD_PAGE_TABLES + 0x1000) | 3;
	memcpy(pt, &entry, 8);
	for (uint64_t i = 0; i < 4; i++) {
		entry = (LOAD_PAGE_TABLES + 0x2000 + i * 0x1000) | 3;
		memcpy(pt + 0x1000 + i * 8, &entry, 8);
	}
	for (uint64_t i = 0; i < 4 * 512; i++) {
		entry = i << 21 | 0x83; /* present, writable, 2 MiB */
		memcpy(pt + 0x2000 + i * 8, &entry, 8);
	}
}

/* There is no BIOS: real-mode code that calls one gets CF set and AH 0x86, but for two simple answers. */
static void load_bios_vectors(uint8_t *ram)
{
	enum { SEGMENT = 0xf000, FIRST = LOAD_BIOS_STUBS - 0xf0000, STUB = 16 };
	enum { CALL, MASTER, SLAVE, EXCEPTION, EQUIPMENT, MEMORY, STUBS };
	static const uint8_t stub[STUBS][STUB] = {
		/* push bp; mov bp, sp; or byte [bp + 6], 1; pop bp; mov ah, 0x86; iret */
		[CALL] = { 0x55, 0x89, 0xe5, 0x80, 0x4e, 0x06, 0x01, 0x5d, 0xb4, 0x86, 0xcf },
		/* push ax; mov al, 0x20; (out 0xa0, al;) out 0x20, al; pop ax; iret */
		[MASTER] = { 0x50, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf },
		[SLAVE] = { 0x50, 0xb0, 0x20, 0xe6, 0xa0, 0xe6, 0x20, 0x58, 0xcf },
		[EXCEPTION] = { 0xcf }, /* iret */
		/* mov ax, ..; iret */
		[EQUIPMENT] = { 0xb8, LOAD_EQUIPMENT & 0xff, LOAD_EQUIPMENT >> 8, 0xcf },
		[MEMORY] = { 0xb8, (LOAD_BASE_END >> 10) & 0xff, LOAD_BASE_END >> 18, 0xcf },
	};

	memcpy(ram + LOAD_BIOS_STUBS, stub, sizeof(stub));
	for (unsigned v = 0; v < 256; v++) {
		unsigned which = v < 8			? EXCEPTION :
				 v < 0x10		? MASTER :
				 v >= 0x70 && v < 0x78 ? SLAVE :
				 v == 0x11		? EQUIPMENT :
				 v == 0x12		? MEMORY :
							  CALL;

		load_put(ram, v * 4, 2, FIRST + which * STUB);
		load_put(ram, v * 4 + 2, 2, SEGMENT);
	}
}

void load_bios_data(uint8_t *ram)
{
	static const struct {
		uint16_t at, bytes;
		uint32_t value;
	} cell[] = {
		{ 0x400, 2, 0x3f8 }, { 0x402, 2, 0x2f8 }, /* COM1, COM2 */
		{ 0x40e, 2, LOAD_BASE_END >> 4 }, /* the extended area's segment */
		{ 0x410, 2, LOAD_EQUIPMENT },
		{ 0x413, 2, LOAD_BASE_END >> 10 }, /* base memory in KiB */
		{ 0x41a, 4, 0x001e001e }, /* the keyboard's buffer: empty */
		{ 0x449, 1, 3 }, { 0x44a, 2, 80 }, { 0x44c, 2, 0x1000 }, /* text mode 3 */
		{ 0x460, 2, 0x0607 }, { 0x463, 2, 0x3d4 }, /* cursor's shape, CRTC's port */
		{ 0x480, 4, 0x003e001e }, /* where the keyboard's buffer is */
		{ 0x484, 1, 24 }, { 0x485, 2, 16 }, /* last row, height of a character */
	};

	memset(ram, 0, 0x1000);
	memset(ram + LOAD_BASE_END, 0, 0xa0000 - LOAD_BASE_END);
	memset(ram + LOAD_ROM_START, 0, LOAD_HIGH_START - LOAD_ROM_START);
	load_bios_vectors(ram);
	ram[LOAD_BASE_END] = (0xa0000 - LOAD_BASE_END) >> 10; /* its size in KiB */
	for (unsigned i = 0; i < sizeof(cell) / sizeof(cell[0]); i++)
		load_put(ram, cell[i].at, cell[i].bytes, cell[i].value);
}

int load_high(const struct load_request *req, const struct load_file *file, uint64_t floor,
	      uint64_t limit, uint64_t *at, char *why)
{
	uint64_t top = load_min(limit, req->low_bytes) & ~4095ULL;
	uint64_t bytes = (file->bytes + 4095) & ~4095ULL;

	if (bytes < file->bytes || bytes > top || top - bytes < floor)
		return load_error(why, E_RANGE,
				  "'%s' of %llu bytes does not fit: free is 0x%llx to 0x%llx",
				  file->name, (unsigned long long)file->bytes,
				  (unsigned long long)floor, (unsigned long long)top);
	*at = top - bytes;
	memcpy(req->ram + *at, file->data, file->bytes);
	memset(req->ram + *at + file->bytes, 0, bytes - file->bytes);
	return 0;
}

int load_text(const struct load_request *req, uint32_t *cursor, const char *first,
	      const char *second, uint32_t *at, char *why)
{
	size_t a = first ? strlen(first) : 0, b = second ? strlen(second) : 0;
	uint8_t *to = req->ram + *cursor;

	*at = 0;
	if (!first && !second)
		return 0;
	if (a + b + 2 > LOAD_TEXTS_END - *cursor)
		return load_error(why, E_RANGE, "the modules' arguments are longer than 0x%x bytes together",
				  LOAD_TEXTS_END - LOAD_TEXTS);
	*at = *cursor;
	memcpy(to, first ? first : "", a);
	if (a && b)
		to[a++] = ' ';
	memcpy(to + a, second ? second : "", b);
	to[a + b] = 0;
	*cursor += (uint32_t)(a + b + 1);
	return 0;
}

int load_cmdline(const struct load_request *req, const char *name, uint64_t max, char *why)
{
	const char *line = req->cmdline ? req->cmdline : "";
	size_t n = strlen(line), lead = name ? strlen(name) + 1 : 0;
	uint8_t *to = req->ram + LOAD_CMDLINE;

	if (n + lead >= LOAD_CMDLINE_MAX || n + lead > max)
		return load_error(why, E_RANGE,
				  "the command line has %zu bytes, the kernel takes at most %llu",
				  n + lead, (unsigned long long)load_min(max, LOAD_CMDLINE_MAX - 1));
	if (name) {
		memcpy(to, name, lead - 1);
		to[lead - 1] = ' ';
	}
	memcpy(to + lead, line, n + 1);
	return 0;
}
