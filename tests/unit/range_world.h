/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A made-up box for the tests of ranges, handles and spaces: a pool, one range of RAM, the rest of the kernel as
 * stand-ins, and system calls made as syscall_do makes them. Included once.
 */
#pragma once

#include "arch/cpu.h"
#include "kernel/abi/layout.h"
#include "kernel/box.h"
#include "kernel/event.h"
#include "kernel/isolation.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/pool.h"
#include "kernel/pool_impl.h"
#include "kernel/range.h"
#include "kernel/space.h"
#include "kernel/sys.h"
#include "kernel/thread_impl.h"
#include "kernel/tlb.h"
#include "lib/x86/pte.h"
#include "tests/unit/page_lookup.h"
#include "tests/unit/unit.h"
#include <asm/prctl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { POOL_BYTES = 4 << 20, RAM_BYTES = 1 << 20 };
#define POOL_BASE 0x10000000ULL
#define RAM_BASE  0x20000000ULL

static void *pool_memory;
static unsigned char *ram; /* what the windows show */
static struct space *space;
static struct thread thread;
static struct percpu processor = { .self = &processor };
static unsigned flushes;
static bool interrupted; /* a thread that is to die in the middle */

/* ---- the rest of the kernel */

struct box box = { .tsc_hz = 1ULL << 50 };
uint32_t cpu_features = CPU_NX | CPU_PAT | CPU_PAGE_1G;
static uint64_t kernel_pml4[512];

void panic(const char *fmt, ...)
{
	printf("FAIL %s: panic: %s\n", unit_case, fmt);
	exit(1);
}

void fatal(const char *fmt, ...)
{
	panic("%s", fmt);
}
void log_line(const char *subsystem, const char *fmt, ...)
{
	(void)subsystem, (void)fmt;
}
struct thread *thread_self(void)
{
	return &thread;
}
bool thread_dying(void)
{
	return interrupted;
}
void sched_yield_point(void) {}
int isolation_space_create(struct space *s)
{
	(void)s;
	return 0;
}
void isolation_space_sync(struct space *s)
{
	(void)s;
}
void isolation_switch(struct percpu *cpu, const struct space *s)
{
	(void)cpu, (void)s;
}
unsigned cpu_count = 1;
void cpu_release_all(const struct space *s)
{
	(void)s;
}
void sched_kill(struct thread *t)
{
	(void)t;
}
void tlb_flush(struct space *s)
{
	(void)s, flushes++;
}
const uint64_t *memory_kernel_pml4(void)
{
	return kernel_pml4;
}
uint64_t memory_kernel_cr3(void)
{
	return 0;
}
void event_signal(struct event *e, uint64_t bits)
{
	(void)e, (void)bits;
}
void event_put(struct event *e)
{
	(void)e;
}
void thread_destroy(struct object *o)
{
	(void)o;
}
void event_destroy(struct object *o)
{
	(void)o;
}
void port_destroy(struct object *o)
{
	(void)o;
}
void vm_destroy(struct object *o)
{
	(void)o;
}
void vcpu_destroy(struct object *o)
{
	(void)o;
}

void memory_window_close(void) { }
void *memory_window(uint64_t base, size_t bytes)
{
	if (base < RAM_BASE || base + bytes > RAM_BASE + RAM_BYTES)
		panic("a window on memory that is not the range's");
	return ram + (base - RAM_BASE);
}

int user_copy_out(uint64_t to, const void *from, size_t bytes)
{
	memcpy((void *)to, from, bytes);
	return 0;
}

/* ---- helpers */

/* What the system-call table asks for, by handler's name. */
#define NEED(number, handler, type, rights) handler##_type = type, handler##_rights = rights,
enum { SYSTEM_CALLS(NEED) };

/* As syscall_do. */
static int64_t enter(int64_t (*handler)(struct sys_frame *, struct object *), enum object_type type,
		     uint32_t rights, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	struct sys_frame frame = { .arg = { a, b, c, d, e, f } };
	struct object *o = NULL;
	int64_t r = type == OBJ_NONE ? 0 : handle_get(space, a, type, rights, &o);

	if (r < 0)
		return r;
	r = handler(&frame, o);
	if (o)
		object_put(o);
	return r;
}
#define call(handler, ...) enter(handler, (enum object_type)handler##_type, handler##_rights, __VA_ARGS__)

static uint64_t fresh(void)
{
	pool_init(pool_memory, hpa(POOL_BASE), POOL_BYTES);
	interrupted = false;
	if (space_create(NULL, "test", 512, &space) < 0)
		panic("no space");
	thread.space = space;
	object_get(&space->object);
	if (handle_add(space, &space->object, RIGHT_ALL) != HANDLE_SELF_SPACE)
		panic("not the first handle");
	return (uint64_t)range_create(space, hpa(RAM_BASE), RAM_BYTES, RANGE_RAM, 0, RIGHT_ALL);
}

static struct range_info info(uint64_t handle)
{
	struct range_info i = { 0 };

	(void)call(sys_range_info, handle, (uint64_t)&i, 0, 0, 0, 0);
	return i;
}

static int64_t map(uint64_t r, uint64_t va, uint64_t offset, uint64_t bytes, uint32_t prot)
{
	return call(sys_range_map, HANDLE_SELF_SPACE, r, va, offset, bytes, prot);
}

static int64_t unmap(uint64_t va, uint64_t bytes)
{
	return call(sys_range_unmap, HANDLE_SELF_SPACE, va, bytes, 0, 0, 0);
}
static int64_t split(uint64_t r, uint64_t at)
{
	return call(sys_range_split, r, at, 0, 0, 0, 0);
}
static int64_t merge(uint64_t low, uint64_t high)
{
	return call(sys_range_merge, low, high, 0, 0, 0, 0);
}

#define VA 0x200000000ULL
#define RW (PROT_READ | PROT_WRITE)
