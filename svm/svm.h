/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the SVM backend share. Nobody outside this folder includes it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kernel/abi/status.h"
#include "kernel/vcpu.h"
#include "lib/addr.h"
#include "svm/vmcb.h"

/* How we wait for an instruction to complete: RFLAGS.TF with #DB intercepted. */
enum svm_step { STEP_NONE, STEP_SHADOW, STEP_IRET };

struct svm_vcpu {
	struct vcpu v; /* first */
	struct vmcb *vmcb; /* (c) */
	hpa_t vmcb_hpa; /* (c) */
	uint64_t asid_generation; /* (v) of cpu's, 0: none yet */
	unsigned cpu; /* (v) where the VMCB was loaded last */
	bool nmi_blocked; /* (v) without vNMI: an NMI handler runs */
	bool nmi_iret; /* (v) its IRET is about to execute, at nmi_iret_rip */
	uint8_t step; /* (v) enum svm_step */
	bool step_tf; /* (v) the guest itself has TF set */
	bool virq; /* (v) V_IRQ delivers v.event, instead of EVENTINJ */
	bool shut_down; /* (v) the VMCB's guest state is undefined until the next full push */
	uint64_t nmi_iret_rip;
	uint64_t shadow_rip; /* (v) of the last host interrupt's exit, when a shadow was there; plus 1 */
	uint64_t step_dr6;
};

/* What one processor needs. */
struct svm_cpu {
	void *hsave; /* (c) host state that VMRUN saves */
	void *host; /* (c) a VMCB for what VMLOAD and VMSAVE switch */
	hpa_t host_hpa;
	uint64_t generation; /* ASIDs of an older generation are invalid here */
	uint32_t asid_next;
};

/* Read-only once probe and the first cpu_on are through. */
struct svm_box {
	uint32_t caps; /* enum hv_cap */
	uint32_t clean; /* SVM_CLEAN_*: what the processor may keep of a VMCB after an exit */
	uint32_t asids; /* 1 .. asids - 1 are usable */
	hpa_t iopm, msrpm;
	bool tcg; /* QEMU's: see svm_rearm and inject_virq */
};
extern struct svm_box svm_box;

static inline struct svm_vcpu *svm_vcpu(struct vcpu *v) { return (struct svm_vcpu *)v; }

/* The state of the calling processor. */
struct svm_cpu *svm_cpu_self(void);

static inline void svm_dirty(struct vmcb *c, uint32_t bits) { c->clean &= ~bits; }

/* ---- entry.asm ---- */
void svm_enter(struct svm_vcpu *s, uint64_t vmcb_hpa, uint64_t host_hpa);
void svm_vmsave(uint64_t hpa);
extern const char svm_vmrun_end[]; /* the host's RIP of every exit */

/* ---- svm_probe.c ---- */
int svm_probe(const char *options, struct hv_report *report);
int svm_cpu_on(struct percpu *cpu);

/* ---- svm_vcpu.c ---- */
int svm_vcpu_init(struct vcpu *v);
void svm_vcpu_fini(struct vcpu *v);
void svm_load(struct vcpu *v);
void svm_put(struct vcpu *v);
void svm_tlb_flush(struct vcpu *v);
void svm_tsc_offset(struct vcpu *v, uint64_t offset);
/* Gives the vCPU an ASID of its processor's present generation. */
void svm_asid(struct svm_vcpu *s, struct svm_cpu *cpu);

/* ---- svm_regs.c ---- */
void svm_pull(struct vcpu *v, uint32_t groups, struct vcpu_regs *r);
void svm_push(struct vcpu *v, uint32_t groups, const struct vcpu_regs *r);
int svm_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
int svm_msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
void svm_dump(struct vcpu *v);
/* The rule of VMRUN that the VMCB breaks, as far as we can tell. */
const char *svm_invalid(const struct vmcb *c);

/* ---- svm_event.c ---- */
uint32_t svm_can(struct vcpu *v);
void svm_inject(struct vcpu *v, const struct hv_event *e);
void svm_window(struct vcpu *v, uint32_t windows, uint8_t priority);
/* After an exit: what has to be delivered again. */
void svm_reinject(struct svm_vcpu *s, uint64_t info);
/* After an exit, with virq: an interrupt that V_IRQ did not deliver is to be delivered again. */
void svm_virq_done(struct svm_vcpu *s);
void svm_iret(struct svm_vcpu *s);
/* A #DB arrived. True: it was our own single step, and nobody else's business. */
bool svm_step_done(struct svm_vcpu *s);
/* Another exit came before the step was done: its instruction has not executed. */
void svm_step_cancel(struct svm_vcpu *s);

/* ---- svm_run.c ---- */
enum hv_exit_kind svm_run(struct vcpu *v);
void svm_skip(struct vcpu *v);
