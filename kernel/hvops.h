/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contract between the vendor-neutral run loop and a processor vendor's backend: one read-only
 * table each, svm_ops and vmx_ops (and a scripted fake in the unit tests). Common code never sees a
 * vendor's exit code; a backend never decides policy, it decodes and obeys.
 *
 * Context of every call unless it says otherwise: ring 0, interrupts off, on the processor where the
 * vCPU is loaded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernel/abi/vcpu.h"

struct percpu;
struct vm;
struct vcpu;

/* A backend's answer after one entry. Also the index of the exit counters. */
enum hv_exit_kind {
	HV_EXIT_INTR = 0, /* a host interrupt is pending: open the window and it is taken */
	HV_EXIT_NMI, /* a host NMI, already handled by the backend */
	HV_EXIT_MC, /* a machine check, already handed to the host's handler */
	HV_EXIT_CPUID,
	HV_EXIT_RDMSR,
	HV_EXIT_WRMSR,
	HV_EXIT_HLT,
	HV_EXIT_HYPERCALL, /* VMMCALL or VMCALL */
	HV_EXIT_PIO,
	HV_EXIT_NPF, /* nested page fault, EPT violation */
	HV_EXIT_NPT_BAD, /* EPT misconfiguration, reserved bits: our own bug */
	HV_EXIT_CR, /* a write to, or read of, a control register that is intercepted */
	HV_EXIT_DR,
	HV_EXIT_XSETBV,
	HV_EXIT_WBINVD, /* WBINVD, WBNOINVD */
	HV_EXIT_INVD,
	HV_EXIT_INVLPG,
	HV_EXIT_RDTSC,
	HV_EXIT_RDPMC,
	HV_EXIT_MONITOR,
	HV_EXIT_MWAIT,
	HV_EXIT_PAUSE,
	HV_EXIT_VIRT_INSN, /* VMRUN, VMLOAD, STGI .., VMXON .., SKINIT: the guest gets #UD */
	HV_EXIT_EXCEPTION, /* exception.vector .. */
	HV_EXIT_WINDOW, /* the interrupt or NMI window that was asked for is open */
	HV_EXIT_TPR, /* the TPR fell below the threshold */
	HV_EXIT_DEADLINE, /* VMX preemption timer */
	HV_EXIT_EOI, /* hardware-virtualised EOI of a level vector (APICv) */
	HV_EXIT_APIC_ACCESS,
	HV_EXIT_TASK_SWITCH,
	HV_EXIT_SHUTDOWN,
	HV_EXIT_INIT, /* an INIT signal reached the host processor */
	HV_EXIT_SMI,
	HV_EXIT_RSM,
	HV_EXIT_INVALID, /* entry refused: text in vcpu->exit.text */
	HV_EXIT_BUS_LOCK,
	HV_EXIT_NOTIFY,
	HV_EXIT_UNKNOWN, /* a code this backend does not know: raw.code */
	HV_EXIT_KINDS
};

/* One decoded exit. Filled by run(); which member is valid depends on what run returned. */
struct hv_exit {
	union {
		struct {
			uint16_t port;
			uint8_t size, write, string, rep;
		} pio;
		struct vcpu_mmio npf;
		struct {
			uint8_t number, write, gpr; /* which CR or DR; gpr: index of the source */
			uint8_t decoded; /* 0: the backend cannot tell which register */
			uint64_t value; /* write: the new value */
		} reg;
		struct {
			uint8_t vector, has_error;
			uint32_t error;
			uint64_t address; /* #PF: CR2; #DB: DR6 bits */
		} exception;
		struct {
			uint16_t selector;
			uint8_t reason; /* TASK_*; what a gate delivers is in v->event */
			uint8_t insn_len; /* of the instruction at RIP that asked for it; 0: none did */
		} task;
		struct {
			uint64_t code, info1, info2; /* the vendor's own, for the log only */
		} raw;
	};
	char text[VCPU_TEXT_MAX]; /* HV_EXIT_INVALID: which field, as far as anybody can tell */
};

struct hv_event {
	uint8_t type; /* EVENT_* of kernel/abi/vcpu.h */
	uint8_t vector, has_error, insn_len;
	uint32_t error;
};

/* What may be delivered right now, and what windows to ask for. */
enum { HV_CAN_INTERRUPT = 1, HV_CAN_NMI = 2 };

/* What the processor offers and the box's command line has not masked off. */
enum hv_cap {
	HV_CAP_NEXT_RIP = 1 << 0, /* instruction lengths come with exits */
	HV_CAP_DECODE = 1 << 1, /* instruction bytes or operand decode come with exits */
	HV_CAP_CLEAN = 1 << 2, /* VMCB clean bits */
	HV_CAP_TLB_TAG = 1 << 3, /* ASIDs, VPIDs */
	HV_CAP_FLUSH_TAG = 1 << 4, /* flush one tag's translations only */
	HV_CAP_TPR = 1 << 5, /* CR8 without exits */
	HV_CAP_DEADLINE = 1 << 6, /* hv_ops.deadline is usable (VMX preemption timer) */
	HV_CAP_VNMI = 1 << 7,
	HV_CAP_TSC_SCALE = 1 << 8,
	HV_CAP_PAUSE_FILTER = 1 << 9,
	HV_CAP_PAGE_1G = 1 << 10, /* nested 1 GiB pages */
	HV_CAP_RDTSCP = 1 << 11, /* guests can execute RDTSCP and RDPID, where the processor can */
	HV_CAP_INVPCID = 1 << 12, /* .. INVPCID */
};

/*
 * The nested page table's entry format, as data: kernel/npt.c builds the tables for both vendors.
 * A leaf is address | leaf_bits (| large at levels 2 and 3); a table pointer is address | table_bits.
 */
struct npt_format {
	const char *name;
	uint8_t levels; /* 4 */
	uint64_t table_bits;
	uint64_t present_mask; /* any of these set: the entry is in use */
	uint64_t read, write, execute, no_execute; /* bits to set in a leaf; 0 where implied */
	uint64_t memtype_wb; /* bits to set in a leaf */
	uint64_t large; /* in a leaf at 2M and 1G */
	uint64_t address_mask;
};

/* What probe found; the reason is a whole sentence for the person in front of the box. */
struct hv_report {
	uint32_t caps; /* enum hv_cap */
	char reason[160]; /* when probe fails */
	char features[200]; /* for the log: what is there, what is masked */
};

struct hv_ops {
	const char *name, *title; /* "SVM", and what people call it */
	const char *option; /* its word on the box's command line */
	size_t vcpu_size; /* of the vendor's vCPU; it begins with struct vcpu */

	/*
	 * Is this backend's hardware here, complete, and not locked by firmware? 0, or
	 * E_UNSUPPORTED: another vendor's processor (reason empty), or with a reason. `options` is the
	 * box's command line value for it ("-nrips,-clean"), NULL when absent. Changes nothing.
	 */
	int (*probe)(const char *options, struct hv_report *report);
	/* Turn virtualisation on, on the calling processor, for good. */
	int (*cpu_on)(struct percpu *cpu);

	/* Control blocks from the pool, charged to the VM's space; reset state by push. */
	int (*vcpu_init)(struct vcpu *v); /* v->vm is set */
	void (*vcpu_fini)(struct vcpu *v);

	/* Make v's control block current on this processor / flush it for another one. */
	void (*load)(struct vcpu *v);
	void (*put)(struct vcpu *v);

	/*
	 * One entry. v->gpr holds the guest's registers before and after, RSP included, v->cr8 its
	 * task priority. Host state is restored exactly. Fills v->exit (of the union only the member
	 * that belongs to the kind). Replaces v->event by what has to be delivered again, because its
	 * delivery was interrupted, or by EVENT_NONE.
	 */
	enum hv_exit_kind (*run)(struct vcpu *v);
	/* Step over the instruction that caused the current exit; clears the interrupt shadow. */
	void (*skip)(struct vcpu *v);

	/* Copy register groups out of, and into, the control block. push has validated values only. */
	void (*pull)(struct vcpu *v, uint32_t groups, struct vcpu_regs *r);
	void (*push)(struct vcpu *v, uint32_t groups, const struct vcpu_regs *r);

	/* MSRs that are kept in the control block; E_RANGE: not mine. Values are valid already. */
	int (*msr_read)(struct vcpu *v, uint32_t msr, uint64_t *value);
	int (*msr_write)(struct vcpu *v, uint32_t msr, uint64_t value);

	uint32_t (*can)(struct vcpu *v); /* HV_CAN_*: RFLAGS.IF, shadows and NMI blocking; not the TPR */
	/* At the next entry. Told again with the same event when entries were put off. */
	void (*inject)(struct vcpu *v, const struct hv_event *e);
	/*
	 * HV_CAN_* to be told of by HV_EXIT_WINDOW; 0: none. For HV_CAN_INTERRUPT also the priority
	 * class of what waits: the window is open only while it is above v->cr8 (0x10: always).
	 */
	void (*window)(struct vcpu *v, uint32_t windows, uint8_t priority);

	void (*tsc_offset)(struct vcpu *v, uint64_t offset);
	void (*deadline)(struct vcpu *v, uint64_t tsc); /* HV_CAP_DEADLINE; ~0: none */
	void (*tlb_flush)(struct vcpu *v); /* before the next entry: all of this vCPU's translations */
	void (*dump)(struct vcpu *v); /* the vendor's own fields, to the log; any processor */

	const struct npt_format *npt;
};

extern const struct hv_ops svm_ops;
extern const struct hv_ops vmx_ops;

/* Chosen once at boot, constant afterwards; on every processor the same. */
extern const struct hv_ops *hv;
extern uint32_t hv_caps;
