/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/acpi_pm.c tests/unit/vdev_fake.c */
/* ACPI's fixed hardware: the timer and its event, S5, the power button, general-purpose events. */
#include "tests/unit/unit.h"

#include "guests/chips.h"
#include "tests/unit/vdev_fake.h"

enum { PM, GPE };
enum { STS = 0, EN = 2, CNT = 4, TMR = 8 };
#define NS 1000000000ULL

static struct vdev_fake f;

static void start(void)
{
	fake_start(&f, &acpi_pm_class, 0);
}

static uint16_t get(unsigned region, unsigned reg)
{
	return (uint16_t)fake_read(&f, region, reg, 2);
}
static void put(unsigned region, unsigned reg, uint16_t v)
{
	fake_write(&f, region, reg, 2, v);
}

static void timer_counts(void)
{
	start();
	CHECK_EQ(fake_read(&f, PM, TMR, 4), 0);
	fake_advance(&f, NS);
	CHECK_EQ(fake_read(&f, PM, TMR, 4), 3579545);
	fake_write(&f, PM, TMR, 4, 0); /* read only */
	CHECK_EQ(fake_read(&f, PM, TMR, 4), 3579545);
	fake_advance(&f, 1200 * NS);
	CHECK_EQ(fake_read(&f, PM, TMR, 4), (1201ULL * 3579545) & 0xffffffff);
	CHECK_EQ(fake_read(&f, PM, TMR + 2, 2), (1201ULL * 3579545) >> 16 & 0xffff);
}

static void timer_event(void)
{
	uint64_t half = ((1ULL << 31) * NS + 3579544) / 3579545; /* the top bit changes */

	start();
	CHECK_EQ(fake_deadline(&f), VDEV_NEVER);
	put(PM, EN, 1);
	CHECK_EQ(fake_deadline(&f), half);
	fake_advance(&f, half - 1);
	CHECK(!f.line[0]);
	fake_advance(&f, 1);
	CHECK(f.line[0]);
	CHECK_EQ(get(PM, STS), 1);
	put(PM, STS, 0xfffe);
	CHECK(f.line[0]);
	put(PM, STS, 1);
	CHECK(!f.line[0]);
	fake_advance(&f, half);
	CHECK(f.line[0]);
}

static void timer_status_without_enable(void)
{
	start();
	fake_advance(&f, 700 * NS);
	CHECK_EQ(get(PM, STS), 1);
	CHECK(!f.line[0]);
	put(PM, EN, 1);
	CHECK(f.line[0]);
}

static void power_off(void)
{
	start();
	CHECK_EQ(get(PM, CNT), 1); /* SCI_EN: always in ACPI mode */
	put(PM, CNT, 5 << 10);
	CHECK_EQ(f.requests[VDEV_MACHINE_POWER_OFF], 0);
	CHECK_EQ(get(PM, CNT), 1 | 5 << 10);
	put(PM, CNT, 1 << 13 | 3 << 10); /* no such state */
	CHECK_EQ(f.requests[VDEV_MACHINE_POWER_OFF], 0);
	put(PM, CNT, 1 << 13 | 5 << 10);
	CHECK_EQ(f.requests[VDEV_MACHINE_POWER_OFF], 1);
	CHECK_EQ(get(PM, CNT), 1 | 5 << 10); /* SLP_EN is write-only */
}

static void power_off_by_bytes(void)
{
	start();
	fake_write(&f, PM, CNT + 1, 1, 0x34);
	CHECK_EQ(f.requests[VDEV_MACHINE_POWER_OFF], 1);
}

static void power_button(void)
{
	start();
	put(PM, EN, 0x100);
	fake_line(&f, 0, true);
	fake_line(&f, 0, false);
	CHECK(f.line[0]);
	CHECK_EQ(get(PM, STS), 0x100);
	put(PM, STS, 0x100);
	CHECK(!f.line[0]);
	CHECK_EQ(get(PM, STS), 0);
}

static void both_halves_in_one_write(void)
{
	start();
	fake_line(&f, 0, true);
	fake_write(&f, PM, STS, 4, 0x01200000);
	CHECK_EQ(fake_read(&f, PM, STS, 4), 0x01200100);
	CHECK(f.line[0]);
	fake_write(&f, PM, STS + 1, 1, 0x01);
	CHECK(!f.line[0]);
	put(PM, EN, 0xffff);
	CHECK_EQ(get(PM, EN), 0x0521); /* what there is */
}

static void general_purpose_event(void)
{
	start();
	fake_write(&f, GPE, 2, 1, 0x04);
	fake_line(&f, 1 + 2, true);
	CHECK(f.line[0]);
	put(GPE, 0, 0x04);
	CHECK(f.line[0]); /* the source is still there */
	fake_line(&f, 1 + 2, false);
	put(GPE, 0, 0x04);
	CHECK(!f.line[0]);
	CHECK_EQ(fake_read(&f, GPE, 0, 4), 0x00040000);
	fake_line(&f, 17, true); /* no such line */
	CHECK_EQ(get(GPE, 0), 0);
	fake_line(&f, 16, true);
	CHECK_EQ(get(GPE, 0), 0x8000);
}

static void reset_disables(void)
{
	start();
	put(PM, EN, 0x101);
	fake_line(&f, 0, true);
	CHECK(f.line[0]);
	fake_reset(&f);
	CHECK(!f.line[0]);
	CHECK_EQ(get(PM, EN), 0);
	CHECK_EQ(get(PM, STS), 0);
	CHECK_EQ(fake_deadline(&f), VDEV_NEVER);
}

int main(void)
{
	RUN(timer_counts);
	RUN(timer_event);
	RUN(timer_status_without_enable);
	RUN(power_off);
	RUN(power_off_by_bytes);
	RUN(power_button);
	RUN(both_halves_in_one_write);
	RUN(general_purpose_event);
	RUN(reset_disables);
	return unit_status();
}
