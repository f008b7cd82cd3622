/* SPDX-License-Identifier: GPL-2.0-only */
/* MSR numbers and bits, names as in the manuals. [SDM4], [APM2 "MSR Cross-Reference"] */
#pragma once

#define MSR_TSC		       0x00000010
#define MSR_PLATFORM_ID	       0x00000017
#define MSR_APIC_BASE	       0x0000001b
#define MSR_FEATURE_CONTROL    0x0000003a
#define MSR_TSC_ADJUST	       0x0000003b
#define MSR_SPEC_CTRL	       0x00000048
#define MSR_PRED_CMD	       0x00000049
#define MSR_UCODE_REV	       0x0000008b
#define MSR_MTRRCAP	       0x000000fe
#define MSR_ARCH_CAPABILITIES  0x0000010a
#define MSR_FLUSH_CMD	       0x0000010b
#define MSR_SYSENTER_CS	       0x00000174
#define MSR_SYSENTER_ESP       0x00000175
#define MSR_SYSENTER_EIP       0x00000176
#define MSR_MCG_CAP	       0x00000179
#define MSR_MCG_STATUS	       0x0000017a
#define MSR_MCG_CTL	       0x0000017b
#define MSR_MISC_ENABLE	       0x000001a0
#define MSR_DEBUGCTL	       0x000001d9
#define MSR_MTRR_PHYSBASE0     0x00000200
#define MSR_MTRR_FIX64K_00000  0x00000250
#define MSR_MTRR_FIX16K_80000  0x00000258
#define MSR_MTRR_FIX16K_A0000  0x00000259
#define MSR_MTRR_FIX4K_C0000   0x00000268
#define MSR_PAT		       0x00000277
#define MSR_MTRR_DEF_TYPE      0x000002ff
#define MSR_VMX_BASIC	       0x00000480
#define MSR_TSC_DEADLINE       0x000006e0
#define MSR_X2APIC_BASE	       0x00000800
#define MSR_XSS		       0x00000da0
#define MSR_EFER	       0xc0000080
#define MSR_STAR	       0xc0000081
#define MSR_LSTAR	       0xc0000082
#define MSR_CSTAR	       0xc0000083
#define MSR_FMASK	       0xc0000084
#define MSR_FS_BASE	       0xc0000100
#define MSR_GS_BASE	       0xc0000101
#define MSR_KERNEL_GS_BASE     0xc0000102
#define MSR_TSC_AUX	       0xc0000103
#define MSR_SYSCFG	       0xc0010010
#define MSR_HWCR	       0xc0010015
#define MSR_VM_CR	       0xc0010114
#define MSR_VM_HSAVE_PA	       0xc0010117

#define SPEC_CTRL_IBRS	    (1ULL << 0)
#define SPEC_CTRL_BHI_DIS_S (1ULL << 10)
#define PRED_CMD_IBPB	    (1ULL << 0)
#define FLUSH_CMD_L1D	    (1ULL << 0)

#define APIC_BASE_BSP	 (1ULL << 8)
#define APIC_BASE_X2APIC (1ULL << 10)
#define APIC_BASE_ENABLE (1ULL << 11)

#define VM_CR_LOCK   (1ULL << 3)
#define VM_CR_SVMDIS (1ULL << 4)
