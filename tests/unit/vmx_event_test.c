/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: vmx/vmx_event.c vmx/vmx_decode.c vmx/vmx_tlb.c */
/* Events, windows, decoding and translations of the VMX backend on a VMCS in memory. */
#include "tests/unit/unit.h"
#include "vmx/vmx.h"

#include <stdlib.h>
#include "kernel/log.h"
#include "lib/x86/cr.h"

#define EVENT(type, vector) (VMX_EVENT_VALID | (uint32_t)(type) << 8 | (vector))

static uint64_t field[0x8000];
static struct vmx_vcpu vcpu;
static struct vmx_cpu cpu;
struct vmx_box vmx_box;

uint64_t vmread(uint64_t f) { return field[f]; }
void vmwrite(uint64_t f, uint64_t value) { field[f] = value; }
struct vmx_vcpu *vmx_borrow(struct vmx_vcpu *s) { return s; }
void vmx_return(struct vmx_vcpu *s, struct vmx_vcpu *previous) { (void)s, (void)previous; }
struct vmx_cpu *vmx_cpu_self(void) { return &cpu; }
void vmx_cpu_controls(struct vmx_vcpu *s, uint32_t set, uint32_t clear) { s->cpu_controls = (s->cpu_controls | set) & ~clear; }
void panic(const char *fmt, ...) { (void)fmt, abort(); }

static struct vcpu *setup(void)
{
	memset(field, 0, sizeof(field));
	memset(&vcpu, 0, sizeof(vcpu));
	field[VMCS_GUEST_CR0] = CR0_PE | CR0_PG;
	field[VMCS_GUEST_RFLAGS] = RFLAGS_FIXED | RFLAGS_IF;
	field[VMCS_GUEST_RIP] = 0x1000;
	vcpu.cpu_controls = VMX_CPU_TPR_SHADOW;
	return &vcpu.v;
}

static void inject(uint8_t type, uint8_t vector, uint8_t has_error, uint32_t error, uint8_t len)
{
	vmx_inject(&vcpu.v, &(struct hv_event){ .type = type, .vector = vector, .has_error = has_error, .error = error,
						.insn_len = len });
}

static void can(void)
{
	struct vcpu *v = setup();

	CHECK_EQ(vmx_can(v), HV_CAN_INTERRUPT | HV_CAN_NMI);
	field[VMCS_INTERRUPTIBILITY] = VMX_BLOCK_STI;
	CHECK_EQ(vmx_can(v), 0);
	field[VMCS_INTERRUPTIBILITY] = VMX_BLOCK_MOV_SS;
	CHECK_EQ(vmx_can(v), 0);
	field[VMCS_INTERRUPTIBILITY] = VMX_BLOCK_NMI;
	CHECK_EQ(vmx_can(v), HV_CAN_INTERRUPT);
	field[VMCS_GUEST_RFLAGS] = RFLAGS_FIXED;
	CHECK_EQ(vmx_can(v), 0);
	field[VMCS_INTERRUPTIBILITY] = 0;
	CHECK_EQ(vmx_can(v), HV_CAN_NMI);
}

/* An error code exactly where the entry wants one, whatever a monitor asked for. */
static void inject_errors(void)
{
	(void)setup();
	inject(EVENT_EXCEPTION, VECTOR_GP, 1, 0x12345, 0);
	CHECK_EQ(field[VMCS_ENTRY_EVENT], EVENT(VMX_EVENT_HARD, 13) | VMX_EVENT_ERROR);
	CHECK_EQ(field[VMCS_ENTRY_ERROR], 0x2345);
	inject(EVENT_EXCEPTION, VECTOR_GP, 0, 7, 0);
	CHECK_EQ(field[VMCS_ENTRY_EVENT], EVENT(VMX_EVENT_HARD, 13) | VMX_EVENT_ERROR);
	CHECK_EQ(field[VMCS_ENTRY_ERROR], 0);
	inject(EVENT_EXCEPTION, VECTOR_UD, 1, 7, 0);
	CHECK_EQ(field[VMCS_ENTRY_EVENT], EVENT(VMX_EVENT_HARD, 6));
	inject(EVENT_INTERRUPT, 14, 1, 7, 0);
	CHECK_EQ(field[VMCS_ENTRY_EVENT], EVENT(VMX_EVENT_INTR, 14));
	inject(EVENT_NMI, 2, 0, 0, 0);
	CHECK_EQ(field[VMCS_ENTRY_EVENT], EVENT(VMX_EVENT_NMI, 2));
	field[VMCS_GUEST_CR0] = 0;
	inject(EVENT_EXCEPTION, VECTOR_GP, 1, 7, 0);
	CHECK_EQ(field[VMCS_ENTRY_EVENT], EVENT(VMX_EVENT_HARD, 13));
}

/* However often the entry is put off, RIP goes back by one instruction. */
static void software_event_twice(void)
{
	(void)setup();
	inject(EVENT_SOFT_INTERRUPT, 0x80, 0, 0, 2);
	inject(EVENT_SOFT_INTERRUPT, 0x80, 0, 0, 2);
	CHECK_EQ(field[VMCS_GUEST_RIP], 0x1000);
	CHECK_EQ(vcpu.before & BEFORE_SOFT, BEFORE_SOFT);
	vmx_event_arm(&vcpu);
	CHECK_EQ(field[VMCS_GUEST_RIP], 0xffe);
	CHECK_EQ(field[VMCS_ENTRY_LENGTH], 2);
	CHECK_EQ(vcpu.before & BEFORE_SOFT, 0);
	/* Something else goes in instead: RIP stays. */
	inject(EVENT_SOFT_EXCEPTION, 3, 0, 0, 1);
	inject(EVENT_INTERRUPT, 0x60, 0, 0, 0);
	CHECK_EQ(vcpu.before & BEFORE_SOFT, 0);
}

static void windows(void)
{
	struct vcpu *v = setup();
	uint32_t both = VMX_CPU_INTERRUPT_WINDOW | VMX_CPU_NMI_WINDOW;

	v->cr8 = 5;
	vmx_window(v, HV_CAN_INTERRUPT, 6);
	CHECK_EQ(vcpu.cpu_controls & both, VMX_CPU_INTERRUPT_WINDOW);
	CHECK_EQ(field[VMCS_TPR_THRESHOLD], 0);
	vmx_window(v, HV_CAN_INTERRUPT, 5); /* held back by the task priority */
	CHECK_EQ(vcpu.cpu_controls & both, 0);
	CHECK_EQ(field[VMCS_TPR_THRESHOLD], 5);
	vmx_window(v, HV_CAN_INTERRUPT | HV_CAN_NMI, 0x10); /* the 8259 knows no priority */
	CHECK_EQ(vcpu.cpu_controls & both, both);
	CHECK_EQ(field[VMCS_TPR_THRESHOLD], 0);
	/* Behind STI the NMI window could open and yet no NMI be taken: an endless exit. */
	field[VMCS_INTERRUPTIBILITY] = VMX_BLOCK_STI;
	vmx_window(v, HV_CAN_NMI, 0);
	CHECK_EQ(vcpu.cpu_controls & both, VMX_CPU_INTERRUPT_WINDOW);
	field[VMCS_INTERRUPTIBILITY] = VMX_BLOCK_NMI;
	vmx_window(v, HV_CAN_NMI, 0);
	CHECK_EQ(vcpu.cpu_controls & both, VMX_CPU_NMI_WINDOW);
	vmx_window(v, 0, 0);
	CHECK_EQ(vcpu.cpu_controls & both, 0);
	/* Without a TPR shadow the threshold is not touched: CR8 exits tell. */
	vcpu.cpu_controls = 0;
	field[VMCS_TPR_THRESHOLD] = 99;
	vmx_window(v, HV_CAN_INTERRUPT, 5);
	CHECK_EQ(field[VMCS_TPR_THRESHOLD], 99);
	CHECK_EQ(vcpu.cpu_controls, 0);
}

static void delivered_again(void)
{
	struct vcpu *v = setup();

	vmx_reinject(&vcpu, EVENT(VMX_EVENT_INTR, 0x61));
	CHECK_EQ(v->event.type, EVENT_INTERRUPT);
	CHECK_EQ(v->event.vector, 0x61);
	field[VMCS_VECTORING_ERROR] = 6;
	vmx_reinject(&vcpu, EVENT(VMX_EVENT_HARD, 14) | VMX_EVENT_ERROR);
	CHECK_EQ(v->event.type, EVENT_EXCEPTION);
	CHECK_EQ(v->event.error, 6);
	/* An NMI that was not delivered does not block the one that is. */
	field[VMCS_INTERRUPTIBILITY] = VMX_BLOCK_NMI;
	vmx_reinject(&vcpu, EVENT(VMX_EVENT_NMI, 2));
	CHECK_EQ(v->event.type, EVENT_NMI);
	CHECK_EQ(field[VMCS_INTERRUPTIBILITY], 0);
	/* INT n is executed again. */
	v->event.type = EVENT_NONE;
	vmx_reinject(&vcpu, EVENT(VMX_EVENT_SOFT_INT, 0x80));
	CHECK_EQ(v->event.type, EVENT_NONE);
}

static void iret_that_faults(void)
{
	(void)setup();
	vmx_iret_undo(VMX_EVENT_UNBLOCK);
	CHECK_EQ(field[VMCS_INTERRUPTIBILITY], VMX_BLOCK_NMI);
	field[VMCS_INTERRUPTIBILITY] = 0;
	vmx_iret_undo(0);
	CHECK_EQ(field[VMCS_INTERRUPTIBILITY], 0);
	field[VMCS_VECTORING] = EVENT(VMX_EVENT_INTR, 0x20); /* the fault was a delivery's */
	vmx_iret_undo(VMX_EVENT_UNBLOCK);
	CHECK_EQ(field[VMCS_INTERRUPTIBILITY], 0);
	/* By an EPT violation, too. */
	field[VMCS_VECTORING] = 0;
	field[VMCS_EXIT_QUALIFICATION] = VMX_EVENT_UNBLOCK | 1;
	CHECK_EQ(vmx_decode(&vcpu, VMX_EPT_VIOLATION), HV_EXIT_NPF);
	CHECK_EQ(field[VMCS_INTERRUPTIBILITY], VMX_BLOCK_NMI);
	/* With #DF the bit says nothing. */
	field[VMCS_INTERRUPTIBILITY] = 0;
	field[VMCS_EXIT_EVENT] = EVENT(VMX_EVENT_HARD, VECTOR_DF) | VMX_EVENT_ERROR | VMX_EVENT_UNBLOCK;
	CHECK_EQ(vmx_decode(&vcpu, VMX_EXCEPTION_NMI), HV_EXIT_EXCEPTION);
	CHECK_EQ(field[VMCS_INTERRUPTIBILITY], 0);
}

/* As vmx_run does it. */
static void task_event(uint32_t vectoring)
{
	field[VMCS_VECTORING] = vectoring;
	vcpu.v.event.type = EVENT_NONE;
	vmx_reinject(&vcpu, vectoring);
	(void)vmx_decode(&vcpu, VMX_TASK_SWITCH);
}

static void task_switches(void)
{
	struct hv_exit *e = &vcpu.v.exit;

	(void)setup();
	field[VMCS_EXIT_LENGTH] = 7;
	for (uint64_t reason = 0; reason < 3; reason++) { /* CALL, IRET, JMP */
		field[VMCS_EXIT_QUALIFICATION] = reason << 30 | 0x28;
		CHECK_EQ(vmx_decode(&vcpu, VMX_TASK_SWITCH), HV_EXIT_TASK_SWITCH);
		CHECK_EQ(e->task.selector, 0x28);
		CHECK_EQ(e->task.reason, reason);
		CHECK_EQ(e->task.insn_len, 7);
	}
	field[VMCS_EXIT_QUALIFICATION] = 3ULL << 30 | 0x30; /* a gate: #DF, an interrupt, an NMI, INT n */
	field[VMCS_VECTORING_ERROR] = 0;
	task_event(EVENT(VMX_EVENT_HARD, VECTOR_DF) | VMX_EVENT_ERROR);
	CHECK_EQ(vcpu.v.event.type, EVENT_EXCEPTION);
	CHECK_EQ(vcpu.v.event.has_error, 1);
	CHECK_EQ(e->task.insn_len, 0);
	task_event(EVENT(VMX_EVENT_INTR, 0x20));
	CHECK_EQ(vcpu.v.event.vector, 0x20);
	CHECK_EQ(vcpu.v.event.has_error, 0);
	CHECK_EQ(e->task.insn_len, 0);
	CHECK_EQ(field[VMCS_INTERRUPTIBILITY], 0);
	task_event(EVENT(VMX_EVENT_NMI, 2));
	CHECK_EQ(field[VMCS_INTERRUPTIBILITY], VMX_BLOCK_NMI);
	task_event(EVENT(VMX_EVENT_SOFT_INT, 0x30));
	CHECK_EQ(vcpu.v.event.type, EVENT_NONE);
	CHECK_EQ(e->task.insn_len, 7);
}

static void control_registers(void)
{
	struct hv_exit *e = &vcpu.v.exit;

	(void)setup();
	vcpu.v.gpr[GPR_RBX] = 0xffffffff80000031ULL;
	field[VMCS_EXIT_QUALIFICATION] = GPR_RBX << 8 | 0;
	CHECK_EQ(vmx_decode(&vcpu, VMX_CR), HV_EXIT_CR);
	CHECK_EQ(e->reg.number, 0);
	CHECK_EQ(e->reg.write, 1);
	CHECK_EQ(e->reg.value, 0x80000031); /* 32-bit code: the upper half is left over */
	field[VMCS_GUEST_ES_ACCESS + 2 * SEG_CS] = 1U << 13;
	(void)vmx_decode(&vcpu, VMX_CR);
	CHECK_EQ(e->reg.value, 0xffffffff80000031ULL);
	field[VMCS_EXIT_QUALIFICATION] = GPR_RDX << 8 | 1 << 4 | 8;
	CHECK_EQ(vmx_decode(&vcpu, VMX_CR), HV_EXIT_CR);
	CHECK_EQ(e->reg.write, 0);
	CHECK_EQ(e->reg.number, 8);
	CHECK_EQ(e->reg.gpr, GPR_RDX);
	field[VMCS_EXIT_QUALIFICATION] = 2 << 4; /* CLTS: no bit of ours */
	CHECK_EQ(vmx_decode(&vcpu, VMX_CR), HV_EXIT_UNKNOWN);
}

static void ports_and_unknown(void)
{
	struct hv_exit *e = &vcpu.v.exit;

	(void)setup();
	field[VMCS_EXIT_QUALIFICATION] = 0x3f8ULL << 16 | 0;
	CHECK_EQ(vmx_decode(&vcpu, VMX_IO), HV_EXIT_PIO);
	CHECK_EQ(e->pio.port, 0x3f8);
	CHECK_EQ(e->pio.size, 1);
	CHECK_EQ(e->pio.write, 1);
	field[VMCS_EXIT_QUALIFICATION] = 0xcfcULL << 16 | 32 | 16 | 8 | 3;
	(void)vmx_decode(&vcpu, VMX_IO);
	CHECK_EQ(e->pio.size, 4);
	CHECK_EQ(e->pio.write, 0);
	CHECK(e->pio.string && e->pio.rep);
	vcpu.deadline = ~0ULL; /* not yet: a bounded run */
	CHECK_EQ(vmx_decode(&vcpu, VMX_PREEMPTION), HV_EXIT_INTR);
	vcpu.deadline = 1;
	CHECK_EQ(vmx_decode(&vcpu, VMX_PREEMPTION), HV_EXIT_DEADLINE);
	CHECK_EQ(vmx_decode(&vcpu, 35), HV_EXIT_UNKNOWN);
	CHECK_EQ(e->raw.code, 35);
	CHECK_EQ(vmx_exit_kind[VMX_CPUID], (HV_EXIT_CPUID + 1) | VMX_INSN);
	CHECK_EQ(vmx_exit_kind[VMX_INTERRUPT], HV_EXIT_INTR + 1);
	/* These come in the middle of a delivery, which must be resumed then. */
	CHECK_EQ(vmx_exit_kind[VMX_EPT_VIOLATION] & VMX_INSN, 0);
	CHECK_EQ(vmx_exit_kind[VMX_EXCEPTION_NMI] & VMX_INSN, 0);
	CHECK_EQ(vmx_exit_kind[VMX_TASK_SWITCH] & VMX_INSN, 0);
	CHECK_EQ(vmx_exit_kind[35], 0);
}

/* What a change of control registers drops, and no more. */
static void translations(void)
{
	uint64_t cr0 = CR0_PE | CR0_PG | CR0_NE, cr4 = CR4_PAE | CR4_PGE | CR4_VMXE, efer = EFER_LMA | EFER_LME;
	struct vcpu_regs r = { .cr0 = cr0, .cr3 = 0x1000, .cr4 = cr4 & ~CR4_VMXE, .efer = efer };

	CHECK_EQ(vmx_tlb_change(cr0, 0x1000, cr4, efer, &r), 0);
	r.cr3 = 0x2000;
	CHECK_EQ(vmx_tlb_change(cr0, 0x1000, cr4, efer, &r), FLUSH_LOCAL);
	r.cr4 &= ~CR4_PGE;
	CHECK_EQ(vmx_tlb_change(cr0, 0x1000, cr4, efer, &r), FLUSH_LINEAR);
	r.cr4 |= CR4_PGE | CR4_OSXSAVE;
	r.cr3 = 0x1000;
	CHECK_EQ(vmx_tlb_change(cr0, 0x1000, cr4, efer, &r), 0);
	r.cr0 |= CR0_CD;
	CHECK_EQ(vmx_tlb_change(cr0, 0x1000, cr4, efer, &r), 0);
	r.cr0 &= ~CR0_PG;
	CHECK_EQ(vmx_tlb_change(cr0, 0x1000, cr4, efer, &r), FLUSH_LINEAR);
	r.cr0 = cr0;
	r.efer |= EFER_NXE;
	CHECK_EQ(vmx_tlb_change(cr0, 0x1000, cr4, efer, &r), FLUSH_LINEAR);
}

static void moves_between_processors(void)
{
	struct vcpu *v = setup();

	vmx_tlb_load(&vcpu, 0); /* its EPT's frame and VPID may have been another's */
	CHECK_EQ(vcpu.before, FLUSH_EPT | FLUSH_LINEAR);
	vcpu.before = 0;
	vcpu.clean = 1; /* as vmx_tlb_do leaves it */
	vmx_tlb_load(&vcpu, 0);
	CHECK_EQ(vcpu.before, 0);
	vmx_tlb_load(&vcpu, 1);
	CHECK_EQ(vcpu.before, FLUSH_EPT | FLUSH_LINEAR);
	vcpu.before = 0;
	vcpu.clean = 3;
	vmx_tlb_load(&vcpu, 0); /* back again: only what its own INVLPGs missed */
	CHECK_EQ(vcpu.before, FLUSH_LINEAR);
	vcpu.before = 0;
	vmx_tlb_flush(v);
	CHECK_EQ(vcpu.before, FLUSH_EPT | FLUSH_LINEAR);
	vcpu.before = 0;
	vmx_tlb_load(&vcpu, 1); /* on every processor */
	CHECK_EQ(vcpu.before, FLUSH_EPT | FLUSH_LINEAR);
}

static void vpids(void)
{
	static struct vmx_vcpu many[1100];
	unsigned tagged = 0;

	vmx_box.c.features = 0;
	vmx_vpid_take(&many[0]);
	CHECK_EQ(many[0].vpid, 0); /* masked */
	vmx_box.c.features = VMX_F_VPID;
	for (unsigned i = 0; i < 1100; i++) {
		vmx_vpid_take(&many[i]);
		tagged += many[i].vpid != 0;
		for (unsigned k = i < 8 ? 0 : i - 8; k < i; k++)
			CHECK(many[i].vpid == 0 || many[k].vpid != many[i].vpid);
	}
	CHECK_EQ(tagged, 1023); /* and the rest goes without */
	vmx_vpid_give(&many[500]);
	vmx_vpid_take(&many[1099]);
	CHECK_EQ(many[1099].vpid, 501);
}

int main(void)
{
	RUN(can);
	RUN(inject_errors);
	RUN(software_event_twice);
	RUN(windows);
	RUN(delivered_again);
	RUN(iret_that_faults);
	RUN(task_switches);
	RUN(control_registers);
	RUN(ports_and_unknown);
	RUN(translations);
	RUN(moves_between_processors);
	RUN(vpids);
	return unit_status();
}
