/* SPDX-License-Identifier: GPL-2.0-only */
/* Processors: per-processor memory, start-up of the others one by one. */

#include "kernel/processors.h"
#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/cr.h"
#include "arch/fpu.h"
#include "arch/msr.h"
#include "arch/smp.h"
#include "arch/trap.h"
#include "arch/tsc.h"
#include "kernel/box.h"
#include "kernel/hvops.h"
#include "kernel/isolation.h"
#include "kernel/log.h"
#include "kernel/mitigation.h"
#include "kernel/percpu.h"
#include "kernel/pool.h"
#include "kernel/thread_impl.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"
#include "lib/x86/pte.h"
#include <stddef.h>

struct percpu *cpu_table[CPUS_MAX];
unsigned cpu_count = 1;

static struct percpu boot_cpu __attribute__((section(".bss.boot_cpu"))); /* alone in its page */
static struct thread boot_idle;
static uint64_t early_stack[256]
	__attribute__((aligned(16))); /* for IST vectors until there is memory */
static uint32_t start_phase; /* (a) the handshake with the processor being started */

enum { PHASE_NONE, PHASE_HERE, PHASE_CHECKED };

void processors_early(void)
{
	uint64_t top = (uint64_t)(early_stack + sizeof(early_stack) / sizeof(early_stack[0]));

	for (unsigned i = 0; i < IST_COUNT; i++)
		boot_cpu.tables.tss.ist[i] = top;
	boot_cpu.self = &boot_cpu;
	boot_cpu.online = true;
	boot_cpu.fpu_open = true;
	cpu_table[0] = &boot_cpu;
	sched_cpu_init(&boot_cpu, &boot_idle);
	seg_load(&boot_cpu.tables);
	wrmsr(MSR_GS_BASE, (uint64_t)&boot_cpu);
	idt_init();
	idt_load();
}

static bool make_stacks(struct tss *tss)
{
	for (unsigned i = 0; i < IST_COUNT; i++)
		if ((tss->ist[i] = stack_alloc(NULL)) == 0)
			return false;
	return true;
}

void processors_boot_init(void)
{
	if (!make_stacks(&boot_cpu.tables.tss) || (boot_cpu.entry_rsp = stack_alloc(NULL)) == 0)
		fatal("not enough memory for the first processor");
	memory_cpu_init(&boot_cpu);
	isolation_init(box.boot.kernel_base);
	isolation_cpu_init(&boot_cpu);
}

_Static_assert(sizeof(struct percpu) <= 4096, "one page");

/* ---- another processor */

static void reach_phase(uint32_t phase)
{
	__atomic_store_n(&start_phase, phase, __ATOMIC_RELEASE);
}

static bool wait_phase(uint32_t phase, uint64_t us)
{
	uint64_t end = rdtsc() + box.tsc_hz / 1000000 * us;

	while (__atomic_load_n(&start_phase, __ATOMIC_ACQUIRE) != phase)
		if (rdtsc() < end)
			cpu_pause();
		else
			return false;
	return true;
}

/* First C code of a started processor, on its idle thread's stack. */
static __attribute__((noreturn)) void processor_main(struct percpu *cpu)
{
	seg_load(&cpu->tables);
	wrmsr(MSR_GS_BASE, (uint64_t)cpu);
	idt_load();
	if ((cpu_probe() & cpu_features) != cpu_features)
		panic("processor %u lacks features that the first one has (0x%x)", cpu->index,
		      cpu_features & ~cpu_probe());
	cpu_setup();
	mitigation_cpu_init();
	fpu_cpu_init();
	apic_cpu_init();
	apic_timer_cpu_init();
	reach_phase(PHASE_HERE);
	(void)tsc_warp_check(1);
	if (hv->cpu_on(cpu) < 0)
		panic("processor %u cannot virtualise, though the first one can", cpu->index);
	__atomic_store_n(&cpu->online, true, __ATOMIC_RELEASE);
	reach_phase(PHASE_CHECKED);
	sched_idle();
}

static struct percpu *processor_make(uint32_t apic_id)
{
	struct percpu *cpu = pool_page(NULL);
	struct thread *idle = pool_alloc(NULL, sizeof(*idle));

	if (!cpu || !idle || !make_stacks(&cpu->tables.tss) || (idle->stack_top = stack_alloc(NULL)) == 0 ||
	    (cpu->entry_rsp = stack_alloc(NULL)) == 0)
		return NULL;
	cpu->self = cpu;
	cpu->index = cpu_count;
	cpu->apic_id = apic_id;
	sched_cpu_init(cpu, idle);
	memory_cpu_init(cpu);
	isolation_cpu_init(cpu);
	return cpu;
}

/* [SDM3 "MP Initialization Protocol Algorithm for MP Systems"] */
static bool processor_start(struct percpu *cpu, uint64_t page)
{
	struct smp_start start = { .cr3 = memory_kernel_cr3(),
				   .efer = EFER_LME | (cpu_has(CPU_NX) ? EFER_NXE : 0),
				   .entry = (uint64_t)processor_main,
				   .stack = cpu->idle->stack_top - 8,
				   .argument = (uint64_t)cpu };

	reach_phase(PHASE_NONE);
	smp_prepare(page, &start);
	apic_send_init(cpu->apic_id);
	tsc_delay_us(box.tsc_hz, 10000);
	apic_send_startup(cpu->apic_id, (uint8_t)(page >> 12));
	if (!wait_phase(PHASE_HERE, 10000)) {
		apic_send_startup(cpu->apic_id, (uint8_t)(page >> 12));
		if (!wait_phase(PHASE_HERE, 1000000))
			return false;
	}
	cpu_table[cpu->index] = cpu;
	cpu_count++;
	if (tsc_warp_check(0))
		box.tsc_stable = false;
	return wait_phase(PHASE_CHECKED, 5000000);
}

/* A page of free RAM below 640 KiB, or 0. */
static uint64_t trampoline_page(void)
{
	for (uint32_t i = 0; i < box.boot.mem_count; i++) {
		const struct boot_mem *m = &box.boot.mem[i];
		uint64_t at =
			m->base < PAGE_4K ? PAGE_4K : (m->base + PAGE_4K - 1) & ~(PAGE_4K - 1);

		if (m->type == BOOT_MEM_USABLE && at + PAGE_4K <= m->base + m->size &&
		    at + PAGE_4K <= 0x9f000)
			return at;
	}
	return 0;
}

void processors_start(void)
{
	uint64_t page = trampoline_page();
	uint32_t self = apic_id();

	boot_cpu.apic_id = self;
	box.tsc_stable = true;
	for (unsigned i = 0; i < box.acpi.cpus && cpu_count < CPUS_MAX; i++) {
		uint32_t id = box.acpi.cpu[i].apic_id;
		struct percpu *cpu;

		if (id == self)
			continue;
		if (page == 0 || (id > 254 && !apic_is_x2apic())) {
			log_line("smp", "processor with APIC ID %u left alone: %s", id,
				 page ? "no x2APIC" : "no memory below 640 KiB");
			continue;
		}
		cpu = processor_make(id);
		if (!cpu || !processor_start(cpu, page))
			log_line("smp", "processor with APIC ID %u %s", id,
				 cpu ? "does not start" : "gets no memory");
	}
	memory_drop_identity();
	log_line("smp", "%u processors, TSCs %s", cpu_count, box.tsc_stable ? "agree" : "differ");
}
