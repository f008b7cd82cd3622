/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one VM consists of: the space of its monitor, the monitor's private memory, the files lent to
 * it, its RAM; and the way back. Decides nothing about when.
 */
#include "manager/manager.h"

#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"

#define MONITOR_HANDLE_RIGHTS (RIGHT_READ | RIGHT_WRITE | RIGHT_CONTROL)
#define HOLE_START 0xc0000000ULL /* guests have no RAM from here to 4 GiB */
#define HOLE_END   0x100000000ULL

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

static int check_file(struct manager *m, const char *path, char *why, size_t why_bytes)
{
	int index = module_find(m, path);

	if (index >= 0)
		return module_check(m, index, why, why_bytes);
	format(why, why_bytes, "file '%s' is not on the box", path);
	return E_HANDLE;
}

int guest_check_files(struct manager *m, struct guest *g, char *why, size_t why_bytes)
{
	const struct config_vm *c = g->config;
	int status = check_file(m, c->kernel.path, why, why_bytes);

	if (status == 0 && c->initrd.path[0])
		status = check_file(m, c->initrd.path, why, why_bytes);
	for (uint32_t i = 0; i < c->modules && status == 0; i++)
		status = check_file(m, c->module[i].file.path, why, why_bytes);
	return status;
}

/* Lends a file that has been checked to the monitor, read only. */
static int lend_file(struct manager *m, struct guest *g, struct monitor_boot *boot,
		     const char *path, const char *args, enum monitor_file_kind kind, char *why,
		     size_t why_bytes)
{
	int index = module_find(m, path), status;
	struct monitor_file *f = &boot->file[boot->files];
	const struct manager_boot_module *mod;

	if (index < 0)
		return E_HANDLE;
	if (boot->files == MONITOR_FILES_MAX) {
		format(why, why_bytes, "file '%s' is one too many", path);
		return E_NOMEM;
	}
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

/*
 * Kernel memory for a monitor: page tables for its VM twice (nested and its own), objects, and what it
 * takes to split every large nested page (the kernel does on processors with the iTLB-multihit fault).
 */
static uint64_t quota_pages(const struct config_vm *c)
{
	return 256 + 64ULL * c->cpus + 4 * (c->memory >> 21) / 512 + 2 * (c->memory >> 30) +
	       (c->memory >> 21);
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
static int make_space(struct manager *m, struct guest *g, struct monitor_handles *h, char *why,
		      size_t why_bytes)
{
	uint64_t pages = quota_pages(g->config);
	char name[16] = { 0 };

	text_copy(name, sizeof(name), g->config->name);
	g->space = sys_space_create(name, pages);
	if (g->space == E_NOMEM)
		format(why, why_bytes, "the kernel has to reserve %llu KiB of its own memory for it, and has not that much left",
		       (unsigned long long)pages * 4);
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

/* Processors of its own, until its space is gone. */
static int reserve_processors(struct guest *g, char *why, size_t why_bytes)
{
	int status = 0;

	for (uint32_t i = 0; i < g->config->cpus && g->config->exclusive && status == 0; i++) {
		status = sys_box_exclusive(HANDLE_BOX, g->place->cpu[i], g->space);
		if (status != 0)
			format(why, why_bytes, "processor %u cannot be exclusive: status %d",
			       g->place->cpu[i], status);
	}
	return status;
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

static void fill_boot(const struct manager *m, const struct guest *g, struct monitor_boot *boot)
{
	memset(boot, 0, sizeof(*boot));
	boot->magic = MONITOR_BOOT_MAGIC;
	text_copy(boot->name, sizeof(boot->name), g->config->name);
	text_copy(boot->cmdline, sizeof(boot->cmdline), g->config->cmdline);
	boot->memory = g->config->memory;
	boot->cpus = g->config->cpus;
	boot->flags = m->monitor_flags | (g->config->testdev ? MONITOR_TESTDEV : 0);
	boot->host_cpus = m->box.cpus;
	boot->life = g->life.restarts;
	memcpy(boot->cpu, g->place->cpu, sizeof(g->place->cpu));
	boot->manager_bits = BIT_GUEST(g->index);
	boot->backoff_ms = m->backoff_ms;
	boot->shuffle_ms = g->config->pinned || g->config->exclusive ? 0 : m->shuffle_ms;
	boot->wall = m->wall;
	boot->wall_tsc = m->wall_tsc;
}

int guest_build(struct manager *m, struct guest *g, char *why, size_t why_bytes)
{
	static struct monitor_boot boot; /* too large for the stack */
	int status;

	fill_boot(m, g, &boot);
	status = make_space(m, g, &boot.handle, why, why_bytes);
	if (status == 0)
		status = reserve_processors(g, why, why_bytes);
	if (status == 0)
		status = lend_files(m, g, &boot, why, why_bytes);
	if (status == 0)
		status = make_private(m, g, &boot);
	return status;
}

int guest_start_thread(struct manager *m, struct guest *g)
{
	int thread = sys_thread_create(g->space, m->monitor.entry, USER_STACK_TOP, USER_BOOT_PAGE,
				       g->place->io, MONITOR_PRIORITY_IO);
	int status = thread < 0 ? thread : sys_thread_ctl(thread, THREAD_START, 0);

	if (thread > 0)
		sys_close(thread);
	return status;
}

/* ---------------------------------------------------------------- RAM */

/* How much lies below guest-physical address `at`. */
static uint64_t ram_before(uint64_t at)
{
	return at < HOLE_END ? at : at - (HOLE_END - HOLE_START);
}

/* The next piece, largest pages first. */
static int pick_piece(struct manager *m, struct guest *g)
{
	uint64_t bytes = g->config->memory - ram_before(g->given);
	int range;

	if (g->given < HOLE_START && g->given + bytes > HOLE_START)
		bytes = HOLE_START - g->given;
	range = memory_take_guest(&m->memory, g->given, &bytes);
	g->piece = range > 0 ? range : 0;
	g->piece_bytes = bytes;
	return range > 0 ? 0 : range;
}

/* Nobody else may have it: what the kernel promises is checked here once more, always. */
static int record_piece(struct manager *m, struct guest *g)
{
	uint64_t base, size;
	unsigned other = 0;
	int status;

	if (!memory_extent(g->piece, &base, &size) || size != g->piece_bytes)
		return E_RANGE;
	status = ledger_give(&m->ledger, g->index, base, size, &other);
	if (status == E_EXIST)
		manager_give_up(m, "memory at 0x%llx belongs to vm %s and was about to be given to vm %s",
				(unsigned long long)base, m->guest[other].config->name, g->config->name);
	return status;
}

static int move_piece(struct manager *m, struct guest *g)
{
	uint64_t base = 0, size = 0;
	int status = record_piece(m, g);

	if (status != 0)
		return status;
	memory_extent(g->piece, &base, &size);
	status = sys_vm_map(g->vm, g->piece, g->given, 0);
	if (status != 0) {
		(void)ledger_return(&m->ledger, g->index, base, size);
		return status;
	}
	g->piece = 0;
	g->given += size;
	if (g->given == HOLE_START)
		g->given = HOLE_END;
	return 0;
}

uint64_t guest_memory_left(const struct guest *g)
{
	return g->life.state == LIFE_STARTING ? g->config->memory - ram_before(g->given) - (g->piece ? g->piece_bytes : 0) : 0;
}

int guest_give_memory(struct manager *m, struct guest *g, char *why, size_t why_bytes)
{
	int status = g->piece ? 0 : pick_piece(m, g);

	if (status == 0)
		status = sys_range_scrub_some(g->piece);
	if (status == E_AGAIN)
		return status;
	if (status == 0)
		status = move_piece(m, g);
	if (status == E_NOMEM)
		format(why, why_bytes, "memory = %lluM, but there was only %lluM for it on this box",
		       (unsigned long long)(g->config->memory >> 20),
		       (unsigned long long)(ram_before(g->given) >> 20));
	else if (status != 0)
		format(why, why_bytes, "no memory at guest address 0x%llx: status %d",
		       (unsigned long long)g->given, status);
	if (status != 0)
		return status == E_AGAIN ? E_NOMEM : status;
	return ram_before(g->given) < g->config->memory ? E_AGAIN : 0;
}

int guest_take_memory(struct manager *m, struct guest *g)
{
	uint64_t base, size;
	int range;

	if (g->piece) {
		memory_add(&m->memory, g->piece);
		g->piece = 0;
	}
	if (g->vm <= 0)
		return 0;
	range = sys_vm_take_some(g->vm);
	if (range == E_AGAIN || range == E_BUSY)
		return range; /* E_BUSY: a vCPU is still on its way out */
	if (range > 0) {
		if (!memory_extent(range, &base, &size) ||
		    ledger_return(&m->ledger, g->index, base, size) != 0)
			manager_give_up(m, "vm %s gave back memory that it had never got", g->config->name);
		memory_add(&m->memory, range);
		return E_AGAIN;
	}
	if (range != E_RANGE)
		manager_say("vm %s: its memory is lost: status %d", g->config->name, range);
	else if (ledger_bytes(&m->ledger, g->index) != 0)
		manager_give_up(m, "vm %s did not give back all of its memory", g->config->name);
	return 0;
}

void guest_take_rest(struct manager *m, struct guest *g)
{
	if (g->vm > 0)
		sys_close(g->vm);
	if (g->space > 0)
		sys_close(g->space);
	if (g->event > 0)
		sys_close(g->event);
	if (g->shared)
		sys_range_unmap(HANDLE_SELF_SPACE, MANAGER_SHARED + g->index * MANAGER_SHARED_STRIDE,
				MONITOR_SHARED_PAGES * 4096);
	g->vm = g->space = g->event = 0;
	g->shared = NULL;
	g->in.page = g->out.page = NULL;
	g->promised = false;
	if (g->private > 0 && sys_range_scrub(g->private) != 0)
		manager_say("vm %s: its monitor's memory is still in use", g->config->name);
	if (g->private > 0)
		memory_add(&m->memory, g->private);
	g->private = 0;
}
