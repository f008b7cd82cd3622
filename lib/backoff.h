/* SPDX-License-Identifier: GPL-2.0-only */
/* How long to wait before what has failed is tried again: 1, 2, 4 ... seconds, a minute at most. Has no clock. */
#pragma once

#include <stdint.h>

enum { BACKOFF_MS = 1000, BACKOFF_MAX_MS = 60000 /* also what counts as a long life */ };

struct backoff {
	uint32_t first_ms; /* (c) the first pause, usually BACKOFF_MS */
	uint32_t spared; /* (c) so many in a row come without a pause */
	uint32_t count; /* ends in a row, none of them after a long life */
};

/* One more end, after a life of `lived` ms -> the pause in ms. */
uint64_t backoff_next(struct backoff *b, uint64_t lived);
