/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's IOAPICs: every line masked until somebody binds it. And the 8259 pair: off for good.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define IOAPICS_MAX 8

/* Adds one; regs is its mapped page. Masks all its lines. Returns the number of lines. */
unsigned ioapic_add(volatile uint32_t *regs, uint32_t gsi_base);
/*
 * Routes a line to one processor's vector, masked. false: no IOAPIC has it. Destinations above 255
 * need remapping.
 */
bool ioapic_route(uint32_t gsi, uint8_t vector, uint32_t apic_id, bool level, bool active_low);
void ioapic_mask(uint32_t gsi, bool masked);
/* Masks both 8259s, their vectors moved off the exceptions'. */
void pic_off(void);
