/* SPDX-License-Identifier: GPL-2.0-only */
/* Host IOAPICs and the 8259 pair. Not locked: callers hold the kernel's interrupt lock. */

#include "arch/ioapic.h"
#include "arch/cpu.h"
#include "arch/trap.h"

enum { IOAPIC_SELECT = 0, IOAPIC_DATA = 4 /* in words */, IOAPIC_VERSION = 1, IOAPIC_LINE0 = 0x10 };
enum { LINE_MASKED = 1 << 16, LINE_LEVEL = 1 << 15, LINE_LOW = 1 << 13 };

static struct ioapic {
	volatile uint32_t *regs;
	uint32_t gsi_base, lines;
} ioapics[IOAPICS_MAX]; /* (c) after boot */
static unsigned ioapic_count;

static uint32_t reg_read(const struct ioapic *io, uint32_t reg)
{
	io->regs[IOAPIC_SELECT] = reg;
	return io->regs[IOAPIC_DATA];
}

static void reg_write(const struct ioapic *io, uint32_t reg, uint32_t value)
{
	io->regs[IOAPIC_SELECT] = reg;
	io->regs[IOAPIC_DATA] = value;
}

unsigned ioapic_add(volatile uint32_t *regs, uint32_t gsi_base)
{
	struct ioapic *io = &ioapics[ioapic_count];

	if (ioapic_count == IOAPICS_MAX)
		return 0;
	io->regs = regs;
	io->gsi_base = gsi_base;
	io->lines = (reg_read(io, IOAPIC_VERSION) >> 16 & 0xff) + 1;
	if (io->lines > 240)
		return 0; /* all ones: nothing there */
	ioapic_count++;
	for (uint32_t i = 0; i < io->lines; i++)
		reg_write(io, IOAPIC_LINE0 + 2 * i, LINE_MASKED);
	return io->lines;
}

static const struct ioapic *ioapic_find(uint32_t gsi, uint32_t *reg)
{
	for (unsigned i = 0; i < ioapic_count; i++) {
		if (gsi < ioapics[i].gsi_base || gsi - ioapics[i].gsi_base >= ioapics[i].lines)
			continue;
		*reg = IOAPIC_LINE0 + 2 * (gsi - ioapics[i].gsi_base);
		return &ioapics[i];
	}
	return 0;
}

bool ioapic_route(uint32_t gsi, uint8_t vector, uint32_t apic_id, bool level, bool active_low)
{
	uint32_t reg, low = LINE_MASKED | vector;
	const struct ioapic *io = ioapic_find(gsi, &reg);

	if (!io || apic_id > 255)
		return false;
	if (level)
		low |= LINE_LEVEL;
	if (active_low)
		low |= LINE_LOW;
	reg_write(io, reg, low);
	reg_write(io, reg + 1, apic_id << 24);
	return true;
}

void ioapic_mask(uint32_t gsi, bool masked)
{
	uint32_t reg, low;
	const struct ioapic *io = ioapic_find(gsi, &reg);

	if (!io)
		return;
	low = reg_read(io, reg) & ~(uint32_t)LINE_MASKED;
	reg_write(io, reg, masked ? low | LINE_MASKED : low);
}

void pic_off(void)
{
	/* ICW1..4 to both, then all lines masked. [8259A data sheet] */
	outb(0x20, 0x11);
	outb(0xa0, 0x11);
	outb(0x21, VECTOR_PIC_FIRST);
	outb(0xa1, VECTOR_PIC_FIRST + 8);
	outb(0x21, 4);
	outb(0xa1, 2);
	outb(0x21, 1);
	outb(0xa1, 1);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}
