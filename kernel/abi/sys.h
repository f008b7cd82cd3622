/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Typed wrappers around the system calls (kernel/abi/syscall.h says what each one does), ring 3
 * only. Nothing here adds meaning but the loop over E_AGAIN where a call asks for it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "kernel/abi/syscall.h"

#define SYS_FOR_EVER UINT64_MAX

static inline uint64_t sys_ptr(const volatile void *p) { return (uint64_t)(uintptr_t)p; }

static inline int64_t sys_call3(uint64_t n, uint64_t a, uint64_t b, uint64_t c)
{
	int64_t value;

	__asm__ volatile("syscall"
			 : "=a"(value), "+d"(c)
			 : "a"(n), "D"(a), "S"(b)
			 : "rcx", "r11", "memory");
	return value;
}

static inline int64_t sys_call5(uint64_t n, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
				uint64_t e)
{
	return sys_call6(n, a, b, c, d, e, 0).value;
}

static inline int sys_log(const char *text, size_t bytes)
{
	return (int)sys_call3(SYS_LOG, sys_ptr(text), bytes, 0);
}

static inline int64_t sys_log_read(int box, void *to, size_t bytes, uint64_t *cursor)
{
	struct sys_result r =
		sys_call6(SYS_LOG_READ, (uint64_t)box, sys_ptr(to), bytes, *cursor, 0, 0);

	if (r.value >= 0)
		*cursor = r.second;
	return r.value;
}

static inline int sys_close(int handle)
{
	return (int)sys_call3(SYS_CLOSE, (uint64_t)handle, 0, 0);
}

static inline int sys_grant(int space, int handle, unsigned rights)
{
	return (int)sys_call3(SYS_GRANT, (uint64_t)space, (uint64_t)handle, rights);
}

static inline int sys_range_split(int range, uint64_t offset)
{
	return (int)sys_call3(SYS_RANGE_SPLIT, (uint64_t)range, offset, 0);
}

static inline int sys_range_merge(int low, int high)
{
	return (int)sys_call3(SYS_RANGE_MERGE, (uint64_t)low, (uint64_t)high, 0);
}

static inline int sys_range_map(int space, int range, uint64_t va, uint64_t offset, uint64_t bytes,
				unsigned prot)
{
	return (int)sys_call6(SYS_RANGE_MAP, (uint64_t)space, (uint64_t)range, va, offset, bytes,
			      prot)
		.value;
}

static inline int sys_range_unmap(int space, uint64_t va, uint64_t bytes)
{
	return (int)sys_call3(SYS_RANGE_UNMAP, (uint64_t)space, va, bytes);
}

static inline int sys_range_info(int range, struct range_info *info)
{
	return (int)sys_call3(SYS_RANGE_INFO, (uint64_t)range, sys_ptr(info), 0);
}

/* One step: E_AGAIN while there is more to do. */
static inline int sys_range_scrub_some(int range)
{
	return (int)sys_call3(SYS_RANGE_SCRUB, (uint64_t)range, 0, 0);
}

static inline int sys_range_scrub(int range)
{
	int status;

	do {
		status = (int)sys_call3(SYS_RANGE_SCRUB, (uint64_t)range, 0, 0);
	} while (status == E_AGAIN);
	return status;
}

/* name points to 16 bytes, NUL-padded. */
static inline int sys_space_create(const char *name, uint64_t quota)
{
	return (int)sys_call3(SYS_SPACE_CREATE, sys_ptr(name), quota, 0);
}

static inline int sys_space_ctl(int space, enum space_op op, uint64_t a, uint64_t b)
{
	return (int)sys_call5(SYS_SPACE_CTL, (uint64_t)space, op, a, b, 0);
}

static inline int sys_thread_create(int space, uint64_t entry, uint64_t stack, uint64_t arg,
				    unsigned cpu, unsigned priority)
{
	return (int)sys_call6(SYS_THREAD_CREATE, (uint64_t)space, entry, stack, arg, cpu, priority)
		.value;
}

static inline int sys_thread_ctl(int thread, enum thread_op op, uint64_t a)
{
	return (int)sys_call3(SYS_THREAD_CTL, (uint64_t)thread, op, a);
}

static inline int sys_event_create(void) { return (int)sys_call3(SYS_EVENT_CREATE, 0, 0, 0); }

static inline int sys_event_signal(int event, uint64_t bits)
{
	return (int)sys_call3(SYS_EVENT_SIGNAL, (uint64_t)event, bits, 0);
}

static inline int sys_event_wait(int event, uint64_t mask, uint64_t deadline, uint64_t *bits)
{
	struct sys_result r =
		sys_call6(SYS_EVENT_WAIT, (uint64_t)event, mask, deadline, 0, 0, 0);

	*bits = r.value < 0 ? 0 : r.second;
	return (int)r.value;
}

static inline int sys_event_timer(int event, uint64_t bits, uint64_t deadline)
{
	return (int)sys_call3(SYS_EVENT_TIMER, (uint64_t)event, bits, deadline);
}

static inline int sys_event_irq(int box, unsigned gsi, unsigned flags, int event, uint64_t bits)
{
	return (int)sys_call5(SYS_EVENT_IRQ, (uint64_t)box, gsi, flags, (uint64_t)event, bits);
}

static inline int sys_port_grant(int box, unsigned first, unsigned count)
{
	return (int)sys_call3(SYS_PORT_GRANT, (uint64_t)box, first, count);
}

static inline uint32_t sys_port_in(int ports, unsigned port, unsigned bytes)
{
	struct sys_result r = sys_call6(SYS_PORT_IO, (uint64_t)ports, port, bytes, 0, 0, 0);

	return r.value < 0 ? UINT32_MAX : (uint32_t)r.second;
}

static inline int sys_port_out(int ports, unsigned port, unsigned bytes, uint32_t value)
{
	return (int)sys_call5(SYS_PORT_IO, (uint64_t)ports, port, bytes | PORT_WRITE, value, 0);
}

/* name points to 16 bytes, NUL-padded; wall: nanoseconds since 1970 now, 0: unknown. */
static inline int sys_vm_create(int space, uint64_t ram_base, const char *name, uint64_t wall)
{
	return (int)sys_call5(SYS_VM_CREATE, (uint64_t)space, ram_base, sys_ptr(name), wall, 0);
}

static inline int sys_vm_map(int vm, int range, uint64_t gpa, unsigned flags)
{
	int status;

	do {
		status = (int)sys_call5(SYS_VM_MAP, (uint64_t)vm, (uint64_t)range, gpa, flags, 0);
	} while (status == E_AGAIN);
	return status;
}

/* One step: E_AGAIN while there is more to do. */
static inline int sys_vm_take_some(int vm)
{
	return (int)sys_call3(SYS_VM_TAKE, (uint64_t)vm, 0, 0);
}

static inline int sys_vm_take(int vm)
{
	int status;

	do {
		status = sys_vm_take_some(vm);
	} while (status == E_AGAIN);
	return status;
}

static inline int sys_vm_irq(int vm, uint64_t address, uint32_t data)
{
	return (int)sys_call3(SYS_VM_IRQ, (uint64_t)vm, address, data);
}

static inline int sys_vm_irqfd(int vm, int event, unsigned bit, uint64_t address, uint32_t data)
{
	return (int)sys_call5(SYS_VM_IRQFD, (uint64_t)vm, (uint64_t)event, bit, address, data);
}

static inline int sys_vm_doorbell(int vm, const struct vm_doorbell *bell, int event, uint64_t bits)
{
	return (int)sys_call5(SYS_VM_DOORBELL, (uint64_t)vm, sys_ptr(bell), (uint64_t)event, bits,
			      0);
}

static inline int sys_vm_ctl(int vm, enum vm_op op, uint64_t a)
{
	return (int)sys_call3(SYS_VM_CTL, (uint64_t)vm, op, a);
}

static inline int sys_vcpu_create(int vm, uint32_t apic_id, uint64_t area)
{
	return (int)sys_call3(SYS_VCPU_CREATE, (uint64_t)vm, apic_id, area);
}

static inline int sys_vcpu_run(int vcpu)
{
	return (int)sys_call3(SYS_VCPU_RUN, (uint64_t)vcpu, 0, 0);
}

static inline int sys_vcpu_kick(int vcpu)
{
	return (int)sys_call3(SYS_VCPU_KICK, (uint64_t)vcpu, 0, 0);
}

static inline int sys_vcpu_ctl(int vcpu, enum vcpu_op op, uint64_t a, uint64_t b, uint64_t *second)
{
	struct sys_result r = sys_call6(SYS_VCPU_CTL, (uint64_t)vcpu, op, a, b, 0, 0);

	if (second)
		*second = r.second;
	return (int)r.value;
}

static inline int sys_box_info(struct box_info *info)
{
	return (int)sys_call3(SYS_BOX_INFO, sys_ptr(info), 0, 0);
}

static inline int sys_box_ctl(int box, enum box_op op, uint64_t a)
{
	return (int)sys_call3(SYS_BOX_CTL, (uint64_t)box, op, a);
}

static inline int sys_box_exclusive(int box, unsigned cpu, int space)
{
	return (int)sys_call5(SYS_BOX_CTL, (uint64_t)box, BOX_EXCLUSIVE, cpu, (uint64_t)space, 0);
}

static inline int sys_box_cpu_stats(int box, unsigned cpu, struct cpu_stats *stats)
{
	return (int)sys_call5(SYS_BOX_CTL, (uint64_t)box, BOX_CPU_STATS, cpu, sys_ptr(stats), 0);
}

static inline int sys_log_watch(int box, int event, uint64_t bits)
{
	return (int)sys_call5(SYS_BOX_CTL, (uint64_t)box, BOX_LOG_WATCH, (uint64_t)event, bits, 0);
}

static inline uint64_t sys_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}
