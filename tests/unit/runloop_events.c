/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The run loop and events: which one goes in first, when it has to wait for a window, what wakes a halted
 * processor, and how the guest ends an interrupt. A part of runloop_test.c's program.
 */
#include "tests/unit/runloop.h"

#include "kernel/abi/status.h"
#include "kernel/kvm_pv.h"
#include "lib/x86/cr.h"
#include "tests/unit/unit.h"

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

/* The exit ends each delivery, so a host interrupt that waits never ends an entry itself. */
static void ac_again(struct vcpu *v)
{
	ac(v);
	if (fake.yields == 0 && fake.entries < 1000)
		fake.next = 0;
}

static void endless_exits_let_host_interrupts_in(void)
{
	setup(1);
	fake_step(HV_EXIT_EXCEPTION, ac_again);
	CHECK_EQ(vcpu_run(&g->v), EXIT_KICK);
	CHECK(fake.entries > 50 && fake.entries < 500);
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

void event_cases(void)
{
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
	RUN(endless_exits_let_host_interrupts_in);
	RUN(faults_combine_to_double_fault);
	RUN(eoi_by_word);
	RUN(no_eoi_by_word_while_another_waits);
	RUN(no_eoi_by_word_for_a_level);
	RUN(an_eoi_word_that_is_not_there);
}
