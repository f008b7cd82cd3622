/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the VMX backend share. Nobody outside this folder includes it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kernel/abi/status.h"
#include "kernel/vcpu.h"
#include "lib/addr.h"
#include "vmx/vmcs.h"

/* An entry of the MSR areas. [SDM3 "Format of an MSR Entry"] */
struct vmx_msr {
	uint32_t index, reserved;
	uint64_t value;
};

/* MSRs that no VMCS field switches and ring 3 or the kernel depends on. */
enum { LIST_STAR, LIST_LSTAR, LIST_CSTAR, LIST_FMASK, LIST_KERNEL_GS, LIST_COUNT };

struct vmx_lists { /* one page */
	struct vmx_msr guest[LIST_COUNT]; /* loaded at entry, stored at exit */
	struct vmx_msr host[LIST_COUNT]; /* loaded at exit */
};

struct vmx_vcpu {
	struct vcpu v; /* first */
	uint32_t *vmcs; /* (c) */
	struct vmx_lists *lists; /* (c) */
	uint32_t *virtual_apic; /* (c) only its TPR is used */
	hpa_t vmcs_hpa; /* (c) */
	uint64_t ept_pointer; /* (c) */
	uint32_t cpu_controls; /* (v) as in the VMCS */
	uint32_t trapped; /* (v) exception bitmap */
	uint64_t guest_dr6; /* (v) DR6 is not in the VMCS; while not loaded */
	uint64_t cr2; /* (v) nor is CR2: taken after each exit, since the kernel may take page faults */
	uint32_t exit_length; /* (v) of the instruction that caused the exit */
	bool launched; /* (v) VMRESUME, not VMLAUNCH */
	bool flush; /* (v) INVEPT before the next entry */
};

struct vmx_cpu {
	uint32_t *vmxon; /* (c) */
	struct vmx_vcpu *current; /* whose VMCS is current */
	bool on;
};

/* Read-only after the first cpu_on. */
struct vmx_box {
	uint32_t revision;
	uint32_t pin, cpu, cpu2, exit, entry; /* controls, adjusted to what the processor wants */
	hpa_t msr_bitmap;
	bool invept_one;
};
extern struct vmx_box vmx_box;

static inline struct vmx_vcpu *vmx_vcpu(struct vcpu *v) { return (struct vmx_vcpu *)v; }

struct vmx_cpu *vmx_cpu_self(void);

static inline uint64_t vmread(uint64_t field)
{
	uint64_t value;

	__asm__ volatile("vmread %1, %0" : "=r"(value) : "r"(field) : "cc");
	return value;
}

static inline void vmwrite(uint64_t field, uint64_t value)
{
	__asm__ volatile("vmwrite %1, %0" : : "r"(field), "r"(value) : "cc", "memory");
}

/* ---- entry.asm: 0, or 1 when VMLAUNCH or VMRESUME failed ---- */
unsigned vmx_enter(struct vmx_vcpu *s, unsigned launched);
extern const char vmx_exit_point[];

/* ---- vmx_probe.c ---- */
int vmx_probe(const char *options, struct hv_report *report);
int vmx_cpu_on(struct percpu *cpu);
void vmx_cpu_off(struct percpu *cpu);

/* ---- vmx_vcpu.c ---- */
int vmx_vcpu_init(struct vcpu *v);
void vmx_vcpu_fini(struct vcpu *v);
void vmx_load(struct vcpu *v);
void vmx_put(struct vcpu *v);
/*
 * Makes the VMCS current when it is not, for a vCPU that is loaded nowhere; returns whose was. end
 * undoes it.
 */
struct vmx_vcpu *vmx_borrow(struct vmx_vcpu *s);
void vmx_return(struct vmx_vcpu *s, struct vmx_vcpu *previous);
void vmx_cpu_controls(struct vmx_vcpu *s, uint32_t set, uint32_t clear);
void vmx_trap_exceptions(struct vcpu *v, uint32_t vectors);
void vmx_tsc_offset(struct vcpu *v, uint64_t offset);
void vmx_tlb_flush(struct vcpu *v);
void vmx_invept(const struct vmx_vcpu *s);

/* ---- vmx_regs.c ---- */
void vmx_pull(struct vcpu *v, uint32_t groups, struct vcpu_regs *r);
void vmx_push(struct vcpu *v, uint32_t groups, const struct vcpu_regs *r);
int vmx_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
int vmx_msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
void vmx_dump(struct vcpu *v);

/* ---- vmx_event.c ---- */
uint32_t vmx_can(struct vcpu *v);
void vmx_inject(struct vcpu *v, const struct hv_event *e);
void vmx_window(struct vcpu *v, uint32_t windows, uint8_t priority);
void vmx_reinject(struct vmx_vcpu *s);

/* ---- vmx_run.c ---- */
enum hv_exit_kind vmx_run(struct vcpu *v);
void vmx_skip(struct vcpu *v);
