/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attacks of a hostile program on the kernel, each named after the defect that it would have used.
 * Every attack runs twice, and leaves as many bytes in the pool as it found the second time.
 */
#include "tests/ring3/ring3.h"

#include <stdbool.h>
#include <stddef.h>
#include "kernel/abi/layout.h"

/* A child's handles, in the order in which they are granted. */
enum { OWN_SPACE = 1, FOREIGN_EVENT = 2, RAM = 3 };
enum { RAM_BYTES = 2 << 20, QUOTA = 600 };

#define AREA 0x80000000ULL /* vCPU area */
#define BASE (1ULL << 40) /* of a VM's memory in its monitor */

/* An attack's argument: how many TSC ticks to go on; and FIRST for the first of its threads. */
#define FIRST (1ULL << 63)

static const char name[16] = "vm";

static void spin(uint64_t ticks)
{
	uint64_t end = sys_tsc() + ticks;

	while ((int64_t)(end - sys_tsc()) > 0)
		;
}

static void expect(uint64_t line, int64_t is, int64_t want)
{
	if (is != want)
		child_exit(line << 16 | (uint64_t)(is & 0xffff));
}
#define EXPECT(is, want) expect(__LINE__, (is), (want))

static int vm_with_ram(void)
{
	int vm = sys_vm_create(OWN_SPACE, BASE, name, 0);

	EXPECT(vm > 0, true);
	EXPECT(sys_vm_map(vm, RAM, 0, 0), 0);
	return vm;
}

/* The area is kernel memory that is mapped here: with the VM both must go. */
static void area_outlives_its_vm(uint64_t unused)
{
	volatile uint64_t *area = (volatile uint64_t *)AREA;
	int vm = sys_vm_create(OWN_SPACE, BASE, name, 0), vcpu = sys_vcpu_create(vm, 0, AREA);

	(void)unused;
	EXPECT(vcpu > 0, true);
	area[0] = 1;
	EXPECT(sys_close(vcpu), 0);
	EXPECT(sys_close(vm), 0);
	area[0] = 2;
	child_exit(1);
}

/* AC opens SMAP; the interrupt that ends this time slice must not take it into the kernel. */
static void alignment_flag_in_the_kernel(uint64_t argument)
{
	__asm__ volatile("pushfq\n\torq $0x40000, (%%rsp)\n\tpopfq" : : : "memory", "cc");
	spin(argument & ~FIRST);
	__asm__ volatile("pushfq\n\tandq $~0x40000, (%%rsp)\n\tpopfq" : : : "memory", "cc");
	child_exit(0);
}

/* Who may only signal an event may neither take its bits, nor its timer, nor hide its own end. */
static void signal_right_takes_bits(uint64_t unused)
{
	int vm = sys_vm_create(OWN_SPACE, BASE, name, 0), mine = sys_event_create();
	uint64_t bits;

	(void)unused;
	EXPECT(sys_event_signal(FOREIGN_EVENT, 1ULL << 40), 0);
	EXPECT(sys_event_wait(FOREIGN_EVENT, ~0ULL, 0, &bits), E_PERM);
	EXPECT(sys_event_timer(FOREIGN_EVENT, 1, 0), E_PERM);
	EXPECT(sys_vm_irqfd(vm, FOREIGN_EVENT, 4, 0xfee00000, 0x40), E_PERM);
	EXPECT(sys_vm_irqfd(vm, mine, 4, 0xfee00000, 0x40), 0);
	EXPECT(sys_space_ctl(OWN_SPACE, SPACE_WATCH, (uint64_t)mine, 1), E_EXIST);
	child_exit(0);
}

/* Two threads in one vCPU's registers at once would tie two processors' timer queues together. */
static void two_threads_in_one_vcpu(uint64_t argument)
{
	volatile uint32_t *shared = (volatile uint32_t *)CHILD_STACKS;
	uint64_t end;
	int vcpu;

	if (argument & FIRST) {
		int vm = sys_vm_create(OWN_SPACE, BASE, name, 0);

		vcpu = sys_vcpu_create(vm, 0, AREA);
		EXPECT(vcpu > 0, true);
		__atomic_store_n(shared, (uint32_t)vcpu, __ATOMIC_RELEASE);
	}
	while ((vcpu = (int)__atomic_load_n(shared, __ATOMIC_ACQUIRE)) == 0)
		;
	for (end = sys_tsc() + (argument & ~FIRST); sys_tsc() < end;) {
		int a = sys_vcpu_ctl(vcpu, VCPU_LAPIC_WRITE, 0x380, 1000 + sys_tsc() % 5000, NULL);
		int b = sys_vcpu_ctl(vcpu, VCPU_RESET, 0, 0, NULL);

		EXPECT((a == 0 || a == E_BUSY) && (b == 0 || b == E_BUSY), true);
	}
	child_exit(0);
}

/* Two threads take the memory of a dead VM: it comes back once, whole, and scrubbed by one of them. */
static void memory_taken_twice(uint64_t argument)
{
	volatile uint32_t *shared = (volatile uint32_t *)CHILD_STACKS; /* VM; times taken; failures */
	struct range_info r;
	int vm, range;

	if (argument & FIRST) {
		vm = vm_with_ram();
		EXPECT(sys_vm_take(vm), E_BUSY);
		EXPECT(sys_vm_ctl(vm, VM_KILL, 0), 0);
		__atomic_store_n(&shared[0], (uint32_t)vm, __ATOMIC_RELEASE);
	}
	while ((vm = (int)__atomic_load_n(&shared[0], __ATOMIC_ACQUIRE)) == 0)
		;
	do {
		range = sys_vm_take(vm);
	} while (range == E_BUSY);
	if (range > 0) {
		EXPECT(sys_range_info(range, &r), 0);
		EXPECT((int64_t)r.size, RAM_BYTES);
		EXPECT((int64_t)__atomic_add_fetch(&shared[1], 1, __ATOMIC_ACQ_REL), 1);
	} else {
		EXPECT(range, E_RANGE);
	}
	child_exit(0);
}

/* Without room for its handle, a dead VM's memory stays where it is. */
static void memory_lost_with_a_full_table(uint64_t unused)
{
	int vm = vm_with_ram(), last = 0, h;

	(void)unused;
	EXPECT(sys_vm_ctl(vm, VM_KILL, 0), 0);
	while ((h = sys_grant(OWN_SPACE, OWN_SPACE, RIGHT_ALL)) > 0)
		last = h;
	EXPECT(h, E_NOMEM);
	EXPECT(sys_vm_take(vm), E_NOMEM);
	EXPECT(sys_close(last), 0);
	EXPECT(sys_vm_take(vm), last);
	child_exit(0);
}

/* One thread takes a dead VM's memory back, the other moves it into the next VM as soon as it has a name. */
static void memory_moved_on_while_taken(uint64_t argument)
{
	volatile uint32_t *phase = (volatile uint32_t *)CHILD_STACKS;
	int vm;

	if (argument & FIRST) {
		while (__atomic_load_n(phase, __ATOMIC_ACQUIRE) != 1)
			;
		vm = vm_with_ram();
		EXPECT(sys_vm_ctl(vm, VM_KILL, 0), 0);
		__atomic_store_n(phase, 2, __ATOMIC_RELEASE);
		EXPECT(sys_vm_take(vm), RAM); /* the lowest free handle: the other one can guess it */
		child_exit(0);
	}
	vm = sys_vm_create(OWN_SPACE, 2 * BASE, name, 0);
	EXPECT(vm > 0, true);
	__atomic_store_n(phase, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(phase, __ATOMIC_ACQUIRE) != 2)
		;
	while (sys_vm_map(vm, RAM, 0, 0) != 0)
		;
	EXPECT(sys_vm_ctl(vm, VM_KILL, 0), 0);
	EXPECT(sys_vm_take(vm), RAM);
	child_exit(0);
}

static void count_for_ever(uint64_t unused)
{
	volatile uint64_t *counter = (volatile uint64_t *)CHILD_STACKS + 1;

	for (;;)
		*counter = *counter + 1 + unused;
}

/* Two threads move a third one to and fro at once: it would be queued twice, or nowhere. */
static void thread_moved_by_two(uint64_t argument)
{
	volatile uint32_t *shared = (volatile uint32_t *)CHILD_STACKS; /* the third; then its counter */
	volatile uint64_t *counter = (volatile uint64_t *)CHILD_STACKS + 1;
	uint64_t ticks = argument & ~FIRST, end, before;
	int t;

	if (argument & FIRST) {
		t = sys_thread_create(OWN_SPACE, (uint64_t)(uintptr_t)count_for_ever, CHILD_STACKS + 3 * CHILD_STACK - 8, 0, 0, 10);
		EXPECT(t > 0, true);
		EXPECT(sys_thread_ctl(t, THREAD_START, 0), 0);
		__atomic_store_n(shared, (uint32_t)t, __ATOMIC_RELEASE);
	}
	while ((t = (int)__atomic_load_n(shared, __ATOMIC_ACQUIRE)) == 0)
		;
	for (end = sys_tsc() + ticks; sys_tsc() < end;)
		(void)sys_thread_ctl(t, THREAD_MOVE, sys_tsc() >> 4 & 1);
	if ((argument & FIRST) == 0)
		child_exit(0);
	for (before = *counter, end = sys_tsc() + 20 * ticks; *counter == before && sys_tsc() < end;)
		(void)sys_thread_ctl(0, THREAD_YIELD, 0);
	EXPECT(*counter != before, true);
	(void)sys_space_ctl(OWN_SPACE, SPACE_KILL, 0, 0); /* the third does not end by itself */
	child_exit(0);
}

/* What a VM has, nobody else gets. */
static void memory_in_two_vms(uint64_t unused)
{
	int copy = sys_grant(OWN_SPACE, RAM, RIGHT_ALL), vm = sys_vm_create(OWN_SPACE, BASE, name, 0), other;

	(void)unused;
	EXPECT(sys_vm_map(vm, RAM, 0, 0), E_BUSY); /* two handles */
	EXPECT(sys_close(copy), 0);
	EXPECT(sys_range_map(OWN_SPACE, RAM, BASE, 0, 4096, PROT_READ), 0);
	EXPECT(sys_vm_map(vm, RAM, 0, 0), E_BUSY); /* mapped */
	EXPECT(sys_range_unmap(OWN_SPACE, BASE, 4096), 0);
	EXPECT(sys_vm_map(vm, RAM, 1ULL << 52, 0), E_RANGE);
	EXPECT(sys_vm_map(vm, RAM, UINT64_MAX - 0xfff, 0), E_RANGE);
	EXPECT(sys_vm_map(vm, RAM, 0x123, 0), E_INVAL);
	EXPECT(sys_vm_map(vm, RAM, 0, 0), 0);
	other = sys_vm_create(OWN_SPACE, 2 * BASE, name, 0);
	EXPECT(sys_vm_map(other, RAM, 0, 0), E_HANDLE);
	EXPECT(sys_range_unmap(OWN_SPACE, BASE, RAM_BYTES), E_PERM); /* the kernel's mapping */
	child_exit(0);
}

/* Its page tables are gone: isolated ones must not be looked at either. */
static void memory_mapped_into_the_dead(uint64_t unused)
{
	int dead = sys_space_create(name, 16);

	(void)unused;
	EXPECT(sys_range_map(dead, RAM, BASE, 0, 4096, PROT_READ), 0);
	EXPECT(sys_space_ctl(dead, SPACE_KILL, 0, 0), 0);
	EXPECT(sys_range_map(dead, RAM, BASE, 0, 4096, PROT_READ), E_DEAD);
	EXPECT(sys_range_unmap(dead, BASE, 4096), E_DEAD);
	child_exit(0);
}

/* Each space has the only handle of the next: one that ends must not end them all on one kernel stack. */
static void chain_of_spaces(uint64_t unused)
{
	int first = sys_space_create(name, 3), last = first, next;

	(void)unused;
	EXPECT(first > 0, true);
	for (unsigned n = 0; n < 100; n++, last = next) {
		next = sys_space_create(name, 3);
		EXPECT(next > 0, true);
		EXPECT(sys_grant(last, next, RIGHT_ALL) > 0, true);
		if (last != first)
			EXPECT(sys_close(last), 0);
	}
	EXPECT(sys_close(last), 0);
	EXPECT(sys_close(first), 0);
	child_exit(0);
}

/* Loading a selector clears FS base behind the kernel's back: another thread of that base would have 0. */
static void base_cleared_by_a_selector(uint64_t argument)
{
	volatile uint64_t *block = (volatile uint64_t *)CHILD_STACKS;
	uint64_t end = sys_tsc() + (argument & ~FIRST), there;

	EXPECT(sys_thread_ctl(0, THREAD_SET_FS, CHILD_STACKS), 0);
	block[1] = FIRST;
	while (sys_tsc() < end) {
		if ((argument & FIRST) != 0)
			__asm__ volatile("movl %0, %%fs" : : "r"(0x23));
		(void)sys_thread_ctl(0, THREAD_YIELD, 0);
		if ((argument & FIRST) == 0)
			__asm__ volatile("movq %%fs:8, %0" : "=r"(there));
	}
	child_exit(0);
}

/* A processor's timers are a list: a VM must not make it long for its neighbours. */
static void timers_without_number(uint64_t unused)
{
	int first = sys_event_create(), e;
	unsigned armed;

	(void)unused;
	EXPECT(sys_event_timer(first, 1, sys_tsc() + FIRST / 2), 0);
	for (armed = 1; armed < 1000; armed++) {
		e = sys_event_create();
		EXPECT(e > 0, true);
		if (sys_event_timer(e, 1, sys_tsc() + FIRST / 2) != 0)
			break;
	}
	EXPECT(armed, 64);
	EXPECT(sys_event_timer(e, 1, sys_tsc() + FIRST / 2), E_NOMEM);
	EXPECT(sys_event_timer(first, 1, 0), 0);
	EXPECT(sys_event_timer(e, 1, sys_tsc() + FIRST / 2), 0);
	EXPECT(sys_close(e), 0);
	EXPECT(sys_event_timer(first, 1, sys_tsc() + FIRST / 2), 0);
	child_exit(0);
}

static const struct attack {
	const char *name;
	void (*run)(uint64_t);
	unsigned threads;
	bool one_cpu; /* they share a processor */
	uint32_t reason, vector; /* how the child must end */
} attacks[] = {
#define ATTACK(f, ...) { #f, f, __VA_ARGS__ }
	ATTACK(area_outlives_its_vm, 1, false, REASON_FAULT, 14),
	ATTACK(alignment_flag_in_the_kernel, 2, true, REASON_EXITED, 0),
	ATTACK(signal_right_takes_bits, 1, false, REASON_EXITED, 0),
	ATTACK(two_threads_in_one_vcpu, 2, false, REASON_EXITED, 0),
	ATTACK(memory_taken_twice, 2, false, REASON_EXITED, 0),
	ATTACK(memory_moved_on_while_taken, 2, false, REASON_EXITED, 0),
	ATTACK(memory_lost_with_a_full_table, 1, false, REASON_EXITED, 0),
	ATTACK(thread_moved_by_two, 2, false, REASON_KILLED, 0),
	ATTACK(memory_in_two_vms, 1, false, REASON_EXITED, 0),
	ATTACK(memory_mapped_into_the_dead, 1, false, REASON_EXITED, 0),
	ATTACK(chain_of_spaces, 1, false, REASON_EXITED, 0),
	ATTACK(base_cleared_by_a_selector, 2, true, REASON_EXITED, 0),
	ATTACK(timers_without_number, 1, false, REASON_EXITED, 0),
};

static bool attack_run(struct world *w, const struct attack *a, unsigned cpu)
{
	uint64_t ticks = w->box.tsc_hz / 10;
	int ram = w->memory, child;
	struct space_info info;

	sys_range_scrub(w->stacks);
	child = child_create(w, QUOTA);
	w->memory = sys_range_split(ram, RAM_BYTES);
	sys_grant(child, w->event, RIGHT_WRITE);
	sys_grant(child, ram, RIGHT_ALL);
	sys_close(ram);
	for (unsigned i = 0; i < a->threads; i++)
		child_start(w, child, i, a->run, i == 0 ? FIRST | ticks : ticks, a->one_cpu ? cpu : cpu + i, 10);
	info = child_end(w, child, 20 * w->box.tsc_hz);
	if (info.reason == a->reason && info.vector == a->vector && (a->reason == REASON_FAULT || info.error == 0))
		return true;
	say("FAIL %s: reason %u, vector %u, error 0x%llx, at 0x%llx", a->name, info.reason, info.vector,
	    (unsigned long long)info.error, (unsigned long long)info.rip);
	return false;
}

/* Who watches the log is told that it has grown, and nothing else; there is one. */
static bool log_is_told(struct world *w)
{
	int event = sys_event_create();
	uint64_t bits, patience = 20 * w->box.tsc_hz;

	if (sys_log_watch(HANDLE_BOX, 9999, 4) != E_HANDLE || sys_log_watch(HANDLE_BOX, event, 4) != 0 ||
	    sys_log_watch(HANDLE_BOX, w->event, 4) != E_EXIST)
		return false;
	say("a line");
	if (sys_event_wait(event, ~0ULL, sys_tsc() + patience, &bits) != 0 || bits != 4)
		return false;
	return sys_event_wait(event, ~0ULL, sys_tsc() + w->box.tsc_hz / 100, &bits) == E_TIMEOUT;
}

/* Below the stack of the first program nothing is mapped: the kernel, asked to write there, says so. */
static bool stack_has_a_guard(struct world *w)
{
	uint64_t at = (uint64_t)(uintptr_t)__builtin_frame_address(0) & ~0xfffULL, bottom;

	while (sys_range_info(w->stacks, (struct range_info *)(uintptr_t)(at - 4096)) == 0)
		at -= 4096;
	for (bottom = at; at > bottom - (1 << 20); at -= 4096)
		if (sys_range_info(w->stacks, (struct range_info *)(uintptr_t)(at - 4096)) != E_FAULT)
			return false;
	return bottom < USER_STACK_TOP && bottom >= USER_STACK_TOP - (1 << 20);
}

static unsigned told(const char *attack, bool ok)
{
	say(ok ? "ok %s" : "FAIL %s", attack);
	return !ok;
}

void ring3_main(const struct manager_boot *boot);
void ring3_main(const struct manager_boot *boot)
{
	struct world w;
	unsigned failed = 0, count = sizeof(attacks) / sizeof(attacks[0]);
	uint64_t before, after;

	world_init(&w, boot);
	for (unsigned i = 0; i < count; i++) {
		bool ok = attack_run(&w, &attacks[i], 0);

		before = pool_free(&w);
		ok = ok && attack_run(&w, &attacks[i], 1);
		after = pool_free(&w);
		if (ok && before != after) {
			say("FAIL %s: %lld bytes of the pool are gone", attacks[i].name, (long long)(before - after));
			ok = false;
		}
		if (ok)
			say("ok %s", attacks[i].name);
		failed += !ok;
	}
	failed += told("log_is_told", log_is_told(&w));
	failed += told("stack_has_a_guard", stack_has_a_guard(&w));
	finish(count + 2 - failed, failed);
}
