/* SPDX-License-Identifier: GPL-2.0-only */
/* CRC-32 as in IEEE 802.3, gzip and cksum's zip variant (polynomial 0xedb88320, reflected). */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Continues crc (0 at the start) over bytes; feed a file in pieces of any size. */
uint32_t crc32_update(uint32_t crc, const void *data, size_t bytes);
