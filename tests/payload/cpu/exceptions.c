/* SPDX-License-Identifier: GPL-2.0-only */
/* Exceptions of every kind: faults, traps, steps, breakpoints, one in the handler of another. */
#include "tests/payload/cpu/cpu.h"

#include "tests/payload/lib/payload.h"

void exception_de(void)
{
	uint32_t a = 1, d = 0;

	CHECK(!TRY("div %2", : "+a"(a), "+d"(d) : "r"(0)));
	CHECK_EQ(caught.vector, VECTOR_DE);
}

void exception_ud(void)
{
	CHECK(!TRY("ud2", : : : "memory"));
	CHECK_EQ(caught.vector, VECTOR_UD);
}

void exception_gp(void)
{
	uint64_t bad = 0x8000000000000000;

	CHECK(!TRY("mov (%0), %%rax", : : "r"(bad) : "rax", "memory"));
	CHECK_EQ(caught.vector, VECTOR_GP);
	CHECK_EQ(caught.error, 0);
	CHECK(!TRY("mov %0, %%ds", : : "r"(0x1230) : "memory"));
	CHECK_EQ(caught.vector, VECTOR_GP);
	CHECK_EQ(caught.error, 0x1230);
}

void exception_pf(void)
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

void exception_nm(void)
{
	uint64_t cr0 = READ_REG("cr0");

	WRITE_REG("cr0", cr0 | 8);
	CHECK(!TRY("fnop", : : : "memory"));
	WRITE_REG("cr0", cr0);
	CHECK_EQ(caught.vector, VECTOR_NM);
	CHECK(TRY("fnop", : : : "memory"));
}

void exception_mf(void)
{
	uint16_t cw = 0x0360; /* zero divide, invalid unmasked */

	WRITE_REG("cr0", READ_REG("cr0") | 0x20);
	CHECK(!TRY("fninit; fldcw %0; fld1; fldz; fdivrp; fwait", : : "m"(cw) : "memory"));
	__asm__ volatile("fninit");
	CHECK_EQ(caught.vector, VECTOR_MF);
}

/* Loads of a descriptor that is not present: #NP, but #SS for SS. */
void exception_np_ss(void)
{
	CHECK(!TRY("mov %0, %%ds", : : "r"(SEL_ABSENT) : "memory"));
	CHECK_EQ(caught.vector, VECTOR_NP);
	CHECK_EQ(caught.error, SEL_ABSENT);
	CHECK(!TRY("mov %0, %%ss", : : "r"(SEL_ABSENT) : "memory"));
	CHECK_EQ(caught.vector, VECTOR_SS);
	CHECK_EQ(caught.error, SEL_ABSENT);
}

static volatile unsigned trap_count, db_count;
static volatile uint64_t trap_rip, trap_dr6;

static void count_trap(struct frame *f)
{
	trap_count++;
	trap_rip = f->rip;
}

void exception_bp(void)
{
	uint64_t after;

	trap_count = 0;
	on_trap(VECTOR_BP, count_trap);
	__asm__ volatile("int3\n2: lea 2b(%%rip), %0" : "=r"(after));
	on_trap(VECTOR_BP, NULL);
	CHECK_EQ(trap_count, 1);
	CHECK_EQ(trap_rip, after); /* a trap: RIP is behind it */
}

void soft_interrupt(void)
{
	uint64_t after;

	trap_count = 0;
	on_trap(0x77, count_trap);
	__asm__ volatile("int $0x77\n2: lea 2b(%%rip), %0" : "=r"(after));
	on_trap(0x77, NULL);
	CHECK_EQ(trap_count, 1);
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

void single_step(void)
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
void mov_ss_shadow(void)
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

void data_breakpoint(void)
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

void exception_nested(void)
{
	nested = 0;
	on_trap(VECTOR_BP, nest);
	__asm__ volatile("int3");
	on_trap(VECTOR_BP, NULL);
	CHECK_EQ(nested, 2);
}
