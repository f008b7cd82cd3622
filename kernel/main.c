/* SPDX-License-Identifier: GPL-2.0-only */
/* The order in which the kernel comes up. Policy is the manager's: this ends with it in ring 3. */

#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/fpu.h"
#include "arch/ioapic.h"
#include "arch/pci.h"
#include "arch/tsc.h"
#include "kernel/abi/entry.h"
#include "kernel/box.h"
#include "kernel/hv_init.h"
#include "kernel/hvops.h"
#include "kernel/log.h"
#include "kernel/log_impl.h"
#include "kernel/manager_start.h"
#include "kernel/memory.h"
#include "kernel/mitigation.h"
#include "kernel/percpu.h"
#include "kernel/processors.h"
#include "kernel/thread_impl.h"
#include "lib/string.h"
#include "lib/text.h"
#include <stddef.h>

struct box box;

static void check_processor(void)
{
	uint32_t found = cpu_probe();

	cpu_features = found;
	if (text_option(box.boot.cmdline, "nox2apic", NULL, 0))
		cpu_features &= ~(uint32_t)CPU_X2APIC;
	cpu_features &=
		~(uint32_t)CPU_FSGSBASE; /* ring 3 must not set GS: arch/trap.asm relies on it */
	if (!cpu_has(CPU_FXSR))
		fatal("the processor has no FXSAVE");
	if (!cpu_has(CPU_NX))
		fatal("the processor cannot mark pages as not executable, or the firmware has "
		      "switched it off");
}

static bool acpi_read_memory(uint64_t phys, void *to, size_t bytes)
{
	if (phys >> cpu_phys_bits || (phys + bytes) >> cpu_phys_bits)
		return false;
	memory_read(phys, to, bytes);
	return true;
}

static void find_tables(void)
{
	const struct acpi_info *a = &box.acpi;

	if (acpi_parse(box.boot.rsdp, acpi_read_memory, &box.acpi) != 0) {
		log_line("acpi", "no tables: one processor, no IOAPIC");
		return;
	}
	log_line("acpi",
		 "%u tables (%u bad), %u processors (and %u too many), %u IOAPICs, HPET 0x%lx, MCFG 0x%lx, PM timer "
		 "0x%x",
		 a->tables, a->bad_tables, a->cpus, a->cpus_ignored, a->ioapics, a->hpet_base, a->mcfg_base,
		 a->pm_timer);
}

static void start_interrupts(void)
{
	bool x2 = cpu_has(CPU_X2APIC);
	uint64_t base = box.acpi.lapic_base ? box.acpi.lapic_base : APIC_DEFAULT_BASE;
	void *mmio = x2 ? NULL : memory_map_device(base, 4096, false);

	if (!x2 && !mmio)
		fatal("not enough memory to map the local APIC");
	pic_off();
	apic_init(mmio, x2);
	for (unsigned i = 0; i < box.acpi.ioapics; i++) {
		void *regs = memory_map_device(box.acpi.ioapic[i].base, 4096, false);

		if (regs)
			(void)ioapic_add(regs, box.acpi.ioapic[i].gsi_base);
	}
	log_line("apic", "%s mode, ID %u", x2 ? "x2APIC" : "xAPIC", apic_id());
}

/* The ticks, shifted, run between 1 and 2 GHz, so that ns_mul keeps its top bit. */
static void clock_scale(uint64_t hz)
{
	for (; hz > 2000000000; hz >>= 1)
		box.ns_shift--;
	for (; hz <= 1000000000; hz <<= 1)
		box.ns_shift++;
	box.ns_mul = (uint32_t)((1000000000ULL << 32) / hz);
}

static void start_clock(void)
{
	struct tsc_reference ref = { .pm_timer = box.acpi.pm_timer,
				     .pm_timer_32bit = box.acpi.timer_32bit };
	struct tsc_calibration c;

	if (box.acpi.hpet_base)
		ref.hpet = memory_map_device(box.acpi.hpet_base, 1024, false);
	tsc_calibrate(&ref, &c);
	box.tsc_hz = c.tsc_hz;
	clock_scale(c.tsc_hz);
	log_set_hz(c.tsc_hz);
	if (!cpu_has(CPU_TSC_DEADLINE) && c.apic_hz == 0)
		fatal("the local APIC's timer does not count");
	apic_timer_init(cpu_has(CPU_TSC_DEADLINE) ? 0 : (c.apic_hz << 32) / c.tsc_hz);
	apic_timer_cpu_init();
	log_line("tsc", "%lu.%03lu MHz by the %s, APIC timer %lu kHz%s", c.tsc_hz / 1000000,
		 c.tsc_hz / 1000 % 1000, c.source, c.apic_hz / 1000,
		 cpu_has(CPU_TSC_DEADLINE) ? " (TSC deadline)" : "");
}

static void map_screen(void)
{
	const struct boot_framebuffer *fb = &box.boot.fb;
	void *va = NULL;

	if (fb->base)
		va = memory_map_device(fb->base, (uint64_t)fb->pitch * fb->height, true);
	log_set_screen(fb, (uint64_t)va);
}

static void check_virtualisation(void)
{
	char why[200] = "";

	if (hv_init(box.boot.cmdline, why, sizeof(why)) < 0)
		fatal("%s", why);
	if (hv->cpu_on(percpu_self()) < 0)
		fatal("virtualisation cannot be switched on");
}

void kernel_refuse(const char *why)
{
	log_init("");
	processors_early();
	fatal("%s", why);
}

void kernel_main(const struct bootinfo *info, uint64_t kernel_phys)
{
	memcpy(&box.boot, info, sizeof(box.boot));
	box.boot.cmdline[sizeof(box.boot.cmdline) - 1] = 0;
	box.boot.loader[sizeof(box.boot.loader) - 1] = 0;
	log_init(box.boot.cmdline);
	processors_early();
	log_set_screen(&box.boot.fb, box.boot.fb.base); /* the identity map is still there */
	log_line("boot", "Bulkhead; loader=\"%s\" kernel=0x%lx modules=%u options=\"%s\"",
		 box.boot.loader, kernel_phys, box.boot.module_count, box.boot.cmdline);
	check_processor();
	mitigation_init(box.boot.cmdline);
	cpu_setup();
	mitigation_cpu_init();
	memory_init(&box.boot, kernel_phys, &box.pool);
	processors_boot_init();
	map_screen();
	find_tables();
	start_interrupts();
	start_clock();
	log_line("pci", "bus mastering switched off on %u functions", pci_stop_bus_masters());
	fpu_probe();
	fpu_cpu_init();
	percpu_self()->fpu_open = false;
	check_virtualisation();
	processors_start();
	manager_start();
	sched_idle();
}
