/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: lib/string.c */
/* TSC calibration against an HPET, a PM timer and a PIT that the test makes up, each alone and broken. */
#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/spinlock.h"
#include "tests/unit/unit.h"

static uint64_t fake_rdtsc(void);
static void fake_pause(void);
static uint8_t fake_inb(uint16_t port);
static uint32_t fake_inl(uint16_t port);
static void fake_outb(uint16_t port, uint8_t value);
#define rdtsc	      fake_rdtsc
#define rdtsc_ordered fake_rdtsc
#define cpu_pause     fake_pause
#define inb	      fake_inb
#define inl	      fake_inl
#define outb	      fake_outb
#include "arch/tsc.c" /* NOLINT: the file under test */

enum { TSC_MHZ = 2603, APIC_MHZ = 1004, HPET_MHZ = 100, PM_PORT = 0x608 };

static uint64_t now; /* microseconds */
static uint32_t hpet[64];
static bool still; /* the references' clocks stand still */
static unsigned wrong_ports, latched, gate; /* PIT: bytes read of a latched count; port 0x61 */

static uint64_t fake_rdtsc(void)
{
	return now * TSC_MHZ;
}
static void fake_pause(void)
{
	now++;
	if (!still)
		hpet[0xf0 / 4] = (uint32_t)(now * HPET_MHZ);
}
static uint32_t fake_inl(uint16_t port)
{
	wrong_ports += port != PM_PORT;
	return still ? 7 : (uint32_t)(now * PM_HZ / 1000000) & 0xffffff;
}
static uint8_t fake_inb(uint16_t port)
{
	uint64_t count = still || (gate & 1) == 0 ? 0 : 0x10000 - now * PIT_HZ / 1000000 % 0x10000;

	if (port == PORT_B)
		return 0x22; /* the speaker is on */
	wrong_ports += port != PIT_CH2;
	return (uint8_t)(count >> 8 * (latched++ & 1));
}
static void fake_outb(uint16_t port, uint8_t value)
{
	if (port == PORT_B) /* with the speaker on the gate is no good */
		gate = (value & 2) == 0 ? value : 0;
	if (port == PIT_MODE && value == 0x80)
		latched = 0;
}

static uint64_t apic_from;
void apic_timer_free_run(void)
{
	apic_from = now;
}
uint32_t apic_timer_left(void)
{
	return (uint32_t)(0xffffffff - (now - apic_from) * APIC_MHZ);
}

static struct tsc_calibration calibrate(bool with_hpet, uint16_t pm_port)
{
	struct tsc_reference ref = { .hpet = with_hpet ? hpet : NULL, .pm_timer = pm_port };
	struct tsc_calibration result;

	now = 0xfff000; /* the PM timer's 24 bits wrap soon */
	tsc_calibrate(&ref, &result);
	return result;
}

static bool right(const struct tsc_calibration *c)
{
	return c->tsc_hz / 1000 > TSC_MHZ * 999ULL && c->tsc_hz / 1000 < TSC_MHZ * 1001ULL &&
	       c->apic_hz / 1000 > APIC_MHZ * 999ULL && c->apic_hz / 1000 < APIC_MHZ * 1001ULL;
}

static void by_each(void)
{
	struct tsc_calibration c;

	hpet[1] = 1000000000 / HPET_MHZ; /* femtoseconds a tick */
	c = calibrate(true, PM_PORT);
	CHECK(!strcmp(c.source, "HPET") && right(&c));
	CHECK((hpet[4] & 1) != 0);
	c = calibrate(false, PM_PORT);
	CHECK(!strcmp(c.source, "PM timer") && right(&c));
	c = calibrate(false, 0);
	CHECK(!strcmp(c.source, "PIT") && right(&c));
	CHECK_EQ(wrong_ports, 0);
}

static void an_impossible_hpet_is_passed_over(void)
{
	struct tsc_calibration c;

	hpet[1] = 0;
	c = calibrate(true, PM_PORT);
	CHECK(!strcmp(c.source, "PM timer") && right(&c));
	hpet[1] = 100000001;
	c = calibrate(true, PM_PORT);
	CHECK(!strcmp(c.source, "PM timer") && right(&c));
}

static void clocks_that_stand_still(void)
{
	struct tsc_calibration c;

	hpet[1] = 1000000000 / HPET_MHZ;
	still = true;
	c = calibrate(true, 0);
	CHECK(!strcmp(c.source, "nothing (a guess)") && c.tsc_hz == 1000000000 && c.apic_hz == 0);
	still = false;
}

int main(void)
{
	RUN(by_each);
	RUN(an_impossible_hpet_is_passed_over);
	RUN(clocks_that_stand_still);
	return unit_status();
}
