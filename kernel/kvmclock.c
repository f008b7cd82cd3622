/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The paravirtual clock. The TSC's rate is constant and every vCPU of a VM starts with the same
 * offset, so a page is written when it is asked for and never again, but for a change of the TSC.
 */
#include "kernel/kvmclock.h"

#include "kernel/abi/status.h"
#include "kernel/vcpu.h"
#include "kernel/vm.h"

/* Fixed by the KVM interface (pvclock). */
struct pvclock_time {
	uint32_t version, pad;
	uint64_t tsc_timestamp, system_time;
	uint32_t mul;
	int8_t shift;
	uint8_t flags;
	uint8_t pad2[2];
};
_Static_assert(sizeof(struct pvclock_time) == 32, "KVM interface");

struct pvclock_wall {
	uint32_t version, seconds, nanoseconds;
};

#define PVCLOCK_STABLE 1

/* Odd while it changes, even when it is whole; the guest rereads until it sees one even number twice. */
void kvmclock_update(struct vcpu *v)
{
	const struct vm_clock *c = &v->vm->clock;
	uint64_t at = v->msr.kvm_system_time;
	struct pvclock_time t = {
		/* the guest's TSC when the VM was created; time began then */
		.tsc_timestamp = v->tsc_offset - v->vm->tsc_offset,
		.system_time = 0,
		.mul = c->ns_mul,
		.shift = (int8_t)c->ns_shift,
		.flags = c->stable ? PVCLOCK_STABLE : 0,
	};

	if ((at & 1) == 0)
		return;
	at &= ~1ULL;
	t.version = v->msr.clock_version + 1;
	if (vm_guest_write(v->vm, at, &t.version, sizeof(t.version)) != 0) {
		v->dropped_writes++;
		return;
	}
	(void)vm_guest_write(v->vm, at, &t, sizeof(t));
	t.version++;
	(void)vm_guest_write(v->vm, at, &t.version, sizeof(t.version));
	v->msr.clock_version = t.version;
}

int kvmclock_system_time_write(struct vcpu *v, uint64_t value)
{
	if ((value & 2) != 0) /* aligned to four bytes, bit 0 enables */
		return E_INVAL;
	v->msr.kvm_system_time = value;
	kvmclock_update(v);
	return 0;
}

int kvmclock_wall_clock_write(struct vcpu *v, uint64_t value)
{
	const struct vm_clock *c = &v->vm->clock;
	uint64_t seconds = c->boot_wall / 1000000000U;
	struct pvclock_wall w = { .version = 1 };

	if ((value & 3) != 0)
		return E_INVAL;
	v->msr.kvm_wall_clock = value;
	if (value == 0)
		return 0;
	if (vm_guest_write(v->vm, value, &w.version, sizeof(w.version)) != 0) {
		v->dropped_writes++;
		return 0;
	}
	w.seconds = (uint32_t)seconds;
	w.nanoseconds = (uint32_t)(c->boot_wall % 1000000000U);
	(void)vm_guest_write(v->vm, value, &w, sizeof(w));
	w.version = 2;
	(void)vm_guest_write(v->vm, value, &w.version, sizeof(w.version));
	return 0;
}
