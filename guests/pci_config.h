/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI function's configuration space: 256 bytes of registers and, for each, which bits a guest
 * can write. What a write means beyond being stored is the function's business.
 */
#pragma once

#include <stdint.h>

#define PCI_CONFIG_BYTES 256

struct pci_config {
	uint8_t byte[PCI_CONFIG_BYTES];
	uint8_t writable[PCI_CONFIG_BYTES];
};

static inline void pci_config_set(struct pci_config *c, unsigned offset, unsigned bytes,
				  uint32_t value, uint32_t writable)
{
	for (unsigned i = 0; i < bytes && offset + i < PCI_CONFIG_BYTES; i++) {
		c->byte[offset + i] = (uint8_t)(value >> (8 * i));
		c->writable[offset + i] = (uint8_t)(writable >> (8 * i));
	}
}

/* bytes: 1, 2 or 4. Beyond the end: all-ones. */
static inline uint32_t pci_config_get(const struct pci_config *c, unsigned offset, unsigned bytes)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < bytes && i < 4; i++) {
		uint8_t byte = offset + i < PCI_CONFIG_BYTES ? c->byte[offset + i] : 0xff;

		value |= (uint32_t)byte << (8 * i);
	}
	return value;
}

static inline void pci_config_put(struct pci_config *c, unsigned offset, unsigned bytes,
				  uint32_t value)
{
	for (unsigned i = 0; i < bytes && i < 4 && offset + i < PCI_CONFIG_BYTES; i++) {
		uint8_t mask = c->writable[offset + i], byte = (uint8_t)(value >> (8 * i));

		c->byte[offset + i] = (uint8_t)((c->byte[offset + i] & ~mask) | (byte & mask));
	}
}
