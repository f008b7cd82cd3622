/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU's VMCS: made, loaded, given back. Not its guest registers. */
#include "vmx/vmx.h"

#include "arch/cpu.h"
#include "arch/cr.h"
#include "arch/msr.h"
#include "arch/seg.h"
#include "kernel/percpu.h"
#include "kernel/pool.h"
#include "kernel/vm.h"
#include "lib/string.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"

_Static_assert(offsetof(struct vmx_vcpu, v) == 0, "hvops.h");
_Static_assert(sizeof(struct vmx_vcpu) <= 4096, "vcpu.c gives it one page");

/* #AC and #DB: a guest can make them endless; each must be an exit. #MC is the host's. */
#define ALWAYS_TRAPPED (1U << VECTOR_DB | 1U << VECTOR_AC | 1U << VECTOR_MC)

/* PAUSEs at most so many cycles apart are one loop; it may spin so long before others get a turn. */
enum { PAUSE_GAP = 128, PAUSE_WINDOW = 4096 };

#define EPT_POINTER_WB4 (6ULL | 3ULL << 3) /* write-back, four levels */

static const uint32_t list_msr[LIST_COUNT] = { MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK, MSR_KERNEL_GS_BASE };

static void vmptrld(const struct vmx_vcpu *s)
{
	__asm__ volatile("vmptrld %0" : : "m"(s->vmcs_hpa.raw) : "cc", "memory");
}

static void vmclear(const struct vmx_vcpu *s)
{
	__asm__ volatile("vmclear %0" : : "m"(s->vmcs_hpa.raw) : "cc", "memory");
}

struct vmx_vcpu *vmx_borrow(struct vmx_vcpu *s)
{
	struct vmx_cpu *cpu = vmx_cpu_self();
	struct vmx_vcpu *previous = cpu->current;

	if (previous != s) {
		vmptrld(s);
		cpu->current = s;
	}
	return previous;
}

void vmx_return(struct vmx_vcpu *s, struct vmx_vcpu *previous)
{
	struct vmx_cpu *cpu = vmx_cpu_self();

	if (previous == s)
		return;
	vmclear(s);
	s->launched = false;
	cpu->current = previous;
	if (previous != NULL)
		vmptrld(previous);
}

static void write_controls(struct vmx_vcpu *s)
{
	const uint32_t *word = vmx_box.c.word;
	uint32_t cpu2 = word[VMX_WORD_CPU2];

	s->pin_controls = word[VMX_WORD_PIN];
	s->cpu_controls = word[VMX_WORD_CPU];
	if (s->vpid == 0)
		cpu2 &= ~VMX_CPU2_VPID;
	else
		vmwrite(VMCS_VPID, s->vpid);
	if ((cpu2 & VMX_CPU2_PAUSE_LOOP) != 0) {
		vmwrite(VMCS_PAUSE_GAP, PAUSE_GAP);
		vmwrite(VMCS_PAUSE_WINDOW, PAUSE_WINDOW);
	}
	vmwrite(VMCS_PIN_CONTROLS, s->pin_controls);
	vmwrite(VMCS_CPU_CONTROLS, s->cpu_controls);
	vmwrite(VMCS_CPU_CONTROLS2, cpu2);
	vmwrite(VMCS_EXIT_CONTROLS, word[VMX_WORD_EXIT]);
	vmwrite(VMCS_ENTRY_CONTROLS, word[VMX_WORD_ENTRY]);
	vmwrite(VMCS_EXCEPTIONS, ALWAYS_TRAPPED);
	vmwrite(VMCS_MSR_BITMAP, vmx_box.msr_bitmap.raw);
	vmwrite(VMCS_VIRTUAL_APIC, pool_hpa(s->virtual_apic).raw);
	vmwrite(VMCS_TPR_THRESHOLD, 0);
	vmwrite(VMCS_EPT_POINTER, s->ept_pointer);
	vmwrite(VMCS_LINK_POINTER, ~0ULL);
	vmwrite(VMCS_EXIT_MSR_STORE, pool_hpa(s->lists).raw);
	vmwrite(VMCS_ENTRY_MSR_LOAD, pool_hpa(s->lists).raw);
	vmwrite(VMCS_EXIT_MSR_LOAD, pool_hpa(s->lists).raw + offsetof(struct vmx_lists, host));
	vmwrite(VMCS_EXIT_MSR_STORES, LIST_COUNT);
	vmwrite(VMCS_ENTRY_MSR_LOADS, LIST_COUNT);
	vmwrite(VMCS_EXIT_MSR_LOADS, LIST_COUNT);
	vmwrite(VMCS_CR3_TARGETS, 0);
	/* CR0.NE must be set, CD and NW are ours; the guest sees its own values. CR4.VMXE likewise. */
	vmwrite(VMCS_CR0_MASK, VMX_CR0_OWNED | vmx_box.c.cr0_fixed);
	s->cr4_owned = CR4_VMXE;
	vmwrite(VMCS_CR4_MASK, s->cr4_owned);
	vmwrite(VMCS_ACTIVITY, 0);
	vmwrite(VMCS_INTERRUPTIBILITY, 0);
	vmwrite(VMCS_GUEST_RSP, s->rsp);
}

int vmx_vcpu_init(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_vcpu(v), *previous;
	struct space *payer = v->vm->space;

	s->vmcs = pool_page(payer);
	s->lists = pool_page(payer);
	s->virtual_apic = pool_page(payer);
	if (s->vmcs == NULL || s->lists == NULL || s->virtual_apic == NULL)
		return E_NOMEM;
	s->vmcs[0] = vmx_box.c.revision;
	s->vmcs_hpa = pool_hpa(s->vmcs);
	s->ept_pointer = pool_hpa(v->vm->npt.root).raw | EPT_POINTER_WB4;
	for (unsigned i = 0; i < LIST_COUNT; i++)
		s->lists->guest[i].index = s->lists->host[i].index = list_msr[i];
	s->before = vmx_box.debug != 0 ? BEFORE_DEBUG : 0;
	s->cpu = ~0U;
	vmx_vpid_take(s);
	vmclear(s);
	previous = vmx_borrow(s);
	write_controls(s);
	vmx_deadline(v, ~0ULL);
	vmx_return(s, previous);
	return 0;
}

void vmx_vcpu_fini(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_vcpu(v);
	struct space *payer = v->vm->space;

	vmx_vpid_give(s);
	if (s->vmcs != NULL)
		pool_page_free(payer, s->vmcs);
	if (s->lists != NULL)
		pool_page_free(payer, s->lists);
	if (s->virtual_apic != NULL)
		pool_page_free(payer, s->virtual_apic);
	s->vmcs = NULL;
}

struct table_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

/* What the processor has now is what it shall have after an exit. What all threads of a processor share: */
static void host_state_of_cpu(struct vmx_vcpu *s)
{
	struct table_register gdt, idt;

	__asm__ volatile("sgdt %0" : "=m"(gdt));
	__asm__ volatile("sidt %0" : "=m"(idt));
	vmwrite(VMCS_HOST_CR0, read_cr0());
	vmwrite(VMCS_HOST_CR4, read_cr4());
	vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(VMCS_HOST_CS, SEL_KERNEL_CS);
	vmwrite(VMCS_HOST_SS, SEL_KERNEL_SS);
	vmwrite(VMCS_HOST_DS, 0);
	vmwrite(VMCS_HOST_ES, 0);
	vmwrite(VMCS_HOST_FS, 0);
	vmwrite(VMCS_HOST_GS, 0);
	vmwrite(VMCS_HOST_TR, SEL_TSS);
	vmwrite(VMCS_HOST_GS_BASE, rdmsr(MSR_GS_BASE));
	vmwrite(VMCS_HOST_TR_BASE, (uint64_t)&percpu_self()->tables.tss);
	vmwrite(VMCS_HOST_GDTR_BASE, gdt.base);
	vmwrite(VMCS_HOST_IDTR_BASE, idt.base);
	vmwrite(VMCS_HOST_SYSENTER_CS, 0);
	vmwrite(VMCS_HOST_SYSENTER_ESP, 0);
	vmwrite(VMCS_HOST_SYSENTER_EIP, 0);
	vmwrite(VMCS_HOST_RIP, (uint64_t)vmx_exit_point);
	for (unsigned i = 0; i < LIST_COUNT; i++)
		s->lists->host[i].value = rdmsr(list_msr[i]);
}

/* .. and the thread's own. */
static void host_state_of_thread(void)
{
	vmwrite(VMCS_HOST_CR3, read_cr3());
	vmwrite(VMCS_HOST_FS_BASE, percpu_self()->fs_base);
}

/* From the VMCS, not from what we meant to put there. */
static void controls_count(struct vmx_cpu *cpu)
{
	uint64_t cpu2 = vmread(VMCS_CPU_CONTROLS2);

	cpu->used[VMX_USE_VPID] += (cpu2 & VMX_CPU2_VPID) != 0;
	cpu->used[VMX_USE_PAUSE] += (cpu2 & VMX_CPU2_PAUSE_LOOP) != 0;
	cpu->used[VMX_USE_RDTSCP] += (cpu2 & VMX_CPU2_RDTSCP) != 0;
	cpu->used[VMX_USE_INVPCID] += (cpu2 & VMX_CPU2_INVPCID) != 0;
	cpu->used[VMX_USE_TPR] += (vmread(VMCS_CPU_CONTROLS) & VMX_CPU_TPR_SHADOW) != 0;
}

void vmx_load(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_vcpu(v);
	uint64_t owned;

	(void)vmx_borrow(s);
	if (s->cpu != cpu_index())
		host_state_of_cpu(s);
	host_state_of_thread();
	write_dr6(s->guest_dr6);
	vmx_tlb_load(s, cpu_index());
	controls_count(vmx_cpu_self());
	/* What this processor's CR4 has and the guest's CPUID has not: a guest that sets it gets #GP. */
	owned = CR4_VMXE | (v->vm->cpuid != NULL ? vmx_box.c.cr4_known & ~v->vm->cpuid->cr4_allowed : 0);
	if (owned != s->cr4_owned) {
		s->cr4_owned = owned;
		vmwrite(VMCS_CR4_MASK, owned);
	}
}

void vmx_put(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_vcpu(v);

	s->guest_dr6 = read_dr6();
	vmclear(s);
	s->launched = false;
	vmx_cpu_self()->current = NULL;
}

void vmx_cpu_controls(struct vmx_vcpu *s, uint32_t set, uint32_t clear)
{
	uint32_t value = (s->cpu_controls | set) & ~clear;

	if (value == s->cpu_controls)
		return;
	s->cpu_controls = value;
	vmwrite(VMCS_CPU_CONTROLS, value);
}

void vmx_tsc_offset(struct vcpu *v, uint64_t offset)
{
	struct vmx_vcpu *s = vmx_vcpu(v), *previous = vmx_borrow(s);

	vmwrite(VMCS_TSC_OFFSET, offset);
	vmx_return(s, previous);
}

void vmx_deadline(struct vcpu *v, uint64_t tsc)
{
	struct vmx_vcpu *s = vmx_vcpu(v), *previous;
	bool bound = (vmx_box.c.features & VMX_F_BOUND) != 0, timer = tsc != ~0ULL || bound;
	uint32_t pin = timer ? s->pin_controls | VMX_PIN_TIMER : s->pin_controls & ~VMX_PIN_TIMER;

	s->deadline = tsc;
	s->before = (uint8_t)((s->before & ~BEFORE_TIMER) | (tsc != ~0ULL ? BEFORE_TIMER : 0));
	if (pin == s->pin_controls && !bound)
		return;
	s->pin_controls = pin;
	previous = vmx_borrow(s);
	vmwrite(VMCS_PIN_CONTROLS, pin);
	if (bound)
		vmwrite(VMCS_TIMER, VMX_BOUND);
	vmx_return(s, previous);
}
