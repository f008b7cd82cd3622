/* SPDX-License-Identifier: GPL-2.0-only */
/* Interrupt controllers and the 8254, as a payload drives them. */
#include "tests/payload/lib/payload.h"

enum { APIC_BASE_X2 = 1 << 10, APIC_BASE_ON = 1 << 11, PIT_HZ = 1193182 };

static bool in_x2[CPUS_MAX]; /* each processor's local APIC */

static volatile uint32_t *page(unsigned reg)
{
	return (volatile uint32_t *)(uintptr_t)(0xfee00000 + reg);
}

bool lapic_is_x2(void)
{
	return in_x2[cpu_self()];
}

uint32_t lapic_get(unsigned reg)
{
	return lapic_is_x2() ? (uint32_t)rdmsr(0x800 + (reg >> 4)) : *page(reg);
}

void lapic_set(unsigned reg, uint32_t v)
{
	if (lapic_is_x2())
		wrmsr(0x800 + (reg >> 4), v);
	else
		*page(reg) = v;
}

void lapic_eoi(void)
{
	lapic_set(LAPIC_EOI, 0);
}

bool lapic_bit(unsigned reg, unsigned vector)
{
	return lapic_get(reg + vector / 32 * 16) >> vector % 32 & 1;
}

void lapic_self(unsigned vector)
{
	uint32_t icr = 1 << 18 | (vector == VECTOR_NMI ? 4 << 8 : vector) | 1 << 14;

	if (vector == VECTOR_NMI) {
		/* The shorthand "self" takes fixed delivery only: by destination. */
		icr &= ~(1U << 18);
		if (lapic_is_x2()) {
			wrmsr(0x830, (uint64_t)lapic_get(LAPIC_ID) << 32 | icr);
			return;
		}
		lapic_set(LAPIC_ICR2, lapic_get(LAPIC_ID));
	}
	if (lapic_is_x2())
		wrmsr(0x830, icr);
	else
		lapic_set(LAPIC_ICR, icr);
}

void lapic_off(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~(uint64_t)(APIC_BASE_ON | APIC_BASE_X2));
	in_x2[cpu_self()] = false;
}

void lapic_init(bool want_x2)
{
	bool have = cpuid(1, 0).ecx >> 21 & 1;

	want_x2 = want_x2 && have;
	if (!want_x2 && (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2))
		lapic_off();
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_ON);
	if (want_x2)
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2);
	in_x2[cpu_self()] = want_x2;
	lapic_set(LAPIC_SVR, 0x1ff);
	lapic_set(LAPIC_TPR, 0);
	lapic_set(LAPIC_LVTT, LVT_MASKED | 0xf0);
	lapic_set(LAPIC_TICR, 0);
	lapic_set(LAPIC_LVT0, LVT_MASKED | 0xf0);
	lapic_set(LAPIC_LVT1, LVT_MASKED | 0xf0);
}

uint32_t ioapic_get(unsigned reg)
{
	*(volatile uint32_t *)(uintptr_t)0xfec00000 = reg;
	return *(volatile uint32_t *)(uintptr_t)0xfec00010;
}

void ioapic_set(unsigned reg, uint32_t v)
{
	*(volatile uint32_t *)(uintptr_t)0xfec00000 = reg;
	*(volatile uint32_t *)(uintptr_t)0xfec00010 = v;
}

void ioapic_route(unsigned pin, uint32_t low)
{
	uint32_t id = lapic_is_x2() ? lapic_get(LAPIC_ID) : lapic_get(LAPIC_ID) >> 24;

	ioapic_set(0x10 + 2 * pin, RTE_MASKED);
	ioapic_set(0x11 + 2 * pin, id << 24);
	ioapic_set(0x10 + 2 * pin, low);
}

void pic_mask_all(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

void pic_init(unsigned base)
{
	outb(0x20, 0x11);
	outb(0xa0, 0x11);
	outb(0x21, (uint8_t)base);
	outb(0xa1, (uint8_t)(base + 8));
	outb(0x21, 4);
	outb(0xa1, 2);
	outb(0x21, 1);
	outb(0xa1, 1);
	pic_mask_all();
}

void pic_unmask(unsigned irq)
{
	if (irq < 8) {
		outb(0x21, (uint8_t)(inb(0x21) & ~(1 << irq)));
	} else {
		outb(0xa1, (uint8_t)(inb(0xa1) & ~(1 << (irq - 8))));
		pic_unmask(2);
	}
}

void pit_one_shot(unsigned us)
{
	uint64_t ticks = (uint64_t)us * PIT_HZ / 1000000 + 1;

	if (ticks > 65535)
		ticks = 65535;
	outb(0x43, 0x30); /* channel 0, both bytes, mode 0 */
	outb(0x40, (uint8_t)ticks);
	outb(0x40, (uint8_t)(ticks >> 8));
}

void pit_stop(void)
{
	outb(0x43, 0x30); /* no count: the output stays low */
}

void delay_us(unsigned us)
{
	while (us > 0) {
		unsigned step = us > 50000 ? 50000 : us;
		uint32_t ticks = (uint32_t)((uint64_t)step * PIT_HZ / 1000000 + 1);

		outb(0x61, (uint8_t)((inb(0x61) & ~2) | 1));
		outb(0x43, 0xb0); /* channel 2, both bytes, mode 0 */
		outb(0x42, (uint8_t)ticks);
		outb(0x42, (uint8_t)(ticks >> 8));
		while (!(inb(0x61) & 0x20))
			;
		us -= step;
	}
}
