/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI configuration space by ports 0xcf8/0xcfc, at boot only: nothing may master the bus until it
 * is given out.
 */
#pragma once

/* Clears Bus Master Enable on every function but bridges. Returns how many had it set. */
unsigned pci_stop_bus_masters(void);
