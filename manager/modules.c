/* SPDX-License-Identifier: GPL-2.0-only */
/* The boot modules: found by name, mapped once, checked against their CRC-32 in steps. */
#include "manager/manager.h"

#include "lib/crc32.h"
#include "lib/format.h"
#include "lib/string.h"

enum { STEP_BYTES = 256 << 10 }; /* a millisecond or so */

int module_find(const struct manager *m, const char *name)
{
	for (uint32_t i = 0; i < m->boot->modules; i++) {
		if (strcmp(m->boot->module[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static uint64_t address(int index)
{
	return MANAGER_MODULES + (unsigned)index * MANAGER_MODULE_STRIDE;
}

int module_check(struct manager *m, int index, char *why, size_t why_bytes)
{
	const struct manager_boot_module *mod = &m->boot->module[index];
	struct module_state *s = &m->module[index];
	uint64_t bytes = (mod->bytes + 4095) & ~4095ULL, piece;
	int status;

	if (mod->bytes == 0 || bytes > MANAGER_MODULE_STRIDE) {
		format(why, why_bytes, "file '%s' is empty", mod->name);
		return E_INVAL;
	}
	status = s->mapped ? 0 : sys_range_map(HANDLE_SELF_SPACE, (int)mod->handle, address(index), 0, bytes, PROT_READ);
	if (status != 0) {
		format(why, why_bytes, "file '%s' cannot be mapped: status %d", mod->name, status);
		return status;
	}
	s->mapped = true;
	if (mod->has_crc && s->checked < mod->bytes) {
		piece = mod->bytes - s->checked < STEP_BYTES ? mod->bytes - s->checked : STEP_BYTES;
		s->crc = crc32_update(s->crc, (const uint8_t *)(uintptr_t)address(index) + s->checked, piece);
		s->checked += piece;
		return E_AGAIN;
	}
	if (mod->has_crc && s->crc != mod->crc32) {
		format(why, why_bytes, "file '%s' is corrupt: CRC-32 is %08x, should be %08x", mod->name, s->crc,
		       mod->crc32);
		return E_INVAL;
	}
	return 0;
}

const uint8_t *module_open(struct manager *m, int index, char *why, size_t why_bytes)
{
	int status;

	do {
		status = module_check(m, index, why, why_bytes);
	} while (status == E_AGAIN);
	return status == 0 ? (const uint8_t *)(uintptr_t)address(index) : NULL;
}
