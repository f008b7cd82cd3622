/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtual machine control block as the processor defines it. [APM2 "Layout of VMCB"] */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "kernel/abi/vcpu.h"

struct vmcb {
	uint16_t cr_read, cr_write, dr_read, dr_write;
	uint32_t exceptions;
	uint32_t intercept1, intercept2, intercept3;
	uint8_t reserved018[0x3c - 0x18];
	uint16_t pause_threshold, pause_count;
	uint64_t iopm, msrpm, tsc_offset;
	uint32_t asid;
	uint8_t tlb_control, reserved05d[3];
	uint8_t v_tpr, v_irq, v_intr_prio, v_control, v_vector, reserved065[3];
	uint64_t interrupt_shadow;
	uint64_t exit_code, exit_info1, exit_info2, exit_int_info;
	uint64_t np_enable, avic_bar, ghcb;
	uint64_t event_inj;
	uint64_t n_cr3, lbr_virt;
	uint32_t clean, reserved0c4;
	uint64_t next_rip;
	uint8_t insn_len, insn[15];
	uint8_t reserved0e0[0x400 - 0xe0];
	/* state save area */
	struct vcpu_seg seg[SEG_COUNT]; /* the encoding order, and the neutral form, are the processor's */
	struct vcpu_seg gdtr, ldtr, idtr, tr;
	uint8_t reserved4a0[0x2b], cpl;
	uint32_t reserved4cc;
	uint64_t efer;
	uint8_t reserved4d8[0x70];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t reserved580[0x58];
	uint64_t rsp, s_cet, ssp, isst;
	uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t cr2;
	uint8_t reserved648[0x20];
	uint64_t g_pat, dbgctl;
	uint8_t reserved678[0x1000 - 0x678];
};

#define VMCB_AT(field, offset) _Static_assert(offsetof(struct vmcb, field) == (offset), #field)
VMCB_AT(intercept1, 0x00c);
VMCB_AT(pause_threshold, 0x03c);
VMCB_AT(iopm, 0x040);
VMCB_AT(asid, 0x058);
VMCB_AT(v_tpr, 0x060);
VMCB_AT(interrupt_shadow, 0x068);
VMCB_AT(exit_code, 0x070);
VMCB_AT(np_enable, 0x090);
VMCB_AT(event_inj, 0x0a8);
VMCB_AT(clean, 0x0c0);
VMCB_AT(insn_len, 0x0d0);
VMCB_AT(seg, 0x400);
VMCB_AT(tr, 0x490);
VMCB_AT(cpl, 0x4cb);
VMCB_AT(efer, 0x4d0);
VMCB_AT(cr4, 0x548);
VMCB_AT(rip, 0x578);
VMCB_AT(rsp, 0x5d8);
VMCB_AT(rax, 0x5f8);
VMCB_AT(cr2, 0x640);
VMCB_AT(g_pat, 0x668);
_Static_assert(sizeof(struct vmcb) == 4096, "one page");
#undef VMCB_AT

/* intercept1 */
#define SVM_I_INTR	  (1U << 0)
#define SVM_I_NMI	  (1U << 1)
#define SVM_I_SMI	  (1U << 2)
#define SVM_I_INIT	  (1U << 3)
#define SVM_I_VINTR	  (1U << 4)
#define SVM_I_RDPMC	  (1U << 15)
#define SVM_I_CPUID	  (1U << 18)
#define SVM_I_RSM	  (1U << 19)
#define SVM_I_IRET	  (1U << 20)
#define SVM_I_INVD	  (1U << 22)
#define SVM_I_PAUSE	  (1U << 23)
#define SVM_I_HLT	  (1U << 24)
#define SVM_I_INVLPGA	  (1U << 26)
#define SVM_I_IOIO	  (1U << 27)
#define SVM_I_MSR	  (1U << 28)
#define SVM_I_TASK_SWITCH (1U << 29)
#define SVM_I_FERR_FREEZE (1U << 30)
#define SVM_I_SHUTDOWN	  (1U << 31)

/* intercept2 */
#define SVM_I_VMRUN	(1U << 0)
#define SVM_I_VMMCALL	(1U << 1)
#define SVM_I_VMLOAD	(1U << 2)
#define SVM_I_VMSAVE	(1U << 3)
#define SVM_I_STGI	(1U << 4)
#define SVM_I_CLGI	(1U << 5)
#define SVM_I_SKINIT	(1U << 6)
#define SVM_I_WBINVD	(1U << 9)
#define SVM_I_MONITOR	(1U << 10)
#define SVM_I_MWAIT	(1U << 11)
#define SVM_I_MWAIT_ARM (1U << 12)
#define SVM_I_XSETBV	(1U << 13)
#define SVM_I_RDPRU	(1U << 14)

/* intercept3 */
#define SVM_I_INVLPGB (1U << 0)
#define SVM_I_MCOMMIT (1U << 3)
#define SVM_I_TLBSYNC (1U << 4)

#define SVM_V_IRQ	   (1U << 0) /* v_irq */
#define SVM_V_NMI_MASK	   (1U << 4) /* v_irq: blocked */
#define SVM_V_IGN_TPR	   (1U << 4) /* v_intr_prio */
#define SVM_V_INTR_MASKING (1U << 0) /* v_control */
#define SVM_V_NMI_ENABLE   (1U << 2) /* v_control */

#define SVM_TLB_NOTHING	  0
#define SVM_TLB_FLUSH_ALL 1
#define SVM_TLB_FLUSH_TAG 3

#define SVM_SHADOW 1ULL

/* EVENTINJ and EXITINTINFO */
#define SVM_EVENT_VALID	      (1ULL << 31)
#define SVM_EVENT_ERROR	      (1ULL << 11)
#define SVM_EVENT_TYPE(e)     ((e) >> 8 & 7)
#define SVM_EVENT_INTR	      0
#define SVM_EVENT_NMI	      2
#define SVM_EVENT_EXCEPTION   3
#define SVM_EVENT_SOFT	      4

/* Clean bits: the processor may use what it cached for the area named. */
#define SVM_CLEAN_I    (1U << 0) /* intercepts, TSC offset, pause filter */
#define SVM_CLEAN_ASID (1U << 2)
#define SVM_CLEAN_TPR  (1U << 3)
#define SVM_CLEAN_NP   (1U << 4)
#define SVM_CLEAN_CR   (1U << 5)
#define SVM_CLEAN_DR   (1U << 6)
#define SVM_CLEAN_DT   (1U << 7)
#define SVM_CLEAN_SEG  (1U << 8)
#define SVM_CLEAN_CR2  (1U << 9)
#define SVM_CLEAN_ALL  0x3ffU

/* Exit codes. [APM2 "SVM Intercept Exit Codes"] */
enum svm_exit_code {
	SVM_EXIT_CR_READ = 0x00, SVM_EXIT_CR_WRITE = 0x10, SVM_EXIT_DR_READ = 0x20,
	SVM_EXIT_DR_WRITE = 0x30, SVM_EXIT_EXCEPTION = 0x40, SVM_EXIT_INTR = 0x60, SVM_EXIT_NMI,
	SVM_EXIT_SMI, SVM_EXIT_INIT, SVM_EXIT_VINTR, SVM_EXIT_CR0_SEL_WRITE, SVM_EXIT_RDTSC = 0x6e,
	SVM_EXIT_RDPMC, SVM_EXIT_CPUID = 0x72, SVM_EXIT_RSM, SVM_EXIT_IRET, SVM_EXIT_SWINT,
	SVM_EXIT_INVD, SVM_EXIT_PAUSE, SVM_EXIT_HLT, SVM_EXIT_INVLPG, SVM_EXIT_INVLPGA,
	SVM_EXIT_IOIO, SVM_EXIT_MSR, SVM_EXIT_TASK_SWITCH, SVM_EXIT_FERR_FREEZE, SVM_EXIT_SHUTDOWN,
	SVM_EXIT_VMRUN, SVM_EXIT_VMMCALL, SVM_EXIT_VMLOAD, SVM_EXIT_VMSAVE, SVM_EXIT_STGI,
	SVM_EXIT_CLGI, SVM_EXIT_SKINIT, SVM_EXIT_RDTSCP, SVM_EXIT_ICEBP, SVM_EXIT_WBINVD,
	SVM_EXIT_MONITOR, SVM_EXIT_MWAIT, SVM_EXIT_MWAIT_ARMED, SVM_EXIT_XSETBV, SVM_EXIT_RDPRU,
	SVM_EXIT_EFER_TRAP, SVM_EXIT_INVLPGB = 0xa0, SVM_EXIT_INVLPGB_ILLEGAL, SVM_EXIT_INVPCID,
	SVM_EXIT_MCOMMIT, SVM_EXIT_TLBSYNC, SVM_EXIT_BUS_LOCK, SVM_EXIT_TABLE, SVM_EXIT_NPF = 0x400,
};
_Static_assert(SVM_EXIT_VMRUN == 0x80 && SVM_EXIT_XSETBV == 0x8d && SVM_EXIT_BUS_LOCK == 0xa5, "");

#define SVM_EXIT_INVALID 0xffffffffU /* QEMU gives the low half only */

/* EXITINFO1 of IOIO */
#define SVM_IO_IN	(1U << 0)
#define SVM_IO_STRING	(1U << 2)
#define SVM_IO_REP	(1U << 3)
#define SVM_IO_SIZE(i)	((i) >> 4 & 7) /* 1, 2 or 4 */

/* EXITINFO1 of NPF, above the page-fault error code. */
#define SVM_NPF_WALK (1ULL << 33)

