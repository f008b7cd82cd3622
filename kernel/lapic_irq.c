/* SPDX-License-Identifier: GPL-2.0-only */
/* Interrupts: what a local APIC accepts, what is in service, and messages between processors. */
#include "kernel/lapic.h"

#include "kernel/abi/status.h"
#include "kernel/vcpu.h"
#include "kernel/vm.h"

#define ESR_SEND_ILLEGAL    (1U << 5)
#define ESR_RECEIVE_ILLEGAL (1U << 6)

static uint32_t *word_of(struct lapic *a, uint32_t reg, unsigned vector)
{
	return &a->page[reg / 4 + vector / 32 * 4];
}

static int top_of(unsigned word, uint32_t bits) { return (int)(word * 32 + 31) - __builtin_clz(bits); }

static uint32_t irr_word(struct lapic *a, unsigned word)
{
	return __atomic_load_n(&a->page[(APIC_IRR + word * 16) / 4], __ATOMIC_SEQ_CST);
}

/* The highest vector of IRR. irr_words says where to look, and is corrected on the way. */
static int irr_top(struct lapic *a)
{
	unsigned words = __atomic_load_n(&a->irr_words, __ATOMIC_RELAXED);

	while (words != 0) {
		unsigned w = 31U - (unsigned)__builtin_clz(words);
		uint32_t bits = irr_word(a, w);

		if (bits != 0)
			return top_of(w, bits);
		words &= ~(1U << w);
		/* Cleared before looking again: a request that comes meanwhile sets it again. */
		__atomic_fetch_and(&a->irr_words, (uint8_t)~(1U << w), __ATOMIC_SEQ_CST);
		bits = irr_word(a, w);
		if (bits != 0) {
			__atomic_fetch_or(&a->irr_words, (uint8_t)(1U << w), __ATOMIC_SEQ_CST);
			return top_of(w, bits);
		}
	}
	return APIC_NONE;
}

static int isr_top(const struct lapic *a)
{
	unsigned w;

	if (a->isr_words == 0)
		return APIC_NONE;
	w = 31U - (unsigned)__builtin_clz(a->isr_words);
	return top_of(w, a->page[(APIC_ISR + w * 16) / 4]);
}

/* The vector goes out of service. True: it was level-triggered. */
static inline bool isr_clear(struct lapic *a, unsigned vector)
{
	uint32_t *isr = word_of(a, APIC_ISR, vector), bit = 1U << (vector & 31);

	*isr &= ~bit;
	if (*isr == 0)
		a->isr_words &= (uint8_t)~(1U << vector / 32);
	a->isr_top = (int16_t)isr_top(a);
	return (isr[(APIC_TMR - APIC_ISR) / 4] & bit) != 0;
}

void lapic_summarise(struct lapic *a)
{
	a->isr_words = 0;
	for (unsigned w = 0; w < 8; w++)
		if (lapic_reg(a, APIC_ISR + w * 16) != 0)
			a->isr_words |= (uint8_t)(1U << w);
	a->isr_top = (int16_t)isr_top(a);
	__atomic_store_n(&a->irr_words, 0xff, __ATOMIC_SEQ_CST);
}

int lapic_pending(struct lapic *a)
{
	int vector = irr_top(a);

	if (vector == APIC_NONE || !lapic_enabled(a) || (lapic_reg(a, APIC_SVR) & APIC_SVR_ENABLE) == 0)
		return APIC_NONE;
	return a->isr_top != APIC_NONE && vector >> 4 <= a->isr_top >> 4 ? APIC_NONE : vector;
}

void lapic_accept(struct lapic *a, uint8_t vector)
{
	uint32_t bit = 1U << (vector & 31);

	__atomic_fetch_and(word_of(a, APIC_IRR, vector), ~bit, __ATOMIC_SEQ_CST);
	*word_of(a, APIC_ISR, vector) |= bit;
	a->isr_words |= (uint8_t)(1U << vector / 32);
	a->isr_top = vector;
}

void lapic_unaccept(struct lapic *a, uint8_t vector)
{
	uint32_t bit = 1U << (vector & 31);

	(void)isr_clear(a, vector);
	__atomic_fetch_or(word_of(a, APIC_IRR, vector), bit, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&a->irr_words, (uint8_t)(1U << vector / 32), __ATOMIC_SEQ_CST);
}

int lapic_eoi(struct vcpu *v)
{
	struct lapic *a = &v->lapic;
	int vector = a->isr_top;

	return vector != APIC_NONE && isr_clear(a, (unsigned)vector) ? vector : APIC_NONE;
}

uint32_t lapic_ppr(const struct lapic *a)
{
	uint32_t tpr = lapic_reg(a, APIC_TPR), isr = a->isr_top == APIC_NONE ? 0 : (uint32_t)a->isr_top & 0xf0;

	return tpr >> 4 >= isr >> 4 ? tpr : isr;
}

bool lapic_takes_extint(const struct lapic *a)
{
	uint32_t lvt0 = lapic_reg(a, APIC_LVT0);

	if (!lapic_enabled(a))
		return true;
	return (lvt0 & APIC_LVT_MASKED) == 0 && (lvt0 >> 8 & 7) == APIC_EXTINT;
}

void lapic_request(struct vcpu *v, uint8_t vector, bool level)
{
	struct lapic *a = &v->lapic;
	uint32_t bit = 1U << (vector & 31), *tmr = word_of(a, APIC_TMR, vector);

	if (level)
		__atomic_fetch_or(tmr, bit, __ATOMIC_SEQ_CST);
	else if ((*tmr & bit) != 0)
		__atomic_fetch_and(tmr, ~bit, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(word_of(a, APIC_IRR, vector), bit, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&a->irr_words, (uint8_t)(1U << vector / 32), __ATOMIC_SEQ_CST);
	vcpu_request(v, REQ_EVENT);
}

/* Does a message reach this local APIC? [SDM3 "Determining IPI Destination"] */
static bool matches(const struct vcpu *v, const struct lapic_message *m)
{
	const struct lapic *a = &v->lapic;
	uint32_t ldr;

	if (!lapic_enabled(a))
		return false;
	if (m->dest == APIC_BROADCAST)
		return true;
	if (!m->logical)
		return m->dest == v->apic_id;
	ldr = lapic_reg(a, APIC_LDR);
	if (lapic_x2apic(a))
		return m->dest >> 16 == ldr >> 16 && (m->dest & ldr & 0xffff) != 0;
	ldr >>= 24;
	if (lapic_reg(a, APIC_DFR) >> 28 == 0xf)
		return (ldr & m->dest & 0xff) != 0;
	return ldr >> 4 == (m->dest >> 4 & 0xf) && (ldr & m->dest & 0xf) != 0;
}

static void receive(struct vcpu *v, const struct lapic_message *m)
{
	switch (m->mode) {
	case APIC_FIXED:
	case APIC_LOWEST:
		if (m->vector < 16)
			lapic_error(v, ESR_RECEIVE_ILLEGAL);
		else if ((lapic_reg(&v->lapic, APIC_SVR) & APIC_SVR_ENABLE) != 0)
			lapic_request(v, m->vector, m->level);
		return;
	case APIC_NMI:
		vcpu_request(v, REQ_NMI);
		return;
	case APIC_INIT:
		/* A start-up IPI from before this INIT is void. */
		__atomic_fetch_and(&v->request, ~(uint32_t)REQ_SIPI, __ATOMIC_SEQ_CST);
		vcpu_request(v, REQ_INIT);
		return;
	case APIC_STARTUP:
		__atomic_store_n(&v->sipi, m->vector, __ATOMIC_SEQ_CST);
		vcpu_request(v, REQ_SIPI);
		return;
	default: /* SMI: there is no system-management mode; ExtINT comes by the INTR line only */
		return;
	}
}

/* The one of the lowest processor priority; among equals they take turns by vector. */
static struct vcpu *arbitrate(struct vm *vm, const struct lapic_message *m, unsigned n)
{
	struct vcpu *best = NULL;
	uint32_t best_ppr = 0x100;

	for (unsigned k = 0; k < n; k++) {
		struct vcpu *v = vm->vcpu[(k + m->vector) % n];

		if (v == NULL || !matches(v, m) || (lapic_reg(&v->lapic, APIC_SVR) & APIC_SVR_ENABLE) == 0)
			continue;
		if (lapic_ppr(&v->lapic) >> 4 < best_ppr) {
			best = v;
			best_ppr = lapic_ppr(&v->lapic) >> 4;
		}
	}
	return best;
}

/* Monitors number their vCPUs by APIC ID: the first look is nearly always enough. */
struct vcpu *lapic_by_id(struct vm *vm, uint64_t apic_id)
{
	unsigned n = __atomic_load_n(&vm->vcpus, __ATOMIC_ACQUIRE);

	if (apic_id < n && vm->vcpu[apic_id]->apic_id == apic_id)
		return vm->vcpu[apic_id];
	for (unsigned i = 0; i < n; i++)
		if (vm->vcpu[i]->apic_id == apic_id)
			return vm->vcpu[i];
	return NULL;
}

static unsigned send_physical(struct vm *vm, const struct lapic_message *m)
{
	struct vcpu *v = lapic_by_id(vm, m->dest);

	if (v == NULL || !lapic_enabled(&v->lapic))
		return 0;
	receive(v, m);
	return 1;
}

unsigned lapic_send(struct vm *vm, const struct vcpu *except, const struct lapic_message *m)
{
	unsigned n = __atomic_load_n(&vm->vcpus, __ATOMIC_ACQUIRE), accepted = 0;

	if (!m->logical && m->dest != APIC_BROADCAST && m->mode != APIC_LOWEST)
		return send_physical(vm, m);
	if (m->mode == APIC_LOWEST) {
		struct vcpu *v = arbitrate(vm, m, n);

		if (v != NULL)
			receive(v, m);
		return v != NULL;
	}
	for (unsigned i = 0; i < n; i++) {
		struct vcpu *v = __atomic_load_n(&vm->vcpu[i], __ATOMIC_ACQUIRE);

		if (v == except || !matches(v, m))
			continue;
		receive(v, m);
		accepted++;
	}
	return accepted;
}

/* [SDM3 "Interrupt Command Register"] */
void lapic_icr(struct vcpu *v, uint32_t high, uint32_t low)
{
	bool x2 = lapic_x2apic(&v->lapic);
	uint32_t shorthand = low >> 18 & 3;
	struct lapic_message m = {
		.dest = x2 ? high : high >> 24,
		.vector = (uint8_t)low,
		.mode = low >> 8 & 7,
		.logical = (low & 1U << 11) != 0,
	};

	if (m.mode == APIC_INIT && (low & 3U << 14) == 1U << 15)
		return; /* INIT level de-assert: only old processors do anything */
	if (m.vector < 16 && (m.mode == APIC_FIXED || m.mode == APIC_LOWEST)) {
		lapic_error(v, ESR_SEND_ILLEGAL);
		return;
	}
	if (shorthand == 1) {
		receive(v, &m);
		return;
	}
	if (shorthand != 0) { /* everybody, or everybody else: none of them is chosen */
		m.mode = m.mode == APIC_LOWEST ? APIC_FIXED : m.mode;
		m.logical = false;
	}
	if (shorthand != 0 || (!x2 && m.dest == 0xff))
		m.dest = APIC_BROADCAST;
	(void)lapic_send(v->vm, shorthand == 3 ? v : NULL, &m);
}

/* [SDM3 "Message Address Register Format"]; bits 11-5, the extended destination ID, are reserved. */
int lapic_msi(struct vm *vm, uint64_t address, uint32_t data)
{
	struct lapic_message m = {
		.dest = address >> 12 & 0xff,
		.vector = (uint8_t)data,
		.mode = data >> 8 & 7,
		.logical = (address & 4) != 0,
		.level = (data & 1U << 15) != 0,
	};

	if (address >> 20 != 0xfee || (address & 0xff0) != 0 || m.mode == 3)
		return E_INVAL;
	if (m.mode == APIC_EXTINT || m.mode == APIC_SMI)
		return E_INVAL;
	if (m.level && (data & 1U << 14) == 0)
		return 0; /* de-assertion: nothing to deliver */
	if (m.dest == 0xff)
		m.dest = APIC_BROADCAST;
	/* The redirection hint asks for one of a logical set. */
	if ((address & 8) != 0 && m.logical && m.mode == APIC_FIXED)
		m.mode = APIC_LOWEST;
	(void)lapic_send(vm, NULL, &m);
	return 0;
}

void lapic_lvt(struct vcpu *v, uint32_t reg)
{
	uint32_t entry = lapic_reg(&v->lapic, reg);
	struct lapic_message m = { .vector = (uint8_t)entry, .mode = entry >> 8 & 7 };

	if ((entry & APIC_LVT_MASKED) != 0)
		return;
	if (reg == APIC_LVTT || reg == APIC_LVT_ERROR)
		m.mode = APIC_FIXED;
	if (m.vector < 16 && m.mode == APIC_FIXED) {
		__atomic_fetch_or(&v->lapic.esr, ESR_RECEIVE_ILLEGAL, __ATOMIC_RELAXED);
		return; /* not by way of the error entry, which may be the one with the bad vector */
	}
	receive(v, &m);
}
