/* SPDX-License-Identifier: GPL-2.0-only */
/* Instructions that a hypervisor has to do with: control registers, XSETBV, caches, TSC, SYSCALL. */
#include "tests/payload/cpu/cpu.h"

#include "tests/payload/lib/payload.h"

/* Each is an exit that no guest may have: the answer is #UD. */
void virtualisation_instructions(void)
{
	if (!on_bulkhead())
		skip("not Bulkhead");
	CHECK(!TRY("vmrun", : : "a"(0) : "memory") && caught.vector == VECTOR_UD);
	CHECK(!TRY("vmload", : : "a"(0) : "memory") && caught.vector == VECTOR_UD);
	CHECK(!TRY("vmsave", : : "a"(0) : "memory") && caught.vector == VECTOR_UD);
	CHECK(!TRY("stgi", : : : "memory") && caught.vector == VECTOR_UD);
	CHECK(!TRY("clgi", : : : "memory") && caught.vector == VECTOR_UD);
	CHECK(!TRY("invlpga", : : "a"(0), "c"(0) : "memory") && caught.vector == VECTOR_UD);
	CHECK(!TRY("vmxoff", : : : "memory") && caught.vector == VECTOR_UD);
}

void control_registers(void)
{
	uint64_t cr0 = READ_REG("cr0"), cr4 = READ_REG("cr4");

	WRITE_REG("cr0", cr0 ^ 1 << 16); /* WP */
	CHECK_EQ(READ_REG("cr0"), cr0 ^ 1 << 16);
	WRITE_REG("cr0", cr0);
	WRITE_REG("cr4", cr4 | 1 << 7); /* PGE */
	CHECK_EQ(READ_REG("cr4"), cr4 | 1 << 7);
	WRITE_REG("cr4", cr4);
	WRITE_REG("cr8", 5);
	CHECK_EQ(READ_REG("cr8"), 5);
	lapic_init(true);
	WRITE_REG("cr8", 9);
	CHECK_EQ(lapic_get(LAPIC_TPR), 0x90);
	lapic_set(LAPIC_TPR, 0x30);
	CHECK_EQ(READ_REG("cr8"), 3);
	WRITE_REG("cr8", 0);
}

/* QEMU's TCG takes such values, in its guests' guests too: only where the command line says so. */
void control_registers_bad(void)
{
	uint64_t cr0 = READ_REG("cr0"), cr4 = READ_REG("cr4");

	if (!option("strict"))
		skip("only with `strict` on the command line");
	CHECK(!TRY("mov %0, %%cr4", : : "r"(cr4 | 1ULL << 31) : "memory"));
	CHECK_EQ(caught.vector, VECTOR_GP);
	CHECK(!TRY("mov %0, %%cr0", : : "r"((cr0 & ~1ULL)) : "memory")); /* PG without PE */
	CHECK_EQ(caught.vector, VECTOR_GP);
}

void xsetbv_bad(void)
{
	if (!(cpuid(1, 0).ecx >> 26 & 1))
		skip("no XSAVE");
	WRITE_REG("cr4", READ_REG("cr4") | 1 << 18);
	CHECK(!TRY("xsetbv", : : "c"(0), "a"(2), "d"(0) : "memory")); /* without x87 */
	CHECK_EQ(caught.vector, VECTOR_GP);
	CHECK(!TRY("xsetbv", : : "c"(1), "a"(1), "d"(0) : "memory")); /* no such register */
	CHECK_EQ(caught.vector, VECTOR_GP);
	CHECK(!TRY("xsetbv", : : "c"(0), "a"(3), "d"(1 << 30) : "memory"));
	CHECK_EQ(caught.vector, VECTOR_GP);
	CHECK(TRY("xsetbv", : : "c"(0), "a"(3), "d"(0) : "memory"));
}

void cache_instructions(void)
{
	CHECK(TRY("wbinvd", : : : "memory"));
	if (on_bulkhead())
		CHECK(TRY("invd", : : : "memory")); /* must not lose what is in the caches */
}

void tsc_monotonic(void)
{
	uint64_t last = rdtsc();

	for (unsigned i = 0; i < 2000; i++) {
		uint64_t now;

		if (i % 100 == 0)
			cpuid(0, 0);
		now = rdtsc();
		if (now < last)
			fail("TSC went from %llu to %llu", (unsigned long long)last,
			     (unsigned long long)now);
		last = now;
	}
}

void tsc_write(void)
{
	uint64_t before = rdtsc(), after;

	if (!on_bulkhead())
		skip("not Bulkhead: this host ignores it");
	wrmsr(0x10, before + 1000000000000ULL);
	after = rdtsc();
	wrmsr(0x10, before);
	CHECK(after >= before + 1000000000000ULL);
	CHECK(after < before + 1100000000000ULL);
}

/* SYSCALL from ring 3 and back, through LSTAR and STAR. */
static volatile uint64_t user_result;
static uint8_t user_stack[4096] __attribute__((aligned(16)));

__asm__(".pushsection .text\n"
	".globl user_code, user_syscall_entry, user_enter\n"
	"user_enter:\n" /* saves the stack, goes to ring 3 by SYSRET */
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"mov %rsp, user_saved_rsp(%rip)\n"
	"lea user_code(%rip), %rcx\n"
	"mov $2, %r11d\n"
	"mov %rdi, %rsp\n"
	"sysretq\n"
	"user_code:\n"
	"mov $0x1234, %edi\n"
	"syscall\n"
	"ud2\n"
	"user_syscall_entry:\n"
	"mov user_saved_rsp(%rip), %rsp\n"
	"mov %rdi, %rax\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"ret\n"
	".popsection\n"
	".pushsection .bss\n"
	"user_saved_rsp: .quad 0\n"
	".popsection\n");
extern uint64_t user_enter(uint64_t stack);
extern const uint8_t user_syscall_entry[];

/* RDTSCP, RDPID and INVPCID: what CPUID promises can be executed, what it does not is #UD. */
void promised_instructions(void)
{
	struct {
		uint64_t pcid, linear;
	} all = { 0, 0 };
	bool rdtscp = cpuid(0x80000001, 0).edx >> 27 & 1;
	uint64_t id = ~0ULL;
	uint32_t aux = ~0U;

	if (rdtscp)
		wrmsr(MSR_TSC_AUX, 77);
	CHECK_EQ(TRY("rdtscp", : "=c"(aux) : : "rax", "rdx"), rdtscp);
	CHECK(rdtscp ? aux == 77 : caught.vector == VECTOR_UD);
	CHECK_EQ(TRY("rdpid %0", : "=r"(id)), cpuid(7, 0).ecx >> 22 & 1);
	CHECK(cpuid(7, 0).ecx >> 22 & 1 ? id == 77 : caught.vector == VECTOR_UD);
	if (rdtscp)
		wrmsr(MSR_TSC_AUX, 0);
	CHECK_EQ(TRY("invpcid %0, %1", : : "m"(all), "r"(2ULL) : "memory"), cpuid(7, 0).ebx >> 10 & 1);
	CHECK(cpuid(7, 0).ebx >> 10 & 1 || caught.vector == VECTOR_UD);
}

void syscall_sysret(void)
{
	wrmsr(MSR_STAR, (uint64_t)(SEL_USER_DATA - 8) << 48 | (uint64_t)SEL_CODE64 << 32);
	wrmsr(MSR_LSTAR, (uint64_t)(uintptr_t)user_syscall_entry);
	wrmsr(MSR_FMASK, 0x700);
	user_result = user_enter((uint64_t)(uintptr_t)(user_stack + sizeof(user_stack)));
	CHECK_EQ(user_result, 0x1234);
}
