/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's firmware configuration device: numbered items of bytes behind a selector and a data port, and
 * the DMA interface. The items are put in before the first reset (fw_cfg_add); all of them are read
 * only, and small: kernel and initrd are in memory when a guest starts. [QEMU "Firmware Configuration
 * (fw_cfg) Device"]
 */
#include "guests/chips.h"
#include "kernel/abi/status.h"
#include "lib/string.h"

enum { REGION_PORTS, REGION_DMA };
enum { ITEMS = 32, STORE = 4096, NAME_MAX = 56, ENTRY = 64, KEY_MASK = 0xbfff /* not the write bit */ };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16, PIECE = 256 };

#define DMA_BYTES_MAX 0x10000 /* more in one go is an error: a budget */

struct fw_cfg_item {
	uint16_t key, at, bytes; /* at: in store */
};

struct fw_cfg {
	uint16_t selector, items, used;
	uint32_t offset; /* of the next byte in the selected item */
	uint32_t dma_high;
	struct fw_cfg_item item[ITEMS];
	uint8_t store[STORE];
};

static const struct fw_cfg_item *item_find(const struct fw_cfg *s, uint16_t key)
{
	for (unsigned i = 0; i < s->items; i++) {
		if (s->item[i].key == (key & KEY_MASK))
			return &s->item[i];
	}
	return NULL;
}

/* The next byte of the selected item; zeros after its end. */
static uint8_t item_next(struct fw_cfg *s)
{
	const struct fw_cfg_item *i = item_find(s, s->selector);

	if (!i || s->offset >= i->bytes)
		return 0;
	return s->store[i->at + s->offset++];
}

static void item_select(struct fw_cfg *s, uint16_t key)
{
	s->selector = key;
	s->offset = 0;
}

static uint64_t from_big(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

static void to_big(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

/* Copies `bytes` bytes of the selected item to guest memory. */
static int dma_read(struct vdev *d, uint64_t to, uint32_t bytes)
{
	struct fw_cfg *s = d->state;
	uint8_t piece[PIECE];

	while (bytes != 0) {
		uint32_t n = bytes < PIECE ? bytes : PIECE;

		for (uint32_t i = 0; i < n; i++)
			piece[i] = item_next(s);
		if (d->host->mem_write(d, gpa(to), piece, n) != 0)
			return E_RANGE;
		to += n;
		bytes -= n;
	}
	return 0;
}

/* One operation, described in guest memory at `at`: control, length, address, big-endian. */
static void dma_run(struct vdev *d, uint64_t at)
{
	struct fw_cfg *s = d->state;
	const struct fw_cfg_item *item;
	uint8_t access[16], answer[4];
	uint32_t control, bytes;
	int status = 0;

	if (d->host->mem_read(d, gpa(at), access, sizeof(access)) != 0)
		return; /* nowhere to tell */
	control = (uint32_t)from_big(access, 4);
	bytes = (uint32_t)from_big(access + 4, 4);
	if (control & DMA_SELECT)
		item_select(s, (uint16_t)(control >> 16));
	if (control & DMA_READ) {
		status = bytes > DMA_BYTES_MAX ? E_RANGE : dma_read(d, from_big(access + 8, 8), bytes);
	} else if (control & DMA_WRITE) {
		status = E_PERM;
	} else if (control & DMA_SKIP) {
		item = item_find(s, s->selector);
		if (item)
			s->offset = bytes < item->bytes - s->offset ? s->offset + bytes : item->bytes;
	}
	to_big(answer, status ? DMA_ERROR : 0, 4);
	d->host->mem_write(d, gpa(at), answer, sizeof(answer));
}

static uint64_t fw_cfg_read(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes)
{
	static const uint8_t signature[8] = { 'Q', 'E', 'M', 'U', ' ', 'C', 'F', 'G' };
	uint64_t value = 0;

	if (region == REGION_PORTS)
		return bytes == 1 ? item_next(d->state) : UINT64_MAX;
	for (unsigned i = 0; i < bytes && offset + i < sizeof(signature); i++)
		value |= (uint64_t)signature[offset + i] << (8 * i);
	return value;
}

static void fw_cfg_write(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes,
			 uint64_t value)
{
	struct fw_cfg *s = d->state;
	uint8_t half[4];
	uint64_t high = s->dma_high;

	if (region == REGION_PORTS && bytes == 2)
		item_select(s, (uint16_t)value);
	if (region == REGION_PORTS || bytes != 4)
		return; /* items are read only */
	memcpy(half, &value, 4);
	if (offset == 0) {
		s->dma_high = (uint32_t)from_big(half, 4);
		return;
	}
	s->dma_high = 0;
	dma_run(d, high << 32 | from_big(half, 4));
}

static void fw_cfg_reset(struct vdev *d)
{
	struct fw_cfg *s = d->state;

	s->selector = 0;
	s->offset = 0;
	s->dma_high = 0;
}

const struct vdev_class fw_cfg_class = {
	.name = "fw_cfg",
	.state_bytes = sizeof(struct fw_cfg),
	.version = 1,
	.reset = fw_cfg_reset,
	.read = fw_cfg_read,
	.write = fw_cfg_write,
};

int fw_cfg_add(struct vdev *d, uint16_t key, const void *data, size_t bytes)
{
	struct fw_cfg *s = d->state;

	if (key & ~KEY_MASK || item_find(s, key))
		return E_INVAL;
	if (s->items == ITEMS || bytes > (size_t)STORE - s->used)
		return E_NOMEM;
	s->item[s->items++] = (struct fw_cfg_item){ key, s->used, (uint16_t)bytes };
	memcpy(s->store + s->used, data, bytes);
	s->used = (uint16_t)(s->used + bytes);
	return 0;
}

/* The directory is an item that grows: it has to be the last one in the store, so it is moved there. */
static int directory_add(struct fw_cfg *s, const char *name, uint16_t key, uint32_t bytes)
{
	struct fw_cfg_item *dir = NULL;
	uint8_t entry[ENTRY] = { 0 };
	uint16_t old;

	for (unsigned i = 0; i < s->items; i++)
		dir = s->item[i].key == FW_CFG_FILE_DIR ? &s->item[i] : dir;
	if (!dir || dir->bytes + ENTRY > STORE - s->used)
		return E_NOMEM;
	old = dir->at;
	dir->at = s->used;
	memcpy(s->store + dir->at, s->store + old, dir->bytes);
	to_big(entry, bytes, 4);
	to_big(entry + 4, key, 2);
	memcpy(entry + 8, name, strlen(name));
	memcpy(s->store + dir->at + dir->bytes, entry, ENTRY);
	dir->bytes = (uint16_t)(dir->bytes + ENTRY);
	to_big(s->store + dir->at, (dir->bytes - 4u) / ENTRY, 4);
	s->used = (uint16_t)(s->used + dir->bytes);
	return 0;
}

int fw_cfg_add_file(struct vdev *d, const char *name, const void *data, size_t bytes)
{
	static const uint8_t nothing[4];
	struct fw_cfg *s = d->state;
	uint16_t key = FW_CFG_FILE_FIRST;
	int status = 0;

	if (strlen(name) >= NAME_MAX)
		return E_INVAL;
	if (!item_find(s, FW_CFG_FILE_DIR))
		status = fw_cfg_add(d, FW_CFG_FILE_DIR, nothing, sizeof(nothing));
	while (item_find(s, key))
		key++;
	if (status == 0)
		status = fw_cfg_add(d, key, data, bytes);
	return status ? status : directory_add(s, name, key, (uint32_t)bytes);
}
