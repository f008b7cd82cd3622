/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 8042 keyboard controller, with the two devices of ps2.h behind it. It translates scan code
 * set 2 to set 1 on request. Serial timing is not modelled: a device answers as soon as there is room.
 * Facts from [PS/2 "Keyboard and Auxiliary Device Controller"].
 */
#include "guests/chips.h"
#include "guests/ps2.h"

enum { REGION_DATA, REGION_COMMAND };
enum {
	STS_OBF = 1,
	STS_SYS = 4,
	STS_COMMAND = 8,
	STS_UNLOCKED = 16,
	STS_AUX = 32,
	STS_TIMEOUT = 64
};
enum {
	CFG_KBD_INT = 1,
	CFG_AUX_INT = 2,
	CFG_SYS = 4,
	CFG_KBD_OFF = 16,
	CFG_AUX_OFF = 32,
	CFG_TRANSLATE = 64
};
enum { OUT_NO_RESET = 1, OUT_A20 = 2, OUT_OBF = 16, OUT_AUX_OBF = 32 };
enum { LINE_KEYBOARD, LINE_MOUSE };
enum { KEYBOARD, MOUSE, DEVICES };

struct i8042 {
	struct ps2 ps2[DEVICES];
	uint8_t status; /* OBF, AUX, TIMEOUT, COMMAND */
	uint8_t config, output, ram[31];
	uint8_t data; /* the output buffer */
	uint8_t command; /* the controller command that waits for its parameter */
	uint8_t release; /* translation: 0xf0 has gone by */
};

/* Scan code set 2 to set 1. */
static const uint8_t translation[128] = {
	0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29,
	0x59, 0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11,
	0x03, 0x5b, 0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14,
	0x13, 0x06, 0x5d, 0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24,
	0x16, 0x08, 0x09, 0x5f, 0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35,
	0x26, 0x27, 0x19, 0x0c, 0x61, 0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36,
	0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76, 0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c,
	0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f, 0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45,
	0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
};

/* Loads the output buffer, which must be empty. */
static void kbc_fill(struct i8042 *s, uint8_t byte, uint8_t flags)
{
	s->data = byte;
	s->status = (uint8_t)((s->status & ~(STS_AUX | STS_TIMEOUT)) | STS_OBF | flags);
}

/* True when the byte is only a prefix, to be merged into the next. */
static bool kbc_translate(struct i8042 *s, uint8_t *byte)
{
	if (!(s->config & CFG_TRANSLATE))
		return false;
	if (*byte == 0xf0) {
		s->release = 0x80;
		return true;
	}
	if (*byte < sizeof(translation))
		*byte = translation[*byte] | s->release;
	else if (*byte == 0x83)
		*byte = 0x41 | s->release;
	else if (*byte == 0x84)
		*byte = 0x54 | s->release;
	s->release = 0;
	return false;
}

/* The next byte from a device that is not held off into the output buffer. */
static void kbc_load(struct i8042 *s)
{
	struct ps2 *keyboard = &s->ps2[KEYBOARD], *mouse = &s->ps2[MOUSE];
	uint8_t byte;

	while (!(s->status & STS_OBF) && keyboard->count && !(s->config & CFG_KBD_OFF)) {
		byte = ps2_pop(keyboard);
		if (!kbc_translate(s, &byte))
			kbc_fill(s, byte, 0);
	}
	if (!(s->status & STS_OBF) && mouse->count && !(s->config & CFG_AUX_OFF))
		kbc_fill(s, ps2_pop(mouse), STS_AUX);
}

static void i8042_update(struct vdev *d)
{
	struct i8042 *s = d->state;
	bool full, aux;

	kbc_load(s);
	full = s->status & STS_OBF;
	aux = s->status & STS_AUX;
	d->host->line(d, LINE_KEYBOARD, full && !aux && (s->config & CFG_KBD_INT));
	d->host->line(d, LINE_MOUSE, full && aux && (s->config & CFG_AUX_INT));
	for (unsigned i = 0; i < DEVICES; i++) {
		if (s->ps2[i].refused && s->ps2[i].count == 0) {
			s->ps2[i].refused = 0;
			d->host->ready(d, i);
		}
	}
}

/* A byte towards a device; where none is plugged in, the controller reports a time-out. */
static void ps2_send(struct i8042 *s, unsigned device, uint8_t byte)
{
	struct ps2 *p = &s->ps2[device];

	if (!p->plugged)
		kbc_fill(s, PS2_RESEND, STS_TIMEOUT | (device == MOUSE ? STS_AUX : 0));
	else if (device == MOUSE)
		mouse_write(p, byte);
	else
		keyboard_write(p, byte);
}

static void output_write(struct vdev *d, uint8_t value)
{
	struct i8042 *s = d->state;

	s->output = value & OUT_A20;
	d->host->machine(d, value & OUT_A20 ? VDEV_MACHINE_A20_ON : VDEV_MACHINE_A20_OFF);
	if (!(value & OUT_NO_RESET))
		d->host->machine(d, VDEV_MACHINE_RESET);
}

/* The parameter of a controller command. */
static void kbc_parameter(struct vdev *d, uint8_t command, uint8_t byte)
{
	struct i8042 *s = d->state;

	switch (command) {
	case 0xd1:
		output_write(d, byte);
		break;
	case 0xd2:
		kbc_fill(s, byte, 0);
		break;
	case 0xd3:
		kbc_fill(s, byte, STS_AUX);
		break;
	case 0xd4:
		s->config &= (uint8_t)~CFG_AUX_OFF;
		ps2_send(s, MOUSE, byte);
		break;
	default: /* 0x60 to 0x7f: write RAM */
		if (command == 0x60)
			s->config = byte & 0x77;
		else
			s->ram[(command & 0x1f) - 1] = byte;
		break;
	}
}

static uint8_t output_read(const struct i8042 *s)
{
	uint8_t value = s->output | OUT_NO_RESET;

	if (s->status & STS_OBF)
		value |= s->status & STS_AUX ? OUT_AUX_OBF : OUT_OBF;
	return value;
}

static void kbc_command(struct vdev *d, uint8_t command)
{
	struct i8042 *s = d->state;

	s->command = 0;
	switch (command) {
	case 0x20 ... 0x3f: /* read RAM */
		kbc_fill(s, command == 0x20 ? s->config : s->ram[(command & 0x1f) - 1], 0);
		break;
	case 0x60 ... 0x7f:
	case 0xd1:
	case 0xd2:
	case 0xd3:
	case 0xd4:
		s->command = command;
		break;
	case 0xa7:
	case 0xa8:
		s->config =
			(uint8_t)((s->config & ~CFG_AUX_OFF) | (command == 0xa7 ? CFG_AUX_OFF : 0));
		break;
	case 0xa9:
	case 0xab: /* test the mouse's, the keyboard's port: good */
		kbc_fill(s, 0x00, 0);
		break;
	case 0xaa:
		s->config |= CFG_SYS;
		kbc_fill(s, 0x55, 0);
		break;
	case 0xad:
	case 0xae:
		s->config =
			(uint8_t)((s->config & ~CFG_KBD_OFF) | (command == 0xad ? CFG_KBD_OFF : 0));
		break;
	case 0xc0: /* input port: keyboard not locked, colour display */
		kbc_fill(s, 0x80, 0);
		break;
	case 0xd0:
		kbc_fill(s, output_read(s), 0);
		break;
	case 0xdd:
	case 0xdf:
		output_write(d, OUT_NO_RESET | (command == 0xdf ? OUT_A20 : 0));
		break;
	case 0xf0 ... 0xff: /* pulse the output lines whose bits are clear; 0 is reset */
		if (!(command & OUT_NO_RESET))
			d->host->machine(d, VDEV_MACHINE_RESET);
		break;
	default:
		break;
	}
}

static uint64_t i8042_read(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes)
{
	struct i8042 *s = d->state;
	uint8_t value;

	(void)offset;
	(void)bytes;
	if (region == REGION_COMMAND)
		return s->status | STS_UNLOCKED | (s->config & CFG_SYS ? STS_SYS : 0);
	value = s->data;
	if (s->status & STS_OBF) {
		s->status &= (uint8_t) ~(STS_OBF | STS_AUX | STS_TIMEOUT);
		/* Let the line fall before the next byte raises it: the inputs take edges. */
		d->host->line(d, LINE_KEYBOARD, false);
		d->host->line(d, LINE_MOUSE, false);
		i8042_update(d);
	}
	return value;
}

static void i8042_write(struct vdev *d, unsigned region, uint64_t offset, unsigned bytes,
			uint64_t value)
{
	struct i8042 *s = d->state;
	uint8_t byte = (uint8_t)value, command = s->command;

	(void)offset;
	(void)bytes;
	if (region == REGION_COMMAND) {
		s->status |= STS_COMMAND;
		kbc_command(d, byte);
	} else {
		s->status &= (uint8_t)~STS_COMMAND;
		s->command = 0;
		if (command) {
			kbc_parameter(d, command, byte);
		} else {
			s->config &= (uint8_t)~CFG_KBD_OFF;
			ps2_send(s, KEYBOARD, byte);
		}
	}
	i8042_update(d);
}

static size_t i8042_receive(struct vdev *d, unsigned channel, const void *data, size_t bytes)
{
	struct i8042 *s = d->state;
	const uint8_t *byte = data;
	struct ps2 *p;
	size_t taken = 0;

	if (channel >= DEVICES)
		return bytes;
	p = &s->ps2[channel];
	if (!p->plugged || !p->enabled)
		return bytes; /* keys that are pressed before anybody listens are lost */
	/* Half of the queue stays free for answers to commands. */
	while (taken < bytes && p->count < PS2_QUEUE / 2)
		ps2_push(p, byte[taken++]);
	if (taken < bytes)
		p->refused = 1;
	i8042_update(d);
	return taken;
}

static void i8042_reset(struct vdev *d)
{
	struct i8042 *s = d->state;

	for (unsigned i = 0; i < DEVICES; i++) {
		uint8_t refused = s->ps2[i].refused;

		s->ps2[i] = (struct ps2){ .plugged = s->ps2[i].plugged, .refused = refused };
	}
	keyboard_defaults(&s->ps2[KEYBOARD]);
	s->ps2[KEYBOARD].enabled = 1;
	mouse_defaults(&s->ps2[MOUSE]);
	s->status = 0;
	s->config = CFG_SYS | CFG_TRANSLATE; /* as PC firmware leaves it, interrupts off */
	s->command = 0;
	s->release = 0;
	s->output = OUT_A20;
	d->host->machine(d, VDEV_MACHINE_A20_ON);
	i8042_update(d);
}

void i8042_plug(struct vdev *d, bool keyboard, bool mouse)
{
	struct i8042 *s = d->state;

	s->ps2[KEYBOARD].plugged = keyboard;
	s->ps2[MOUSE].plugged = mouse;
}

const struct vdev_class i8042_class = {
	.name = "8042",
	.state_bytes = sizeof(struct i8042),
	.version = 1,
	.lines_out = 2,
	.channels = DEVICES,
	.reset = i8042_reset,
	.read = i8042_read,
	.write = i8042_write,
	.receive = i8042_receive,
};
