/* SPDX-License-Identifier: GPL-2.0-only */
/* The boot modules: found by name, mapped once, checked against their CRC-32. */
#include "manager/manager.h"

#include "lib/crc32.h"
#include "lib/format.h"
#include "lib/string.h"

int module_find(const struct manager *m, const char *name)
{
	for (uint32_t i = 0; i < m->boot->modules; i++) {
		if (strcmp(m->boot->module[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

const uint8_t *module_open(struct manager *m, int index, char *why, size_t why_bytes)
{
	const struct manager_boot_module *mod = &m->boot->module[index];
	uint64_t va = MANAGER_MODULES + (unsigned)index * MANAGER_MODULE_STRIDE;
	uint64_t bytes = (mod->bytes + 4095) & ~4095ULL;
	uint32_t crc;
	int status;

	if (mod->bytes == 0 || bytes > MANAGER_MODULE_STRIDE) {
		format(why, why_bytes, "file '%s' is empty", mod->name);
		return NULL;
	}
	status = sys_range_map(HANDLE_SELF_SPACE, (int)mod->handle, va, 0, bytes, PROT_READ);
	if (status != 0 && status != E_EXIST) {
		format(why, why_bytes, "file '%s' cannot be mapped: status %d", mod->name, status);
		return NULL;
	}
	if (status == E_EXIST)
		return (const uint8_t *)(uintptr_t)va; /* opened, and checked, before */
	crc = mod->has_crc ? crc32_update(0, (const void *)(uintptr_t)va, mod->bytes) : mod->crc32;
	if (crc != mod->crc32) {
		format(why, why_bytes, "file '%s' is corrupt: CRC-32 is %08x, should be %08x",
		       mod->name, crc, mod->crc32);
		sys_range_unmap(HANDLE_SELF_SPACE, va, bytes);
		return NULL;
	}
	return (const uint8_t *)(uintptr_t)va;
}
