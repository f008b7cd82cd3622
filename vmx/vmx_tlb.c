/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VPIDs, and which cached translations have to go when. Guest-physical and combined translations are
 * tagged by the EPT's root, linear and combined ones by the VPID. [SDM3 "Caching Translation Information"]
 */
#include "vmx/vmx.h"

#include "arch/spinlock.h"
#include "kernel/log.h"
#include "kernel/percpu.h"
#include "lib/x86/cr.h"

#define VPIDS 1024U /* more vCPUs than that run without a tag */

_Static_assert(CPUS_MAX <= 64, "vmx_vcpu.clean has a bit a processor");

static struct {
	struct spinlock lock;
	uint64_t taken[VPIDS / 64]; /* [lock] bit 0 of word 0 stays clear: VPID 0 is the host's */
} vpids;

void vmx_vpid_take(struct vmx_vcpu *s)
{
	s->vpid = 0;
	if ((vmx_box.c.features & VMX_F_VPID) == 0)
		return;
	spin_lock(&vpids.lock);
	for (unsigned i = 1; i < VPIDS && s->vpid == 0; i++) {
		if ((vpids.taken[i / 64] >> i % 64 & 1) != 0)
			continue;
		vpids.taken[i / 64] |= 1ULL << i % 64;
		s->vpid = (uint16_t)i;
	}
	spin_unlock(&vpids.lock);
}

void vmx_vpid_give(struct vmx_vcpu *s)
{
	if (s->vpid == 0)
		return;
	spin_lock(&vpids.lock);
	vpids.taken[s->vpid / 64] &= ~(1ULL << s->vpid % 64);
	spin_unlock(&vpids.lock);
	s->vpid = 0;
}

void vmx_tlb_load(struct vmx_vcpu *s, unsigned cpu)
{
	/* The frame of the EPT's root, or the VPID, may have been someone else's when last used here. */
	if ((s->clean >> cpu & 1) == 0)
		s->before |= FLUSH_EPT | FLUSH_LINEAR;
	else if (s->cpu != cpu) /* INVLPG there did not reach what is cached here */
		s->before |= FLUSH_LINEAR;
	s->cpu = cpu;
}

void vmx_tlb_flush(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_vcpu(v);

	s->clean = 0;
	s->before |= FLUSH_EPT | FLUSH_LINEAR;
}

uint8_t vmx_tlb_change(uint64_t cr0, uint64_t cr3, uint64_t cr4, uint64_t efer, const struct vcpu_regs *to)
{
	uint64_t cr4_all = CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP | CR4_LA57 | CR4_PKE;

	if (((cr0 ^ to->cr0) & (CR0_PG | CR0_WP)) != 0 || ((cr4 ^ to->cr4) & cr4_all) != 0 ||
	    ((efer ^ to->efer) & (EFER_NXE | EFER_LMA)) != 0)
		return FLUSH_LINEAR;
	return cr3 != to->cr3 ? FLUSH_LOCAL : 0;
}

static void invept(struct vmx_vcpu *s)
{
	struct {
		uint64_t eptp, zero;
	} descriptor = { s->ept_pointer, 0 };
	uint64_t type = (vmx_box.c.features & VMX_F_INVEPT_ONE) != 0 ? INVEPT_ONE : INVEPT_ALL;
	uint8_t failed;

	__asm__ volatile("invept %1, %2\n\tsetna %0" : "=q"(failed) : "m"(descriptor), "r"(type) : "cc", "memory");
	verify(!failed);
	vmx_cpu_self()->used[type == INVEPT_ONE ? VMX_USE_INVEPT_ONE : VMX_USE_INVEPT_ALL]++;
}

static void invvpid(struct vmx_vcpu *s, bool local)
{
	struct {
		uint64_t vpid, linear;
	} descriptor = { s->vpid, 0 };
	uint32_t f = vmx_box.c.features;
	uint64_t type = local && (f & VMX_F_INVVPID_LOCAL) != 0 ? INVVPID_LOCAL :
			(f & VMX_F_INVVPID_ONE) != 0		? INVVPID_ONE :
								  INVVPID_ALL;
	uint8_t failed;

	__asm__ volatile("invvpid %1, %2\n\tsetna %0" : "=q"(failed) : "m"(descriptor), "r"(type) : "cc", "memory");
	verify(!failed);
	vmx_cpu_self()->used[type == INVVPID_LOCAL ? VMX_USE_INVVPID_LOCAL :
			     type == INVVPID_ONE   ? VMX_USE_INVVPID_ONE :
						     VMX_USE_INVVPID_ALL]++;
}

void vmx_tlb_do(struct vmx_vcpu *s)
{
	if ((s->before & FLUSH_EPT) != 0) {
		invept(s);
		s->clean |= 1ULL << s->cpu;
	}
	/* Without a tag every entry drops the linear ones. INVEPT has dropped the combined ones, not the linear. */
	if (s->vpid != 0 && (s->before & (FLUSH_LINEAR | FLUSH_LOCAL)) != 0)
		invvpid(s, (s->before & FLUSH_LINEAR) == 0);
	s->before &= (uint8_t)~FLUSH;
}
