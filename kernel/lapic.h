/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual processor's local APIC. Its state is the 4 KiB page in the hardware's format. Registers
 * are written by the vCPU's own thread only; IRR and TMR bits are set by anybody, atomically.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kernel/timer.h"

struct vcpu;
struct vm;

/* Offsets in the page. [SDM3 "Local APIC Register Address Map"] */
enum lapic_reg {
	APIC_ID = 0x20, APIC_VERSION = 0x30, APIC_TPR = 0x80, APIC_APR = 0x90, APIC_PPR = 0xa0,
	APIC_EOI = 0xb0, APIC_RRD = 0xc0, APIC_LDR = 0xd0, APIC_DFR = 0xe0, APIC_SVR = 0xf0,
	APIC_ISR = 0x100, APIC_TMR = 0x180, APIC_IRR = 0x200, APIC_ESR = 0x280, APIC_CMCI = 0x2f0,
	APIC_ICR = 0x300, APIC_ICR2 = 0x310, APIC_LVTT = 0x320, APIC_LVT_THERMAL = 0x330,
	APIC_LVT_PERF = 0x340, APIC_LVT0 = 0x350, APIC_LVT1 = 0x360, APIC_LVT_ERROR = 0x370,
	APIC_TICR = 0x380, APIC_TCCR = 0x390, APIC_TDCR = 0x3e0, APIC_SELF_IPI = 0x3f0,
};

enum lapic_delivery {
	APIC_FIXED = 0, APIC_LOWEST = 1, APIC_SMI = 2, APIC_NMI = 4, APIC_INIT = 5, APIC_STARTUP = 6,
	APIC_EXTINT = 7,
};

#define APIC_BROADCAST	     0xffffffffU
#define APIC_LVT_MASKED	     (1U << 16)
#define APIC_SVR_ENABLE	     (1U << 8)
#define APIC_TIMER_PERIODIC  (1U << 17)
#define APIC_TIMER_DEADLINE  (2U << 17)
#define APIC_TIMER_MODE	     (3U << 17)
#define APIC_TIMER_HZ	     1000000000ULL /* of the count register, before the divider */
#define APIC_NONE	     (-1)

struct lapic {
	uint32_t *page; /* (c) */
	uint64_t base; /* (v) IA32_APIC_BASE */
	uint8_t irr_words; /* (a) which of IRR's eight words may have a bit set */
	uint8_t isr_words; /* (v) which of ISR's have */
	int16_t isr_top; /* (v) highest vector in service, APIC_NONE */
	uint32_t esr; /* (a) errors since the last write to ESR */
	struct ktimer timer;
	uint64_t deadline; /* (v) host TSC when the timer expires, TIMER_NEVER */
	uint64_t period; /* (v) of a periodic timer, in host TSC ticks */
	uint64_t tsc_deadline; /* (v) IA32_TSC_DEADLINE as the guest wrote it, 0 when expired */
	uint64_t pv_eoi; /* (v) MSR_KVM_PV_EOI_EN */
	uint64_t pv_eois; /* (v) EOIs without an exit */
	bool pv_armed; /* (v) the guest's word is set: clearing it is its EOI (kvm_pv.c) */
};

/* One message on the bus between local APICs, IOAPICs and MSIs. */
struct lapic_message {
	uint32_t dest; /* an ID or logical set; APIC_BROADCAST: all */
	uint8_t vector;
	uint8_t mode; /* enum lapic_delivery */
	bool logical, level; /* level: level-triggered */
};

/* ---- lapic.c: registers ---- */

void lapic_init(struct vcpu *v);
/* Power-on (or INIT) values; APIC_BASE is kept on INIT. */
void lapic_reset(struct vcpu *v, bool init);
/* After the page was replaced (snapshot): recomputes what is cached beside it. */
void lapic_restored(struct vcpu *v);
/* A 32-bit register of the page. E_RANGE: there is none (xAPIC: ESR is set, reads give 0). */
int lapic_read(struct vcpu *v, uint32_t reg, uint32_t *value);
/* May set REQ_EOI. */
int lapic_write(struct vcpu *v, uint32_t reg, uint32_t value);
/* 0, or E_RANGE: #GP. */
int lapic_x2apic_read(struct vcpu *v, uint32_t msr, uint64_t *value);
int lapic_x2apic_write(struct vcpu *v, uint32_t msr, uint64_t value);
/* IA32_APIC_BASE: 0, or E_INVAL: #GP. */
int lapic_base_write(struct vcpu *v, uint64_t value);
/* An error for ESR: the error entry fires when it is a new one. */
void lapic_error(struct vcpu *v, uint32_t bit);
/* Ends the highest vector in service. Returns it when it was level-triggered, APIC_NONE otherwise. */
int lapic_eoi(struct vcpu *v);

static inline bool lapic_enabled(const struct lapic *a) { return (a->base & (1U << 11)) != 0; }
static inline bool lapic_x2apic(const struct lapic *a) { return (a->base & (1U << 10)) != 0; }
static inline uint32_t lapic_reg(const struct lapic *a, uint32_t reg) { return a->page[reg / 4]; }
static inline void lapic_set(struct lapic *a, uint32_t reg, uint32_t value) { a->page[reg / 4] = value; }

/* ---- lapic_irq.c: accepting and sending ---- */

/* The highest requested vector whose class is above what is in service; the TPR is not looked at. */
int lapic_pending(struct lapic *a);
/* Moves vector from IRR to ISR. */
void lapic_accept(struct lapic *a, uint8_t vector);
/* Undoes lapic_accept: the delivery has been put off. */
void lapic_unaccept(struct lapic *a, uint8_t vector);
/* Recomputes what is cached beside IRR and ISR. */
void lapic_summarise(struct lapic *a);
/* Does the 8259's INTR reach this processor? */
bool lapic_takes_extint(const struct lapic *a);
uint32_t lapic_ppr(const struct lapic *a);
/* Sets the vector in IRR. Any processor. */
void lapic_request(struct vcpu *v, uint8_t vector, bool level);
/* The vCPU with this APIC ID, or NULL. */
struct vcpu *lapic_by_id(struct vm *vm, uint64_t apic_id);
/* From any context. Returns how many local APICs accepted it; of a broadcast, `except` (or NULL) is none. */
unsigned lapic_send(struct vm *vm, const struct vcpu *except, const struct lapic_message *m);
/* A write to the ICR. */
void lapic_icr(struct vcpu *v, uint32_t high, uint32_t low);
/* E_INVAL: not an interrupt message (address outside 0xfee00000, reserved bits, reserved mode). */
int lapic_msi(struct vm *vm, uint64_t address, uint32_t data);
/* A local vector-table entry fires. */
void lapic_lvt(struct vcpu *v, uint32_t reg);

/* ---- lapic_timer.c ---- */

void lapic_timer_init(struct vcpu *v);
/* TICR, LVTT's mode or TDCR changed. */
void lapic_timer_start(struct vcpu *v);
void lapic_timer_stop(struct vcpu *v);
/* v is about to wait, or has waited, without running. */
void lapic_timer_halt(struct vcpu *v, bool halted);
uint32_t lapic_timer_count(struct vcpu *v);
void lapic_deadline_write(struct vcpu *v, uint64_t guest_tsc);
uint64_t lapic_deadline_read(const struct vcpu *v);
/* REQ_TIMER: raises the interrupt, and starts the next period. */
void lapic_timer_expired(struct vcpu *v);
