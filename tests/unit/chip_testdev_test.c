/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/testdev.c guests/fw_cfg.c tests/unit/vdev_fake.c */
/* QEMU's test devices and its firmware configuration device. */
#include "tests/unit/unit.h"

#include "guests/chips.h"
#include "kernel/abi/status.h"
#include "tests/unit/vdev_fake.h"

static struct vdev_fake f;

static void debug_exit(void)
{
	fake_start(&f, &testdev_class, 0);
	CHECK_EQ(fake_read(&f, 0, 0, 4), 0);
	CHECK_EQ(f.exits, 0);
	fake_write(&f, 0, 0, 4, 0x10);
	CHECK_EQ(f.exits, 1);
	CHECK_EQ(f.exit_status, 0x21);
	fake_write(&f, 0, 0, 1, 0); /* once is enough */
	CHECK_EQ(f.exits, 1);
	fake_start(&f, &testdev_class, 0);
	fake_write(&f, 0, 2, 2, 0);
	CHECK_EQ(f.exit_status, 1);
	fake_start(&f, &testdev_class, 0);
	fake_write(&f, 0, 0, 4, 0xffffffff); /* what a process can return of it */
	CHECK_EQ(f.exit_status, 0xff);
	fake_start(&f, &testdev_class, 0);
	fake_write(&f, 0, 0, 1, 0xfff00); /* bits beyond the access do not count */
	CHECK_EQ(f.exit_status, 1);
}

static void debug_console(void)
{
	fake_start(&f, &testdev_class, 0);
	CHECK_EQ(fake_read(&f, 3, 1, 1), 0xe9);
	for (const char *p = "hello"; *p; p++)
		fake_write(&f, 3, 1, 1, (uint8_t)*p);
	CHECK_EQ(f.outs, 5);
	CHECK(memcmp(f.out, "hello", 5) == 0);
	CHECK_EQ(fake_deadline(&f), VDEV_NEVER);
	/* A host that takes nothing for a while gets everything in order. */
	f.out_limit = 0;
	for (unsigned i = 0; i < 10; i++)
		fake_write(&f, 3, 1, 1, '0' + i);
	fake_advance(&f, 5000000);
	CHECK_EQ(f.outs, 5);
	f.out_limit = 3;
	fake_advance(&f, 5000000);
	CHECK_EQ(f.outs, 15);
	CHECK(memcmp(f.out, "hello0123456789", 15) == 0);
	CHECK_EQ(fake_deadline(&f), VDEV_NEVER);
	/* One that never takes anything does not make it run over. */
	f.out_limit = 0;
	for (unsigned i = 0; i < 5000; i++)
		fake_write(&f, 3, 1, 1, 'x');
	fake_reset(&f);
	CHECK_EQ(fake_deadline(&f), VDEV_NEVER);
}

static void scratch_register(void)
{
	fake_start(&f, &testdev_class, 0);
	fake_write(&f, 1, 0, 4, 0x12345678);
	CHECK_EQ(fake_read(&f, 1, 0, 4), 0x12345678);
	CHECK_EQ(fake_read(&f, 1, 1, 1), 0x56);
	CHECK_EQ(fake_read(&f, 1, 2, 2), 0x1234);
	fake_write(&f, 1, 3, 1, 0xab);
	CHECK_EQ(fake_read(&f, 1, 0, 4), 0xab345678);
	CHECK_EQ(fake_read(&f, 3, 0, 4), 0xab345678); /* the same, byte-wide */
	CHECK_EQ(fake_read(&f, 3, 2, 1), 0x34);
	fake_write(&f, 3, 0, 1, 0x99);
	CHECK_EQ(fake_read(&f, 1, 0, 4), 0xab345699);
	fake_write(&f, 3, 1, 1, 0x77); /* the debug console's */
	CHECK_EQ(fake_read(&f, 1, 0, 4), 0xab345699);
	fake_write(&f, 2, 0, 4, 0x1000); /* the flush port: nothing to be seen */
	CHECK_EQ(fake_read(&f, 1, 0, 4), 0xab345699);
}

static void interrupt_lines(void)
{
	fake_start(&f, &testdev_class, 0);
	for (unsigned gsi = 0; gsi < TESTDEV_LINES; gsi++) {
		fake_write(&f, 4, gsi, 1, 1);
		CHECK(f.line[gsi]);
		CHECK_EQ(f.rises[gsi], 1);
		fake_write(&f, 4, gsi, 1, 0x80);
		CHECK(f.line[gsi]);
		fake_write(&f, 4, gsi, 1, 0);
		CHECK(!f.line[gsi]);
	}
	fake_write(&f, 4, 5, 1, 1);
	fake_reset(&f);
	CHECK(!f.line[5]);
}

static void memory(void)
{
	fake_start(&f, &testdev_class, 0);
	CHECK_EQ(fake_read(&f, 5, 0, 8), 0);
	fake_write(&f, 5, 0xfff8, 8, 0x1122334455667788);
	fake_write(&f, 5, 0, 4, 0xcafe1234);
	CHECK_EQ(fake_read(&f, 5, 0xfff8, 8), 0x1122334455667788);
	CHECK_EQ(fake_read(&f, 5, 0xffff, 1), 0x11);
	CHECK_EQ(fake_read(&f, 5, 2, 2), 0xcafe);
	fake_reset(&f);
	CHECK_EQ(fake_read(&f, 5, 0, 8), 0);
}

static uint64_t item(uint16_t key, unsigned bytes)
{
	uint64_t value = 0;

	fake_write(&f, 0, 0, 2, key);
	for (unsigned i = 0; i < bytes; i++)
		value |= fake_read(&f, 0, 1, 1) << (8 * i);
	return value;
}

static void fw_cfg_start(void)
{
	static const uint32_t features = 3;

	fake_attach(&f, &fw_cfg_class, 0);
	fw_cfg_add(&f.d, FW_CFG_SIGNATURE, "QEMU", 4);
	fw_cfg_add(&f.d, FW_CFG_ID, &features, 4);
	fw_cfg_add_file(&f.d, "etc/one", "1234567", 7);
	fw_cfg_add_file(&f.d, "etc/two", "", 0);
	fake_reset(&f);
}

static void fw_cfg_ports(void)
{
	fw_cfg_start();
	CHECK_EQ(item(FW_CFG_SIGNATURE, 4), 0x554d4551);
	CHECK_EQ(fake_read(&f, 0, 1, 1), 0); /* beyond the end */
	CHECK_EQ(item(FW_CFG_ID, 4), 3);
	CHECK_EQ(item(FW_CFG_ID | 0x4000, 4), 3); /* the write bit is ignored */
	fake_write(&f, 0, 1, 1, 0xff); /* and so is a write */
	CHECK_EQ(item(FW_CFG_ID, 4), 3);
	CHECK_EQ(item(0x1234, 4), 0); /* nobody knows this one */
	CHECK_EQ(item(FW_CFG_ID | 0x8000, 4), 0); /* nor this architecture's */
	fake_write(&f, 0, 0, 2, FW_CFG_ID);
	CHECK_EQ(fake_read(&f, 0, 0, 1), 3); /* the data port is both */
	fake_reset(&f);
	CHECK_EQ(fake_read(&f, 0, 1, 1), 'Q');
}

static void fw_cfg_directory(void)
{
	fw_cfg_start();
	CHECK_EQ(item(FW_CFG_FILE_DIR, 4), 0x02000000);
	CHECK_EQ(fake_read(&f, 0, 1, 1) << 24 | fake_read(&f, 0, 1, 1) << 16 |
			 fake_read(&f, 0, 1, 1) << 8 | fake_read(&f, 0, 1, 1),
		 7); /* big-endian */
	CHECK_EQ(fake_read(&f, 0, 1, 1), 0);
	CHECK_EQ(fake_read(&f, 0, 1, 1), 0x20);
	CHECK_EQ(fake_read(&f, 0, 1, 1), 0);
	CHECK_EQ(fake_read(&f, 0, 1, 1), 0);
	for (const char *p = "etc/one"; *p; p++)
		CHECK_EQ(fake_read(&f, 0, 1, 1), (uint8_t)*p);
	for (unsigned i = 7; i < 56; i++)
		CHECK_EQ(fake_read(&f, 0, 1, 1), 0);
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(fake_read(&f, 0, 1, 1), 0);
	CHECK_EQ(fake_read(&f, 0, 1, 1), 0x21);
	CHECK_EQ(item(0x20, 7), 0x37363534333231);
	CHECK_EQ(item(0x21, 1), 0);
}

static void fw_cfg_room(void)
{
	static uint8_t big[5000];
	unsigned n = 0;

	fw_cfg_start();
	CHECK_EQ(fw_cfg_add(&f.d, FW_CFG_ID, "x", 1), E_INVAL); /* twice */
	CHECK_EQ(fw_cfg_add(&f.d, 0x4001, "x", 1), E_INVAL);
	CHECK_EQ(fw_cfg_add(&f.d, 0x100, big, sizeof(big)), E_NOMEM);
	CHECK_EQ(fw_cfg_add_file(&f.d, "a name of fifty-six characters is one longer than allowed", "", 0),
		 E_INVAL);
	while (n < 100 && fw_cfg_add_file(&f.d, "f", "", 0) == 0)
		n++;
	CHECK(n >= 5 && n < 100); /* the directory is copied each time: it is for a few files */
}

static void put_access(uint32_t control, uint32_t bytes, uint64_t address)
{
	for (unsigned i = 0; i < 4; i++) {
		f.ram[0x100 + i] = (uint8_t)(control >> (24 - 8 * i));
		f.ram[0x104 + i] = (uint8_t)(bytes >> (24 - 8 * i));
	}
	for (unsigned i = 0; i < 8; i++)
		f.ram[0x108 + i] = (uint8_t)(address >> (56 - 8 * i));
}

static uint32_t run(uint32_t control, uint32_t bytes, uint64_t address)
{
	put_access(control, bytes, address);
	fake_write(&f, 1, 4, 4, 0x00010000); /* 0x100, big-endian */
	return (uint32_t)f.ram[0x100] << 24 | f.ram[0x101] << 16 | f.ram[0x102] << 8 | f.ram[0x103];
}

static void fw_cfg_dma(void)
{
	fw_cfg_start();
	CHECK_EQ(fake_read(&f, 1, 0, 4), 0x554d4551);
	CHECK_EQ(fake_read(&f, 1, 4, 4), 0x47464320);
	CHECK_EQ(fake_read(&f, 1, 7, 1), 'G');
	memset(f.ram + 0x200, 0xee, 16);
	CHECK_EQ(run(0x20 << 16 | 8 | 2, 10, 0x200), 0); /* select and read: zeros after the end */
	CHECK(memcmp(f.ram + 0x200, "1234567\0\0\0\xee", 11) == 0);
	CHECK_EQ(run(0x20 << 16 | 8 | 4, 3, 0), 0); /* select, skip, read on */
	CHECK_EQ(run(2, 2, 0x300), 0);
	CHECK(memcmp(f.ram + 0x300, "45\0", 3) == 0);
	CHECK_EQ(run(4, 0xffffffff, 0), 0); /* to the end */
	CHECK_EQ(fake_read(&f, 0, 1, 1), 0);
	CHECK_EQ(run(0x20 << 16 | 8, 0, 0), 0);
	CHECK_EQ(fake_read(&f, 0, 1, 1), '1');
}

static void fw_cfg_dma_errors(void)
{
	fw_cfg_start();
	CHECK_EQ(run(8 | 2, 4, FAKE_RAM - 3), 1); /* outside guest memory */
	CHECK_EQ(run(8 | 2, 4, UINT64_MAX - 1), 1);
	CHECK_EQ(run(8 | 2, 0x10001, 0), 1); /* more than the budget */
	CHECK_EQ(run(8 | 16, 4, 0x200), 1); /* nothing can be written */
	/* The description itself is outside; with the high half set as well. */
	fake_write(&f, 1, 4, 4, 0xffffffff);
	put_access(8 | 2, 4, 0x200);
	fake_write(&f, 1, 0, 4, 0x01000000);
	fake_write(&f, 1, 4, 4, 0x00010000);
	CHECK_EQ(f.ram[0x103], 8 | 2);
	fake_write(&f, 1, 4, 4, 0x00010000); /* the high half was for one operation */
	CHECK_EQ(f.ram[0x103], 0);
	put_access(8 | 2, 4, 0x200);
	fake_write(&f, 1, 4, 2, 0x0001); /* half an address starts nothing */
	CHECK_EQ(f.ram[0x103], 8 | 2);
}

int main(void)
{
	RUN(debug_exit);
	RUN(debug_console);
	RUN(scratch_register);
	RUN(interrupt_lines);
	RUN(memory);
	RUN(fw_cfg_ports);
	RUN(fw_cfg_directory);
	RUN(fw_cfg_room);
	RUN(fw_cfg_dma);
	RUN(fw_cfg_dma_errors);
	return unit_status();
}
