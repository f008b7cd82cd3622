/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loaders: put a kernel file into guest memory and say in which state the processor starts. Pure
 * functions over a window of memory; they know nothing of the monitor, and trust no file.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "lib/string.h"

#define LOAD_WHY_MAX	 160
#define LOAD_MODULES_MAX 14
#define LOAD_MAP_MAX	 8
#define LOAD_HOLE_START	 0xc0000000ULL /* RAM beyond this goes on at 4 GiB */
#define LOAD_HOLE_END	 0x100000000ULL

/* Where the boot structures lie in guest memory, below 640 KiB. */
#define LOAD_GDT	0x1000
#define LOAD_ZERO_PAGE	0x2000
#define LOAD_PAGE_TABLES 0x3000 /* PML4, PDPT and four page directories */
#define LOAD_PVH_INFO	0x9000
#define LOAD_MULTIBOOT_INFO 0x9000
#define LOAD_STACK	0xb000 /* top; grows down from here */
#define LOAD_CMDLINE	0x20000
#define LOAD_CMDLINE_MAX 0x10000
#define LOAD_TEXTS	0x30000 /* short texts: modules' arguments, our name */
#define LOAD_TEXTS_END	0x34000
#define LOAD_BASE_END	0x9fc00
#define LOAD_ROM_START	0xe0000 /* ACPI tables, BIOS area */
#define LOAD_EQUIPMENT	0x0426 /* FPU, mouse, 80 by 25 in colour, two serial ports */
#define LOAD_BIOS_STUBS	0xffe00 /* in the ROM area: what real-mode interrupts find */
#define LOAD_HIGH_START 0x100000

struct load_file {
	const uint8_t *data; /* NULL: none */
	uint64_t bytes;
	const char *name; /* for messages */
	const char *args; /* a module's; NULL: none */
};

struct load_request {
	uint8_t *ram; /* guest-physical 0 .. low_bytes */
	uint64_t low_bytes; /* RAM below the hole */
	uint64_t high_bytes; /* RAM from 4 GiB on */
	struct load_file kernel, initrd;
	struct load_file module[LOAD_MODULES_MAX];
	unsigned modules;
	const char *cmdline;
	uint64_t rsdp; /* guest-physical, 0: none */
};

enum load_mode {
	LOAD_LONG64, /* paging on, identity mapped up to 4 GiB at LOAD_PAGE_TABLES */
	LOAD_PROT32, /* flat 32-bit, no paging */
};

/* The GDT at LOAD_GDT has these selectors; the Linux boot protocol wants 0x10 and 0x18. */
enum {
	LOAD_SEL_CODE = 0x10, LOAD_SEL_DATA = 0x18, LOAD_SEL_TSS = 0x28,
	LOAD_GDT_BYTES = 0x38,
};

struct load_start {
	enum load_mode mode;
	uint64_t rip, rsp, rax, rbx, rsi;
	const char *protocol; /* for the log */
};

struct load_map_entry {
	uint64_t base, size;
	uint32_t type; /* 1 usable, 2 reserved */
};

/*
 * Recognises the file and loads it. 0, or a negative status with a sentence in why[LOAD_WHY_MAX]
 * that says what is wrong and where; guest memory is then unspecified.
 */
int load_guest(const struct load_request *req, struct load_start *start, char *why);

/* The protocols, for tests. */
int load_linux(const struct load_request *req, struct load_start *start, char *why);
int load_pvh(const struct load_request *req, struct load_start *start, char *why);
int load_multiboot(const struct load_request *req, struct load_start *start, char *why);
/* The offset of the multiboot header in the file, or -1. */
int multiboot_find(const struct load_file *kernel);

/* Shared between the protocols. */
unsigned load_map(const struct load_request *req, struct load_map_entry map[LOAD_MAP_MAX]);
/*
 * Clears the ROM area and writes what programs look up below 1 MiB: the BIOS data areas, and interrupt
 * vectors to code that ends a hardware interrupt, or says "no such function".
 */
void load_bios_data(uint8_t *ram);
/* The GDT with code of that mode, and identity page tables. */
void load_tables(const struct load_request *req, enum load_mode mode);
/*
 * Puts "first second" (each may be NULL) among the short texts: at *cursor, which moves on. Its address
 * goes to *at; without any text that is 0.
 */
int load_text(const struct load_request *req, uint32_t *cursor, const char *first,
	      const char *second, uint32_t *at, char *why);
__attribute__((format(printf, 3, 4))) int load_error(char *why, int status, const char *fmt, ...);
/*
 * Puts a file page aligned as high as possible, its end at or below `limit`, its start at or above
 * `floor`. Returns its address in *at.
 */
int load_high(const struct load_request *req, const struct load_file *file, uint64_t floor,
	      uint64_t limit, uint64_t *at, char *why);
/*
 * Puts the command line at LOAD_CMDLINE, led by `name` and a blank unless that is NULL; max: the longest
 * that the kernel takes.
 */
int load_cmdline(const struct load_request *req, const char *name, uint64_t max, char *why);

static inline uint64_t load_min(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Little-endian fields of any width up to 8 bytes. */
static inline uint64_t load_get(const uint8_t *p, uint64_t at, unsigned bytes)
{
	uint64_t v = 0;

	memcpy(&v, p + at, bytes);
	return v;
}

static inline void load_put(uint8_t *p, uint64_t at, unsigned bytes, uint64_t v)
{
	memcpy(p + at, &v, bytes);
}
