/* SPDX-License-Identifier: GPL-2.0-only */
/* Page-table entries of the processor's own paging (also AMD's nested paging): long mode and PAE. */
#pragma once

#define PTE_P	 (1ULL << 0)
#define PTE_W	 (1ULL << 1)
#define PTE_U	 (1ULL << 2)
#define PTE_PWT	 (1ULL << 3)
#define PTE_PCD	 (1ULL << 4)
#define PTE_A	 (1ULL << 5)
#define PTE_D	 (1ULL << 6)
#define PTE_PS	 (1ULL << 7) /* large page, at level 2 and 3 */
#define PTE_PAT	 (1ULL << 7) /* at level 1 */
#define PTE_G	 (1ULL << 8)
#define PTE_PAT_LARGE (1ULL << 12)
#define PTE_NX	 (1ULL << 63)
#define PTE_ADDR 0x000ffffffffff000ULL

#define PAGE_4K (1ULL << 12)
#define PAGE_2M (1ULL << 21)
#define PAGE_1G (1ULL << 30)

/* [SDM3 "Page-Fault Exceptions"] */
#define PF_P	 (1U << 0)
#define PF_WRITE (1U << 1)
#define PF_USER	 (1U << 2)
#define PF_RSVD	 (1U << 3)
#define PF_FETCH (1U << 4)
