/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's local APIC. [SDM3 "Advanced Programmable Interrupt Controller (APIC)"] */

#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/msr.h"
#include "arch/trap.h"
#include "lib/x86/msr.h"

/* Register numbers: offset in the page / 16, and MSR 0x800 + number. */
enum {
	REG_ID = 0x02,
	REG_TPR = 0x08,
	REG_EOI = 0x0b,
	REG_LDR = 0x0d,
	REG_DFR = 0x0e,
	REG_SVR = 0x0f,
	REG_ESR = 0x28,
	REG_ICR_LOW = 0x30,
	REG_ICR_HIGH = 0x31,
	REG_LVT_TIMER = 0x32,
	REG_LVT_THERMAL = 0x33,
	REG_LVT_PMC = 0x34,
	REG_LVT_LINT0 = 0x35,
	REG_LVT_LINT1 = 0x36,
	REG_LVT_ERROR = 0x37,
	REG_TIMER_INIT = 0x38,
	REG_TIMER_LEFT = 0x39,
	REG_TIMER_DIVIDE = 0x3e,
};

enum {
	ICR_FIXED = 0x000,
	ICR_NMI = 0x400,
	ICR_INIT = 0x500,
	ICR_STARTUP = 0x600,
	ICR_BUSY = 0x1000,
	ICR_ASSERT = 0x4000,
	ICR_OTHERS = 0xc0000,
	LVT_MASKED = 0x10000,
	LVT_NMI = 0x400,
	LVT_DEADLINE = 0x40000,
	SVR_ENABLE = 0x100,
	DIVIDE_BY_1 = 0xb,
};

/* (c) after boot */
static volatile uint32_t *apic_mmio;
static bool apic_x2;
static uint64_t timer_ratio;

static uint32_t reg_read(unsigned reg)
{
	return apic_x2 ? (uint32_t)rdmsr(MSR_X2APIC_BASE + reg) : apic_mmio[reg * 4];
}

static void reg_write(unsigned reg, uint32_t value)
{
	if (apic_x2)
		wrmsr(MSR_X2APIC_BASE + reg, value);
	else
		apic_mmio[reg * 4] = value;
}

static void icr_write(uint32_t to, uint32_t command)
{
	if (apic_x2) {
		mb(); /* x2APIC writes are not serialising: earlier stores must be seen first */
		wrmsr(MSR_X2APIC_BASE + REG_ICR_LOW, (uint64_t)to << 32 | command);
		return;
	}
	while (reg_read(REG_ICR_LOW) & ICR_BUSY)
		cpu_pause();
	reg_write(REG_ICR_HIGH, to << 24);
	reg_write(REG_ICR_LOW, command);
}

void apic_cpu_init(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	/* xAPIC to x2APIC goes through the enabled xAPIC state. */
	if (!(base & APIC_BASE_X2APIC) || !apic_x2)
		wrmsr(MSR_APIC_BASE, base & ~APIC_BASE_X2APIC);
	if (apic_x2)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
	reg_write(REG_LVT_TIMER, LVT_MASKED);
	reg_write(REG_LVT_LINT0, LVT_MASKED);
	reg_write(REG_LVT_LINT1, LVT_NMI);
	reg_write(REG_LVT_ERROR, VECTOR_APIC_ERROR);
	if (!apic_x2) {
		reg_write(REG_DFR, 0xffffffff);
		reg_write(REG_LDR, 0);
	}
	reg_write(REG_TPR, 0);
	reg_write(REG_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	reg_write(REG_ESR, 0);
}

void apic_init(volatile uint32_t *mmio, bool x2apic)
{
	apic_mmio = mmio;
	apic_x2 = x2apic;
	apic_cpu_init();
}

bool apic_is_x2apic(void)
{
	return apic_x2;
}

uint32_t apic_id(void)
{
	uint32_t id = reg_read(REG_ID);

	return apic_x2 ? id : id >> 24;
}

void apic_eoi(void)
{
	reg_write(REG_EOI, 0);
}

void apic_send(uint32_t to, uint8_t vector)
{
	icr_write(to, ICR_FIXED | ICR_ASSERT | vector);
}
void apic_send_nmi_others(void)
{
	icr_write(0, ICR_NMI | ICR_ASSERT | ICR_OTHERS);
}
void apic_send_init(uint32_t to)
{
	icr_write(to, ICR_INIT | ICR_ASSERT);
}
void apic_send_startup(uint32_t to, uint8_t page)
{
	icr_write(to, ICR_STARTUP | ICR_ASSERT | page);
}

void apic_timer_free_run(void)
{
	reg_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
	reg_write(REG_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	reg_write(REG_TIMER_INIT, 0xffffffff);
}

uint32_t apic_timer_left(void)
{
	uint32_t left = reg_read(REG_TIMER_LEFT);

	reg_write(REG_TIMER_INIT, 0);
	return left;
}

void apic_timer_init(uint64_t ticks_per_tsc)
{
	timer_ratio = ticks_per_tsc;
}

void apic_timer_cpu_init(void)
{
	reg_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
	reg_write(REG_LVT_TIMER, VECTOR_TIMER | (timer_ratio ? 0U : LVT_DEADLINE));
	mb(); /* [SDM3 "TSC-Deadline Mode"]: the LVT write comes before the first deadline */
}

void apic_timer_set(uint64_t now, uint64_t deadline)
{
	uint64_t count;

	if (timer_ratio == 0) {
		/* 0 would disarm: a deadline that has passed is one that fires at once. */
		wrmsr(MSR_TSC_DEADLINE, deadline == UINT64_MAX ? 0 : deadline | 1);
		return;
	}
	if (deadline == UINT64_MAX) {
		reg_write(REG_TIMER_INIT, 0);
		return;
	}
	count = deadline > now ? deadline - now : 0;
	if (count > UINT32_MAX)
		count = UINT32_MAX; /* the handler sees that it is early and sets it again */
	count = count * timer_ratio >> 32;
	reg_write(REG_TIMER_INIT, count > UINT32_MAX ? UINT32_MAX : count ? (uint32_t)count : 1);
}
