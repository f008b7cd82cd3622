/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One loader on any bytes: it stays inside the file and the guest's memory, enters the guest inside its
 * RAM or refuses with words.
 */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "guests/load/load.h"

enum { RAM = 20 << 20, INITRD = 3000 };

typedef int fuzzed_loader(const struct load_request *req, struct load_start *start, char *why);

/* modules: files behind the kernel, at most one. The input's length chooses the rest of the machine. */
static int load_fuzz(fuzzed_loader *load, const uint8_t *data, size_t bytes, uint32_t modules)
{
	static uint8_t *ram, initrd[INITRD];
	struct load_request req = {
		.low_bytes = RAM,
		.high_bytes = bytes & 1 ? 1 << 30 : 0,
		.cmdline = "fuzz",
		.initrd = { bytes & 2 ? initrd : NULL, INITRD, "initrd", NULL },
		.module = { { initrd, INITRD, "module", "with arguments" } },
		.modules = modules,
	};
	struct load_start start;
	char why[LOAD_WHY_MAX];
	uint8_t *file = malloc(bytes ? bytes : 1); /* exact: ASan sees a byte too many */

	if (!ram)
		ram = malloc(RAM);
	req.ram = ram;
	memcpy(file, data, bytes);
	req.kernel = (struct load_file){ file, bytes, "kernel", NULL };
	if (load(&req, &start, why) == 0) {
		if (start.rip >= RAM)
			abort();
	} else if (memchr(why, 0, sizeof(why)) == NULL || why[0] == 0) {
		abort(); /* a refusal has words */
	}
	free(file);
	return 0;
}
