/* SPDX-License-Identifier: GPL-2.0-only */
/* Brings processors up: the one that booted, then the others. */
#pragma once

/* The booting one: GS, so that locks and panics work. First of all. */
void processors_early(void);
/* Its stacks, descriptor tables and control registers; needs the pool. */
void processors_boot_init(void);
/* Starts every processor that ACPI lists, checks the TSCs; drops the identity map. */
void processors_start(void);
