/* SPDX-License-Identifier: GPL-2.0-only */
/* CRC-32, four bytes a step: boot modules are tens of megabytes, and emulators are slow. */
#include "lib/crc32.h"

#include "lib/crc32_table.h"
#include "lib/string.h"

uint32_t crc32_update(uint32_t crc, const void *data, size_t bytes)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (; bytes >= 4; bytes -= 4, p += 4) {
		uint32_t w;

		memcpy(&w, p, sizeof(w));
		w ^= crc;
		crc = crc32_table[3][w & 255] ^ crc32_table[2][w >> 8 & 255] ^
		      crc32_table[1][w >> 16 & 255] ^ crc32_table[0][w >> 24];
	}
	for (; bytes > 0; bytes--, p++)
		crc = crc >> 8 ^ crc32_table[0][(crc ^ *p) & 255];
	return ~crc;
}
