/* SPDX-License-Identifier: GPL-2.0-only */
/* What the sources of multiboot2_test share. */
#pragma once

#include "kernel/abi/bootinfo.h"

extern struct bootinfo b; /* what is being filled in */

/* Its memory map as a text like "0-9f:1 100-200:8", page numbers in hex. */
const char *map_text(void);
/* multiboot2_map.c */
void map_cases(void);
