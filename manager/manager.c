/* SPDX-License-Identifier: GPL-2.0-only */
/* The manager's start: reads config and options, opens consoles and screen, places the VMs. */
#include "manager/manager.h"

#include <stdarg.h>
#include "lib/format.h"
#include "lib/ring3/ring3.h"
#include "lib/string.h"
#include "lib/text.h"

#define MONITOR_NAME "monitor.elf"

/* This program's one state, and the thread block that library code expects; see README.md. */
static struct manager the_manager;
static uint64_t thread_block[16];

void manager_say(const char *fmt, ...)
{
	char line[256];
	va_list args;
	int n;

	va_start(args, fmt);
	n = format_v(line, sizeof(line), fmt, args);
	va_end(args);
	sys_log(line, n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

uint64_t manager_ms(const struct manager *m)
{
	return (sys_tsc() - m->box.boot_tsc) / (m->box.tsc_hz / 1000 + 1);
}

/* The INI library comes from a distribution: stack protector (FS:0x28) and SSE. */
static void thread_set_up(void)
{
	thread_block[0] = sys_ptr(thread_block);
	thread_block[5] = sys_tsc() << 8;
	sys_thread_ctl(0, THREAD_SET_FS, sys_ptr(thread_block));
	sys_thread_ctl(0, THREAD_FPU, 0);
}

/* ---------------------------------------------------------------- consoles and screen */

/* The port that the kernel has written the log to so far; 0: none. */
static uint64_t kernel_port(const struct manager *m)
{
	char value[24];
	uint64_t port = 0x3f8;

	if (text_option(m->box.cmdline, "com1", value, sizeof(value)) &&
	    !text_number(value, strlen(value), false, &port))
		return 0;
	return port;
}

/* From here on the serial line is ours. What the kernel has sent there itself is not said again. */
static void take_console(struct manager *m, enum config_console which)
{
	char text[512];
	int64_t n;

	m->console = &m->nowhere;
	m->screen_console = which == CONSOLE_FB;
	if (which == CONSOLE_COM1 || which == CONSOLE_COM2) {
		struct console *c = &m->com[which == CONSOLE_COM2];

		if (console_open(c, which == CONSOLE_COM2 ? 2 : 1, m->event, BIT_SERIAL))
			m->console = c;
		else
			manager_say("the console port does not answer");
	}
	while ((m->console->ports < 0 || m->console->base == kernel_port(m)) &&
	       (n = sys_log_read(HANDLE_BOX, text, sizeof(text), &m->log_cursor)) > 0)
		screen_put(&m->screen, text, (size_t)n);
}

static void open_screen(struct manager *m)
{
	const struct manager_boot *b = m->boot;
	volatile uint8_t *at = (volatile uint8_t *)(uintptr_t)MANAGER_SCREEN;
	struct range_info info;

	if (b->framebuffer == 0 || sys_range_info((int)b->framebuffer, &info) != 0 ||
	    sys_range_map(HANDLE_SELF_SPACE, (int)b->framebuffer, MANAGER_SCREEN, 0, info.size,
			  PROT_READ | PROT_WRITE) != 0)
		return;
	if (!screen_init(&m->screen, at + b->fb_offset, b->fb_pitch, b->fb_width, b->fb_height, b->fb_bpp,
			 b->fb_is_text))
		manager_say("the screen is too small for the log: %ux%u", b->fb_width, b->fb_height);
}

/* A guest's own port. Without it, its words are kept for the menu all the same. */
static void open_guest_port(struct manager *m, struct guest *g)
{
	unsigned number = g->config->console == PORT_COM1 ? 1 : 2;

	if (g->config->console == PORT_SHARED || g->config->wrong)
		return;
	m->mux.source[g->index].away = true;
	if (console_open(&m->com[number - 1], number, m->event, BIT_SERIAL2))
		g->port = &m->com[number - 1];
	else
		manager_say("vm %s: console = com%u: no such port answers", g->config->name, number);
}

/* ---------------------------------------------------------------- files and options */

/* What is wrong with a VM's section is that VM's reason, unless the list was too short for it. */
static void blame(struct manager *m, struct guest *g)
{
	const struct config_errors *errors = &m->errors;

	format(g->reason, sizeof(g->reason), "%s line %u is wrong", MANAGER_CONFIG, g->config->wrong);
	for (uint32_t i = 0; i < errors->count; i++) {
		if (errors->error[i].line == g->config->wrong)
			format(g->reason, sizeof(g->reason), "%s line %u: %s", MANAGER_CONFIG,
			       errors->error[i].line, errors->error[i].text);
	}
}

static void read_config(struct manager *m)
{
	char why[MONITOR_REASON_MAX];
	int index = module_find(m, MANAGER_CONFIG), status;
	const uint8_t *text;

	m->console = &m->nowhere;
	if (index < 0)
		manager_give_up(m, "there is no file '%s' on the box", MANAGER_CONFIG);
	text = module_open(m, index, why, sizeof(why));
	if (!text)
		manager_give_up(m, "%s", why);
	status = config_parse((const char *)text, m->boot->module[index].bytes, &m->config, &m->errors);
	take_console(m, status != 0 && m->config.wrong ? CONSOLE_COM1 : m->config.console);
	for (uint32_t i = 0; i < m->errors.count; i++)
		manager_say("%s:%u: %s", MANAGER_CONFIG, m->errors.error[i].line, m->errors.error[i].text);
	if (status != 0 && (m->config.wrong || m->config.vm_count == 0))
		manager_give_up(m, "%s line %u: %s", MANAGER_CONFIG, m->errors.error[0].line,
				m->errors.error[0].text);
}

static void read_monitor(struct manager *m)
{
	char why[MONITOR_REASON_MAX];
	const char *bad;
	const uint8_t *file;

	m->monitor_module = module_find(m, MONITOR_NAME);
	if (m->monitor_module < 0)
		manager_give_up(m, "there is no file '%s' on the box", MONITOR_NAME);
	file = module_open(m, m->monitor_module, why, sizeof(why));
	if (!file)
		manager_give_up(m, "%s", why);
	bad = program_read(&m->monitor, file, m->boot->module[m->monitor_module].bytes);
	if (bad)
		manager_give_up(m, "file '%s' cannot be run: %s", MONITOR_NAME, bad);
}

/* A number on the box's command line, at most `max`; else `value` stays. */
static void number_option(const struct manager *m, const char *key, uint64_t max, uint64_t *value)
{
	char text[32];
	uint64_t n;

	if (!text_option(m->box.cmdline, key, text, sizeof(text)))
		return;
	if (text_number(text, strlen(text), false, &n) && n <= max)
		*value = n;
	else
		manager_say("%s=%s is not a number up to %llu", key, text, (unsigned long long)max);
}

static void read_options(struct manager *m)
{
	uint64_t shuffle = 0, backoff = BACKOFF_MS;
	char value[32];

	if (text_option(m->box.cmdline, "counters", value, sizeof(value)))
		m->monitor_flags |= strcmp(value, "ports") == 0 ? MONITOR_COUNTERS | MONITOR_PORTS :
								  MONITOR_COUNTERS;
	m->scrub_last = text_option(m->box.cmdline, "scrub", value, sizeof(value));
	(void)text_option(m->box.cmdline, "seal", m->seal, sizeof(m->seal));
	number_option(m, "limit", 1000000000, &m->limit);
	number_option(m, "shuffle", 60000, &shuffle);
	number_option(m, "backoff", BACKOFF_MAX_MS, &backoff);
	m->shuffle_ms = (uint32_t)shuffle;
	m->backoff_ms = (uint32_t)backoff;
}

/* ---------------------------------------------------------------- the VMs */

/* The memory for what it says, for as long as the box is on. */
static uint8_t *take_history(struct manager *m, unsigned index)
{
	uint64_t va = MANAGER_HISTORY + (uint64_t)index * MUX_HISTORY;
	int range = memory_take_small(&m->memory, MUX_HISTORY);

	if (range < 0 || sys_range_scrub(range) != 0 ||
	    sys_range_map(HANDLE_SELF_SPACE, range, va, 0, MUX_HISTORY, PROT_READ | PROT_WRITE) != 0)
		return NULL;
	return (uint8_t *)(uintptr_t)va;
}

static void set_up_guest(struct manager *m, unsigned i)
{
	struct guest *g = &m->guest[i];
	uint8_t *history = take_history(m, i);

	g->config = &m->config.vm[i];
	g->place = &m->place[i];
	g->index = i;
	g->life.restart = g->config->on_crash == CRASH_RESTART;
	g->life.crashes.first_ms = m->backoff_ms;
	if (g->config->wrong)
		blame(m, g);
	if (!history) { /* no memory for the smallest of things */
		m->place[i].ok = false;
		format(m->place[i].why, sizeof(m->place[i].why), "there is no memory left on this box");
	} else {
		mux_add(&m->mux, i, g->config->name, history);
		open_guest_port(m, g);
	}
	manager_say("vm %s: %u processors, on the box's %u%s%s", g->config->name, g->config->cpus,
		    g->place->cpu[0], g->config->cpus > 1 ? ", ..." : "",
		    g->config->exclusive ? ", exclusively" : "");
}

static void set_up(struct manager *m, const struct manager_boot *boot)
{
	thread_set_up();
	m->boot = boot;
	m->nowhere.ports = m->com[0].ports = m->com[1].ports = -1;
	mux_init(&m->mux);
	m->event = sys_event_create();
	sys_log_watch(HANDLE_BOX, m->event, BIT_LOG);
	sys_box_info(&m->box);
	open_screen(m);
	for (uint32_t i = 0; i < boot->ram_ranges; i++)
		memory_add(&m->memory, (int)(HANDLE_FIRST_RANGE + i));
	read_options(m);
	read_config(m);
	read_monitor(m);
	m->wall = rtc_read();
	m->wall_tsc = sys_tsc();
	manager_say("%u processors, %llu MiB free for guests, %u guests", m->box.cpus,
		    (unsigned long long)(memory_free(&m->memory) >> 20), m->config.vm_count);
	placement_make(&m->config, m->box.cpus, m->place);
	m->guests = m->config.vm_count;
	for (unsigned i = 0; i < m->guests; i++)
		set_up_guest(m, i);
	m->memory_at_start = memory_free(&m->memory);
	if (m->config.focus >= 0)
		m->mux.focus = m->config.focus;
	else if (m->guests == 1 && !m->mux.source[0].away)
		m->mux.focus = 0;
}

int ring3_main(void *arg)
{
	struct manager *m = &the_manager;

	set_up(m, arg);
	for (unsigned i = 0; i < m->guests; i++) {
		manager_pump(m, false);
		guest_start(m, &m->guest[i]);
	}
	manager_serve(m);
}
