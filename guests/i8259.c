/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pair of 8259A interrupt controllers of a PC, as one device, with the ELCR that makes an input
 * level-triggered. MCS-80 mode is not modelled: INTA always gives an 8086 vector. Facts from
 * [8259A] and, for the ELCR, [PIIX3 "Edge/Level Control Registers"].
 */
#include "guests/chips.h"

enum {
	ICW1 = 0x10, /* in a write to the even port: begin initialisation */
	ICW1_NEED_ICW4 = 0x01,
	ICW1_SINGLE = 0x02,
	ICW1_LEVEL = 0x08,
	OCW3 = 0x08, /* in a write to the even port without ICW1 */
	ICW4_AEOI = 0x02,
	ICW4_FULLY_NESTED = 0x10,
};

enum { INIT_DONE, INIT_ICW2, INIT_ICW3, INIT_ICW4 };

struct pic {
	uint8_t lines; /* levels of the inputs */
	uint8_t irr, isr, imr;
	uint8_t elcr; /* 1: level-triggered */
	uint8_t vector; /* ICW2, low three bits zero */
	uint8_t lowest; /* input with the lowest priority: 7 unless rotated */
	uint8_t init; /* INIT_* */
	uint8_t need_icw4, all_level, aeoi, fully_nested;
	uint8_t read_isr, special_mask, poll, rotate_aeoi;
};

struct i8259 {
	struct pic pic[2];
	uint8_t offered; /* the master's input behind the last INTR that was not acknowledged */
};

#define CASCADE 2
#define NOTHING 0xff
/* Inputs that PC hardware wires to edge-triggered devices: 0, 1, 2, 8 and 13. */
static const uint8_t elcr_mask[2] = { 0xf8, 0xde };

/* The highest-priority bit of `set`, as a distance from the top of the rotation; 8 when empty. */
static unsigned pic_rank(const struct pic *p, uint8_t set)
{
	for (unsigned rank = 0; rank < 8; rank++) {
		if (set & 1u << ((p->lowest + 1 + rank) & 7))
			return rank;
	}
	return 8;
}

static unsigned pic_input(const struct pic *p, unsigned rank)
{
	return (p->lowest + 1 + rank) & 7;
}

/* The input that would be acknowledged now, or -1. */
static int pic_pending(const struct pic *p, bool master)
{
	unsigned request = pic_rank(p, p->irr & (uint8_t)~p->imr);
	uint8_t blocking = p->isr;
	unsigned service;

	if (request == 8)
		return -1;
	/* Special mask mode: an input in service that is masked does not block lower ones. */
	if (p->special_mask)
		blocking &= (uint8_t)~p->imr;
	/* Special fully nested mode: the slave may interrupt again while it is in service. */
	if (p->fully_nested && master)
		blocking &= (uint8_t) ~(1u << CASCADE);
	service = pic_rank(p, blocking);
	return request < service ? (int)pic_input(p, request) : -1;
}

static bool pic_is_level(const struct pic *p, unsigned input)
{
	return p->all_level || (p->elcr & 1u << input);
}

static void pic_line(struct pic *p, unsigned input, bool level)
{
	uint8_t bit = (uint8_t)(1u << input);

	/*
	 * The request latch of an edge-triggered input follows the line down as well: a request
	 * that goes away before INTA is the spurious interrupt of [8259A "IR inputs"].
	 */
	if (!level)
		p->irr &= (uint8_t)~bit;
	else if (pic_is_level(p, input) || !(p->lines & bit))
		p->irr |= bit;
	p->lines = level ? p->lines | bit : p->lines & (uint8_t)~bit;
}

static void i8259_update(struct vdev *d)
{
	struct i8259 *s = d->state;
	struct pic *master = &s->pic[0];
	int input;

	/*
	 * The slave pulses its INT between two requests, so that the master never misses one: the
	 * cascade behaves as a level whatever the master's trigger mode.
	 */
	if (pic_pending(&s->pic[1], false) >= 0)
		master->irr |= 1 << CASCADE;
	else
		master->irr &= (uint8_t) ~(1 << CASCADE);
	input = pic_pending(master, true);
	if (input >= 0)
		s->offered = (uint8_t)input;
	d->host->line(d, 0, input >= 0);
}

/* An acknowledged input goes into service; an edge-triggered request is used up. */
static void pic_accept(struct pic *p, unsigned input)
{
	uint8_t bit = (uint8_t)(1u << input);

	if (!pic_is_level(p, input))
		p->irr &= (uint8_t)~bit;
	if (!p->aeoi)
		p->isr |= bit;
	else if (p->rotate_aeoi)
		p->lowest = (uint8_t)input;
}

static void pic_eoi(struct pic *p, unsigned command, unsigned input)
{
	bool specific = command & 0x40, rotate = command & 0x80;
	unsigned rank;
	uint8_t candidates = p->isr;

	if (!specific) {
		/* In special mask mode a masked input is not ended by a non-specific EOI. */
		if (p->special_mask)
			candidates &= (uint8_t)~p->imr;
		rank = pic_rank(p, candidates);
		if (rank == 8)
			return;
		input = pic_input(p, rank);
	}
	p->isr &= (uint8_t) ~(1u << input);
	if (rotate)
		p->lowest = (uint8_t)input;
}

/* OCW2: bits 7 to 5 are rotate, specific, EOI. */
static void pic_ocw2(struct pic *p, uint8_t value)
{
	unsigned input = value & 7;

	switch (value >> 5) {
	case 0: /* rotate in automatic EOI mode: off */
		p->rotate_aeoi = 0;
		break;
	case 4: /* the same: on */
		p->rotate_aeoi = 1;
		break;
	case 6: /* set priority */
		p->lowest = (uint8_t)input;
		break;
	case 1:
	case 3:
	case 5:
	case 7:
		pic_eoi(p, value, input);
		break;
	default: /* 2: no operation */
		break;
	}
}

static void pic_ocw3(struct pic *p, uint8_t value)
{
	if (value & 0x40)
		p->special_mask = (value >> 5) & 1;
	if (value & 0x04)
		p->poll = 1;
	else if (value & 0x02)
		p->read_isr = value & 1;
}

static void pic_icw1(struct pic *p, uint8_t value)
{
	/* The edge-sense circuit is reset: a line that is high already makes no new request. */
	p->irr = 0;
	p->isr = 0;
	p->imr = 0;
	p->lowest = 7;
	p->read_isr = 0;
	p->special_mask = 0;
	p->poll = 0;
	p->aeoi = 0;
	p->rotate_aeoi = 0;
	p->fully_nested = 0;
	p->need_icw4 = value & ICW1_NEED_ICW4;
	p->all_level = !!(value & ICW1_LEVEL);
	p->init = INIT_ICW2;
	/* A level-triggered input has no edge to lose. */
	for (unsigned i = 0; i < 8; i++) {
		if (pic_is_level(p, i))
			p->irr |= p->lines & (uint8_t)(1u << i);
	}
}

static void pic_odd_write(struct pic *p, uint8_t value)
{
	switch (p->init) {
	case INIT_ICW2:
		p->vector = value & 0xf8;
		/* Both chips of a PC are cascaded: ICW3 follows whatever ICW1 says of "single". */
		p->init = INIT_ICW3;
		break;
	case INIT_ICW3: /* the cascade is wired to input 2, the guest cannot change that */
		p->init = p->need_icw4 ? INIT_ICW4 : INIT_DONE;
		break;
	case INIT_ICW4:
		p->aeoi = !!(value & ICW4_AEOI);
		p->fully_nested = !!(value & ICW4_FULLY_NESTED);
		p->init = INIT_DONE;
		break;
	default:
		p->imr = value;
		break;
	}
}

static void i8259_write(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes,
			uint64_t value)
{
	struct i8259 *s = d->state;
	struct pic *p = &s->pic[region & 1];
	uint8_t byte = (uint8_t)value;

	(void)bytes;
	if (region == 2) {
		s->pic[offset & 1].elcr = byte & elcr_mask[offset & 1];
	} else if (offset & 1) {
		pic_odd_write(p, byte);
	} else if (byte & ICW1) {
		pic_icw1(p, byte);
	} else if (byte & OCW3) {
		pic_ocw3(p, byte);
	} else {
		pic_ocw2(p, byte);
	}
	i8259_update(d);
}

/* A read after OCW3's poll command is an acknowledge cycle of this chip alone. */
static uint8_t i8259_poll(struct vdev *d, struct pic *p, bool master)
{
	int input = pic_pending(p, master);

	p->poll = 0;
	if (input < 0)
		return 0;
	pic_accept(p, (unsigned)input);
	i8259_update(d);
	return (uint8_t)(0x80 | input);
}

static uint64_t i8259_read(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes)
{
	struct i8259 *s = d->state;
	struct pic *p = &s->pic[region & 1];

	(void)bytes;
	if (region == 2)
		return s->pic[offset & 1].elcr;
	if (p->poll)
		return i8259_poll(d, p, region == 0);
	if (offset & 1)
		return p->imr;
	return p->read_isr ? p->isr : p->irr;
}

static void i8259_line(struct vdev *d, unsigned pin, bool level)
{
	struct i8259 *s = d->state;

	if (pin >= 16 || pin == CASCADE)
		return;
	pic_line(&s->pic[pin / 8], pin % 8, level);
	i8259_update(d);
}

/*
 * When the request has gone away since INTR was seen, the chip that made it answers with its input
 * 7 and sets no ISR bit; of a slave that does so, the master knows nothing and has IR2 in service.
 */
static uint8_t i8259_inta(struct vdev *d)
{
	struct i8259 *s = d->state;
	struct pic *master = &s->pic[0], *slave = &s->pic[1];
	int input = pic_pending(master, true);
	uint8_t vector;

	if (input < 0)
		input = s->offered == CASCADE ? CASCADE : -1;
	if (input < 0) {
		vector = master->vector | 7;
	} else if (input != CASCADE) {
		pic_accept(master, (unsigned)input);
		vector = master->vector | (uint8_t)input;
	} else {
		pic_accept(master, CASCADE);
		input = pic_pending(slave, false);
		if (input >= 0)
			pic_accept(slave, (unsigned)input);
		vector = slave->vector | (input < 0 ? 7 : (uint8_t)input);
	}
	s->offered = NOTHING;
	i8259_update(d);
	return vector;
}

static void i8259_reset(struct vdev *d)
{
	struct i8259 *s = d->state;

	for (unsigned i = 0; i < 2; i++) {
		s->pic[i] = (struct pic){ .lowest = 7 };
		/* Until the guest has initialised the chip it asks for nothing. */
		s->pic[i].imr = 0xff;
	}
	s->offered = NOTHING;
	i8259_update(d);
}

const struct vdev_class i8259_class = {
	.name = "8259A",
	.state_bytes = sizeof(struct i8259),
	.version = 1,
	.lines_in = 16,
	.lines_out = 1,
	.reset = i8259_reset,
	.read = i8259_read,
	.write = i8259_write,
	.line = i8259_line,
	.inta = i8259_inta,
};
