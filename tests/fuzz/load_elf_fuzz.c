/* SPDX-License-Identifier: GPL-2.0-only */
/* The PVH ELF loader on any bytes: it must stay inside the file and the guest's memory. */
/* sources: guests/load/pvh.c guests/load/elf.c guests/load/load.c lib/format.c */
#include "tests/fuzz/load_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	return load_fuzz(load_pvh, data, bytes, 0);
}
