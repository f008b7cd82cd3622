/* SPDX-License-Identifier: GPL-2.0-only */
/* A 16550 for output at boot and in a panic, in ring 0. Polled; never waits for ever. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* 115200 8N1, FIFO on, interrupts off. False: nothing answers at that port. */
bool boot_uart_init(uint16_t port);
void boot_uart_put(uint16_t port, char c);
/* Waits until everything has left the shift register, or a while. */
void boot_uart_drain(uint16_t port);
