/* SPDX-License-Identifier: GPL-2.0-only */
/* The box's end: when it has come, its last words, and the power. Stops no VM. */
#include "manager/manager.h"

#include <stdarg.h>
#include "lib/cov.h"
#include "lib/format.h"
#include "lib/string.h"
#include "manager/power.h"

/* A box without a serial console says its last line on COM1 all the same; a guest that had it is gone. */
static void find_any_port(struct manager *m)
{
	if (m->console->ports >= 0 || (m->com[0].ports < 0 && !console_open(&m->com[0], 1, m->event, BIT_SERIAL)))
		return;
	m->console = &m->com[0];
	m->mux.line_start = false; /* whatever it said last */
}

__attribute__((noreturn)) static void switch_off(struct manager *m, const char *line)
{
	uint64_t end = sys_tsc() + 10 * m->box.tsc_hz;

	m->mux.prompt = false;
	do {
		manager_pump(m, false);
		console_flush(m->console, m->box.tsc_hz);
		manager_log_pump(m); /* more than fits at once */
	} while (!mux_empty(&m->mux) && sys_tsc() < end);
	cov_dump(true);
	find_any_port(m);
	/* The seal is `bulkhead run`'s: a guest that prints this line does not know it. */
	mux_say(&m->mux, "%s%s%s", line, m->seal[0] ? " #" : "", m->seal);
	screen_put(&m->screen, line, strlen(line));
	screen_put(&m->screen, "\n", 1);
	manager_pump(m, true);
	for (unsigned i = 0; i < m->guests; i++) {
		if (m->guest[i].port)
			console_flush(m->guest[i].port, m->box.tsc_hz);
	}
	console_flush(m->console, m->box.tsc_hz);
	power_off(m->boot, m->box.tsc_hz);
	mux_say(&m->mux, "no way to switch the power off was found: do it by hand");
	screen_put(&m->screen, "do it by hand\n", 14);
	manager_pump(m, true);
	console_flush(m->console, m->box.tsc_hz);
	for (;;) {
		uint64_t bits;

		sys_event_wait(m->event, 0, SYS_FOR_EVER, &bits);
	}
}

void manager_give_up(struct manager *m, const char *fmt, ...)
{
	char line[480] = "bulkhead: box off: ";
	size_t lead = strlen(line);
	va_list args;

	va_start(args, fmt);
	format_v(line + lead, sizeof(line) - lead, fmt, args);
	va_end(args);
	switch_off(m, line);
}

static bool ended_well(const struct guest *g)
{
	return g->life.end == END_OFF || g->life.end == END_OPERATOR;
}

/* A section that is no VM for the mistake in it: nobody else has that for a reason. */
static size_t tell_stray(const struct manager *m, char *to, size_t bytes)
{
	for (uint32_t i = 0; i < m->errors.count; i++) {
		if (m->config.stray != 0 && m->errors.error[i].line == m->config.stray)
			return (size_t)format(to, bytes, "%s line %u: %s", MANAGER_CONFIG, m->config.stray,
					      m->errors.error[i].text);
	}
	return 0;
}

void manager_maybe_finish(struct manager *m)
{
	char bad[440] = "";
	size_t n = tell_stray(m, bad, sizeof(bad));

	for (unsigned i = 0; i < m->guests; i++) {
		const struct guest *g = &m->guest[i];

		if (g->life.state != LIFE_STOPPED || (g->out.page && ring_used(&g->out) != 0))
			return;
		if (!ended_well(g) && n < sizeof(bad))
			n += (size_t)format(bad + n, sizeof(bad) - n, "%svm %s: %s", n ? "; " : "",
					    g->config->name, g->reason);
	}
	if (m->config.stay && !m->going_off)
		return;
	if (m->scrub_last && memory_free(&m->memory) != m->memory_at_start)
		manager_give_up(m, "%llu of %llu KiB of memory did not come back",
				(unsigned long long)(m->memory_at_start - memory_free(&m->memory)) >> 10,
				(unsigned long long)m->memory_at_start >> 10);
	if (m->guests == 1 && m->guest[0].life.end == END_EXITED)
		manager_give_up(m, "exit status %u of vm %s", m->guest[0].exit_status,
				m->guest[0].config->name);
	manager_give_up(m, "%s", n ? bad : "ok");
}
