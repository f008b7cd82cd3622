/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A board's life: devices, the host interface that they see, interrupt wires, timers. Address
 * routing is in board_io.c, the choice of chips in pc_board.c.
 */
#include "guests/board.h"
#include "guests/board_internal.h"
#include "kernel/abi/status.h"
#include "lib/string.h"

_Static_assert(BOARD_DEVICES <= 32, "masks of devices are 32 bits");

static struct board *board_of(struct vdev *d)
{
	return (struct board *)((char *)(d - d->index) - offsetof(struct board, device));
}

/* Models subtract times: a small step back between two processors' clocks must not reach them. */
static uint64_t board_now(struct board *b)
{
	uint64_t now = b->ops->now(b);

	if (now > b->state.now)
		b->state.now = now;
	return b->state.now;
}

static uint64_t host_now(struct vdev *d)
{
	return board_now(board_of(d));
}

static uint64_t host_wall(struct vdev *d)
{
	struct board *b = board_of(d);

	return b->ops->wall(b);
}

static void timer_remove(struct board_state *s, unsigned at)
{
	s->timers--;
	memmove(&s->timer[at], &s->timer[at + 1], (s->timers - at) * sizeof(s->timer[0]));
}

/* There is room: board_add counts the timers of each class. */
static void timer_insert(struct board_state *s, const struct board_timer *t)
{
	unsigned at = 0;

	while (at < s->timers && s->timer[at].when <= t->when)
		at++;
	memmove(&s->timer[at + 1], &s->timer[at], (s->timers - at) * sizeof(s->timer[0]));
	s->timer[at] = *t;
	s->timers++;
}

static void board_tell_deadline(struct board *b)
{
	uint64_t when = board_next_deadline(b);

	if (b->quiet || when == b->told)
		return;
	b->told = when;
	b->ops->deadline(b, when);
}

static void host_timer(struct vdev *d, unsigned id, uint64_t when)
{
	struct board *b = board_of(d);
	struct board_state *s = &b->state;
	struct board_timer t = { .when = when, .device = (uint8_t)d->index, .id = (uint8_t)id };

	if (id >= d->class->timers)
		return;
	for (unsigned i = 0; i < s->timers; i++) {
		if (s->timer[i].device == t.device && s->timer[i].id == t.id) {
			if (s->timer[i].when == when)
				return;
			timer_remove(s, i);
			break;
		}
	}
	if (when != VDEV_NEVER)
		timer_insert(s, &t);
	board_tell_deadline(b);
}

static void board_drive_gsi(struct board *b, unsigned gsi, bool level)
{
	unsigned pin = b->gsi_to_pin[gsi];
	struct vdev *d;

	if (gsi < 16 && b->pic != BOARD_NO_DEVICE) {
		d = &b->device[b->pic];
		d->class->line(d, gsi, level);
	}
	if (pin < BOARD_GSIS && b->ioapic != BOARD_NO_DEVICE) {
		d = &b->device[b->ioapic];
		d->class->line(d, pin, level);
	}
}

static void host_line(struct vdev *d, unsigned pin, bool level)
{
	struct board *b = board_of(d);
	struct board_wire *w;
	uint32_t *asserted, before;

	if (pin >= BOARD_LINES_OUT)
		return;
	w = &b->wire[d->index][pin];
	if (w->kind == WIRE_INTR && level != b->state.intr) {
		b->state.intr = level;
		b->ops->intr_set(b, level);
	} else if (w->kind == WIRE_GSI) {
		asserted = &b->state.asserted[w->to];
		before = *asserted;
		*asserted = level ? before | 1u << d->index : before & ~(1u << d->index);
		if (!before != !*asserted)
			board_drive_gsi(b, w->to, *asserted != 0);
	}
}

static void host_msi(struct vdev *d, uint64_t address, uint32_t data)
{
	struct board *b = board_of(d);

	b->ops->msi(b, address, data);
}

static int host_mem_read(struct vdev *d, gpa_t from, void *to, size_t bytes)
{
	struct board *b = board_of(d);

	return b->ops->mem_read(b, from, to, bytes);
}

static int host_mem_write(struct vdev *d, gpa_t to, const void *from, size_t bytes)
{
	struct board *b = board_of(d);

	return b->ops->mem_write(b, to, from, bytes);
}

static size_t host_transmit(struct vdev *d, unsigned channel, const void *data, size_t bytes)
{
	struct board *b = board_of(d);
	unsigned console = b->console_of[d->index];

	if (channel != 0 || console >= BOARD_CONSOLES)
		return bytes;
	return b->ops->console_out(b, console, data, bytes);
}

static void host_ready(struct vdev *d, unsigned channel)
{
	struct board *b = board_of(d);
	unsigned console = b->console_of[d->index];

	if (channel == 0 && console < BOARD_CONSOLES)
		b->ops->console_ready(b, console);
}

static struct vdev *board_function(struct board *b, unsigned devfn)
{
	for (unsigned i = 0; i < b->functions; i++) {
		if (b->function[i].devfn == devfn)
			return &b->device[b->function[i].device];
	}
	return NULL;
}

static uint32_t host_config_read(struct vdev *d, unsigned devfn, unsigned offset, unsigned bytes)
{
	struct vdev *f = board_function(board_of(d), devfn);

	return f ? (uint32_t)f->class->read(f, VDEV_REGION_CONFIG, offset, bytes) : UINT32_MAX;
}

static void host_config_write(struct vdev *d, unsigned devfn, unsigned offset, unsigned bytes,
			      uint32_t value)
{
	struct vdev *f = board_function(board_of(d), devfn);

	if (f)
		f->class->write(f, VDEV_REGION_CONFIG, offset, bytes, value);
}

/* The A20 gate is closed only while nobody holds it open: port 0x92 and the 8042 are ORed. */
static void board_a20(struct board *b, unsigned device, bool on)
{
	struct board_state *s = &b->state;
	bool level;

	s->a20_off = on ? s->a20_off & ~(1u << device) : s->a20_off | 1u << device;
	level = s->a20_off != b->a20_sources || b->a20_sources == 0;
	if (level != s->a20) {
		s->a20 = level;
		b->ops->machine(b, level ? VDEV_MACHINE_A20_ON : VDEV_MACHINE_A20_OFF);
	}
}

static void host_machine(struct vdev *d, enum vdev_machine_request request)
{
	struct board *b = board_of(d);

	if (request == VDEV_MACHINE_A20_ON || request == VDEV_MACHINE_A20_OFF)
		board_a20(b, d->index, request == VDEV_MACHINE_A20_ON);
	else
		b->ops->machine(b, request);
}

static void host_exit(struct vdev *d, uint32_t status)
{
	struct board *b = board_of(d);

	b->ops->exit(b, status);
}

static void host_failed(struct vdev *d, const char *why, uint64_t value)
{
	struct board *b = board_of(d);
	uint32_t bit = 1u << d->index;

	if (b->state.failed & bit)
		return;
	b->state.failed |= bit;
	b->ops->failed(b, d->class->name, why, value);
}

static const struct vdev_host board_host = {
	.now = host_now,
	.wall = host_wall,
	.timer = host_timer,
	.line = host_line,
	.msi = host_msi,
	.mem_read = host_mem_read,
	.mem_write = host_mem_write,
	.transmit = host_transmit,
	.ready = host_ready,
	.config_read = host_config_read,
	.config_write = host_config_write,
	.machine = host_machine,
	.exit = host_exit,
	.failed = host_failed,
};

int board_add(struct board *b, const struct vdev_class *class, unsigned *device)
{
	size_t bytes = (class->state_bytes + 15u) & ~15u;
	unsigned timers = class->timers;
	struct vdev *d;

	for (unsigned i = 0; i < b->devices; i++)
		timers += b->device[i].class->timers;
	if (b->devices == BOARD_DEVICES || timers > BOARD_TIMERS ||
	    class->lines_out > BOARD_LINES_OUT || bytes > sizeof(b->arena) - b->arena_used)
		return E_NOMEM;
	d = &b->device[b->devices];
	d->class = class;
	d->host = &board_host;
	d->state = &b->arena[b->arena_used];
	d->index = b->devices;
	b->arena_used += bytes;
	*device = b->devices++;
	return 0;
}

int board_wire(struct board *b, unsigned device, unsigned pin, enum board_wire_kind kind,
	       unsigned to)
{
	if (device >= b->devices || pin >= b->device[device].class->lines_out ||
	    (kind == WIRE_GSI && to >= BOARD_GSIS))
		return E_INVAL;
	b->wire[device][pin] = (struct board_wire){ .kind = (uint8_t)kind, .to = (uint8_t)to };
	return 0;
}

int board_add_function(struct board *b, unsigned device, unsigned devfn)
{
	if (device >= b->devices || devfn > 0xff)
		return E_INVAL;
	if (board_function(b, devfn))
		return E_EXIST;
	if (b->functions == BOARD_FUNCTIONS)
		return E_NOMEM;
	b->function[b->functions++] =
		(struct pci_function){ .devfn = (uint8_t)devfn, .device = (uint8_t)device };
	return 0;
}

int board_init(struct board *b, const struct board_ops *ops, const struct board_params *params)
{
	int status;

	memset(b, 0, sizeof(*b));
	b->ops = ops;
	b->told = VDEV_NEVER;
	b->pic = b->ioapic = b->power = b->vga = BOARD_NO_DEVICE;
	memset(b->console, BOARD_NO_DEVICE, sizeof(b->console));
	memset(b->console_of, BOARD_NO_DEVICE, sizeof(b->console_of));
	for (unsigned i = 0; i < BOARD_GSIS; i++)
		b->gsi_to_pin[i] = (uint8_t)i;
	b->state.a20 = true;
	status = pc_board_build(b, params);
	if (status == 0)
		board_reset(b);
	return status;
}

void board_reset(struct board *b)
{
	b->quiet = true;
	/* Every model tells the level of its output lines while it is reset. */
	memset(b->state.asserted, 0, sizeof(b->state.asserted));
	for (unsigned i = 0; i < b->devices; i++)
		b->device[i].class->reset(&b->device[i]);
	b->quiet = false;
	board_tell_deadline(b);
}

uint8_t board_inta(struct board *b)
{
	struct vdev *d = &b->device[b->pic];

	return d->class->inta(d);
}

void board_eoi(struct board *b, uint8_t vector)
{
	struct vdev *d = &b->device[b->ioapic];

	d->class->eoi(d, vector);
}

size_t board_console_in(struct board *b, unsigned console, const void *data, size_t bytes)
{
	struct vdev *d;

	if (console >= BOARD_CONSOLES || b->console[console] >= b->devices)
		return bytes; /* nobody listens */
	d = &b->device[b->console[console]];
	return d->class->receive(d, 0, data, bytes);
}

uint64_t board_next_deadline(const struct board *b)
{
	return b->state.timers ? b->state.timer[0].when : VDEV_NEVER;
}

void board_expire(struct board *b)
{
	struct board_state *s = &b->state;
	uint64_t now = board_now(b);

	/*
	 * A budget, so that a guest's timer of a few nanoseconds cannot hold the board: what is
	 * left over stays due, and the monitor is told that deadline again.
	 */
	b->quiet = true;
	for (unsigned budget = 2 * BOARD_TIMERS; budget && s->timers; budget--) {
		struct board_timer t = s->timer[0];
		struct vdev *d = &b->device[t.device];

		if (t.when > now)
			break;
		timer_remove(s, 0);
		d->class->timer(d, t.id);
	}
	b->quiet = false;
	b->told = 0; /* what the monitor was told has come to pass */
	board_tell_deadline(b);
}

void board_power_button(struct board *b)
{
	struct vdev *d = &b->device[b->power];

	if (b->power >= b->devices)
		return;
	d->class->line(d, 0, true);
	d->class->line(d, 0, false);
}

bool board_part(struct board *b, unsigned n, struct board_part *part)
{
	if (n < b->devices) {
		const struct vdev *d = &b->device[n];

		*part = (struct board_part){ .name = d->class->name,
					     .version = d->class->version,
					     .state = d->state,
					     .bytes = d->class->state_bytes };
		return true;
	}
	if (n == b->devices) {
		*part = (struct board_part){
			.name = "board", .version = 1, .state = &b->state, .bytes = sizeof(b->state)
		};
		return true;
	}
	return false;
}
