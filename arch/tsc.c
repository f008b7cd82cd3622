/* SPDX-License-Identifier: GPL-2.0-only */
/* TSC calibration and the warp check. */

#include "arch/tsc.h"
#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/spinlock.h"

#define PM_HZ  3579545ULL
#define PIT_HZ 1193182ULL
#define SPINS  50000000U /* a reference that stands still is given up after so many reads */

enum { PIT_CH2 = 0x42, PIT_MODE = 0x43, PORT_B = 0x61 };

struct reference {
	const char *name;
	uint64_t hz, mask;
	bool down;
	uint64_t (*read)(const struct tsc_reference *ref);
};

static uint64_t hpet_read(const struct tsc_reference *ref)
{
	return ref->hpet[0xf0 / 4]; /* main counter, low half */
}

static uint64_t pm_read(const struct tsc_reference *ref)
{
	return inl(ref->pm_timer);
}

static uint64_t pit_read(const struct tsc_reference *ref)
{
	uint64_t low;

	(void)ref;
	outb(PIT_MODE, 0x80); /* latch channel 2 */
	low = inb(PIT_CH2);
	return low | (uint64_t)inb(PIT_CH2) << 8;
}

/*
 * Waits for `ticks` of the reference, and says how many ticks it really were; 0: it stands still.
 */
static uint64_t wait_ticks(const struct reference *r, const struct tsc_reference *ref,
			   uint64_t ticks)
{
	uint64_t start = r->read(ref);

	for (unsigned i = 0; i < SPINS; i++) {
		uint64_t now = r->read(ref);
		uint64_t gone = (r->down ? start - now : now - start) & r->mask;

		if (gone >= ticks)
			return gone;
		cpu_pause();
	}
	return 0;
}

static bool measure(const struct reference *r, const struct tsc_reference *ref,
		    struct tsc_calibration *result)
{
	uint64_t tsc, ticks, apic;

	if (wait_ticks(r, ref, 1) == 0)
		return false;
	apic_timer_free_run();
	tsc = rdtsc_ordered();
	ticks = wait_ticks(r, ref, r->hz / 50); /* 20 ms */
	tsc = rdtsc_ordered() - tsc;
	apic = 0xffffffff - apic_timer_left();
	if (ticks == 0 || tsc == 0)
		return false;
	/* 20 ms of anything that counts below 100 GHz fits. */
	result->tsc_hz = tsc * r->hz / ticks;
	result->apic_hz = apic * r->hz / ticks;
	result->source = r->name;
	return true;
}

static bool hpet_reference(const struct tsc_reference *ref, struct reference *r)
{
	volatile uint32_t *regs = ref->hpet;
	uint32_t period;

	if (!regs)
		return false;
	period = regs[1]; /* femtoseconds a tick, at most 100 ns [HPET "Register Definitions"] */
	if (period == 0 || period > 100000000)
		return false;
	regs[4] |= 1; /* ENABLE_CNF */
	*r = (struct reference){ "HPET", 1000000000000000ULL / period, 0xffffffff, false,
				 hpet_read };
	return true;
}

static void pit_start(void)
{
	outb(PORT_B, (uint8_t)((inb(PORT_B) & ~2) | 1)); /* gate on, speaker off */
	outb(PIT_MODE, 0xb4); /* channel 2, both bytes, mode 2 */
	outb(PIT_CH2, 0);
	outb(PIT_CH2, 0);
}

void tsc_calibrate(const struct tsc_reference *ref, struct tsc_calibration *result)
{
	struct reference r;

	if (hpet_reference(ref, &r) && measure(&r, ref, result))
		return;
	r = (struct reference){ "PM timer", PM_HZ, ref->pm_timer_32bit ? 0xffffffff : 0xffffff,
				false, pm_read };
	if (ref->pm_timer && measure(&r, ref, result))
		return;
	pit_start();
	r = (struct reference){ "PIT", PIT_HZ, 0xffff, true, pit_read };
	if (measure(&r, ref, result))
		return;
	*result = (struct tsc_calibration){ 1000000000, 0, "nothing (a guess)" };
}

void tsc_delay_us(uint64_t hz, uint64_t us)
{
	uint64_t end = rdtsc() + hz / 1000000 * us;

	while ((int64_t)(end - rdtsc()) > 0)
		cpu_pause();
}

#define WARP_ROUNDS 4000

/* Used by one pair of processors at a time, at boot. */
static struct {
	struct spinlock lock;
	uint64_t last; /* [lock] */
	bool warped; /* [lock] */
	uint32_t here, gone; /* (a) */
} warp;

bool tsc_warp_check(unsigned side)
{
	bool warped;

	__atomic_fetch_add(&warp.here, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&warp.here, __ATOMIC_ACQUIRE) < 2)
		cpu_pause();
	for (unsigned i = 0; i < WARP_ROUNDS; i++) {
		spin_lock(&warp.lock);
		uint64_t now = rdtsc_ordered();

		if (now < warp.last)
			warp.warped = true;
		warp.last = now;
		spin_unlock(&warp.lock);
	}
	__atomic_fetch_add(&warp.gone, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&warp.gone, __ATOMIC_ACQUIRE) < 2)
		cpu_pause();
	warped = warp.warped;
	/* Side 0 cleans up once side 1 has read the verdict and says so by a third arrival. */
	if (side == 1) {
		__atomic_fetch_add(&warp.gone, 1, __ATOMIC_SEQ_CST);
		return warped;
	}
	while (__atomic_load_n(&warp.gone, __ATOMIC_ACQUIRE) < 3)
		cpu_pause();
	warp.here = 0;
	warp.last = 0;
	warp.warped = false;
	__atomic_store_n(&warp.gone, 0, __ATOMIC_RELEASE);
	return warped;
}
