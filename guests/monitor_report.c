/* SPDX-License-Identifier: GPL-2.0-only */
/* What the monitor says: log lines, the reason of a stop, the exit counters. */
#include "guests/monitor.h"

#include <stdarg.h>
#include "lib/format.h"
#include "lib/string.h"

void monitor_say(struct monitor *m, const char *fmt, ...)
{
	char line[400];
	va_list args;
	int n;

	(void)m;
	va_start(args, fmt);
	n = format_v(line, sizeof(line), fmt, args);
	va_end(args);
	sys_log(line, n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

void monitor_ask(struct monitor *m, enum monitor_request request, const char *why, ...)
{
	uint32_t none = REQUEST_NONE;
	va_list args;

	if (!__atomic_compare_exchange_n(&m->request, &none, REQUEST_CLAIMED, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return;
	va_start(args, why);
	format_v(m->shared->reason, MONITOR_REASON_MAX, why, args);
	va_end(args);
	__atomic_store_n(&m->request, request, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < m->boot->cpus; i++)
		sys_vcpu_kick(m->vcpu[i].handle);
	sys_event_signal(m->boot->handle.event, MONITOR_BIT_STATE);
}

/* In the order of enum hv_exit_kind (kernel/hvops.h); a unit test holds them together. */
static const char *const exit_names[] = {
	"intr", "nmi", "mc", "cpuid", "rdmsr", "wrmsr", "hlt", "hypercall", "pio", "npf", "npt_bad",
	"cr", "dr", "xsetbv", "wbinvd", "invd", "invlpg", "rdtsc", "rdpmc", "monitor", "mwait",
	"pause", "virt_insn", "exception", "window", "tpr", "deadline", "eoi", "apic_access",
	"task_switch", "shutdown", "init", "smi", "rsm", "invalid", "bus_lock", "notify", "unknown",
};

const char *monitor_exit_name(unsigned kind)
{
	return kind < sizeof(exit_names) / sizeof(exit_names[0]) ? exit_names[kind] : NULL;
}

void monitor_port_count(struct monitor_vcpu *v, uint16_t port, bool write)
{
	for (unsigned i = 0; i < MONITOR_PORT_COUNTS; i++) {
		struct monitor_port_count *c = &v->port[i];

		if (c->count == 0)
			*c = (struct monitor_port_count){ .port = port, .write = write };
		if (c->port == port && c->write == write) {
			c->count++;
			return;
		}
	}
}

/* The busiest ports of a vCPU, most accesses first. */
static void port_counters(struct monitor *m, struct monitor_vcpu *v)
{
	char line[400];
	size_t at = (size_t)format(line, sizeof(line), "monitor: ports of vCPU %u:", v->index);

	for (unsigned shown = 0; shown < 20; shown++) {
		struct monitor_port_count *top = &v->port[0];

		for (unsigned i = 1; i < MONITOR_PORT_COUNTS; i++)
			if (v->port[i].count > top->count)
				top = &v->port[i];
		if (top->count == 0)
			break;
		at += (size_t)format(line + at, sizeof(line) - at, " %s0x%x=%u",
				     top->write ? "out" : "in", top->port, top->count);
		top->count = 0;
	}
	monitor_say(m, "%s", line);
}

void monitor_counters(struct monitor *m)
{
	char line[512];
	uint64_t entries = 0, unknown_msr = 0, pv_eois = 0, pv_ipis = 0;
	size_t at;

	for (unsigned i = 0; i < m->boot->cpus; i++) {
		entries += m->vcpu[i].area->entries;
		unknown_msr += m->vcpu[i].area->unknown_msr;
		pv_eois += m->vcpu[i].area->pv_eois;
		pv_ipis += m->vcpu[i].area->pv_ipis;
	}
	monitor_say(m, "monitor: first_insn: %llu TSC ticks after the kernel's entry",
		    (unsigned long long)(m->first_tsc - m->boot_tsc));
	for (unsigned i = 0; i < m->boot->cpus && (m->boot->flags & MONITOR_PORTS); i++)
		port_counters(m, &m->vcpu[i]);
	at = (size_t)format(line, sizeof(line), "monitor: exits: entries=%llu unknown_msr=%llu pv_eois=%llu pv_ipis=%llu",
			    (unsigned long long)entries, (unsigned long long)unknown_msr,
			    (unsigned long long)pv_eois, (unsigned long long)pv_ipis);
	for (unsigned kind = 0; monitor_exit_name(kind); kind++) {
		uint64_t sum = 0;

		for (unsigned i = 0; i < m->boot->cpus; i++)
			sum += m->vcpu[i].area->count[kind];
		if (sum != 0 && at < sizeof(line))
			at += (size_t)format(line + at, sizeof(line) - at, " %s=%llu",
					     monitor_exit_name(kind), (unsigned long long)sum);
	}
	sys_log(line, strlen(line));
}
