/* SPDX-License-Identifier: GPL-2.0-only */
/* A serial port: a 16550 behind port system calls, with a queue. No lines, no menus. */
#include "manager/manager.h"

enum { UART_DATA = 0, UART_IER = 1, UART_IIR = 2, UART_FCR = 2, UART_LCR = 3, UART_MCR = 4, UART_LSR = 5 };
enum { LSR_DATA = 1, LSR_THRE = 0x20, LSR_TEMT = 0x40, IER_RX = 1, IER_TX = 2, IIR_NONE = 1, UART_FIFO = 16 };

static uint8_t in(const struct console *c, unsigned reg)
{
	return (uint8_t)sys_port_in(c->ports, c->base + reg, 1);
}

static void out(const struct console *c, unsigned reg, uint8_t value)
{
	sys_port_out(c->ports, c->base + reg, 1, value);
}

static void enable(struct console *c, uint8_t interrupts)
{
	if (c->enabled != interrupts)
		out(c, UART_IER, c->enabled = interrupts);
}

bool console_open(struct console *c, unsigned number, int event, uint64_t bits)
{
	uint8_t irq = number == 1 ? 4 : 3;

	c->base = number == 1 ? 0x3f8 : 0x2f8;
	c->ports = sys_port_grant(HANDLE_BOX, c->base, 8);
	if (c->ports < 0 || in(c, UART_LSR) == 0xff) {
		c->ports = -1;
		return false;
	}
	out(c, UART_IER, 0);
	out(c, UART_LCR, 3); /* 8 bits, no parity; the boot code has set the speed */
	out(c, UART_FCR, 1); /* FIFO on, what is in it stays */
	out(c, UART_MCR, 0x0b); /* DTR, RTS, and OUT2, which lets the interrupt through */
	c->irq = sys_event_irq(HANDLE_BOX, irq, IRQ_ISA, event, bits) == 0;
	if (c->irq)
		enable(c, IER_RX);
	return true;
}

unsigned console_room(const struct console *c)
{
	return CONSOLE_QUEUE - (c->head - c->tail);
}

void console_put(struct console *c, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n && c->ports >= 0; i++)
		c->queue[c->head++ % CONSOLE_QUEUE] = bytes[i];
}

bool console_send(struct console *c)
{
	if (c->ports < 0) {
		c->tail = c->head;
		return true;
	}
	while (c->head != c->tail && (in(c, UART_LSR) & LSR_THRE)) {
		for (unsigned i = 0; i < UART_FIFO && c->head != c->tail; i++)
			out(c, UART_DATA, c->queue[c->tail++ % CONSOLE_QUEUE]);
	}
	if (c->irq)
		enable(c, c->head != c->tail ? IER_RX | IER_TX : IER_RX);
	return c->head == c->tail;
}

bool console_pending(const struct console *c)
{
	return c->irq && (in(c, UART_IIR) & IIR_NONE) == 0;
}

size_t console_receive(struct console *c, uint8_t *to, size_t bytes)
{
	size_t n = 0;

	if (c->ports < 0)
		return 0;
	/* Reading IIR makes the edge go away; data that is left makes a new one. */
	if (c->irq)
		in(c, UART_IIR);
	while (n < bytes && (in(c, UART_LSR) & LSR_DATA))
		to[n++] = in(c, UART_DATA);
	return n;
}

void console_flush(struct console *c, uint64_t tsc_hz)
{
	uint64_t end = sys_tsc() + 2 * tsc_hz;

	while (!console_send(c) && sys_tsc() < end)
		;
	while (c->ports >= 0 && !(in(c, UART_LSR) & LSR_TEMT) && sys_tsc() < end)
		;
	/* Emulators hand the last byte on a little after they say that it has gone. */
	end = sys_tsc() + tsc_hz / 50;
	while (c->ports >= 0 && sys_tsc() < end)
		__asm__ volatile("pause");
}
