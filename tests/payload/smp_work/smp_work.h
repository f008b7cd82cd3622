/* SPDX-License-Identifier: GPL-2.0-only */
/* What the sources of the payload `smp_work` share. */
#pragma once

#include "tests/payload/lib/smp.h"

extern unsigned cpus;

/* All processors are up and wait for work; what the cases count is 0. */
void begin(void);

/* ---- shootdown.c ---- */

void shootdown(void), unmapped(void);
