/* SPDX-License-Identifier: GPL-2.0-only */
/* The paravirtual clock of the KVM interface: two pages that a guest asks for by MSR. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct vcpu;

#define MSR_KVM_WALL_CLOCK_NEW	0x4b564d00
#define MSR_KVM_SYSTEM_TIME_NEW 0x4b564d01

/* The MSRs are written: the page is filled at once, in the vCPU's own thread. E_INVAL: #GP. */
int kvmclock_system_time_write(struct vcpu *v, uint64_t value);
int kvmclock_wall_clock_write(struct vcpu *v, uint64_t value);
/* The guest's TSC offset has changed: the page is made to agree. */
void kvmclock_update(struct vcpu *v);
/*
 * Writes a structure of the KVM interface into guest memory; *version is in it, goes from one even number
 * to the next, and is odd meanwhile. False: there is no such memory, which is counted.
 */
bool kvm_publish(struct vcpu *v, uint64_t at, const void *what, uint64_t bytes, uint32_t *version);
