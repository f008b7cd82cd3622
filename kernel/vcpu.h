/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual processor: the vendor-neutral half. A backend's own struct begins with this one. Who may
 * touch a field: (c) constant after creation, (v) the thread that runs the vCPU, (a) anyone, atomic.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "arch/spinlock.h"
#include "kernel/abi/vcpu.h"
#include "kernel/handle.h"
#include "kernel/hvops.h"
#include "kernel/lapic.h"
#include "kernel/msr_policy.h"

struct space;
struct thread;
struct vm;

/* Bits of vcpu.request: set by anyone, tested with interrupts off just before entry. */
enum {
	REQ_KICK = 1 << 0, /* return EXIT_KICK */
	REQ_EVENT = 1 << 1, /* the local APIC or the 8259 may have something to deliver */
	REQ_INIT = 1 << 3, /* INIT IPI */
	REQ_SIPI = 1 << 4, /* start-up IPI: vcpu.sipi */
	REQ_TIMER = 1 << 5, /* the local APIC timer expired */
	REQ_NMI = 1 << 6,
	REQ_DEAD = 1 << 7, /* the VM was killed */
	REQ_UNHALT = 1 << 9, /* another vCPU's hypercall: end a HLT */
	REQ_EOI = 1 << 8, /* vcpu.eoi_vector has to be told to the monitor first */
};

/* Where the thread of a vCPU is; decides how vcpu_request makes it notice. */
enum vcpu_mode {
	VCPU_OUTSIDE = 0, /* in the kernel or the monitor: it will look at the requests */
	VCPU_IN_GUEST, /* needs a poke */
	VCPU_PARKED, /* needs an unpark */
};

struct vcpu {
	struct object object;
	/* hot: touched at every entry; the backends' assembly checks these offsets */
	uint64_t gpr[16]; /* (v) guest registers while in the kernel */
	uint32_t request; /* (a) REQ_* */
	uint8_t mode; /* (a) enum vcpu_mode */
	uint8_t activity; /* (v) ACTIVITY_* */
	uint8_t cr8; /* (v) the task priority's class, kept by the backend around an entry */
	uint8_t intr; /* (a) level of the 8259's INTR */
	uint8_t nmi_pending; /* (v) */
	uint8_t unhalted; /* (v) the next HLT, or the present one, ends at once */
	uint8_t window_wanted; /* (v) HV_CAN_* asked of the backend at present */
	uint8_t window_priority; /* (v) */
	uint8_t sipi; /* (a) */
	uint8_t eoi_vector; /* (v) with REQ_EOI */
	struct hv_event event; /* (v) delivered first at the next entry, unless EVENT_NONE */
	enum vcpu_exit reason; /* (v) why vcpu_run is about to return, when a handler said so */
	enum vcpu_exit pending; /* (v) what the next vcpu_run completes: EXIT_PIO, EXIT_INTA, or EXIT_KICK: nothing */
	uint8_t pending_size; /* (v) EXIT_PIO: bytes of the input */
	uint8_t foreign; /* (v) with MIT_L1D: others ran here since its last entry; the backend flushes and clears it */
	struct vcpu_area *area; /* (c) shared with the monitor; never trusted */
	struct vm *vm; /* (c) */
	struct lapic lapic;

	struct hv_exit exit; /* (v) */
	struct spinlock wake_lock; /* while it is held, thread does not go away */
	struct thread *thread; /* [wake_lock] to change; the one that runs this vCPU, from its first vcpu_run on */
	uint32_t apic_id; /* (c) */
	unsigned index; /* (c) in vm->vcpu[] */
	bool loaded; /* (v) guest FPU, debug registers and control block are on this processor */
	uint64_t area_va; /* (c) in the monitor */
	uint64_t tsc_offset; /* (v) */
	uint64_t dr[4]; /* (v) DR0-3 while not loaded */
	uint64_t xcr0; /* (v) the guest's */
	void *fpu; /* (c) fpu_bytes, one page */
	struct msr_state msr; /* (v) MSRs that live in no control block */
	uint64_t unknown_msr; /* (v) accesses that got #GP */
	uint64_t dropped_writes; /* (v) guest pages that could not be written */
};

/* What an exit handler decides. */
enum exit_action {
	ACTION_RESUME, /* enter again */
	ACTION_MONITOR, /* return to the monitor with v->reason */
};

/* ---- vcpu.c: life, requests ---- */

/*
 * area_va: where the three pages of struct vcpu_area appear in the monitor. 0, E_INVAL, E_NOMEM,
 * E_EXIST. vcpu_destroy of kernel/handle.h undoes it.
 */
int vcpu_create(struct vm *vm, uint32_t apic_id, uint64_t area_va, struct vcpu **out);
/* Gives the memory back; when nobody can have the pointer any more. */
void vcpu_free(struct vcpu *v);
/* The state after power-on, or after INIT (which keeps FPU, MTRRs and most MSRs). Thread of v. */
void vcpu_reset(struct vcpu *v, bool init);
/* From any processor: set request bits; makes the vCPU notice (unpark, or poke its processor). */
void vcpu_request(struct vcpu *v, uint32_t bits);
/* State and the backend's fields, to the log. */
void vcpu_dump(struct vcpu *v);

/* ---- vcpu_hw.c: what a processor holds for a loaded vCPU. Scheduler hooks (interrupts off). ---- */

void vcpu_load(struct vcpu *v);
void vcpu_put(struct vcpu *v);
/* v is loaded: DR0-3 between the processor and v->dr. */
void vcpu_dr_load(struct vcpu *v);
void vcpu_dr_save(struct vcpu *v);
/* v is loaded: its XCR0 becomes value. 0, or E_INVAL when the processor refused it. */
int vcpu_xcr0_set(struct vcpu *v, uint64_t value);
/* Makes v->xcr0 what the guest has in the register; its own thread. */
void vcpu_xcr0_sync(struct vcpu *v);
/* v is loaded: its TSC_AUX. */
uint64_t vcpu_tsc_aux(void);
/* Puts v->msr.tsc_aux into the processor, when v is loaded. */
void vcpu_tsc_aux_load(const struct vcpu *v);
/* The guest asked for an indirect-branch prediction barrier. */
void vcpu_ibpb(void);

/* ---- vcpu_run.c ---- */

/* Runs v on the calling thread until the monitor is needed. enum vcpu_exit, or a negative status. */
int vcpu_run(struct vcpu *v);
/*
 * v->thread becomes self (E_BUSY: it is somebody) or nobody. Whoever it is may touch what is marked
 * (v): two at once would ruin each other's timer queue.
 */
int vcpu_claim(struct vcpu *v, struct thread *self);
void vcpu_release(struct vcpu *v);
/* The thread that ran v is going away. */
void vcpu_unbind(struct vcpu *v);

/* ---- vcpu_exit.c ---- */

enum exit_action vcpu_exit_handle(struct vcpu *v, enum hv_exit_kind kind);
/* Pends an exception; combines to #DF with one whose delivery was interrupted. */
void vcpu_raise(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error);
static inline void vcpu_raise_ud(struct vcpu *v) { vcpu_raise(v, 6, false, 0); }
static inline void vcpu_raise_gp(struct vcpu *v) { vcpu_raise(v, 13, true, 0); }

/* ---- vcpu_regs.c: the area's register groups ---- */

/* Fills the groups of `mask` in the area. v may be loaded or not. */
void vcpu_regs_pull(struct vcpu *v, uint32_t mask);
/* Takes the groups of `mask` from the area. E_INVAL: a value that no processor can hold; nothing changed. */
int vcpu_regs_push(struct vcpu *v, uint32_t mask);
/* May the guest have these CR0, CR3, CR4, CR8, EFER and XCR0 together? */
bool vcpu_cr_valid(const struct vcpu *v, const struct vcpu_regs *r);
