/* SPDX-License-Identifier: GPL-2.0-only */
/* The cases of the payload `cpu`, by source. */
#pragma once

/* ---- exceptions.c ---- */

void exception_de(void), exception_ud(void), exception_gp(void), exception_pf(void),
	exception_nm(void), exception_mf(void), exception_np_ss(void), exception_bp(void),
	exception_nested(void), soft_interrupt(void), single_step(void), mov_ss_shadow(void),
	data_breakpoint(void);

/* ---- instructions.c ---- */

void virtualisation_instructions(void), control_registers(void), control_registers_bad(void),
	xsetbv_bad(void), cache_instructions(void), tsc_monotonic(void), tsc_write(void),
	promised_instructions(void), syscall_sysret(void);
