/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI configuration mechanism 1 and the host bridge of an i440FX (8086:1237), function 0 of device
 * 0. Accesses to other functions of bus 0 go to the board; there is no other bus.
 * Facts from [PCI "Configuration Mechanism #1"] and [82441FX "PCI Configuration Space"].
 */
#include "guests/chips.h"
#include "guests/pci_config.h"

enum { REGION_ADDRESS, REGION_DATA };

#define ADDRESS_ENABLE 0x80000000u
#define ADDRESS_BITS   0x80fffffcu /* the others read as zero */

struct pci_cfg {
	struct pci_config bridge;
	uint32_t address;
};

static uint64_t pci_cfg_read(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes)
{
	const struct pci_cfg *s = d->state;
	unsigned devfn = s->address >> 8 & 0xff, reg = (s->address & 0xfc) + ((unsigned)offset & 3);

	/* Only a doubleword access reaches the address register. */
	if (region == REGION_ADDRESS)
		return bytes == 4 ? s->address : UINT32_MAX;
	if (!(s->address & ADDRESS_ENABLE) || (s->address >> 16 & 0xff) != 0)
		return UINT32_MAX;
	if (devfn == 0)
		return pci_config_get(&s->bridge, reg, bytes);
	return d->host->config_read(d, devfn, reg, bytes);
}

static void pci_cfg_write(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes,
			  uint64_t value)
{
	struct pci_cfg *s = d->state;
	unsigned devfn = s->address >> 8 & 0xff, reg = (s->address & 0xfc) + ((unsigned)offset & 3);

	if (region == REGION_ADDRESS) {
		if (bytes == 4)
			s->address = (uint32_t)value & ADDRESS_BITS;
		return;
	}
	if (!(s->address & ADDRESS_ENABLE) || (s->address >> 16 & 0xff) != 0)
		return;
	if (devfn == 0)
		pci_config_put(&s->bridge, reg, bytes, (uint32_t)value);
	else
		d->host->config_write(d, devfn, reg, bytes, (uint32_t)value);
}

static void pci_cfg_reset(struct vdev *d)
{
	struct pci_cfg *s = d->state;
	struct pci_config *c = &s->bridge;

	*s = (struct pci_cfg){ 0 };
	pci_config_set(c, 0x00, 4, 0x12378086, 0); /* device, vendor */
	pci_config_set(c, 0x04, 2, 0x0006, 0x0100); /* command: memory, master; SERR# writable */
	pci_config_set(c, 0x06, 2, 0x0280, 0); /* status: fast back-to-back, medium DEVSEL */
	pci_config_set(c, 0x08, 4, 0x06000002, 0); /* host bridge, revision 2 */
	pci_config_set(c, 0x0d, 1, 0x00, 0xf8); /* latency timer */
	pci_config_set(c, 0x2c, 4, 0x11001af4, 0); /* subsystem, as virtual machines have it */
	/* PAM 0 to 6: firmware shadows itself by them; they are kept and move nothing here. */
	pci_config_set(c, 0x59, 1, 0x00, 0xf0);
	for (unsigned reg = 0x5a; reg <= 0x5f; reg++)
		pci_config_set(c, reg, 1, 0x00, 0xff);
	pci_config_set(c, 0x72, 1, 0x02, 0x7f); /* SMRAM control */
}

const struct vdev_class pci_cfg_class = {
	.name = "82441FX",
	.state_bytes = sizeof(struct pci_cfg),
	.version = 1,
	.reset = pci_cfg_reset,
	.read = pci_cfg_read,
	.write = pci_cfg_write,
};
