/* SPDX-License-Identifier: GPL-2.0-only */
/* A virtual machine: a guest-physical address space, its vCPUs and its interrupt routes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "arch/spinlock.h"
#include "kernel/abi/syscall.h"
#include "lib/addr.h"

#define VM_VCPUS_MAX	 64
#define VM_RANGES_MAX	 64
#define VM_DOORBELLS_MAX 64
#define VM_IRQFDS_MAX	 64

struct event;
struct space;
struct vcpu;

struct vm_range { /* memory that was moved into this VM */
	hpa_t base;
	gpa_t gpa;
	uint64_t size;
	uint32_t node, flags;
};

struct vm {
	struct space *space; /* (c) its monitor; pays for the tables */
	uint64_t ram_base; /* (c) guest-physical 0 in the monitor's address space */
	char name[16]; /* (c) */
	struct spinlock lock;
	void *npt_root; /* (c) top-level nested page table, pool memory */
	uint64_t npt_pages, leaf_4k, leaf_2m, leaf_1g; /* [lock] */
	struct vcpu *vcpu[VM_VCPUS_MAX]; /* [lock] to add, (a) to read; index = creation order */
	unsigned vcpus;
	struct vm_range range[VM_RANGES_MAX]; /* [lock] */
	unsigned ranges;
	uint64_t scrubbed; /* [lock] progress of vm_take in the last range */
	struct vm_doorbell_slot *doorbell; /* [lock] to change */
	unsigned doorbells;
	bool dead; /* (a) no vCPU enters any more */
	uint32_t refs; /* (a) */
};
