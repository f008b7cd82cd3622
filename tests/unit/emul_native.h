/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs one instruction on the real processor, in 64-, 32- or 16-bit code, from a given state of all
 * general, flag and vector registers, and catches its exceptions. Everything lies in one window of
 * 64 KiB at a fixed low address, which is also the base of the 16-bit segments.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WINDOW	   0x10000000UL
#define W_CODE	   0x0800U /* the instruction */
#define W_STUBS	   0x2000U /* where it returns to: 64-bit, +0x400 32-bit, +0x800 16-bit */
#define W_DATA	   0x4000U /* two pages of operands, then a hole */
#define W_HOLE	   0x6000U
#define W_READONLY 0x7000U
#define W_STATE	   0x8000U
#define GS_BASE	   0x1230UL

/* At WINDOW + W_STATE; the assembly below knows the offsets. */
struct native_state {
	uint64_t gpr[16];
	uint64_t flags, host_rsp; /* 0x80 */
	uint32_t entry, entry_cs; /* 0x90: far pointer */
	uint64_t unused0;
	uint64_t unused1[2];
	uint32_t ss, ds; /* 0xb0 */
	uint64_t unused2;
	uint32_t avx; /* 0xc0 */
	uint32_t unused3[3];
	void (*leave)(void); /* 0xd0 */
	uint64_t unused4[5];
	uint8_t in[16][32]; /* 0x100 */
	uint8_t out[16][32]; /* 0x300 */
};

struct native_result {
	bool fault;
	uint8_t vector;
	uint32_t error;
	uint64_t cr2;
	uint64_t gpr[16], flags, rip; /* rip: of a fault */
	uint8_t vec[16][32];
};

#define NATIVE ((struct native_state *)(WINDOW + W_STATE))

/* 16-bit segments of the window; 0 where the kernel has no modify_ldt. */
extern uint16_t native_cs16, native_ds16;

/* False: this host cannot (the window is taken). */
bool native_setup(bool avx);

/* The code is in place at W_CODE, followed by a jump to the stub of its width. */
void native_run(unsigned bits, const uint64_t gpr[16], uint64_t flags, const uint8_t vec[16][32],
		struct native_result *out);
