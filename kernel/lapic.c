/* SPDX-License-Identifier: GPL-2.0-only */
/* The local APIC's registers, by the page (xAPIC) and by MSR (x2APIC). Interrupts are lapic_irq.c's. */
#include "kernel/lapic.h"

#include "kernel/pool.h"
#include "kernel/vcpu.h"
#include "kernel/vm.h"
#include "lib/string.h"
#include "lib/x86/msr.h"

#define APIC_VERSION_VALUE 0x00050014U /* version 0x14, LVT entries 0 to 5 */
#define X2APIC(reg)	   (MSR_X2APIC_BASE + ((reg) >> 4))

#define ESR_ILLEGAL_REGISTER (1U << 7)

/* What a guest may set in each local vector-table entry. [SDM3 "Local Vector Table"] */
static uint32_t lvt_mask(uint32_t reg)
{
	switch (reg) {
	case APIC_LVTT: return 0x000700ff;
	case APIC_LVT0:
	case APIC_LVT1: return 0x0001a7ff;
	case APIC_LVT_ERROR: return 0x000100ff;
	default: return 0x000107ff; /* thermal, performance */
	}
}

static bool is_lvt(uint32_t reg) { return reg >= APIC_LVTT && reg <= APIC_LVT_ERROR; }

/* The x2APIC's logical ID is not a register but a function of the ID. */
static uint32_t x2apic_ldr(uint32_t id) { return (id >> 4) << 16 | 1U << (id & 15); }

static void ids_update(struct vcpu *v)
{
	struct lapic *a = &v->lapic;

	if (lapic_x2apic(a)) {
		lapic_set(a, APIC_ID, v->apic_id);
		lapic_set(a, APIC_LDR, x2apic_ldr(v->apic_id));
	} else {
		lapic_set(a, APIC_ID, v->apic_id << 24);
	}
}

void lapic_init(struct vcpu *v)
{
	lapic_timer_init(v);
	lapic_reset(v, false);
}

/* [SDM3 "Local APIC State After Power-Up or Reset"] */
void lapic_reset(struct vcpu *v, bool init)
{
	struct lapic *a = &v->lapic;

	lapic_timer_stop(v);
	memset(a->page, 0, 4096);
	a->esr = 0;
	a->irr_words = a->isr_words = 0;
	a->isr_top = APIC_NONE;
	a->tsc_deadline = a->pv_eoi = 0;
	a->pv_armed = false;
	if (!init)
		a->base = 0xfee00000U | APIC_BASE_ENABLE | (v->index == 0 ? APIC_BASE_BSP : 0);
	lapic_set(a, APIC_VERSION, APIC_VERSION_VALUE);
	lapic_set(a, APIC_DFR, 0xffffffff);
	lapic_set(a, APIC_SVR, 0xff);
	for (uint32_t reg = APIC_LVTT; reg <= APIC_LVT_ERROR; reg += 0x10)
		lapic_set(a, reg, APIC_LVT_MASKED);
	ids_update(v);
	v->cr8 = 0;
}

void lapic_restored(struct vcpu *v)
{
	struct lapic *a = &v->lapic;

	lapic_summarise(a);
	v->cr8 = (uint8_t)(lapic_reg(a, APIC_TPR) >> 4 & 15);
	ids_update(v);
	vcpu_request(v, REQ_EVENT);
}

/* The page's TPR follows CR8, which the processor writes without telling us. */
static uint32_t tpr_read(struct vcpu *v)
{
	uint32_t tpr = lapic_reg(&v->lapic, APIC_TPR);

	if (tpr >> 4 != v->cr8) {
		tpr = (uint32_t)v->cr8 << 4;
		lapic_set(&v->lapic, APIC_TPR, tpr);
	}
	return tpr;
}

void lapic_error(struct vcpu *v, uint32_t bit)
{
	if ((__atomic_fetch_or(&v->lapic.esr, bit, __ATOMIC_RELAXED) & bit) == 0)
		lapic_lvt(v, APIC_LVT_ERROR);
}

int lapic_read(struct vcpu *v, uint32_t reg, uint32_t *value)
{
	struct lapic *a = &v->lapic;

	*value = 0;
	switch (reg) {
	case APIC_TPR: *value = tpr_read(v); return 0;
	case APIC_PPR: tpr_read(v); *value = lapic_ppr(a); return 0;
	case APIC_TCCR: *value = lapic_timer_count(v); return 0;
	case APIC_ICR2:
	case APIC_DFR:
		if (lapic_x2apic(a))
			return E_RANGE;
		break;
	case APIC_ID: case APIC_VERSION: case APIC_LDR: case APIC_SVR: case APIC_ESR: case APIC_ICR:
	case APIC_TICR: case APIC_TDCR:
		break;
	case APIC_APR: case APIC_RRD: case APIC_EOI:
		return lapic_x2apic(a) ? E_RANGE : 0;
	default:
		if (is_lvt(reg) || (reg >= APIC_ISR && reg < APIC_ESR))
			break;
		if (!lapic_x2apic(a))
			lapic_error(v, ESR_ILLEGAL_REGISTER);
		return E_RANGE;
	}
	*value = lapic_reg(a, reg);
	return 0;
}

static void svr_write(struct vcpu *v, uint32_t value)
{
	struct lapic *a = &v->lapic;

	lapic_set(a, APIC_SVR, value & 0x1ff);
	if ((value & APIC_SVR_ENABLE) != 0)
		return;
	/* A software-disabled APIC masks its table. [SDM3 "Local APIC State After It Has Been Software Disabled"] */
	for (uint32_t reg = APIC_LVTT; reg <= APIC_LVT_ERROR; reg += 0x10)
		lapic_set(a, reg, lapic_reg(a, reg) | APIC_LVT_MASKED);
}

static void lvt_write(struct vcpu *v, uint32_t reg, uint32_t value)
{
	struct lapic *a = &v->lapic;
	uint32_t old = lapic_reg(a, reg);

	value &= lvt_mask(reg);
	if ((lapic_reg(a, APIC_SVR) & APIC_SVR_ENABLE) == 0)
		value |= APIC_LVT_MASKED;
	lapic_set(a, reg, value);
	if (reg != APIC_LVTT || ((old ^ value) & APIC_TIMER_MODE) == 0)
		return;
	/* Between deadline and counting the timer is disarmed. [SDM3 "TSC-Deadline Mode"] */
	if (((old | value) & APIC_TIMER_DEADLINE) != 0) {
		lapic_timer_stop(v);
		a->tsc_deadline = 0;
		lapic_set(a, APIC_TICR, 0);
	}
}

static void eoi_write(struct vcpu *v)
{
	int vector = lapic_eoi(v);

	if (vector == APIC_NONE)
		return;
	v->eoi_vector = (uint8_t)vector;
	vcpu_request(v, REQ_EOI);
}

int lapic_write(struct vcpu *v, uint32_t reg, uint32_t value)
{
	struct lapic *a = &v->lapic;

	switch (reg) {
	case APIC_TPR:
		lapic_set(a, APIC_TPR, value & 0xff);
		v->cr8 = (uint8_t)(value >> 4 & 15);
		return 0;
	case APIC_EOI: eoi_write(v); return 0;
	case APIC_SVR: svr_write(v, value); return 0;
	case APIC_ESR:
		lapic_set(a, APIC_ESR, __atomic_exchange_n(&a->esr, 0, __ATOMIC_RELAXED));
		return 0;
	case APIC_ICR:
		lapic_set(a, APIC_ICR, value & 0xcfff); /* the delivery is never pending */
		lapic_icr(v, lapic_reg(a, APIC_ICR2), value);
		return 0;
	case APIC_TICR:
		if ((lapic_reg(a, APIC_LVTT) & APIC_TIMER_MODE) == APIC_TIMER_DEADLINE)
			return 0;
		lapic_set(a, APIC_TICR, value);
		lapic_timer_start(v);
		return 0;
	case APIC_TDCR:
		lapic_set(a, APIC_TDCR, value & 0xb);
		if (lapic_reg(a, APIC_TICR) != 0 && a->deadline != TIMER_NEVER)
			lapic_timer_start(v);
		return 0;
	case APIC_ID: case APIC_LDR: case APIC_DFR: case APIC_ICR2:
		if (lapic_x2apic(a))
			return E_RANGE;
		if (reg == APIC_DFR)
			lapic_set(a, reg, value | 0x0fffffff);
		else if (reg != APIC_ID) /* the ID is fixed, as on current processors */
			lapic_set(a, reg, value & 0xff000000U);
		return 0;
	default:
		if (is_lvt(reg)) {
			lvt_write(v, reg, value);
			return 0;
		}
		if (!lapic_x2apic(a) && !(reg >= APIC_ISR && reg < APIC_ESR) && reg != APIC_VERSION &&
		    reg != APIC_PPR && reg != APIC_TCCR)
			lapic_error(v, ESR_ILLEGAL_REGISTER);
		return E_RANGE;
	}
}

int lapic_x2apic_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	uint32_t reg = (msr - MSR_X2APIC_BASE) << 4, low;

	if (!lapic_x2apic(&v->lapic) || reg >= 0x400)
		return E_RANGE;
	if (lapic_read(v, reg, &low) != 0)
		return E_RANGE;
	*value = low;
	if (reg == APIC_ICR)
		*value |= (uint64_t)lapic_reg(&v->lapic, APIC_ICR2) << 32;
	return 0;
}

/* Reserved bits give #GP. [SDM3 "x2APIC Register Address Space"] */
int lapic_x2apic_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	struct lapic *a = &v->lapic;
	uint64_t reserved;

	if (!lapic_x2apic(a))
		return E_RANGE;
	if (msr == X2APIC(APIC_EOI)) { /* the hot one */
		if (value != 0)
			return E_RANGE;
		eoi_write(v);
		return 0;
	}
	if (msr == X2APIC(APIC_ICR)) {
		if ((value & 0xfff32000U) != 0)
			return E_RANGE;
		lapic_set(a, APIC_ICR2, (uint32_t)(value >> 32));
		lapic_set(a, APIC_ICR, (uint32_t)value);
		lapic_icr(v, (uint32_t)(value >> 32), (uint32_t)value);
		return 0;
	}
	switch (msr) {
	case X2APIC(APIC_ESR): reserved = ~0ULL; break;
	case X2APIC(APIC_TPR):
	case X2APIC(APIC_SELF_IPI): reserved = ~0xffULL; break;
	case X2APIC(APIC_SVR): reserved = ~0x1ffULL; break;
	default: reserved = ~0xffffffffULL; break;
	}
	if ((value & reserved) != 0 || msr > X2APIC(APIC_SELF_IPI))
		return E_RANGE;
	if (msr != X2APIC(APIC_SELF_IPI))
		return lapic_write(v, (msr - MSR_X2APIC_BASE) << 4, (uint32_t)value);
	lapic_icr(v, 0, 1U << 18 | (uint32_t)value);
	return 0;
}

/* [SDM3 "x2APIC State Transitions"] */
int lapic_base_write(struct vcpu *v, uint64_t value)
{
	struct lapic *a = &v->lapic;
	uint64_t mode = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
	uint64_t known = mode | APIC_BASE_BSP | (v->vm->cpuid->physical_mask & ~0xfffULL);
	uint64_t from = a->base & mode, to = value & mode;

	if ((value & ~known) != 0 || to == APIC_BASE_X2APIC)
		return E_INVAL;
	if ((from == mode && to == APIC_BASE_ENABLE) || (from == 0 && to == mode))
		return E_INVAL;
	a->base = value;
	if (from == to)
		return 0;
	if (to == 0) { /* disabled: back to the state after reset */
		lapic_reset(v, true);
		a->base = value;
	}
	ids_update(v);
	return 0;
}
