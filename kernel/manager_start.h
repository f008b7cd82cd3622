/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once

/*
 * Makes the first space out of the module manager.elf and starts its thread. Fatal when it cannot.
 */
void manager_start(void);
