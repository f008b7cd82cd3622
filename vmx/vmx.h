/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the VMX backend share. Nobody outside this folder includes it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kernel/abi/status.h"
#include "kernel/vcpu.h"
#include "lib/addr.h"
#include "vmx/vmcs.h"
#include "vmx/vmx_caps.h"

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

/* How often something optional was used, by the number of its VMX_F_ bit; in the dump. */
enum vmx_use {
	VMX_USE_VPID, /* a vCPU was loaded whose controls ask for it */
	VMX_USE_TPR, /* .. */
	VMX_USE_TIMER, /* entries with the preemption timer running */
	VMX_USE_PAUSE, /* as VPID */
	VMX_USE_RDTSCP, /* .. */
	VMX_USE_INVPCID, /* .. */
	VMX_USE_1G, /* not counted: pages in the VM that is dumped */
	VMX_USE_INVEPT_ONE,
	VMX_USE_INVVPID_ONE,
	VMX_USE_INVVPID_LOCAL,
	VMX_USE_INVEPT_ALL, /* what is done without */
	VMX_USE_INVVPID_ALL,
	VMX_USES
};

/* What has to be done before the next entry. One word, so that usually one test says: nothing. */
enum {
	FLUSH_LOCAL = 1, /* drop linear translations but the global ones */
	FLUSH_LINEAR = 2, /* .. all linear translations */
	FLUSH_EPT = 4, /* .. guest-physical ones */
	BEFORE_SOFT = 8, /* a software event is armed: RIP goes back by soft_length */
	BEFORE_TIMER = 16, /* there is a deadline: the timer is set (stays) */
	BEFORE_DEBUG = 32, /* vmx_box.debug (stays) */
	FLUSH = FLUSH_LOCAL | FLUSH_LINEAR | FLUSH_EPT,
};

struct vmx_vcpu {
	struct vcpu v; /* first */
	uint32_t *vmcs; /* (c) */
	struct vmx_lists *lists; /* (c) */
	uint32_t *virtual_apic; /* (c) only its TPR is used */
	hpa_t vmcs_hpa; /* (c) */
	uint64_t ept_pointer; /* (c) */
	uint32_t pin_controls, cpu_controls; /* (v) as in the VMCS */
	uint64_t guest_dr6; /* (v) DR6 is not in the VMCS; while not loaded */
	uint64_t cr2; /* (v) nor is CR2: taken after each exit, since the kernel may take page faults */
	uint64_t cr4_owned; /* (v) the guest/host mask of CR4 */
	uint64_t rsp, host_rsp; /* (v) as in the VMCS: written there only when they differ */
	uint64_t deadline; /* (v) host TSC for the preemption timer, ~0: none */
	uint64_t clean; /* (v) a bit a processor: no translation of an earlier life is cached there */
	uint16_t vpid; /* (c) 0: none */
	uint8_t soft_length; /* (v) of the instruction, with BEFORE_SOFT */
	uint8_t before; /* (v) FLUSH_*, BEFORE_* */
	bool launched; /* (v) VMRESUME, not VMLAUNCH */
	unsigned cpu; /* (v) where it was loaded last; ~0: nowhere */
};

struct vmx_cpu {
	uint32_t *vmxon; /* (c) */
	struct vmx_vcpu *current; /* whose VMCS is current */
	uint64_t used[VMX_USES]; /* this processor only */
};

_Static_assert(1 << VMX_USE_VPID == VMX_F_VPID && 1 << VMX_USE_INVPCID == VMX_F_INVPCID &&
	       1 << VMX_USE_INVVPID_LOCAL == VMX_F_INVVPID_LOCAL, "counted by the feature's bit");

/* Read-only after the first cpu_on. */
struct vmx_box {
	struct vmx_controls c;
	hpa_t msr_bitmap;
	char options[128]; /* the command line's */
	uint8_t debug; /* VMX_DEBUG_* */
};

enum { VMX_DEBUG_CHECK = 1, VMX_DEBUG_BREAK = 2 };
extern struct vmx_box vmx_box;

static inline struct vmx_vcpu *vmx_vcpu(struct vcpu *v) { return (struct vmx_vcpu *)v; }

struct vmx_cpu *vmx_cpu_self(void);

#ifdef BULKHEAD_UNIT_TEST /* a VMCS in memory: tests/unit/vmx_fake.c */
uint64_t vmread(uint64_t field);
void vmwrite(uint64_t field, uint64_t value);
#else
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
#endif

/* ---- entry.asm: 0, or 1 when VMLAUNCH or VMRESUME failed. *host_rsp: as in the VMCS. ---- */
unsigned vmx_enter(struct vmx_vcpu *s, unsigned launched, uint64_t *host_rsp);
extern const char vmx_exit_point[];

/* ---- vmx_probe.c ---- */
int vmx_probe(const char *options, struct hv_report *report);
int vmx_cpu_on(struct percpu *cpu);

#define VMX_BOUND (1U << 16) /* preemption-timer ticks of a run, with VMX_F_BOUND */

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
void vmx_deadline(struct vcpu *v, uint64_t tsc);
void vmx_tsc_offset(struct vcpu *v, uint64_t offset);

/* ---- vmx_tlb.c ---- */
/* A tag for a new vCPU; without one, each entry and exit drops its translations. */
void vmx_vpid_take(struct vmx_vcpu *s);
void vmx_vpid_give(struct vmx_vcpu *s);
/* It runs on processor `cpu` now. */
void vmx_tlb_load(struct vmx_vcpu *s, unsigned cpu);
void vmx_tlb_flush(struct vcpu *v);
/* FLUSH_*: what a change of control registers asks for. [SDM3 "Operations that Invalidate TLBs"] */
uint8_t vmx_tlb_change(uint64_t cr0, uint64_t cr3, uint64_t cr4, uint64_t efer, const struct vcpu_regs *to);
/* Does what the FLUSH_* of s->before say. */
void vmx_tlb_do(struct vmx_vcpu *s);

/* ---- vmx_regs.c ---- */
void vmx_pull(struct vcpu *v, uint32_t groups, struct vcpu_regs *r);
void vmx_push(struct vcpu *v, uint32_t groups, const struct vcpu_regs *r);
int vmx_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
int vmx_msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
/* Segment n in the VMCS's order; P = 0 when it is unusable. */
void vmx_seg_out(struct vcpu_seg *to, unsigned n);

/* ---- vmx_dump.c ---- */
struct vmx_state;
/* What vmx_check looks at. */
void vmx_state_read(const struct vmx_vcpu *s, struct vmx_state *out);
void vmx_dump(struct vcpu *v);

/* ---- vmx_break.c: for the negative tests ---- */
/* `vmx=+break`: a VM that is named break-FIELD gets that field made wrong after some entries. */
void vmx_break(struct vmx_vcpu *s);

/* ---- vmx_event.c ---- */
uint32_t vmx_can(struct vcpu *v);
void vmx_inject(struct vcpu *v, const struct hv_event *e);
void vmx_window(struct vcpu *v, uint32_t windows, uint8_t priority);
/* Right before the entry that delivers a software event. */
void vmx_event_arm(struct vmx_vcpu *s);
/* After an exit that interrupted a delivery: what has to be delivered again. */
void vmx_reinject(struct vmx_vcpu *s, uint32_t vectoring);
/* unblocked: the exit's qualification or interruption information, of which bit 12 counts. */
void vmx_iret_undo(uint64_t unblocked);

/* ---- vmx_decode.c ---- */
/*
 * By basic exit reason: the kind plus one; whether vmx_decode has to look closer; whether it is an
 * instruction's, which never comes in the middle of an event's delivery. 0: no such exit.
 */
#define VMX_DECODE 0x80
#define VMX_INSN   0x40
extern const uint8_t vmx_exit_kind[VMX_REASONS];
/* Fills v->exit from the VMCS. */
enum hv_exit_kind vmx_decode(struct vmx_vcpu *s, uint32_t reason);

/* ---- vmx_run.c ---- */
enum hv_exit_kind vmx_run(struct vcpu *v);
void vmx_skip(struct vcpu *v);
