/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of one VM: space, memory and handles of its monitor, start, end, and giving everything
 * back. What a monitor writes is copied once and believed as little as possible.
 */
#include "manager/manager.h"

#include <stdarg.h>
#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"

#define MONITOR_HANDLE_RIGHTS (RIGHT_READ | RIGHT_WRITE | RIGHT_CONTROL)

/* The parts of a monitor's private memory, one range, in this order. */
struct private_layout {
	uint64_t stacks, boot, shared, bytes; /* offsets; the program's pages come first */
};

static struct private_layout private_layout(const struct manager *m, const struct config_vm *c)
{
	struct private_layout l;

	l.stacks = m->monitor.private_bytes;
	l.boot = l.stacks + (c->cpus + 1) * MONITOR_STACK_BYTES;
	l.shared = l.boot + MONITOR_BOOT_PAGES * 4096;
	l.bytes = l.shared + MONITOR_SHARED_PAGES * 4096;
	return l;
}

void guest_stop(struct guest *g, bool ok, const char *why, ...)
{
	va_list args;

	if (g->state == GUEST_STOPPED || g->state == GUEST_DYING)
		return;
	va_start(args, why);
	format_v(g->reason, sizeof(g->reason), why, args);
	va_end(args);
	g->ok = ok;
	if (g->vm > 0)
		sys_vm_ctl(g->vm, VM_KILL, 0);
	if (g->space > 0 && g->state == GUEST_RUNNING) {
		g->state = GUEST_DYING;
		sys_space_ctl(g->space, SPACE_KILL, 0, 0);
		return;
	}
	g->state = GUEST_STOPPED;
	manager_say("vm %s: stopped: %s", g->config->name, g->reason);
}

/* Copies the program's data and the boot page into the private memory, seen at MANAGER_WINDOW. */
static void fill_private(const struct manager *m, const uint8_t *file,
			 const struct private_layout *l, const struct monitor_boot *boot)
{
	uint8_t *window = (uint8_t *)(uintptr_t)MANAGER_WINDOW;
	uint64_t at = 0;

	for (unsigned i = 0; i < m->monitor.segments; i++) {
		const struct program_segment *s = &m->monitor.segment[i];

		if (s->shared)
			continue;
		memcpy(window + at + s->lead, file + s->file_offset, s->file_bytes);
		at += s->bytes;
	}
	memcpy(window + l->boot, boot, sizeof(*boot));
}

static int map_private(struct manager *m, struct guest *g, const struct private_layout *l)
{
	uint64_t at = 0;
	int status = 0, module = (int)m->boot->module[m->monitor_module].handle;

	for (unsigned i = 0; i < m->monitor.segments && status == 0; i++) {
		const struct program_segment *s = &m->monitor.segment[i];

		status = sys_range_map(g->space, s->shared ? module : g->private, s->va,
				       s->shared ? s->file_offset : at, s->bytes, s->prot);
		at += s->shared ? 0 : s->bytes;
	}
	for (unsigned i = 0; i <= g->config->cpus && status == 0; i++)
		status = sys_range_map(g->space, g->private,
				       USER_STACK_TOP - i * MONITOR_STACK_STRIDE - MONITOR_STACK_BYTES,
				       l->stacks + i * MONITOR_STACK_BYTES, MONITOR_STACK_BYTES,
				       PROT_READ | PROT_WRITE);
	if (status == 0)
		status = sys_range_map(g->space, g->private, USER_BOOT_PAGE, l->boot,
				       MONITOR_BOOT_PAGES * 4096, PROT_READ);
	if (status == 0)
		status = sys_range_map(g->space, g->private, MONITOR_SHARED, l->shared,
				       MONITOR_SHARED_PAGES * 4096, PROT_READ | PROT_WRITE);
	return status;
}

/* Checks a file that the guest needs and lends it to the monitor, read only. */
static int lend_file(struct manager *m, struct guest *g, struct monitor_boot *boot,
		     const char *path, const char *args, enum monitor_file_kind kind, char *why,
		     size_t why_bytes)
{
	int index = module_find(m, path), status;
	struct monitor_file *f = &boot->file[boot->files];
	const struct manager_boot_module *mod;

	if (index < 0) {
		format(why, why_bytes, "file '%s' is not on the box", path);
		return E_HANDLE;
	}
	if (boot->files == MONITOR_FILES_MAX) {
		format(why, why_bytes, "file '%s' is one too many", path);
		return E_NOMEM;
	}
	if (!module_open(m, index, why, why_bytes))
		return E_INVAL;
	mod = &m->boot->module[index];
	f->va = USER_MODULES + boot->files * MANAGER_MODULE_STRIDE;
	f->bytes = mod->bytes;
	f->kind = kind;
	text_copy(f->name, sizeof(f->name), path);
	text_copy(f->args, sizeof(f->args), args);
	status = sys_range_map(g->space, (int)mod->handle, f->va, 0, (mod->bytes + 4095) & ~4095ULL,
			       PROT_READ);
	if (status != 0)
		format(why, why_bytes, "file '%s' cannot be lent: status %d", path, status);
	boot->files++;
	return status;
}

static int lend_files(struct manager *m, struct guest *g, struct monitor_boot *boot, char *why,
		      size_t why_bytes)
{
	const struct config_vm *c = g->config;
	int status;

	status = lend_file(m, g, boot, c->kernel.path, "", MONITOR_FILE_KERNEL, why, why_bytes);
	if (status == 0 && c->initrd.path[0])
		status = lend_file(m, g, boot, c->initrd.path, "", MONITOR_FILE_INITRD, why, why_bytes);
	for (uint32_t i = 0; i < c->modules && status == 0; i++)
		status = lend_file(m, g, boot, c->module[i].file.path, c->module[i].args,
				   MONITOR_FILE_MODULE, why, why_bytes);
	return status;
}

/* Moves RAM into the VM, largest aligned pieces first; zeroed before. */
static int give_memory(struct manager *m, struct guest *g, char *why, size_t why_bytes)
{
	uint64_t left = g->config->memory, at = 0, free = memory_free(&m->memory);

	if (left > free) {
		format(why, why_bytes, "memory = %lluM, but only %lluM are free on this box",
		       (unsigned long long)(left >> 20), (unsigned long long)(free >> 20));
		return E_NOMEM;
	}
	while (left > 0) {
		uint64_t bytes = left;
		int range, status;

		if (at < 0xc0000000ULL && at + bytes > 0xc0000000ULL)
			bytes = 0xc0000000ULL - at;
		range = memory_take_guest(&m->memory, at, &bytes);
		status = range < 0 ? range : sys_range_scrub(range);
		if (status == 0)
			status = sys_vm_map(g->vm, range, at, 0);
		if (status != 0) {
			format(why, why_bytes, "no memory at guest address 0x%llx: status %d",
			       (unsigned long long)at, status);
			if (range > 0)
				memory_add(&m->memory, range);
			return status;
		}
		left -= bytes;
		at += bytes;
		if (at == 0xc0000000ULL)
			at = 0x100000000ULL;
	}
	return 0;
}

/* Kernel memory for a monitor: page tables for its VM twice (nested and its own), and objects. */
static uint64_t quota_pages(const struct config_vm *c)
{
	return 256 + 64ULL * c->cpus + 4 * (c->memory >> 21) / 512 + 2 * (c->memory >> 30);
}

/* Nanoseconds since 1970, 0 when the box has no clock. */
static uint64_t wall_now(const struct manager *m)
{
	uint64_t ticks = sys_tsc() - m->wall_tsc, hz = m->box.tsc_hz;

	if (m->wall == 0)
		return 0;
	return (m->wall + ticks / hz) * 1000000000U + ticks % hz * 1000000000U / hz;
}

/* The space, the VM in it, and the handles that it gets. */
static int make_space(struct manager *m, struct guest *g, struct monitor_handles *h)
{
	char name[16] = { 0 };

	text_copy(name, sizeof(name), g->config->name);
	g->space = sys_space_create(name, quota_pages(g->config));
	if (g->space < 0)
		return g->space;
	g->event = sys_event_create();
	if (g->event < 0)
		return g->event;
	g->vm = sys_vm_create(g->space, USER_GUEST_RAM, name, wall_now(m));
	if (g->vm < 0)
		return g->vm;
	h->space = sys_grant(g->space, g->space, MONITOR_HANDLE_RIGHTS);
	h->vm = sys_grant(g->space, g->vm, MONITOR_HANDLE_RIGHTS);
	h->event = sys_grant(g->space, g->event, MONITOR_HANDLE_RIGHTS);
	h->manager_event = sys_grant(g->space, m->event, RIGHT_WRITE);
	if (h->space < 0 || h->vm < 0 || h->event < 0 || h->manager_event < 0)
		return E_NOMEM;
	return sys_space_ctl(g->space, SPACE_WATCH, (uint64_t)m->event, BIT_DEATH(g->index));
}

static int make_private(struct manager *m, struct guest *g, const struct monitor_boot *boot)
{
	struct private_layout l = private_layout(m, g->config);
	uint64_t module = MANAGER_MODULES + (unsigned)m->monitor_module * MANAGER_MODULE_STRIDE;
	uint64_t shared = MANAGER_SHARED + g->index * MANAGER_SHARED_STRIDE;
	int status;

	g->private = memory_take_small(&m->memory, l.bytes);
	if (g->private < 0)
		return g->private;
	status = sys_range_scrub(g->private);
	if (status == 0)
		status = sys_range_map(HANDLE_SELF_SPACE, g->private, MANAGER_WINDOW, 0, l.bytes,
				       PROT_READ | PROT_WRITE);
	if (status != 0)
		return status;
	fill_private(m, (const uint8_t *)(uintptr_t)module, &l, boot);
	sys_range_unmap(HANDLE_SELF_SPACE, MANAGER_WINDOW, l.bytes);
	status = sys_range_map(HANDLE_SELF_SPACE, g->private, shared, l.shared,
			       MONITOR_SHARED_PAGES * 4096, PROT_READ | PROT_WRITE);
	if (status != 0)
		return status;
	g->shared = (struct monitor_shared *)(uintptr_t)shared;
	g->in = (struct ring_end){ .page = (struct ring_page *)(uintptr_t)(shared + 4096) };
	g->out = (struct ring_end){ .page = (struct ring_page *)(uintptr_t)(shared + 8192) };
	return map_private(m, g, &l);
}

static int start_thread(struct manager *m, struct guest *g)
{
	int thread = sys_thread_create(g->space, m->monitor.entry, USER_STACK_TOP, USER_BOOT_PAGE, 0,
				       MONITOR_PRIORITY_IO);
	int status = thread < 0 ? thread : sys_thread_ctl(thread, THREAD_START, 0);

	if (thread > 0)
		sys_close(thread);
	return status;
}

/* Everything up to the monitor's first instruction; `why` is set when it fails. */
static int bring_up(struct manager *m, struct guest *g, char *why, size_t why_bytes)
{
	static struct monitor_boot boot; /* too large for the stack */
	int status;

	memset(&boot, 0, sizeof(boot));
	boot.magic = MONITOR_BOOT_MAGIC;
	text_copy(boot.name, sizeof(boot.name), g->config->name);
	text_copy(boot.cmdline, sizeof(boot.cmdline), g->config->cmdline);
	boot.memory = g->config->memory;
	boot.cpus = g->config->cpus;
	boot.flags = m->monitor_flags |
		     (g->config->on_crash == CRASH_RESTART ? MONITOR_CRASH_RESTART : 0) |
		     (g->config->testdev ? MONITOR_TESTDEV : 0);
	boot.host_cpus = m->box.cpus;
	boot.first_cpu = (g->index + 1) % m->box.cpus;
	boot.manager_bits = BIT_GUEST(g->index);
	boot.shuffle_ms = m->shuffle_ms;
	boot.wall = m->wall;
	boot.wall_tsc = m->wall_tsc;
	status = make_space(m, g, &boot.handle);
	if (status == 0)
		status = lend_files(m, g, &boot, why, why_bytes);
	if (status == 0)
		status = make_private(m, g, &boot);
	if (status == 0)
		status = give_memory(m, g, why, why_bytes);
	return status == 0 ? start_thread(m, g) : status;
}

/* Back to the box: RAM, scrubbed by the kernel, and every handle but the private memory's. */
static void take_back(struct manager *m, struct guest *g)
{
	int range = 0;

	if (g->vm > 0) {
		sys_vm_ctl(g->vm, VM_KILL, 0);
		while ((range = sys_vm_take(g->vm)) > 0)
			memory_add(&m->memory, range);
		sys_close(g->vm);
	}
	if (range != E_RANGE && range != 0)
		manager_say("vm %s: its memory is lost: status %d", g->config->name, range);
	if (g->space > 0)
		sys_close(g->space);
	if (g->event > 0)
		sys_close(g->event);
	g->vm = g->space = g->event = 0;
}

/* The box is about to go off, with everything that its memory held. */
static bool nobody_else_runs(const struct manager *m, const struct guest *g)
{
	for (unsigned i = 0; i < m->guests; i++)
		if (&m->guest[i] != g && m->guest[i].state != GUEST_STOPPED)
			return false;
	return true;
}

void guest_died(struct manager *m, struct guest *g)
{
	struct space_info info = { 0 };

	if (g->state == GUEST_RUNNING) {
		sys_space_ctl(g->space, SPACE_INFO, sys_ptr(&info), 0);
		if (info.reason == REASON_FAULT)
			format(g->reason, sizeof(g->reason),
			       "its monitor crashed: exception %u at 0x%llx, address 0x%llx", info.vector,
			       (unsigned long long)info.rip, (unsigned long long)info.cr2);
		else
			format(g->reason, sizeof(g->reason), "its monitor has ended");
		g->ok = false;
	}
	if (g->state == GUEST_STOPPED)
		return;
	g->state = GUEST_STOPPED;
	if (m->scrub_last || !nobody_else_runs(m, g))
		take_back(m, g);
	manager_say("vm %s: stopped: %s", g->config->name, g->reason);
}

void guest_collect(struct manager *m, struct guest *g)
{
	if (g->state != GUEST_STOPPED || g->private <= 0)
		return;
	if (g->shared)
		sys_range_unmap(HANDLE_SELF_SPACE, MANAGER_SHARED + g->index * MANAGER_SHARED_STRIDE,
				MONITOR_SHARED_PAGES * 4096);
	g->shared = NULL;
	g->in.page = g->out.page = NULL;
	g->promised = false;
	memory_add(&m->memory, g->private);
	g->private = 0;
}

void guest_check(struct manager *m, struct guest *g)
{
	char why[MONITOR_REASON_MAX];
	uint32_t state;

	if (g->state != GUEST_RUNNING)
		return;
	state = __atomic_load_n(&g->shared->state, __ATOMIC_ACQUIRE);
	if (m->limit && sys_tsc() - g->started > m->limit * m->box.tsc_hz) {
		guest_stop(g, false, "time limit of %llu s", (unsigned long long)m->limit);
		return;
	}
	if (state < MONITOR_POWERED_OFF)
		return;
	for (unsigned i = 0; i < sizeof(why); i++) {
		char c = ((volatile char *)g->shared->reason)[i];

		why[i] = c == '\0' || (c >= ' ' && c <= '~') ? c : '?';
	}
	why[sizeof(why) - 1] = '\0';
	guest_stop(g, state == MONITOR_POWERED_OFF, "%s", why);
}

void guest_start(struct manager *m, struct guest *g)
{
	char why[MONITOR_REASON_MAX] = "";
	int status;

	g->state = GUEST_IDLE;
	g->started = sys_tsc();
	status = bring_up(m, g, why, sizeof(why));
	if (status == 0) {
		g->state = GUEST_RUNNING;
		return;
	}
	if (why[0])
		guest_stop(g, false, "%s", why);
	else
		guest_stop(g, false, "the box cannot give it what it needs: status %d", status);
	take_back(m, g);
}
