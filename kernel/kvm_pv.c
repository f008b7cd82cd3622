/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PV EOI and steal time. Neither is needed for anything to work: what cannot be read or written, by
 * the fault of guest or monitor, is dropped and counted, and the guest's own loss.
 */
#include "kernel/kvm_pv.h"

#include "kernel/abi/status.h"
#include "kernel/kvmclock.h"
#include "kernel/math64.h"
#include "kernel/thread_impl.h"
#include "kernel/vcpu.h"
#include "kernel/vm.h"

/* Fixed by the KVM interface. */
struct steal_time {
	uint64_t steal; /* nanoseconds */
	uint32_t version, flags;
};

void kvm_steal_update(struct vcpu *v)
{
	uint64_t at = v->msr.kvm_steal_time, ticks = v->thread->waited - v->msr.steal_from;
	struct steal_time t = { .steal = mul_div64(ticks, 1000000000U, v->vm->clock.tsc_hz),
				.version = v->msr.steal_version };

	if ((at & 1) != 0 && kvm_publish(v, at & ~63ULL, &t, sizeof(t), &t.version))
		v->msr.steal_version = t.version;
}

int kvm_steal_write(struct vcpu *v, uint64_t value)
{
	if ((value & 0x3e) != 0) /* aligned to 64 bytes, bit 0 enables */
		return E_INVAL;
	v->msr.kvm_steal_time = value;
	v->msr.steal_from = v->thread->waited;
	kvm_steal_update(v);
	return 0;
}

static void eoi_set(struct vcpu *v, bool armed)
{
	uint8_t word = armed;

	v->lapic.pv_armed = armed;
	if (vm_guest_write(v->vm, v->lapic.pv_eoi & ~3ULL, &word, 1) == 0)
		return;
	v->dropped_writes++;
	v->lapic.pv_armed = false;
	v->lapic.pv_eoi = 0; /* off, or each interrupt would fault again */
}

int kvm_eoi_write(struct vcpu *v, uint64_t value)
{
	if ((value & 2) != 0) /* aligned to four bytes, bit 0 enables */
		return E_INVAL;
	if (v->lapic.pv_armed)
		eoi_set(v, false);
	v->lapic.pv_eoi = value;
	return 0;
}

/* Not while something waits, which must come in right after the EOI; not for a level, whose EOI is told. */
void kvm_eoi_arm(struct vcpu *v)
{
	struct lapic *a = &v->lapic;
	unsigned top = (unsigned)a->isr_top;
	bool want = a->isr_top != APIC_NONE && __atomic_load_n(&a->irr_words, __ATOMIC_RELAXED) == 0 &&
		    (lapic_reg(a, APIC_TMR + top / 32 * 16) >> (top & 31) & 1) == 0;

	if (want != a->pv_armed)
		eoi_set(v, want);
}

void kvm_eoi_sync(struct vcpu *v)
{
	uint8_t word;

	if (vm_guest_read(v->vm, v->lapic.pv_eoi & ~3ULL, &word, 1) != 0) {
		v->dropped_writes++;
		v->lapic.pv_armed = false;
		v->lapic.pv_eoi = 0;
	} else if ((word & 1) == 0) {
		v->lapic.pv_armed = false;
		v->area->pv_eois = ++v->lapic.pv_eois;
		(void)lapic_write(v, APIC_EOI, 0);
	}
}
