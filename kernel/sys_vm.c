/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls on VMs and vCPUs: decode and check, then do. */
#include "kernel/abi/layout.h"
#include "kernel/event.h"
#include "kernel/range.h"
#include "kernel/space.h"
#include "kernel/sys.h"
#include "kernel/thread.h"
#include "kernel/user.h"
#include "kernel/vcpu.h"
#include "kernel/vm.h"
#include "lib/list.h"
#include "lib/string.h"

static struct space *self(void) { return thread_space(thread_self()); }

/* With a reference, which the caller drops. */
static int get_vm(uint64_t handle, uint32_t rights, struct vm **vm)
{
	struct object *o;
	int status = handle_get(self(), handle, OBJ_VM, rights, &o);

	*vm = status == 0 ? list_entry(o, struct vm, object) : NULL;
	return status;
}

static int get_vcpu(uint64_t handle, uint32_t rights, struct vcpu **v)
{
	struct object *o;
	int status = handle_get(self(), handle, OBJ_VCPU, rights, &o);

	*v = status == 0 ? list_entry(o, struct vcpu, object) : NULL;
	return status;
}

/* (space, RAM base va, name, wall time) */
int64_t sys_vm_create(struct sys_frame *f)
{
	struct object *space;
	struct vm *vm;
	char name[16];
	int status = user_copy_name(name, f->arg[2]);

	if (status != 0)
		return status;
	if ((f->arg[1] & 0x3fffffff) != 0 || f->arg[1] >= USER_END) /* so that large pages line up */
		return E_INVAL;
	status = handle_get(self(), f->arg[0], OBJ_SPACE, RIGHT_CONTROL, &space);
	if (status != 0)
		return status;
	status = vm_create(list_entry(space, struct space, object), f->arg[1], name, f->arg[3], &vm);
	object_put(space);
	return status != 0 ? status : handle_give(self(), &vm->object);
}

/* (vm, range, gpa, flags) */
int64_t sys_vm_map(struct sys_frame *f)
{
	struct range *range;
	struct vm *vm;
	int status = get_vm(f->arg[0], RIGHT_CONTROL, &vm);

	if (status != 0)
		return status;
	status = range_move_begin(self(), f->arg[1], &range);
	if (status == 0) {
		status = vm_map(vm, range->base, range->size, gpa(f->arg[2]), range->node, (uint32_t)f->arg[3]);
		range_move_end(self(), f->arg[1], range, status == 0);
	}
	object_put(&vm->object);
	return status;
}

/* (vm) */
int64_t sys_vm_take(struct sys_frame *f)
{
	struct vm *vm;
	int64_t result = get_vm(f->arg[0], RIGHT_CONTROL, &vm);

	if (result != 0)
		return result;
	result = vm_take(vm, self());
	object_put(&vm->object);
	return result;
}

/* (vm, address, data) */
int64_t sys_vm_irq(struct sys_frame *f)
{
	struct vm *vm;
	int status = get_vm(f->arg[0], RIGHT_WRITE, &vm);

	if (status != 0)
		return status;
	status = lapic_msi(vm, f->arg[1], (uint32_t)f->arg[2]);
	object_put(&vm->object);
	return status;
}

/* (vm, event, bit number, address, data) */
int64_t sys_vm_irqfd(struct sys_frame *f)
{
	struct event *event;
	struct vm *vm;
	int status = get_vm(f->arg[0], RIGHT_CONTROL, &vm);

	if (status != 0)
		return status;
	status = event_from_handle(f->arg[1], RIGHT_READ, &event);
	if (event != NULL) {
		status = f->arg[2] > 63 ? E_INVAL : irqfd_set(vm, event, (unsigned)f->arg[2], f->arg[3], (uint32_t)f->arg[4]);
		event_put(event);
	}
	object_put(&vm->object);
	return status;
}

/* (vm, what, event, bits) */
int64_t sys_vm_doorbell(struct sys_frame *f)
{
	struct vm_doorbell what;
	struct event *event;
	struct vm *vm;
	int status = user_copy_in(&what, f->arg[1], sizeof(what));

	if (status == 0)
		status = get_vm(f->arg[0], RIGHT_CONTROL, &vm);
	if (status != 0)
		return status;
	if (what.remove) {
		status = doorbell_remove(&vm->doorbells, &what);
	} else {
		status = event_from_handle(f->arg[2], RIGHT_WRITE, &event);
		if (event != NULL) {
			status = doorbell_add(&vm->doorbells, vm->space, &what, event, f->arg[3]);
			if (status != 0)
				event_put(event);
		}
	}
	object_put(&vm->object);
	return status;
}

/* (vm, op, a) */
int64_t sys_vm_ctl(struct sys_frame *f)
{
	struct vm_info info = { 0 };
	struct vm *vm;
	int status = get_vm(f->arg[0], RIGHT_CONTROL, &vm);

	if (status != 0)
		return status;
	switch (f->arg[1]) {
	case VM_KILL:
		vm_kill(vm);
		break;
	case VM_INFO:
		spin_lock(&vm->lock);
		for (unsigned i = 0; i < vm->ranges; i++)
			info.ram_bytes += vm->range[i].size;
		info.npt_pages = vm->npt.pages;
		info.pages_4k = vm->npt.leaf[1];
		info.pages_2m = vm->npt.leaf[2];
		info.pages_1g = vm->npt.leaf[3];
		spin_unlock(&vm->lock);
		status = user_copy_out(f->arg[2], &info, sizeof(info));
		break;
	default:
		status = E_NOSYS;
	}
	object_put(&vm->object);
	return status;
}

/* (vm, APIC ID, area va) */
int64_t sys_vcpu_create(struct sys_frame *f)
{
	struct vcpu *v;
	struct vm *vm;
	int status = get_vm(f->arg[0], RIGHT_CONTROL, &vm);

	if (status != 0)
		return status;
	if ((f->arg[2] & 0xfff) != 0 || f->arg[2] > USER_END - VCPU_AREA_BYTES || f->arg[1] > UINT32_MAX)
		status = E_INVAL;
	else
		status = vcpu_create(vm, (uint32_t)f->arg[1], f->arg[2], &v);
	object_put(&vm->object);
	return status != 0 ? status : handle_give(self(), &v->object);
}

/* (vcpu) */
int64_t sys_vcpu_run(struct sys_frame *f)
{
	struct vcpu *v;
	int status = get_vcpu(f->arg[0], RIGHT_CONTROL, &v);

	if (status != 0)
		return status;
	/* Guest pages are written by way of the monitor's mappings: they must be the loaded ones. */
	status = v->vm->space == self() ? vcpu_run(v) : E_PERM;
	object_put(&v->object);
	return status;
}

/* (vcpu) */
int64_t sys_vcpu_kick(struct sys_frame *f)
{
	struct vcpu *v;
	int status = get_vcpu(f->arg[0], RIGHT_WRITE, &v);

	if (status != 0)
		return status;
	vcpu_request(v, REQ_KICK);
	object_put(&v->object);
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
int64_t sys_vcpu_ctl(struct sys_frame *f)
{
	struct vcpu *v;
	int64_t status = get_vcpu(f->arg[0], RIGHT_CONTROL, &v);

	if (status != 0)
		return status;
	switch (f->arg[1]) {
	case VCPU_LAPIC_READ:
	case VCPU_LAPIC_WRITE:
	case VCPU_RESET:
	case VCPU_STATE_PULL:
	case VCPU_DUMP:
		if (v->thread == thread_self()) {
			status = vcpu_ctl_own(v, f);
		} else if ((status = vcpu_claim(v, thread_self())) == 0) {
			status = vcpu_ctl_own(v, f);
			vcpu_release(v);
		}
		break;
	case VCPU_INTR_SET:
		__atomic_store_n(&v->intr, f->arg[2] != 0, __ATOMIC_SEQ_CST);
		vcpu_request(v, REQ_EVENT);
		break;
	case VCPU_NMI:
		vcpu_request(v, REQ_NMI);
		break;
	case VCPU_INIT:
		vcpu_request(v, REQ_INIT);
		break;
	default:
		status = E_NOSYS;
	}
	object_put(&v->object);
	return status;
}
