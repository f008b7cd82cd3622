/* SPDX-License-Identifier: GPL-2.0-only */
/* The pause doubles with each end in a row; see backoff.h. */
#include "lib/backoff.h"

uint64_t backoff_next(struct backoff *b, uint64_t lived)
{
	uint64_t ms = b->first_ms;

	if (lived >= BACKOFF_MAX_MS)
		b->count = 0;
	if (b->count < UINT32_MAX)
		b->count++;
	if (b->count <= b->spared)
		return 0;
	for (uint32_t i = b->spared + 1; i < b->count && ms != 0 && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}
