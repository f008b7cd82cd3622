/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: arch/flaws.c kernel/mitigation.c lib/format.c lib/text.c vmx/vmx_run.c arch/speculation.asm vmx/entry.asm svm/entry.asm tests/unit/guard_leave.asm */
/*
 * What is executed against side channels, in which order: no emulator has PRED_CMD, FLUSH_CMD, SPEC_CTRL or VERW's
 * second meaning. The real code runs here, an instruction at a time: a signal handler stands for the processor and
 * writes down what counts.
 */
#include <asm/prctl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#undef REG_RIP
#define REG_RIP VCPU_REG_RIP /* kernel/abi/vcpu.h has one, too */
#include "arch/flaws.h"
#include "kernel/log.h"
#include "kernel/mitigation.h"
#include "lib/x86/msr.h"
#include "tests/unit/unit.h"
#include "vmx/vmx.h"
#include "vmx/vmx_check.h"
#undef REG_RIP

#define TF 0x100

uint32_t cpu_features;
uint16_t verw_selector = 0x2b; /* user space's data segment */
struct vmx_box vmx_box;
const uint8_t vmx_exit_kind[VMX_REASONS];
static struct vmx_vcpu vcpu;
static struct vmx_cpu cpu;
static uint64_t field[0x8000], efer;

void svm_enter(void *s, uint64_t vmcb, uint64_t host);
void guard_leave(void);
extern const uint8_t indirect_retpolines[], indirect_retpolines_end[];

void retpolines_on(void) { }
void log_line(const char *subsystem, const char *fmt, ...) { (void)subsystem, (void)fmt; }
void panic(const char *fmt, ...) { printf("panic: %s\n", fmt), exit(1); }
uint64_t vmread(uint64_t f) { return field[f]; }
void vmwrite(uint64_t f, uint64_t value) { field[f] = value; }
struct vmx_cpu *vmx_cpu_self(void) { return &cpu; }
void vmx_tlb_do(struct vmx_vcpu *s) { s->before = 0; }
void vmx_event_arm(struct vmx_vcpu *s) { (void)s; }
void vmx_break(struct vmx_vcpu *s) { (void)s; }
void vmx_state_read(const struct vmx_vcpu *s, struct vmx_state *out) { (void)s, (void)out; }
bool vmx_check(const struct vmx_state *s, char *why, size_t bytes) { return (void)s, (void)why, (void)bytes, true; }
void vmx_reinject(struct vmx_vcpu *s, uint32_t info) { (void)s, (void)info; }
enum hv_exit_kind vmx_decode(struct vmx_vcpu *s, uint32_t reason) { return (void)s, (void)reason, HV_EXIT_UNKNOWN; }

/* ---- the processor ---- */

static char done[512]; /* what was executed, in order */
static unsigned pushed; /* return-stack entries in a row */
static bool host; /* a guest has been left, and its registers not been cleared yet */
static unsigned left_over; /* guest's values in registers at the return into C */

__attribute__((format(printf, 1, 2))) static void note(const char *fmt, ...)
{
	size_t at = strlen(done);
	va_list ap;

	if (pushed != 0) {
		at += (size_t)snprintf(done + at, sizeof(done) - at, "rsb%u ", pushed);
		pushed = 0;
	}
	va_start(ap, fmt);
	vsnprintf(done + at, sizeof(done) - at, fmt, ap);
	va_end(ap);
}

/* A guest's values. */
static void registers_set(greg_t *g)
{
	static const int all[] = { REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_RBP, REG_R8, REG_R9,
				   REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		g[all[i]] = 0x6767676767676700 + i;
	host = true;
}

/* The instruction at RIP is about to be executed. */
static void look(greg_t *g)
{
	const uint8_t *p = (const uint8_t *)g[REG_RIP];

	if (p[0] == 0x0f && p[1] == 0x00 && (p[2] >> 3 & 7) == 5)
		note("verw ");
	else if (p >= (const uint8_t *)rsb_fill && p < (const uint8_t *)rsb_fill + 32 * 6 && p[0] == 0xe8)
		pushed++;
	else if (p[0] == 0x0f && p[1] == 0xae && p[2] == 0xe8)
		note("lfence ");
	else if (p[0] == 0xc3 && host && p != (const uint8_t *)rsb_fill + 32 * 6 + 7 + 3) {
		static const int volatile_ones[] = { REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11 };

		note("return ");
		host = false;
		for (unsigned i = 0; i < 8; i++)
			left_over += g[volatile_ones[i]] != 0;
	}
}

static void stepped(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info;
	look(((ucontext_t *)context)->uc_mcontext.gregs);
}

static bool privileged(greg_t *g)
{
	const uint8_t *p = (const uint8_t *)g[REG_RIP];
	static const char *const svm[] = { "vmrun ", "", "vmload ", "vmsave ", "stgi ", "clgi " };

	if (p[0] == 0xfa || p[0] == 0xfb) {
		note(p[0] == 0xfa ? "cli " : "sti ");
		g[REG_RIP] += 1;
	} else if (p[0] == 0x0f && p[1] == 0x30) {
		note("%x=%x ", (unsigned)g[REG_RCX], (unsigned)g[REG_RAX]);
		if ((uint32_t)g[REG_RCX] == MSR_EFER)
			efer = (uint32_t)g[REG_RAX] | (uint64_t)g[REG_RDX] << 32;
		g[REG_RIP] += 2;
	} else if (p[0] == 0x0f && p[1] == 0x32) {
		g[REG_RAX] = (uint32_t)g[REG_RCX] == MSR_EFER ? (greg_t)efer : 0;
		g[REG_RDX] = 0;
		g[REG_RIP] += 2;
	} else if (p[0] == 0x0f && (p[1] == 0x20 || p[1] == 0x22)) { /* CR2 is not worth a word */
		if ((p[2] >> 3 & 7) == 3)
			note("cr3 ");
		g[REG_RIP] += 3;
	} else if (p[0] == 0x0f && p[1] == 0x79) { /* VMWRITE of the host's RSP */
		g[REG_RIP] += 3;
	} else if (p[0] == 0x0f && p[1] == 0x01 && (p[2] == 0xc2 || p[2] == 0xc3)) {
		note(p[2] == 0xc2 ? "vmlaunch " : "vmresume ");
		g[REG_RIP] = (greg_t)vmx_exit_point;
		registers_set(g);
		look(g);
	} else if (p[0] == 0x0f && p[1] == 0x01 && p[2] >= 0xd8 && p[2] <= 0xdd) {
		note("%s", svm[p[2] - 0xd8]);
		if (p[2] == 0xd8)
			registers_set(g);
		g[REG_RIP] += 3;
	} else {
		return false;
	}
	look(g);
	return true;
}

static void trapped(int number, siginfo_t *info, void *context)
{
	(void)info;
	if (!privileged(((ucontext_t *)context)->uc_mcontext.gregs)) {
		signal(number, SIG_DFL);
		raise(number);
	}
}

/* Executes a statement an instruction at a time; what counts is in done[]. */
#define WATCH(statement)                                                                           \
	do {                                                                                       \
		done[0] = '\0', pushed = 0, host = false;                                          \
		__asm__ volatile("lea -128(%%rsp), %%rsp; pushf; orl %0, (%%rsp); popf; lea 128(%%rsp), %%rsp" \
				 : : "i"(TF) : "memory", "cc");                                    \
		statement;                                                                         \
		__asm__ volatile("lea -128(%%rsp), %%rsp; pushf; andl %0, (%%rsp); popf; lea 128(%%rsp), %%rsp" \
				 : : "i"(~TF) : "memory", "cc");                                   \
		note("%s", "");                                                                    \
	} while (0)

/* ---- cases ---- */

static void another_vm_comes(void)
{
	mitigations = 0;
	WATCH(mitigation_switch());
	CHECK_STR(done, "");
	mitigations = MIT_IBPB | MIT_RSB_SWITCH;
	WATCH(mitigation_switch());
	CHECK_STR(done, "49=1 rsb32 lfence ");
	mitigations = MIT_IBPB;
	WATCH(mitigation_switch());
	CHECK_STR(done, "49=1 ");
}

static void a_processor_is_set_up(void)
{
	static const struct {
		uint32_t in_force;
		const char *done;
	} t[] = {
		{ 0, "" }, { MIT_RETPOLINE | MIT_IBPB | MIT_VERW, "" }, { MIT_IBRS, "48=1 " }, { MIT_IBRS | MIT_BHI_DIS, "48=401 " },
		{ MIT_AUTO_IBRS, "c0000080=200d01 " },
	};

	mitigation_init(""); /* flaws of the processor that the test runs on: it is the second one, too */
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		mitigations = t[i].in_force;
		efer = 0xd01;
		WATCH(mitigation_cpu_init());
		CHECK_STR(done, t[i].done);
	}
	CHECK_EQ(efer, 0x200d01);
}

/* The flush of L1 comes once, before VERW; then nothing but the guest's own registers is loaded. */
static void vmx_entries(void)
{
	vcpu.launched = false;
	vcpu.host_rsp = 0;
	field[VMCS_EXIT_REASON] = VMX_CPUID;
	vcpu.virtual_apic = calloc(1, 4096);
	vcpu.lists = calloc(1, 4096);
	mitigations = 0;
	WATCH(vmx_run(&vcpu.v));
	CHECK_STR(done, "vmlaunch return ");
	CHECK_EQ(left_over, 0);
	CHECK_EQ(vcpu.v.gpr[GPR_R8], 0x6767676767676707); /* the order of registers_set */
	mitigations = MIT_VERW | MIT_RSB_EXIT | MIT_L1D;
	vcpu.v.foreign = 1;
	WATCH(vmx_run(&vcpu.v));
	CHECK_STR(done, "10b=1 verw vmresume rsb32 lfence return ");
	WATCH(vmx_run(&vcpu.v)); /* nobody ran in between */
	CHECK_STR(done, "verw vmresume rsb32 lfence return ");
	mitigations = MIT_RSB_EXIT;
	WATCH(vmx_run(&vcpu.v));
	CHECK_STR(done, "vmresume rsb32 lfence return ");
	CHECK_EQ(left_over, 0);
	free(vcpu.virtual_apic);
	free(vcpu.lists);
}

static void svm_entries(void)
{
	static struct vmx_vcpu s; /* as an svm_vcpu begins: the registers are in the same place */

	mitigations = 0;
	WATCH(svm_enter(&s, 1, 2));
	CHECK_STR(done, "clgi sti vmload vmrun vmsave vmload cli stgi return ");
	mitigations = MIT_RSB_EXIT;
	WATCH(svm_enter(&s, 1, 2));
	CHECK_STR(done, "clgi sti vmload vmrun vmsave vmload cli stgi rsb32 lfence return ");
	CHECK_EQ(left_over, 0);
	CHECK_EQ(s.v.gpr[GPR_R8], 0x6767676767676707);
}

static void the_way_to_ring_3(void)
{
	static uint64_t percpu[8]; /* as in arch/gs.inc */

	syscall(SYS_arch_prctl, ARCH_SET_GS, percpu);
	percpu[3] = (uint64_t)MIT_VERW << 32;
	WATCH(guard_leave());
	CHECK_STR(done, "verw ");
	percpu[3] = (uint64_t)MIT_ISOLATION << 32;
	percpu[5] = 0x1000;
	WATCH(guard_leave());
	CHECK_STR(done, "cr3 ");
	percpu[3] |= (uint64_t)MIT_VERW << 32; /* what VERW needs is mapped in the kernel's tables */
	WATCH(guard_leave());
	CHECK_STR(done, "verw cr3 ");
	syscall(SYS_arch_prctl, ARCH_SET_GS, 0);
}

static unsigned reached;
static void target(void) { reached++; }

/* Each register's thunk, as retpolines_on() copies it, arrives where the register says. */
static void retpolines(void)
{
	static const uint8_t number[] = { 0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	size_t bytes = (size_t)(indirect_retpolines_end - indirect_retpolines);
	uint8_t *code = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t to = (uint64_t)target;

	CHECK_EQ(bytes, 15 * 32);
	memcpy(code + 4096, indirect_retpolines, bytes);
	for (unsigned i = 0; i < 15; i++) {
		uint8_t *p = code, n = number[i], rex = n >= 8;
		int32_t distance;

		*p++ = 0x40 | rex, *p++ = 0x50 | (n & 7); /* push */
		*p++ = 0x48 | rex, *p++ = 0xb8 | (n & 7); /* mov reg, target */
		memcpy(p, &to, 8), p += 8;
		distance = (int32_t)(code + 4096 + i * 32 - (p + 5));
		*p++ = 0xe8, memcpy(p, &distance, 4), p += 4; /* call the thunk */
		*p++ = 0x40 | rex, *p++ = 0x58 | (n & 7), *p++ = 0xc3; /* pop, ret */
		((void (*)(void))(void *)code)();
		CHECK_EQ(reached, i + 1);
	}
	munmap(code, 8192);
}

int main(void)
{
	struct sigaction step = { .sa_sigaction = stepped, .sa_flags = SA_SIGINFO };
	struct sigaction trap = { .sa_sigaction = trapped, .sa_flags = SA_SIGINFO };

	sigaction(SIGTRAP, &step, NULL);
	sigaction(SIGILL, &trap, NULL);
	sigaction(SIGSEGV, &trap, NULL);
	RUN(another_vm_comes);
	RUN(a_processor_is_set_up);
	RUN(vmx_entries);
	RUN(svm_entries);
	RUN(the_way_to_ring_3);
	RUN(retpolines);
	return unit_status();
}
