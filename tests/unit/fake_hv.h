/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scripted backend behind kernel/hvops.h, and stand-ins for what the run loop asks of the rest of
 * the kernel. An entry pops one step of the script; when there is none left, it kicks the vCPU.
 */
#pragma once

#include "kernel/event.h"
#include "kernel/vcpu.h"
#include "kernel/vm.h"

#define FAKE_STEPS 64
#define FAKE_VCPUS 4

struct fake_step {
	enum hv_exit_kind kind;
	void (*before)(struct vcpu *v); /* what the guest or another processor does in the guest's time */
	struct hv_event reinject; /* an event whose delivery the exit interrupted */
};

struct fake_vcpu {
	struct vcpu v; /* first */
	struct vcpu_regs r; /* the "control block" */
	bool nmi_blocked;
	struct hv_event armed;
};

struct fake {
	struct fake_step script[FAKE_STEPS];
	unsigned steps, next;
	unsigned entries, skips, flushes, pokes, unparks, parks, yields, gave_way, loads, puts;
	struct hv_event injected[FAKE_STEPS]; /* by entry: what went in */
	uint32_t windows;
	uint8_t priority;
	void (*on_park)(struct vcpu *v); /* NULL: kicks */
	void (*on_inject)(struct vcpu *v);
	bool dying, pending;
	unsigned l1d_flushes; /* entries that vcpu.foreign asked to flush for */
	unsigned splits; /* calls of vm_execute */
	int split_status; /* what it answers */
	unsigned timers; /* armed at present */
	uint64_t signalled; /* bits of event_signal */
	uint8_t guest[256]; /* guest memory from 0 on */
	unsigned pool_left; /* pages until the pool is exhausted */
	int pool_used;
};
extern struct fake fake;

/* A VM with n vCPUs and its CPUID table, ready for vcpu_run. */
struct vm *fake_vm(unsigned n);
struct fake_vcpu *fake_vcpu(struct vm *vm, unsigned i);
void fake_vm_free(struct vm *vm);
void fake_step(enum hv_exit_kind kind, void (*before)(struct vcpu *v));
/* A host with every feature that the policy can keep. */
void fake_host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t reg[4]);
/* Fires the timer of v, as if its deadline had come. */
void fake_timer_fire(struct vcpu *v);
