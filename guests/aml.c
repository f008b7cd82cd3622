/* SPDX-License-Identifier: GPL-2.0-only */
/* The AML writer: see aml.h. Block lengths are always three bytes long, which the grammar allows. */
#include "guests/aml.h"

enum {
	OP_ZERO = 0x00,
	OP_ONE = 0x01,
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_STRING = 0x0d,
	OP_QWORD = 0x0e,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12,
	OP_VAR_PACKAGE = 0x13,
	OP_METHOD = 0x14,
	OP_EXTENDED = 0x5b,
	OP_DEVICE = 0x82,
	OP_IF = 0xa0,
};
enum { LENGTH_BYTES = 3 };

void aml_u8(struct aml *a, uint8_t value)
{
	if (a->at < a->bytes)
		a->to[a->at++] = value;
	else
		a->full = true;
}

void aml_u16(struct aml *a, uint16_t value)
{
	aml_u8(a, (uint8_t)value);
	aml_u8(a, (uint8_t)(value >> 8));
}

void aml_u32(struct aml *a, uint32_t value)
{
	aml_u16(a, (uint16_t)value);
	aml_u16(a, (uint16_t)(value >> 16));
}

void aml_u64(struct aml *a, uint64_t value)
{
	aml_u32(a, (uint32_t)value);
	aml_u32(a, (uint32_t)(value >> 32));
}

void aml_put(struct aml *a, const void *from, size_t bytes)
{
	const uint8_t *byte = from;

	for (size_t i = 0; i < bytes; i++)
		aml_u8(a, byte[i]);
}

void aml_align(struct aml *a, size_t alignment)
{
	while ((a->at & (alignment - 1)) && !a->full)
		aml_u8(a, 0);
}

void aml_patch(struct aml *a, size_t at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++) {
		if (at + i < a->at)
			a->to[at + i] = (uint8_t)(value >> (8 * i));
	}
}

void aml_name(struct aml *a, const char *name)
{
	unsigned n = 0;

	if (*name == '\\')
		aml_u8(a, (uint8_t)*name++);
	for (; n < 4 && name[n]; n++)
		aml_u8(a, (uint8_t)name[n]);
	for (; n < 4; n++)
		aml_u8(a, '_');
}

void aml_integer(struct aml *a, uint64_t value)
{
	if (value <= 1) {
		aml_u8(a, value ? OP_ONE : OP_ZERO);
	} else if (value <= 0xff) {
		aml_u8(a, OP_BYTE);
		aml_u8(a, (uint8_t)value);
	} else if (value <= 0xffff) {
		aml_u8(a, OP_WORD);
		aml_u16(a, (uint16_t)value);
	} else if (value <= 0xffffffff) {
		aml_u8(a, OP_DWORD);
		aml_u32(a, (uint32_t)value);
	} else {
		aml_u8(a, OP_QWORD);
		aml_u64(a, value);
	}
}

void aml_string(struct aml *a, const char *text)
{
	aml_u8(a, OP_STRING);
	while (*text)
		aml_u8(a, (uint8_t)*text++);
	aml_u8(a, 0);
}

static unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A' + 10);
}

void aml_eisa_id(struct aml *a, const char *id)
{
	unsigned maker =
		(unsigned)(id[0] & 31) << 10 | (unsigned)(id[1] & 31) << 5 | (unsigned)(id[2] & 31);

	/* Stored big-endian: maker in five-bit letters, then four hexadecimal digits. */
	aml_u8(a, OP_DWORD);
	aml_u8(a, (uint8_t)(maker >> 8));
	aml_u8(a, (uint8_t)maker);
	aml_u8(a, (uint8_t)(hex_digit(id[3]) << 4 | hex_digit(id[4])));
	aml_u8(a, (uint8_t)(hex_digit(id[5]) << 4 | hex_digit(id[6])));
}

void aml_name_op(struct aml *a, const char *name)
{
	aml_u8(a, OP_NAME);
	aml_name(a, name);
}

static size_t aml_open(struct aml *a)
{
	size_t at = a->at;

	for (unsigned i = 0; i < LENGTH_BYTES; i++)
		aml_u8(a, 0);
	return at;
}

void aml_close(struct aml *a, size_t block)
{
	size_t length = a->at - block;

	if (length >= 1 << 20)
		a->full = true;
	aml_patch(a, block, 2 << 6 | (length & 15), 1); /* two more bytes; the low four bits */
	aml_patch(a, block + 1, length >> 4, 2);
}

size_t aml_scope(struct aml *a, const char *name)
{
	size_t block;

	aml_u8(a, OP_SCOPE);
	block = aml_open(a);
	aml_name(a, name);
	return block;
}

size_t aml_device(struct aml *a, const char *name)
{
	size_t block;

	aml_u8(a, OP_EXTENDED);
	aml_u8(a, OP_DEVICE);
	block = aml_open(a);
	aml_name(a, name);
	return block;
}

size_t aml_method(struct aml *a, const char *name, unsigned arguments)
{
	size_t block;

	aml_u8(a, OP_METHOD);
	block = aml_open(a);
	aml_name(a, name);
	aml_u8(a, arguments & 7);
	return block;
}

size_t aml_package(struct aml *a, unsigned elements)
{
	size_t block;

	aml_u8(a, elements <= 0xff ? OP_PACKAGE : OP_VAR_PACKAGE);
	block = aml_open(a);
	if (elements <= 0xff)
		aml_u8(a, (uint8_t)elements);
	else
		aml_integer(a, elements);
	return block;
}

size_t aml_if(struct aml *a)
{
	aml_u8(a, OP_IF);
	return aml_open(a);
}

struct aml_resources aml_resources(struct aml *a)
{
	struct aml_resources r;

	aml_u8(a, OP_BUFFER);
	r.block = aml_open(a);
	aml_u8(a, OP_WORD);
	r.size = a->at;
	aml_u16(a, 0);
	r.start = a->at;
	return r;
}

void aml_resources_end(struct aml *a, const struct aml_resources *r)
{
	aml_u8(a, 0x79); /* end tag; a checksum of zero says "do not check" */
	aml_u8(a, 0);
	if (a->at - r->start > 0xffff)
		a->full = true;
	aml_patch(a, r->size, a->at - r->start, 2);
	aml_close(a, r->block);
}

void aml_io(struct aml *a, uint16_t port, uint8_t count)
{
	aml_u8(a, 0x47);
	aml_u8(a, 1); /* decodes 16 address bits */
	aml_u16(a, port);
	aml_u16(a, port);
	aml_u8(a, 1); /* alignment */
	aml_u8(a, count);
}

void aml_irq(struct aml *a, unsigned irq)
{
	aml_u8(a, 0x22); /* without flags */
	aml_u16(a, (uint16_t)(1u << (irq & 15)));
}

/* Flags of an address window: producer, positive decode, minimum and maximum fixed. */
enum { WINDOW_FIXED = 0x0c, WINDOW_ENTIRE_RANGE = 0x03, WINDOW_READ_WRITE = 0x01 };

static void aml_window(struct aml *a, uint8_t tag, uint16_t length, enum aml_space kind)
{
	static const uint8_t specific[] = { WINDOW_READ_WRITE, WINDOW_ENTIRE_RANGE, 0 };

	aml_u8(a, tag);
	aml_u16(a, length);
	aml_u8(a, (uint8_t)kind);
	aml_u8(a, WINDOW_FIXED);
	aml_u8(a, specific[kind]);
}

void aml_word_window(struct aml *a, enum aml_space kind, uint16_t first, uint16_t last)
{
	aml_window(a, 0x88, 13, kind);
	aml_u16(a, 0); /* granularity */
	aml_u16(a, first);
	aml_u16(a, last);
	aml_u16(a, 0); /* translation */
	aml_u16(a, (uint16_t)(last - first + 1));
}

void aml_dword_window(struct aml *a, enum aml_space kind, uint32_t first, uint32_t last)
{
	aml_window(a, 0x87, 23, kind);
	aml_u32(a, 0);
	aml_u32(a, first);
	aml_u32(a, last);
	aml_u32(a, 0);
	aml_u32(a, last - first + 1);
}
