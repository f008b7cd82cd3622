/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a monitor with a fault does wrong, family by family. Each runs in whichever thread came by the site. What it
 * says to the kernel, and hears: nonsense.c.
 */
#include "tests/fault/fault.h"

#include "kernel/abi/layout.h"
#include "lib/string.h"

/* ---------------------------------------------------------------- it dies */

static void kill_ud(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	(void)c, (void)f, (void)at_exit;
	__asm__ volatile("ud2");
}

static void kill_page(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	(void)f, (void)at_exit;
	*(volatile uint64_t *)(uintptr_t)(fault_random(c) & 0xff8) = 0;
}

/* Not canonical: the exception comes at the jump, or at the return of a system call. */
static void kill_jump(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	(void)f, (void)at_exit;
	__asm__ volatile("jmp *%0" : : "r"(1ULL << 62 | fault_random(c) >> 4));
}

/* One thread ends, the others are none the wiser. */
static void kill_thread(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	(void)c, (void)f, (void)at_exit;
	CALL(SYS_THREAD_CTL, 0, THREAD_EXIT, 7);
}

static void kill_space(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	(void)f, (void)at_exit;
	CALL(SYS_SPACE_CTL, c->boot->handle.space, SPACE_KILL);
}

static const struct fault_deed family_kill[] = {
	{ "illegal instruction", kill_ud, ONCE, false },
	{ "page fault", kill_page, ONCE, false },
	{ "jump to nowhere", kill_jump, ONCE, false },
	{ "a thread's end", kill_thread, ONCE, false },
	{ "end of its space", kill_space, ONCE, false },
};

static unsigned deeper(const volatile unsigned *above)
{
	volatile unsigned here = *above + 1;

	return here == 0 ? 0 : deeper(&here) + here;
}

static void overflow(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	(void)f, (void)at_exit;
	(void)deeper(&c->number);
}

/* Apart from the others: the judge looks for its words. */
static const struct fault_deed family_stack[] = {
	{ "stack overflow", overflow, ONCE, false },
};

/* Those that end the whole monitor at once: nobody has to type anything. */
static const struct fault_deed family_die[] = {
	{ "illegal instruction", kill_ud, ONCE, false },
	{ "page fault", kill_page, ONCE, false },
	{ "end of its space", kill_space, ONCE, false },
};

static void say_off(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	struct monitor_shared *shared = (struct monitor_shared *)(uintptr_t)MONITOR_SHARED;

	__atomic_store_n(&shared->state, MONITOR_POWERED_OFF, __ATOMIC_RELEASE);
	CALL(SYS_EVENT_SIGNAL, c->boot->handle.manager_event, c->boot->manager_bits);
	fault_go_on(f, at_exit);
}

const struct fault_deed fault_off = { "power-off", say_off, ONCE, false };

/* ---------------------------------------------------------------- its memory goes bad */

extern uint64_t fault_data[], fault_data_end[]; /* extents.ld */

static void scribble(struct fault_case *c, uint64_t from, uint64_t to, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		uint64_t r = fault_random(c);

		*(volatile uint64_t *)(uintptr_t)(from + r % ((to - from) / 8) * 8) =
			r & 1 ? fault_random(c) : fault_argument(c);
	}
}

static void corrupt_data(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	struct fault_case kept = *c;

	/* All but what the test itself keeps there. */
	scribble(&kept, (uint64_t)(uintptr_t)fault_data, (uint64_t)(uintptr_t)fault_data_end,
		 1 + (unsigned)fault_random(c) % 200);
	*c = kept;
	fault_go_on(f, at_exit);
}

static void corrupt_stacks(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	for (unsigned i = 0; i <= c->boot->cpus; i++) {
		uint64_t top = USER_STACK_TOP - i * MONITOR_STACK_STRIDE;

		scribble(c, top - MONITOR_STACK_BYTES / 8, top, 1 + (unsigned)fault_random(c) % 30);
	}
	fault_go_on(f, at_exit);
}

/* What it shares with the manager: state, reason, rings. */
static void corrupt_shared(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	scribble(c, MONITOR_SHARED, MONITOR_SHARED + MONITOR_SHARED_PAGES * 4096, 2000);
	fault_go_on(f, at_exit);
}

static void corrupt_ram(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	scribble(c, USER_GUEST_RAM, USER_GUEST_RAM + c->boot->memory, 20000);
	fault_go_on(f, at_exit);
}

static void corrupt_all(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	corrupt_ram(c, f, true);
	corrupt_shared(c, f, true);
	corrupt_stacks(c, f, true);
	corrupt_data(c, f, at_exit);
}

static const struct fault_deed family_corrupt[] = {
	{ "data", corrupt_data, ONCE, false },
	{ "stacks", corrupt_stacks, ONCE, false },
	{ "shared pages", corrupt_shared, SAME_CALL, false },
	{ "guest memory", corrupt_ram, ONCE, false },
	{ "everything", corrupt_all, SAME_CALL, false },
};

/* ---------------------------------------------------------------- it never ends */

static void spin(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	(void)c, (void)f, (void)at_exit;
	fault_spin();
}

static void spin_calls(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	(void)f, (void)at_exit;
	for (;;) {
		CALL(SYS_THREAD_CTL, 0, THREAD_YIELD);
		CALL(SYS_EVENT_WAIT, c->boot->handle.event, UINT64_MAX);
	}
}

static void spin_signals(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	(void)f, (void)at_exit;
	for (;;)
		CALL(SYS_EVENT_SIGNAL, c->boot->handle.manager_event, fault_random(c));
}

static void spin_words(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	(void)f, (void)at_exit;
	/* What has been said of this case is to be read first. */
	CALL(SYS_EVENT_WAIT, CALL(SYS_EVENT_CREATE), 0, __builtin_ia32_rdtsc() + (1ULL << 29));
	for (;;)
		CALL(SYS_LOG, USER_TEXT_BASE + fault_random(c) % 65536, fault_random(c) % 200);
}

static const struct fault_deed family_spin[] = {
	{ "one thread spins", spin, ONCE, false },
	{ "all threads spin", spin, ONCE, true },
	{ "all threads make calls", spin_calls, ONCE, true },
	{ "all threads signal the manager", spin_signals, ONCE, true },
	{ "a thread floods the log", spin_words, ONCE, false },
};

/* ---------------------------------------------------------------- it takes all there is */

enum { AT_MOST = 100000 };

static void exhaust_handles(struct fault_case *c)
{
	for (unsigned i = 0; i < AT_MOST && CALL(SYS_GRANT, c->boot->handle.space, 1 + i % 8, 0) >= 0; i++)
		;
}

static void exhaust_events(struct fault_case *c)
{
	int64_t e;

	for (unsigned i = 0; i < AT_MOST && (e = CALL(SYS_EVENT_CREATE)) >= 0; i++)
		if (i % 2 == 0)
			CALL(SYS_VM_IRQFD, c->boot->handle.vm, e, i % 64, 0xfee00000, 0x40 + i % 100);
		else
			CALL(SYS_EVENT_TIMER, e, 1, UINT64_MAX / 2);
}

static void exhaust_threads(struct fault_case *c)
{
	int64_t t;

	for (unsigned i = 0; i < AT_MOST; i++) {
		t = CALL(SYS_THREAD_CREATE, c->boot->handle.space, (uintptr_t)fault_spin, 0, 0, i % c->boot->host_cpus,
			 1 + i % MONITOR_PRIORITY_VCPU);
		if (t < 0)
			return;
		if (i % 4 == 0)
			CALL(SYS_THREAD_CTL, t, THREAD_START);
	}
}

static void exhaust_spaces(struct fault_case *c)
{
	static const char name[16] = "more";
	int64_t s;

	(void)c;
	for (unsigned i = 0; i < AT_MOST && (s = CALL(SYS_SPACE_CREATE, (uintptr_t)name, 1 + i % 9)) >= 0; i++)
		CALL(SYS_VM_CREATE, s, 1ULL << 40, (uintptr_t)name);
}

static void exhaust_vms(struct fault_case *c)
{
	static const char name[16] = "more";
	int64_t vm;

	for (unsigned i = 0; i < AT_MOST; i++) {
		vm = CALL(SYS_VM_CREATE, c->boot->handle.space, (2ULL + i) << 40, (uintptr_t)name);
		if (vm < 0)
			return;
		for (unsigned k = 0; k < 4; k++)
			CALL(SYS_VCPU_CREATE, vm, k, 0x90000000ULL + (4 * i + k) * 0x4000ULL);
	}
}

static void exhaust_vcpus(struct fault_case *c)
{
	struct vm_doorbell bell = { .port = 0, .count = 1 };

	for (unsigned i = 0; i < 100 && CALL(SYS_VCPU_CREATE, c->boot->handle.vm, 32 + i, 0xa0000000ULL + i * 0x4000) >= 0; i++)
		;
	for (unsigned i = 0; i < 5000; i++) {
		bell.port = (uint16_t)(2 * i);
		if (CALL(SYS_VM_DOORBELL, c->boot->handle.vm, (uintptr_t)&bell, c->boot->handle.event, 1) < 0)
			return;
	}
}

/* From another beginning each time, and then the rest: what is left over by one is little. */
static void exhaust(struct fault_case *c, struct fault_frame *f, bool at_exit)
{
	static void (*const how[])(struct fault_case *) = {
		exhaust_events, exhaust_threads, exhaust_spaces, exhaust_vms, exhaust_vcpus, exhaust_handles,
	};
	unsigned n = sizeof(how) / sizeof(how[0]), first = (unsigned)fault_random(c) % n;

	for (unsigned i = 0; i < n; i++)
		how[(first + i) % n](c);
	fault_go_on(f, at_exit);
}

static const struct fault_deed family_exhaust[] = {
	{ "memory and handles", exhaust, ONCE, false },
};

/* ---------------------------------------------------------------- all of them */

static const struct {
	const char *name;
	const struct fault_deed *deeds;
	unsigned count;
} families[] = {
#define FAMILY(name) { #name, family_##name, sizeof(family_##name) / sizeof(family_##name[0]) }
	FAMILY(kill),	  FAMILY(die),	FAMILY(corrupt), FAMILY(spin), FAMILY(exhaust),
	FAMILY(nonsense), FAMILY(area), FAMILY(result), FAMILY(stack),
};

unsigned fault_deeds(const char *family, const struct fault_deed **deeds)
{
	for (unsigned i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (strcmp(families[i].name, family) == 0) {
			*deeds = families[i].deeds;
			return families[i].count;
		}
	}
	return 0;
}
