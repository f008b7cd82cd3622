/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A made-up box for the scheduler's tests: two processors, GS says which one is looking, a context
 * switch is a return, and the TSC is a variable. Included once, with the scheduler's own sources.
 */
#pragma once

#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/fpu.h"
#include "arch/trap.h"
#include "kernel/box.h"
#include "kernel/log.h"
#include "kernel/mitigation.h"
#include "kernel/percpu.h"
#include "kernel/space.h"
#include "kernel/sys.h"
#include "kernel/thread_impl.h"
#include "kernel/vcpu.h"
#include "tests/unit/unit.h"
#include <asm/prctl.h>
#include <stdlib.h>
#include <sys/syscall.h>

static uint64_t tsc; /* now */
#define rdtsc() tsc
#define cpu_interrupt_window() ((void)0)
#include "kernel/claim.c"
#include "kernel/sched.c"
#include "kernel/thread_queue.c"
#include "kernel/timer.c"
#include "kernel/wake.c"
#undef rdtsc
#undef cpu_interrupt_window
long syscall(long number, ...); /* unistd.h has an unlink, as timer.c */

enum { CPUS = 2, THREADS = 40, VMS = 6 };

struct percpu *cpu_table[CPUS_MAX];
unsigned cpu_count = CPUS;
struct box box = { .tsc_hz = 1000000 };

static struct percpu cpus[CPUS];
static struct thread idle[CPUS], threads[THREADS];
static struct share shares[VMS][CPUS];
static struct space vms[VMS];
static unsigned ipis[CPUS], gone, put_calls, load_calls;
static uint64_t programmed[CPUS];

/* ---- the rest of the kernel */

void panic(const char *fmt, ...)
{
	printf("FAIL %s: panic: %s\n", unit_case, fmt);
	exit(1);
}

void apic_send(uint32_t apic_id, uint8_t vector)
{
	ipis[apic_id] += vector == VECTOR_RESCHED;
}
void apic_timer_set(uint64_t now, uint64_t deadline)
{
	(void)now, programmed[percpu_self()->index] = deadline;
}
static void (*in_switch)(void); /* what another processor does meanwhile */
void context_switch(uint64_t *save, uint64_t load)
{
	(void)save, (void)load;
	if (in_switch)
		in_switch();
}
void space_switch(struct space *s)
{
	cpus[percpu_self()->index].space = s;
}
static unsigned log_tells;
void log_tell(void)
{
	log_tells++;
}
static unsigned barriers;
void mitigation_switch(void)
{
	barriers++;
}
static int references; /* taken and not given back */
void object_get(struct object *o)
{
	(void)o, references++;
}
void object_put(struct object *o)
{
	(void)o, gone++, references--;
}
void vcpu_put(struct vcpu *v)
{
	(void)v, put_calls++;
}
void vcpu_load(struct vcpu *v)
{
	(void)v, load_calls++;
}
void fpu_save(void *area)
{
	(void)area;
}
int fpu_restore(const void *area)
{
	return area ? 0 : -1;
}
void fpu_allow(void) {}
void fpu_deny(void) {}
void thread_exit(void)
{
	panic("nobody shall die here");
}

/* ---- helpers */

static void on(unsigned n)
{
	static unsigned last = CPUS;

	if (n != last)
		syscall(SYS_arch_prctl, ARCH_SET_GS, &cpus[n]);
	last = n;
}

__attribute__((unused)) static void fresh(void)
{
	memset(cpus, 0, sizeof(cpus));
	memset(idle, 0, sizeof(idle));
	memset(threads, 0, sizeof(threads));
	memset(shares, 0, sizeof(shares));
	memset(vms, 0, sizeof(vms));
	memset(ipis, 0, sizeof(ipis));
	gone = put_calls = load_calls = barriers = 0;
	tsc = 1000;
	for (unsigned i = 0; i < VMS; i++) {
		vms[i].share = shares[i];
		vms[i].pml4 = programmed; /* not NULL: it lives */
	}
	for (unsigned i = 0; i < THREADS; i++)
		threads[i].space = &vms[0];
	for (unsigned i = 0; i < CPUS; i++) {
		programmed[i] = TIMER_NEVER;
		cpus[i].self = &cpus[i];
		cpus[i].index = cpus[i].apic_id = i;
		cpu_table[i] = &cpus[i];
		sched_cpu_init(&cpus[i], &idle[i]);
	}
	on(0);
}

__attribute__((unused)) static struct thread *start(unsigned n, unsigned cpu, uint8_t priority)
{
	struct thread *t = &threads[n];

	t->cpu = t->target = cpu;
	t->priority = priority;
	(void)cpu_claim(cpu, t->space);
	(void)sched_start(t);
	return t;
}

#define CURRENT (percpu_self()->current)
