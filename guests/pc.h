/* SPDX-License-Identifier: GPL-2.0-only */
/* Machine `pc` in numbers: what its board, its ACPI tables and its loaders must agree on. */
#pragma once

#define PC_LOW_RAM_MAX   0xc0000000ULL /* RAM below 4 GiB ends here at the latest */
#define PC_PCI_HOLE_BASE 0xc0000000ULL /* BARs of 32 bits, up to the IOAPIC */
#define PC_PCI_HOLE_END  0xfebfffffULL
#define PC_IOAPIC_BASE   0xfec00000ULL
#define PC_LAPIC_BASE    0xfee00000ULL
#define PC_COM1_PORT     0x3f8
#define PC_COM2_PORT     0x2f8
#define PC_PM_PORT       0x600 /* PM1a event block; control + 4, timer + 8 */
#define PC_GPE_PORT      0x620
#define PC_RESET_PORT    0xcf9
#define PC_RESET_VALUE   0x06
#define PC_SCI_IRQ       9 /* level-triggered, active high */
#define PC_TESTDEV_MEMORY 0xff000000ULL
#define PC_TESTDEV_MEMORY_BYTES 0x10000ULL

/* Where PCI interrupt pin `pin` (0 is A) of slot `slot` goes: to the IOAPIC, and to the 8259. */
#define PC_INTX_GSI(slot, pin) (16 + (((slot) + (pin)) & 7))
#define PC_INTX_IRQ(slot, pin) (10 + (((slot) + (pin)) & 1))
