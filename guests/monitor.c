/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The monitor's first thread: sets the VM up, then serves timers and the console, and carries out
 * changes of the whole machine while every vCPU thread is parked.
 */
#include "guests/monitor.h"

#include "lib/cov.h"
#include "lib/ring3/ring3.h"

_Static_assert(SYS_THREAD_CTL == 13 && THREAD_EXIT == 4, "lib/ring3/crt.asm spells them out");

enum { RESETS_SPARED = 3 }; /* firmware, a boot loader and an installer may each want one */

/* The one VM of this process; listed in guests/README.md. */
static struct monitor the_monitor;

static void finish(struct monitor *m, enum monitor_state state)
{
	if (m->boot->flags & MONITOR_COUNTERS)
		monitor_counters(m);
	if (m->moves != 0)
		monitor_say(m, "moved between processors %u times", m->moves);
	cov_dump(false);
	__atomic_store_n(&m->shared->state, (uint32_t)state, __ATOMIC_RELEASE);
	sys_event_signal(m->boot->handle.manager_event, m->boot->manager_bits);
}

/* What the chips still hold of the guest's last words; nobody waits for ever to have them taken. */
static void say_the_rest(struct monitor *m)
{
	unsigned empty = 0;
	uint64_t bits;

	for (unsigned i = 0; i < 500 && empty < 2; i++) {
		monitor_lock(m, MONITOR_IO_THREAD);
		board_expire(&m->board);
		monitor_unlock(m);
		empty = ring_room(&m->console_out) == RING_BYTES ? empty + 1 : 0;
		sys_event_wait(m->boot->handle.event, 0, sys_tsc() + m->tsc_hz / 500, &bits);
	}
}

/* Nothing left to do: the manager reads the reason and takes everything away. */
static void wait_for_the_end(struct monitor *m)
{
	uint64_t bits;

	for (;;)
		sys_event_wait(m->boot->handle.event, MONITOR_BIT_STATE, SYS_FOR_EVER, &bits);
}

static void fail(struct monitor *m, const char *why)
{
	monitor_ask(m, REQUEST_CRASH, "%s", why);
	finish(m, MONITOR_FAILED);
	wait_for_the_end(m);
}

/*
 * vCPU 0 goes last, released by the last of the others: one that is started before its own thread
 * has reset it would lose the start-up IPI.
 */
static void release_vcpus(struct monitor *m)
{
	unsigned others = m->boot->cpus - 1;

	m->released = sys_tsc();
	__atomic_store_n(&m->parked, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&m->resetting, others, __ATOMIC_RELEASE);
	__atomic_store_n(&m->request, REQUEST_NONE, __ATOMIC_RELEASE);
	for (unsigned i = others != 0; i <= others; i++)
		sys_event_signal(m->vcpu[i].event, MONITOR_BIT_GO);
}

static void restart(struct monitor *m)
{
	char why[LOAD_WHY_MAX];

	m->shared->resets++;
	m->reset_at = 0;
	monitor_lock(m, MONITOR_IO_THREAD);
	board_reset(&m->board);
	monitor_unlock(m);
	if (monitor_load(m, why) != 0)
		fail(m, why);
	release_vcpus(m);
}

/*
 * A guest that resets itself again and again gets pauses, so that it fills neither its processors' time nor
 * the log; the first few come at once. False: not yet.
 */
static bool reset_due(struct monitor *m)
{
	uint64_t now = sys_tsc(), pause;

	if (m->reset_at != 0)
		return now >= m->reset_at;
	pause = backoff_next(&m->resets, (now - m->released) / (m->tsc_hz / 1000 + 1));
	if (pause == 0)
		monitor_say(m, "reset: %.*s", MONITOR_REASON_MAX - 1, m->shared->reason);
	else
		monitor_say(m, "reset: %.*s; starts over in %llu ms", MONITOR_REASON_MAX - 1,
			    m->shared->reason, (unsigned long long)pause);
	m->reset_at = now + pause * (m->tsc_hz / 1000);
	return pause == 0;
}

/* Every vCPU is parked: what was asked for is done now. */
static void machine_change(struct monitor *m)
{
	uint32_t request = __atomic_load_n(&m->request, __ATOMIC_ACQUIRE);

	if (request < REQUEST_RESET ||
	    __atomic_load_n(&m->parked, __ATOMIC_ACQUIRE) != m->boot->cpus)
		return;
	if (request == REQUEST_RESET) {
		if (reset_due(m))
			restart(m);
		return;
	}
	say_the_rest(m);
	finish(m, request == REQUEST_POWER_OFF ? MONITOR_POWERED_OFF :
		  request == REQUEST_EXIT      ? MONITOR_EXITED :
						 MONITOR_CRASHED);
	wait_for_the_end(m);
}

/*
 * On, if the guest has been entered since the last time: on a slow host a vCPU could else be moved for ever
 * before it has run (of 2300 moves in payload/regs-moved 1850 were such).
 */
static void move(struct monitor *m, struct monitor_vcpu *v)
{
	uint64_t entries = __atomic_load_n(&v->area->entries, __ATOMIC_RELAXED);

	if (entries == v->moved_at)
		return;
	v->moved_at = entries;
	v->moves++;
	m->moves++;
	sys_thread_ctl(v->thread, THREAD_MOVE, (m->boot->cpu[v->index] + v->moves) % m->boot->host_cpus);
}

/* For tests: moves every vCPU to its next processor. When to come again, in TSC ticks. */
static uint64_t shuffle(struct monitor *m, uint64_t when)
{
	uint64_t now = sys_tsc();

	if (m->boot->shuffle_ms == 0)
		return SYS_FOR_EVER;
	if (now < when)
		return when;
	for (unsigned i = 0; i < m->boot->cpus; i++)
		move(m, &m->vcpu[i]);
	return now + m->boot->shuffle_ms * m->tsc_hz / 1000;
}

/* What the operator wants to see. A vCPU's state is its own thread's to tell. */
static void answer(struct monitor *m)
{
	uint32_t ask = __atomic_exchange_n(&m->shared->ask, 0, __ATOMIC_ACQUIRE);

	if (ask & MONITOR_ASK_COUNTERS)
		monitor_counters(m);
	for (unsigned i = 0; i < m->boot->cpus && (ask & MONITOR_ASK_DUMP); i++) {
		__atomic_store_n(&m->vcpu[i].dump, 1, __ATOMIC_RELEASE);
		sys_vcpu_kick(m->vcpu[i].handle);
	}
}

static void serve(struct monitor *m)
{
	const uint64_t mask = MONITOR_BIT_TIMER | MONITOR_BIT_CONSOLE | MONITOR_BIT_STATE |
			      MONITOR_BIT_ASK;
	uint64_t bits, again = 0, until;

	for (;;) {
		again = shuffle(m, again);
		until = m->reset_at != 0 && m->reset_at < again ? m->reset_at : again;
		sys_event_wait(m->boot->handle.event, mask, until, &bits);
		if (bits & (MONITOR_BIT_TIMER | MONITOR_BIT_CONSOLE)) {
			monitor_lock(m, MONITOR_IO_THREAD);
			if (bits & MONITOR_BIT_TIMER)
				board_expire(&m->board);
			if (bits & MONITOR_BIT_CONSOLE)
				monitor_console_pump(m);
			monitor_unlock(m);
		}
		if (bits & MONITOR_BIT_ASK)
			answer(m);
		if (bits & MONITOR_BIT_STATE || m->reset_at != 0)
			machine_change(m);
	}
}

static void vcpu_entry(void *arg)
{
	monitor_vcpu_main(arg);
}

/* One vCPU and its thread; the thread parks at once and waits for the first release. */
static int vcpu_create(struct monitor *m, unsigned i)
{
	const struct monitor_boot *boot = m->boot;
	struct monitor_vcpu *v = &m->vcpu[i];
	uint64_t area = USER_VCPU_AREAS + i * USER_VCPU_STRIDE;
	uint64_t stack = USER_STACK_TOP - (i + 1) * MONITOR_STACK_STRIDE;

	v->monitor = m;
	v->index = i;
	v->area = (struct vcpu_area *)(uintptr_t)area;
	v->event = sys_event_create();
	if (v->event < 0)
		return v->event;
	v->handle = sys_vcpu_create(boot->handle.vm, i, area);
	if (v->handle < 0)
		return v->handle;
	stack = ring3_thread_stack(stack, vcpu_entry, v);
	v->thread = sys_thread_create(boot->handle.space, (uint64_t)(uintptr_t)ring3_thread, stack, 0,
				      boot->cpu[i], MONITOR_PRIORITY_VCPU);
	return v->thread < 0 ? v->thread : sys_thread_ctl(v->thread, THREAD_START, 0);
}

/*
 * Port 0x80 shows POST codes, and systems write to it to pass time. A doorbell that nobody waits
 * for keeps those writes in the kernel.
 */
static void absorb_delay_port(const struct monitor_boot *boot)
{
	static const struct vm_doorbell bell = { .port = 0x80, .count = 1 };

	sys_vm_doorbell(boot->handle.vm, &bell, boot->handle.event, MONITOR_BIT_DELAY_PORT);
}

static void set_up(struct monitor *m, const struct monitor_boot *boot)
{
	struct ring_page *rings = (struct ring_page *)(uintptr_t)(MONITOR_SHARED + 4096);
	static struct box_info box; /* large; only read here */
	char why[LOAD_WHY_MAX];
	struct board_params params;
	int status = 0;

	m->boot = boot;
	m->shared = (struct monitor_shared *)(uintptr_t)MONITOR_SHARED;
	m->console_in.page = rings;
	m->console_out.page = (struct ring_page *)(uintptr_t)(MONITOR_SHARED + 8192);
	m->ram = (uint8_t *)(uintptr_t)USER_GUEST_RAM;
	m->low_bytes = load_min(boot->memory, LOAD_HOLE_START);
	m->high_bytes = boot->memory - m->low_bytes;
	m->request = REQUEST_CLAIMED; /* nobody runs yet */
	if (sys_box_info(&box) != 0 || box.tsc_hz == 0)
		fail(m, "the kernel does not tell the TSC's frequency");
	m->tsc_base = sys_tsc();
	m->tsc_hz = box.tsc_hz;
	m->boot_tsc = box.boot_tsc;
	m->resets = (struct backoff){ .first_ms = boot->backoff_ms, .spared = RESETS_SPARED };
	m->ns_mul = box.tsc_to_ns_mul;
	m->ns_shift = box.tsc_to_ns_shift;
	params = (struct board_params){ m->low_bytes, m->high_bytes, boot->cpus,
					(boot->flags & MONITOR_TESTDEV) != 0, boot->cmdline };
	for (unsigned i = 0; i < boot->cpus && status == 0; i++)
		status = vcpu_create(m, i);
	if (status == 0)
		status = sys_vm_ctl(boot->handle.vm, VM_FREEZE, 0); /* not on a processor of the guest's own */
	if (status != 0) {
		m->request = REQUEST_NONE;
		monitor_ask(m, REQUEST_CRASH, "no vCPU to be had: status %d", status);
		finish(m, MONITOR_FAILED);
		wait_for_the_end(m);
	}
	m->request = REQUEST_NONE;
	absorb_delay_port(boot);
	if (board_init(&m->board, &monitor_board_ops, &params) != 0)
		fail(m, "the board cannot be built with this memory and these processors");
	if (monitor_load(m, why) != 0)
		fail(m, why);
}

int ring3_main(void *arg)
{
	struct monitor *m = &the_monitor;
	const struct monitor_boot *boot = arg;
	uint64_t bits;

	if (boot->magic != MONITOR_BOOT_MAGIC || boot->cpus == 0 || boot->cpus > MONITOR_VCPUS)
		return 1;
	set_up(m, boot);
	while (__atomic_load_n(&m->parked, __ATOMIC_ACQUIRE) != boot->cpus)
		sys_event_wait(boot->handle.event, MONITOR_BIT_STATE, SYS_FOR_EVER, &bits);
	__atomic_store_n(&m->shared->state, MONITOR_RUNNING, __ATOMIC_RELEASE);
	release_vcpus(m);
	serve(m);
	return 0;
}
