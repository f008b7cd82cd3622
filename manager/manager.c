/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The manager's start, its loop and its end: reads the config, starts the guests, carries bytes
 * between the box's console, the log and the guests, and switches the box off when all are done.
 */
#include "manager/manager.h"

#include <stdarg.h>
#include "lib/format.h"
#include "lib/ring3/ring3.h"
#include "lib/string.h"
#include "lib/text.h"
#include "manager/power.h"

#define CONFIG_NAME  "bulkhead.conf"
#define MONITOR_NAME "monitor.elf"

enum { POLL_PER_SECOND = 50, LOOKS_PER_SECOND = 500, SILENT_LOOKS = 4 };
enum { LOG_PART = 512, LOG_ROOM = 2 * LOG_PART + 2 /* a CR may join each byte */, LOG_HELD_LOOKS = 50 };

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

/* The INI library comes from a distribution: stack protector (FS:0x28) and SSE. */
static void thread_set_up(void)
{
	thread_block[0] = sys_ptr(thread_block);
	thread_block[5] = sys_tsc() << 8;
	sys_thread_ctl(0, THREAD_SET_FS, sys_ptr(thread_block));
	sys_thread_ctl(0, THREAD_FPU, 0);
}

/* From the log ring to the console's queue, as long as there is room. True: the log is empty. */
static bool log_drain(struct manager *m)
{
	char text[LOG_PART];
	int64_t n;

	for (;;) {
		if (console_room(&m->console) < LOG_ROOM)
			return false;
		n = sys_log_read(HANDLE_BOX, text, sizeof(text), &m->log_cursor);
		if (n <= 0)
			return true;
		if (!m->console.line_start && !m->console.log_open)
			console_text(&m->console, "\n", 1);
		console_text(&m->console, text, (size_t)n);
		m->console.log_open = !m->console.line_start;
	}
}

/* From a guest's ring to the console's queue. True: the ring is empty. */
static bool guest_drain(struct manager *m, struct guest *g)
{
	uint8_t bytes[512];
	bool moved = false;
	size_t n, room;

	if (!g->out.page)
		return true;
	for (unsigned budget = 0; budget < 16; budget++) {
		room = console_room(&m->console);
		room = room > LOG_ROOM ? room - LOG_ROOM : 0; /* the log shall not starve */
		n = ring_take(&g->out, bytes, room < sizeof(bytes) ? room : sizeof(bytes));
		if (n == 0)
			break;
		console_raw(&m->console, bytes, n);
		m->console.log_open = false;
		moved = true;
	}
	/*
	 * While it talks we look by ourselves, some hundred times a second; it need not wake us for each
	 * byte. Having been silent for a while it shall wake us again: one more look is due after that.
	 */
	if (moved) {
		g->silent = 0;
		if (!g->promised)
			ring_promise(&g->out, g->promised = true);
	} else if (g->promised && ++g->silent == SILENT_LOOKS) {
		ring_promise(&g->out, g->promised = false);
	}
	return ring_used(&g->out) == 0;
}

/* From the keyboard to the guest that has the console. What it has no room for is lost. */
static void type(struct manager *m)
{
	struct guest *g = &m->guest[0];
	uint8_t bytes[64];
	size_t n;

	while ((n = console_receive(&m->console, bytes, sizeof(bytes))) > 0) {
		if (m->guests == 0 || g->state != GUEST_RUNNING)
			continue;
		ring_put(&g->in, bytes, n);
		sys_event_signal(g->event, MONITOR_BIT_CONSOLE);
	}
}

static void switch_off(struct manager *m, const char *line)
{
	while (!log_drain(m))
		console_flush(&m->console, m->box.tsc_hz);
	if (!m->console.line_start)
		console_text(&m->console, "\n", 1);
	console_text(&m->console, line, strlen(line));
	console_text(&m->console, "\n", 1);
	console_flush(&m->console, m->box.tsc_hz);
	power_off(m->boot, m->box.tsc_hz);
	line = "no way to switch the power off was found: do it by hand\n";
	console_text(&m->console, line, strlen(line));
	console_flush(&m->console, m->box.tsc_hz);
	for (;;) {
		uint64_t bits;

		sys_event_wait(m->event, 0, SYS_FOR_EVER, &bits);
	}
}

/* The box cannot do its work at all. */
__attribute__((format(printf, 2, 3))) static void give_up(struct manager *m, const char *fmt, ...)
{
	char line[320] = "bulkhead: box off: ";
	size_t lead = strlen(line);
	va_list args;

	va_start(args, fmt);
	format_v(line + lead, sizeof(line) - lead, fmt, args);
	va_end(args);
	switch_off(m, line);
}

/*
 * From here on the serial line is ours. What the log has by now the kernel has written there itself,
 * but only to the first port.
 */
static void take_console(struct manager *m, enum config_console which)
{
	char text[512];

	while (which == CONSOLE_COM1 &&
	       sys_log_read(HANDLE_BOX, text, sizeof(text), &m->log_cursor) > 0)
		;
	if (!console_open(&m->console, which, m->event) && which <= CONSOLE_COM2)
		manager_say("the console port does not answer");
}

static void read_config(struct manager *m)
{
	static struct config_errors errors; /* too large for the stack */
	char why[MONITOR_REASON_MAX];
	int index = module_find(m, CONFIG_NAME);
	const uint8_t *text;

	if (index < 0)
		give_up(m, "there is no file '%s' on the box", CONFIG_NAME);
	text = module_open(m, index, why, sizeof(why));
	if (!text)
		give_up(m, "%s", why);
	if (config_parse((const char *)text, m->boot->module[index].bytes, &m->config, &errors) == 0)
		return;
	/* Nobody has opened the console yet: the default one will do. */
	take_console(m, CONSOLE_COM1);
	for (uint32_t i = 0; i < errors.count; i++)
		manager_say("%s:%u: %s", CONFIG_NAME, errors.error[i].line, errors.error[i].text);
	give_up(m, "%s line %u: %s", CONFIG_NAME, errors.error[0].line, errors.error[0].text);
}

static void read_monitor(struct manager *m)
{
	char why[MONITOR_REASON_MAX];
	const char *bad;
	const uint8_t *file;

	m->monitor_module = module_find(m, MONITOR_NAME);
	if (m->monitor_module < 0)
		give_up(m, "there is no file '%s' on the box", MONITOR_NAME);
	file = module_open(m, m->monitor_module, why, sizeof(why));
	if (!file)
		give_up(m, "%s", why);
	bad = program_read(&m->monitor, file, m->boot->module[m->monitor_module].bytes);
	if (bad)
		give_up(m, "file '%s' cannot be run: %s", MONITOR_NAME, bad);
}

static void read_options(struct manager *m)
{
	char value[32];
	uint64_t shuffle;

	if (text_option(m->box.cmdline, "counters", value, sizeof(value)))
		m->monitor_flags |= strcmp(value, "ports") == 0 ? MONITOR_COUNTERS | MONITOR_PORTS :
								  MONITOR_COUNTERS;
	m->scrub_last = text_option(m->box.cmdline, "scrub", value, sizeof(value));
	if (text_option(m->box.cmdline, "limit", value, sizeof(value)) &&
	    !text_number(value, strlen(value), false, &m->limit))
		manager_say("limit=%s is not a number of seconds", value);
	if (text_option(m->box.cmdline, "shuffle", value, sizeof(value))) {
		if (text_number(value, strlen(value), false, &shuffle) && shuffle <= 60000)
			m->shuffle_ms = (uint32_t)shuffle;
		else
			manager_say("shuffle=%s is not a number of milliseconds", value);
	}
}

static void set_up(struct manager *m, const struct manager_boot *boot)
{
	thread_set_up();
	m->boot = boot;
	m->console.ports = -1;
	m->console.line_start = true;
	m->event = sys_event_create();
	sys_box_info(&m->box);
	for (uint32_t i = 0; i < boot->ram_ranges; i++)
		memory_add(&m->memory, (int)(HANDLE_FIRST_RANGE + i));
	m->memory_at_start = memory_free(&m->memory);
	read_options(m);
	read_config(m);
	take_console(m, m->config.console);
	read_monitor(m);
	m->wall = rtc_read();
	m->wall_tsc = sys_tsc();
	manager_say("%u processors, %llu MiB free for guests, %u guests", m->box.cpus,
		    (unsigned long long)(memory_free(&m->memory) >> 20), m->config.vm_count);
	m->guests = m->config.vm_count;
	for (unsigned i = 0; i < m->guests; i++) {
		m->guest[i].config = &m->config.vm[i];
		m->guest[i].index = i;
	}
}

/* When the last guest has stopped: the box's last words. */
static void maybe_finish(struct manager *m)
{
	const struct guest *bad = NULL;

	for (unsigned i = m->guests; i-- > 0;) {
		const struct guest *g = &m->guest[i];

		if (g->state != GUEST_STOPPED || g->private > 0)
			return;
		bad = g->ok ? bad : g;
	}
	if (m->scrub_last && memory_free(&m->memory) != m->memory_at_start)
		give_up(m, "%llu of %llu KiB of memory did not come back",
			(unsigned long long)(m->memory_at_start - memory_free(&m->memory)) >> 10,
			(unsigned long long)m->memory_at_start >> 10);
	if (bad)
		give_up(m, "vm %s: %s", bad->config->name, bad->reason);
	give_up(m, "ok");
}

/* Does a guest stand in the middle of a line, and go on with it? The log waits for that, not for ever. */
static bool log_held(struct manager *m)
{
	bool talking = false;

	for (unsigned i = 0; i < m->guests; i++)
		talking |= m->guest[i].promised;
	if (!talking || m->console.line_start || m->console.log_open ||
	    ++m->log_held == LOG_HELD_LOOKS) {
		m->log_held = 0;
		return false;
	}
	return true;
}

static void serve(struct manager *m)
{
	uint64_t step = m->box.tsc_hz / POLL_PER_SECOND, look = m->box.tsc_hz / LOOKS_PER_SECOND, bits;
	bool busy = false;

	for (;;) {
		/* The log has no event: it is looked at now and then, and after everything else. */
		sys_event_wait(m->event, UINT64_MAX, sys_tsc() + (busy ? look : step), &bits);
		type(m);
		busy = false;
		for (unsigned i = 0; i < m->guests; i++) {
			if (bits & BIT_DEATH(i))
				guest_died(m, &m->guest[i]);
			if (guest_drain(m, &m->guest[i]))
				guest_collect(m, &m->guest[i]);
			else
				busy = true;
			busy |= m->guest[i].promised;
		}
		if (!log_held(m))
			busy |= !log_drain(m);
		busy |= !console_send(&m->console) && !m->console.irq;
		for (unsigned i = 0; i < m->guests; i++)
			guest_check(m, &m->guest[i]);
		maybe_finish(m);
	}
}

int ring3_main(void *arg)
{
	struct manager *m = &the_manager;

	set_up(m, arg);
	for (unsigned i = 0; i < m->guests; i++) {
		manager_say("vm %s: starting", m->guest[i].config->name);
		log_drain(m);
		console_send(&m->console);
		guest_start(m, &m->guest[i]);
		log_drain(m);
		console_send(&m->console);
	}
	serve(m);
	return 0;
}
