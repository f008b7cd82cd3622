/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other processors of a payload: started by INIT and start-up IPIs, they halt until they get a
 * function to run. Processor 0 is the boot processor; a processor's number is its APIC ID.
 */
#pragma once

#include "tests/payload/lib/payload.h"

enum { AP_MAX = CPUS_MAX };
enum { VEC_FIRST = 0x50, VEC_WAKE = 0x50, VEC_A = 0x61, VEC_B = 0x72, VEC_LAST = 0x7f };

struct ap {
	volatile unsigned starts; /* how often it came through the trampoline */
	void (*volatile work)(unsigned me); /* NULL: it halts */
	volatile unsigned hits[VEC_LAST - VEC_FIRST + 1], nmis;
	volatile uint64_t value; /* for a test's use */
} __attribute__((aligned(64)));

extern struct ap ap[AP_MAX];
extern volatile bool ap_go; /* released by smp_each's caller */

unsigned smp_cpus(void); /* as CPUID says */
unsigned smp_self(void);

/*
 * All processors up and idle, local APICs in this mode, hit counters cleared and VEC_* counted.
 * Those that are not idle (a test failed) are started anew.
 */
void smp_begin(bool x2);
/* INIT, then two start-up IPIs; does not wait. */
void smp_start(unsigned n);
void smp_init(unsigned n);
void smp_startup(unsigned n);
/* Sets processor n to work; from processor 0. */
void smp_run(unsigned n, void (*work)(unsigned me));
void smp_run_all(void (*work)(unsigned me)); /* but the caller */
void smp_wait(unsigned n); /* until it is idle again */
void smp_wait_all(void);

/* Writes the ICR. dest: an APIC ID or a logical set, in the present mode's width. */
void smp_ipi(uint32_t dest, uint32_t low);
enum {
	ICR_LOWEST = 1 << 8, ICR_NMI = 4 << 8, ICR_INIT = 5 << 8, ICR_STARTUP = 6 << 8,
	ICR_LOGICAL = 1 << 11, ICR_ASSERT = 1 << 14, ICR_SELF = 1 << 18, ICR_ALL = 2 << 18, ICR_OTHERS = 3 << 18,
};

/* Until *p is `want`, with PAUSE; the test fails after smp_patience. */
void smp_until(const char *what, volatile unsigned *p, unsigned want);
/*
 * In loops that nothing but an interrupt of the host can end: a PAUSE, with `pauses` on the command line,
 * for an emulator that holds the host's interrupts back behind the guest's IF.
 */
extern bool smp_pauses;
static inline void smp_breathe(void)
{
	if (smp_pauses)
		__asm__ volatile("pause" : : : "memory");
}
static inline void cpu_pause(void) { __asm__ volatile("pause" : : : "memory"); }
/* Ticks of the TSC after which something that should have happened has not: ten seconds or more. */
extern uint64_t smp_patience;
