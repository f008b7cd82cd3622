/* SPDX-License-Identifier: GPL-2.0-only */
/* Between ranges and spaces. */
#pragma once

#include <stdint.h>
#include "kernel/range.h"

/* A mapping of it in a space is gone, translations flushed. */
void range_unmapped(struct range *r);
/* As range_create_from, with the file's size; RIGHT_* as given. */
int64_t range_create(struct space *s, hpa_t base, uint64_t size, uint32_t type, uint64_t bytes,
		     uint32_t rights);
