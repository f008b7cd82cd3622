/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two devices behind an 8042: a PS/2 keyboard (it sends scan code set 2) and a standard mouse
 * of three buttons. A header, because a device's object has no foreign symbols. Facts from
 * [PS/2 "Keyboards" and "Auxiliary Devices"].
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { PS2_ACK = 0xfa, PS2_RESEND = 0xfe, PS2_SELF_TEST = 0xaa };

#define PS2_QUEUE 32 /* bytes that a device holds back; a full one drops */

struct ps2 {
	uint8_t queue[PS2_QUEUE], head, count;
	uint8_t plugged;
	uint8_t enabled; /* sends what happens, not only answers */
	uint8_t command; /* waits for its parameter */
	uint8_t refused; /* the host was told "no room" */
	uint8_t last; /* byte sent last, for "resend" */
	/* keyboard */
	uint8_t scan_set;
	/* mouse */
	uint8_t rate, resolution, scale, remote, wrap;
};

static inline uint8_t ps2_pop(struct ps2 *p)
{
	uint8_t byte = p->queue[p->head];

	p->head = (uint8_t)((p->head + 1) % PS2_QUEUE);
	p->count--;
	p->last = byte;
	return byte;
}

static inline void ps2_push(struct ps2 *p, uint8_t byte)
{
	if (p->count < PS2_QUEUE)
		p->queue[(p->head + p->count++) % PS2_QUEUE] = byte;
}

static inline void keyboard_defaults(struct ps2 *p)
{
	p->scan_set = 2;
	p->command = 0;
}

/* The parameter of `command`; false: the byte is a command of its own instead. */
static inline bool keyboard_parameter(struct ps2 *p, uint8_t command, uint8_t byte)
{
	if (command == 0 || byte >= 0x80)
		return false;
	ps2_push(p, PS2_ACK);
	if (command == 0xf0 && byte == 0) /* which scan code set? */
		ps2_push(p, p->scan_set);
	else if (command == 0xf0 && byte <= 3)
		p->scan_set = byte;
	return true; /* LEDs, typematic rate, key types: nobody sees them */
}

static inline void keyboard_write(struct ps2 *p, uint8_t byte)
{
	uint8_t command = p->command;

	p->command = 0;
	if (keyboard_parameter(p, command, byte))
		return;
	switch (byte) {
	case 0xee: /* echo */
		ps2_push(p, 0xee);
		return;
	case 0xfe:
		ps2_push(p, p->last);
		return;
	case 0xed:
	case 0xf0:
	case 0xf3:
	case 0xfb:
	case 0xfc:
	case 0xfd:
		p->command = byte;
		break;
	case 0xf2: /* identify: MF2 keyboard */
		ps2_push(p, PS2_ACK);
		ps2_push(p, 0xab);
		ps2_push(p, 0x83);
		return;
	case 0xf4:
		p->enabled = 1;
		break;
	case 0xf5:
	case 0xf6:
		keyboard_defaults(p);
		p->enabled = byte == 0xf6;
		break;
	case 0xf7:
	case 0xf8:
	case 0xf9:
	case 0xfa:
		break;
	case 0xff:
		p->count = 0;
		keyboard_defaults(p);
		p->enabled = 1;
		ps2_push(p, PS2_ACK);
		ps2_push(p, PS2_SELF_TEST);
		return;
	default:
		ps2_push(p, PS2_RESEND);
		return;
	}
	ps2_push(p, PS2_ACK);
}

static inline void mouse_defaults(struct ps2 *p)
{
	p->rate = 100;
	p->resolution = 2;
	p->scale = 0;
	p->remote = 0;
	p->wrap = 0;
	p->enabled = 0;
	p->command = 0;
}

static inline void mouse_parameter(struct ps2 *p, uint8_t command, uint8_t byte)
{
	if (command == 0xf3)
		p->rate = byte;
	else
		p->resolution = byte & 3;
	ps2_push(p, PS2_ACK);
}

static inline void mouse_status(struct ps2 *p)
{
	ps2_push(p, PS2_ACK);
	ps2_push(p, (uint8_t)(p->remote << 6 | p->enabled << 5 | p->scale << 4));
	ps2_push(p, p->resolution);
	ps2_push(p, p->rate);
}

/* Commands that only change a setting; false: not one of them. */
static inline bool mouse_setting(struct ps2 *p, uint8_t byte)
{
	switch (byte) {
	case 0xe6:
	case 0xe7:
		p->scale = byte & 1;
		return true;
	case 0xe8:
	case 0xf3:
		p->command = byte;
		return true;
	case 0xea:
	case 0xf0:
		p->remote = byte == 0xf0;
		return true;
	case 0xec:
	case 0xee:
		p->wrap = byte == 0xee;
		return true;
	case 0xf4:
	case 0xf5:
		p->enabled = byte == 0xf4;
		return true;
	case 0xf6:
		mouse_defaults(p);
		return true;
	default:
		return false;
	}
}

static inline void mouse_write(struct ps2 *p, uint8_t byte)
{
	uint8_t command = p->command;

	p->command = 0;
	if (command) {
		mouse_parameter(p, command, byte);
	} else if (p->wrap && byte != 0xec && byte != 0xff) {
		ps2_push(p, byte);
	} else if (mouse_setting(p, byte)) {
		ps2_push(p, PS2_ACK);
	} else if (byte == 0xe9) {
		mouse_status(p);
	} else if (byte == 0xeb) { /* read data: a packet without movement */
		ps2_push(p, PS2_ACK);
		ps2_push(p, 0x08);
		ps2_push(p, 0);
		ps2_push(p, 0);
	} else if (byte == 0xf2) {
		ps2_push(p, PS2_ACK);
		ps2_push(p, 0x00);
	} else if (byte == 0xfe) {
		ps2_push(p, p->last);
	} else if (byte == 0xff) {
		p->count = 0;
		mouse_defaults(p);
		ps2_push(p, PS2_ACK);
		ps2_push(p, PS2_SELF_TEST);
		ps2_push(p, 0x00);
	} else {
		ps2_push(p, PS2_RESEND);
	}
}
