/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's memory: a buddy allocator of pages and, in pages of it, small objects by powers of
 * two. A page has objects of one payer, who is charged for all of it: else one object here and one there
 * would keep more pages than a quota allows. A table of 16 bytes a page describes both.
 */

#include "kernel/pool.h"
#include "arch/spinlock.h"
#include "kernel/log.h"
#include "kernel/pool_impl.h"
#include "kernel/space.h"
#include "lib/string.h"
#include "lib/x86/pte.h"

enum { ORDERS = 11, SMALL_SHIFT_MIN = 4 };
enum page_state { PAGE_TAIL, PAGE_FREE, PAGE_USED, PAGE_SMALL };

#define NONE 0U /* page 0 is the table's */

struct page { /* of the first page of a block; [lock] */
	uint8_t state, order; /* PAGE_SMALL: order is the objects' shift */
	uint16_t used; /* PAGE_SMALL: objects given out */
	uint16_t first_free; /* PAGE_SMALL: offset of a free object, or 0xffff */
	uint16_t reserved;
	uint32_t next, prev; /* in a list of free blocks, or of small pages with room */
};

_Static_assert(sizeof(struct page) == 16, "stated in the comment above");

static struct {
	struct spinlock lock;
	char *base; /* (c) of page 0 */
	uint64_t physical; /* (c) */
	uint32_t pages; /* (c) */
	struct page *page; /* (c) the table */
	uint32_t free[ORDERS]; /* [lock] */
	uint32_t room[SMALL_SHIFTS]; /* [lock] the kernel's own; others are in struct space */
	uint64_t free_pages, small_bytes; /* [lock] */
} pool;

hpa_t pool_hpa(const void *p)
{
	uint64_t offset = (uint64_t)((const char *)p - pool.base);

	verify(offset < (uint64_t)pool.pages << 12);
	return hpa(pool.physical + offset);
}

void *pool_va(hpa_t p)
{
	verify(p.raw - pool.physical < (uint64_t)pool.pages << 12);
	return pool.base + (p.raw - pool.physical);
}

static void *page_address(uint32_t n)
{
	return pool.base + ((uint64_t)n << 12);
}

static uint32_t page_number(const void *p)
{
	return (uint32_t)(((uint64_t)((const char *)p - pool.base)) >> 12);
}

static void list_push(uint32_t *head, uint32_t n)
{
	pool.page[n].next = *head;
	pool.page[n].prev = NONE;
	if (*head != NONE)
		pool.page[*head].prev = n;
	*head = n;
}

static void list_drop(uint32_t *head, uint32_t n)
{
	struct page *p = &pool.page[n];

	if (p->prev != NONE)
		pool.page[p->prev].next = p->next;
	else
		*head = p->next;
	if (p->next != NONE)
		pool.page[p->next].prev = p->prev;
}

static uint32_t block_take(unsigned order)
{
	unsigned o = order;
	uint32_t n;

	while (o < ORDERS && pool.free[o] == NONE)
		o++;
	if (o >= ORDERS)
		return NONE;
	n = pool.free[o];
	list_drop(&pool.free[o], n);
	while (o > order) { /* give the upper half back */
		uint32_t half = n + (1U << --o);

		pool.page[half] = (struct page){ .state = PAGE_FREE, .order = (uint8_t)o };
		list_push(&pool.free[o], half);
	}
	pool.page[n] = (struct page){ .state = PAGE_USED, .order = (uint8_t)order };
	pool.free_pages -= 1U << order;
	return n;
}

static void block_give(uint32_t n, unsigned order)
{
	pool.free_pages += 1U << order;
	pool.page[n].state = PAGE_TAIL;
	for (; order < ORDERS - 1; order++) {
		uint32_t buddy = n ^ 1U << order;

		if (buddy >= pool.pages || pool.page[buddy].state != PAGE_FREE ||
		    pool.page[buddy].order != order)
			break;
		list_drop(&pool.free[order], buddy);
		pool.page[buddy].state = PAGE_TAIL;
		n &= ~(1U << order);
	}
	pool.page[n] = (struct page){ .state = PAGE_FREE, .order = (uint8_t)order };
	list_push(&pool.free[order], n);
}

void pool_init(void *va, hpa_t base, uint64_t bytes)
{
	uint64_t table = (bytes / PAGE_4K * sizeof(struct page) + PAGE_4K - 1) / PAGE_4K;

	pool.base = va;
	pool.physical = base.raw;
	pool.pages = (uint32_t)(bytes / PAGE_4K);
	pool.page = va;
	pool.free_pages = pool.small_bytes = 0;
	memset(va, 0, table * PAGE_4K);
	for (unsigned o = 0; o < ORDERS; o++)
		pool.free[o] = NONE;
	memset(pool.room, 0, sizeof(pool.room));
	for (uint32_t n = (uint32_t)table; n < pool.pages; n++)
		block_give(n, 0);
}

uint64_t pool_bytes(void)
{
	return (uint64_t)pool.pages << 12;
}
uint64_t pool_free_pages(void)
{
	return __atomic_load_n(&pool.free_pages, __ATOMIC_RELAXED);
}

uint64_t pool_small_bytes(void)
{
	return __atomic_load_n(&pool.small_bytes, __ATOMIC_RELAXED);
}

/* ---- accounts; [lock] */

static bool charge(struct space *s, uint64_t pages)
{
	if (!s)
		return true;
	if (s->used + pages > s->quota)
		return false;
	s->used += pages;
	return true;
}

static void uncharge(struct space *s, uint64_t pages)
{
	if (!s)
		return;
	verify(s->used >= pages);
	s->used -= pages;
}

/* A block at the payer's cost, or NONE. */
static uint32_t block_buy(struct space *payer, unsigned order)
{
	uint32_t n;

	if (!charge(payer, 1U << order))
		return NONE;
	n = block_take(order);
	if (n == NONE)
		uncharge(payer, 1U << order);
	return n;
}

static void block_return(struct space *payer, uint32_t n, unsigned order)
{
	block_give(n, order);
	uncharge(payer, 1U << order);
}

int pool_move_quota(struct space *from, struct space *to, uint64_t pages)
{
	int r = 0;

	spin_lock(&pool.lock);
	if (from && (pages > from->quota || from->used > from->quota - pages)) {
		r = E_NOMEM;
	} else {
		if (from)
			from->quota -= pages;
		if (to)
			to->quota += pages;
	}
	spin_unlock(&pool.lock);
	return r;
}

/* ---- pages */

void *pool_pages(struct space *payer, unsigned order)
{
	uint32_t n;

	if (order >= ORDERS)
		return 0;
	spin_lock(&pool.lock);
	n = block_buy(payer, order);
	spin_unlock(&pool.lock);
	return n == NONE ? 0 : memset(page_address(n), 0, PAGE_4K << order);
}

void pool_pages_free(struct space *payer, void *pages, unsigned order)
{
	uint32_t n = page_number(pages);

	if (!pages)
		return;
	spin_lock(&pool.lock);
	verify(n < pool.pages && pool.page[n].state == PAGE_USED && pool.page[n].order == order);
	block_return(payer, n, order);
	spin_unlock(&pool.lock);
}

void *pool_page(struct space *payer)
{
	return pool_pages(payer, 0);
}
void pool_page_free(struct space *payer, void *page)
{
	pool_pages_free(payer, page, 0);
}

/* ---- small objects */

static unsigned small_shift(size_t bytes)
{
	unsigned shift = SMALL_SHIFT_MIN;

	while ((1UL << shift) < bytes)
		shift++;
	return shift;
}

static uint32_t *room_of(struct space *payer, unsigned shift)
{
	return payer ? &payer->room[shift] : &pool.room[shift];
}

static void *small_take(struct space *payer, unsigned shift)
{
	uint32_t *room = room_of(payer, shift), n = *room;
	uint16_t *object;

	if (n == NONE) {
		n = block_buy(payer, 0);
		if (n == NONE)
			return 0;
		pool.page[n] = (struct page){ .state = PAGE_SMALL, .order = (uint8_t)shift };
		for (uint32_t at = 0; at < PAGE_4K; at += 1U << shift) {
			uint32_t next = at + (1U << shift);

			*(uint16_t *)((char *)page_address(n) + at) =
				next < PAGE_4K ? (uint16_t)next : 0xffff;
		}
		list_push(room, n);
	}
	object = (uint16_t *)((char *)page_address(n) + pool.page[n].first_free);
	pool.page[n].first_free = *object;
	pool.page[n].used++;
	pool.small_bytes += 1U << shift;
	if (pool.page[n].first_free == 0xffff)
		list_drop(room, n);
	return object;
}

static void small_give(struct space *payer, void *p, unsigned shift)
{
	uint32_t *room = room_of(payer, shift), n = page_number(p);
	struct page *page = &pool.page[n];
	uint16_t offset = (uint16_t)((uint64_t)((char *)p - pool.base) & (PAGE_4K - 1));

	verify(n < pool.pages && page->state == PAGE_SMALL && page->order == shift &&
	       page->used > 0 && (offset & ((1U << shift) - 1)) == 0);
	if (page->first_free == 0xffff)
		list_push(room, n);
	*(uint16_t *)p = page->first_free;
	page->first_free = offset;
	pool.small_bytes -= 1U << shift;
	if (--page->used == 0) {
		list_drop(room, n);
		block_return(payer, n, 0);
	}
}

void *pool_alloc(struct space *payer, size_t bytes)
{
	unsigned shift = small_shift(bytes);
	void *p;

	if (bytes == 0 || shift >= SMALL_SHIFTS)
		return 0;
	spin_lock(&pool.lock);
	p = small_take(payer, shift);
	spin_unlock(&pool.lock);
	return p ? memset(p, 0, 1UL << shift) : 0;
}

void pool_free(struct space *payer, void *p, size_t bytes)
{
	unsigned shift = small_shift(bytes);

	if (!p)
		return;
	spin_lock(&pool.lock);
	small_give(payer, p, shift);
	spin_unlock(&pool.lock);
}
