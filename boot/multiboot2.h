/* SPDX-License-Identifier: GPL-2.0-only */
/* GRUB's multiboot2 information structure -> struct bootinfo. */
#pragma once

#include "kernel/abi/bootinfo.h"
#include <stddef.h>

#define MULTIBOOT2_INFO_MAGIC 0x36d76289 /* what the 32-bit entry was given in EAX */

/*
 * Parses the structure at `info`, of which at most `max` bytes may be read (its own length is
 * checked against that). `info` must be readable at its physical address: RSDP copies lie in it,
 * and it is marked as loader memory in the map, as are the modules. The caller may set
 * out->kernel_base and kernel_size first; they are kept, and marked too. Everything else in *out is
 * overwritten.
 *
 * A module's command line is "NAME" or "NAME crc32=XXXXXXXX".
 *
 * Returns 0, or -1 with *why naming what is wrong, in a constant sentence; *out is then
 * unspecified.
 */
int multiboot2_parse(const void *info, size_t max, struct bootinfo *out, const char **why);
