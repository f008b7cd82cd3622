/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Comes before everything else in each source of a monitor with a fault (Makefile, $(O)/f): the assembler
 * then makes a call of fault_syscall out of every SYSCALL instruction. The sources know nothing of it.
 */
#pragma once

__asm__(".macro syscall\n\tcall fault_syscall\n\t.endm");
