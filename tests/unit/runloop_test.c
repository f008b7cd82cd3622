/* sources: tests/unit/fake_hv.c kernel/vcpu.c kernel/vcpu_run.c kernel/vcpu_exit.c kernel/vcpu_regs.c kernel/vcpu_cpuid.c kernel/hypercall.c kernel/cpuid_policy.c kernel/msr_policy.c kernel/kvmclock.c kernel/kvm_pv.c kernel/lapic.c kernel/lapic_irq.c kernel/lapic_timer.c kernel/doorbell.c lib/format.c */
/* SPDX-License-Identifier: GPL-2.0-only */
/* The run loop on the scripted backend: what is completed, what goes to the monitor, what goes in first. */
#include "kernel/abi/status.h"
#include "kernel/kvm_pv.h"
#include "kernel/mitigation.h"
#include "kernel/thread_impl.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"
#include "tests/unit/fake_hv.h"
#include "tests/unit/unit.h"

static struct vm *vm;
static struct fake_vcpu *g; /* the guest's processor */

static void setup(unsigned n)
{
	vm = fake_vm(n);
	g = fake_vcpu(vm, 0);
	/* x2APIC, on */
	g->v.lapic.base |= APIC_BASE_X2APIC;
	lapic_set(&g->v.lapic, APIC_SVR, 0x1ff);
}

static void cpuid_leaf(struct vcpu *v) { v->gpr[GPR_RAX] = 0x40000000, v->gpr[GPR_RCX] = 0; }

static void cpuid_completes(void)
{
	setup(1);
	fake_step(HV_EXIT_CPUID, cpuid_leaf);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(g->v.gpr[GPR_RBX], 0x4b4d564b);
	CHECK_EQ(fake.skips, 1);
	CHECK_EQ(fake.entries, 2);
	fake_vm_free(vm);
}

/* L1TF: the monitor ran before the first entry, and nobody between the two others. */
static void l1d_is_flushed_after_others_only(void)
{
	setup(1);
	fake_step(HV_EXIT_CPUID, cpuid_leaf);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.l1d_flushes, 0); /* this processor does not need it */
	mitigations = MIT_L1D;
	fake_step(HV_EXIT_CPUID, cpuid_leaf);
	fake_step(HV_EXIT_CPUID, cpuid_leaf);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.entries, 5);
	CHECK_EQ(fake.l1d_flushes, 1);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.l1d_flushes, 2);
	fake_vm_free(vm);
}

static void fetch_fault(struct vcpu *v)
{
	v->exit.npf.gpa = 0x200000;
	v->exit.npf.fetch = 1;
}

static void a_fetch_from_a_large_page_splits_it(void)
{
	setup(1);
	fake_step(HV_EXIT_NPF, fetch_fault);
	CHECK_EQ(vcpu_run(&g->v), EXIT_MMIO); /* no such pages where the processor has no such fault */
	CHECK_EQ(fake.splits, 0);
	mitigations = MIT_ITLB;
	fake_step(HV_EXIT_NPF, fetch_fault);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.splits, 1);
	fake.split_status = E_RANGE; /* nothing is there */
	fake_step(HV_EXIT_NPF, fetch_fault);
	CHECK_EQ(vcpu_run(&g->v), EXIT_MMIO);
	fake.split_status = E_NOMEM;
	fake_step(HV_EXIT_NPF, fetch_fault);
	CHECK_EQ(vcpu_run(&g->v), EXIT_FAULT);
	CHECK(strstr(g->v.area->text, "no kernel memory left to split") != NULL);
	fake_vm_free(vm);
}

static uint8_t in_size;
static void port_in(struct vcpu *v)
{
	v->gpr[GPR_RAX] = 0x1122334455667788;
	v->exit.pio.port = 0x60;
	v->exit.pio.size = in_size;
	v->exit.pio.write = v->exit.pio.string = v->exit.pio.rep = 0;
}

static void pio_input_merges_by_size(void)
{
	static const struct { uint8_t size; uint64_t want; } t[] = {
		{ 1, 0x11223344556677dd }, { 2, 0x112233445566ccdd }, { 4, 0xaabbccdd } };

	for (unsigned i = 0; i < 3; i++) {
		setup(1);
		in_size = t[i].size;
		fake_step(HV_EXIT_PIO, port_in);
		CHECK_EQ(vcpu_run(&g->v), EXIT_PIO);
		CHECK_EQ(g->v.area->pio.port, 0x60);
		CHECK_EQ(g->v.area->pio.write, 0);
		g->v.area->pio.data = 0xaabbccdd;
		CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
		CHECK_EQ(g->v.gpr[GPR_RAX], t[i].want);
		CHECK_EQ(fake.skips, 1);
		fake_vm_free(vm);
	}
}

static void port_out(struct vcpu *v)
{
	v->gpr[GPR_RAX] = 0xaabbccdd;
	v->exit.pio.port = 0x510;
	v->exit.pio.size = 2;
	v->exit.pio.write = 1;
	v->exit.pio.string = v->exit.pio.rep = 0;
}

static void doorbell_stays_in_the_kernel(void)
{
	struct vm_doorbell d = { .port = 0x510, .count = 1, .size = 2, .has_match = 1, .match = 0xccdd };

	setup(1);
	CHECK_EQ(doorbell_add(&vm->doorbells, NULL, &d, (struct event *)vm, 4), 0);
	CHECK_EQ(doorbell_add(&vm->doorbells, NULL, &d, (struct event *)vm, 4), E_EXIST);
	fake_step(HV_EXIT_PIO, port_out);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.signalled, 4);
	d.match = 1;
	CHECK_EQ(doorbell_remove(&vm->doorbells, &d), E_RANGE);
	d.match = 0xccdd;
	CHECK_EQ(doorbell_remove(&vm->doorbells, &d), 0);
	fake_step(HV_EXIT_PIO, port_out);
	CHECK_EQ(vcpu_run(&g->v), EXIT_PIO);
	CHECK_EQ(g->v.area->pio.data, 0xccdd); /* by size */
	fake_vm_free(vm);
}

static void npf(struct vcpu *v) { memset(&v->exit.npf, 0, sizeof(v->exit.npf)), v->exit.npf.gpa = 0xfeb00010, v->exit.npf.write = 1; }

static void mmio_goes_to_the_monitor_with_what_it_wants(void)
{
	setup(1);
	g->v.area->want[EXIT_MMIO] = REG_GPR | REG_RIP;
	fake_step(HV_EXIT_NPF, npf);
	CHECK_EQ(vcpu_run(&g->v), EXIT_MMIO);
	CHECK_EQ(g->v.area->mmio.gpa, 0xfeb00010);
	CHECK_EQ(g->v.area->pulled, REG_GPR | REG_RIP);
	CHECK_EQ(g->v.area->regs.rip, 0x1000);
	CHECK_EQ(fake.skips, 0);
	g->v.area->regs.rip = 0x1007;
	g->v.area->regs.gpr[3] = 77;
	g->v.area->push = REG_GPR | REG_RIP;
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(g->r.rip, 0x1007);
	CHECK_EQ(g->v.gpr[3], 77);
	CHECK_EQ(g->v.area->push, 0);
	fake_vm_free(vm);
}

static void mmio_during_delivery_stops_the_vm(void)
{
	setup(1);
	fake_step(HV_EXIT_NPF, npf);
	fake.script[0].reinject = (struct hv_event){ .type = EVENT_INTERRUPT, .vector = 0x41 };
	CHECK_EQ(vcpu_run(&g->v), EXIT_FAULT);
	CHECK(strstr(g->v.area->text, "vector 65") != NULL);
	fake_vm_free(vm);
}

static void bad_msr(struct vcpu *v) { v->gpr[GPR_RCX] = 0xdeadbeef; }

static void unknown_msr_is_gp_and_counted(void)
{
	setup(1);
	fake_step(HV_EXIT_RDMSR, bad_msr);
	fake_step(HV_EXIT_WRMSR, bad_msr);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(g->v.area->unknown_msr, 2);
	CHECK_EQ(fake.injected[1].type, EVENT_EXCEPTION);
	CHECK_EQ(fake.injected[1].vector, VECTOR_GP);
	CHECK_EQ(fake.injected[1].has_error, 1);
	CHECK_EQ(fake.skips, 0);
	fake_vm_free(vm);
}

static void order_is_reinjection_nmi_interrupt(void)
{
	setup(1);
	fake_step(HV_EXIT_EXCEPTION, NULL); /* replaced below: reports an interrupted delivery */
	fake.script[0].kind = HV_EXIT_INTR;
	fake.script[0].reinject = (struct hv_event){ .type = EVENT_INTERRUPT, .vector = 0x55 };
	fake_step(HV_EXIT_INTR, NULL);
	fake_step(HV_EXIT_INTR, NULL);
	fake_step(HV_EXIT_INTR, NULL);
	vcpu_request(&g->v, REQ_NMI);
	lapic_request(&g->v, 0x40, false);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.injected[0].type, EVENT_NMI);
	CHECK_EQ(fake.injected[1].vector, 0x55);
	CHECK_EQ(fake.injected[2].vector, 0x40);
	CHECK_EQ(fake.injected[3].type, EVENT_NONE);
	fake_vm_free(vm);
}

static void if_set(struct vcpu *v) { ((struct fake_vcpu *)v)->r.rflags |= RFLAGS_IF; }

static void interrupt_waits_for_its_window(void)
{
	setup(1);
	g->r.rflags &= ~RFLAGS_IF;
	lapic_request(&g->v, 0x61, false);
	fake_step(HV_EXIT_WINDOW, if_set);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.injected[0].type, EVENT_NONE);
	CHECK_EQ(fake.injected[1].vector, 0x61);
	CHECK_EQ(fake.windows, 0); /* closed again */
	fake_vm_free(vm);
}

static void tpr_keeps_lower_priorities_out(void)
{
	setup(1);
	g->v.cr8 = 6;
	lapic_request(&g->v, 0x61, false);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.injected[0].type, EVENT_NONE);
	CHECK_EQ(fake.windows, HV_CAN_INTERRUPT);
	CHECK_EQ(fake.priority, 6);
	g->v.cr8 = 5;
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.injected[1].vector, 0x61);
	fake_vm_free(vm);
}

static unsigned floods;

/* Other processors of the same VM, many of them: a request is there again whenever we look. */
static void flood(struct vcpu *v)
{
	if (++floods < 1000 && fake.yields < 5)
		vcpu_request(v, REQ_EVENT);
}

static void requests_without_end_let_host_interrupts_in(void)
{
	setup(1);
	floods = 0;
	fake.on_inject = flood;
	lapic_request(&g->v, 0x51, false);
	g->r.rflags |= RFLAGS_IF;
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK(floods < 500);
	CHECK(fake.yields >= 5);
	fake_vm_free(vm);
}

static void second_interrupt_gets_a_window(void)
{
	setup(1);
	lapic_request(&g->v, 0x41, false);
	lapic_request(&g->v, 0x61, false);
	fake_step(HV_EXIT_INTR, NULL);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.injected[0].vector, 0x61);
	CHECK_EQ(fake.injected[1].type, EVENT_NONE); /* 0x61 is in service */
	CHECK_EQ(fake.windows, 0);
	lapic_request(&g->v, 0x71, false);
	g->r.rflags &= ~RFLAGS_IF;
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.windows, HV_CAN_INTERRUPT);
	CHECK_EQ(fake.priority, 7);
	fake_vm_free(vm);
}

static void shadow_delays_interrupts(void)
{
	setup(1);
	g->r.shadow = SHADOW_STI;
	lapic_request(&g->v, 0x61, false);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.injected[0].type, EVENT_NONE);
	CHECK_EQ(fake.windows, HV_CAN_INTERRUPT);
	fake_vm_free(vm);
}

static void extint_asks_for_the_vector(void)
{
	setup(1);
	g->v.intr = 1;
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK); /* LVT0 is masked */
	lapic_set(&g->v.lapic, APIC_LVT0, APIC_EXTINT << 8);
	CHECK_EQ(vcpu_run(&g->v), EXIT_INTA);
	CHECK_EQ(fake.entries, 1);
	g->v.intr = 0;
	g->v.area->inta.vector = 0x08;
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.injected[1].type, EVENT_INTERRUPT);
	CHECK_EQ(fake.injected[1].vector, 0x08);
	g->v.intr = 1;
	g->r.rflags &= ~RFLAGS_IF;
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK); /* it cannot take it now */
	CHECK_EQ(fake.windows, HV_CAN_INTERRUPT);
	CHECK_EQ(fake.priority, 0x10);
	fake_vm_free(vm);
}

static void extint_with_the_apic_disabled(void)
{
	setup(1);
	g->v.lapic.base = 0xfee00000;
	g->v.intr = 1;
	CHECK_EQ(vcpu_run(&g->v), EXIT_INTA);
	fake_vm_free(vm);
}

static void send_60(struct vcpu *v) { lapic_request(v, 0x60, false); }

static void hlt_waits_for_an_interrupt(void)
{
	setup(1);
	fake_step(HV_EXIT_HLT, NULL);
	fake.on_park = send_60;
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.parks, 1);
	CHECK_EQ(fake.unparks, 1);
	CHECK_EQ(fake.injected[1].vector, 0x60);
	CHECK_EQ(g->v.activity, ACTIVITY_RUNNING);
	fake_vm_free(vm);
}

static void hlt_with_interrupts_off_wakes_for_nmi_only(void)
{
	setup(1);
	g->r.rflags &= ~RFLAGS_IF;
	fake_step(HV_EXIT_HLT, NULL);
	lapic_request(&g->v, 0x60, false);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK); /* parked, then kicked by the stand-in */
	CHECK_EQ(g->v.activity, ACTIVITY_HALTED);
	CHECK_EQ(fake.entries, 1);
	vcpu_request(&g->v, REQ_NMI);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.injected[1].type, EVENT_NMI);
	fake_vm_free(vm);
}

static void kick_once(struct vcpu *v) { fake.on_inject = NULL, vcpu_request(v, REQ_KICK); }

static void request_before_entry_is_not_lost(void)
{
	setup(1);
	lapic_request(&g->v, 0x60, false);
	fake.on_inject = kick_once; /* after everything was prepared */
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.entries, 0);
	g->v.area->want[EXIT_KICK] = REG_EVENT;
	vcpu_request(&g->v, REQ_KICK);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(g->v.area->regs.event_vector, 0x60); /* on its way, and visible */
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.injected[0].vector, 0x60);
	fake_vm_free(vm);
}

static void eoi_msr(struct vcpu *v) { v->gpr[GPR_RCX] = 0x80b, v->gpr[GPR_RAX] = v->gpr[GPR_RDX] = 0; }

static void level_eoi_comes_before_the_next_instruction(void)
{
	setup(1);
	lapic_request(&g->v, 0x60, true);
	fake_step(HV_EXIT_WRMSR, eoi_msr);
	CHECK_EQ(vcpu_run(&g->v), EXIT_EOI);
	CHECK_EQ(g->v.area->eoi.vector, 0x60);
	CHECK_EQ(fake.entries, 1);
	lapic_request(&g->v, 0x62, false);
	fake_step(HV_EXIT_WRMSR, eoi_msr);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK); /* edge: nobody is told */
	fake_vm_free(vm);
}

static void sipi(struct vcpu *v)
{
	struct lapic_message m = { .dest = v->apic_id, .mode = APIC_STARTUP, .vector = 0x9a };

	lapic_send(v->vm, NULL, &m);
}

static void application_processor_waits_for_sipi(void)
{
	struct fake_vcpu *ap;

	setup(2);
	ap = fake_vcpu(vm, 1);
	CHECK_EQ(ap->v.activity, ACTIVITY_WAIT_SIPI);
	lapic_request(&ap->v, 0x60, false);
	fake.on_park = sipi;
	CHECK_EQ(vcpu_run(&ap->v), EXIT_KICK);
	CHECK_EQ(ap->r.seg[SEG_CS].selector, 0x9a00);
	CHECK_EQ(ap->r.seg[SEG_CS].base, 0x9a000);
	CHECK_EQ(ap->r.rip, 0);
	vcpu_request(&ap->v, REQ_SIPI); /* running: ignored */
	ap->r.rip = 5;
	CHECK_EQ(vcpu_run(&ap->v), EXIT_KICK);
	CHECK_EQ(ap->r.rip, 5);
	fake_vm_free(vm);
}

static void init_takes_back_a_sipi(void)
{
	struct lapic_message m = { .dest = 1, .mode = APIC_INIT };
	struct fake_vcpu *ap;

	setup(2);
	ap = fake_vcpu(vm, 1);
	sipi(&ap->v);
	lapic_send(vm, NULL, &m);
	CHECK_EQ(vcpu_run(&ap->v), EXIT_KICK);
	CHECK_EQ(ap->v.activity, ACTIVITY_WAIT_SIPI);
	CHECK_EQ(fake.entries, 0);
	fake_vm_free(vm);
}

static void ac(struct vcpu *v) { v->exit.exception.vector = VECTOR_AC, v->exit.exception.has_error = 1, v->exit.exception.error = 0; }

static void endless_alignment_checks_are_exits(void)
{
	setup(1);
	for (unsigned i = 0; i < 50; i++)
		fake_step(HV_EXIT_EXCEPTION, ac);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.entries, 51);
	for (unsigned i = 1; i < 51; i++)
		CHECK_EQ(fake.injected[i].vector, VECTOR_AC);
	fake_vm_free(vm);
}

static void faults_combine_to_double_fault(void)
{
	static const struct { uint8_t first, second, want; } t[] = {
		{ VECTOR_GP, VECTOR_GP, VECTOR_DF }, { VECTOR_PF, VECTOR_GP, VECTOR_DF },
		{ VECTOR_PF, VECTOR_PF, VECTOR_DF }, { VECTOR_GP, VECTOR_PF, VECTOR_PF },
		{ VECTOR_UD, VECTOR_GP, VECTOR_GP }, { VECTOR_DE, VECTOR_NP, VECTOR_DF } };

	setup(1);
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		g->v.event = (struct hv_event){ .type = EVENT_EXCEPTION, .vector = t[i].first };
		vcpu_raise(&g->v, t[i].second, true, 3);
		CHECK_EQ(g->v.event.vector, t[i].want);
	}
	g->v.event = (struct hv_event){ .type = EVENT_NMI, .vector = 2 };
	vcpu_raise_ud(&g->v);
	CHECK_EQ(g->v.nmi_pending, 1); /* put off, not lost */
	fake_vm_free(vm);
}

static void a_dead_vm_does_not_run(void)
{
	setup(1);
	vcpu_request(&g->v, REQ_DEAD);
	CHECK_EQ(vcpu_run(&g->v), E_DEAD);
	CHECK_EQ(fake.entries, 0);
	fake_vm_free(vm);
	setup(1);
	fake.dying = true;
	CHECK_EQ(vcpu_run(&g->v), E_DEAD);
	fake_vm_free(vm);
}

/* ---- the word by which a guest ends an interrupt without an exit ---- */

enum { WORD = 0x40 };
static uint8_t word_seen[FAKE_STEPS];

static void look(struct vcpu *v) { (void)v, word_seen[fake.next] = fake.guest[WORD]; }
static void end_by_word(struct vcpu *v) { look(v), fake.guest[WORD] = 0; }
static void end_by_msr(struct vcpu *v) { look(v), v->gpr[GPR_RCX] = 0x80b, v->gpr[GPR_RAX] = v->gpr[GPR_RDX] = 0; }
static void lower_comes(struct vcpu *v) { look(v), lapic_request(v, 0x41, false); }

static void eoi_setup(void)
{
	setup(1);
	CHECK_EQ(kvm_eoi_write(&g->v, WORD | 1), 0);
}

static void eoi_by_word(void)
{
	eoi_setup();
	lapic_request(&g->v, 0x61, false);
	fake_step(HV_EXIT_INTR, look);
	fake_step(HV_EXIT_INTR, end_by_word);
	fake_step(HV_EXIT_INTR, look);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK(word_seen[1] == 1 && word_seen[2] == 1 && word_seen[3] == 0);
	CHECK_EQ(g->v.lapic.isr_top, APIC_NONE);
	CHECK_EQ(g->v.area->pv_eois, 1);
	fake_vm_free(vm);
}

static void no_eoi_by_word_while_another_waits(void)
{
	eoi_setup();
	lapic_request(&g->v, 0x41, false);
	lapic_request(&g->v, 0x61, false);
	fake_step(HV_EXIT_WRMSR, end_by_msr);
	fake_step(HV_EXIT_INTR, end_by_word);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK(word_seen[1] == 0 && word_seen[2] == 1);
	CHECK(fake.injected[0].vector == 0x61 && fake.injected[1].vector == 0x41);
	CHECK_EQ(g->v.lapic.isr_top, APIC_NONE);
	fake_vm_free(vm);
	/* It comes while the word is set: the word is taken back, and the EOI will be an exit. */
	eoi_setup();
	lapic_request(&g->v, 0x61, false);
	fake_step(HV_EXIT_INTR, lower_comes);
	fake_step(HV_EXIT_WRMSR, end_by_msr);
	fake_step(HV_EXIT_INTR, end_by_word);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK(word_seen[1] == 1 && word_seen[2] == 0 && word_seen[3] == 1);
	CHECK_EQ(fake.injected[2].vector, 0x41);
	CHECK_EQ(g->v.area->pv_eois, 1);
	fake_vm_free(vm);
}

static void no_eoi_by_word_for_a_level(void)
{
	eoi_setup();
	lapic_request(&g->v, 0x61, true);
	fake_step(HV_EXIT_WRMSR, end_by_msr);
	CHECK_EQ(vcpu_run(&g->v), EXIT_EOI);
	CHECK_EQ(word_seen[1], 0);
	fake_vm_free(vm);
}

static void an_eoi_word_that_is_not_there(void)
{
	setup(1);
	CHECK_EQ(kvm_eoi_write(&g->v, 0x42 | 1), E_INVAL);
	CHECK_EQ(kvm_eoi_write(&g->v, 0x123456789000 | 1), 0);
	lapic_request(&g->v, 0x61, false);
	fake_step(HV_EXIT_WRMSR, end_by_msr);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(g->v.dropped_writes, 1);
	CHECK_EQ(g->v.lapic.isr_top, APIC_NONE);
	fake_vm_free(vm);
	eoi_setup();
	lapic_request(&g->v, 0x61, false);
	fake_step(HV_EXIT_INTR, look);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	lapic_reset(&g->v, true); /* INIT */
	CHECK(!g->v.lapic.pv_armed && g->v.lapic.pv_eoi == 0);
	fake_vm_free(vm);
}

/* The thread's waiting for a processor, in nanoseconds, between two versions. */
static void steal_time_is_told(void)
{
	setup(1);
	g->v.thread = thread_self();
	thread_self()->waited = 5000; /* before it asked */
	CHECK_EQ(kvm_steal_write(&g->v, 0x20 | 1), E_INVAL);
	CHECK_EQ(kvm_steal_write(&g->v, 0x40 | 1), 0);
	CHECK_EQ(*(uint64_t *)(fake.guest + 0x40), 0);
	CHECK_EQ(*(uint32_t *)(fake.guest + 0x48), 2);
	thread_self()->waited += 2000000; /* a millisecond */
	kvm_steal_update(&g->v);
	CHECK_EQ(*(uint64_t *)(fake.guest + 0x40), 1000000);
	CHECK_EQ(*(uint32_t *)(fake.guest + 0x48), 4);
	CHECK_EQ(kvm_steal_write(&g->v, 0x123456789000 | 1), 0);
	CHECK_EQ(g->v.dropped_writes, 1);
	g->v.thread = NULL;
	fake_vm_free(vm);
}

static void one_thread_one_vcpu(void)
{
	setup(2);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.loads, 1);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(fake.loads, 1); /* it stays loaded between runs */
	CHECK_EQ(vcpu_run(&fake_vcpu(vm, 1)->v), E_BUSY);
	vcpu_unbind(&g->v);
	CHECK_EQ(fake.puts, 1);
	vcpu_request(&fake_vcpu(vm, 1)->v, REQ_KICK);
	CHECK_EQ(vcpu_run(&fake_vcpu(vm, 1)->v), EXIT_KICK);
	fake_vm_free(vm);
}

static void hostile_state_is_refused(void)
{
	struct vcpu_regs *r;

	setup(1);
	r = &g->v.area->regs;
	g->v.area->want[EXIT_KICK] = REG_ALL & ~(uint32_t)(REG_FPU | REG_LAPIC);
#define REFUSED(group, change) \
	do { \
		CHECK_EQ(vcpu_run(&g->v), EXIT_KICK); \
		change; \
		g->v.area->push = (group); \
		CHECK_EQ(vcpu_run(&g->v), E_INVAL); \
	} while (0)
	REFUSED(REG_CR, r->cr0 = CR0_PG);
	REFUSED(REG_CR, r->cr0 = 1ULL << 32);
	REFUSED(REG_CR, r->cr0 = CR0_NW);
	REFUSED(REG_CR, r->cr4 = CR4_VMXE);
	REFUSED(REG_CR, r->efer = EFER_SVME);
	REFUSED(REG_CR, r->efer = EFER_LMA);
	REFUSED(REG_CR, r->cr3 = 1ULL << 63);
	REFUSED(REG_CR, r->cr8 = 16);
	REFUSED(REG_CR, r->xcr0 = 2);
	REFUSED(REG_CR, r->xcr0 = 1ULL << 62 | 1);
	REFUSED(REG_SEG, r->seg[SEG_GS].base = 1ULL << 47);
	REFUSED(REG_TABLE, r->tr.base = 1ULL << 62);
	REFUSED(REG_DR, r->dr7 = 1ULL << 32);
	REFUSED(REG_MSR, r->lstar = 0x8000000000000000);
	REFUSED(REG_MSR, r->pat = 2);
	REFUSED(REG_EVENT, r->event_type = 9);
	REFUSED(REG_EVENT, (r->event_type = EVENT_EXCEPTION, r->event_vector = 2));
	REFUSED(REG_EVENT, r->activity = 7);
#undef REFUSED
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	fake_vm_free(vm);
}

static void hypercall(struct vcpu *v) { v->gpr[GPR_RAX] = 1; }

static void instructions_that_get_ud_or_gp(void)
{
	static const struct { enum hv_exit_kind kind; uint8_t vector; } t[] = {
		{ HV_EXIT_VIRT_INSN, VECTOR_UD }, { HV_EXIT_MONITOR, VECTOR_UD }, { HV_EXIT_MWAIT, VECTOR_UD },
		{ HV_EXIT_RSM, VECTOR_UD }, { HV_EXIT_RDPMC, VECTOR_GP } };

	setup(1);
	for (unsigned i = 0; i < 5; i++)
		fake_step(t[i].kind, NULL);
	fake_step(HV_EXIT_HYPERCALL, hypercall);
	fake_step(HV_EXIT_WBINVD, NULL);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(fake.injected[i + 1].vector, t[i].vector);
	CHECK_EQ((int64_t)g->v.gpr[GPR_RAX], -1000);
	CHECK_EQ(fake.skips, 2);
	fake_vm_free(vm);
}

static uint64_t xcr0_value;
static void xsetbv(struct vcpu *v) { v->gpr[GPR_RCX] = 0, v->gpr[GPR_RAX] = (uint32_t)xcr0_value, v->gpr[GPR_RDX] = xcr0_value >> 32; }

static void xsetbv_is_checked(void)
{
	static const struct { uint64_t value; bool ok; } t[] = {
		{ 7, true }, { 3, true }, { 1, true }, { 0, false }, { 5, false }, { 6, false }, { 0xe7, false }, { 1ULL << 63 | 7, false } };

	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		setup(1);
		xcr0_value = t[i].value;
		fake_step(HV_EXIT_XSETBV, xsetbv);
		CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
		CHECK_EQ(fake.injected[1].type, t[i].ok ? EVENT_NONE : EVENT_EXCEPTION);
		CHECK_EQ(g->v.xcr0, t[i].ok ? t[i].value : 1);
		fake_vm_free(vm);
	}
}

static void monitor_exits_pass_through(void)
{
	setup(1);
	fake_step(HV_EXIT_SHUTDOWN, NULL);
	CHECK_EQ(vcpu_run(&g->v), EXIT_SHUTDOWN);
	fake_step(HV_EXIT_UNKNOWN, NULL);
	CHECK_EQ(vcpu_run(&g->v), EXIT_FAULT);
	fake_step(HV_EXIT_INVALID, NULL);
	CHECK_EQ(vcpu_run(&g->v), EXIT_INVALID);
	CHECK_EQ(g->v.area->count[HV_EXIT_SHUTDOWN], 1);
	CHECK_EQ(g->v.area->entries, 3);
	fake_vm_free(vm);
}

/* Its registers, its timer queue: of one thread at a time. */
static void a_claimed_vcpu_is_nobody_elses(void)
{
	struct thread other = { 0 };

	setup(1);
	CHECK_EQ(vcpu_claim(&g->v, &other), 0);
	CHECK_EQ(vcpu_claim(&g->v, thread_self()), E_BUSY);
	CHECK_EQ(vcpu_run(&g->v), E_BUSY);
	vcpu_release(&g->v);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK_EQ(vcpu_claim(&g->v, &other), E_BUSY);
	fake_vm_free(vm);
}

static void a_thread_with_an_fpu_of_its_own_runs_no_vcpu(void)
{
	setup(1);
	thread_self()->fpu = true;
	CHECK_EQ(vcpu_run(&g->v), E_BUSY);
	thread_self()->fpu = false;
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	fake_vm_free(vm);
}

int main(void)
{
	RUN(l1d_is_flushed_after_others_only);
	RUN(a_fetch_from_a_large_page_splits_it);
	RUN(cpuid_completes);
	RUN(pio_input_merges_by_size);
	RUN(doorbell_stays_in_the_kernel);
	RUN(mmio_goes_to_the_monitor_with_what_it_wants);
	RUN(mmio_during_delivery_stops_the_vm);
	RUN(unknown_msr_is_gp_and_counted);
	RUN(order_is_reinjection_nmi_interrupt);
	RUN(interrupt_waits_for_its_window);
	RUN(tpr_keeps_lower_priorities_out);
	RUN(requests_without_end_let_host_interrupts_in);
	RUN(second_interrupt_gets_a_window);
	RUN(shadow_delays_interrupts);
	RUN(extint_asks_for_the_vector);
	RUN(extint_with_the_apic_disabled);
	RUN(hlt_waits_for_an_interrupt);
	RUN(hlt_with_interrupts_off_wakes_for_nmi_only);
	RUN(request_before_entry_is_not_lost);
	RUN(level_eoi_comes_before_the_next_instruction);
	RUN(application_processor_waits_for_sipi);
	RUN(init_takes_back_a_sipi);
	RUN(endless_alignment_checks_are_exits);
	RUN(faults_combine_to_double_fault);
	RUN(a_dead_vm_does_not_run);
	RUN(eoi_by_word);
	RUN(no_eoi_by_word_while_another_waits);
	RUN(no_eoi_by_word_for_a_level);
	RUN(an_eoi_word_that_is_not_there);
	RUN(steal_time_is_told);
	RUN(one_thread_one_vcpu);
	RUN(hostile_state_is_refused);
	RUN(instructions_that_get_ud_or_gp);
	RUN(xsetbv_is_checked);
	RUN(monitor_exits_pass_through);
	RUN(a_claimed_vcpu_is_nobody_elses);
	RUN(a_thread_with_an_fpu_of_its_own_runs_no_vcpu);
	return unit_status();
}
