/* SPDX-License-Identifier: GPL-2.0-only */
/* Looks a faulting instruction up in the exception table: some thirty entries, a plain search. */

#include "arch/extable.h"

/* Named by the linker after the section. */
extern const struct extable_entry __start_extable[], __stop_extable[];

uint64_t extable_find(uint64_t rip)
{
	for (const struct extable_entry *e = __start_extable; e < __stop_extable; e++)
		if ((uint64_t)&e->fault + (uint64_t)(int64_t)e->fault == rip)
			return (uint64_t)&e->fixup + (uint64_t)(int64_t)e->fixup;
	return 0;
}
