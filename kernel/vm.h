/* SPDX-License-Identifier: GPL-2.0-only */
/* A virtual machine: a guest-physical address space, its vCPUs and its interrupt routes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "arch/spinlock.h"
#include "kernel/abi/syscall.h"
#include "kernel/cpuid_policy.h"
#include "kernel/doorbell.h"
#include "kernel/handle.h"
#include "kernel/irqfd.h"
#include "kernel/npt.h"
#include "lib/addr.h"

#define VM_VCPUS_MAX  64
#define VM_RANGES_MAX 64

struct event;
struct space;
struct vcpu;

struct vm_range { /* memory that was moved into this VM */
	hpa_t base;
	gpa_t gpa;
	uint64_t size;
	uint32_t node, flags;
};

/* How the host's TSC relates to time; the same for every VM of the box. */
struct vm_clock {
	uint64_t tsc_hz;
	uint32_t ns_mul; /* ns = (ticks << or >> ns_shift) * ns_mul >> 32 */
	int32_t ns_shift;
	bool stable; /* no warp between processors */
	uint64_t boot_wall; /* nanoseconds since 1970 when the VM was created; 0: unknown */
};

struct vm {
	struct object object;
	struct vm *next; /* [kernel/vm.c's own lock] all VMs */
	struct space *space; /* (c) its monitor; pays for the tables; holds a reference */
	uint64_t ram_base; /* (c) guest-physical 0 in the monitor's address space */
	char name[16]; /* (c) */
	struct vm_clock clock; /* (c) */
	uint64_t tsc_offset; /* (c) guest TSC = host TSC + tsc_offset at reset */
	struct spinlock lock;
	struct npt npt; /* [lock] */
	struct vcpu *vcpu[VM_VCPUS_MAX]; /* [lock] to add, (a) to read; index = creation order */
	unsigned vcpus; /* (a) how many of vcpu[] are there; grows only */
	unsigned live; /* [lock] vCPUs not yet destroyed */
	bool frozen; /* (a) the first vcpu_run has fixed cpuid: no more vCPUs */
	struct cpuid_table *cpuid; /* (c) once frozen */
	struct vm_range range[VM_RANGES_MAX]; /* [lock], and kernel/vm.c's to change */
	unsigned ranges; /* as range */
	bool taking; /* [lock] somebody is in vm_take */
	uint64_t scrubbed; /* who is in vm_take: progress in the last range */
	struct doorbells doorbells;
	struct irqfds irqfds;
	bool dead; /* (a) no vCPU enters any more */
};

/*
 * 0 or negative. The space is the monitor; ram_base its place for guest-physical 0; wall the time now, as
 * vm_clock.boot_wall.
 */
int vm_create(struct space *monitor, uint64_t ram_base, const char *name, uint64_t wall, struct vm **out);
/* Moves memory in. 0, E_INVAL, E_RANGE, E_EXIST, E_NOMEM; on failure nothing has changed. */
int vm_map(struct vm *vm, hpa_t base, uint64_t size, gpa_t at, uint32_t node, uint32_t flags);
/* MIT_ITLB: a guest fetched from a large page. As npt_execute. */
int vm_execute(struct vm *vm, gpa_t at);
/* No vCPU of it enters any more. */
void vm_kill(struct vm *vm);
/*
 * Takes the last range back out of a dead VM, scrubbed: its new handle in `to`. E_BUSY: not dead, a
 * vCPU is alive, or somebody else is taking; E_RANGE: there is none left; E_AGAIN: call again;
 * E_NOMEM: no room for the handle, and the range is still here.
 */
int64_t vm_take(struct vm *vm, struct space *to);
/* Fixes the number of vCPUs and makes the CPUID table. 0 or E_NOMEM. */
int vm_freeze(struct vm *vm);
/* Copy to and from guest memory through the monitor's mapping; in a thread of the monitor only. */
int vm_guest_read(struct vm *vm, uint64_t from, void *to, uint64_t bytes);
int vm_guest_write(struct vm *vm, uint64_t to, const void *from, uint64_t bytes);
