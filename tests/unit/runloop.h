/* SPDX-License-Identifier: GPL-2.0-only */
/* What the sources of the run loop's test share: a VM on the scripted backend. */
#pragma once

#include "tests/unit/fake_hv.h"

extern struct vm *vm;
extern struct fake_vcpu *g; /* the guest's processor */

/* A VM of n processors; the first one's local APIC is on, as x2APIC. */
void setup(unsigned n);
/* runloop_events.c */
void event_cases(void);
