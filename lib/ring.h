/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A byte ring of one page between two spaces: one producer, one consumer, neither trusts the other.
 * Each side keeps its own index privately and reads the other's once a call; an index that makes no
 * sense counts as "nothing there" or "no room". No system calls: waking the other side is the
 * caller's business. A consumer that is busy anyway spares the producer most of that: it promises to
 * look again soon (ring_promise), and the producer asks ring_wants_wake after it has put something.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_BYTES 2048

struct ring_page {
	uint32_t head; /* written by the producer: bytes ever put, modulo 2^32 */
	uint32_t pad0[15];
	uint32_t tail; /* written by the consumer: bytes ever taken */
	uint32_t looking; /* written by the consumer: it will look again soon without being waked */
	uint32_t pad1[14];
	uint8_t data[RING_BYTES];
};
_Static_assert(sizeof(struct ring_page) <= 4096, "one page");

/* The private half of one side. */
struct ring_end {
	struct ring_page *page;
	uint32_t own; /* this side's index: the page's copy is never read back */
};

/* Both take and give at most `bytes`, and return how many went through. */
size_t ring_put(struct ring_end *end, const void *from, size_t bytes);
size_t ring_take(struct ring_end *end, void *to, size_t bytes);
/*
 * Consumer. A promise holds until it is taken back; after that, look once more before sleeping: what
 * the producer put in between was put without a wake-up.
 */
void ring_promise(struct ring_end *end, bool looking);
/* Producer: no promise, or so little room left that "soon" may be too late. */
bool ring_wants_wake(const struct ring_end *end);
/* Bytes that ring_put would accept now; bytes that ring_take would return now. */
size_t ring_room(const struct ring_end *end);
size_t ring_used(const struct ring_end *end);
