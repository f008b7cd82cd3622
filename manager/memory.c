/* SPDX-License-Identifier: GPL-2.0-only */
/* The RAM that nobody uses: a list of ranges, cut and merged. It decides no policy but alignment. */
#include "manager/manager.h"

#define PAGE_2M (2ULL << 20)
#define PAGE_1G (1ULL << 30)

static void piece_drop(struct memory *m, unsigned i)
{
	m->piece[i] = m->piece[--m->pieces];
}

/* Joins two neighbours, if there are any; their handles become one. */
static bool merge_one(struct memory *m)
{
	for (unsigned i = 0; i < m->pieces; i++) {
		for (unsigned j = 0; j < m->pieces; j++) {
			struct memory_piece *low = &m->piece[i], *high = &m->piece[j];

			if (low->base + low->size != high->base ||
			    sys_range_merge(low->handle, high->handle) != 0)
				continue;
			low->size += high->size;
			piece_drop(m, j);
			return true;
		}
	}
	return false;
}

bool memory_extent(int handle, uint64_t *base, uint64_t *size)
{
	struct range_info info;

	if (sys_range_info(handle, &info) != 0 || info.type != RANGE_RAM || info.size == 0)
		return false;
	*base = info.base;
	*size = info.size;
	return true;
}

void memory_add(struct memory *m, int handle)
{
	uint64_t base, size;

	if (!memory_extent(handle, &base, &size))
		return;
	if (m->pieces == MEMORY_PIECES)
		return; /* lost until the next boot; does not happen with so few VMs */
	m->piece[m->pieces++] = (struct memory_piece){ handle, base, size };
	while (merge_one(m))
		;
}

uint64_t memory_free(const struct memory *m)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < m->pieces; i++)
		sum += m->piece[i].size;
	return sum;
}

uint64_t memory_largest(const struct memory *m)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < m->pieces; i++)
		most = m->piece[i].size > most ? m->piece[i].size : most;
	return most;
}

/* Cuts [offset, offset + bytes) out of piece i -> its handle. What is left stays in the list. */
static int cut(struct memory *m, unsigned i, uint64_t offset, uint64_t bytes)
{
	struct memory_piece *p = &m->piece[i];
	uint64_t rest = p->size - offset - bytes;
	int handle = p->handle, tail;

	if (m->pieces + 2 > MEMORY_PIECES)
		return E_NOMEM;
	if (rest) {
		tail = sys_range_split(handle, offset + bytes);
		if (tail < 0)
			return tail;
		m->piece[m->pieces++] =
			(struct memory_piece){ tail, p->base + offset + bytes, rest };
		p->size = offset + bytes;
	}
	if (offset) {
		handle = sys_range_split(p->handle, offset);
		if (handle >= 0)
			p->size = offset;
		return handle;
	}
	piece_drop(m, i);
	return handle;
}

int memory_take_small(struct memory *m, uint64_t bytes)
{
	int best = -1;

	bytes = (bytes + 4095) & ~4095ULL;
	for (unsigned i = 0; i < m->pieces; i++) {
		if (m->piece[i].size >= bytes &&
		    (best < 0 || m->piece[i].size < m->piece[best].size))
			best = (int)i;
	}
	if (best < 0)
		return E_NOMEM;
	/* From the end: the beginning is more likely to be well aligned. */
	return cut(m, (unsigned)best, m->piece[best].size - bytes, bytes);
}

/* The offset in p where a base congruent to gpa modulo `page` begins; ~0 when there is none. */
static uint64_t congruent(const struct memory_piece *p, uint64_t gpa, uint64_t page)
{
	uint64_t offset = (gpa - p->base) & (page - 1);

	return offset < p->size ? offset : UINT64_MAX;
}

int memory_take_guest(struct memory *m, uint64_t gpa, uint64_t *bytes)
{
	static const uint64_t pages[] = { PAGE_1G, PAGE_2M, 4096 };
	uint64_t best_size = 0, best_offset = 0;
	int best = -1;

	for (unsigned k = 0; k < 3 && best < 0; k++) {
		/* 1G pages only where a whole one can be used; small ones only when nothing else is left. */
		if (pages[k] > *bytes && pages[k] != 4096)
			continue;
		for (unsigned i = 0; i < m->pieces; i++) {
			uint64_t offset = congruent(&m->piece[i], gpa, pages[k]);
			uint64_t size = offset == UINT64_MAX ? 0 : m->piece[i].size - offset;

			size = size < *bytes ? size : size & ~(pages[k] - 1);
			if (size < pages[k] || (size < *bytes && size <= best_size))
				continue;
			if (size > *bytes)
				size = *bytes;
			/* Among those that hold all of it, the smallest piece. */
			if (best >= 0 && size == best_size && m->piece[i].size >= m->piece[best].size)
				continue;
			best = (int)i;
			best_size = size;
			best_offset = offset;
		}
	}
	if (best < 0)
		return E_NOMEM;
	*bytes = best_size;
	return cut(m, (unsigned)best, best_offset, best_size);
}
