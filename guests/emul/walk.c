/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Linear to guest-physical: page walks in every paging mode, with permissions and accessed and
 * dirty bits. A walk is remembered with the host pointers of its entries and used again only when
 * every entry still reads the same, so that no guest instruction needs to invalidate anything.
 * Protection keys are not looked at.
 */
#include "guests/emul/access.h"
#include "lib/x86/cr.h"
#include "lib/x86/pte.h"
#include "lib/string.h"

/* What decides how tables are walked, and what a walk permits. No two of these bits coincide. */
#define MODE_CR0     (CR0_PG | CR0_WP)
#define MODE_CR4     (CR4_PSE | CR4_PAE | CR4_LA57 | CR4_SMEP | CR4_SMAP)
#define MODE_EFER    (EFER_LMA | EFER_NXE)
#define MODE_RFLAGS  RFLAGS_AC
#define WALK_RETRIES 16

#define ALWAYS_INLINE inline __attribute__((always_inline))

struct format {
	uint8_t levels, width, index_bits, bits; /* bits: physical address bits that entries hold */
};

_Static_assert((MODE_CR0 & MODE_CR4) == 0 && ((MODE_CR0 | MODE_CR4) & MODE_EFER) == 0 &&
		       ((MODE_CR0 | MODE_CR4 | MODE_EFER) & MODE_RFLAGS) == 0,
	       "one word holds them all");

static inline uint64_t walk_mode(const struct emul *e)
{
	const struct vcpu_regs *r = e->regs;

	return (r->cr0 & MODE_CR0) | (r->cr4 & MODE_CR4) | (r->efer & MODE_EFER) |
	       (r->rflags & MODE_RFLAGS);
}

static struct format walk_format(uint64_t mode, unsigned gpa_bits)
{
	uint8_t bits = gpa_bits == 0 || gpa_bits > 52 ? 52 : (uint8_t)gpa_bits;

	if (mode & EFER_LMA)
		return (struct format){ mode & CR4_LA57 ? 5 : 4, 8, 9, bits };
	if (mode & CR4_PAE)
		return (struct format){ 3, 8, 9, bits };
	return (struct format){ 2, 4, 10, bits < 40 ? bits : 40 };
}

static inline uint64_t entry_load(const void *at, unsigned width)
{
	if (width == 8)
		return __atomic_load_n((const uint64_t *)at, __ATOMIC_ACQUIRE);
	return __atomic_load_n((const uint32_t *)at, __ATOMIC_ACQUIRE);
}

/* Sets `set` in an entry that still reads `old`. False: it has changed meanwhile. */
static bool entry_mark(void *at, unsigned width, uint64_t old, uint64_t set)
{
	uint64_t o = old;
	uint32_t o32 = (uint32_t)old;

	if (width == 8)
		return __atomic_compare_exchange_n((uint64_t *)at, &o, old | set, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return __atomic_compare_exchange_n((uint32_t *)at, &o32, o32 | (uint32_t)set, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static int page_fault(struct emul *e, uint64_t linear, unsigned access, uint32_t error)
{
	const struct vcpu_regs *r = e->regs;

	if (access & ACCESS_PEEK)
		return EMUL_FAULT;
	if (access & ACCESS_WRITE)
		error |= PF_WRITE;
	if (access & ACCESS_USER)
		error |= PF_USER;
	/* [SDM3 "Page-Fault Exceptions"]: I/D is told only where the processor can forbid a fetch. */
	if ((access & ACCESS_FETCH) &&
	    ((r->cr4 & CR4_SMEP) || ((r->cr4 & CR4_PAE) && (r->efer & EFER_NXE))))
		error |= PF_FETCH;
	e->fault = (struct emul_fault){ .vector = VECTOR_PF, .has_error = 1, .set_cr2 = 1,
					.error = error, .cr2 = linear };
	return EMUL_FAULT;
}

/* [APM2 "Page-Protection Checks"], [SDM3 "Determination of Access Rights"] */
static inline bool permitted(const struct emul *e, const struct emul_walk *w, unsigned access)
{
	const struct vcpu_regs *r = e->regs;
	bool user = access & ACCESS_USER;

	if (access & ACCESS_PEEK)
		return true;
	if (user && !w->user)
		return false;
	if (access & ACCESS_FETCH) {
		if (w->nx)
			return false;
		return user || !w->user || !(r->cr4 & CR4_SMEP);
	}
	if (!user && w->user && (r->cr4 & CR4_SMAP) &&
	    ((access & ACCESS_IMPLICIT) || !(r->rflags & RFLAGS_AC)))
		return false;
	if ((access & ACCESS_WRITE) && !w->writable)
		return !user && !(r->cr0 & CR0_WP);
	return true;
}

/* Bits that must be 0 in a present entry at `level` (1 maps 4K). */
static uint64_t reserved_bits(const struct format *f, uint64_t mode, unsigned level, bool large)
{
	uint64_t bits;

	if (f->width == 4) { /* PSE-36: bits 13 to 20 hold address bits 32 to 39 */
		if (!large)
			return 0;
		bits = 1ULL << 21;
		for (unsigned b = f->bits < 32 ? 32 : f->bits; b < 40; b++)
			bits |= 1ULL << (b - 32 + 13);
		return bits;
	}
	bits = ((1ULL << 52) - 1) & ~((1ULL << f->bits) - 1);
	if (!(mode & EFER_LMA)) {
		/* [SDM3 "PAE Paging"], less bit 5: QEMU's TCG marks these entries accessed, too */
		if (level == 3)
			return bits | 0xfff00000000001c6;
		bits |= 0x7ff0000000000000;
	}
	if (!(mode & EFER_NXE))
		bits |= PTE_NX;
	if (level >= 4)
		bits |= PTE_PS;
	if (large)
		bits |= ((1ULL << (12 + 9 * (level - 1))) - 1) & ~0x1fffULL;
	return bits;
}

static bool is_leaf(uint64_t mode, unsigned level, uint64_t entry)
{
	if (level == 1)
		return true;
	if (!(entry & PTE_PS))
		return false;
	if (mode & EFER_LMA)
		return level <= 3;
	return level == 2 && (mode & (CR4_PAE | CR4_PSE));
}

/* The 4K page's guest-physical address under leaf `entry`. */
static uint64_t leaf_frame(const struct format *f, unsigned level, uint64_t entry, uint64_t linear)
{
	uint64_t in_page = (1ULL << (12 + f->index_bits * (level - 1))) - 1;
	uint64_t frame = entry & PTE_ADDR & ~in_page;

	if (f->width == 4 && level == 2)
		frame = (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32;
	return frame | (linear & in_page & ~0xfffULL);
}

/* Reads the entry for `level` of the table at `table`. Outside RAM everything reads all-ones. */
static uint64_t entry_read(struct emul *e, struct emul_walk *w, unsigned depth, uint64_t at)
{
	const void *ram = e->ops->ram(e, gpa(at), w->width, false);

	w->entry[depth].at = ram;
	if (ram == NULL)
		w->page = 0; /* not to be remembered */
	return ram != NULL ? entry_load(ram, w->width) : size_mask(w->width);
}

/* Are the PDPTRs in registers? All zero: this processor reads them from memory at each walk. */
static bool pdptrs_known(struct emul *e)
{
	const uint64_t *p = e->regs->pdptr;

	return emul_need(e, REG_PDPTR) && (p[0] | p[1] | p[2] | p[3]) != 0;
}

/* Walks from the root. 0, or the #PF with its error code. Fills in all of *w, whatever comes. */
static int walk_tables(struct emul *e, struct emul_walk *w, uint64_t linear, unsigned access)
{
	struct format f = walk_format(w->mode, e->gpa_bits);
	uint64_t table = w->root & (f.width == 4 ? 0xfffff000 : PTE_ADDR);
	uint64_t entry;
	unsigned level = f.levels, depth = 0;
	bool leaf;

	w->width = f.width;
	w->user = w->writable = 1;
	w->nx = 0;
	w->page = (linear & ~0xfffULL) | 1;
	for (;; level--, depth++) {
		bool pdpte = level == 3 && !(w->mode & EFER_LMA);
		uint64_t index = linear >> (12 + f.index_bits * (level - 1)) &
				 ((1U << f.index_bits) - 1);

		if (pdpte) {
			table = w->root & 0xffffffe0;
			index &= 3;
		}
		if (pdpte && pdptrs_known(e)) {
			entry = e->regs->pdptr[index];
			w->entry[depth].at = NULL; /* compared with the register */
		} else {
			entry = entry_read(e, w, depth, table + index * f.width);
		}
		w->entry[depth].value = entry;
		w->levels = (uint8_t)(depth + 1);
		if (!(entry & PTE_P))
			return page_fault(e, linear, access, 0);
		leaf = is_leaf(w->mode, level, entry);
		if (entry & reserved_bits(&f, w->mode, level, leaf && level > 1))
			return page_fault(e, linear, access, PF_P | PF_RSVD);
		if (!pdpte) {
			w->user &= (entry & PTE_U) != 0;
			w->writable &= (entry & PTE_W) != 0;
		}
		w->nx |= f.width == 8 && (entry & PTE_NX) != 0;
		if (leaf)
			break;
		table = entry & (f.width == 4 ? 0xfffff000 : PTE_ADDR);
	}
	w->frame = leaf_frame(&f, level, entry, linear);
	return EMUL_OK;
}

/* Accessed bits everywhere, dirty in the leaf. EMUL_AGAIN: an entry has changed under us. */
static int walk_mark(struct emul *e, struct emul_walk *w, uint64_t linear, unsigned access)
{
	struct format f = walk_format(w->mode, e->gpa_bits);
	uint64_t table = w->root & (f.width == 4 ? 0xfffff000 : PTE_ADDR);

	for (unsigned d = 0; d < w->levels; d++) {
		unsigned level = f.levels - d;
		bool pdpte = level == 3 && !(w->mode & EFER_LMA);
		uint64_t value = w->entry[d].value, set = PTE_A;
		uint64_t index = linear >> (12 + f.index_bits * (level - 1)) &
				 ((1U << f.index_bits) - 1);
		void *at;

		if (d + 1 == w->levels && (access & ACCESS_WRITE))
			set |= PTE_D;
		if (!pdpte && (value & set) != set) {
			at = e->ops->ram(e, gpa(table + index * f.width), f.width, true);
			if (at != NULL && !entry_mark(at, f.width, value, set))
				return EMUL_AGAIN;
			if (at != NULL)
				w->entry[d].value = value | set;
			else
				w->page = 0; /* tables in ROM: nothing to mark, nothing to keep */
		}
		table = value & (f.width == 4 ? 0xfffff000 : PTE_ADDR);
	}
	return EMUL_OK;
}

static ALWAYS_INLINE bool entry_same(const struct emul_walk *w, unsigned d)
{
	return entry_load(w->entry[d].at, 8) == w->entry[d].value;
}

static bool walk_same_slow(const struct emul *e, const struct emul_walk *w, uint64_t linear)
{
	for (unsigned d = 0; d < w->levels; d++) {
		uint64_t now = w->entry[d].at != NULL ? entry_load(w->entry[d].at, w->width)
						      : e->regs->pdptr[linear >> 30 & 3];

		if (now != w->entry[d].value)
			return false;
	}
	return true;
}

/* Do all entries still read what they did? The order does not matter: a processor may have kept
 * any of them as well. */
static ALWAYS_INLINE bool walk_same(const struct emul *e, const struct emul_walk *w,
				    uint64_t linear)
{
	if (!w->plain || w->levels < 4) /* plain: all are 8 bytes wide and in RAM */
		return walk_same_slow(e, w, linear);
	return entry_same(w, 3) && entry_same(w, 2) && entry_same(w, 1) && entry_same(w, 0) &&
	       (w->levels == 4 || entry_same(w, 4));
}

static int walk_fresh(struct emul *e, struct emul_walk *w, uint64_t linear, unsigned access)
{
	int r = EMUL_AGAIN;

	w->root = e->regs->cr3;
	w->mode = walk_mode(e);
	for (unsigned n = 0; r == EMUL_AGAIN && n < WALK_RETRIES; n++) {
		r = walk_tables(e, w, linear, access);
		if (r == EMUL_OK && !permitted(e, w, access))
			r = page_fault(e, linear, access, PF_P);
		if (r == EMUL_OK && !(access & ACCESS_PEEK))
			r = walk_mark(e, w, linear, access);
	}
	w->plain = w->width == 8;
	for (unsigned d = 0; d < w->levels; d++)
		w->plain &= w->entry[d].at != NULL;
	if (r != EMUL_OK || (access & ACCESS_PEEK))
		w->page = 0;
	return r;
}

/* Code and data have a half each: a loop's code and its device must not push each other out. */
static inline struct emul_walk *walk_slot(struct emul *e, uint64_t linear, unsigned access)
{
	unsigned half = EMUL_CACHE_ENTRIES / 2;

	return &e->walk[(linear >> 12 & (half - 1)) + (access & ACCESS_FETCH ? half : 0)];
}

#define ACCESS_READ_BITS 0x55555555U /* ACCESS_WRITE is bit 0 of what is counted */

static inline uint32_t walk_access_bit(unsigned access)
{
	return 1U << (access & (ACCESS_WRAP - 1));
}

/* May the walk remembered in *w be used for this access? A write is allowed once it has set D. */
static ALWAYS_INLINE bool walk_hit(const struct emul *e, const struct emul_walk *w, uint64_t linear,
				   unsigned access)
{
	return w->page == ((linear & ~0xfffULL) | 1) && w->root == e->regs->cr3 &&
	       w->mode == walk_mode(e) && (w->allowed & walk_access_bit(access)) &&
	       walk_same(e, w, linear);
}

/*
 * A fresh walk, which then serves other kinds of access that have succeeded with the same rights
 * too. Writes only when this is one: a fresh walk for reading does not say that D is set.
 */
static int walk_again(struct emul *e, struct emul_walk *w, uint64_t linear, unsigned access)
{
	struct emul_walk old = *w;
	int r = walk_fresh(e, w, linear, access);

	if (r != EMUL_OK)
		return r;
	w->allowed = walk_access_bit(access);
	w->ram = NULL;
	if (old.page != w->page || old.root != w->root || old.mode != w->mode)
		return EMUL_OK;
	if (old.user == w->user && old.writable == w->writable && old.nx == w->nx)
		w->allowed |= old.allowed & (access & ACCESS_WRITE ? UINT32_MAX : ACCESS_READ_BITS);
	if (old.frame == w->frame)
		w->ram = old.ram;
	return EMUL_OK;
}

int emul_walk(struct emul *e, uint64_t linear, unsigned access, uint64_t *to)
{
	struct emul_walk *w = walk_slot(e, linear, access);
	int r = EMUL_OK;

	if (!(e->regs->cr0 & CR0_PG)) {
		*to = linear & 0xffffffff;
		return EMUL_OK;
	}
	if (!walk_hit(e, w, linear, access))
		r = walk_again(e, w, linear, access);
	*to = w->frame | (linear & 0xfff);
	return r;
}

int emul_walk_ram(struct emul *e, uint64_t linear, unsigned access, const uint8_t **page)
{
	struct emul_walk *w = walk_slot(e, linear, access);

	*page = NULL;
	if (!(e->regs->cr0 & CR0_PG)) {
		*page = e->ops->ram(e, gpa(linear & 0xfffff000), 4096, false);
		return EMUL_OK;
	}
	if (!walk_hit(e, w, linear, access)) {
		int r = walk_again(e, w, linear, access);

		if (r != EMUL_OK)
			return r;
	}
	if (w->ram == NULL)
		w->ram = e->ops->ram(e, gpa(w->frame), 4096, false);
	*page = w->ram;
	return EMUL_OK;
}

void emul_flush(struct emul *e)
{
	for (unsigned n = 0; n < EMUL_CACHE_ENTRIES; n++)
		e->walk[n].page = 0;
}

bool emul_translate(struct emul *e, gva_t linear, gpa_t *to)
{
	return emul_walk(e, linear.raw, ACCESS_PEEK, &to->raw) == EMUL_OK;
}
