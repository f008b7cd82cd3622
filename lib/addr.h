/* SPDX-License-Identifier: GPL-2.0-only */
/* Address types that must not be mixed up. */
#pragma once

#include <stdint.h>

typedef struct { uint64_t raw; } gpa_t; /* guest-physical */
typedef struct { uint64_t raw; } gva_t; /* guest-virtual, before segmentation has been undone: linear */
typedef struct { uint64_t raw; } hpa_t; /* host-physical */

/* As a linear address with 48 bits. */
static inline int canonical(uint64_t v) { return (uint64_t)((int64_t)(v << 16) >> 16) == v; }

static inline gpa_t gpa(uint64_t raw) { return (gpa_t){ raw }; }
static inline gva_t gva(uint64_t raw) { return (gva_t){ raw }; }
static inline hpa_t hpa(uint64_t raw) { return (hpa_t){ raw }; }
