/* SPDX-License-Identifier: GPL-2.0-only */
/* Host interrupts that ring 3 has bound to events. */
#pragma once

#include <stdint.h>

/* A device vector arrived; interrupts are off. Acknowledges it. */
void irq_interrupt(uint8_t vector);
