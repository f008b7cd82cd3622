/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the coverage stream's maker and its way out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COV_PORT 0x4f8 /* QEMU's isa-debugcon, as tests/boot/common.sh places it */
#define COV_WORD 0xc0de5eedf00dULL /* with the call: who calls at random gives nothing out */

void cov_put(const void *bytes, size_t n);
/* Nothing more will come: send what is kept. box: now the kernel's. */
void cov_end(bool box);
