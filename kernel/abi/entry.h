/* SPDX-License-Identifier: GPL-2.0-only */
/* Where boot/start.c hands over to kernel/main.c. */
#pragma once

#include <stdint.h>
#include "kernel/abi/bootinfo.h"

/*
 * Long mode, interrupts off, a stack of 16 KiB, boot/entry.asm's page tables: the first 4 GiB at
 * their own addresses, the image at its final address with its final rights.
 */
__attribute__((noreturn)) void kernel_main(const struct bootinfo *info, uint64_t kernel_phys);
/* The loader handed over something unusable: says why, and halts. */
__attribute__((noreturn)) void kernel_refuse(const char *why);
