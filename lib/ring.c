/* SPDX-License-Identifier: GPL-2.0-only */
/* The byte ring; see lib/ring.h for who trusts whom. */
#include "lib/ring.h"

#include "lib/string.h"

_Static_assert((RING_BYTES & (RING_BYTES - 1)) == 0, "indices wrap at 2^32");

size_t ring_room(const struct ring_end *end)
{
	uint32_t tail = __atomic_load_n(&end->page->tail, __ATOMIC_ACQUIRE);
	uint32_t used = end->own - tail;

	return used <= RING_BYTES ? RING_BYTES - used : 0;
}

size_t ring_used(const struct ring_end *end)
{
	uint32_t head = __atomic_load_n(&end->page->head, __ATOMIC_ACQUIRE);
	uint32_t used = head - end->own;

	return used <= RING_BYTES ? used : 0;
}

void ring_promise(struct ring_end *end, bool looking)
{
	__atomic_store_n(&end->page->looking, looking, __ATOMIC_SEQ_CST);
	/* The caller's next look at head must not come before the store. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool ring_wants_wake(const struct ring_end *end)
{
	/* Head was stored before; the promise is read after it. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !__atomic_load_n(&end->page->looking, __ATOMIC_RELAXED) ||
	       ring_room(end) < RING_BYTES / 2;
}

size_t ring_put(struct ring_end *end, const void *from, size_t bytes)
{
	size_t room = ring_room(end), n = bytes < room ? bytes : room;
	size_t at = end->own % RING_BYTES;
	size_t first = n < RING_BYTES - at ? n : RING_BYTES - at;

	if (n == 0)
		return 0;
	memcpy(end->page->data + at, from, first);
	memcpy(end->page->data, (const uint8_t *)from + first, n - first);
	end->own += (uint32_t)n;
	__atomic_store_n(&end->page->head, end->own, __ATOMIC_RELEASE);
	return n;
}

size_t ring_take(struct ring_end *end, void *to, size_t bytes)
{
	size_t used = ring_used(end), n = bytes < used ? bytes : used;
	size_t at = end->own % RING_BYTES;
	size_t first = n < RING_BYTES - at ? n : RING_BYTES - at;

	if (n == 0)
		return 0;
	memcpy(to, end->page->data + at, first);
	memcpy((uint8_t *)to + first, end->page->data, n - first);
	end->own += (uint32_t)n;
	__atomic_store_n(&end->page->tail, end->own, __ATOMIC_RELEASE);
	return n;
}
