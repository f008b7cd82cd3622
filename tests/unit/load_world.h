/* SPDX-License-Identifier: GPL-2.0-only */
/* Made-up kernel files and a guest memory for the loaders' tests and fuzzers. */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "guests/load/load.h"

enum { WORLD_RAM = 64 << 20 };

struct world {
	uint8_t *ram; /* exactly WORLD_RAM bytes: ASan sees one too many */
	struct load_request req;
	struct load_start start;
	char why[LOAD_WHY_MAX];
	uint8_t file[65536];
};

static inline void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->ram = calloc(1, WORLD_RAM);
	w->req.ram = w->ram;
	w->req.low_bytes = WORLD_RAM;
	w->req.kernel = (struct load_file){ w->file, 0, "kernel", NULL };
	w->req.cmdline = "console=ttyS0";
}

static inline void world_fini(struct world *w)
{
	free(w->ram);
}

static inline void put(uint8_t *p, unsigned at, unsigned bytes, uint64_t v)
{
	memcpy(p + at, &v, bytes);
}

static inline uint64_t get(const uint8_t *p, uint64_t at, unsigned bytes)
{
	uint64_t v = 0;

	memcpy(&v, p + at, bytes);
	return v;
}

/* A bzImage of protocol 2.15: four setup sectors, 16 KiB of kernel, 64-bit entry, at 16 MiB. */
static inline void world_linux(struct world *w)
{
	uint8_t *f = w->file;

	memset(f, 0, sizeof(w->file));
	w->req.kernel.bytes = 5 * 512 + 16384;
	for (unsigned i = 0; i < 16384; i++)
		f[5 * 512 + i] = (uint8_t)(i * 7);
	put(f, 0x1f1, 1, 4);
	put(f, 0x1f4, 4, 16384 / 16);
	put(f, 0x1fe, 2, 0xaa55);
	put(f, 0x200, 1, 0xeb);
	put(f, 0x201, 1, 0x6a); /* the header ends at 0x26c */
	memcpy(f + 0x202, "HdrS", 4);
	put(f, 0x206, 2, 0x20f);
	put(f, 0x211, 1, 1);
	put(f, 0x22c, 4, 0x7fffffff);
	put(f, 0x230, 4, 0x200000);
	put(f, 0x234, 1, 1);
	put(f, 0x236, 2, 0x7f);
	put(f, 0x238, 4, 2047);
	put(f, 0x248, 4, 0x100);
	put(f, 0x24c, 4, 0x1000);
	put(f, 0x258, 8, 0x1000000);
	put(f, 0x260, 4, 0x100000);
}

/* An ELF64 with one segment of 4096 bytes in the file and 8192 in memory at 2 MiB, and a PVH note. */
static inline void world_elf64(struct world *w)
{
	uint8_t *f = w->file;

	memset(f, 0, sizeof(w->file));
	w->req.kernel.bytes = 0x2000;
	memcpy(f, "\177ELF\2\1\1", 7);
	put(f, 16, 2, 2);
	put(f, 18, 2, 62);
	put(f, 32, 8, 64);
	put(f, 54, 2, 56);
	put(f, 56, 2, 2);
	put(f, 64, 4, 1); /* PT_LOAD */
	put(f, 64 + 8, 8, 0x1000);
	put(f, 64 + 24, 8, 0x200000);
	put(f, 64 + 32, 8, 0x1000);
	put(f, 64 + 40, 8, 0x2000);
	put(f, 120, 4, 4); /* PT_NOTE */
	put(f, 120 + 8, 8, 0x200);
	put(f, 120 + 32, 8, 20);
	put(f, 120 + 48, 8, 4);
	put(f, 0x200, 4, 4);
	put(f, 0x204, 4, 4);
	put(f, 0x208, 4, 18);
	memcpy(f + 0x20c, "Xen", 4);
	put(f, 0x210, 4, 0x200010);
	for (unsigned i = 0; i < 0x1000; i++)
		f[0x1000 + i] = (uint8_t)(i * 5 + 1);
}

/* The same as ELF32. */
static inline void world_elf32(struct world *w)
{
	uint8_t *f = w->file;

	world_elf64(w);
	memset(f, 0, 0x200);
	memcpy(f, "\177ELF\1\1\1", 7);
	put(f, 16, 2, 2);
	put(f, 18, 2, 3);
	put(f, 28, 4, 52);
	put(f, 42, 2, 32);
	put(f, 44, 2, 2);
	put(f, 52, 4, 1);
	put(f, 52 + 4, 4, 0x1000);
	put(f, 52 + 12, 4, 0x200000);
	put(f, 52 + 16, 4, 0x1000);
	put(f, 52 + 20, 4, 0x2000);
	put(f, 84, 4, 4);
	put(f, 84 + 4, 4, 0x200);
	put(f, 84 + 16, 4, 20);
	put(f, 84 + 28, 4, 4);
}

static inline void world_multiboot_header(struct world *w, unsigned at, uint32_t flags)
{
	put(w->file, at, 4, 0x1badb002);
	put(w->file, at + 4, 4, flags);
	put(w->file, at + 8, 4, 0u - 0x1badb002u - flags);
}

/* The ELF32 file, linked at 3 GiB and loaded at 2 MiB, with a multiboot header at 0x100. */
static inline void world_multiboot_elf(struct world *w)
{
	world_elf32(w);
	put(w->file, 24, 4, 0xc0200010);
	put(w->file, 52 + 8, 4, 0xc0200000);
	world_multiboot_header(w, 0x100, 3);
}

static inline void world_multiboot_elf64(struct world *w)
{
	world_elf64(w);
	put(w->file, 24, 8, 0xffffffff80200010);
	put(w->file, 64 + 16, 8, 0xffffffff80200000);
	world_multiboot_header(w, 0x400, 3);
}

/*
 * A flat file with the header at 0x200 of it: 0x100 to 0x5100 of the file go to 1 MiB, zeros up to 0x107000,
 * entry 0x100040.
 */
static inline void world_multiboot_flat(struct world *w)
{
	uint8_t *f = w->file;

	memset(f, 0, sizeof(w->file));
	w->req.kernel.bytes = 0x6000;
	for (unsigned i = 0x300; i < 0x6000; i++)
		f[i] = (uint8_t)(i * 5 + 1);
	world_multiboot_header(w, 0x200, 1 << 16);
	put(f, 0x20c, 4, 0x100100);
	put(f, 0x210, 4, 0x100000);
	put(f, 0x214, 4, 0x105000);
	put(f, 0x218, 4, 0x107000);
	put(f, 0x21c, 4, 0x100040);
}
