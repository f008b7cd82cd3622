/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU thread: vcpu_run, then one small handler an exit kind. It parks for machine changes. */
#include "guests/monitor.h"

static void exit_nothing(struct monitor_vcpu *v)
{
	(void)v;
}

static void exit_kick(struct monitor_vcpu *v)
{
	if (__atomic_exchange_n(&v->dump, 0, __ATOMIC_ACQUIRE) != 0)
		sys_vcpu_ctl(v->handle, VCPU_DUMP, 0, 0, NULL);
}

static void exit_pio(struct monitor_vcpu *v)
{
	struct monitor *m = v->monitor;
	struct vcpu_pio *pio = &v->area->pio;

	if (__builtin_expect(m->boot->flags & MONITOR_PORTS, 0) != 0)
		monitor_port_count(v, pio->port, pio->write);
	monitor_lock(m, v->index + 1);
	if (pio->write)
		board_port_write(&m->board, pio->port, pio->size, pio->data);
	else
		pio->data = board_port_read(&m->board, pio->port, pio->size);
	monitor_unlock(m);
}

static void exit_inta(struct monitor_vcpu *v)
{
	monitor_lock(v->monitor, v->index + 1);
	v->area->inta.vector = board_inta(&v->monitor->board);
	monitor_unlock(v->monitor);
}

static void exit_eoi(struct monitor_vcpu *v)
{
	monitor_lock(v->monitor, v->index + 1);
	board_eoi(&v->monitor->board, v->area->eoi.vector);
	monitor_unlock(v->monitor);
}

/* A PC resets on a triple fault; here it is a crash, and on_crash says what comes after it. */
static void exit_shutdown(struct monitor_vcpu *v)
{
	struct monitor *m = v->monitor;

	sys_vcpu_ctl(v->handle, VCPU_DUMP, 0, 0, NULL);
	monitor_ask(m, REQUEST_CRASH, "triple fault on vCPU %u", v->index);
}

static void exit_text(struct monitor_vcpu *v)
{
	struct vcpu_area *a = v->area;

	sys_vcpu_ctl(v->handle, VCPU_DUMP, 0, 0, NULL);
	monitor_ask(v->monitor, REQUEST_CRASH, "vCPU %u: %.*s", v->index, VCPU_TEXT_MAX - 1, a->text);
}

static void exit_task_switch(struct monitor_vcpu *v)
{
	if (monitor_task_switch(v) == EMUL_SHUTDOWN)
		exit_shutdown(v);
}

static void (*const exit_table[EXIT_KINDS])(struct monitor_vcpu *) = {
	[EXIT_KICK] = exit_kick,
	[EXIT_PIO] = exit_pio,
	[EXIT_PIO_STRING] = monitor_emulate,
	[EXIT_MMIO] = monitor_emulate,
	[EXIT_INTA] = exit_inta,
	[EXIT_EOI] = exit_eoi,
	[EXIT_SHUTDOWN] = exit_shutdown,
	[EXIT_INVALID] = exit_text,
	[EXIT_FAULT] = exit_text,
	[EXIT_TASK_SWITCH] = exit_task_switch,
	[EXIT_SIPI] = exit_nothing,
	[EXIT_DOUBLE_RUN] = exit_nothing,
};

/* Waits until the I/O thread has done what was asked, then starts over from the new state. */
static void vcpu_park(struct monitor_vcpu *v)
{
	struct monitor *m = v->monitor;
	uint64_t bits;

	__atomic_add_fetch(&m->parked, 1, __ATOMIC_ACQ_REL);
	sys_event_signal(m->boot->handle.event, MONITOR_BIT_STATE);
	sys_event_wait(v->event, MONITOR_BIT_GO, SYS_FOR_EVER, &bits);
	monitor_vcpu_reset(v);
	if (v->index != 0 && __atomic_sub_fetch(&m->resetting, 1, __ATOMIC_ACQ_REL) == 0)
		sys_event_signal(m->vcpu[0].event, MONITOR_BIT_GO);
}

void monitor_vcpu_main(struct monitor_vcpu *v)
{
	struct monitor *m = v->monitor;
	int kind;

	v->area->want[EXIT_MMIO] = EMUL_WANT | REG_EVENT;
	v->area->want[EXIT_PIO_STRING] = EMUL_WANT | REG_EVENT;
	v->area->want[EXIT_TASK_SWITCH] = EMUL_WANT | REG_EVENT | REG_TABLE | REG_DR;
	vcpu_park(v);
	if (v->index == 0)
		m->first_tsc = sys_tsc();
	for (;;) {
		/* Again after a park, too: the reset has wiped out a kick that came before it. */
		while (__builtin_expect(__atomic_load_n(&m->request, __ATOMIC_ACQUIRE), 0) != 0)
			vcpu_park(v);
		kind = sys_vcpu_run(v->handle);
		if ((unsigned)kind < EXIT_KINDS)
			exit_table[kind](v);
		else
			monitor_ask(m, REQUEST_CRASH, "vcpu_run on vCPU %u returned status %d",
				    v->index, kind);
	}
}
