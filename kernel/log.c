/* SPDX-License-Identifier: GPL-2.0-only */
/* The log ring, the serial port until the manager has it, and the screen once it is too late. */

#include "kernel/log.h"
#include "arch/cpu.h"
#include "arch/spinlock.h"
#include "drivers/boot_fb.h"
#include "drivers/boot_uart.h"
#include "kernel/event.h"
#include "kernel/log_impl.h"
#include "kernel/percpu.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"

#define RING_BYTES (64U << 10)

static struct {
	struct spinlock lock;
	char ring[RING_BYTES]; /* [lock] */
	uint64_t end; /* [lock] bytes ever written; ring[end % RING_BYTES] is next */
	uint64_t port_cursor; /* [lock] bytes that the kernel sent to the port */
	bool port_released; /* [lock] */
	struct event *watcher; /* (c) once it is there; holds a reference */
	uint64_t watch_bits; /* (c) */
	bool going_down; /* (a) no locks any more, screen on */
	uint16_t port; /* (c) 0: none */
	uint64_t tsc0, hz; /* (c) */
	struct boot_fb fb; /* base (c), row only when going down */
} state;

static uint16_t detect_port(const char *cmdline)
{
	char value[24];
	uint64_t port;

	if (!text_option(cmdline, "com1", value, sizeof(value)))
		return boot_uart_init(0x3f8) ? 0x3f8 : 0;
	if (!strcmp(value, "none") || !text_number(value, strlen(value), false, &port) ||
	    port > 0xfff8)
		return 0;
	(void)boot_uart_init((uint16_t)port); /* named by a person: no doubt */
	return (uint16_t)port;
}

void log_init(const char *cmdline)
{
	state.tsc0 = rdtsc();
	state.port = detect_port(cmdline);
}

void log_set_hz(uint64_t hz)
{
	state.hz = hz;
}
uint64_t log_boot_tsc(void)
{
	return state.tsc0;
}

void log_set_screen(const struct boot_framebuffer *fb, uint64_t va)
{
	state.fb = (struct boot_fb){ .base = (volatile uint8_t *)va,
				     .pitch = fb->pitch,
				     .width = fb->width,
				     .height = fb->height,
				     .bpp = fb->bpp,
				     .is_text = fb->is_text };
}

void log_release_port(void)
{
	spin_lock(&state.lock);
	state.port_released = true;
	spin_unlock(&state.lock);
}

void log_take_back(void)
{
	__atomic_store_n(&state.going_down, true, __ATOMIC_SEQ_CST);
	if (state.port && state.port_released) {
		(void)boot_uart_init(state.port);
		boot_uart_put(state.port, '\n');
	}
	state.port_released = false;
}

int log_watch(struct event *e, uint64_t bits)
{
	if (state.watcher)
		return E_EXIST;
	state.watch_bits = bits;
	event_get(e);
	__atomic_store_n(&state.watcher, e, __ATOMIC_RELEASE);
	return 0;
}

void log_tell(void)
{
	event_signal(state.watcher, state.watch_bits);
}

void log_drain(void)
{
	if (state.port)
		boot_uart_drain(state.port);
}

static void put(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		state.ring[state.end++ % RING_BYTES] = text[i];
	if (__atomic_load_n(&state.watcher, __ATOMIC_ACQUIRE))
		percpu_self()->work |= WORK_LOG; /* whatever locks are held here: later */
	if (state.port_released)
		return;
	for (size_t i = 0; state.port && i < bytes; i++) {
		if (text[i] == '\n')
			boot_uart_put(state.port, '\r');
		boot_uart_put(state.port, text[i]);
	}
	state.port_cursor = state.end;
}

void log_line_v(const char *subsystem, const char *fmt, va_list args)
{
	char line[LOG_LINE_MAX];
	uint64_t hz = state.hz ? state.hz : 1, ticks = state.hz ? rdtsc() - state.tsc0 : 0;
	uint64_t seconds = ticks / hz, micro = ticks % hz * 1000000 / hz;
	int n = format(line, sizeof(line), "[%5lu.%06lu] %s: ", seconds, micro, subsystem);
	size_t at = (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1;
	bool down = __atomic_load_n(&state.going_down, __ATOMIC_ACQUIRE);

	n = format_v(line + at, sizeof(line) - at, fmt, args);
	at += (size_t)n < sizeof(line) - at ? (size_t)n : sizeof(line) - at - 1;
	if (at == sizeof(line) - 1)
		at--;
	if (down)
		boot_fb_line(&state.fb, line);
	line[at++] = '\n';
	if (!down)
		spin_lock(&state.lock);
	put(line, at);
	if (!down)
		spin_unlock(&state.lock);
}

void log_line(const char *subsystem, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line_v(subsystem, fmt, args);
	va_end(args);
}

size_t log_read(uint64_t *cursor, char *to, size_t bytes)
{
	size_t n = 0;

	spin_lock(&state.lock);
	if (*cursor > state.end)
		*cursor = state.port_cursor;
	if (state.end - *cursor > RING_BYTES)
		*cursor = state.end - RING_BYTES;
	while (n < bytes && *cursor < state.end)
		to[n++] = state.ring[(*cursor)++ % RING_BYTES];
	spin_unlock(&state.lock);
	return n;
}
