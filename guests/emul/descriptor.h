/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside the emulator: descriptors of the GDT and an LDT. [SDM3 "Segment Descriptors"] */
#pragma once

#include "guests/emul/access.h"

#define DESC_ACCESSED (1ULL << 40)
#define DESC_WRITABLE (1ULL << 41) /* code: readable */
#define DESC_DOWN     (1ULL << 42) /* code: conforming */
#define DESC_CODE     (1ULL << 43)
#define DESC_S	      (1ULL << 44)
#define DESC_P	      (1ULL << 47)
#define DESC_G	      (1ULL << 55)

#define ATTR_P (1U << 7)

/* segment.c */
/*
 * Reads the descriptor that `selector` names; *at is its linear address. Outside its table: exception
 * `vector` with the selector.
 */
int emul_descriptor(struct emul *e, uint16_t selector, unsigned vector, uint64_t *at, uint64_t *d);
/* Sets the accessed bit, in memory too. */
int emul_descriptor_use(struct emul *e, uint64_t at, uint64_t *d);
struct vcpu_seg emul_segment(uint16_t selector, uint64_t d);
