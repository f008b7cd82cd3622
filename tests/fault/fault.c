/* SPDX-License-Identifier: GPL-2.0-only */
/* The plan of one life: which deed, at which site, and when it is over. What the deeds are: deeds.c. */
#include "tests/fault/fault.h"

#include <stdarg.h>
#include "kernel/abi/layout.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"
#include "tests/ring3/garbage.h"

enum { TAKEN = 1, FIRED };
enum { WARM_UP = 3, CALLS_BEFORE = 1500, CALLS_AFTER = 600 };

struct fault_case the_fault;

/* ---------------------------------------------------------------- what deeds use */

int64_t fault_sys(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t g)
{
	struct fault_frame f = { number, a, b, c, d, e, g };

	fault_real(&f);
	return (int64_t)f.rax;
}

void fault_say(const char *fmt, ...)
{
	char line[160];
	va_list args;

	va_start(args, fmt);
	format_v(line, sizeof(line), fmt, args);
	va_end(args);
	fault_sys(SYS_LOG, (uint64_t)(uintptr_t)line, strlen(line), 0, 0, 0, 0);
}

void fault_go_on(struct fault_frame *f, bool at_exit)
{
	if (!at_exit)
		fault_real(f);
}

uint64_t fault_random(struct fault_case *c)
{
	return garbage_next(&c->seed);
}

uint64_t fault_argument(struct fault_case *c)
{
	return garbage_argument(&c->seed, USER_BOOT_PAGE);
}

unsigned fault_thread(void)
{
	uint64_t below = USER_STACK_TOP - (uint64_t)(uintptr_t)__builtin_frame_address(0);

	return (unsigned)(below / MONITOR_STACK_STRIDE) % (MONITOR_CPUS_MAX + 1);
}

struct vcpu_area *fault_area(unsigned vcpu)
{
	return (struct vcpu_area *)(uintptr_t)(USER_VCPU_AREAS + vcpu * USER_VCPU_STRIDE);
}

/* ---------------------------------------------------------------- the plan */

static uint64_t number_option(const struct monitor_boot *b, const char *key)
{
	char text[24];
	uint64_t n;

	if (!text_option(b->cmdline, key, text, sizeof(text)) || !text_number(text, strlen(text), false, &n))
		return 0;
	return n;
}

static void site_name(const struct fault_case *c, char *to, size_t bytes)
{
	format(to, bytes, c->site < SYS_MAX ? "call %u" : "exit %u",
	       c->site < SYS_MAX ? c->site : c->site - SYS_MAX);
}

/* How often the monitor comes by a site at least, as far as that is seldom. */
static unsigned passes(unsigned site)
{
	switch (site) {
	case SYS_LOG: case SYS_BOX_INFO: case SYS_VM_DOORBELL: return 1;
	case SYS_EVENT_CREATE: case SYS_THREAD_CREATE: case SYS_THREAD_CTL: case SYS_VCPU_CREATE: return 2;
	default: return 8;
	}
}

/*
 * Case n has deed n and site n, each of its own list: the lists' lengths have no common divisor, so that every
 * pair comes in turn, and each site in any 46 cases.
 */
static void plan(struct fault_case *c)
{
	const struct monitor_boot *b = (const void *)(uintptr_t)USER_BOOT_PAGE;
	const struct fault_deed *deeds;
	static char family[16];
	char site[16];
	bool off = text_option(b->cmdline, "off", site, sizeof(site));
	unsigned n, warm_up = off ? 0 : WARM_UP;

	c->boot = b;
	if (!text_option(b->cmdline, "faults", family, sizeof(family)) || (n = fault_deeds(family, &deeds)) == 0)
		return;
	c->family = family;
	c->number = b->life - warm_up + (unsigned)number_option(b, "from");
	c->site = c->number % FAULT_SITES;
	c->seed = garbage_seed(number_option(b, "seed") << 20 | c->number);
	for (unsigned i = 0; i < 8; i++)
		(void)fault_random(c);
	if (b->life == 1 && !off) {
		c->family = "warm-up";
		c->number = 0;
		c->site = SYS_VCPU_RUN;
		c->skip = CALLS_BEFORE / 2;
		(void)fault_deeds("exhaust", &c->deed);
		return;
	}
	if (b->life < warm_up || b->life - warm_up >= number_option(b, "count")) {
		fault_say("fault: none in life %u", b->life);
		c->family = "last";
		c->site = SYS_VCPU_RUN;
		c->deed = off ? &fault_off : NULL;
		return;
	}
	c->skip = (unsigned)fault_random(c) % passes(c->site);
	site_name(c, site, sizeof(site));
	c->deed = &deeds[(c->number + (unsigned)number_option(b, "seed")) % n];
	fault_say("fault: %s %u: %s at %s", family, c->number, c->deed->name, site);
}

/* It lives on: that has been long enough. */
static void survived(const struct fault_case *c)
{
	fault_say("fault: %s %u: survived", c->family, c->number);
	fault_sys(SYS_SPACE_CTL, (uint64_t)c->boot->handle.space, SPACE_KILL, 0, 0, 0, 0);
	__builtin_trap(); /* it has lost even that handle */
}

static void fire(struct fault_case *c, struct fault_frame *f, bool at_exit, bool forced)
{
	fault_say("fault: %s %u: fired%s, thread %u", c->family, c->number, forced ? " (forced)" : "", fault_thread());
	__atomic_fetch_or(&c->done_by, 1ULL << fault_thread(), __ATOMIC_RELAXED);
	/* Not earlier: another thread that spins, being more urgent, would keep this one from saying so. */
	__atomic_store_n(&c->fired, FIRED, __ATOMIC_RELEASE);
	/* The I/O thread may be asleep: whoever shall do it as well has to be awake. */
	if (c->deed->everyone)
		fault_sys(SYS_EVENT_SIGNAL, (uint64_t)c->boot->handle.event, UINT64_MAX, 0, 0, 0, 0);
	c->deed->run(c, f, at_exit);
}

static bool take(struct fault_case *c)
{
	uint32_t waits = 0;

	return __atomic_compare_exchange_n(&c->fired, &waits, TAKEN, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void after(struct fault_case *c, struct fault_frame *f)
{
	uint64_t me = 1ULL << fault_thread();
	unsigned again = c->site < SYS_MAX && c->deed->again == SAME_CALL ? c->site : SYS_VCPU_RUN;

	if (__atomic_add_fetch(&c->after, 1, __ATOMIC_RELAXED) > CALLS_AFTER)
		survived(c);
	if (c->deed->everyone && !(__atomic_fetch_or(&c->done_by, me, __ATOMIC_RELAXED) & me)) {
		c->deed->run(c, f, false);
		return;
	}
	if (c->deed->again == ONCE || f->rax != again)
		fault_real(f);
	else
		c->deed->run(c, f, false);
}

/* An exit that never comes by itself, with arbitrary particulars. */
static void forge_exit(struct fault_case *c, struct fault_frame *f)
{
	struct vcpu_area *a = fault_area(fault_thread() - 1);

	f->rax = a->exit = c->site - SYS_MAX;
	for (unsigned i = 0; i < sizeof(a->raw); i++)
		a->raw[i] = (uint8_t)fault_random(c);
}

/* The monitor does not come by the site of itself. The calls' other arguments are as wrong as can be. */
static void force(struct fault_case *c, struct fault_frame *f)
{
	struct fault_frame own = { c->site,		fault_random(c) % 8, fault_argument(c), fault_argument(c),
				   fault_argument(c), fault_argument(c),   fault_argument(c) };

	if (c->site >= SYS_MAX) {
		fault_real(f);
		forge_exit(c, f);
		fire(c, f, true, true);
		return;
	}
	if (own.rax == SYS_EVENT_WAIT)
		own.rdx = 0;
	fire(c, &own, false, true);
	fault_real(f);
}

void fault_call(struct fault_frame *f)
{
	struct fault_case *c = &the_fault;
	unsigned number = (unsigned)f->rax;
	bool here;

	if (!c->boot)
		plan(c);
	if (!c->deed) {
		fault_real(f);
		return;
	}
	if (__atomic_load_n(&c->fired, __ATOMIC_ACQUIRE) == FIRED) {
		after(c, f);
		return;
	}
	here = number == c->site && (c->skip == 0 || c->skip-- == 0);
	if (here && take(c)) {
		fire(c, f, false, false);
		return;
	}
	if (number == SYS_VCPU_RUN && __atomic_add_fetch(&c->calls, 1, __ATOMIC_RELAXED) > CALLS_BEFORE && take(c)) {
		force(c, f);
		return;
	}
	fault_real(f);
	if (number != SYS_VCPU_RUN || f->rax >= EXIT_KINDS || f->rax + SYS_MAX != c->site)
		return;
	if ((c->skip == 0 || c->skip-- == 0) && take(c))
		fire(c, f, true, false);
}
