/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI's fixed hardware: the PM1a event and control blocks, the 3.579545 MHz timer of 32 bits, and
 * one GPE block. It is always in ACPI mode (there is no SMI command port), and S5 is the only sleep
 * state. Facts from [ACPI "Fixed Hardware Features" and "Power Management Timer"].
 */
#include "guests/chips.h"

#define PM_HZ      3579545ULL
#define NS_PER_SEC 1000000000ULL
#define HALF       (1ULL << 31) /* ticks between two changes of the timer's top bit */

enum { REGION_PM, REGION_GPE };
enum { PM1_STS = 0, PM1_EN = 2, PM1_CNT = 4, PM_TMR = 8 };
enum { STS_TMR = 1 << 0, STS_GBL = 1 << 5, STS_PWRBTN = 1 << 8 };
enum { EVENTS = STS_TMR | STS_GBL | STS_PWRBTN };
/* The clock's alarm never comes this way, but Linux wants to see the bit that it has set. */
enum { EN_RTC = 1 << 10 };
enum { CNT_SCI_EN = 1 << 0, CNT_BM_RLD = 1 << 1, CNT_SLP_TYP = 7 << 10, CNT_SLP_EN = 1 << 13 };
enum { LINE_BUTTON = 0, LINE_GPE = 1, GPES = 16 };

struct acpi_pm {
	uint64_t seen; /* top-bit changes of the timer that are in the status already */
	uint32_t lines; /* levels of the GPE inputs */
	uint16_t sts, en, cnt, gpe_sts, gpe_en;
};

static uint64_t pm_ticks(struct vdev *d)
{
	uint64_t now = d->host->now(d);

	return now / NS_PER_SEC * PM_HZ + now % NS_PER_SEC * PM_HZ / NS_PER_SEC;
}

/* Brings the status up to date, drives SCI, and arms the next change of the timer's top bit. */
static void pm_update(struct vdev *d)
{
	struct acpi_pm *s = d->state;
	uint64_t changes = pm_ticks(d) / HALF, next;

	if (changes != s->seen) {
		s->seen = changes;
		s->sts |= STS_TMR;
	}
	/* A level-sensitive event stays while its source does. */
	s->gpe_sts |= (uint16_t)(s->lines >> LINE_GPE);
	d->host->line(d, 0, (s->sts & s->en & EVENTS) || (s->gpe_sts & s->gpe_en));
	next = (changes + 1) * HALF;
	d->host->timer(d, 0,
		       !(s->en & STS_TMR)
			       ? VDEV_NEVER
			       : next / PM_HZ * NS_PER_SEC +
					 (next % PM_HZ * NS_PER_SEC + PM_HZ - 1) / PM_HZ);
}

static uint64_t acpi_pm_read(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes)
{
	const struct acpi_pm *s = d->state;
	uint32_t value;

	(void)bytes;
	/* The hot case first: a clock source polls the timer. */
	if (region == REGION_PM && offset >= PM_TMR) {
		value = (uint32_t)pm_ticks(d);
	} else if (region == REGION_PM) {
		pm_update(d);
		value = offset < PM1_CNT ? s->sts | (uint32_t)s->en << 16 : s->cnt | CNT_SCI_EN;
	} else {
		value = s->gpe_sts | (uint32_t)s->gpe_en << 16;
	}
	return value >> (8 * (offset & 3));
}

static void cnt_write(struct vdev *d, uint16_t value)
{
	struct acpi_pm *s = d->state;

	s->cnt = value & (CNT_BM_RLD | CNT_SLP_TYP);
	/* Any other sleep type is ignored: \_S5 is the only one that the DSDT names. */
	if ((value & CNT_SLP_EN) && (value & CNT_SLP_TYP) >> 10 == ACPI_PM_SLP_TYP_S5)
		d->host->machine(d, VDEV_MACHINE_POWER_OFF);
}

/*
 * One register, 16 bits wide: `value` in the bits of `mask`, the others as they are. Status bits
 * are cleared by writing one.
 */
static void pm_write16(struct vdev *d, unsigned region, unsigned reg, uint16_t value, uint16_t mask)
{
	struct acpi_pm *s = d->state;
	uint16_t merged;

	if (region == REGION_GPE && reg == 0) {
		s->gpe_sts &= (uint16_t) ~(value & mask);
	} else if (region == REGION_GPE) {
		s->gpe_en = (uint16_t)((s->gpe_en & ~mask) | (value & mask));
	} else if (reg == PM1_STS) {
		s->sts &= (uint16_t) ~(value & mask);
	} else if (reg == PM1_EN) {
		merged = (uint16_t)((s->en & ~mask) | (value & mask));
		s->en = merged & (EVENTS | EN_RTC);
	} else if (reg == PM1_CNT) {
		cnt_write(d, (uint16_t)((s->cnt & ~mask) | (value & mask)));
	}
}

static void acpi_pm_write(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes,
			  uint64_t value)
{
	unsigned at = (unsigned)offset, end = at + bytes;

	pm_update(d);
	while (at < end) {
		unsigned reg = at & ~1u, skip = at - reg, take = 2 - skip;
		uint16_t mask;

		if (take > end - at)
			take = end - at;
		mask = (uint16_t)((take == 2 ? 0xffffu : 0xffu) << (8 * skip));
		pm_write16(d, region, reg, (uint16_t)(value << (8 * skip)), mask);
		value >>= 8 * take;
		at += take;
	}
	pm_update(d);
}

static void acpi_pm_timer(struct vdev *d, unsigned id)
{
	(void)id;
	pm_update(d);
}

static void acpi_pm_line(struct vdev *d, unsigned pin, bool level)
{
	struct acpi_pm *s = d->state;

	if (pin > GPES)
		return;
	if (pin == LINE_BUTTON) {
		if (level && !(s->lines & 1))
			s->sts |= STS_PWRBTN;
	}
	s->lines = level ? s->lines | 1u << pin : s->lines & ~(1u << pin);
	pm_update(d);
}

static void acpi_pm_reset(struct vdev *d)
{
	struct acpi_pm *s = d->state;

	*s = (struct acpi_pm){ .seen = pm_ticks(d) / HALF, .lines = s->lines };
	pm_update(d);
}

const struct vdev_class acpi_pm_class = {
	.name = "ACPI-PM",
	.state_bytes = sizeof(struct acpi_pm),
	.version = 1,
	.timers = 1,
	.lines_in = 1 + GPES,
	.lines_out = 1,
	.reset = acpi_pm_reset,
	.read = acpi_pm_read,
	.write = acpi_pm_write,
	.timer = acpi_pm_timer,
	.line = acpi_pm_line,
};
