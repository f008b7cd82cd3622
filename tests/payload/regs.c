/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nothing that an exit does may leak into the guest: general registers, flags, x87, XMM and YMM,
 * DR0-3, segment bases and the SYSCALL MSRs hold unique patterns across every kind of exit.
 */
#include "tests/payload/lib/payload.h"

#include "lib/string.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9 };
enum { XSAVE_BYTES = 4096, X87 = 1, SSE = 2, AVX = 4, FX_ST0 = 32, FX_XMM0 = 160, XS_BV = 512, XS_YMM = 576 };

struct regs_image {
	uint64_t in[16], out[16];
	uint64_t stub, flags_in, flags_out;
	uint32_t xmask, reserved;
	uint8_t pad[512 - 288];
	uint8_t fpu_in[XSAVE_BYTES], fpu_out[XSAVE_BYTES];
};
_Static_assert(offsetof(struct regs_image, fpu_in) == 512, "lib/regs.asm has these offsets");

static struct regs_image image __attribute__((aligned(64)));
static const uint8_t outs_text[] = "";
static uint8_t scratch[64] __attribute__((aligned(64)));

void regs_run(struct regs_image *image);

#define STUB(name) extern void stub_##name(void);
STUB(nothing) STUB(cpuid) STUB(rdmsr) STUB(wrmsr) STUB(in8) STUB(in16) STUB(in32) STUB(out8)
STUB(out16) STUB(out32) STUB(hlt) STUB(vmmcall) STUB(vmcall) STUB(wbinvd) STUB(pause) STUB(rdtsc)
STUB(mmio_read) STUB(mmio_write) STUB(mmio_rmw) STUB(cr8) STUB(xsetbv) STUB(invlpg) STUB(int3)
STUB(spin) STUB(rep_stos_mmio) STUB(rep_insb) STUB(rep_outsb)

static void fill(uint8_t *p, size_t bytes, uint8_t seed)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)(seed + i * 37 + (i >> 3) * 11);
}

/* AVX where the processor has it: sets CR4.OSXSAVE and XCR0. */
static void enable_vectors(void)
{
	struct cpuid features = cpuid(1, 0);
	uint32_t have = X87 | SSE;

	image.xmask = 0;
	if (!(features.ecx >> 26 & 1))
		return;
	WRITE_REG("cr4", READ_REG("cr4") | 1 << 18);
	have |= cpuid(13, 0).eax & AVX;
	__asm__ volatile("xsetbv" : : "c"(0), "a"(have), "d"(0));
	image.xmask = have;
}

static const uint32_t pattern_msrs[] = {
	MSR_LSTAR, MSR_CSTAR, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_SYSENTER_ESP,
	MSR_SYSENTER_EIP,
};

enum { PATTERN_MSRS = sizeof(pattern_msrs) / sizeof(pattern_msrs[0]) };

static uint64_t msr_pattern(unsigned i)
{
	return 0x00007a5500112200ULL + i * 0x1111;
}

static void prepare(void (*stub)(void))
{
	memset(&image, 0, offsetof(struct regs_image, fpu_out));
	enable_vectors();
	for (unsigned i = 0; i < 16; i++)
		image.in[i] = 0xa5c3000000000000ULL + i * 0x0101010101ULL + 0x1234;
	image.stub = (uint64_t)(uintptr_t)stub;
	image.flags_in = 0x8d7; /* OF, SF, ZF, AF, PF, CF; IF and DF clear */
	memset(image.fpu_in, 0, sizeof(image.fpu_in));
	image.fpu_in[0] = 0x7f; /* FCW 0x037f */
	image.fpu_in[1] = 0x03;
	image.fpu_in[4] = 0xff; /* all of st0-7 in use */
	image.fpu_in[24] = 0x80; /* MXCSR 0x1f80 */
	image.fpu_in[25] = 0x1f;
	for (unsigned i = 0; i < 8; i++) {
		fill(image.fpu_in + FX_ST0 + 16 * i, 8, (uint8_t)(i * 29 + 1));
		image.fpu_in[FX_ST0 + 16 * i + 7] |= 0x80; /* a normal number */
		image.fpu_in[FX_ST0 + 16 * i + 8] = (uint8_t)i;
		image.fpu_in[FX_ST0 + 16 * i + 9] = 0x40;
	}
	fill(image.fpu_in + FX_XMM0, 256, 0x5b);
	if (image.xmask) {
		image.fpu_in[XS_BV] = (uint8_t)image.xmask;
		if (image.xmask & AVX)
			fill(image.fpu_in + XS_YMM, 256, 0xc7);
	}
	for (unsigned i = 0; i < PATTERN_MSRS; i++)
		wrmsr(pattern_msrs[i], msr_pattern(i));
	wrmsr(MSR_STAR, 0x0013000800000000ULL);
	wrmsr(MSR_FMASK, 0x4700);
	WRITE_REG("dr0", 0x1111000);
	WRITE_REG("dr1", 0x2222000);
	WRITE_REG("dr2", 0x3333000);
	WRITE_REG("dr3", 0x4444000);
}

/* Runs the stub and compares; `changes` has a bit for each register that the instruction writes. */
static void judge(uint32_t changes)
{
	regs_run(&image);
	for (unsigned i = 0; i < PATTERN_MSRS; i++)
		CHECK_EQ(rdmsr(pattern_msrs[i]), msr_pattern(i));
	CHECK_EQ(rdmsr(MSR_STAR), 0x0013000800000000ULL);
	CHECK_EQ(rdmsr(MSR_FMASK), 0x4700);
	CHECK_EQ(READ_REG("dr0"), 0x1111000);
	CHECK_EQ(READ_REG("dr1"), 0x2222000);
	CHECK_EQ(READ_REG("dr2"), 0x3333000);
	CHECK_EQ(READ_REG("dr3"), 0x4444000);
	for (unsigned i = 0; i < 16; i++) {
		if (i != RSP && !(changes >> i & 1) && image.out[i] != image.in[i])
			fail("register %u is 0x%llx, was 0x%llx", i,
			     (unsigned long long)image.out[i], (unsigned long long)image.in[i]);
	}
	for (unsigned i = 0; i < 8; i++)
		CHECK(memcmp(image.fpu_in + FX_ST0 + 16 * i, image.fpu_out + FX_ST0 + 16 * i, 10) == 0);
	CHECK(memcmp(image.fpu_in + FX_XMM0, image.fpu_out + FX_XMM0, 256) == 0);
	if (image.xmask & AVX)
		CHECK(memcmp(image.fpu_in + XS_YMM, image.fpu_out + XS_YMM, 256) == 0);
	CHECK(image.fpu_out[24] == 0x80 && image.fpu_out[25] == 0x1f);
}

static void judge_flags(uint32_t changes)
{
	judge(changes);
	CHECK_EQ(image.flags_out & 0x8d5, 0x8d5);
}

static void regs_nothing(void)
{
	prepare(stub_nothing);
	judge_flags(0);
}

static void regs_cpuid(void)
{
	prepare(stub_cpuid);
	image.in[RAX] = 0;
	judge_flags(1 << RAX | 1 << RBX | 1 << RCX | 1 << RDX);
}

static void regs_rdmsr(void)
{
	prepare(stub_rdmsr);
	image.in[RCX] = MSR_APIC_BASE;
	judge_flags(1 << RAX | 1 << RDX);
}

static void regs_wrmsr(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	prepare(stub_wrmsr);
	image.in[RCX] = MSR_APIC_BASE;
	image.in[RAX] = base & 0xffffffff;
	image.in[RDX] = base >> 32;
	judge_flags(0);
}

static void regs_in8(void)
{
	prepare(stub_in8);
	image.in[RDX] = 0x21;
	judge_flags(1 << RAX);
	CHECK_EQ(image.out[RAX] >> 8, image.in[RAX] >> 8); /* the rest of RAX stays */
	CHECK_EQ(image.out[RAX] & 0xff, 0xff); /* the 8259's mask: all set */
}

static void regs_in16(void)
{
	prepare(stub_in16);
	image.in[RDX] = 0x21;
	judge_flags(1 << RAX);
	CHECK_EQ(image.out[RAX] >> 16, image.in[RAX] >> 16);
}

static void regs_in32(void)
{
	outl(0xcf8, 0x80000000);
	prepare(stub_in32);
	image.in[RDX] = 0xcf8;
	judge_flags(1 << RAX);
	CHECK_EQ(image.out[RAX], 0x80000000);
}

static void regs_out8(void)
{
	prepare(stub_out8);
	image.in[RDX] = 0x80;
	judge_flags(0);
}

static void regs_out16(void)
{
	prepare(stub_out16);
	image.in[RDX] = 0x5a00;
	judge_flags(0);
}

/* A register of the local APIC, by the MSR in the kernel and by its page through the monitor. */
static void regs_lapic(void)
{
	lapic_init(true);
	if (lapic_is_x2()) {
		prepare(stub_rdmsr);
		image.in[RCX] = 0x803;
		judge_flags(1 << RAX | 1 << RDX);
		CHECK_EQ(image.out[RAX] & 0xf0, 0x10);
	}
	lapic_init(false);
	prepare(stub_mmio_read);
	image.in[RSI] = 0xfee00000 + LAPIC_VERSION;
	judge_flags(1 << R8);
	CHECK_EQ(image.out[R8] & 0xf0, 0x10);
}

static void regs_out32(void)
{
	prepare(stub_out32);
	image.in[RDX] = 0xcf8;
	image.in[RAX] = 0x80000000;
	judge_flags(0);
}

/* Before the HLT, on a slow host? Then once more. */
static void wake(struct frame *f)
{
	if (f->rip != (uint64_t)(uintptr_t)stub_hlt + 1)
		lapic_set(LAPIC_TICR, 100000000);
	lapic_eoi();
}

static void regs_hlt(void)
{
	lapic_init(true);
	on_trap(0x61, wake);
	prepare(stub_hlt);
	image.flags_in = 0xad7; /* IF set */
	lapic_set(LAPIC_TDCR, 0xb);
	lapic_set(LAPIC_LVTT, 0x61);
	lapic_set(LAPIC_TICR, 10000000);
	judge_flags(0);
}

static void regs_hypercall(void)
{
	prepare(cpu_is_intel() ? stub_vmcall : stub_vmmcall);
	image.in[RAX] = 0xffff;
	if (!(cpu_is_intel() ? TRY("vmcall", : : "a"(0xffff) : "memory")
			     : TRY("vmmcall", : : "a"(0xffff) : "memory")))
		skip("no hypervisor answers");
	judge_flags(1 << RAX);
}

static void regs_wbinvd(void)
{
	prepare(stub_wbinvd);
	judge_flags(0);
}

static void regs_pause(void)
{
	prepare(stub_pause);
	judge_flags(0);
}

static void regs_rdtsc(void)
{
	prepare(stub_rdtsc);
	judge_flags(1 << RAX | 1 << RDX);
}

static void regs_mmio_read(void)
{
	ioapic_get(1);
	prepare(stub_mmio_read);
	image.in[RSI] = 0xfec00000;
	judge_flags(1 << R8);
	CHECK_EQ(image.out[R8], 1);
}

static void regs_mmio_write(void)
{
	prepare(stub_mmio_write);
	image.in[RSI] = 0xfec00000;
	image.in[R9] = 0;
	judge_flags(0);
}

static void regs_mmio_rmw(void)
{
	prepare(stub_mmio_rmw);
	image.in[RSI] = 0xfec00000;
	judge(0);
}

static void regs_cr8(void)
{
	prepare(stub_cr8);
	image.in[RAX] = 3;
	judge_flags(0);
	WRITE_REG("cr8", 0);
}

static void regs_xsetbv(void)
{
	prepare(stub_xsetbv);
	if (!image.xmask)
		skip("no XSAVE");
	image.in[RCX] = 0;
	image.in[RAX] = image.xmask;
	image.in[RDX] = 0;
	judge_flags(0);
}

static void regs_invlpg(void)
{
	prepare(stub_invlpg);
	image.in[RSI] = 0x400000;
	judge_flags(0);
}

static void after_int3(struct frame *f)
{
	(void)f;
}

static void regs_exception(void)
{
	on_trap(VECTOR_BP, after_int3);
	prepare(stub_int3);
	judge_flags(0);
	on_trap(VECTOR_BP, NULL);
}

/* Some hundred milliseconds in one instruction loop: the host's ticks come in between. */
static void regs_preempted(void)
{
	for (unsigned round = 0; round < 8; round++) {
		prepare(stub_spin);
		image.in[RCX] = 20000000;
		judge(1 << RCX);
	}
}

static void regs_string_mmio(void)
{
	prepare(stub_rep_stos_mmio);
	image.in[RDI] = 0xfec00000;
	image.in[RAX] = 0;
	image.in[RCX] = 3;
	judge_flags(1 << RCX | 1 << RDI);
	CHECK_EQ(image.out[RCX], 0);
	CHECK_EQ(image.out[RDI], 0xfec0000c);
}

static void regs_string_in(void)
{
	memset(scratch, 0, sizeof(scratch));
	prepare(stub_rep_insb);
	image.in[RDI] = (uint64_t)(uintptr_t)scratch;
	image.in[RDX] = 0x21;
	image.in[RCX] = 5;
	judge_flags(1 << RCX | 1 << RDI);
	CHECK_EQ(image.out[RCX], 0);
	CHECK_EQ(image.out[RDI], image.in[RDI] + 5);
	CHECK(scratch[0] == 0xff && scratch[4] == 0xff && scratch[5] == 0);
}

static void regs_string_out(void)
{
	prepare(stub_rep_outsb);
	image.in[RSI] = (uint64_t)(uintptr_t)outs_text;
	image.in[RDX] = 0x80;
	image.in[RCX] = 1;
	judge_flags(1 << RCX | 1 << RSI);
	CHECK_EQ(image.out[RSI], image.in[RSI] + 1);
}

const struct test payload_tests[] = {
	{ "regs_nothing", regs_nothing },
	{ "regs_cpuid", regs_cpuid },
	{ "regs_rdmsr", regs_rdmsr },
	{ "regs_wrmsr", regs_wrmsr },
	{ "regs_in8", regs_in8 },
	{ "regs_in16", regs_in16 },
	{ "regs_in32", regs_in32 },
	{ "regs_out8", regs_out8 },
	{ "regs_out16", regs_out16 },
	{ "regs_out32", regs_out32 },
	{ "regs_lapic", regs_lapic },
	{ "regs_hlt", regs_hlt },
	{ "regs_hypercall", regs_hypercall },
	{ "regs_wbinvd", regs_wbinvd },
	{ "regs_pause", regs_pause },
	{ "regs_rdtsc", regs_rdtsc },
	{ "regs_mmio_read", regs_mmio_read },
	{ "regs_mmio_write", regs_mmio_write },
	{ "regs_mmio_rmw", regs_mmio_rmw },
	{ "regs_cr8", regs_cr8 },
	{ "regs_xsetbv", regs_xsetbv },
	{ "regs_invlpg", regs_invlpg },
	{ "regs_exception", regs_exception },
	{ "regs_string_mmio", regs_string_mmio },
	{ "regs_string_in", regs_string_in },
	{ "regs_string_out", regs_string_out },
	{ "regs_preempted", regs_preempted },
	{ 0 },
};
