/* SPDX-License-Identifier: GPL-2.0-only */
/* A virtual processor: the vendor-neutral half. A backend's own struct begins with this one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kernel/abi/vcpu.h"
#include "kernel/hvops.h"
#include "kernel/timer.h"

struct event;
struct lapic;
struct thread;
struct vm;

/* Bits of vcpu.request: set by anyone, tested with interrupts off just before entry. */
enum {
	REQ_KICK = 1 << 0, /* return EXIT_KICK */
	REQ_EVENT = 1 << 1, /* the local APIC or an NMI may have something to deliver */
	REQ_TLB = 1 << 2, /* flush before entry */
	REQ_INIT = 1 << 3, /* INIT IPI */
	REQ_SIPI = 1 << 4, /* start-up IPI: vcpu.sipi */
	REQ_TIMER = 1 << 5, /* the local APIC timer expired */
	REQ_NMI = 1 << 6,
	REQ_DEAD = 1 << 7,
};

struct vcpu {
	/* hot: touched at every entry; backends know these offsets (generated, never by hand) */
	uint64_t gpr[16]; /* (v) guest registers while in the kernel */
	uint32_t request; /* (a) REQ_* */
	bool in_guest; /* (a) between the request test and the exit: a poke is needed */

	struct hv_exit exit; /* (v) */
	struct hv_event reinject; /* (v) type EVENT_NONE, or delivered first at the next entry */
	struct vm *vm; /* (c) */
	struct thread *thread; /* (v) running vcpu_run now, or NULL; (a) for wakers */
	struct lapic *lapic; /* (c) */
	struct vcpu_area *area; /* (c) shared with the monitor; never trusted */
	uint32_t apic_id; /* (c) */
	unsigned index; /* (c) in vm->vcpu[] */
	uint8_t activity; /* (v) ACTIVITY_* */
	uint8_t sipi; /* (a) */
	bool intr; /* (a) level of the 8259's INTR */
	bool nmi_pending; /* (v) */
	enum vcpu_exit pending; /* (v) exit that the next vcpu_run completes (PIO input, INTA) */
	struct vcpu_pio pending_pio; /* (v) */
	uint64_t tsc_offset; /* (v) */
	uint64_t dr[4]; /* (v) DR0-3 while not loaded */
	void *fpu; /* (c) XSAVE area */
	uint64_t xcr0; /* (v) the guest's */
	/* MSRs that live here and in no control block */
	uint64_t tsc_aux, misc_enable, spec_ctrl, mtrr_def_type, mtrr_fixed[11], mtrr_base[8], mtrr_mask[8];
	uint64_t kvm_system_time, kvm_wall_clock, kvm_steal_time, kvm_pv_eoi; /* guest-physical | enable */
	uint64_t entries, count[HV_EXIT_KINDS], unknown_msr; /* (v) copied to the area on exits */
	struct vcpu *next; /* backends' free use: none */
};

/* Scheduler hooks (thread context, interrupts off). */
void vcpu_load(struct vcpu *v);
void vcpu_put(struct vcpu *v);
/* From any processor: set request bits; makes the vCPU notice (unpark, or poke its processor). */
void vcpu_request(struct vcpu *v, uint32_t bits);
