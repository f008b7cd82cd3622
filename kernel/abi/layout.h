/* SPDX-License-Identifier: GPL-2.0-only */
/* Where things lie in a ring-3 address space. User addresses end at 0x00007fffffffffff. */
#pragma once

#define USER_TEXT_BASE	 0x0000000000400000ULL /* programs are linked here */
#define USER_STACK_TOP	 0x0000000070000000ULL /* the first thread's; a guard page below */
#define USER_BOOT_PAGE	 0x0000000078000000ULL /* struct manager_boot or struct monitor_boot */
#define USER_VCPU_AREAS	 0x0000000080000000ULL /* vCPU n's area at + n * 0x4000: a gap between */
#define USER_VCPU_STRIDE 0x4000ULL
#define USER_MODULES	 0x0000010000000000ULL /* files that the manager lends to a monitor */
#define USER_GUEST_RAM	 0x0000100000000000ULL /* guest-physical 0 */
#define USER_END	 0x0000800000000000ULL
