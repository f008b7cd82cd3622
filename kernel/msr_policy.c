/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The MSR policy. Three kinds: kept in the vendor's control block (the backend has them), state that
 * nothing but the guest looks at (here), and constants that keep operating systems content.
 */
#include "kernel/msr_policy.h"

#include <stdbool.h>
#include <stddef.h>
#include "arch/cpu.h"
#include "kernel/abi/status.h"
#include "kernel/kvm_pv.h"
#include "kernel/kvmclock.h"
#include "kernel/vcpu.h"
#include "kernel/vm.h"
#include "lib/addr.h"
#include "lib/string.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"

#define MTRRCAP_VALUE  (MTRR_VARIABLE | 1U << 8 | 1U << 10) /* fixed ranges, write-combining */
#define PAT_RESET      0x0007040600070406ULL
#define HWCR_TSC_P0    (1ULL << 24) /* the TSC counts at the P0 frequency */
#define MISC_RESET     (1ULL << 0 | 1ULL << 11 | 1ULL << 12) /* fast strings; no BTS, no PEBS */
#define MISC_WRITABLE  (1ULL << 0 | 1ULL << 16 | 1ULL << 18 | 1ULL << 22 | 1ULL << 34)
#define UCODE_REV_READ 0x0100006500000000ULL

/* MSRs that read as a constant; `writable`: writes are taken and forgotten. */
static const struct msr_constant {
	uint32_t msr;
	bool writable;
	uint64_t value;
} constants[] = {
	{ MSR_PLATFORM_ID, false, 0 },
	{ 0x0000002a, true, 0 }, /* EBL_CR_POWERON */
	{ MSR_FEATURE_CONTROL, false, 1 }, /* locked, nothing on */
	{ 0x00000079, true, 0 }, /* microcode update trigger */
	{ 0x000000ce, false, 0 }, /* PLATFORM_INFO */
	{ MSR_MCG_CAP, false, 0 }, /* no banks */
	{ 0x00000198, true, 0 }, /* PERF_STATUS */
	{ 0x00000199, true, 0 }, /* PERF_CTL */
	{ 0x0000019a, true, 0 }, /* CLOCK_MODULATION */
	{ 0x0000019b, true, 0 }, /* THERM_INTERRUPT */
	{ 0x0000019c, true, 0 }, /* THERM_STATUS */
	{ MSR_DEBUGCTL, true, 0 },
	{ 0x000001db, false, 0 }, { 0x000001dc, false, 0 }, /* last branch */
	{ 0x000001dd, false, 0 }, { 0x000001de, false, 0 }, /* last exception */
	{ 0xc001001f, true, 0 }, /* NB_CFG */
	{ 0xc0010020, true, 0 }, /* PATCH_LOADER */
	{ 0xc0010055, true, 0 }, /* INT_PENDING */
	{ 0xc0010061, false, 0 }, { 0xc0010062, true, 0 }, { 0xc0010063, false, 0 }, /* P-states */
	{ 0xc0010064, false, 0 },
	{ MSR_VM_CR, false, VM_CR_SVMDIS | VM_CR_LOCK },
	{ 0xc0010140, true, 0 }, { 0xc0010141, true, 0 }, /* OSVW: no erratum */
	{ 0xc0011020, true, 0 }, { 0xc0011021, true, 0 }, { 0xc0011022, true, 0 }, /* LS, IC, DC_CFG */
	{ 0xc0011029, true, 2 }, /* DE_CFG: LFENCE serialises */
	{ 0xc001102a, true, 0 }, /* BU_CFG2 */
};

static const struct msr_constant *constant_find(uint32_t msr)
{
	size_t low = 0, high = sizeof(constants) / sizeof(constants[0]);

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (constants[mid].msr == msr)
			return &constants[mid];
		if (constants[mid].msr < msr)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static bool memory_type(uint64_t t) { return t < 7 && t != 2 && t != 3; }

int msr_pat_valid(uint64_t value)
{
	for (unsigned i = 0; i < 8; i++) {
		uint64_t t = value >> (8 * i) & 0xff;

		if (!memory_type(t) && t != 7)
			return 0;
	}
	return 1;
}

/* The MTRR that msr names, or NULL. */
static uint64_t *mtrr_slot(struct vcpu *v, uint32_t msr)
{
	struct msr_state *s = &v->msr;

	if (msr >= MSR_MTRR_PHYSBASE0 && msr < MSR_MTRR_PHYSBASE0 + 2 * MTRR_VARIABLE)
		return (msr & 1) != 0 ? &s->mtrr_mask[(msr & 0xf) / 2] : &s->mtrr_base[(msr & 0xf) / 2];
	if (msr == MSR_MTRR_FIX64K_00000)
		return &s->mtrr_fixed[0];
	if (msr == MSR_MTRR_FIX16K_80000 || msr == MSR_MTRR_FIX16K_A0000)
		return &s->mtrr_fixed[1 + (msr - MSR_MTRR_FIX16K_80000)];
	if (msr >= MSR_MTRR_FIX4K_C0000 && msr < MSR_MTRR_FIX4K_C0000 + 8)
		return &s->mtrr_fixed[3 + (msr - MSR_MTRR_FIX4K_C0000)];
	return NULL;
}

static int mtrr_write(struct vcpu *v, uint32_t msr, uint64_t *slot, uint64_t value)
{
	if (msr < MSR_MTRR_FIX64K_00000) {
		uint64_t low = (msr & 1) != 0 ? 1ULL << 11 : 0xff;

		if ((value & ~((v->vm->cpuid->physical_mask & ~0xfffULL) | low)) != 0 ||
		    ((msr & 1) == 0 && !memory_type(value & 0xff)))
			return E_INVAL;
	} else {
		for (unsigned i = 0; i < 8; i++)
			if (!memory_type(value >> (8 * i) & 0xff))
				return E_INVAL;
	}
	*slot = value;
	return 0;
}

int msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	const struct msr_constant *c;
	uint64_t *slot;

	if (msr - MSR_X2APIC_BASE < 0x100)
		return lapic_x2apic_read(v, msr, value);
	switch (msr) {
	case MSR_TSC: *value = rdtsc() + v->tsc_offset; return 0;
	case MSR_TSC_DEADLINE: *value = lapic_deadline_read(v); return 0;
	case MSR_APIC_BASE: *value = v->lapic.base; return 0;
	case MSR_TSC_ADJUST: *value = v->msr.tsc_adjust; return 0;
	case MSR_TSC_AUX:
		*value = v->msr.tsc_aux; /* only where the backend cannot pass it through */
		return v->vm->cpuid->rdtscp ? 0 : E_RANGE;
	case MSR_PAT: *value = v->msr.pat; return 0;
	case MSR_ARCH_CAPABILITIES:
		*value = v->vm->cpuid->arch_caps;
		return v->vm->cpuid->has_arch_caps ? 0 : E_RANGE;
	case MSR_MTRRCAP: *value = MTRRCAP_VALUE; return 0;
	case MSR_MTRR_DEF_TYPE: *value = v->msr.mtrr_def_type; return 0;
	case MSR_MISC_ENABLE: *value = v->msr.misc_enable; return 0;
	case MSR_MCG_STATUS: *value = v->msr.mcg_status; return 0;
	case MSR_UCODE_REV: *value = v->vm->cpuid->intel ? UCODE_REV_READ : UCODE_REV_READ >> 32; return 0;
	case MSR_SYSCFG: *value = v->msr.syscfg; return 0;
	case MSR_HWCR: *value = v->msr.hwcr | HWCR_TSC_P0; return 0;
	case MSR_KVM_WALL_CLOCK_NEW: *value = v->msr.kvm_wall_clock; return 0;
	case MSR_KVM_SYSTEM_TIME_NEW: *value = v->msr.kvm_system_time; return 0;
	case MSR_KVM_STEAL_TIME: *value = v->msr.kvm_steal_time; return 0;
	case MSR_KVM_PV_EOI_EN: *value = v->lapic.pv_eoi; return 0;
	default: break;
	}
	slot = mtrr_slot(v, msr);
	if (slot != NULL) {
		*value = *slot;
		return 0;
	}
	c = constant_find(msr);
	if (c == NULL)
		return hv->msr_read(v, msr, value);
	*value = c->value;
	return 0;
}

/* [SDM3 "IA32_TSC_ADJUST"]: a write to either moves both. */
static void tsc_move(struct vcpu *v, uint64_t by)
{
	uint64_t deadline = v->lapic.tsc_deadline;

	v->tsc_offset += by;
	v->msr.tsc_adjust += by;
	hv->tsc_offset(v, v->tsc_offset);
	if (deadline != 0)
		lapic_deadline_write(v, deadline);
	kvmclock_update(v);
}

/* [APM2 "Extended Feature Enable Register"] */
static int efer_write(struct vcpu *v, uint64_t value)
{
	struct vcpu_regs r;

	if ((value & ~v->vm->cpuid->efer_allowed) != 0)
		return E_INVAL;
	hv->pull(v, REG_CR, &r);
	if (((value ^ r.efer) & EFER_LME) != 0 && (r.cr0 & CR0_PG) != 0)
		return E_INVAL;
	return hv->msr_write(v, MSR_EFER, (value & ~EFER_LMA) | (r.efer & EFER_LMA));
}

static int bases_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	switch (msr) {
	case MSR_FS_BASE: case MSR_GS_BASE: case MSR_KERNEL_GS_BASE: case MSR_LSTAR: case MSR_CSTAR:
	case MSR_SYSENTER_ESP: case MSR_SYSENTER_EIP:
		if (!canonical(value))
			return E_INVAL;
		break;
	default:
		break;
	}
	return hv->msr_write(v, msr, value);
}

int msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	const struct msr_constant *c;
	uint64_t *slot;

	if (msr == MSR_TSC_DEADLINE) {
		lapic_deadline_write(v, value);
		return 0;
	}
	if (msr - MSR_X2APIC_BASE < 0x100)
		return lapic_x2apic_write(v, msr, value);
	switch (msr) {
	case MSR_TSC: tsc_move(v, value - (rdtsc() + v->tsc_offset)); return 0;
	case MSR_TSC_ADJUST: tsc_move(v, value - v->msr.tsc_adjust); return 0;
	case MSR_APIC_BASE: return lapic_base_write(v, value);
	case MSR_EFER: return efer_write(v, value);
	case MSR_TSC_AUX:
		if (!v->vm->cpuid->rdtscp)
			return E_RANGE;
		if (value >> 32 != 0)
			return E_INVAL;
		v->msr.tsc_aux = value;
		return 0;
	case MSR_PAT:
		if (!msr_pat_valid(value))
			return E_INVAL;
		v->msr.pat = value;
		return 0;
	case MSR_PRED_CMD:
		if (!v->vm->cpuid->ibpb)
			return E_RANGE;
		if ((value & ~1ULL) != 0)
			return E_INVAL;
		if (value != 0)
			vcpu_ibpb();
		return 0;
	case MSR_MTRR_DEF_TYPE:
		if ((value & ~0xcffULL) != 0 || !memory_type(value & 0xff))
			return E_INVAL;
		v->msr.mtrr_def_type = value;
		return 0;
	case MSR_MISC_ENABLE: v->msr.misc_enable = (value & MISC_WRITABLE) | (MISC_RESET & ~1ULL); return 0;
	case MSR_MCG_STATUS: v->msr.mcg_status = value & 7; return 0;
	case MSR_UCODE_REV: return 0; /* Intel: written with 0 before it is read */
	case MSR_SYSCFG: v->msr.syscfg = value & 0x7c0000; return 0; /* MTRR extensions, TOM2 */
	case MSR_HWCR: v->msr.hwcr = value & 0x1ffff; return 0;
	case MSR_KVM_WALL_CLOCK_NEW: return kvmclock_wall_clock_write(v, value);
	case MSR_KVM_SYSTEM_TIME_NEW: return kvmclock_system_time_write(v, value);
	case MSR_KVM_STEAL_TIME: return kvm_steal_write(v, value);
	case MSR_KVM_PV_EOI_EN: return kvm_eoi_write(v, value);
	default: break;
	}
	slot = mtrr_slot(v, msr);
	if (slot != NULL)
		return mtrr_write(v, msr, slot, value);
	c = constant_find(msr);
	if (c == NULL)
		return bases_write(v, msr, value);
	return c->writable ? 0 : E_INVAL;
}

void msr_reset(struct vcpu *v)
{
	memset(&v->msr, 0, sizeof(v->msr));
	v->msr.pat = PAT_RESET;
	/* On, all write-back: as firmware would leave it, for guests that are started without one. */
	v->msr.mtrr_def_type = 0x806;
	v->msr.misc_enable = MISC_RESET;
}
