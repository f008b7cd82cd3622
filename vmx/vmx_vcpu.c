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
	s->cpu_controls = vmx_box.cpu;
	s->trapped = ALWAYS_TRAPPED;
	vmwrite(VMCS_PIN_CONTROLS, vmx_box.pin);
	vmwrite(VMCS_CPU_CONTROLS, s->cpu_controls);
	vmwrite(VMCS_CPU_CONTROLS2, vmx_box.cpu2);
	vmwrite(VMCS_EXIT_CONTROLS, vmx_box.exit);
	vmwrite(VMCS_ENTRY_CONTROLS, vmx_box.entry);
	vmwrite(VMCS_EXCEPTIONS, s->trapped);
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
	vmwrite(VMCS_CR0_MASK, CR0_NE | CR0_CD | CR0_NW);
	vmwrite(VMCS_CR4_MASK, CR4_VMXE);
	vmwrite(VMCS_GUEST_DEBUGCTL, 0);
	vmwrite(VMCS_GUEST_PENDING_DEBUG, 0);
	vmwrite(VMCS_ACTIVITY, 0);
	vmwrite(VMCS_INTERRUPTIBILITY, 0);
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
	s->vmcs[0] = vmx_box.revision;
	s->vmcs_hpa = pool_hpa(s->vmcs);
	s->ept_pointer = pool_hpa(v->vm->npt.root).raw | EPT_POINTER_WB4;
	for (unsigned i = 0; i < LIST_COUNT; i++)
		s->lists->guest[i].index = s->lists->host[i].index = list_msr[i];
	vmclear(s);
	previous = vmx_borrow(s);
	write_controls(s);
	vmx_return(s, previous);
	s->flush = true;
	return 0;
}

void vmx_vcpu_fini(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_vcpu(v);
	struct space *payer = v->vm->space;

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

/* What the processor has now is what it shall have after an exit. */
static void host_state(struct vmx_vcpu *s)
{
	struct table_register gdt, idt;

	__asm__ volatile("sgdt %0" : "=m"(gdt));
	__asm__ volatile("sidt %0" : "=m"(idt));
	vmwrite(VMCS_HOST_CR0, read_cr0());
	vmwrite(VMCS_HOST_CR3, read_cr3());
	vmwrite(VMCS_HOST_CR4, read_cr4());
	vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(VMCS_HOST_CS, SEL_KERNEL_CS);
	vmwrite(VMCS_HOST_SS, SEL_KERNEL_SS);
	vmwrite(VMCS_HOST_DS, 0);
	vmwrite(VMCS_HOST_ES, 0);
	vmwrite(VMCS_HOST_FS, 0);
	vmwrite(VMCS_HOST_GS, 0);
	vmwrite(VMCS_HOST_TR, SEL_TSS);
	vmwrite(VMCS_HOST_FS_BASE, rdmsr(MSR_FS_BASE));
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

void vmx_load(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_vcpu(v);

	(void)vmx_borrow(s);
	host_state(s);
	write_dr6(s->guest_dr6);
	s->flush = true; /* another processor may have cached other translations */
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

void vmx_trap_exceptions(struct vcpu *v, uint32_t vectors)
{
	struct vmx_vcpu *s = vmx_vcpu(v), *previous = vmx_borrow(s);

	s->trapped = ALWAYS_TRAPPED | vectors;
	vmwrite(VMCS_EXCEPTIONS, s->trapped);
	vmx_return(s, previous);
}

void vmx_tsc_offset(struct vcpu *v, uint64_t offset)
{
	struct vmx_vcpu *s = vmx_vcpu(v), *previous = vmx_borrow(s);

	vmwrite(VMCS_TSC_OFFSET, offset);
	vmx_return(s, previous);
}

/* Without VPIDs every entry and exit drops linear translations; what EPT caches is dropped here. */
void vmx_tlb_flush(struct vcpu *v) { vmx_vcpu(v)->flush = true; }

void vmx_invept(const struct vmx_vcpu *s)
{
	uint64_t descriptor[2] = { s->ept_pointer, 0 };

	__asm__ volatile("invept %0, %1" : : "m"(descriptor), "r"(vmx_box.invept_one ? 1ULL : 2ULL) : "cc", "memory");
}
