/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls on VMs and vCPUs: decode and check, then do. */
#include "kernel/abi/layout.h"
#include "kernel/event.h"
#include "kernel/range.h"
#include "kernel/space.h"
#include "kernel/sys.h"
#include "kernel/thread_impl.h"
#include "kernel/user.h"
#include "kernel/vcpu.h"
#include "kernel/vm.h"
#include "lib/list.h"
#include "lib/string.h"

static struct vm *vm_of(struct object *o) { return list_entry(o, struct vm, object); }
static struct vcpu *vcpu_of(struct object *o) { return list_entry(o, struct vcpu, object); }

/* (space, RAM base va, name, wall time) */
int64_t sys_vm_create(struct sys_frame *f, struct object *o)
{
	struct vm *vm;
	char name[16];
	int status = user_copy_name(name, f->arg[2]);

	if (status != 0)
		return status;
	if ((f->arg[1] & 0x3fffffff) != 0 || f->arg[1] >= USER_END) /* so that large pages line up */
		return E_INVAL;
	status = vm_create(list_entry(o, struct space, object), f->arg[1], name, f->arg[3], &vm);
	return status != 0 ? status : handle_give(space_self(), &vm->object);
}

/* (vm, range, gpa, flags) */
int64_t sys_vm_map(struct sys_frame *f, struct object *o)
{
	struct range *range;
	int status = range_move_begin(space_self(), f->arg[1], &range);

	if (status != 0)
		return status;
	status = vm_map(vm_of(o), range->base, range->size, gpa(f->arg[2]), range->node, (uint32_t)f->arg[3]);
	range_move_end(space_self(), f->arg[1], range, status == 0);
	return status;
}

/* (vm) */
int64_t sys_vm_take(struct sys_frame *f, struct object *o)
{
	(void)f;
	return vm_take(vm_of(o), space_self());
}

/* (vm, address, data) */
int64_t sys_vm_irq(struct sys_frame *f, struct object *o)
{
	return lapic_msi(vm_of(o), f->arg[1], (uint32_t)f->arg[2]);
}

/* (vm, event, bit number, address, data) */
int64_t sys_vm_irqfd(struct sys_frame *f, struct object *o)
{
	struct event *event;
	int status = event_from_handle(f->arg[1], RIGHT_READ, &event);

	if (status != 0)
		return status;
	status = f->arg[2] > 63 ? E_INVAL : irqfd_set(vm_of(o), event, (unsigned)f->arg[2], f->arg[3], (uint32_t)f->arg[4]);
	event_put(event);
	return status;
}

/* (vm, what, event, bits) */
int64_t sys_vm_doorbell(struct sys_frame *f, struct object *o)
{
	struct vm *vm = vm_of(o);
	struct vm_doorbell what;
	struct event *event;
	int status = user_copy_in(&what, f->arg[1], sizeof(what));

	if (status != 0)
		return status;
	if (what.remove)
		return doorbell_remove(&vm->doorbells, &what);
	status = event_from_handle(f->arg[2], RIGHT_WRITE, &event);
	if (status != 0)
		return status;
	status = doorbell_add(&vm->doorbells, vm->space, &what, event, f->arg[3]);
	if (status != 0)
		event_put(event);
	return status;
}

/* (vm, op, a) */
int64_t sys_vm_ctl(struct sys_frame *f, struct object *o)
{
	struct vm_info info = { .npt_pages = vm_of(o)->npt.pages };

	if (f->arg[1] == VM_INFO)
		return user_copy_out(f->arg[2], &info, sizeof(info));
	if (f->arg[1] == VM_FREEZE)
		return vm_freeze(vm_of(o));
	if (f->arg[1] != VM_KILL)
		return E_NOSYS;
	vm_kill(vm_of(o));
	return 0;
}

/* (vm, APIC ID, area va) */
int64_t sys_vcpu_create(struct sys_frame *f, struct object *o)
{
	struct vcpu *v;
	int status;

	if ((f->arg[2] & 0xfff) != 0 || f->arg[2] > USER_END - VCPU_AREA_BYTES || f->arg[1] > UINT32_MAX)
		return E_INVAL;
	status = vcpu_create(vm_of(o), (uint32_t)f->arg[1], f->arg[2], &v);
	return status != 0 ? status : handle_give(space_self(), &v->object);
}

/* (vcpu) */
int64_t sys_vcpu_run(struct sys_frame *f, struct object *o)
{
	struct vcpu *v = vcpu_of(o);

	(void)f;
	/* Guest pages are written by way of the monitor's mappings: they must be the loaded ones. */
	return v->vm->space == space_self() ? vcpu_run(v) : E_PERM;
}

/* (vcpu) */
int64_t sys_vcpu_kick(struct sys_frame *f, struct object *o)
{
	(void)f;
	vcpu_request(vcpu_of(o), REQ_KICK);
	return 0;
}

/* The reset writes memory that the processor has in registers while the vCPU is loaded. */
static void vcpu_power_on(struct vcpu *v)
{
	bool loaded = v->loaded;

	if (loaded)
		vcpu_put(v);
	__atomic_store_n(&v->request, 0, __ATOMIC_SEQ_CST);
	vcpu_reset(v, false);
	if (loaded)
		vcpu_load(v);
}

/* What only the thread that runs the vCPU may do, or one other while there is none. */
static int64_t vcpu_ctl_own(struct vcpu *v, struct sys_frame *f)
{
	uint32_t value;
	int status;

	switch (f->arg[1]) {
	case VCPU_LAPIC_READ:
		status = f->arg[2] > 0xff0 ? E_INVAL : lapic_read(v, (uint32_t)f->arg[2], &value);
		f->second = status == 0 ? value : 0;
		return status;
	case VCPU_LAPIC_WRITE:
		return f->arg[2] > 0xff0 ? E_INVAL : lapic_write(v, (uint32_t)f->arg[2], (uint32_t)f->arg[3]);
	case VCPU_RESET:
		vcpu_power_on(v);
		return 0;
	case VCPU_DUMP:
		vcpu_dump(v);
		return 0;
	default: /* VCPU_STATE_PULL */
		vcpu_regs_pull(v, (uint32_t)f->arg[2] & REG_ALL);
		return 0;
	}
}

/* (vcpu, op, a, b) */
int64_t sys_vcpu_ctl(struct sys_frame *f, struct object *o)
{
	struct vcpu *v = vcpu_of(o);
	int64_t status;

	switch (f->arg[1]) {
	case VCPU_LAPIC_READ:
	case VCPU_LAPIC_WRITE:
	case VCPU_RESET:
	case VCPU_STATE_PULL:
	case VCPU_DUMP:
		if (v->thread == thread_self())
			return vcpu_ctl_own(v, f);
		status = vcpu_claim(v, thread_self());
		if (status != 0)
			return status;
		status = vcpu_ctl_own(v, f);
		vcpu_release(v);
		return status;
	case VCPU_INTR_SET:
		__atomic_store_n(&v->intr, f->arg[2] != 0, __ATOMIC_SEQ_CST);
		vcpu_request(v, REQ_EVENT);
		return 0;
	case VCPU_NMI:
		vcpu_request(v, REQ_NMI);
		return 0;
	case VCPU_INIT:
		vcpu_request(v, REQ_INIT);
		return 0;
	default:
		return E_NOSYS;
	}
}
