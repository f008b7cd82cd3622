/* SPDX-License-Identifier: GPL-2.0-only */
/* Hypercalls that Linux uses with several processors: IPIs to many at once, and a kick. */
#include "kernel/hypercall.h"

#include <stdbool.h>
#include <stddef.h>
#include "kernel/vcpu.h"
#include "kernel/vm.h"

/* Fixed by the KVM interface. */
enum { HC_KICK_CPU = 5, HC_SEND_IPI = 10 };
enum { HC_EPERM = 1, HC_EINVAL = 22, HC_ENOSYS = 1000 };
#define HC_ICR_LOGICAL (1U << 11)

struct call {
	uint64_t arg[4];
	bool wide; /* 64-bit code */
};

/* Only ring 0 may. The arguments of other code than 64-bit are 32 bits wide. */
static bool call_read(struct vcpu *v, struct call *c)
{
	static const uint8_t gpr[4] = { GPR_RBX, GPR_RCX, GPR_RDX, GPR_RSI };
	struct vcpu_regs r;

	hv->pull(v, REG_SEG, &r);
	c->wide = (r.seg[SEG_CS].attr >> 9 & 1) != 0;
	for (unsigned i = 0; i < 4; i++)
		c->arg[i] = c->wide ? v->gpr[gpr[i]] : (uint32_t)v->gpr[gpr[i]];
	return (r.seg[SEG_SS].attr >> 5 & 3) == 0;
}

/* (bitmap, its upper half, APIC ID of bit 0, ICR's low half): how many accepted it. */
static uint64_t send_ipi(struct vcpu *v, const struct call *c)
{
	uint32_t icr = (uint32_t)c->arg[3];
	struct lapic_message m = { .vector = (uint8_t)icr, .mode = icr >> 8 & 7 };
	unsigned half = c->wide ? 64 : 32;
	uint64_t accepted = 0;

	if ((icr & HC_ICR_LOGICAL) != 0 || (m.mode != APIC_FIXED && m.mode != APIC_NMI))
		return (uint64_t)-HC_EINVAL;
	v->area->pv_ipis++;
	if (c->arg[2] > APIC_BROADCAST - 2 * 64U)
		return 0;
	for (unsigned word = 0; word < 2; word++) {
		for (uint64_t bits = c->arg[word]; bits != 0; bits &= bits - 1) {
			m.dest = (uint32_t)c->arg[2] + word * half + (unsigned)__builtin_ctzll(bits);
			accepted += lapic_send(v->vm, NULL, &m);
		}
	}
	return accepted;
}

/* (0, APIC ID): its present HLT ends, or its next one does at once, whatever RFLAGS.IF is. */
static uint64_t kick_cpu(struct vcpu *v, const struct call *c)
{
	struct vcpu *to = lapic_by_id(v->vm, c->arg[1]);

	if (to != NULL)
		vcpu_request(to, REQ_UNHALT);
	return 0;
}

uint64_t hypercall(struct vcpu *v)
{
	uint32_t number = (uint32_t)v->gpr[GPR_RAX];
	struct call c;

	if (number != HC_KICK_CPU && number != HC_SEND_IPI)
		return (uint64_t)-HC_ENOSYS;
	if (!call_read(v, &c))
		return (uint64_t)-HC_EPERM;
	return number == HC_SEND_IPI ? send_ipi(v, &c) : kick_cpu(v, &c);
}
