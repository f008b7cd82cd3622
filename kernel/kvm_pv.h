/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two words of guest memory that the KVM interface lets a guest share with its processor: an EOI
 * without an exit, and the time that others took from it. Only in the vCPU's own thread.
 */
#pragma once

#include <stdint.h>

struct vcpu;

#define MSR_KVM_STEAL_TIME 0x4b564d03
#define MSR_KVM_PV_EOI_EN  0x4b564d04

/* The MSRs are written. 0, or E_INVAL: #GP. */
int kvm_steal_write(struct vcpu *v, uint64_t value);
int kvm_eoi_write(struct vcpu *v, uint64_t value);
/* The thread has waited for a processor. */
void kvm_steal_update(struct vcpu *v);
/* Before an entry: may the guest end the interrupt in service by its word, or not any more? */
void kvm_eoi_arm(struct vcpu *v);
/* After an exit: has it? The word is no other business than of whose EOI is armed. */
void kvm_eoi_sync(struct vcpu *v);
