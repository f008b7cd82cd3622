/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes the first space: loads manager.elf, hands it every piece of free memory and every module,
 * and starts it. All of its memory but page tables and handles comes from the free pieces, not the
 * pool.
 */

#include "kernel/manager_start.h"
#include "kernel/abi/layout.h"
#include "kernel/abi/syscall.h"
#include "kernel/box.h"
#include "kernel/log.h"
#include "kernel/pool.h"
#include "kernel/pool_impl.h"
#include "kernel/range.h"
#include "kernel/space.h"
#include "kernel/thread_impl.h"
#include "lib/elf.h"
#include "lib/string.h"
#include "lib/x86/pte.h"
#include <stdbool.h>
#include <stddef.h>

enum { STACK_BYTES = 128 << 10, MANAGER_PRIORITY = 16, PIECES_MAX = 255, SEGMENTS_MAX = 16 };

struct loading {
	struct space *space;
	const struct boot_module *module;
	struct piece *piece; /* of free RAM, not yet given out */
	unsigned pieces;
};

static struct object box_object;

static uint64_t round_up(uint64_t v)
{
	return (v + PAGE_4K - 1) & ~(PAGE_4K - 1);
}

/* Physical memory for the manager itself, zeroed: from the end of a free piece. */
static hpa_t take(struct loading *l, uint64_t bytes)
{
	for (unsigned i = 0; i < l->pieces; i++) {
		uint64_t done = 0;

		if (l->piece[i].size < bytes)
			continue;
		l->piece[i].size -= bytes;
		while (scrub_memory(hpa(l->piece[i].base + l->piece[i].size), bytes, &done) ==
		       E_AGAIN)
			;
		return hpa(l->piece[i].base + l->piece[i].size);
	}
	fatal("not enough memory to start the manager");
}

static void write_memory(hpa_t to, const void *from, uint64_t bytes)
{
	for (uint64_t at = 0, n; at < bytes; at += n) {
		n = PAGE_4K - ((to.raw + at) & (PAGE_4K - 1));
		if (n > bytes - at)
			n = bytes - at;
		memcpy(memory_window(to.raw + at, n), (const char *)from + at, n);
	}
}

static void copy_memory(hpa_t to, uint64_t from, uint64_t bytes)
{
	uint8_t chunk[512];

	for (uint64_t at = 0, n; at < bytes; at += n) {
		n = bytes - at < sizeof(chunk) ? bytes - at : sizeof(chunk);
		memory_read(from + at, chunk, n);
		write_memory(hpa(to.raw + at), chunk, n);
	}
}

static void map(struct loading *l, uint64_t va, hpa_t base, uint64_t size, uint32_t prot)
{
	int r = space_map(l->space, va, base, size, prot, MAP_WB, NULL);

	if (r < 0)
		fatal("the manager's memory at 0x%lx cannot be mapped (%d)", va, r);
}

/* ---- the program */

static void load_segment(struct loading *l, const struct elf64_segment *s)
{
	uint64_t file = l->module->base + s->offset, va = s->vaddr & ~(PAGE_4K - 1);
	uint64_t lead = s->vaddr - va, size = round_up(lead + s->memsz);
	uint32_t prot = PROT_READ | (s->flags & ELF_W ? PROT_WRITE : 0U) |
			(s->flags & ELF_X ? PROT_EXEC : 0U);
	hpa_t base;

	if (s->offset > l->module->size || s->filesz > l->module->size - s->offset ||
	    s->filesz > s->memsz || s->memsz > 1ULL << 30 || s->vaddr < USER_TEXT_BASE ||
	    s->vaddr >= USER_STACK_TOP - (1ULL << 30))
		fatal("manager.elf is damaged: a segment lies outside the file or the address "
		      "space");
	/* What nobody writes is used where it lies. */
	if (!(s->flags & ELF_W) && s->memsz == s->filesz &&
	    ((file ^ s->vaddr) & (PAGE_4K - 1)) == 0) {
		map(l, va, hpa(file - lead), size, prot);
		return;
	}
	base = take(l, size);
	copy_memory(hpa(base.raw + lead), file, s->filesz);
	map(l, va, base, size, prot);
}

static uint64_t load_elf(struct loading *l)
{
	struct elf64_header h;
	struct elf64_segment s;

	if (l->module->size < sizeof(h))
		fatal("manager.elf is damaged: too short");
	memory_read(l->module->base, &h, sizeof(h));
	if (memcmp(h.ident, "\177ELF\2\1\1", 7) != 0 || h.type != 2 || h.machine != 62 ||
	    h.phentsize != sizeof(s) || h.phnum > SEGMENTS_MAX || h.phoff > l->module->size ||
	    h.phnum * sizeof(s) > l->module->size - h.phoff)
		fatal("manager.elf is not a program for this machine");
	for (unsigned i = 0; i < h.phnum; i++) {
		memory_read(l->module->base + h.phoff + i * sizeof(s), &s, sizeof(s));
		if (s.type == ELF_LOAD && s.memsz != 0)
			load_segment(l, &s);
	}
	return h.entry;
}

/* ---- what it finds in its table */

static uint32_t give(struct loading *l, uint64_t base, uint64_t size, uint32_t type, uint64_t bytes,
		     uint32_t rights)
{
	int64_t h = range_create(l->space, hpa(base), size, type, bytes, rights);

	if (h < 0)
		fatal("the kernel pool is too small for the manager's handles");
	return (uint32_t)h;
}

/* Not one that firmware claims to have in RAM that is somebody's. */
static void give_table(struct loading *l, const struct acpi_table *t, struct manager_boot_table *to)
{
	uint64_t base = t->base & ~(PAGE_4K - 1);

	for (uint32_t i = 0; i < box.boot.mem_count; i++) {
		const struct boot_mem *m = &box.boot.mem[i];

		if ((m->type == BOOT_MEM_USABLE || m->type == BOOT_MEM_LOADER) &&
		    t->base < m->base + m->size && m->base < t->base + t->bytes)
			return;
	}
	if (t->bytes == 0)
		return;
	to->handle = give(l, base, round_up(t->base + t->bytes) - base, RANGE_FIRMWARE_TABLES, 0,
			  RIGHT_READ | RIGHT_GRANT);
	to->offset = (uint32_t)(t->base - base);
	to->bytes = t->bytes;
}

static void give_modules(struct loading *l, struct manager_boot *boot)
{
	_Static_assert(sizeof(boot->module) / sizeof(boot->module[0]) == BOOTINFO_MODULE_MAX,
		       "one each");
	for (uint32_t i = 0; i < box.boot.module_count && i < BOOTINFO_MODULE_MAX; i++) {
		const struct boot_module *m = &box.boot.module[i];
		struct manager_boot_module *to = &boot->module[i];

		if (m->size == 0)
			fatal("module %s is empty", m->name);
		to->handle = give(l, m->base, round_up(m->size), RANGE_MODULE, m->size,
				  RIGHT_ALL & ~(uint32_t)RIGHT_WRITE);
		to->bytes = m->size;
		to->crc32 = m->crc32;
		to->has_crc = m->has_crc;
		memcpy(to->name, m->name, sizeof(to->name) - 1);
		boot->modules++;
	}
}

static void give_everything(struct loading *l, struct manager_boot *boot)
{
	const struct boot_framebuffer *fb = &box.boot.fb;

	object_get(&l->space->object);
	object_init(&box_object, OBJ_BOX);
	object_get(&box_object); /* never destroyed */
	verify(handle_add(l->space, &l->space->object, RIGHT_ALL) == HANDLE_SELF_SPACE);
	verify(handle_add(l->space, &box_object, RIGHT_ALL) == HANDLE_BOX);
	for (unsigned i = 0; i < l->pieces; i++)
		if (l->piece[i].size)
			(void)give(l, l->piece[i].base, l->piece[i].size, RANGE_RAM, 0, RIGHT_ALL),
				boot->ram_ranges++;
	give_modules(l, boot);
	give_table(l, &box.acpi.fadt, &boot->fadt);
	give_table(l, &box.acpi.dsdt, &boot->dsdt);
	if (fb->base) {
		uint64_t base = fb->base & ~(PAGE_4K - 1),
			 end = round_up(fb->base + (uint64_t)fb->pitch * fb->height);

		boot->framebuffer = give(l, base, end - base, RANGE_FRAMEBUFFER, 0, RIGHT_ALL);
		boot->fb_pitch = fb->pitch;
		boot->fb_width = fb->width;
		boot->fb_height = fb->height;
		boot->fb_bpp = fb->bpp;
		boot->fb_is_text = fb->is_text;
		boot->fb_offset = (uint32_t)(fb->base - base);
	}
}

static const struct boot_module *find_module(const char *name)
{
	for (uint32_t i = 0; i < box.boot.module_count; i++)
		if (!strcmp(box.boot.module[i].name, name))
			return &box.boot.module[i];
	fatal("the boot image has no %s", name);
}

void manager_start(void)
{
	uint64_t entry, boot_bytes = round_up(sizeof(struct manager_boot)), free = 0;
	struct manager_boot *boot = pool_pages(NULL, 2);
	struct loading l = { .module = find_module("manager.elf"), .piece = pool_page(NULL) };
	struct thread *t;
	hpa_t page;

	_Static_assert(sizeof(struct manager_boot) <= 4 * PAGE_4K, "order 2 below");
	if (!boot || !l.piece ||
	    space_create(NULL, "manager", pool_free_pages() - pool_free_pages() / 16, &l.space) < 0)
		fatal("not enough memory for the manager");
	l.pieces = memory_pieces(&box.boot, &box.pool, l.piece, PIECES_MAX);
	entry = load_elf(&l);
	map(&l, USER_STACK_TOP - STACK_BYTES, take(&l, STACK_BYTES), STACK_BYTES,
	    PROT_READ | PROT_WRITE);
	page = take(&l, boot_bytes);
	map(&l, USER_BOOT_PAGE, page, boot_bytes, PROT_READ);
	for (unsigned i = 0; i < l.pieces; i++)
		free += l.piece[i].size;
	give_everything(&l, boot);
	write_memory(page, boot, sizeof(*boot));
	log_line("boot",
		 "manager: entry 0x%lx, %u RAM ranges with %lu MiB, %u modules, quota %lu KiB",
		 entry, boot->ram_ranges, free >> 20, boot->modules, l.space->quota * 4);
	pool_pages_free(NULL, boot, 2);
	pool_page_free(NULL, l.piece);
	/* ABI: at a function's entry RSP + 8 is a multiple of 16. */
	if (thread_create(l.space, entry, USER_STACK_TOP - 8, USER_BOOT_PAGE, 0, MANAGER_PRIORITY,
			  &t) < 0)
		fatal("not enough memory for the manager's thread");
	__atomic_store_n(&box.running, true, __ATOMIC_RELAXED);
	(void)sched_start(t);
	object_put(&t->object);
	object_put(&l.space->object);
}
