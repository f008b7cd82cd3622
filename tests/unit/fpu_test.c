/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: lib/string.c */
/* FPU areas with the processor's own XSAVE: what fpu_save marks, and that it comes back as it was. */
#include "arch/cpu.h"

#include <stdlib.h>
#include "tests/unit/unit.h"

#include "arch/fpu.c" /* NOLINT: the file under test */

uint32_t cpu_features;

/* Of any processor: XSAVE here takes all that it has. */
static uint64_t area[2048] __attribute__((aligned(FPU_AREA_ALIGN)));
static uint64_t again[2048] __attribute__((aligned(FPU_AREA_ALIGN)));

#define X87_USED(a) (((a)[64] & XCR0_X87) != 0)

/* Whatever the processor says about it: x87 state as after reset is marked, and any other is not. */
static void unused_is_marked(void)
{
	memset(area, 0, sizeof(area));
	area[0] = FCW_RESET;
	area[64] = XCR0_X87 | XCR0_SSE;
	mark_x87(area);
	CHECK_EQ(area[64], XCR0_SSE);
	for (unsigned bit = 0; bit < 20 * 64; bit++) {
		if (bit / 64 == 3)
			continue; /* MXCSR and its mask are not x87's */
		area[64] = XCR0_X87;
		area[bit / 64] ^= 1ULL << bit % 64;
		mark_x87(area);
		CHECK(X87_USED(area));
		area[bit / 64] ^= 1ULL << bit % 64;
	}
}

static void registers_come_back(void)
{
	double x = 0, y = 0;

	__asm__ volatile("fninit\n\tfldpi" : : : "memory");
	fpu_save(area);
	CHECK(X87_USED(area));
	__asm__ volatile("fninit" : : : "memory");
	CHECK_EQ(fpu_restore(area), 0);
	__asm__ volatile("fstpl %0" : "=m"(x));
	CHECK(x > 3.14159 && x < 3.1416);
	/* Empty, but not as after reset: a status flag, a control word. */
	__asm__ volatile("fninit\n\tfldpi\n\tfstps %0\n\tfldcw %1" : "=m"(y) : "m"((const uint16_t){ 0x27f }));
	fpu_save(area);
	CHECK(X87_USED(area));
	__asm__ volatile("fninit" : : : "memory");
	CHECK_EQ(fpu_restore(area), 0);
	fpu_save(again);
	CHECK_EQ(again[0], area[0]);
	CHECK_EQ((uint16_t)again[0], 0x27f);
	__asm__ volatile("fninit" : : : "memory");
}

static void reset_state_comes_back(void)
{
	memset(area, 0, sizeof(area));
	fpu_area_reset(area);
	CHECK_EQ(fpu_restore(area), 0);
	fpu_save(area);
	CHECK(!X87_USED(area));
	__asm__ volatile("fldpi" : : : "memory");
	CHECK_EQ(fpu_restore(area), 0);
	fpu_save(again);
	CHECK_EQ(again[0], FCW_RESET);
	CHECK(!X87_USED(again));
}

int main(void)
{
	uint32_t lo = 0, hi;

	RUN(unused_is_marked);
	if (cpuid(1, 0).ecx >> 27 & 1) { /* OSXSAVE */
		__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
		fpu_xcr0 = lo & XCR0_KNOWN;
		fpu_bytes = 4096;
		RUN(registers_come_back);
		RUN(reset_state_comes_back);
	}
	return unit_status();
}
