/* SPDX-License-Identifier: GPL-2.0-only */
/* Power off and reset, by ACPI where it says how, and by what PCs have always had. */

#include "arch/cpu.h"
#include "arch/tsc.h"
#include "kernel/box.h"
#include "kernel/hvops.h"
#include "kernel/log.h"
#include "kernel/log_impl.h"
#include "kernel/percpu.h"

enum { SCI_EN = 1, SLP_EN = 1 << 13, SLP_TYP_SHIFT = 10, PATIENCE_US = 1000000 };

static void sleep_write(uint16_t port, uint8_t type)
{
	uint16_t keep;

	if (!port)
		return;
	keep = (uint16_t)(inw(port) & ~(uint16_t)(SLP_EN | 7 << SLP_TYP_SHIFT));
	outw(port, (uint16_t)(keep | type << SLP_TYP_SHIFT));
	outw(port, (uint16_t)(keep | type << SLP_TYP_SHIFT | SLP_EN));
}

/*
 * Firmware owns the power registers until ACPI mode is on. [ACPI "Legacy/ACPI Select and the SCI
 * Interrupt"]
 */
static void acpi_mode(const struct acpi_info *a)
{
	if (inw(a->pm1a_cnt) & SCI_EN || !a->smi_cmd || !a->acpi_enable)
		return;
	outb(a->smi_cmd, a->acpi_enable);
	for (unsigned i = 0; i < 1000 && !(inw(a->pm1a_cnt) & SCI_EN); i++)
		tsc_delay_us(box.tsc_hz, 1000);
}

/* In VMX operation a processor is deaf to INIT, by which a reset may come. */
static void virtualisation_off(void)
{
	if (hv != NULL)
		hv->cpu_off(percpu_self());
}

void box_power_off(void)
{
	const struct acpi_info *a = &box.acpi;

	log_take_back();
	virtualisation_off();
	log_drain();
	if (a->has_s5 && a->pm1a_cnt) {
		acpi_mode(a);
		sleep_write(a->pm1a_cnt, a->s5_a);
		sleep_write(a->pm1b_cnt, a->s5_b);
		tsc_delay_us(box.tsc_hz, PATIENCE_US);
	}
	log_line("boot", "no way to switch the power off was found: do it by hand");
	box_halt();
}

void box_reset(void)
{
	const struct acpi_info *a = &box.acpi;
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) no_idt = { 0, 0 };

	log_take_back();
	virtualisation_off();
	log_drain();
	if (a->has_reset && a->reset.space == 1 && a->reset.address <= 0xffff)
		outb((uint16_t)a->reset.address, a->reset_value);
	tsc_delay_us(box.tsc_hz, 50000);
	outb(0xcf9, 0x02);
	outb(0xcf9, 0x06);
	tsc_delay_us(box.tsc_hz, 50000);
	outb(0x64, 0xfe); /* keyboard controller: pulse the reset line */
	tsc_delay_us(box.tsc_hz, 50000);
	__asm__ volatile("lidt %0\n\tint3" : : "m"(no_idt)); /* triple fault */
	box_halt();
}
