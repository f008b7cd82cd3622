/* SPDX-License-Identifier: GPL-2.0-only */
/* Starts a payload's other processors and gives them work. */
#include "tests/payload/lib/smp.h"

#include "lib/string.h"

#define AP_BASE 0x8000

extern const uint8_t ap_begin[], ap_end[], ap_idtr[];
struct ap ap[AP_MAX];
volatile bool ap_go;
static volatile unsigned arrived;
uint64_t smp_patience;
bool smp_pauses;
static bool mode_x2; /* the processors' APICs are in this mode */

unsigned smp_cpus(void)
{
	struct cpuid c = cpuid(1, 0);
	unsigned n = c.edx >> 28 & 1 ? c.ebx >> 16 & 0xff : 1;

	return n > AP_MAX ? AP_MAX : n;
}

unsigned smp_self(void)
{
	return cpu_self();
}

/* EOI first: who sees the count may rely on the processor's priority being down again. */
static void count(struct frame *f)
{
	lapic_eoi();
	ap[smp_self()].hits[f->vector - VEC_FIRST]++;
}

static void count_nmi(struct frame *f)
{
	(void)f;
	ap[smp_self()].nmis++;
}

void ap_main(uint32_t id);
void ap_main(uint32_t id)
{
	struct ap *self = &ap[id % AP_MAX];

	lapic_init(mode_x2);
	self->starts++;
	for (;;) {
		void (*work)(unsigned);

		cli();
		work = self->work;
		if (!work) {
			sti_hlt();
			continue;
		}
		work(id % AP_MAX);
		self->work = NULL;
	}
}

void smp_ipi(uint32_t dest, uint32_t low)
{
	bool enabled = rflags() >> 9 & 1;

	cli(); /* two registers in xAPIC mode, and handlers send as well */
	__asm__ volatile("mfence" : : : "memory");
	if (lapic_is_x2()) {
		wrmsr(0x830, (uint64_t)dest << 32 | low);
	} else {
		while (lapic_get(LAPIC_ICR) & 1 << 12)
			cpu_pause();
		lapic_set(LAPIC_ICR2, dest << 24);
		lapic_set(LAPIC_ICR, low);
	}
	if (enabled)
		sti();
}

void smp_until(const char *what, volatile unsigned *p, unsigned want)
{
	uint64_t start = rdtsc();

	while (*p != want) {
		fail_with_others();
		cpu_pause();
		if (rdtsc() - start > smp_patience)
			fail("%s: %u, expected %u, of processor %u", what, *p, want,
			     (unsigned)(((uintptr_t)p - (uintptr_t)ap) / sizeof(ap[0])));
	}
}

void smp_init(unsigned n)
{
	smp_ipi(n, ICR_INIT | ICR_ASSERT);
}

void smp_startup(unsigned n)
{
	smp_ipi(n, ICR_STARTUP | ICR_ASSERT | AP_BASE >> 12);
}

void smp_start(unsigned n)
{
	memcpy((void *)(uintptr_t)AP_BASE, ap_begin, (size_t)(ap_end - ap_begin));
	__asm__ volatile("sidt %0" : "=m"(*(uint8_t *)(uintptr_t)(AP_BASE + (ap_idtr - ap_begin))));
	ap[n].work = NULL;
	other_halted[n] = false;
	smp_init(n);
	delay_us(200);
	smp_startup(n);
	delay_us(200);
	smp_startup(n);
}

void smp_run(unsigned n, void (*work)(unsigned me))
{
	ap[n].work = work;
	smp_ipi(n, VEC_WAKE | ICR_ASSERT);
}

void smp_run_all(void (*work)(unsigned me))
{
	for (unsigned n = 1; n < smp_cpus(); n++)
		smp_run(n, work);
}

void smp_wait(unsigned n)
{
	uint64_t start = rdtsc();

	while (ap[n].work) {
		fail_with_others();
		cpu_pause();
		if (rdtsc() - start > smp_patience)
			fail("processor %u does not get its work done", n);
	}
}

void smp_wait_all(void)
{
	for (unsigned n = 1; n < smp_cpus(); n++)
		smp_wait(n);
}

/* No access to the local APIC from arriving to the release: the boot processor changes the mode. */
static void change_mode(unsigned me)
{
	(void)me;
	__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
	while (!ap_go)
		cpu_pause();
	lapic_init(mode_x2);
}

void smp_begin(bool x2)
{
	unsigned n = smp_cpus();

	if (n < 2)
		skip("one processor");
	if (smp_patience == 0) {
		uint64_t before = rdtsc();

		delay_us(10000);
		smp_patience = (rdtsc() - before) * 1000;
		smp_pauses = option("pauses") != NULL;
	}
	fail_with_others();
	if (lapic_is_x2() != mode_x2 || !(lapic_get(LAPIC_SVR) & 0x100))
		lapic_init(mode_x2);
	for (unsigned v = VEC_FIRST; v <= VEC_LAST; v++)
		on_trap(v, count);
	on_trap(VECTOR_NMI, count_nmi);
	for (unsigned i = 1; i < n; i++) {
		unsigned before = ap[i].starts;

		if (before != 0 && !ap[i].work && !other_halted[i])
			continue;
		smp_start(i);
		smp_until("a processor's start", &ap[i].starts, before + 1);
	}
	if (x2 != mode_x2) {
		arrived = 0;
		ap_go = false;
		smp_run_all(change_mode);
		smp_until("processors that change the mode", &arrived, n - 1);
		lapic_init(x2);
		mode_x2 = x2 && lapic_is_x2();
		ap_go = true;
		smp_wait_all();
		if (x2 != mode_x2)
			skip("no x2APIC");
	}
	lapic_set(LAPIC_TPR, 0);
	for (unsigned i = 0; i < n; i++) {
		memset((void *)(uintptr_t)ap[i].hits, 0, sizeof(ap[i].hits));
		ap[i].nmis = 0;
		ap[i].value = 0;
	}
}
