/* SPDX-License-Identifier: GPL-2.0-only */
/* Walks every bus, slot and function once. Ring 3 has PCI from then on. */

#include "arch/pci.h"
#include "arch/cpu.h"

enum { PCI_ADDRESS = 0xcf8, PCI_DATA = 0xcfc, REG_COMMAND = 0x04, REG_HEADER = 0x0c };
enum { COMMAND_MASTER = 4, HEADER_MULTI = 0x800000, HEADER_TYPE = 0x7f0000 };

static uint32_t config_read(uint32_t function, uint32_t reg)
{
	outl(PCI_ADDRESS, 0x80000000 | function << 8 | reg);
	return inl(PCI_DATA);
}

static bool stop(uint32_t function)
{
	uint32_t command = config_read(function, REG_COMMAND);

	/* A bridge's bit lets others through: with all of them stopped there is nobody to let. */
	if (!(command & COMMAND_MASTER) || config_read(function, REG_HEADER) & HEADER_TYPE)
		return false;
	outl(PCI_ADDRESS, 0x80000000 | function << 8 | REG_COMMAND);
	outw(PCI_DATA, (uint16_t)(command & ~(uint32_t)COMMAND_MASTER));
	return true;
}

unsigned pci_stop_bus_masters(void)
{
	unsigned stopped = 0;

	for (uint32_t slot = 0; slot < 256 * 32; slot++) {
		if (config_read(slot << 3, 0) == 0xffffffff)
			continue;
		uint32_t functions = config_read(slot << 3, REG_HEADER) & HEADER_MULTI ? 8 : 1;

		for (uint32_t f = 0; f < functions; f++)
			if (config_read(slot << 3 | f, 0) != 0xffffffff)
				stopped += stop(slot << 3 | f);
	}
	return stopped;
}
