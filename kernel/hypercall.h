/* SPDX-License-Identifier: GPL-2.0-only */
/* The hypercalls of the KVM interface that we advertise (cpuid_policy.c), and no others. */
#pragma once

#include <stdint.h>

struct vcpu;

/* Number in RAX, arguments in RBX RCX RDX RSI. What RAX becomes: a value, or a negative error. */
uint64_t hypercall(struct vcpu *v);
