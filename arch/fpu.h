/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FPU, SSE and AVX state as an opaque area: XSAVE in standard form where there is XSAVE, FXSAVE
 * otherwise. Policy (whose state, when) is the callers'. Ring 0 itself has no FPU code.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FPU_AREA_ALIGN 64

/* (c) after boot: bytes of an area for every component of fpu_xcr0, at least 512, at most 4096. */
extern uint32_t fpu_bytes;
/* (c) after boot: XCR0 components that guests may have; 0 without XSAVE (FXSAVE only). */
extern uint64_t fpu_xcr0;

/* Finds out fpu_bytes and fpu_xcr0; on the first processor, once. */
void fpu_probe(void);
/* CR0, CR4.OSXSAVE, XCR0 = fpu_xcr0 and FINIT state on the calling processor; access denied. */
void fpu_cpu_init(void);
/* The state after reset: x87 control word 0x37f, MXCSR 0x1f80, everything else zero. */
void fpu_area_reset(void *area);
/*
 * Both need fpu_allow() first, and XCR0 = fpu_xcr0 (a guest's smaller XCR0 is swapped outside).
 * area: FPU_AREA_ALIGN aligned.
 */
void fpu_save(void *area);
/* 0, or non-zero when the processor refused the area (#GP): the registers then hold reset state. */
int fpu_restore(const void *area);
/*
 * CR0.TS on the calling processor: deny makes every FPU instruction in ring 3 a #NM, so that nobody
 * reads what another left in the registers. Cheap when nothing changes.
 */
void fpu_allow(void);
void fpu_deny(void);
