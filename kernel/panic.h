/* SPDX-License-Identifier: GPL-2.0-only */
/* A panic's other half: what the trap handler tells it. */
#pragma once

#include "arch/trap.h"

/* A trap in ring 0 that nobody expected. */
__attribute__((noreturn)) void panic_trap(const struct trap_frame *f);
/* From the NMI handler: joins a panic that is in progress, and does not return then. */
void panic_join(const struct trap_frame *f);
