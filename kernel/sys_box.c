/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls on the box as a whole: log, ports, information, power. */

#include "arch/cpu.h"
#include "kernel/box.h"
#include "kernel/event.h"
#include "kernel/log.h"
#include "kernel/log_impl.h"
#include "kernel/percpu.h"
#include "kernel/pool.h"
#include "kernel/pool_impl.h"
#include "kernel/space.h"
#include "kernel/sys.h"
#include "kernel/thread_impl.h"
#include "kernel/user.h"
#include "lib/list.h"
#include "lib/string.h"
#include "lib/text.h"
#include <stddef.h>

struct port {
	struct object object;
	uint32_t first, count; /* (c) */
	struct space *payer; /* (c) holds a reference */
};

/* (text, bytes) */
int64_t sys_log(struct sys_frame *f, struct object *o)
{
	char text[LOG_LINE_MAX - 40];
	size_t n = f->arg[1] < sizeof(text) ? f->arg[1] : sizeof(text) - 1;
	int r = user_copy_in(text, f->arg[0], n);

	(void)o;
	if (r < 0)
		return r;
	while (n > 0 && text[n - 1] == '\n')
		n--;
	for (size_t i = 0; i < n; i++)
		if ((text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
			text[i] = '?'; /* nobody draws on somebody else's terminal */
	if (space_may_log(thread_self()->space, 1))
		log_line(thread_self()->space->name, "%.*s", (int)n, text);
	return 0;
}

/* (box, buf, bytes, cursor); the caller serves the port from the first call on. */
int64_t sys_log_read(struct sys_frame *f, struct object *o)
{
	char chunk[512];
	uint64_t cursor = f->arg[3], done = 0;

	(void)o;
	log_release_port();
	while (done < f->arg[2]) {
		size_t want = f->arg[2] - done < sizeof(chunk) ? f->arg[2] - done : sizeof(chunk);
		size_t n = log_read(&cursor, chunk, want);

		if (n == 0)
			break;
		if (user_copy_out(f->arg[1] + done, chunk, n) < 0)
			return E_FAULT;
		done += n;
	}
	f->second = cursor;
	return (int64_t)done;
}

/* ---- ports */

void port_destroy(struct object *o)
{
	struct port *p = list_entry(o, struct port, object);
	struct space *payer = p->payer;

	pool_free(payer, p, sizeof(*p));
	object_put(&payer->object);
}

/* (box, first, count) */
int64_t sys_port_grant(struct sys_frame *f, struct object *o)
{
	struct space *s = thread_self()->space;
	struct port *p;

	(void)o;
	if (f->arg[1] > 0xffff || f->arg[2] == 0 || f->arg[2] > 0x10000 - f->arg[1])
		return E_RANGE;
	p = pool_alloc(s, sizeof(*p));
	if (!p)
		return E_NOMEM;
	object_init(&p->object, OBJ_PORT);
	p->first = (uint32_t)f->arg[1];
	p->count = (uint32_t)f->arg[2];
	p->payer = s;
	object_get(&s->object);
	return handle_give(s, &p->object);
}

static uint64_t do_port_io(uint16_t port, uint64_t op, uint32_t value)
{
	switch (op) {
	case 1:
		return inb(port);
	case 2:
		return inw(port);
	case 4:
		return inl(port);
	case PORT_WRITE | 1:
		outb(port, (uint8_t)value);
		break;
	case PORT_WRITE | 2:
		outw(port, (uint16_t)value);
		break;
	default:
		outl(port, value);
	}
	return 0;
}

/* (port handle, port, bytes | PORT_WRITE, value) */
int64_t sys_port_io(struct sys_frame *f, struct object *o)
{
	uint64_t port = f->arg[1], bytes = f->arg[2] & ~(uint64_t)PORT_WRITE;
	const struct port *p;
	int64_t r = handle_get(thread_self()->space, f->arg[0], OBJ_PORT,
			       f->arg[2] & PORT_WRITE ? RIGHT_WRITE : RIGHT_READ, &o);

	if (r < 0)
		return r;
	p = list_entry(o, struct port, object);
	if (bytes != 1 && bytes != 2 && bytes != 4)
		r = E_INVAL;
	else if (port < p->first || port - p->first >= p->count ||
		 bytes > p->count - (port - p->first))
		r = E_RANGE;
	else
		f->second = do_port_io((uint16_t)port, f->arg[2], (uint32_t)f->arg[3]);
	object_put(o);
	return r;
}

/* ---- the whole box */

/* (struct box_info *) */
int64_t sys_box_info(struct sys_frame *f, struct object *o)
{
	struct box_info info = { .cpus = cpu_count,
				 .tsc_stable = box.tsc_stable,
				 .tsc_hz = box.tsc_hz,
				 .pool_bytes = pool_bytes(),
				 .pool_free = pool_free_pages() * 4096,
				 .pool_small = pool_small_bytes(),
				 .boot_tsc = log_boot_tsc(),
				 .tsc_to_ns_mul = box.ns_mul,
				 .tsc_to_ns_shift = box.ns_shift };

	(void)o;
	cpu_vendor(info.vendor);
	memcpy(info.cmdline, box.boot.cmdline, sizeof(info.cmdline));
	memcpy(info.loader, box.boot.loader, sizeof(info.loader));
	return user_copy_out(f->arg[0], &info, sizeof(info));
}

/* (cpu, space or 0) */
static int box_exclusive(uint64_t cpu, uint64_t space)
{
	struct object *o;
	int r;

	if (cpu >= cpu_count)
		return E_RANGE;
	if (space == 0) {
		cpu_release((unsigned)cpu, NULL);
		return 0;
	}
	r = handle_get(thread_self()->space, space, OBJ_SPACE, RIGHT_CONTROL, &o);
	if (r == 0) {
		r = cpu_reserve((unsigned)cpu, list_entry(o, struct space, object));
		object_put(o);
	}
	return r;
}

/* (cpu, struct cpu_stats *) */
static int box_cpu_stats(uint64_t cpu, uint64_t to)
{
	struct cpu_stats stats;
	uint32_t claims;

	if (cpu >= cpu_count)
		return E_RANGE;
	stats = cpu_table[cpu]->stats;
	claims = __atomic_load_n(&cpu_table[cpu]->claims, __ATOMIC_RELAXED);
	stats.threads = claims & ~CLAIM_EXCLUSIVE;
	stats.exclusive = claims >> 31;
	return user_copy_out(to, &stats, sizeof(stats));
}

/* (event, bits) */
static int box_log_watch(uint64_t event, uint64_t bits)
{
	struct event *e;
	int r = event_from_handle(event, RIGHT_WRITE, &e);

	if (r == 0) {
		r = log_watch(e, bits);
		event_put(e);
	}
	return r;
}

/* (box, op, a, b) */
int64_t sys_box_ctl(struct sys_frame *f, struct object *o)
{
	(void)o;
	switch (f->arg[1]) {
	case BOX_PANIC_TEST:
		panic("asked for by %s", thread_self()->space->name);
	case BOX_EXCLUSIVE:
		return box_exclusive(f->arg[2], f->arg[3]);
	case BOX_CPU_STATS:
		return box_cpu_stats(f->arg[2], f->arg[3]);
	case BOX_LOG_WATCH:
		return box_log_watch(f->arg[2], f->arg[3]);
	default:
		return E_NOSYS;
	}
}
