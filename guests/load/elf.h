/* SPDX-License-Identifier: GPL-2.0-only */
/* ELF files, for the protocols whose kernels are such. */
#pragma once

#include "guests/load/load.h"
#include <stdbool.h>

enum { PT_LOAD = 1, PT_NOTE = 4 };

struct elf_segment { /* a program header, either class */
	uint32_t type;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_file {
	const struct load_file *file;
	bool is64;
	uint64_t phoff, entry;
	unsigned phentsize, phnum;
};

/* Checks the header and that the program headers are in the file. */
int elf_open(const struct load_file *f, struct elf_file *e, char *why);
/* Program header i; of a PT_LOAD or PT_NOTE also that its bytes are in the file. */
int elf_segment(const struct elf_file *e, unsigned i, struct elf_segment *s, char *why);
/* Puts every PT_LOAD into guest memory. *top, set by the caller, becomes the highest end above it. */
int elf_load(const struct load_request *req, const struct elf_file *e, uint64_t *top, char *why);
