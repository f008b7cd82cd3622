/* SPDX-License-Identifier: GPL-2.0-only */
/* The byte ring between manager and monitor, with an honest other side and with one that lies. */
/* sources: lib/ring.c */
#include "tests/unit/unit.h"
#include <stdlib.h>
#include "lib/ring.h"

static struct ring_page *page;
static struct ring_end producer, consumer;

static void fresh(void)
{
	memset(page, 0, sizeof(*page));
	producer = consumer = (struct ring_end){ .page = page };
}

static void carries_bytes(void)
{
	uint8_t in = 0, out = 0, buffer[700];

	fresh();
	/* Sizes that wrap at every offset. */
	for (unsigned round = 0; round < 5000; round++) {
		size_t n = round * 37 % sizeof(buffer), k;

		for (size_t i = 0; i < n; i++)
			buffer[i] = in++;
		k = ring_put(&producer, buffer, n);
		in = (uint8_t)(in - (n - k));
		CHECK_EQ(ring_used(&consumer) + ring_room(&producer), RING_BYTES);
		k = ring_take(&consumer, buffer, round * 53 % sizeof(buffer));
		for (size_t i = 0; i < k; i++)
			CHECK_EQ(buffer[i], out++);
	}
}

static void full_and_empty(void)
{
	static uint8_t big[RING_BYTES + 100];

	fresh();
	CHECK_EQ(ring_take(&consumer, big, sizeof(big)), 0);
	CHECK_EQ(ring_put(&producer, big, sizeof(big)), RING_BYTES);
	CHECK_EQ(ring_put(&producer, big, 1), 0);
	CHECK_EQ(ring_take(&consumer, big, sizeof(big)), RING_BYTES);
	CHECK_EQ(ring_room(&producer), RING_BYTES);
}

static void index_wraps(void)
{
	uint8_t b[10] = "123456789";

	fresh();
	producer.own = consumer.own = page->head = page->tail = 0xfffffffb;
	CHECK_EQ(ring_put(&producer, b, 10), 10);
	memset(b, 0, sizeof(b));
	CHECK_EQ(ring_take(&consumer, b, 10), 10);
	CHECK_STR((char *)b, "123456789");
	CHECK_EQ(page->head, 5);
}

/* Whatever the other side writes into its index, nothing outside the page is touched. */
static void lying_indices(void)
{
	static uint8_t b[RING_BYTES * 2];

	for (uint64_t lie = 0; lie <= 0xffffffff; lie += 0x00fff7ff) {
		fresh();
		page->head = (uint32_t)lie;
		CHECK(ring_used(&consumer) <= RING_BYTES);
		CHECK(ring_take(&consumer, b, sizeof(b)) <= RING_BYTES);
		fresh();
		page->tail = (uint32_t)lie;
		CHECK(ring_room(&producer) <= RING_BYTES);
		CHECK(ring_put(&producer, b, sizeof(b)) <= RING_BYTES);
	}
	/* Our own index is not read back from the page. */
	fresh();
	CHECK_EQ(ring_put(&producer, b, 100), 100);
	page->head = 0;
	CHECK_EQ(ring_put(&producer, b, 1), 1);
	CHECK_EQ(page->head, 101);
}

/* Who promises to look is not waked, unless the ring is about to overflow meanwhile. */
static void promise_spares_the_wake(void)
{
	static uint8_t b[RING_BYTES];

	fresh();
	CHECK_EQ(ring_put(&producer, b, 1), 1);
	CHECK(ring_wants_wake(&producer));
	ring_promise(&consumer, true);
	CHECK(!ring_wants_wake(&producer));
	CHECK_EQ(ring_put(&producer, b, RING_BYTES / 2), RING_BYTES / 2);
	CHECK(ring_wants_wake(&producer));
	CHECK_EQ(ring_take(&consumer, b, 2), 2);
	CHECK(!ring_wants_wake(&producer));
	ring_promise(&consumer, false);
	CHECK(ring_wants_wake(&producer));
}

int main(void)
{
	page = malloc(sizeof(*page));
	RUN(carries_bytes);
	RUN(full_and_empty);
	RUN(index_wraps);
	RUN(lying_indices);
	RUN(promise_spares_the_wake);
	free(page);
	return unit_status();
}
