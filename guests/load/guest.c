/* SPDX-License-Identifier: GPL-2.0-only */
/* Which loader a kernel file wants: Linux by its "HdrS", multiboot by its header, else PVH by ELF. */
#include "guests/load/load.h"

#include "kernel/abi/status.h"
#include "lib/string.h"

int load_guest(const struct load_request *req, struct load_start *start, char *why)
{
	const struct load_file *k = &req->kernel;

	why[0] = '\0';
	if (req->low_bytes < 2 * LOAD_HIGH_START || req->low_bytes > LOAD_HOLE_START)
		return load_error(why, E_RANGE, "a guest needs at least 2 MiB of memory");
	if (!k->data || k->bytes == 0)
		return load_error(why, E_INVAL, "kernel '%s' is empty", k->name);
	if (k->bytes > 0x206 && memcmp(k->data + 0x202, "HdrS", 4) == 0)
		return load_linux(req, start, why);
	if (multiboot_find(k) >= 0)
		return load_multiboot(req, start, why);
	if (k->bytes >= 4 && memcmp(k->data, "\177ELF", 4) == 0)
		return load_pvh(req, start, why);
	return load_linux(req, start, why);
}
