/* SPDX-License-Identifier: GPL-2.0-only */
/* From whichever loader to struct bootinfo, and on to the kernel. Runs on the early page tables. */

#include "boot/start.h"
#include "boot/multiboot2.h"
#include "kernel/abi/bootinfo.h"
#include "kernel/abi/entry.h"
#include "lib/string.h"
#include <stddef.h>

extern const char kernel_start[], kernel_end[]; /* boot/kernel.ld */

#define IDENTITY_MAP_END (4ULL << 30)

static struct bootinfo bootinfo; /* the loader's copy may lie in memory that is given out */

/* The UEFI loader's structure, as far as it can be wrong. */
static const char *copy_bootinfo(uint64_t info_phys)
{
	if (info_phys > IDENTITY_MAP_END - sizeof(bootinfo))
		return "the loader's boot information lies above 4 GiB";
	memcpy(&bootinfo, (const void *)info_phys, sizeof(bootinfo));
	if (bootinfo.magic != BOOTINFO_MAGIC || bootinfo.version != BOOTINFO_VERSION ||
	    bootinfo.size != sizeof(bootinfo))
		return "the loader and the kernel are of different versions";
	if (bootinfo.mem_count > BOOTINFO_MEM_MAX || bootinfo.module_count > BOOTINFO_MODULE_MAX)
		return "the loader's boot information is damaged";
	return NULL;
}

void boot_handover(uint64_t magic, uint64_t info_phys, uint64_t kernel_phys)
{
	const char *why = "this boot loader is not known";

	bootinfo.kernel_base = kernel_phys;
	bootinfo.kernel_size = (uint64_t)(kernel_end - kernel_start);
	if (magic == BOOTINFO_MAGIC)
		why = copy_bootinfo(info_phys);
	else if (magic == MULTIBOOT2_INFO_MAGIC &&
		 multiboot2_parse((const void *)info_phys, IDENTITY_MAP_END - info_phys, &bootinfo,
				  &why) == 0)
		why = NULL;
	if (why)
		kernel_refuse(why);
	kernel_main(&bootinfo, kernel_phys);
}
