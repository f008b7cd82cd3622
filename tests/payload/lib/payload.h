/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a payload guest is written with: a list of tests, checks, traps, ports, MSRs, interrupt
 * controllers. A payload runs on bare hardware, on a plain emulator and on Bulkhead alike; tests
 * that need something say so by skip().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CPUS_MAX = 32 };

struct test {
	const char *name;
	void (*run)(void);
};

/* Each payload defines it; ended by an empty entry. */
extern const struct test payload_tests[];

/* ---- runtime.c ---- */

__attribute__((format(printf, 1, 2))) void say(const char *fmt, ...);
/* The rest of the test is left out: its verdict is FAIL, or SKIP. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *fmt, ...);
/* Did another processor fail()? It has halted for good; its test fails here, now or at its end. */
void fail_with_others(void);
extern volatile bool other_halted[CPUS_MAX];
__attribute__((noreturn, format(printf, 1, 2))) void skip(const char *fmt, ...);

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail("%s line %d: %s", __FILE_NAME__, __LINE__, #condition);               \
	} while (0)
#define CHECK_EQ(a, b)                                                                             \
	do {                                                                                       \
		uint64_t check_a = (uint64_t)(a), check_b = (uint64_t)(b);                         \
		if (check_a != check_b)                                                            \
			fail("%s line %d: %s is 0x%llx, expected 0x%llx", __FILE_NAME__, __LINE__, \
			     #a, (unsigned long long)check_a, (unsigned long long)check_b);        \
	} while (0)

extern const char *payload_cmdline;
/* Is this word, or `word=`, on the command line? NULL, or what follows it. */
const char *option(const char *word);
/* Guest-physical end of RAM below 4 GiB, and bytes above, from the start information. */
extern uint64_t ram_low_end, ram_high_bytes;
__attribute__((noreturn)) void power_off(void);

/* ---- traps.c ---- */

struct frame {
	uint64_t rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

/* Called for the vector instead of failing the test; NULL takes it away. */
void on_trap(unsigned vector, void (*handler)(struct frame *f));

/* The last exception that TRY caught. */
struct caught {
	uint64_t vector, error, rip, cr2;
};
extern volatile struct caught caught;
extern volatile uint64_t trap_resume;

/*
 * Runs instructions (an asm template and its operands); an exception jumps behind them. True when
 * there was none. Registers that the template writes are unspecified after an exception.
 */
#define NO_TRAP 0x100
#define TRY(template, ...)                                                                         \
	({                                                                                         \
		caught.vector = NO_TRAP;                                                           \
		__asm__ volatile("movq $1f, trap_resume\n\t" template "\n1:\n\t"                   \
				 "movq $0, trap_resume" __VA_ARGS__);                              \
		caught.vector == NO_TRAP;                                                          \
	})

void traps_init(void);
extern uint64_t trap_escape_point[8];
int trap_mark(uint64_t *saved) __attribute__((returns_twice));
__attribute__((noreturn)) void trap_escape(uint64_t *saved);
/* Uses the IST stack for this vector (1) or the current one (0). */
void trap_ist(unsigned vector, unsigned ist);
void trap_user(unsigned vector); /* ring 3 may INT it */

/*
 * HLT with interrupts as they are until *p, which a handler sets, is not 0. The handler calls
 * halt_noticed: between the look at *p and HLT it has the look done again. True: HLT was ended.
 */
void halt_until(volatile unsigned *p);
bool halt_noticed(struct frame *f);

/* ---- processor ---- */

static inline void outb(uint16_t port, uint8_t v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outw(uint16_t port, uint16_t v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outl(uint16_t port, uint32_t v) { __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }
static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline uint16_t inw(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}
static inline void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}
static inline void cli(void) { __asm__ volatile("cli" : : : "memory"); }
static inline void sti(void) { __asm__ volatile("sti; nop" : : : "memory"); }
static inline void sti_hlt(void) { __asm__ volatile("sti; hlt" : : : "memory"); }
static inline uint64_t rflags(void)
{
	uint64_t v;

	__asm__ volatile("pushfq; popq %0" : "=r"(v));
	return v;
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};
static inline struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "0"(leaf), "2"(sub));
	return r;
}

#define READ_REG(name)                                                                             \
	({                                                                                         \
		uint64_t read_reg;                                                                 \
		__asm__ volatile("mov %%" name ", %0" : "=r"(read_reg));                           \
		read_reg;                                                                          \
	})
#define WRITE_REG(name, v) __asm__ volatile("mov %0, %%" name : : "r"((uint64_t)(v)) : "memory")

enum { VECTOR_DE = 0, VECTOR_DB = 1, VECTOR_NMI = 2, VECTOR_BP = 3, VECTOR_OF = 4, VECTOR_UD = 6, VECTOR_NM = 7, VECTOR_DF = 8, VECTOR_TS = 10, VECTOR_NP = 11, VECTOR_SS = 12, VECTOR_GP = 13, VECTOR_PF = 14, VECTOR_MF = 16, VECTOR_AC = 17, VECTOR_XM = 19 };
enum { SEL_CODE64 = 0x08, SEL_DATA = 0x10, SEL_CODE32 = 0x18, SEL_USER_DATA = 0x23, SEL_USER_CODE = 0x2b, SEL_USER_CODE32 = 0x53, SEL_ABSENT = 0x58 };
enum {
	MSR_APIC_BASE = 0x1b, MSR_PAT = 0x277, MSR_TSC_DEADLINE = 0x6e0, MSR_EFER = 0xc0000080,
	MSR_STAR = 0xc0000081, MSR_LSTAR = 0xc0000082, MSR_CSTAR = 0xc0000083, MSR_FMASK = 0xc0000084,
	MSR_FS_BASE = 0xc0000100, MSR_GS_BASE = 0xc0000101, MSR_KERNEL_GS_BASE = 0xc0000102,
	MSR_TSC_AUX = 0xc0000103, MSR_SYSENTER_CS = 0x174, MSR_SYSENTER_ESP = 0x175, MSR_SYSENTER_EIP = 0x176,
};

bool cpu_is_intel(void);
/* The processor's number, by its stack: whatever its local APIC is doing. The boot processor is 0. */
unsigned cpu_self(void);
/* On Bulkhead (the KVM signature is taken for that), not on a plain emulator. */
static inline bool on_bulkhead(void) { return cpuid(0x40000000, 0).ebx == 0x4b4d564b; }

/* ---- apic.c ---- */

enum {
	LAPIC_ID = 0x20, LAPIC_VERSION = 0x30, LAPIC_TPR = 0x80, LAPIC_PPR = 0xa0, LAPIC_EOI = 0xb0,
	LAPIC_LDR = 0xd0, LAPIC_SVR = 0xf0, LAPIC_ISR = 0x100, LAPIC_TMR = 0x180, LAPIC_IRR = 0x200, LAPIC_ESR = 0x280,
	LAPIC_ICR = 0x300, LAPIC_ICR2 = 0x310, LAPIC_LVTT = 0x320, LAPIC_LVT0 = 0x350, LAPIC_LVT1 = 0x360,
	LAPIC_TICR = 0x380, LAPIC_TCCR = 0x390, LAPIC_TDCR = 0x3e0, LAPIC_SELF = 0x3f0,
};
enum { LVT_MASKED = 1 << 16, LVT_PERIODIC = 1 << 17, LVT_DEADLINE = 2 << 17, LVT_EXTINT = 7 << 8 };

/* Enables the local APIC: x2APIC where CPUID has it and `x2` is wanted, else the page. */
void lapic_init(bool x2);
/* Back from x2APIC to the page needs a detour through "disabled". */
void lapic_off(void);
uint32_t lapic_get(unsigned reg);
void lapic_set(unsigned reg, uint32_t v);
void lapic_eoi(void);
bool lapic_is_x2(void);
bool lapic_bit(unsigned reg, unsigned vector); /* in ISR, TMR or IRR */
/* Fixed, edge IPI to ourselves; NMI when vector is VECTOR_NMI. */
void lapic_self(unsigned vector);

uint32_t ioapic_get(unsigned reg);
void ioapic_set(unsigned reg, uint32_t v);
enum { RTE_LEVEL = 1 << 15, RTE_MASKED = 1 << 16, RTE_REMOTE_IRR = 1 << 14 };
void ioapic_route(unsigned pin, uint32_t low); /* to this processor */

/* The 8259 pair: vectors from `base`, every line masked. */
void pic_init(unsigned base);
void pic_unmask(unsigned irq);
void pic_mask_all(void);
/* The 8254's channel 0: one interrupt after `us` microseconds. */
void pit_one_shot(unsigned us);
void pit_stop(void);
/* Busy-waits on the 8254's channel 2. */
void delay_us(unsigned us);
