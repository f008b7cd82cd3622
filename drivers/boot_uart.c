/* SPDX-License-Identifier: GPL-2.0-only */
/* The boot-time UART. Ring 0, and so with port access of its own. [16550 data sheet] */

#include "drivers/boot_uart.h"

enum { REG_DATA, REG_IER, REG_FCR, REG_LCR, REG_MCR, REG_LSR, REG_SCRATCH = 7 };
enum { LCR_8N1 = 3, LCR_DLAB = 0x80, MCR_DTR_RTS_OUT2 = 0x0b, LSR_THRE = 0x20, LSR_TEMT = 0x40 };
enum { SPINS = 100000 };

static void port_out(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static uint8_t port_in(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void reg_out(uint16_t port, unsigned reg, uint8_t v)
{
	port_out((uint16_t)(port + reg), v);
}

bool boot_uart_init(uint16_t port)
{
	reg_out(port, REG_SCRATCH, 0x5a);
	if (port_in((uint16_t)(port + REG_SCRATCH)) != 0x5a ||
	    port_in((uint16_t)(port + REG_LSR)) == 0xff)
		return false;
	reg_out(port, REG_IER, 0);
	reg_out(port, REG_LCR, LCR_DLAB);
	reg_out(port, 0, 1); /* divisor 1 */
	reg_out(port, 1, 0);
	reg_out(port, REG_LCR, LCR_8N1);
	reg_out(port, REG_FCR, 1);
	reg_out(port, REG_MCR, MCR_DTR_RTS_OUT2);
	return true;
}

static void wait_for(uint16_t port, uint8_t bits)
{
	for (unsigned i = 0; i < SPINS; i++)
		if ((port_in((uint16_t)(port + REG_LSR)) & bits) == bits)
			return;
}

void boot_uart_put(uint16_t port, char c)
{
	wait_for(port, LSR_THRE);
	reg_out(port, REG_DATA, (uint8_t)c);
}

void boot_uart_drain(uint16_t port)
{
	wait_for(port, LSR_THRE | LSR_TEMT);
}
