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
bool kvm_publish(struct vcpu *v, uint64_t at, const void *what, uint64_t bytes, uint32_t *version)
{
	uint64_t version_at = at + (uint64_t)((const char *)version - (const char *)what);

	++*version;
	if (vm_guest_write(v->vm, version_at, version, sizeof(*version)) != 0) {
		v->dropped_writes++;
		return false;
	}
	(void)vm_guest_write(v->vm, at, what, bytes);
	++*version;
	(void)vm_guest_write(v->vm, version_at, version, sizeof(*version));
	return true;
}

void kvmclock_update(struct vcpu *v)
{
	const struct vm_clock *c = &v->vm->clock;
	uint64_t at = v->msr.kvm_system_time;
	struct pvclock_time t = {
		.version = v->msr.clock_version,
		/* the guest's TSC when the VM was created; time began then */
		.tsc_timestamp = v->tsc_offset - v->vm->tsc_offset,
		.system_time = 0,
		.mul = c->ns_mul,
		.shift = (int8_t)c->ns_shift,
		.flags = c->stable ? PVCLOCK_STABLE : 0,
	};

	if ((at & 1) != 0 && kvm_publish(v, at & ~1ULL, &t, sizeof(t), &t.version))
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
	uint64_t now = v->vm->clock.boot_wall;
	struct pvclock_wall w = { .seconds = (uint32_t)(now / 1000000000U),
				  .nanoseconds = (uint32_t)(now % 1000000000U) };

	if ((value & 3) != 0)
		return E_INVAL;
	v->msr.kvm_wall_clock = value;
	if (value != 0)
		(void)kvm_publish(v, value, &w, sizeof(w), &w.version);
	return 0;
}
