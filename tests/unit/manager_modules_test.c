/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: lib/crc32.c lib/format.c */
/* The check of boot modules in steps: every byte once, whoever asks, and the words for what is wrong. */
#include "kernel/abi/sys.h"
#include "tests/unit/unit.h"

#include "manager/manager.h"

static unsigned maps;
static int map_status;

/* Modules are where the manager maps them: here from the start. */
static int fake_map(int space, int range, uint64_t va, uint64_t offset, uint64_t bytes, unsigned prot)
{
	(void)space, (void)range, (void)va, (void)offset, (void)bytes, (void)prot;
	maps++;
	return map_status;
}

static uint8_t window[2][1 << 20];
#undef MANAGER_MODULES
#define MANAGER_MODULES ((uint64_t)(uintptr_t)window)
#undef MANAGER_MODULE_STRIDE
#define MANAGER_MODULE_STRIDE sizeof(window[0])
#define sys_range_map fake_map
#include "manager/modules.c"

enum { BYTES = 5 * STEP_BYTES / 2 };

static struct manager manager;
static struct manager_boot boot;
static char why[160];

static void box(uint64_t bytes, bool has_crc)
{
	uint8_t *file = (uint8_t *)(uintptr_t)address(1);

	memset(&manager, 0, sizeof(manager));
	memset(&boot, 0, sizeof(boot));
	manager.boot = &boot;
	boot.modules = 2;
	strcpy(boot.module[0].name, "other");
	strcpy(boot.module[1].name, "dir/file");
	boot.module[1].bytes = bytes;
	boot.module[1].has_crc = has_crc;
	for (uint64_t i = 0; i < bytes; i++)
		file[i] = (uint8_t)(i * 7 + i / 1000);
	boot.module[1].crc32 = crc32_update(0, file, bytes);
	maps = 0;
	map_status = 0;
	why[0] = '\0';
}

static int check(void)
{
	return module_check(&manager, 1, why, sizeof(why));
}

static void found_by_name(void)
{
	box(1, true);
	CHECK_EQ(module_find(&manager, "dir/file"), 1);
	CHECK_EQ((unsigned)module_find(&manager, "file"), (unsigned)-1);
}

static void in_steps(void)
{
	box(BYTES, true);
	for (unsigned i = 1; i <= 3; i++) {
		CHECK_EQ((unsigned)check(), (unsigned)E_AGAIN);
		CHECK_EQ(manager.module[1].checked, i < 3 ? (uint64_t)i * STEP_BYTES : BYTES);
	}
	CHECK_EQ(check(), 0);
	CHECK_EQ(check(), 0); /* another VM's: it is right once and for all */
	CHECK_EQ(maps, 1);
	CHECK(module_open(&manager, 1, why, sizeof(why)) == (const uint8_t *)(uintptr_t)address(1));
	CHECK_STR(why, "");
}

static void at_once(void)
{
	box(BYTES, true);
	CHECK(module_open(&manager, 1, why, sizeof(why)) != NULL);
	box(BYTES, false); /* a loader that passes no CRC */
	boot.module[1].crc32 = 1;
	CHECK_EQ(check(), 0);
}

/* The last byte counts, and the words are the same each time. */
static void corrupt(void)
{
	for (unsigned i = 0; i < 2; i++) {
		box(BYTES, true);
		((uint8_t *)(uintptr_t)address(1))[i == 0 ? 0 : BYTES - 1] ^= 1;
		CHECK(module_open(&manager, 1, why, sizeof(why)) == NULL);
		CHECK(strstr(why, "file 'dir/file' is corrupt: CRC-32 is ") != NULL);
		CHECK_EQ((unsigned)check(), (unsigned)E_INVAL);
	}
}

static void empty_or_unmappable(void)
{
	box(0, true);
	CHECK_EQ((unsigned)check(), (unsigned)E_INVAL);
	CHECK_STR(why, "file 'dir/file' is empty");
	box(10, true);
	map_status = E_NOMEM;
	CHECK_EQ((unsigned)check(), (unsigned)E_NOMEM);
	CHECK_STR(why, "file 'dir/file' cannot be mapped: status -2");
	map_status = 0;
	CHECK_EQ((unsigned)check(), (unsigned)E_AGAIN); /* the next life finds memory */
	CHECK_EQ(check(), 0);
}

int main(void)
{
	RUN(found_by_name);
	RUN(in_steps);
	RUN(at_once);
	RUN(corrupt);
	RUN(empty_or_unmappable);
	return unit_status();
}
