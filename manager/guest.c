/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of one VM: start, end, another start. What takes long is done in steps, so that consoles
 * and neighbours go on meanwhile. What a monitor writes is copied once and believed as little as possible.
 */
#include "manager/manager.h"

#include <stdarg.h>
#include "lib/format.h"
#include "lib/string.h"
#include "lib/x86/cr.h"

/* In the log, and where its own output is. */
__attribute__((format(printf, 3, 4))) static void tell(struct manager *m, struct guest *g,
						       const char *fmt, ...)
{
	char line[MONITOR_REASON_MAX + 64];
	va_list args;

	va_start(args, fmt);
	format_v(line, sizeof(line), fmt, args);
	va_end(args);
	manager_say("vm %s: %s", g->config->name, line);
	mux_note(&m->mux, g->index, line);
}

/* The box is about to go off, with everything that its memory held. */
static bool box_ends_with(const struct manager *m, const struct guest *g)
{
	if ((m->config.stay && !m->going_off) || m->scrub_last || life_goes_on(&g->life, g->life.end))
		return false;
	for (unsigned i = 0; i < m->guests; i++)
		if (&m->guest[i] != g && m->guest[i].life.state != LIFE_STOPPED)
			return false;
	return true;
}

/* Nothing of it runs any more. */
static void guest_gone(struct manager *m, struct guest *g)
{
	g->life.state = LIFE_RETURNING;
	if (g->vm > 0)
		sys_vm_ctl(g->vm, VM_KILL, 0); /* a monitor that ends of itself has not: its memory would stay */
	if (box_ends_with(m, g)) {
		life_over(&g->life, manager_ms(m));
		tell(m, g, "stopped: %s", g->reason);
	}
}

void guest_stop(struct manager *m, struct guest *g, enum life_end end, const char *why, ...)
{
	va_list args;

	bool ran = g->life.state == LIFE_RUNNING;

	if (!life_ends(&g->life, end))
		return;
	if (ran)
		guest_report(m, g); /* while it is all still there */
	va_start(args, why);
	format_v(g->reason, sizeof(g->reason), why, args);
	va_end(args);
	if (g->vm > 0)
		sys_vm_ctl(g->vm, VM_KILL, 0);
	/* One that no thread has come to yet, too: it holds handles to itself and would stay. */
	if (g->space > 0)
		sys_space_ctl(g->space, SPACE_KILL, 0, 0);
	if (g->life.state != LIFE_ENDING)
		guest_gone(m, g);
}

/* A page fault in one of the gaps between a monitor's stacks. */
static bool stack_overflow(const struct guest *g, const struct space_info *info)
{
	uint64_t below = USER_STACK_TOP - info->cr2;

	return info->vector == VECTOR_PF && below <= (g->config->cpus + 1) * MONITOR_STACK_STRIDE &&
	       (below - 1) % MONITOR_STACK_STRIDE >= MONITOR_STACK_BYTES;
}

void guest_died(struct manager *m, struct guest *g)
{
	struct space_info info = { 0 };

	if (g->life.state != LIFE_RUNNING && g->life.state != LIFE_ENDING)
		return;
	/* A signal is only a hint: any monitor can send it. */
	if (sys_space_ctl(g->space, SPACE_INFO, sys_ptr(&info), 0) != 0 || info.reason == REASON_ALIVE)
		return;
	guest_check(m, g); /* its last word counts more than that it is gone */
	if (g->life.state == LIFE_RUNNING) {
		guest_report(m, g);
		life_ends(&g->life, END_CRASHED);
		if (info.reason == REASON_FAULT)
			format(g->reason, sizeof(g->reason),
			       "its monitor crashed: %sexception %u at 0x%llx, address 0x%llx",
			       stack_overflow(g, &info) ? "stack overflow: " : "", info.vector,
			       (unsigned long long)info.rip, (unsigned long long)info.cr2);
		else
			format(g->reason, sizeof(g->reason), "its monitor has ended");
	}
	guest_gone(m, g);
}

void guest_check(struct manager *m, struct guest *g)
{
	char why[MONITOR_REASON_MAX];
	uint32_t state;

	if (g->life.state != LIFE_RUNNING)
		return;
	state = __atomic_load_n(&g->shared->state, __ATOMIC_ACQUIRE);
	if (m->limit && sys_tsc() - g->started > m->limit * m->box.tsc_hz) {
		guest_stop(m, g, END_FAILED, "time limit of %llu s", (unsigned long long)m->limit);
		return;
	}
	if (state < MONITOR_POWERED_OFF)
		return;
	for (unsigned i = 0; i < sizeof(why); i++) {
		char c = ((volatile char *)g->shared->reason)[i];

		why[i] = c == '\0' || (c >= ' ' && c <= '~') ? c : '?';
	}
	why[sizeof(why) - 1] = '\0';
	if (state == MONITOR_EXITED)
		g->exit_status = g->shared->exit_status & 0xff;
	guest_stop(m, g,
		   state == MONITOR_POWERED_OFF ? END_OFF :
		   state == MONITOR_FAILED	? END_FAILED :
		   state == MONITOR_EXITED	? END_EXITED :
						  END_CRASHED,
		   "%s", why);
}

static void start_failed(struct manager *m, struct guest *g, const char *why, int status)
{
	if (why[0])
		guest_stop(m, g, END_FAILED, "%s", why);
	else
		guest_stop(m, g, END_FAILED, "the box cannot give it what it needs: status %d", status);
}

/* What nobody has, and no VM that is starting has been promised. */
static uint64_t memory_left(const struct manager *m)
{
	uint64_t free = memory_free(&m->memory), promised = 0;

	for (unsigned i = 0; i < m->guests; i++)
		promised += guest_memory_left(&m->guest[i]);
	return free > promised ? free - promised : 0;
}

void guest_start(struct manager *m, struct guest *g)
{
	uint64_t left = memory_left(m);

	tell(m, g, "starting");
	life_start(&g->life, manager_ms(m));
	g->built = false;
	g->given = 0;
	if (g->config->wrong || !g->place->ok)
		guest_stop(m, g, END_FAILED, "%s", g->config->wrong ? g->reason : g->place->why);
	else if (g->config->memory > left)
		guest_stop(m, g, END_FAILED, "memory = %lluM, but only %lluM are free on this box",
			   (unsigned long long)(g->config->memory >> 20), (unsigned long long)(left >> 20));
}

/* Its files, then what it consists of, then its memory: E_AGAIN while there is more to do. */
static int start_some(struct manager *m, struct guest *g, char *why, size_t why_bytes)
{
	int status;

	if (!g->built) {
		status = guest_check_files(m, g, why, why_bytes);
		if (status == 0)
			status = guest_build(m, g, why, why_bytes);
		g->built = status == 0;
		return g->built ? E_AGAIN : status;
	}
	status = guest_give_memory(m, g, why, why_bytes);
	return status == 0 ? guest_start_thread(m, g) : status;
}

static void go_on_starting(struct manager *m, struct guest *g)
{
	char why[MONITOR_REASON_MAX] = "";
	int status = start_some(m, g, why, sizeof(why));

	if (status == E_AGAIN)
		return;
	if (status == 0) {
		g->life.state = LIFE_RUNNING;
		g->started = sys_tsc();
	} else {
		start_failed(m, g, why, status);
	}
}

static bool go_on_returning(struct manager *m, struct guest *g)
{
	uint64_t now = manager_ms(m);
	int status;

	/* Its last words first: there is at most a page of them. */
	if (g->out.page && ring_used(&g->out) != 0)
		return false;
	status = guest_take_memory(m, g);
	if (status != 0)
		return status == E_AGAIN;
	guest_take_rest(m, g);
	report_gone(m, g);
	life_over(&g->life, now);
	if (g->life.state == LIFE_STOPPED)
		tell(m, g, "stopped: %s", g->reason);
	else
		tell(m, g, "ended: %s; starts again in %llu ms", g->reason,
		     (unsigned long long)(g->life.again - now));
	return true;
}

bool guest_step(struct manager *m, struct guest *g)
{
	switch (g->life.state) {
	case LIFE_STARTING:
		go_on_starting(m, g);
		return true;
	case LIFE_RETURNING:
		return go_on_returning(m, g);
	case LIFE_WAITING:
		if (!life_due(&g->life, manager_ms(m)))
			return false;
		guest_start(m, g);
		return true;
	default:
		return false;
	}
}

void guest_ask(struct guest *g, uint32_t what)
{
	if (g->life.state != LIFE_RUNNING)
		return;
	__atomic_fetch_or(&g->shared->ask, what, __ATOMIC_RELEASE);
	sys_event_signal(g->event, MONITOR_BIT_ASK);
}
