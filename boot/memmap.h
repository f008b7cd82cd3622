/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory map under construction in a struct bootinfo: kept sorted by base, without overlaps and
 * with equal neighbours merged, after every call. Pure: used by the UEFI loader, the kernel and
 * tests.
 */
#pragma once

#include "kernel/abi/bootinfo.h"
#include <stdint.h>

/*
 * Adds [base, base + size). Where it overlaps what is there, the more restrictive type wins: loader
 * data and RAM yield to everything, bad memory to nothing. Usable memory shrinks to whole 4 KiB
 * pages, any other type grows to them. Zero sizes and unknown types (taken as reserved) are fine.
 * Returns 0, or -1 when the map is full: what is lost then is never memory of another type.
 */
int memmap_add(struct bootinfo *info, uint64_t base, uint64_t size, uint32_t type);

/*
 * Marks what a loader placed in RAM: usable memory in [base, base + size) becomes BOOT_MEM_LOADER.
 */
int memmap_claim(struct bootinfo *info, uint64_t base, uint64_t size);
