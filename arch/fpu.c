/* SPDX-License-Identifier: GPL-2.0-only */
/* FPU state by XSAVE or FXSAVE. [SDM1 "Managing State Using the XSAVE Feature Set"] */

#include "arch/fpu.h"
#include "arch/cpu.h"
#include "arch/cr.h"
#include "arch/extable.h"
#include "lib/string.h"
#include "lib/x86/cr.h"

uint32_t fpu_bytes = 512;
uint64_t fpu_xcr0;

/* What we know how to switch: user state without PKRU (CR4.PKE stays off) and without MPX. */
#define XCR0_KNOWN  (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)
#define XCR0_AVX512 (XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)

#define FXSAVE_MXCSR 24
#define FCW_RESET    0x37f

void fpu_probe(void)
{
	struct cpuid_regs r;

	if (!cpu_has(CPU_XSAVE))
		return;
	r = cpuid(13, 0);
	fpu_xcr0 = (r.eax | (uint64_t)r.edx << 32) & XCR0_KNOWN;
	if ((fpu_xcr0 & XCR0_AVX512) != XCR0_AVX512 || !(fpu_xcr0 & XCR0_AVX))
		fpu_xcr0 &= ~XCR0_AVX512;
	/* The area in standard form ends where its last component does. */
	fpu_bytes = 512 + 64;
	for (unsigned i = 2; i < 63; i++)
		if (fpu_xcr0 >> i & 1) {
			r = cpuid(13, i);
			if (r.eax + r.ebx > fpu_bytes)
				fpu_bytes = r.eax + r.ebx;
		}
	if (fpu_bytes > 4096) { /* does not happen without AMX, which is not in XCR0_KNOWN */
		fpu_xcr0 = XCR0_X87 | XCR0_SSE;
		fpu_bytes = 576;
	}
}

void fpu_area_reset(void *area)
{
	static const uint16_t fcw = FCW_RESET;
	static const uint32_t mxcsr = 0x1f80;

	memset(area, 0, fpu_bytes);
	memcpy(area, &fcw, sizeof(fcw));
	memcpy((char *)area + FXSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
}

/*
 * x87 state as after reset is marked as such, which XRSTOR then makes rather than loads. Processors that
 * track it do so themselves. QEMU's TCG does not, and when it loads an x87 status word it changes processor
 * 0's flags from whichever processor it is, without a lock (svm/README.md).
 */
static void mark_x87(uint64_t *area)
{
	uint64_t used = (area[0] ^ FCW_RESET) | area[1] | area[2]; /* FCW to FOP; FIP; FDP */

	if (!(area[64] & XCR0_X87)) /* XSTATE_BV */
		return;
	for (unsigned i = 4; i < 20; i++) /* ST0-7 */
		used |= area[i];
	if (used == 0)
		area[64] &= ~(uint64_t)XCR0_X87;
}

void fpu_save(void *area)
{
	uint32_t all = 0xffffffff;

	if (fpu_xcr0) {
		__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(all), "d"(all) : "memory");
		mark_x87(area);
	} else {
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
	}
}

static int load_area(const void *area)
{
	int error = -1;
	uint32_t all = 0xffffffff;

	if (fpu_xcr0)
		__asm__ volatile("1: xrstor64 (%1)\n\txorl %k0, %k0\n2:\n" EXTABLE(1b, 2b)
				 : "+r"(error)
				 : "r"(area), "a"(all), "d"(all)
				 : "memory");
	else
		__asm__ volatile("1: fxrstor64 (%1)\n\txorl %k0, %k0\n2:\n" EXTABLE(1b, 2b)
				 : "+r"(error)
				 : "r"(area)
				 : "memory");
	return error;
}

int fpu_restore(const void *area)
{
	/* Reset state: XSTATE_BV = 0 initialises every component; FXRSTOR needs FCW and MXCSR. */
	static const struct {
		uint16_t fcw, pad[11];
		uint32_t mxcsr;
		uint8_t rest[4096 - 28];
	} reset __attribute__((aligned(FPU_AREA_ALIGN))) = { .fcw = FCW_RESET, .mxcsr = 0x1f80 };
	int error = load_area(area);

	if (error)
		(void)load_area(&reset);
	return error;
}

void fpu_cpu_init(void)
{
	static const uint32_t mxcsr = 0x1f80;

	__asm__ volatile("clts\n\tfninit");
	if (cpu_has(CPU_FXSR))
		__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	if (fpu_xcr0)
		(void)xsetbv_safe(0, fpu_xcr0);
	fpu_deny();
}

void fpu_allow(void)
{
	__asm__ volatile("clts" : : : "memory");
}
void fpu_deny(void)
{
	write_cr0(read_cr0() | CR0_TS);
}
