/* SPDX-License-Identifier: GPL-2.0-only */
/* Carries out the menu's commands: what the person at the console wants. */
#include "manager/manager.h"

#include "lib/format.h"
#include "manager/menu.h"

static void list(struct manager *m)
{
	for (unsigned i = 0; i < m->guests; i++) {
		const struct guest *g = &m->guest[i];
		const struct life *l = &g->life;
		bool dead = !life_alive(l);
		uint32_t n = g->shared ? __atomic_load_n(&g->shared->resets, __ATOMIC_RELAXED) : 0;
		char resets[32] = "";

		if (n != 0)
			format(resets, sizeof(resets), ", %u resets", n);
		mux_say(&m->mux, "bulkhead: %2u %-15s %-10s %2u cpus %6llu MiB, %u restarts%s%s%s%s%s", i + 1,
			g->config->name, life_word(l), g->config->cpus,
			(unsigned long long)(g->config->memory >> 20), l->restarts, resets,
			m->mux.focus == (int)i ? ", has the keyboard" : "",
			g->port ? (g->port == &m->com[0] ? ", on com1" : ", on com2") : "",
			dead && g->reason[0] ? ": " : "", dead ? g->reason : "");
	}
}

/* Who keeps the box busy, and that nobody does when nothing is to be done. */
static void processors(struct manager *m)
{
	struct cpu_stats s;

	for (unsigned i = 0; i < m->box.cpus && sys_box_cpu_stats(HANDLE_BOX, i, &s) == 0; i++)
		mux_say(&m->mux, "bulkhead: processor %u: %u threads%s; %llu switches, %llu ends of slices, %llu interrupts, "
				 "%llu from other processors",
			i, s.threads, s.exclusive ? ", exclusive" : "", (unsigned long long)s.switches,
			(unsigned long long)s.ticks, (unsigned long long)s.interrupts,
			(unsigned long long)(s.ipis + s.shootdowns));
	mux_say(&m->mux, "bulkhead: the manager was waked %llu times, %llu of them by the clock, in %llu ms",
		(unsigned long long)m->wakes, (unsigned long long)m->wakes_by_clock, (unsigned long long)manager_ms(m));
}

static void focus(struct manager *m, struct guest *g)
{
	if (g->port) {
		mux_say(&m->mux, "bulkhead: %s has a port of its own: com%u", g->config->name,
			g->port == &m->com[0] ? 1 : 2);
		return;
	}
	mux_focus(&m->mux, (int)g->index);
	mux_say(&m->mux, "bulkhead: %s has the keyboard%s; what it said:", g->config->name,
		g->life.state == LIFE_STOPPED ? " (it is stopped: `restart` starts it)" : "");
}

static void not_running(struct manager *m, const struct guest *g)
{
	mux_say(&m->mux, "bulkhead: %s does not run: it is %s", g->config->name, life_word(&g->life));
}

/* False: it had ended already, for good. */
static bool stop(struct manager *m, struct guest *g)
{
	if (life_alive(&g->life)) {
		guest_stop(m, g, END_OPERATOR, "stopped from the console");
		return true;
	}
	if (!life_never(&g->life))
		return false;
	format(g->reason, sizeof(g->reason), "stopped from the console");
	if (g->life.state == LIFE_STOPPED) /* else what it had is still on its way back */
		manager_say("vm %s: stopped: %s", g->config->name, g->reason);
	return true;
}

static void restart(struct manager *m, struct guest *g)
{
	if (life_alive(&g->life))
		guest_stop(m, g, END_RESTART, "restarted from the console");
	else
		life_again(&g->life, manager_ms(m));
}

static void off(struct manager *m)
{
	m->going_off = true;
	for (unsigned i = 0; i < m->guests; i++)
		stop(m, &m->guest[i]);
}

static void help(struct manager *m)
{
	for (const char *const *line = menu_help; *line; line++)
		mux_say(&m->mux, "bulkhead: %s", *line);
}

static void ask(struct manager *m, struct guest *g, uint32_t what)
{
	if (g->life.state == LIFE_RUNNING)
		guest_ask(g, what);
	else
		not_running(m, g);
}

void operator_command(struct manager *m, const char *line)
{
	struct menu_command c;
	struct guest *g;
	char text[240];

	menu_read(&c, line, &m->config, m->mux.focus);
	g = &m->guest[c.vm];
	switch (c.verb) {
	case MENU_NOTHING:
		return;
	case MENU_WRONG:
		mux_say(&m->mux, "bulkhead: %s", c.why);
		return;
	case MENU_HELP:
		help(m);
		return;
	case MENU_LIST:
		list(m);
		return;
	case MENU_FOCUS:
		focus(m, g);
		return;
	case MENU_ALL:
		mux_focus(&m->mux, -1);
		mux_say(&m->mux, "bulkhead: all VMs' lines");
		return;
	case MENU_STOP:
		if (!stop(m, g))
			not_running(m, g);
		return;
	case MENU_RESTART:
		restart(m, g);
		return;
	case MENU_COUNTERS:
		ask(m, g, MONITOR_ASK_COUNTERS);
		return;
	case MENU_DUMP:
		ask(m, g, MONITOR_ASK_DUMP);
		return;
	case MENU_MEMORY:
		report_memory(m, text, sizeof(text));
		mux_say(&m->mux, "bulkhead: %s", text);
		return;
	case MENU_PROCESSORS:
		processors(m);
		return;
	case MENU_OFF:
		off(m);
		return;
	}
}
