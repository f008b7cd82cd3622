/* SPDX-License-Identifier: GPL-2.0-only */
/* Virtual machines: memory in and out, and their end. vCPUs and interrupts have files of their own. */
#include "kernel/vm.h"

#include "arch/cpu.h"
#include "arch/fpu.h"
#include "arch/msr.h"
#include "kernel/abi/layout.h"
#include "kernel/box.h"
#include "kernel/hvops.h"
#include "kernel/log.h"
#include "kernel/mitigation.h"
#include "kernel/paging.h"
#include "kernel/pool.h"
#include "kernel/range.h"
#include "kernel/selfcheck.h"
#include "kernel/space.h"
#include "kernel/user.h"
#include "kernel/vcpu.h"
#include "lib/list.h"
#include "lib/string.h"
#include "lib/x86/msr.h"

_Static_assert(sizeof(struct vm) <= 4096, "one page");
_Static_assert(sizeof(struct cpuid_table) <= 4096, "one page");

/* Every VM, so that no memory is ever in two of them. */
static struct {
	struct spinlock lock;
	struct vm *first; /* [lock] */
} all;

int vm_create(struct space *monitor, uint64_t ram_base, const char *name, uint64_t wall, struct vm **out)
{
	struct vm *vm = pool_page(monitor);
	int status;

	if (vm == NULL)
		return E_NOMEM;
	object_init(&vm->object, OBJ_VM);
	vm->space = monitor;
	vm->ram_base = ram_base;
	memcpy(vm->name, name, sizeof(vm->name) - 1);
	vm->clock = (struct vm_clock){ .tsc_hz = box.tsc_hz, .ns_mul = box.ns_mul, .ns_shift = box.ns_shift,
					.stable = box.tsc_stable, .boot_wall = wall };
	vm->tsc_offset = -rdtsc();
	doorbells_init(&vm->doorbells);
	status = npt_init(&vm->npt, hv->npt, &npt_pool, monitor, (hv_caps & HV_CAP_PAGE_1G) != 0 ? 3 : 2);
	if (status != 0) {
		pool_page_free(monitor, vm);
		return status;
	}
	vm->npt.large_nx = (mitigations & MIT_ITLB) != 0;
	object_get(&monitor->object);
	spin_lock(&all.lock);
	vm->next = all.first;
	all.first = vm;
	spin_unlock(&all.lock);
	*out = vm;
	return 0;
}

/* Nobody has a pointer any more: not by handle, not from a vCPU, and the irqfds go first. */
void vm_destroy(struct object *o)
{
	struct vm *vm = list_entry(o, struct vm, object);
	struct space *space = vm->space;

	spin_lock(&all.lock);
	for (struct vm **at = &all.first; *at != NULL; at = &(*at)->next)
		if (*at == vm) {
			*at = vm->next;
			break;
		}
	spin_unlock(&all.lock);
	irqfds_fini(vm);
	for (unsigned i = 0; i < vm->vcpus; i++) {
		/* The monitor may live on: it must not keep pages that the pool gives to others. */
		(void)space_unmap(space, vm->vcpu[i]->area_va, VCPU_AREA_BYTES, true);
		vcpu_free(vm->vcpu[i]);
	}
	for (unsigned i = 0; i < vm->ranges; i++)
		log_line("vm", "%s: %lu KiB lost, nobody took them back", vm->name,
			 vm->range[i].size >> 10);
	doorbells_fini(&vm->doorbells, space);
	npt_fini(&vm->npt);
	if (vm->cpuid != NULL)
		pool_page_free(space, vm->cpuid);
	pool_page_free(space, vm);
	object_put(&space->object);
}

static int check_place(const struct vm *vm, uint64_t size, gpa_t at)
{
	uint64_t limit = 1ULL << (cpu_phys_bits < 46 ? cpu_phys_bits : 46);

	if (((at.raw | size) & 0xfff) != 0 || size == 0)
		return E_INVAL;
	if (at.raw >= limit || size > limit - at.raw || vm->ram_base + at.raw + size > USER_END)
		return E_RANGE;
	return 0;
}

/* [vm->lock] Ranges cannot overlap each other: this is what holds should that ever be wrong. */
static void range_add(struct vm *vm, const struct vm_range *add)
{
	spin_lock(&all.lock);
	for (const struct vm *other = all.first; other != NULL; other = other->next)
		for (unsigned i = 0; i < other->ranges; i++)
			verify(other->range[i].base.raw >= add->base.raw + add->size ||
			       add->base.raw >= other->range[i].base.raw + other->range[i].size);
	vm->range[vm->ranges++] = *add;
	spin_unlock(&all.lock);
}

int vm_map(struct vm *vm, hpa_t base, uint64_t size, gpa_t at, uint32_t node, uint32_t flags)
{
	unsigned prot = (flags & VM_MAP_READONLY) != 0 ? NPT_EXECUTE : NPT_EXECUTE | NPT_WRITE;
	const struct vm_range range = { .base = base, .gpa = at, .size = size, .node = node, .flags = flags };
	int status = check_place(vm, size, at);

	if (status != 0 || (flags & ~(uint32_t)VM_MAP_READONLY) != 0)
		return status != 0 ? status : E_INVAL;
	status = space_map(vm->space, vm->ram_base + at.raw, base, size, PROT_READ | PROT_WRITE, MAP_WB, NULL);
	if (status != 0)
		return status;
	spin_lock(&vm->lock);
	if (vm->dead)
		status = E_DEAD;
	else if (vm->ranges == VM_RANGES_MAX)
		status = E_NOMEM;
	else
		status = npt_map(&vm->npt, at, base, size, prot);
	if (status == 0)
		range_add(vm, &range);
	spin_unlock(&vm->lock);
	if (status != 0)
		(void)space_unmap(vm->space, vm->ram_base + at.raw, size, true);
	return status;
}

int vm_execute(struct vm *vm, gpa_t at)
{
	int status;

	spin_lock(&vm->lock);
	status = npt_execute(&vm->npt, at);
	spin_unlock(&vm->lock);
	return status;
}

void vm_kill(struct vm *vm)
{
	unsigned n;

	__atomic_store_n(&vm->dead, true, __ATOMIC_SEQ_CST);
	n = __atomic_load_n(&vm->vcpus, __ATOMIC_ACQUIRE);
	for (unsigned i = 0; i < n; i++)
		vcpu_request(vm->vcpu[i], REQ_DEAD);
}

/* The one at a time that takes memory back. */
static int take_begin(struct vm *vm, struct vm_range *r)
{
	int status = 0;

	spin_lock(&vm->lock);
	if (!vm->dead || vm->live != 0 || vm->taking)
		status = E_BUSY;
	else if (vm->ranges == 0)
		status = E_RANGE;
	else
		*r = vm->range[vm->ranges - 1];
	vm->taking |= status == 0;
	spin_unlock(&vm->lock);
	return status;
}

/*
 * No vCPU is alive, so no processor enters with these tables again; and an address-space tag is not
 * given out twice without a flush. So nothing has to be flushed here but the monitor's mappings.
 */
static int64_t take(struct vm *vm, const struct vm_range *r, struct space *to)
{
	int status;
	int64_t handle;

	(void)npt_unmap(&vm->npt, r->gpa, r->size);
	status = space_unmap(vm->space, vm->ram_base + r->gpa.raw, r->size, true);
	if (status != 0 && status != E_INVAL && status != E_DEAD) /* it was, or its space is gone */
		return status;
	status = scrub_memory(r->base, r->size, &vm->scrubbed);
	if (status != 0)
		return status;
	/* Before anybody can name it: another thread may move it on at once. */
	spin_lock(&all.lock);
	vm->ranges--;
	spin_unlock(&all.lock);
	handle = range_create(to, r->base, r->size, RANGE_RAM, 0, RIGHT_ALL);
	if (handle < 0) { /* it stays the VM's: the caller may make room and call again */
		spin_lock(&all.lock);
		vm->ranges++;
		spin_unlock(&all.lock);
		return handle;
	}
	vm->scrubbed = 0;
	return handle;
}

int64_t vm_take(struct vm *vm, struct space *to)
{
	struct vm_range r;
	int64_t result = take_begin(vm, &r);

	if (result != 0)
		return result;
	result = take(vm, &r, to);
	spin_lock(&vm->lock);
	vm->taking = false;
	spin_unlock(&vm->lock);
	return result;
}

static void host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t reg[4])
{
	struct cpuid_regs r = cpuid(leaf, subleaf);

	reg[0] = r.eax;
	reg[1] = r.ebx;
	reg[2] = r.ecx;
	reg[3] = r.edx;
}

int vm_freeze(struct vm *vm)
{
	struct cpuid_table *t;

	if (__atomic_load_n(&vm->frozen, __ATOMIC_ACQUIRE))
		return 0;
	t = pool_page(vm->space);
	if (t == NULL)
		return E_NOMEM;
	spin_lock(&vm->lock);
	if (!vm->frozen) {
		struct cpuid_input in = { .host = host_cpuid, .vcpus = vm->vcpus, .xcr0 = fpu_xcr0,
					  .tsc_hz = vm->clock.tsc_hz, .tsc_stable = vm->clock.stable,
					  .no_rdtscp = (hv_caps & HV_CAP_RDTSCP) == 0,
					  .no_invpcid = (hv_caps & HV_CAP_INVPCID) == 0 };

		(void)rdmsr_safe(MSR_ARCH_CAPABILITIES, &in.arch_caps);
		selfcheck_vm(vm);
		cpuid_build(t, &in);
		vm->cpuid = t;
		t = NULL;
		__atomic_store_n(&vm->frozen, true, __ATOMIC_RELEASE);
	}
	spin_unlock(&vm->lock);
	if (t != NULL)
		pool_page_free(vm->space, t);
	return 0;
}

/* Only addresses that are the guest's RAM: the monitor has other things mapped behind it. */
static bool is_ram(const struct vm *vm, uint64_t at, uint64_t bytes, uint32_t but)
{
	for (unsigned i = 0; i < vm->ranges; i++) {
		const struct vm_range *r = &vm->range[i];

		if ((r->flags & but) == 0 && at >= r->gpa.raw && at - r->gpa.raw < r->size &&
		    bytes <= r->size - (at - r->gpa.raw))
			return true;
	}
	return false;
}

int vm_guest_write(struct vm *vm, uint64_t to, const void *from, uint64_t bytes)
{
	return is_ram(vm, to, bytes, VM_MAP_READONLY) ? user_copy_out(vm->ram_base + to, from, bytes) : E_FAULT;
}

int vm_guest_read(struct vm *vm, uint64_t from, void *to, uint64_t bytes)
{
	return is_ram(vm, from, bytes, 0) ? user_copy_in(to, vm->ram_base + from, bytes) : E_FAULT;
}
