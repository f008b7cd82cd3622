/* SPDX-License-Identifier: GPL-2.0-only */
/* How the kernel brings the virtualisation backend up. */
#pragma once

#include <stddef.h>

/*
 * On the first processor, after arch init: chooses the backend and checks what it needs. cmdline is
 * the box's. 0, or negative with a whole sentence in why[bytes] for the person in front of the box.
 */
int hv_init(const char *cmdline, char *why, size_t bytes);
