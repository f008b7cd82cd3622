/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From an address to a device: the sorted claim tables, the last-hit cache, and the splitting of
 * accesses that are wider than a device, unaligned, or reach over its end. Decodes no instructions.
 */
#include "guests/board.h"
#include "guests/board_internal.h"
#include "kernel/abi/status.h"

static uint64_t value_mask(unsigned bytes)
{
	return bytes >= 8 ? UINT64_MAX : (1ULL << (8 * bytes)) - 1;
}

/* Can the device take this access in one piece? */
static inline bool range_takes(const struct board_range *r, uint64_t address, unsigned bytes)
{
	return bytes <= r->width && (address & (bytes - 1)) == 0 &&
	       (r->whole || r->last - address >= bytes - 1);
}

/*
 * The claim of the last hit when it covers the whole access, or NULL. Guests poll, so this is the
 * common case: it is a handful of instructions, inlined. Requires a power of two of bytes.
 */
static inline const struct board_range *space_again(const struct board_space *s, uint64_t address,
						    unsigned bytes)
{
	const struct board_range *r = &s->range[s->last];

	if (address - r->first > r->last - r->first || !range_takes(r, address, bytes))
		return NULL;
	return s->count ? r : NULL;
}

static inline bool is_access_size(unsigned bytes, unsigned largest)
{
	return bytes != 0 && (bytes & (bytes - 1)) == 0 && bytes <= largest;
}

/* The claim that covers `address`, or NULL. */
static const struct board_range *space_find(struct board_space *s, uint64_t address)
{
	unsigned low = 0, high = s->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		const struct board_range *r = &s->range[middle];

		if (address < r->first) {
			high = middle;
		} else if (address > r->last) {
			low = middle + 1;
		} else {
			s->last = middle;
			return r;
		}
	}
	return NULL;
}

static inline uint64_t range_read(struct board *b, const struct board_range *r, uint64_t address,
				  unsigned bytes)
{
	struct vdev *d = &b->device[r->device];

	return d->class->read(d, r->region, address - r->first + r->offset, bytes) &
	       value_mask(bytes);
}

static inline void range_write(struct board *b, const struct board_range *r, uint64_t address,
			       unsigned bytes, uint64_t value)
{
	struct vdev *d = &b->device[r->device];

	d->class->write(d, r->region, address - r->first + r->offset, bytes,
			value & value_mask(bytes));
}

/* The size of the first piece when an access has to be split: the largest power of two below it. */
static unsigned first_piece(unsigned bytes)
{
	return bytes > 4 ? 4 : bytes > 2 ? 2 : 1;
}

static bool space_read(struct board *b, struct board_space *s, uint64_t address, unsigned bytes,
		       uint64_t *value)
{
	const struct board_range *r = space_find(s, address);
	uint64_t low, high;
	unsigned piece;
	bool any;

	if (r && is_access_size(bytes, 8) && range_takes(r, address, bytes)) {
		*value = range_read(b, r, address, bytes);
		return true;
	}
	if (bytes == 1) {
		*value = 0xff;
		return false;
	}
	piece = first_piece(bytes);
	any = space_read(b, s, address, piece, &low);
	any |= space_read(b, s, address + piece, bytes - piece, &high);
	*value = low | high << (8 * piece);
	return any;
}

static bool space_write(struct board *b, struct board_space *s, uint64_t address, unsigned bytes,
			uint64_t value)
{
	const struct board_range *r = space_find(s, address);
	unsigned piece;
	bool any;

	if (r && is_access_size(bytes, 8) && range_takes(r, address, bytes)) {
		range_write(b, r, address, bytes, value);
		return true;
	}
	if (bytes == 1)
		return false;
	piece = first_piece(bytes);
	any = space_write(b, s, address, piece, value);
	any |= space_write(b, s, address + piece, bytes - piece, value >> (8 * piece));
	return any;
}

uint32_t board_port_read(struct board *b, uint16_t port, unsigned bytes)
{
	const struct board_range *r;
	uint64_t value;

	if (!is_access_size(bytes, 4))
		return UINT32_MAX;
	r = space_again(&b->ports, port, bytes);
	if (r)
		return (uint32_t)range_read(b, r, port, bytes);
	if (!space_read(b, &b->ports, port, bytes, &value)) {
		b->state.lost_reads++;
		b->state.lost_port = port;
	}
	return (uint32_t)value;
}

void board_port_write(struct board *b, uint16_t port, unsigned bytes, uint32_t value)
{
	const struct board_range *r;

	if (!is_access_size(bytes, 4))
		return;
	r = space_again(&b->ports, port, bytes);
	if (r) {
		range_write(b, r, port, bytes, value);
	} else if (!space_write(b, &b->ports, port, bytes, value)) {
		b->state.lost_writes++;
		b->state.lost_port = port;
	}
}

bool board_mmio_read(struct board *b, uint64_t address, unsigned bytes, uint64_t *value)
{
	const struct board_range *r;

	*value = UINT64_MAX;
	if (bytes < 1 || bytes > 8)
		return false;
	r = is_access_size(bytes, 8) ? space_again(&b->mmio, address, bytes) : NULL;
	if (!r)
		return space_read(b, &b->mmio, address, bytes, value);
	*value = range_read(b, r, address, bytes);
	return true;
}

bool board_mmio_write(struct board *b, uint64_t address, unsigned bytes, uint64_t value)
{
	const struct board_range *r;

	if (bytes < 1 || bytes > 8)
		return false;
	r = is_access_size(bytes, 8) ? space_again(&b->mmio, address, bytes) : NULL;
	if (!r)
		return space_write(b, &b->mmio, address, bytes, value);
	range_write(b, r, address, bytes, value);
	return true;
}

int space_claim(struct board_space *s, const struct board_range *claim)
{
	unsigned at = 0;

	if (claim->last < claim->first)
		return E_INVAL;
	if (s->count == BOARD_RANGES)
		return E_NOMEM;
	while (at < s->count && s->range[at].last < claim->first)
		at++;
	if (at < s->count && s->range[at].first <= claim->last)
		return E_EXIST;
	for (unsigned i = s->count; i > at; i--)
		s->range[i] = s->range[i - 1];
	s->range[at] = *claim;
	s->count++;
	return 0;
}

int board_claim_ports(struct board *b, unsigned device, unsigned region, uint16_t first,
		      unsigned count, unsigned width)
{
	struct board_range claim = { .first = first,
				     .last = (uint64_t)first + count - 1,
				     .device = (uint8_t)device,
				     .region = (uint8_t)region,
				     .width = (uint8_t)width,
				     .whole = width > count };

	if (device >= b->devices || count == 0 || claim.last > 0xffff)
		return E_INVAL;
	return space_claim(&b->ports, &claim);
}

int board_claim_mmio(struct board *b, unsigned device, unsigned region, uint64_t first,
		     uint64_t bytes, unsigned width)
{
	struct board_range claim = { .first = first,
				     .last = first + bytes - 1,
				     .device = (uint8_t)device,
				     .region = (uint8_t)region,
				     .width = (uint8_t)width,
				     .whole = width > bytes };

	if (device >= b->devices || bytes == 0)
		return E_INVAL;
	return space_claim(&b->mmio, &claim);
}
