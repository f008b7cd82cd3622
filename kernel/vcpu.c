/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU's life, its reset state, and how others get its attention. Running it is vcpu_run.c's. */
#include "kernel/vcpu.h"

#include "arch/cpu.h"
#include "arch/fpu.h"
#include "kernel/abi/layout.h"
#include "kernel/log.h"
#include "kernel/pool.h"
#include "kernel/space.h"
#include "kernel/sys.h"
#include "kernel/thread.h"
#include "kernel/vm.h"
#include "lib/list.h"
#include "lib/string.h"
#include "lib/x86/cr.h"

/* As an AMD family 17h or an Intel family 6 leaves it in RDX after reset, near enough. */
#define RESET_RDX 0x600

void vcpu_request(struct vcpu *v, uint32_t bits)
{
	uint8_t mode;

	__atomic_fetch_or(&v->request, bits, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&v->mode, __ATOMIC_SEQ_CST) == VCPU_OUTSIDE)
		return;
	spin_lock(&v->wake_lock);
	mode = __atomic_load_n(&v->mode, __ATOMIC_SEQ_CST);
	if (v->thread != NULL && mode == VCPU_IN_GUEST)
		thread_poke(v->thread);
	else if (v->thread != NULL && mode == VCPU_PARKED)
		thread_unpark(v->thread);
	spin_unlock(&v->wake_lock);
}

static void segments_reset(struct vcpu_regs *r)
{
	for (unsigned i = 0; i < SEG_COUNT; i++)
		r->seg[i] = (struct vcpu_seg){ .attr = 0x93, .limit = 0xffff };
	r->seg[SEG_CS] = (struct vcpu_seg){ .selector = 0xf000, .attr = 0x9b, .limit = 0xffff, .base = 0xffff0000 };
	r->ldtr = (struct vcpu_seg){ .attr = 0x82, .limit = 0xffff };
	r->tr = (struct vcpu_seg){ .attr = 0x8b, .limit = 0xffff };
	r->gdtr.limit = r->idtr.limit = 0xffff;
}

/* [SDM3 "Processor State After Reset"], [APM2 "Processor Initialization State"] */
void vcpu_reset(struct vcpu *v, bool init)
{
	uint32_t groups = REG_RIP | REG_SEG | REG_TABLE | REG_CR | REG_DR | REG_EVENT;
	struct vcpu_regs r;

	memset(&r, 0, sizeof(r));
	memset(v->gpr, 0, sizeof(v->gpr));
	v->gpr[GPR_RDX] = RESET_RDX;
	segments_reset(&r);
	r.rip = 0xfff0;
	r.rflags = RFLAGS_FIXED;
	r.cr0 = CR0_ET | CR0_CD | CR0_NW;
	r.dr6 = DR6_FIXED;
	r.dr7 = DR7_FIXED;
	if (!init) {
		groups |= REG_MSR;
		msr_reset(v);
		v->xcr0 = XCR0_X87;
		fpu_area_reset(v->fpu);
		v->tsc_offset = v->vm->tsc_offset;
		hv->tsc_offset(v, v->tsc_offset);
	}
	hv->push(v, groups, &r);
	hv->tlb_flush(v);
	v->event.type = EVENT_NONE;
	v->nmi_pending = v->unhalted = 0;
	v->pending = EXIT_KICK;
	memset(v->dr, 0, sizeof(v->dr));
	if (v->loaded)
		vcpu_dr_load(v);
	lapic_reset(v, init);
	/* INIT sends the boot processor to the reset vector, the others to wait. */
	v->activity = v->index == 0 ? ACTIVITY_RUNNING : ACTIVITY_WAIT_SIPI;
}

/* The memory that vcpu_free gives back. */
static int vcpu_alloc(struct vcpu *v, struct space *payer)
{
	v->area = pool_pages(payer, 2);
	v->lapic.page = pool_page(payer);
	v->fpu = pool_page(payer);
	return v->area != NULL && v->lapic.page != NULL && v->fpu != NULL ? 0 : E_NOMEM;
}

void vcpu_free(struct vcpu *v)
{
	struct space *payer = v->vm->space;

	hv->vcpu_fini(v);
	if (v->area != NULL)
		pool_pages_free(payer, v->area, 2);
	if (v->lapic.page != NULL)
		pool_page_free(payer, v->lapic.page);
	if (v->fpu != NULL)
		pool_page_free(payer, v->fpu);
	pool_page_free(payer, v);
}

/* [vm->lock] */
static int vcpu_insert(struct vm *vm, struct vcpu *v)
{
	if (vm->dead)
		return E_DEAD;
	if (vm->frozen)
		return E_BUSY;
	if (vm->vcpus == VM_VCPUS_MAX)
		return E_RANGE;
	for (unsigned i = 0; i < vm->vcpus; i++)
		if (vm->vcpu[i]->apic_id == v->apic_id)
			return E_EXIST;
	v->index = vm->vcpus;
	vm->vcpu[v->index] = v;
	vm->live++;
	lapic_init(v);
	vcpu_reset(v, false);
	__atomic_store_n(&vm->vcpus, vm->vcpus + 1, __ATOMIC_RELEASE);
	return 0;
}

int vcpu_create(struct vm *vm, uint32_t apic_id, uint64_t area_va, struct vcpu **out)
{
	struct space *payer = vm->space;
	struct vcpu *v;
	int status;

	if (apic_id >= 255) /* the broadcast IDs, and what an MSI can name */
		return E_INVAL;
	v = pool_page(payer);
	if (v == NULL)
		return E_NOMEM;
	object_init(&v->object, OBJ_VCPU);
	v->vm = vm;
	v->apic_id = apic_id;
	v->area_va = area_va;
	status = vcpu_alloc(v, payer);
	if (status == 0)
		status = hv->vcpu_init(v);
	if (status == 0)
		status = space_map(payer, area_va, pool_hpa(v->area), VCPU_AREA_BYTES,
				   PROT_READ | PROT_WRITE, MAP_WB, NULL);
	if (status != 0)
		goto fail;
	spin_lock(&vm->lock);
	status = vcpu_insert(vm, v);
	spin_unlock(&vm->lock);
	if (status != 0) {
		(void)space_unmap(payer, area_va, VCPU_AREA_BYTES, true);
		goto fail;
	}
	object_get(&vm->object);
	*out = v;
	return 0;
fail:
	vcpu_free(v);
	return status;
}

/*
 * The last handle is closed, and no thread is bound. Others may still hold the pointer by way of vm->vcpu[]:
 * the memory goes with the VM.
 */
void vcpu_destroy(struct object *o)
{
	struct vcpu *v = list_entry(o, struct vcpu, object);
	struct vm *vm = v->vm;

	timer_cancel_wait(&v->lapic.timer);
	spin_lock(&vm->lock);
	vm->live--;
	spin_unlock(&vm->lock);
	object_put(&vm->object);
}

/* Lines of its VM's share of the log, less than it has: sixteen at once shall be possible. */
enum { DUMP_COST = 5 };

static void dump_area(struct vcpu *v, const struct vcpu_regs *r)
{
	const uint64_t *g = v->gpr;

	log_line(v->vm->name, "  rax %016lx rbx %016lx rcx %016lx rdx %016lx", g[0], g[3], g[1], g[2]);
	log_line(v->vm->name, "  rsi %016lx rdi %016lx rbp %016lx rsp %016lx", g[6], g[7], g[5], g[4]);
	for (unsigned i = 8; i < 16; i += 4)
		log_line(v->vm->name, "  r%-2u %016lx r%-2u %016lx r%-2u %016lx r%-2u %016lx", i, g[i], i + 1, g[i + 1],
			 i + 2, g[i + 2], i + 3, g[i + 3]);
	log_line(v->vm->name, "  rip %04x:%016lx rflags %08lx shadow %u", r->seg[SEG_CS].selector, r->rip, r->rflags,
		 r->shadow);
	log_line(v->vm->name, "  cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx cr8 %x efer %04lx xcr0 %lx", r->cr0, r->cr2,
		 r->cr3, r->cr4, v->cr8, r->efer, v->xcr0);
}

void vcpu_dump(struct vcpu *v)
{
	struct vcpu_regs r;

	if (!space_may_log(v->vm->space, DUMP_COST))
		return;
	memset(&r, 0, sizeof(r));
	hv->pull(v, REG_RIP | REG_SEG | REG_CR, &r);
	log_line(v->vm->name, "vCPU %u: %s, requests %#x, event %u/%u, apic base %#lx, entries %lu", v->index,
		 v->activity == ACTIVITY_RUNNING ? "running" :
		 v->activity == ACTIVITY_HALTED	 ? "halted" : "waiting for SIPI",
		 v->request, v->event.type, v->event.vector, v->lapic.base, v->area->entries);
	dump_area(v, &r);
	hv->dump(v);
}
