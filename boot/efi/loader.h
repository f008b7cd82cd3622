/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the UEFI loader share. Nothing outside boot/efi includes it. */
#pragma once

#include <efi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/abi/bootinfo.h"

#define LOADER_DIR      "\\bulkhead\\"
#define LOADER_MANIFEST "boot.lst"
#define PAGE_BYTES      4096ULL
#define BELOW_4G        0xffffffffULL

struct loader {
	EFI_HANDLE image;
	EFI_SYSTEM_TABLE *st;
	EFI_BOOT_SERVICES *bs;
	EFI_FILE_PROTOCOL *volume; /* the one that we were loaded from */
	struct bootinfo *info; /* below 4 GiB, in pages of its own */
	uint64_t entry; /* the kernel's 64-bit entry, physical */
	bool com1; /* the firmware's console is not on COM1 already */
};

/* One file in memory, in whole pages. */
struct blob {
	uint64_t base, size;
};

/* console.c: text goes to the firmware's console and to COM1, whichever there is. */
void console_init(struct loader *ld);
__attribute__((format(printf, 2, 3))) void say(struct loader *ld, const char *fmt, ...);
/*
 * Says why there will be no box, gives a person time to read it, powers off. Any key: back to the
 * firmware.
 */
__attribute__((format(printf, 2, 3))) EFI_STATUS give_up(struct loader *ld, const char *fmt, ...);

/* file.c. All return EFI_SUCCESS, or the status of give_up, after having said why. */
EFI_STATUS volume_open(struct loader *ld);
EFI_STATUS pages_alloc(struct loader *ld, uint64_t bytes, uint64_t below, EFI_MEMORY_TYPE type,
		       const char *what, uint64_t *base);
/* Reads LOADER_DIR + name whole; the rest of the last page is zero. */
EFI_STATUS file_load(struct loader *ld, const char *name, struct blob *blob);
void blob_free(struct loader *ld, struct blob *blob);

/* elf.c */
EFI_STATUS kernel_place(struct loader *ld, const char *name, const struct blob *file);

/* manifest.c: loads everything that boot.lst names. */
EFI_STATUS manifest_load(struct loader *ld);

/* handover.c */
void rsdp_find(struct loader *ld);
void framebuffer_find(struct loader *ld);
/* Leaves boot services and jumps. Comes back only when that failed. */
EFI_STATUS hand_over(struct loader *ld);
