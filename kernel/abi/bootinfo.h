/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every boot path (UEFI loader, multiboot2) hands to the kernel. All addresses are physical.
 * The structure has a fixed size and holds no pointers to itself: the kernel copies it whole.
 */
#pragma once

#include <stdint.h>

#define BOOTINFO_MAGIC	     0x646165686b6c7542ULL /* "Bulkhead", little endian */
#define BOOTINFO_VERSION     1
#define BOOTINFO_MEM_MAX     256
#define BOOTINFO_MODULE_MAX  64
#define BOOTINFO_NAME_MAX    112
#define BOOTINFO_CMDLINE_MAX 1024

enum boot_mem_type {
	BOOT_MEM_USABLE = 1,   /* RAM, free for us */
	BOOT_MEM_RESERVED = 2, /* never touched */
	BOOT_MEM_ACPI = 3,     /* ACPI tables, reclaimable */
	BOOT_MEM_NVS = 4,      /* ACPI non-volatile storage, never touched */
	BOOT_MEM_BAD = 5,
	BOOT_MEM_FIRMWARE = 6, /* UEFI runtime services code and data, never touched */
	BOOT_MEM_MMIO = 7,
	BOOT_MEM_LOADER = 8,   /* RAM that holds kernel image, modules or this structure */
};

struct boot_mem {
	uint64_t base, size;
	uint32_t type; /* enum boot_mem_type */
	uint32_t reserved;
};

struct boot_module {
	uint64_t base; /* 4 KiB aligned */
	uint64_t size; /* bytes, the tail of the last page is zero or unspecified but owned */
	uint32_t crc32; /* expected CRC-32 (IEEE 802.3) of the bytes, when has_crc */
	uint32_t has_crc;
	char name[BOOTINFO_NAME_MAX]; /* the file's name as the config file spells it */
};

struct boot_framebuffer {
	uint64_t base; /* 0: none */
	uint32_t pitch, width, height; /* bytes, pixels, pixels; for text: bytes, columns, rows */
	uint8_t bpp;
	uint8_t is_text; /* EGA text, 2 bytes a cell */
	uint8_t red_shift, red_bits, green_shift, green_bits, blue_shift, blue_bits;
};

struct bootinfo {
	uint64_t magic;
	uint32_t version, size; /* BOOTINFO_VERSION, sizeof(struct bootinfo) */
	uint64_t kernel_base, kernel_size; /* where the kernel image lies, whole 4 KiB pages */
	uint64_t rsdp; /* 0: none found */
	struct boot_framebuffer fb;
	uint32_t mem_count, module_count;
	struct boot_mem mem[BOOTINFO_MEM_MAX]; /* sorted by base, no overlaps */
	struct boot_module module[BOOTINFO_MODULE_MAX];
	char cmdline[BOOTINFO_CMDLINE_MAX];
	char loader[64]; /* who booted us, for the log: "UEFI", "GRUB 2.06-13" */
};
