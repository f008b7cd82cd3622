/* sources: tests/unit/runloop_events.c tests/unit/fake_hv.c kernel/vcpu.c kernel/vcpu_run.c kernel/vcpu_exit.c kernel/vcpu_regs.c kernel/vcpu_cpuid.c kernel/hypercall.c kernel/cpuid_policy.c kernel/msr_policy.c kernel/kvmclock.c kernel/kvm_pv.c kernel/lapic.c kernel/lapic_irq.c kernel/lapic_timer.c kernel/doorbell.c lib/format.c */
/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The run loop on the scripted backend: what is completed, what goes to the monitor, whose thread a vCPU is.
 * What goes into the guest: runloop_events.c.
 */
#include "kernel/abi/status.h"
#include "kernel/kvm_pv.h"
#include "kernel/mitigation.h"
#include "kernel/thread_impl.h"
#include "lib/x86/cr.h"
#include "lib/x86/msr.h"
#include "tests/unit/runloop.h"
#include "tests/unit/unit.h"

struct vm *vm;
struct fake_vcpu *g;

void setup(unsigned n)
{
	vm = fake_vm(n);
	g = fake_vcpu(vm, 0);
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

/* Whoever moves a spinning vCPU's thread asks whether it has come to run since. */
static void is_counted_already(struct vcpu *v) { CHECK_EQ(v->area->entries, 1); }

static void monitor_exits_pass_through(void)
{
	setup(1);
	fake_step(HV_EXIT_SHUTDOWN, is_counted_already);
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
	RUN(a_dead_vm_does_not_run);
	RUN(steal_time_is_told);
	RUN(one_thread_one_vcpu);
	RUN(hostile_state_is_refused);
	RUN(instructions_that_get_ud_or_gp);
	RUN(xsetbv_is_checked);
	RUN(monitor_exits_pass_through);
	RUN(a_claimed_vcpu_is_nobody_elses);
	RUN(a_thread_with_an_fpu_of_its_own_runs_no_vcpu);
	event_cases();
	return unit_status();
}
