/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end: stops every processor by NMI, has each print its backtrace in turn, and halts. Uses no
 * lock and no memory; the log sends it to serial and screen at once.
 */

#include "kernel/panic.h"
#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/cr.h"
#include "arch/extable.h"
#include "kernel/box.h"
#include "kernel/log.h"
#include "kernel/log_impl.h"
#include "kernel/memory.h"
#include "kernel/percpu.h"
#include "kernel/space.h"
#include "kernel/symbols.h"
#include "kernel/thread_impl.h"
#include "lib/format.h"
#include "lib/text.h"
#include "lib/x86/cr.h"
#include <stdbool.h>
#include <stddef.h>

enum { STOPPED_HERE = 1, STOPPED_SAID }; /* percpu.stopped */
enum { FRAMES_MAX = 24, PATIENCE_US = 200000 };

static uint32_t panicking; /* (a) 1 + the processor that speaks */
static uint32_t turn; /* (a) 1 + the processor that may print */

static bool kernel_read(uint64_t at, uint64_t *value)
{
	int error = -1;
	uint64_t v = 0;

	if (at < 0xffff800000000000ULL || at & 7)
		return false;
	__asm__ volatile("1: movq (%2), %1\n\txorl %k0, %k0\n2:\n" EXTABLE(1b, 2b)
			 : "+r"(error), "+r"(v)
			 : "r"(at)
			 : "memory");
	*value = v;
	return error == 0;
}

static void print_frame(uint64_t rip)
{
	uint32_t offset = (uint32_t)(rip - KERNEL_IMAGE), low = 0,
		 high = &symbol_count ? symbol_count : 0;

	if (rip < KERNEL_IMAGE || high == 0 || offset < symbol_table[0].offset) {
		log_line("panic", "  0x%lx", rip);
		return;
	}
	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;

		if (symbol_table[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	log_line("panic", "  0x%lx %s+0x%x", rip, symbol_names + symbol_table[low].name,
		 offset - symbol_table[low].offset);
}

static void backtrace(uint64_t rip, uint64_t rbp)
{
	const struct percpu *cpu = percpu_self();
	const struct thread *t = cpu ? cpu->current : NULL;

	log_line("panic", "processor %u, %s%s:", cpu ? cpu->index : 0,
		 !t           ? "starting"
		 : t->is_idle ? "idle"
			      : "space ",
		 t && t->space ? t->space->name : "");
	if (rip)
		print_frame(rip);
	for (unsigned i = 0; i < FRAMES_MAX; i++) {
		uint64_t next, back;

		if (!kernel_read(rbp, &next) || !kernel_read(rbp + 8, &back) || back == 0)
			return;
		print_frame(back);
		if (next <= rbp)
			return;
		rbp = next;
	}
}

/* Until every other processor has come to `state`; one by one where that is STOPPED_SAID. */
static void wait_others(uint32_t state)
{
	unsigned self = cpu_index();

	for (unsigned i = 0; i < cpu_count; i++) {
		uint64_t end = rdtsc() + box.tsc_hz / 1000000 * PATIENCE_US;

		if (i == self || !cpu_table[i] || !cpu_table[i]->online)
			continue;
		if (state == STOPPED_SAID)
			__atomic_store_n(&turn, i + 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&cpu_table[i]->stopped, __ATOMIC_ACQUIRE) < state && rdtsc() < end)
			cpu_pause();
		if (state == STOPPED_SAID && cpu_table[i]->stopped < state)
			log_line("panic", "processor %u does not answer", i);
	}
}

void box_halt(void)
{
	log_drain();
	for (;;)
		__asm__ volatile("cli\n\thlt");
}

void panic_join(const struct trap_frame *f)
{
	struct percpu *cpu = percpu_self();

	if (!__atomic_load_n(&panicking, __ATOMIC_ACQUIRE))
		return;
	__atomic_store_n(&cpu->stopped, STOPPED_HERE, __ATOMIC_RELEASE);
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != cpu->index + 1)
		cpu_pause();
	if (f->cs & 3)
		log_line("panic", "processor %u, in ring 3 of %s at 0x%lx", cpu->index,
			 cpu->current->space->name, f->rip);
	else
		backtrace(f->rip, f->rbp);
	__atomic_store_n(&cpu->stopped, STOPPED_SAID, __ATOMIC_RELEASE);
	for (;;)
		__asm__ volatile("cli\n\thlt");
}

/* One processor gets past this; a second panic on the same one only halts. */
static void panic_begin(void)
{
	uint32_t none = 0, self = cpu_index() + 1;

	cpu_cli();
	if (!__atomic_compare_exchange_n(&panicking, &none, self, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST)) {
		struct trap_frame nowhere = { 0 };

		if (none == self)
			box_halt();
		panic_join(&nowhere);
	}
	/* First of all: the manager may be in the middle of a line on the same port. */
	if (cpu_count > 1) {
		apic_send_nmi_others();
		wait_others(STOPPED_HERE);
	}
	log_take_back();
}

/* The box's last line, with the word that proves to `bulkhead run` that no guest has said it. */
static void last_line(const char *who, const char *text)
{
	char seal[24] = "";

	(void)text_option(box.boot.cmdline, "seal", seal, sizeof(seal));
	log_line(who, "bulkhead: box off: %s%s%s", text, seal[0] ? " #" : "", seal);
}

static void panic_end(void)
{
	wait_others(STOPPED_SAID);
	last_line("panic", "panic");
	box_halt();
}

void panic(const char *fmt, ...)
{
	va_list args;

	panic_begin();
	va_start(args, fmt);
	log_line_v("panic", fmt, args);
	va_end(args);
	backtrace(0, (uint64_t)__builtin_frame_address(0));
	panic_end();
	__builtin_unreachable();
}

void panic_trap(const struct trap_frame *f)
{
	panic_begin();
	/* A fault that found no room for its frame: only #DF has a stack of its own. */
	if (f->vector == VECTOR_DF && stack_guards(read_cr2()))
		log_line("panic", "kernel stack overflow: 0x%lx is in the guard page below a stack", read_cr2());
	log_line("panic", "exception %lu, error 0x%lx, at 0x%lx, CR2 0x%lx", f->vector, f->error,
		 f->rip, read_cr2());
	log_line("panic", "RAX %lx RBX %lx RCX %lx RDX %lx RSI %lx RDI %lx", f->rax, f->rbx, f->rcx,
		 f->rdx, f->rsi, f->rdi);
	log_line("panic", "RSP %lx RBP %lx R8 %lx R9 %lx R10 %lx R11 %lx", f->rsp, f->rbp, f->r8,
		 f->r9, f->r10, f->r11);
	log_line("panic", "R12 %lx R13 %lx R14 %lx R15 %lx RFLAGS %lx CR3 %lx", f->r12, f->r13,
		 f->r14, f->r15, f->rflags, read_cr3());
	backtrace(f->rip, f->rbp);
	panic_end();
	__builtin_unreachable();
}

void fatal(const char *fmt, ...)
{
	va_list args;
	char text[LOG_LINE_MAX - 64]; /* the last line has room for it all */

	panic_begin();
	va_start(args, fmt);
	(void)format_v(text, sizeof(text), fmt, args);
	va_end(args);
	if (!__atomic_load_n(&box.running, __ATOMIC_RELAXED))
		log_line("boot", "bulkhead: cannot run here: %s", text);
	last_line("boot", text);
	box_halt();
}
