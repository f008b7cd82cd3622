/* SPDX-License-Identifier: GPL-2.0-only */
/* The scripted backend and the stand-ins. Nothing here is clever, so that tests fail for one reason. */
#include "tests/unit/fake_hv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arch/cpu.h"
#include "arch/fpu.h"
#include "kernel/log.h"
#include "kernel/mitigation.h"
#include "kernel/pool.h"
#include "kernel/space.h"
#include "kernel/sys.h"
#include "kernel/thread_impl.h"
#include "lib/x86/cr.h"

struct fake fake;
const struct hv_ops *hv;
uint32_t mitigations, hv_caps, cpu_features = CPU_RDTSCP, fpu_bytes = 1024;
uint64_t fpu_xcr0 = 7;
static struct thread self_thread;
static struct vcpu *running;

/* ---- the rest of the kernel ---- */

struct thread *thread_self(void) { return &self_thread; }
bool thread_dying(void) { return fake.dying; }
bool sched_pending(void) { return fake.pending || fake.dying; }
void sched_give_way(void) { fake.gave_way++; }
void sched_yield_point(void) { fake.yields++, fake.pending = false; }
void thread_set_vcpu(struct thread *t, struct vcpu *v) { t->vcpu = v, running = v; }
void thread_poke(struct thread *t) { (void)t, fake.pokes++; }
void thread_unpark(struct thread *t) { (void)t, fake.unparks++; }
void thread_park(void)
{
	fake.parks++;
	if (fake.on_park != NULL)
		fake.on_park(running);
	else
		vcpu_request(running, REQ_KICK);
}
void timer_arm(struct ktimer *t, uint64_t deadline)
{
	fake.timers += !t->armed;
	t->armed = true;
	t->deadline = deadline;
}
void timer_cancel(struct ktimer *t)
{
	fake.timers -= t->armed;
	t->armed = false;
}
void timer_cancel_wait(struct ktimer *t) { timer_cancel(t); }
void event_signal(struct event *e, uint64_t bits) { (void)e, fake.signalled |= bits; }
void event_get(struct event *e) { (void)e; }
void event_put(struct event *e) { (void)e; }
void event_hook_add(struct event *e, struct event_hook *h) { (void)e, (void)h; }
void event_hook_remove(struct event *e, struct event_hook *h) { (void)e, (void)h; }
void object_init(struct object *o, enum object_type type) { o->refs = 1, o->type = (uint8_t)type; }
void object_get(struct object *o) { o->refs++; }
void object_put(struct object *o) { o->refs--; }
void log_line(const char *subsystem, const char *fmt, ...) { (void)subsystem, (void)fmt; }
bool space_may_log(struct space *s, uint32_t lines) { (void)s, (void)lines; return true; }
int space_map(struct space *s, uint64_t va, hpa_t base, uint64_t size, uint32_t prot, enum map_type type, struct range *range)
{
	(void)s, (void)va, (void)base, (void)size, (void)prot, (void)type, (void)range;
	return 0;
}
int space_unmap(struct space *s, uint64_t va, uint64_t size, bool kernel)
{
	(void)s, (void)va, (void)size, (void)kernel;
	return 0;
}
void *pool_pages(struct space *payer, unsigned order)
{
	void *p;

	(void)payer;
	if (fake.pool_left == 0)
		return NULL;
	fake.pool_left--;
	fake.pool_used++;
	p = aligned_alloc(4096, 4096UL << order);
	return p == NULL ? NULL : memset(p, 0, 4096UL << order);
}
void pool_pages_free(struct space *payer, void *p, unsigned order)
{
	(void)payer, (void)order;
	fake.pool_used--;
	free(p);
}
void *pool_page(struct space *payer) { return pool_pages(payer, 0); }
void pool_page_free(struct space *payer, void *p) { pool_pages_free(payer, p, 0); }
void *pool_alloc(struct space *payer, size_t bytes) { (void)bytes; return pool_pages(payer, 0); }
void pool_free(struct space *payer, void *p, size_t bytes) { (void)bytes; pool_pages_free(payer, p, 0); }
hpa_t pool_hpa(const void *p) { return hpa((uint64_t)p); }
void *pool_va(hpa_t p) { return (void *)p.raw; }
void fpu_area_reset(void *area) { memset(area, 0, 512); }

/* ---- kernel/vm.c, kernel/vcpu_hw.c ---- */

int vm_execute(struct vm *vm, gpa_t at) { (void)vm, (void)at, fake.splits++; return fake.split_status; }
int vm_freeze(struct vm *vm) { (void)vm; return 0; }
int vm_guest_write(struct vm *vm, uint64_t to, const void *from, uint64_t bytes)
{
	(void)vm;
	if (to > sizeof(fake.guest) || bytes > sizeof(fake.guest) - to)
		return E_FAULT;
	memcpy(fake.guest + to, from, bytes);
	return 0;
}
int vm_guest_read(struct vm *vm, uint64_t from, void *to, uint64_t bytes)
{
	(void)vm;
	if (from > sizeof(fake.guest) || bytes > sizeof(fake.guest) - from)
		return E_FAULT;
	memcpy(to, fake.guest + from, bytes);
	return 0;
}
void vcpu_load(struct vcpu *v) { fake.loads++, v->loaded = true; }
void vcpu_put(struct vcpu *v) { fake.puts++, v->loaded = false; }
void vcpu_dr_load(struct vcpu *v) { (void)v; }
void vcpu_dr_save(struct vcpu *v) { (void)v; }
int vcpu_xcr0_set(struct vcpu *v, uint64_t value) { v->xcr0 = value; return 0; }
void vcpu_xcr0_sync(struct vcpu *v) { (void)v; }
uint64_t vcpu_tsc_aux(void) { return 0; }
void vcpu_tsc_aux_load(const struct vcpu *v) { (void)v; }
void vcpu_ibpb(void) { }

/* ---- the backend ---- */

static struct fake_vcpu *f(struct vcpu *v) { return (struct fake_vcpu *)v; }

static int fake_init(struct vcpu *v) { (void)v; return 0; }
static void fake_nothing(struct vcpu *v) { (void)v; }

static enum hv_exit_kind fake_run(struct vcpu *v)
{
	struct fake_step *s = &fake.script[fake.next];

	if (fake.entries < FAKE_STEPS)
		fake.injected[fake.entries] = f(v)->armed;
	fake.entries++;
	fake.l1d_flushes += v->foreign;
	v->foreign = 0;
	if (f(v)->armed.type == EVENT_NMI)
		f(v)->nmi_blocked = true;
	f(v)->armed.type = EVENT_NONE;
	v->event.type = EVENT_NONE;
	if (fake.next == fake.steps) {
		vcpu_request(v, REQ_KICK);
		return HV_EXIT_INTR;
	}
	fake.next++;
	v->event = s->reinject;
	if (s->before != NULL)
		s->before(v);
	return s->kind;
}

static void fake_skip(struct vcpu *v)
{
	fake.skips++;
	f(v)->r.rip += 2;
	f(v)->r.shadow = 0;
}

static void fake_pull(struct vcpu *v, uint32_t groups, struct vcpu_regs *r)
{
	const struct vcpu_regs *from = &f(v)->r;

	if ((groups & REG_RIP) != 0)
		r->rip = from->rip, r->rflags = from->rflags, r->shadow = from->shadow;
	if ((groups & REG_SEG) != 0)
		memcpy(r->seg, from->seg, sizeof(r->seg));
	if ((groups & REG_CR) != 0)
		r->cr0 = from->cr0, r->cr2 = from->cr2, r->cr3 = from->cr3, r->cr4 = from->cr4, r->efer = from->efer;
	if ((groups & REG_EVENT) != 0)
		r->nmi_blocked = f(v)->nmi_blocked;
}

static void fake_push(struct vcpu *v, uint32_t groups, const struct vcpu_regs *r)
{
	struct vcpu_regs *to = &f(v)->r;

	if ((groups & REG_RIP) != 0)
		to->rip = r->rip, to->rflags = r->rflags, to->shadow = r->shadow;
	if ((groups & REG_SEG) != 0)
		memcpy(to->seg, r->seg, sizeof(r->seg));
	if ((groups & REG_CR) != 0)
		to->cr0 = r->cr0, to->cr2 = r->cr2, to->cr3 = r->cr3, to->cr4 = r->cr4, to->efer = r->efer;
	if ((groups & REG_EVENT) != 0)
		f(v)->nmi_blocked = r->nmi_blocked != 0, f(v)->armed.type = EVENT_NONE;
}

static int fake_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	if (msr != 0xc0000080)
		return E_RANGE;
	*value = f(v)->r.efer;
	return 0;
}

static int fake_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	if (msr != 0xc0000080)
		return E_RANGE;
	f(v)->r.efer = value;
	return 0;
}

static uint32_t fake_can(struct vcpu *v)
{
	if (f(v)->r.shadow != 0)
		return 0;
	return ((f(v)->r.rflags & RFLAGS_IF) != 0 ? HV_CAN_INTERRUPT : 0U) | (f(v)->nmi_blocked ? 0U : HV_CAN_NMI);
}

static void fake_inject(struct vcpu *v, const struct hv_event *e)
{
	f(v)->armed = *e;
	if (fake.on_inject != NULL)
		fake.on_inject(v);
}

static void fake_window(struct vcpu *v, uint32_t windows, uint8_t priority)
{
	(void)v;
	fake.windows = windows;
	fake.priority = priority;
}

static void fake_tsc(struct vcpu *v, uint64_t offset) { (void)v, (void)offset; }
static void fake_flush(struct vcpu *v) { (void)v, fake.flushes++; }

static const struct hv_ops fake_ops = {
	.name = "fake", .vcpu_size = sizeof(struct fake_vcpu), .vcpu_init = fake_init, .vcpu_fini = fake_nothing,
	.load = fake_nothing, .put = fake_nothing, .run = fake_run, .skip = fake_skip, .pull = fake_pull,
	.push = fake_push, .msr_read = fake_msr_read, .msr_write = fake_msr_write, .can = fake_can,
	.inject = fake_inject, .window = fake_window, .tsc_offset = fake_tsc, .tlb_flush = fake_flush,
	.dump = fake_nothing,
};

/* ---- making one ---- */

void fake_host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t reg[4])
{
	memset(reg, 0, 16);
	if (leaf == 0) { /* "AuthenticAMD" */
		reg[0] = 0x10, reg[1] = 0x68747541, reg[2] = 0x444d4163, reg[3] = 0x69746e65;
	} else if (leaf == 0x80000000) {
		reg[0] = 0x80000021;
	} else if (leaf == 0x80000008) {
		reg[0] = 0x3030, reg[1] = reg[2] = reg[3] = ~0U;
	} else if (leaf == 4 || leaf == 0x8000001d) {
		if (subleaf < 4)
			reg[0] = (subleaf == 3 ? 3U : 1U) << 5 | 1 | 0xfc000000;
	} else if (leaf == 0xd && subleaf == 2) {
		reg[0] = 256, reg[1] = 576;
	} else if (leaf == 0xd) {
		reg[0] = subleaf < 2 ? ~0U : 0;
	} else {
		reg[0] = reg[1] = reg[2] = reg[3] = ~0U;
	}
}

struct vm *fake_vm(unsigned n)
{
	struct cpuid_input in = { .host = fake_host_cpuid, .vcpus = n, .xcr0 = 7, .tsc_hz = 2000000000, .tsc_stable = true };
	struct vm *vm = calloc(1, sizeof(*vm));

	memset(&fake, 0, sizeof(fake));
	memset(&self_thread, 0, sizeof(self_thread));
	fake.pool_left = 1000;
	mitigations = 0;
	hv = &fake_ops;
	object_init(&vm->object, OBJ_VM);
	vm->clock = (struct vm_clock){ .tsc_hz = 2000000000, .ns_mul = 0x80000000U, .stable = true, .boot_wall = 86400ULL * 1000000000U };
	vm->cpuid = calloc(1, sizeof(*vm->cpuid));
	cpuid_build(vm->cpuid, &in);
	doorbells_init(&vm->doorbells);
	for (unsigned i = 0; i < n; i++) {
		struct vcpu *v;

		if (vcpu_create(vm, i, 0x1000, &v) != 0)
			abort();
		f(v)->r.rip = 0x1000;
		f(v)->r.rflags = RFLAGS_FIXED | RFLAGS_IF;
	}
	return vm;
}

struct fake_vcpu *fake_vcpu(struct vm *vm, unsigned i) { return f(vm->vcpu[i]); }

void fake_vm_free(struct vm *vm)
{
	doorbells_fini(&vm->doorbells, NULL);
	for (unsigned i = 0; i < vm->vcpus; i++)
		vcpu_free(vm->vcpu[i]);
	free(vm->cpuid);
	free(vm);
}

void fake_step(enum hv_exit_kind kind, void (*before)(struct vcpu *v))
{
	fake.script[fake.steps++] = (struct fake_step){ .kind = kind, .before = before };
}

void fake_timer_fire(struct vcpu *v)
{
	timer_cancel(&v->lapic.timer);
	v->lapic.timer.fire(&v->lapic.timer);
}
