/* SPDX-License-Identifier: GPL-2.0-only */
/* Deeds of a monitor with a fault that are words: what it says to the kernel is wrong, or what it hears. */
#include "tests/fault/fault.h"

#include "kernel/abi/layout.h"
#include "lib/string.h"

/* ---------------------------------------------------------------- it tells the kernel nonsense */

/* Calls that would only end the test early, or flood the log. */
static bool left_out(uint64_t n, const struct fault_frame *f, uint64_t chance)
{
	switch (n) {
	case SYS_LOG: case SYS_VCPU_RUN: return chance % 64 != 0;
	case SYS_RANGE_UNMAP: return chance % 64 != 0;
	case SYS_CLOSE: return chance % 8 != 0;
	case SYS_VCPU_CTL: return f->rsi == VCPU_DUMP && chance % 64 != 0;
	case SYS_THREAD_CTL: return f->rdi == 0 && f->rsi == THREAD_EXIT && chance % 16 != 0;
	case SYS_SPACE_CTL: return f->rsi == SPACE_KILL && chance % 64 != 0;
	default: return false;
	}
}

/* Also the calls of a program that fuzzes them, as tests/ring3/stress.c, beside guests that run. */
static void nonsense(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	for (unsigned i = 0; i < 4000; i++) {
		struct fault_frame g = { fault_random(c) % (SYS_MAX + 2), fault_argument(c), fault_argument(c),
					 fault_argument(c), fault_argument(c), fault_argument(c), fault_argument(c) };

		if (g.rax == SYS_EVENT_WAIT)
			g.rdx = fault_random(c) % 2 ? 0 : (uint64_t)__builtin_ia32_rdtsc() + fault_random(c) % 1000000;
		if (g.rax == SYS_VM_DOORBELL || g.rax == SYS_BOX_INFO || g.rax == SYS_RANGE_INFO)
			g.rsi = g.rsi >> 63 ? g.rsi : (uint64_t)(uintptr_t)fault_area(c->boot->cpus - 1)->text;
		if (!left_out(g.rax, &g, fault_random(c)))
			fault_real(&g);
	}
	fault_go_on(f, at_exit);
}

/* Its own call, with other arguments: each bit of them may be wrong. */
static void wrong_arguments(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	uint64_t *word = &f->rdi;

	for (unsigned i = 0; i < 6 && !at_exit; i++) {
		if (fault_random(c) % 2)
			word[i] = fault_random(c) % 2 ? fault_argument(c) : word[i] ^ 1ULL << fault_random(c) % 64;
	}
	if (f->rax == SYS_EVENT_WAIT && f->rdx > (uint64_t)__builtin_ia32_rdtsc())
		f->rdx = 0;
	fault_go_on(f, at_exit);
}

/* The group that a word of struct vcpu_regs belongs to. */
static uint32_t group_of(size_t at)
{
	return at < offsetof(struct vcpu_regs, rip)	   ? REG_GPR :
	       at < offsetof(struct vcpu_regs, seg)	   ? REG_RIP :
	       at < offsetof(struct vcpu_regs, ldtr)	   ? REG_SEG :
	       at < offsetof(struct vcpu_regs, cr0)	   ? REG_TABLE :
	       at < offsetof(struct vcpu_regs, dr)	   ? REG_CR :
	       at < offsetof(struct vcpu_regs, star)	   ? REG_DR :
	       at < offsetof(struct vcpu_regs, pdptr)	   ? REG_MSR :
	       at < offsetof(struct vcpu_regs, tsc_offset) ? REG_PDPTR :
	       at < offsetof(struct vcpu_regs, event_type) ? REG_TSC :
							     REG_EVENT;
}

/* A field of the area, a register, whole pages: the local APIC's, the FPU's, all of it. */
static void spoil_area(struct fault_case *c, struct vcpu_area *a)
{
	uint64_t *words = (uint64_t *)a, *regs = (uint64_t *)&a->regs, r = fault_random(c);
	size_t at = (r >> 8) % (sizeof(a->regs) / 8);

	switch (r % 8) {
	case 0: case 1: case 2: case 3:
		regs[at] = r >> 63 ? fault_argument(c) : regs[at] ^ 1ULL << (r >> 32) % 64;
		a->push = group_of(at * 8);
		break;
	case 4:
		words[(r >> 8) % (sizeof(*a) / 8)] = fault_random(c);
		a->push = (uint32_t)(r >> 40);
		break;
	case 5:
		for (unsigned i = 0; i < 20; i++)
			words[512 + fault_random(c) % 512] = fault_random(c);
		a->push = REG_LAPIC;
		break;
	case 6:
		for (unsigned i = 0; i < 20; i++)
			words[1024 + fault_random(c) % 512] = fault_random(c);
		a->push = REG_FPU;
		break;
	default:
		for (unsigned i = 0; i < VCPU_AREA_BYTES / 8; i++)
			words[i] = fault_random(c);
	}
}

/* Nonsense in the area before the vCPU is resumed; what the kernel refuses is taken back, and something else tried. */
static void wrong_area(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	unsigned me = fault_thread();
	struct vcpu_area *a = fault_area(me == 0 ? 0 : me - 1), kept;

	if (me == 0 || me > c->boot->cpus || at_exit || f->rax != SYS_VCPU_RUN) {
		fault_go_on(f, at_exit); /* until the next run */
		return;
	}
	for (unsigned i = 0; i < 200; i++) {
		struct fault_frame g = *f;

		memcpy(&kept, a, sizeof(kept));
		spoil_area(c, a);
		fault_real(&g);
		if ((int64_t)g.rax >= 0 || (int64_t)g.rax == E_DEAD) {
			*f = g;
			return;
		}
		memcpy(a, &kept, sizeof(kept));
	}
	fault_real(f);
}

const struct fault_deed family_nonsense[3] = {
	{ "any calls, one thread", nonsense, ONCE, false },
	{ "any calls, all threads", nonsense, ONCE, true },
	{ "wrong arguments", wrong_arguments, SAME_CALL, false },
};

const struct fault_deed family_area[1] = {
	{ "the shared pages of a vCPU", wrong_area, EVERY_RUN, true },
};

/* ---------------------------------------------------------------- the kernel tells it nonsense */

/* The call fails, made or not. */
static void result_error(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	if (fault_random(c) % 2)
		fault_go_on(f, at_exit);
	f->rax = (uint64_t) - (int64_t)(1 + fault_random(c) % 13);
	f->rdx = fault_random(c);
}

static void result_value(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	fault_go_on(f, at_exit);
	f->rax = fault_random(c) % 2 ? fault_argument(c) : fault_random(c) % 16;
	f->rdx = fault_argument(c);
}

/* Every field that the kernel fills in for an exit, and every register. */
static void result_area(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	unsigned me = fault_thread();
	uint64_t *words;

	fault_go_on(f, at_exit);
	words = (uint64_t *)fault_area(me == 0 || me > c->boot->cpus ? 0 : me - 1);
	for (unsigned i = 0; i < 1 + fault_random(c) % 512; i++)
		words[fault_random(c) % (sizeof(struct vcpu_area) / 8)] = fault_argument(c);
}

const struct fault_deed family_result[5] = {
	{ "an error", result_error, SAME_CALL, false },
	{ "a wrong value", result_value, SAME_CALL, false },
	{ "a wrong area", result_area, SAME_CALL, false },
	{ "an error, once", result_error, ONCE, false },
	{ "a wrong value, once", result_value, ONCE, false },
};
