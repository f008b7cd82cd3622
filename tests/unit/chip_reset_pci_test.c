/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/reset_ctl.c guests/pci_cfg.c tests/unit/vdev_fake.c */
/* The reset ports, and PCI configuration mechanism 1 with its host bridge. */
#include "tests/unit/unit.h"

#include "guests/chips.h"
#include "tests/unit/vdev_fake.h"

static struct vdev_fake f;

static void reset_by_cf9(void)
{
	fake_start(&f, &reset_ctl_class, 0);
	fake_out8(&f, 0, 0, 0x02);
	CHECK_EQ(f.requests[VDEV_MACHINE_RESET], 0);
	CHECK_EQ(fake_in8(&f, 0, 0), 0x02);
	fake_out8(&f, 0, 0, 0x06);
	CHECK_EQ(f.requests[VDEV_MACHINE_RESET], 1);
	CHECK_EQ(fake_in8(&f, 0, 0), 0x02);
}

static void port_92(void)
{
	fake_start(&f, &reset_ctl_class, 0);
	CHECK_EQ(fake_in8(&f, 1, 0), 0x02);
	fake_out8(&f, 1, 0, 0x00);
	CHECK_EQ(f.requests[VDEV_MACHINE_A20_OFF], 1);
	fake_out8(&f, 1, 0, 0x02);
	CHECK_EQ(f.requests[VDEV_MACHINE_A20_ON], 2); /* the first was power-on */
	CHECK_EQ(f.requests[VDEV_MACHINE_RESET], 0);
	fake_out8(&f, 1, 0, 0x03);
	CHECK_EQ(f.requests[VDEV_MACHINE_RESET], 1);
	CHECK_EQ(fake_in8(&f, 1, 0), 0x02);
}

static void address(uint32_t a)
{
	fake_write(&f, 0, 0, 4, a);
}

static void mechanism_1_is_found(void)
{
	fake_start(&f, &pci_cfg_class, 0);
	fake_out8(&f, 0, 0, 0x01); /* Linux: a byte write must not change it */
	address(0x80000000);
	CHECK_EQ(fake_read(&f, 0, 0, 4), 0x80000000);
	CHECK_EQ(fake_read(&f, 1, 0, 4), 0x12378086);
	CHECK_EQ(fake_read(&f, 1, 0, 2), 0x8086);
	CHECK_EQ(fake_read(&f, 1, 2, 2), 0x1237);
	address(0x80000008);
	CHECK_EQ(fake_read(&f, 1, 2, 2), 0x0600); /* class: host bridge */
	CHECK_EQ(fake_read(&f, 1, 3, 1), 0x06);
	address(0xffffffff);
	CHECK_EQ(fake_read(&f, 0, 0, 4), 0x80fffffc);
	CHECK_EQ(fake_read(&f, 0, 0, 1), 0xff);
}

static void disabled_and_other_buses(void)
{
	fake_start(&f, &pci_cfg_class, 0);
	address(0x00000000);
	CHECK_EQ(fake_read(&f, 1, 0, 4), 0xffffffff);
	address(0x80010000);
	CHECK_EQ(fake_read(&f, 1, 0, 4), 0xffffffff);
	fake_write(&f, 1, 0, 4, 0);
	CHECK_EQ(f.config_reads, 0);
	CHECK_EQ(f.config_writes, 0);
}

static void other_functions_are_forwarded(void)
{
	fake_start(&f, &pci_cfg_class, 0);
	f.config_value = 0x12345678;
	address(0x8000fb40); /* 00:1f.3 register 0x40 */
	CHECK_EQ(fake_read(&f, 1, 2, 2), 0x5678);
	CHECK_EQ(f.config_devfn, 0xfb);
	CHECK_EQ(f.config_offset, 0x42);
	CHECK_EQ(f.config_bytes, 2);
	fake_write(&f, 1, 3, 1, 0x9a);
	CHECK_EQ(f.config_writes, 1);
	CHECK_EQ(f.config_offset, 0x43);
	CHECK_EQ(f.config_value, 0x9a);
}

static void bridge_registers(void)
{
	fake_start(&f, &pci_cfg_class, 0);
	address(0x80000000);
	fake_write(&f, 1, 0, 4, 0);
	CHECK_EQ(fake_read(&f, 1, 0, 4), 0x12378086); /* read only */
	address(0x80000010);
	fake_write(&f, 1, 0, 4, 0xffffffff);
	CHECK_EQ(fake_read(&f, 1, 0, 4), 0); /* no BAR */
	address(0x80000058);
	fake_write(&f, 1, 0, 4, 0xffffffff);
	CHECK_EQ(fake_read(&f, 1, 0, 4), 0xfffff000); /* PAM */
	fake_reset(&f);
	CHECK_EQ(fake_read(&f, 0, 0, 4), 0);
	address(0x80000058);
	CHECK_EQ(fake_read(&f, 1, 0, 4), 0);
}

int main(void)
{
	RUN(reset_by_cf9);
	RUN(port_92);
	RUN(mechanism_1_is_found);
	RUN(disabled_and_other_buses);
	RUN(other_functions_are_forwarded);
	RUN(bridge_registers);
	return unit_status();
}
