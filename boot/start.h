/* SPDX-License-Identifier: GPL-2.0-only */
/* Called by boot/entry.asm. */
#pragma once

#include <stdint.h>

/* magic says what info_phys points to: BOOTINFO_MAGIC or MULTIBOOT2_INFO_MAGIC. Does not return. */
__attribute__((noreturn))
void boot_handover(uint64_t magic, uint64_t info_phys, uint64_t kernel_phys);
