/* SPDX-License-Identifier: GPL-2.0-only */
/* Page tables by a format. Does not flush translations: who unmaps does that. */
#include "kernel/npt.h"

#include "kernel/abi/status.h"
#include "lib/x86/pte.h"

#define ENTRIES 512U

static uint64_t level_size(unsigned level) { return 1ULL << (12 + 9 * (level - 1)); }
static unsigned level_index(uint64_t at, unsigned level) { return (unsigned)(at >> (12 + 9 * (level - 1))) & (ENTRIES - 1); }

static bool is_present(const struct npt *n, uint64_t e) { return (e & n->format->present_mask) != 0; }
static bool is_leaf(const struct npt *n, uint64_t e, unsigned level)
{
	return level == 1 || (e & n->format->large) != 0;
}
static uint64_t *table_of(const struct npt *n, uint64_t e)
{
	return n->memory->va(hpa(e & n->format->address_mask));
}

int npt_init(struct npt *n, const struct npt_format *format, const struct npt_memory *memory,
	     struct space *payer, unsigned page_levels)
{
	*n = (struct npt){ .format = format, .memory = memory, .payer = payer, .page_levels = page_levels };
	n->root = memory->page(payer);
	if (n->root == NULL)
		return E_NOMEM;
	n->pages = 1;
	return 0;
}

static void free_table(struct npt *n, uint64_t *table, unsigned level, unsigned entries)
{
	for (unsigned i = 0; level > 1 && i < entries; i++)
		if (is_present(n, table[i]) && !is_leaf(n, table[i], level))
			free_table(n, table_of(n, table[i]), level - 1, ENTRIES);
	n->memory->page_free(n->payer, table);
	n->pages--;
}

void npt_free(struct npt *n, unsigned entries)
{
	free_table(n, n->root, n->format->levels, entries);
}

void npt_fini(struct npt *n)
{
	if (n->root != NULL)
		npt_free(n, ENTRIES);
	n->root = NULL;
	for (unsigned i = 0; i < 4; i++)
		n->leaf[i] = 0;
}

int npt_table(struct npt *n, uint64_t at, unsigned level, uint64_t **out)
{
	uint64_t *table = n->root;

	for (unsigned l = n->format->levels; l > level; l--) {
		uint64_t *e = &table[level_index(at, l)];

		if (!is_present(n, *e)) {
			void *page = n->memory->page(n->payer);

			if (page == NULL)
				return E_NOMEM;
			n->pages++;
			*e = n->memory->hpa(page).raw | n->format->table_bits;
		} else if (is_leaf(n, *e, l)) {
			return E_EXIST;
		}
		table = table_of(n, *e);
	}
	*out = table;
	return 0;
}

/* The largest page that fits at this place. */
static unsigned fit(const struct npt *n, uint64_t at, uint64_t to, uint64_t size)
{
	for (unsigned level = n->page_levels; level > 1; level--)
		if (((at | to) & (level_size(level) - 1)) == 0 && size >= level_size(level))
			return level;
	return 1;
}

/* More small pages after *done of them, while the table that e is in has free entries: a file has thousands. */
static void map_run(struct npt *n, uint64_t *e, unsigned index, uint64_t to, uint64_t size, uint64_t bits, uint64_t *done)
{
	for (; *done < size && ++index < ENTRIES && !is_present(n, *++e); *done += level_size(1)) {
		*e = (to + *done) | bits;
		n->leaf[1]++;
	}
}

/* Pages of the largest size that fits and where no table is in the way already. */
static int map_one(struct npt *n, uint64_t at, uint64_t to, uint64_t size, uint64_t bits, uint64_t *done)
{
	unsigned level = fit(n, at, to, size);

	for (;; level--) {
		uint64_t *table, *e;
		int status = npt_table(n, at, level, &table);

		if (status != 0)
			return status;
		e = &table[level_index(at, level)];
		if (!is_present(n, *e)) {
			*e = to | bits | (level == 1 ? 0 : n->format->large | (bits & PTE_PAT ? PTE_PAT_LARGE : 0));
			if (n->large_nx && level > 1)
				*e = (*e & ~n->format->execute) | n->format->no_execute;
			n->leaf[level]++;
			*done = level_size(level);
			if (level == 1)
				map_run(n, e, level_index(at, 1), to, size, bits, done);
			return 0;
		}
		if (is_leaf(n, *e, level))
			return E_EXIST;
		/* A table from an earlier, smaller mapping: fill it with smaller pages. */
	}
}

int npt_map_bits(struct npt *n, uint64_t at, uint64_t to, uint64_t size, uint64_t bits)
{
	for (uint64_t done = 0, step; done < size; done += step) {
		int status = map_one(n, at + done, to + done, size - done, bits, &step);

		if (status != 0) {
			(void)npt_unmap(n, gpa(at), done);
			return status;
		}
	}
	return 0;
}

int npt_map(struct npt *n, gpa_t at, hpa_t to, uint64_t size, unsigned prot)
{
	const struct npt_format *f = n->format;
	uint64_t limit = 1ULL << (12 + 9 * f->levels);

	if (((at.raw | to.raw | size) & 0xfff) != 0 || size == 0)
		return E_INVAL;
	if (at.raw >= limit || size > limit - at.raw ||
	    ((to.raw | (to.raw + size - 1)) & ~(f->address_mask | 0xfff)) != 0)
		return E_RANGE;
	return npt_map_bits(n, at.raw, to.raw, size,
			    f->read | f->memtype_wb | ((prot & NPT_WRITE) != 0 ? f->write : 0) |
				    ((prot & NPT_EXECUTE) != 0 ? f->execute : f->no_execute));
}

/* The table is whole before it takes the leaf's place. */
static int split(struct npt *n, uint64_t *e, unsigned level)
{
	const struct npt_format *f = n->format;
	uint64_t leaf = *e, *table = n->memory->page(n->payer);

	if (table == NULL)
		return E_NOMEM;
	if (level == 2)
		leaf = (leaf & ~(f->large | f->no_execute)) | f->execute;
	for (unsigned i = 0; i < ENTRIES; i++)
		table[i] = leaf + i * level_size(level - 1);
	n->pages++;
	n->leaf[level]--;
	n->leaf[level - 1] += ENTRIES;
	__atomic_store_n(e, n->memory->hpa(table).raw | f->table_bits, __ATOMIC_RELEASE);
	return 0;
}

int npt_execute(struct npt *n, gpa_t at)
{
	uint64_t *table = n->root;

	if (at.raw >> (12 + 9 * n->format->levels) != 0)
		return E_RANGE;
	for (unsigned level = n->format->levels;; level--) {
		uint64_t *e = &table[level_index(at.raw, level)];
		int status = 0;

		if (!is_present(n, *e))
			return E_RANGE;
		if (level == 1)
			return (*e & (n->format->execute | n->format->no_execute)) == n->format->execute ? 0 : E_RANGE;
		if (is_leaf(n, *e, level))
			status = split(n, e, level);
		if (status != 0)
			return status;
		table = table_of(n, *e);
	}
}

int npt_unmap(struct npt *n, gpa_t at, uint64_t size)
{
	uint64_t done = 0;

	while (done < size) {
		uint64_t *table = n->root, *e;
		unsigned level = n->format->levels;

		for (;; level--) {
			e = &table[level_index(at.raw + done, level)];
			if (!is_present(n, *e) || is_leaf(n, *e, level))
				break;
			table = table_of(n, *e);
		}
		if (is_present(n, *e)) {
			if (((at.raw + done) & (level_size(level) - 1)) != 0 || size - done < level_size(level))
				return E_RANGE;
			*e = 0;
			n->leaf[level]--;
			/* The rest of a table of small pages, in one go. */
			for (uint64_t next = at.raw + done + level_size(1);
			     level == 1 && done + level_size(1) < size && level_index(next, 1) != 0 && is_present(n, *++e);
			     next += level_size(1)) {
				*e = 0;
				n->leaf[1]--;
				done += level_size(1);
			}
		}
		done = ((at.raw + done) | (level_size(level) - 1)) + 1 - at.raw;
	}
	return 0;
}
