/* SPDX-License-Identifier: GPL-2.0-only */
/* The processor as the guest sees it: CPUID, MSRs, exceptions of every kind, control registers. */
#include "tests/payload/lib/payload.h"

#include "lib/string.h"

static bool on_hypervisor(void)
{
	return cpuid(1, 0).ecx >> 31 & 1;
}

static void cpuid_basic(void)
{
	struct cpuid zero = cpuid(0, 0), one = cpuid(1, 0), ext = cpuid(0x80000000, 0);

	CHECK(zero.eax >= 7);
	CHECK(ext.eax >= 0x80000008);
	CHECK(one.edx & 1 << 4); /* TSC */
	CHECK(one.edx & 1 << 9); /* APIC */
	CHECK(one.edx & 1 << 24); /* FXSR */
	CHECK(cpuid(0x80000001, 0).edx & 1 << 29); /* long mode */
	CHECK((cpuid(0x80000008, 0).eax & 0xff) >= 36);
	/* The APIC ID of the one processor. */
	CHECK_EQ(one.ebx >> 24, 0);
}

static void cpuid_osxsave(void)
{
	uint64_t cr4 = READ_REG("cr4");

	if (!(cpuid(1, 0).ecx >> 26 & 1))
		skip("no XSAVE");
	WRITE_REG("cr4", cr4 & ~(1ULL << 18));
	CHECK_EQ(cpuid(1, 0).ecx >> 27 & 1, 0);
	WRITE_REG("cr4", cr4 | 1ULL << 18);
	CHECK_EQ(cpuid(1, 0).ecx >> 27 & 1, 1);
	/* The size for what is enabled now: legacy area and header, when only x87 and SSE are. */
	__asm__ volatile("xsetbv" : : "c"(0), "a"(3), "d"(0));
	CHECK_EQ(cpuid(13, 0).ebx, 576);
}

static void cpuid_no_virtualisation(void)
{
	struct cpuid hv;

	if (!on_hypervisor())
		skip("no hypervisor");
	hv = cpuid(0x40000000, 0);
	if (hv.ebx != 0x4b4d564b)
		skip("another hypervisor");
	CHECK_EQ(cpuid(1, 0).ecx >> 5 & 1, 0); /* VMX */
	CHECK_EQ(cpuid(0x80000001, 0).ecx >> 2 & 1, 0); /* SVM */
}

static void cpuid_kvm(void)
{
	struct cpuid hv;

	if (!on_hypervisor())
		skip("no hypervisor");
	hv = cpuid(0x40000000, 0);
	if (hv.ebx != 0x4b4d564b)
		skip("another hypervisor");
	CHECK_EQ(hv.ecx, 0x564b4d56);
	CHECK_EQ(hv.edx, 0x4d);
	CHECK(hv.eax >= 0x40000001);
	CHECK(cpuid(0x40000001, 0).eax & 1 << 3); /* kvmclock's newer MSRs */
	CHECK(cpuid(1, 0).ecx >> 21 & 1); /* x2APIC */
	CHECK(cpuid(1, 0).ecx >> 24 & 1); /* TSC-deadline timer */
}

static void cpuid_out_of_range(void)
{
	struct cpuid max = cpuid(cpuid(0, 0).eax, 0), beyond = cpuid(0x20000000, 0);

	/* Intel: the highest basic leaf's data; AMD: zeros. Both exist in the wild. */
	CHECK((beyond.eax | beyond.ebx | beyond.ecx | beyond.edx) == 0 ||
	      memcmp(&max, &beyond, sizeof(max)) == 0 || beyond.eax != 0);
}

static void msr_round_trip(void)
{
	static const struct {
		uint32_t msr;
		uint64_t value;
	} t[] = {
		{ MSR_STAR, 0x0013000812345678 }, { MSR_LSTAR, 0xffff800000123456 },
		{ MSR_CSTAR, 0xffff800000654321 }, { MSR_FMASK, 0x47700 },
		{ MSR_FS_BASE, 0x00007ffffffff000 }, { MSR_GS_BASE, 0xffff888000000000 },
		{ MSR_KERNEL_GS_BASE, 0xffffffff81000000 }, { MSR_SYSENTER_CS, 0x10 },
		{ MSR_SYSENTER_ESP, 0xffff800000001000 }, { MSR_SYSENTER_EIP, 0xffff800000002000 },
		{ MSR_PAT, 0x0007010600070106 },
	};

	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint64_t old = rdmsr(t[i].msr), now;

		wrmsr(t[i].msr, t[i].value);
		now = rdmsr(t[i].msr);
		wrmsr(t[i].msr, old);
		if (now != t[i].value)
			fail("MSR 0x%x reads 0x%llx after 0x%llx", t[i].msr,
			     (unsigned long long)now, (unsigned long long)t[i].value);
	}
}

static bool wrmsr_works(uint32_t msr, uint64_t v)
{
	return TRY("wrmsr", : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

static bool rdmsr_works(uint32_t msr)
{
	uint32_t a, d;

	return TRY("rdmsr", : "=a"(a), "=d"(d) : "c"(msr));
}

static void msr_unknown(void)
{
	if (!on_bulkhead())
		skip("not Bulkhead: this host ignores unknown MSRs");
	CHECK(!rdmsr_works(0x12345));
	CHECK_EQ(caught.vector, VECTOR_GP);
	CHECK_EQ(caught.error, 0);
	CHECK(!wrmsr_works(0x12345, 0));
	CHECK_EQ(caught.vector, VECTOR_GP);
}

/* SPEC_CTRL and the flush are nobody's but the hypervisor's; the rest is there when CPUID says so. */
static void msr_side_channels(void)
{
	uint32_t l7 = cpuid(7, 0).edx, x8 = cpuid(0x80000008, 0).ebx;
	bool caps = l7 >> 29 & 1, ibpb = x8 >> 12 & 1;

	if (!on_bulkhead())
		skip("not Bulkhead: this host may offer SPEC_CTRL");
	CHECK_EQ(l7 & (1U << 26 | 1U << 27 | 1U << 28 | 1U << 31), 0);
	CHECK_EQ(x8 & (1U << 14 | 1U << 15 | 1U << 24 | 1U << 25), 0);
	CHECK(!rdmsr_works(0x48) && caught.vector == VECTOR_GP);
	CHECK(!wrmsr_works(0x48, 0) && caught.vector == VECTOR_GP);
	CHECK(!wrmsr_works(0x48, 1));
	CHECK(!wrmsr_works(0x10b, 1) && caught.vector == VECTOR_GP);
	CHECK(!rdmsr_works(0x49));
	CHECK_EQ(wrmsr_works(0x49, 1), ibpb);
	CHECK(!wrmsr_works(0x49, 2));
	CHECK_EQ(rdmsr_works(0x10a), caps);
	CHECK(!wrmsr_works(0x10a, 0));
	CHECK(!caps || (rdmsr(0x10a) & (1 << 1 | 1 << 7)) == 0); /* no enhanced IBRS, no TSX_CTRL */
	CHECK(!wrmsr_works(0xc001011f, 4)); /* VIRT_SPEC_CTRL */
}

struct bad_value {
	uint32_t msr;
	uint64_t value;
};

static void refuse(const struct bad_value *bad, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t old = rdmsr(bad[i].msr);

		if (wrmsr_works(bad[i].msr, bad[i].value)) {
			wrmsr(bad[i].msr, old);
			fail("MSR 0x%x takes 0x%llx", bad[i].msr, (unsigned long long)bad[i].value);
		}
		CHECK_EQ(caught.vector, VECTOR_GP);
		CHECK_EQ(rdmsr(bad[i].msr), old);
	}
}

static void msr_bad_values(void)
{
	static const struct bad_value bad[] = {
		{ MSR_PAT, 0x0007040600070402 },
		{ MSR_EFER, 1ULL << 40 },
		{ MSR_APIC_BASE, 1ULL << 60 | 0xfee00900 },
	};

	if (!on_bulkhead())
		skip("not Bulkhead: this host does not check them all");
	refuse(bad, sizeof(bad) / sizeof(bad[0]));
	/* Long mode cannot be switched off while paging is on. */
	CHECK(!wrmsr_works(MSR_EFER, rdmsr(MSR_EFER) & ~(1ULL << 8)));
	CHECK_EQ(caught.vector, VECTOR_GP);
}

/* The guest writes these directly: the processor checks, if it does. QEMU's TCG does not. */
static void msr_not_canonical(void)
{
	static const struct bad_value bad[] = {
		{ MSR_LSTAR, 0x8000000000000000 },
		{ MSR_CSTAR, 0x0000800000000000 },
		{ MSR_FS_BASE, 0x1234000000000000 },
		{ MSR_GS_BASE, 0x0001000000000000 },
		{ MSR_KERNEL_GS_BASE, 0xfffe000000000000 },
	};

	if (!option("strict"))
		skip("only with `strict` on the command line");
	refuse(bad, sizeof(bad) / sizeof(bad[0]));
}

static void exception_de(void)
{
	uint32_t a = 1, d = 0;

	CHECK(!TRY("div %2", : "+a"(a), "+d"(d) : "r"(0)));
	CHECK_EQ(caught.vector, VECTOR_DE);
}

static void exception_ud(void)
{
	CHECK(!TRY("ud2", : : : "memory"));
	CHECK_EQ(caught.vector, VECTOR_UD);
}

static void exception_gp(void)
{
	uint64_t bad = 0x8000000000000000;

	CHECK(!TRY("mov (%0), %%rax", : : "r"(bad) : "rax", "memory"));
	CHECK_EQ(caught.vector, VECTOR_GP);
	CHECK_EQ(caught.error, 0);
	CHECK(!TRY("mov %0, %%ds", : : "r"(0x1230) : "memory"));
	CHECK_EQ(caught.vector, VECTOR_GP);
	CHECK_EQ(caught.error, 0x1230);
}

static void exception_pf(void)
{
	uint64_t at = 0x123456789000;

	CHECK(!TRY("mov (%0), %%al", : : "r"(at) : "rax", "memory"));
	CHECK_EQ(caught.vector, VECTOR_PF);
	CHECK_EQ(caught.error, 0);
	CHECK_EQ(caught.cr2, at);
	CHECK(!TRY("movb $1, (%0)", : : "r"(at + 5) : "memory"));
	CHECK_EQ(caught.error, 2);
	CHECK_EQ(caught.cr2, at + 5);
}

static void exception_nm(void)
{
	uint64_t cr0 = READ_REG("cr0");

	WRITE_REG("cr0", cr0 | 8);
	CHECK(!TRY("fnop", : : : "memory"));
	WRITE_REG("cr0", cr0);
	CHECK_EQ(caught.vector, VECTOR_NM);
	CHECK(TRY("fnop", : : : "memory"));
}

static void exception_mf(void)
{
	uint16_t cw = 0x0360; /* zero divide, invalid unmasked */

	WRITE_REG("cr0", READ_REG("cr0") | 0x20);
	CHECK(!TRY("fninit; fldcw %0; fld1; fldz; fdivrp; fwait", : : "m"(cw) : "memory"));
	__asm__ volatile("fninit");
	CHECK_EQ(caught.vector, VECTOR_MF);
}

/* Loads of a descriptor that is not present: #NP, but #SS for SS. */
static void exception_np_ss(void)
{
	CHECK(!TRY("mov %0, %%ds", : : "r"(SEL_ABSENT) : "memory"));
	CHECK_EQ(caught.vector, VECTOR_NP);
	CHECK_EQ(caught.error, SEL_ABSENT);
	CHECK(!TRY("mov %0, %%ss", : : "r"(SEL_ABSENT) : "memory"));
	CHECK_EQ(caught.vector, VECTOR_SS);
	CHECK_EQ(caught.error, SEL_ABSENT);
}

static volatile unsigned bp_count, db_count;
static volatile uint64_t trap_rip, trap_dr6;

static void count_bp(struct frame *f)
{
	bp_count++;
	trap_rip = f->rip;
}

static void exception_bp(void)
{
	uint64_t after;

	bp_count = 0;
	on_trap(VECTOR_BP, count_bp);
	__asm__ volatile("int3\n2: lea 2b(%%rip), %0" : "=r"(after));
	on_trap(VECTOR_BP, NULL);
	CHECK_EQ(bp_count, 1);
	CHECK_EQ(trap_rip, after); /* a trap: RIP is behind it */
}

static void count_int(struct frame *f)
{
	bp_count++;
	trap_rip = f->rip;
}

static void soft_interrupt(void)
{
	uint64_t after;

	bp_count = 0;
	on_trap(0x77, count_int);
	__asm__ volatile("int $0x77\n2: lea 2b(%%rip), %0" : "=r"(after));
	on_trap(0x77, NULL);
	CHECK_EQ(bp_count, 1);
	CHECK_EQ(trap_rip, after);
}

static void count_db(struct frame *f)
{
	db_count++;
	trap_dr6 = READ_REG("dr6");
	WRITE_REG("dr6", 0xffff0ff0);
	if (db_count >= 4)
		f->rflags &= ~0x100ULL;
}

static void single_step(void)
{
	db_count = 0;
	on_trap(VECTOR_DB, count_db);
	/* Steps over instructions that exit as well as over those that do not. */
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; cpuid; nop; nop; nop"
			 : : "a"(0), "c"(0) : "rbx", "rdx", "memory");
	on_trap(VECTOR_DB, NULL);
	CHECK_EQ(db_count, 4);
	CHECK(trap_dr6 & 1 << 14);
}

static volatile uint64_t stepped_to;

static void step_once(struct frame *f)
{
	db_count++;
	stepped_to = f->rip;
	f->rflags &= ~0x100ULL;
	WRITE_REG("dr6", 0xffff0ff0);
}

/* MOV SS holds a step back for one instruction, also when that one is an exit: kernel, ring 3. */
static void mov_ss_shadow(void)
{
	uint64_t behind;

	if (!option("strict") && on_bulkhead())
		skip("only with `strict` on the command line");
	on_trap(VECTOR_DB, step_once);
	db_count = 0;
	__asm__ volatile("movl %%ss, %%esi; pushfq; orq $0x100, (%%rsp); popfq; movl %%esi, %%ss; cpuid\n"
			 "1: nop; lea 1b(%%rip), %0" : "=D"(behind) : "a"(0), "c"(0) : "rbx", "rdx", "rsi", "memory");
	CHECK_EQ(db_count, 1);
	CHECK_EQ(stepped_to, behind);
	__asm__ volatile("movl %%ss, %%esi; pushfq; orq $0x100, (%%rsp); popfq; movl %%esi, %%ss; inb $0x71\n"
			 "1: nop; lea 1b(%%rip), %0" : "=D"(behind) : "a"(0) : "rsi", "memory");
	on_trap(VECTOR_DB, NULL);
	CHECK_EQ(db_count, 2);
	CHECK_EQ(stepped_to, behind);
}

static volatile uint32_t watched;

static void data_breakpoint(void)
{
	db_count = 4;
	on_trap(VECTOR_DB, count_db);
	WRITE_REG("dr0", (uint64_t)(uintptr_t)&watched);
	WRITE_REG("dr7", 0x000d0401); /* enabled, write, 4 bytes */
	watched = 1;
	WRITE_REG("dr7", 0x400);
	on_trap(VECTOR_DB, NULL);
	CHECK_EQ(db_count, 5);
	CHECK(trap_dr6 & 1);
}

static volatile unsigned nested;

static void nest(struct frame *f)
{
	uint64_t at = 0x123456789000;

	(void)f;
	nested++;
	/* An exception in a handler; its own handler comes back here. */
	if (!TRY("mov (%0), %%al", : : "r"(at) : "rax", "memory") && caught.vector == VECTOR_PF)
		nested++;
}

static void exception_nested(void)
{
	nested = 0;
	on_trap(VECTOR_BP, nest);
	__asm__ volatile("int3");
	on_trap(VECTOR_BP, NULL);
	CHECK_EQ(nested, 2);
}

/* Each is an exit that no guest may have: the answer is #UD. */
static void virtualisation_instructions(void)
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

static void control_registers(void)
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
static void control_registers_bad(void)
{
	uint64_t cr0 = READ_REG("cr0"), cr4 = READ_REG("cr4");

	if (!option("strict"))
		skip("only with `strict` on the command line");
	CHECK(!TRY("mov %0, %%cr4", : : "r"(cr4 | 1ULL << 31) : "memory"));
	CHECK_EQ(caught.vector, VECTOR_GP);
	CHECK(!TRY("mov %0, %%cr0", : : "r"((cr0 & ~1ULL)) : "memory")); /* PG without PE */
	CHECK_EQ(caught.vector, VECTOR_GP);
}

static void xsetbv_bad(void)
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

static void cache_instructions(void)
{
	CHECK(TRY("wbinvd", : : : "memory"));
	if (on_bulkhead())
		CHECK(TRY("invd", : : : "memory")); /* must not lose what is in the caches */
}

static void tsc_monotonic(void)
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

static void tsc_write(void)
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
static void promised_instructions(void)
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

static void syscall_sysret(void)
{
	wrmsr(MSR_STAR, (uint64_t)(SEL_USER_DATA - 8) << 48 | (uint64_t)SEL_CODE64 << 32);
	wrmsr(MSR_LSTAR, (uint64_t)(uintptr_t)user_syscall_entry);
	wrmsr(MSR_FMASK, 0x700);
	user_result = user_enter((uint64_t)(uintptr_t)(user_stack + sizeof(user_stack)));
	CHECK_EQ(user_result, 0x1234);
}

const struct test payload_tests[] = {
	{ "cpuid_basic", cpuid_basic },
	{ "cpuid_osxsave", cpuid_osxsave },
	{ "cpuid_no_virtualisation", cpuid_no_virtualisation },
	{ "cpuid_kvm", cpuid_kvm },
	{ "cpuid_out_of_range", cpuid_out_of_range },
	{ "msr_round_trip", msr_round_trip },
	{ "msr_unknown", msr_unknown },
	{ "msr_side_channels", msr_side_channels },
	{ "msr_bad_values", msr_bad_values },
	{ "msr_not_canonical", msr_not_canonical },
	{ "exception_de", exception_de },
	{ "exception_ud", exception_ud },
	{ "exception_gp", exception_gp },
	{ "exception_pf", exception_pf },
	{ "exception_nm", exception_nm },
	{ "exception_mf", exception_mf },
	{ "exception_np_ss", exception_np_ss },
	{ "exception_bp", exception_bp },
	{ "exception_nested", exception_nested },
	{ "soft_interrupt", soft_interrupt },
	{ "single_step", single_step },
	{ "mov_ss_shadow", mov_ss_shadow },
	{ "data_breakpoint", data_breakpoint },
	{ "virtualisation_instructions", virtualisation_instructions },
	{ "control_registers", control_registers },
	{ "control_registers_bad", control_registers_bad },
	{ "xsetbv_bad", xsetbv_bad },
	{ "cache_instructions", cache_instructions },
	{ "tsc_monotonic", tsc_monotonic },
	{ "tsc_write", tsc_write },
	{ "promised_instructions", promised_instructions },
	{ "syscall_sysret", syscall_sysret },
	{ 0 },
};
