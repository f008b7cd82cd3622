/* SPDX-License-Identifier: GPL-2.0-only */
/* The CPUID instruction: a look-up, and the few words that depend on the vCPU's state. */
#include "kernel/cpuid_policy.h"
#include "kernel/vcpu.h"
#include "kernel/vm.h"
#include "lib/string.h"
#include "lib/x86/cr.h"

static uint64_t guest_cr4(struct vcpu *v)
{
	struct vcpu_regs r;

	hv->pull(v, REG_CR, &r);
	return r.cr4;
}

/* Bytes of an XSAVE area for the present XCR0. [SDM1 "XSAVE Area"] */
static uint32_t xsave_bytes(const struct vcpu *v, bool compact)
{
	const struct cpuid_table *t = v->vm->cpuid;
	uint32_t bytes = 576;

	for (unsigned i = 2; i < 16; i++) {
		if ((v->xcr0 >> i & 1) == 0)
			continue;
		if (!compact) {
			uint32_t end = (uint32_t)t->xsave_offset[i] + t->xsave_bytes[i];

			bytes = end > bytes ? end : bytes;
			continue;
		}
		if (t->xsave_align[i])
			bytes = (bytes + 63) & ~63U;
		bytes += t->xsave_bytes[i];
	}
	return bytes;
}

static void patch(struct vcpu *v, uint8_t dynamic, uint32_t r[4])
{
	switch (dynamic) {
	case CPUID_LEAF_1:
		r[1] |= v->apic_id << 24;
		if (!lapic_enabled(&v->lapic))
			r[3] &= ~(1U << 9);
		if ((r[2] & 1U << 26) != 0 && (guest_cr4(v) & CR4_OSXSAVE) != 0)
			r[2] |= 1U << 27;
		return;
	case CPUID_LEAF_7:
		if ((r[2] & 1U << 3) != 0 && (guest_cr4(v) & CR4_PKE) != 0)
			r[2] |= 1U << 4;
		return;
	case CPUID_LEAF_B: r[3] = v->apic_id; return;
	case CPUID_LEAF_D0:
	case CPUID_LEAF_D1:
		vcpu_xcr0_sync(v);
		r[1] = xsave_bytes(v, dynamic == CPUID_LEAF_D1);
		return;
	case CPUID_LEAF_AMD_1E:
		r[0] = v->apic_id;
		r[1] = v->apic_id & 0xff;
		return;
	default: return;
	}
}

static void answer(struct vcpu *v, const uint32_t r[4])
{
	v->gpr[GPR_RAX] = r[0];
	v->gpr[GPR_RBX] = r[1];
	v->gpr[GPR_RCX] = r[2];
	v->gpr[GPR_RDX] = r[3];
}

/* What is not just a look-up. e: NULL when there is no such leaf. */
static __attribute__((noinline)) void execute_rest(struct vcpu *v, const struct cpuid_entry *e)
{
	uint32_t r[4] = { 0 };

	if (e != NULL) {
		memcpy(r, e->reg, sizeof(r));
		patch(v, e->dynamic, r);
	} else if ((uint32_t)v->gpr[GPR_RAX] == 0xb) { /* levels beyond the last still give the ID */
		r[2] = (uint32_t)v->gpr[GPR_RCX] & 0xff;
		r[3] = v->apic_id;
	}
	answer(v, r);
}

void cpuid_execute(struct vcpu *v)
{
	const struct cpuid_entry *e =
		cpuid_find(v->vm->cpuid, (uint32_t)v->gpr[GPR_RAX], (uint32_t)v->gpr[GPR_RCX]);

	if (e != NULL && e->dynamic == CPUID_STATIC)
		answer(v, e->reg);
	else
		execute_rest(v, e);
}
