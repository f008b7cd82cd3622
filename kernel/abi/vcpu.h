/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page set that the kernel shares with a monitor, one a vCPU: why vcpu_run returned, and the
 * guest's registers in a vendor-neutral form. Nothing here depends on SVM or VMX.
 *
 * The monitor writes it at will; the kernel copies each field once and checks it. Registers travel
 * in groups, named by a mask: `want[kind]` says which groups the kernel fills in for an exit kind,
 * `push` which groups the monitor has changed and wants loaded at the next vcpu_run.
 */
#pragma once

#include <stdint.h>

/* Register groups. */
enum {
	REG_GPR = 1 << 0, /* gpr[16] */
	REG_RIP = 1 << 1, /* rip, rflags, shadow */
	REG_SEG = 1 << 2, /* es cs ss ds fs gs */
	REG_TABLE = 1 << 3, /* ldtr tr gdtr idtr */
	REG_CR = 1 << 4, /* cr0 cr2 cr3 cr4 cr8 efer xcr0 */
	REG_DR = 1 << 5, /* dr0-3 dr6 dr7 */
	REG_MSR = 1 << 6, /* SYSCALL, SYSENTER, kernel_gs_base, pat, tsc_aux, apic_base, tsc_deadline */
	REG_EVENT = 1 << 7, /* pending and re-injected events, NMI blocking, activity */
	REG_PDPTR = 1 << 8, /* the four PAE page-directory-pointer entries, as loaded */
	REG_LAPIC = 1 << 9, /* second page of the area: the local APIC, hardware format */
	REG_FPU = 1 << 10, /* third page: XSAVE area, standard form, XCR0's components */
	REG_TSC = 1 << 11, /* tsc_offset */
	REG_ALL = (1 << 12) - 1,
};

/* GPRs are in the encoding order of the instruction set: index 0 is RAX, 4 is RSP. */
enum { GPR_RAX, GPR_RCX, GPR_RDX, GPR_RBX, GPR_RSP, GPR_RBP, GPR_RSI, GPR_RDI, GPR_R8, GPR_R15 = 15 };
enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_COUNT }; /* also the encoding order */

/*
 * attr: bits 0-3 type, 4 S, 5-6 DPL, 7 P, 8 AVL, 9 L, 10 D/B, 11 G: the descriptor's access bytes
 * with the limit nibble squeezed out. An unusable segment has P = 0.
 */
struct vcpu_seg {
	uint16_t selector, attr;
	uint32_t limit; /* in bytes, granularity applied */
	uint64_t base;
};

struct vcpu_regs {
	uint64_t gpr[16];
	uint64_t rip, rflags;
	uint32_t shadow; /* SHADOW_* */
	uint32_t reserved0;
	struct vcpu_seg seg[SEG_COUNT];
	struct vcpu_seg ldtr, tr;
	struct vcpu_seg gdtr, idtr; /* base and limit only */
	uint64_t cr0, cr2, cr3, cr4, cr8, efer, xcr0;
	uint64_t dr[4], dr6, dr7;
	uint64_t star, lstar, cstar, fmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t pat, tsc_aux, apic_base, tsc_deadline;
	uint64_t pdptr[4];
	uint64_t tsc_offset; /* guest TSC = host TSC + tsc_offset */
	/* REG_EVENT */
	uint8_t event_type; /* EVENT_*: to be injected before the next instruction; EVENT_NONE */
	uint8_t event_vector;
	uint8_t event_has_error;
	uint8_t event_len; /* length of the instruction that raised a software event */
	uint32_t event_error;
	uint8_t nmi_blocked, nmi_pending;
	uint8_t activity; /* ACTIVITY_* */
	uint8_t sipi_vector;
	uint32_t reserved1;
};

enum { SHADOW_STI = 1, SHADOW_MOV_SS = 2 };
enum { EVENT_NONE, EVENT_INTERRUPT, EVENT_NMI, EVENT_EXCEPTION, EVENT_SOFT_INTERRUPT, EVENT_SOFT_EXCEPTION };
enum { ACTIVITY_RUNNING, ACTIVITY_HALTED, ACTIVITY_WAIT_SIPI };

/* Why vcpu_run returned. */
enum vcpu_exit {
	EXIT_KICK = 0, /* vcpu_kick; nothing to be done */
	EXIT_PIO, /* a port access by IN or OUT; IN: put the value in pio.data and run again */
	EXIT_PIO_STRING, /* INS or OUTS: the monitor decodes and performs the instruction at RIP */
	EXIT_MMIO, /* nested page fault: the monitor decodes and performs the instruction at RIP */
	EXIT_INTA, /* the 8259's INTR was accepted: put the vector in inta.vector and run again */
	EXIT_EOI, /* EOI of a level-triggered vector, before the next guest instruction */
	EXIT_SHUTDOWN, /* triple fault */
	EXIT_INVALID, /* the processor refused the guest state; `text` says what is known */
	EXIT_FAULT, /* something that no guest may do and that has no architectural answer; `text` */
	EXIT_TASK_SWITCH, /* the monitor performs it (task) */
	EXIT_SIPI, /* INIT or start-up IPI changed the activity; told once, for the log */
	EXIT_DOUBLE_RUN, /* reserved */
	EXIT_KINDS
};

struct vcpu_pio {
	uint16_t port;
	uint8_t size; /* 1, 2 or 4 bytes */
	uint8_t write; /* 1: OUT */
	uint32_t data; /* OUT: the value written; IN: the monitor's answer, upper bits ignored */
};

struct vcpu_mmio {
	uint64_t gpa; /* of the access that faulted; its low 12 bits are valid */
	uint64_t gva; /* when has_gva */
	uint8_t write, fetch, has_gva;
	uint8_t walk; /* 1: the fault hit while the guest's own page tables were read */
	uint8_t insn_len; /* bytes valid in insn[], 0: the monitor fetches them itself */
	uint8_t insn[15];
};

enum { TASK_CALL, TASK_IRET, TASK_JMP, TASK_GATE /* in the IDT */ };

struct vcpu_task {
	uint16_t selector; /* of the new task's TSS */
	uint8_t reason; /* TASK_* */
	uint8_t insn_len; /* of the instruction at RIP that asked for it; 0: none did */
	/* What the gate delivers: EVENT_INTERRUPT, _NMI or _EXCEPTION; EVENT_NONE: INT n and its kin. */
	uint8_t event_type, event_vector, has_error;
	uint32_t error;
};

#define VCPU_TEXT_MAX 160

struct vcpu_area {
	/* written by the monitor */
	uint32_t push; /* groups to load at the next run; the kernel clears it */
	uint32_t reserved0;
	uint32_t want[EXIT_KINDS]; /* groups to fill in, by exit kind */
	/* written by the kernel */
	uint32_t exit; /* enum vcpu_exit */
	uint32_t pulled; /* groups that are valid in regs for this exit */
	union {
		struct vcpu_pio pio;
		struct vcpu_mmio mmio;
		struct vcpu_task task;
		struct {
			uint8_t vector; /* EXIT_INTA: answered by the monitor; EXIT_EOI: which vector */
		} inta, eoi;
		uint8_t raw[64];
	};
	struct vcpu_regs regs;
	char text[VCPU_TEXT_MAX]; /* EXIT_INVALID, EXIT_FAULT: a sentence, NUL-terminated */
	uint64_t entries; /* VM entries so far, and the one that it is in */
	uint64_t count[64]; /* exits by reason, indexed by enum hv_exit_kind; see vcpu_count_name */
	uint64_t unknown_msr; /* accesses that got #GP */
	uint64_t pv_eois; /* EOIs that the guest made without an exit */
	uint64_t pv_ipis; /* hypercalls that send IPIs */
};

#define VCPU_AREA_BYTES 0x3000 /* area, local APIC page, FPU page */
_Static_assert(sizeof(struct vcpu_area) <= 4096, "the area is one page");
