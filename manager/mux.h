/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One console for many: what every VM and the log say goes into rings; from there to the console, led
 * by the VM's name, or, from the VM in focus, as it is. What is typed goes to the VM in focus, or,
 * after the escape key, to the menu's prompt. Pure: no system calls, time comes in as milliseconds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "manager/config.h"

#define MUX_ESCAPE    0x14 /* Ctrl-T; typed twice: itself */
#define MUX_HISTORY   65536 /* bytes kept of each VM */
#define MUX_LOG_BYTES 8192
#define MUX_REPLY     8192
#define MUX_LINE      80 /* of the prompt */
#define MUX_SAY_MAX   512 /* bytes of a line of its own; the rest is cut off */

enum { MUX_LOG = CONFIG_VM_MAX, MUX_SOURCES = CONFIG_VM_MAX + 1 };

struct mux_source {
	const char *name;
	uint8_t *data; /* of `size` bytes, a power of two; NULL: there is no such source */
	uint32_t size;
	uint64_t head; /* bytes ever said */
	uint64_t shown; /* bytes that the console has had, or that were passed over */
	uint64_t lost; /* passed over because the console could not follow, and not yet told */
	uint64_t heard; /* when it said something last */
	uint8_t control; /* where what has been shown stands in a control sequence, and */
	uint8_t before; /* the byte before */
	bool away; /* it has a port of its own and is not shown here */
};

struct mux {
	struct mux_source source[MUX_SOURCES];
	uint8_t log[MUX_LOG_BYTES];
	int focus; /* a VM's number, or -1: all are shown */
	unsigned turn; /* whose turn it is to show something */
	int owner; /* who showed something last; -1: the mux itself */
	bool line_start; /* the console's last byte was a newline */
	bool stained, cut; /* the VM in focus may have left the terminal in colours; it has, in half a sequence */
	uint64_t log_waits; /* since when the log waits for the end of a line; 0: it does not */
	bool prompt, swallow; /* swallow: a line feed that follows a carriage return */
	uint8_t prompt_escape; /* a key that is a sequence: 1 after ESC, 2 in it */
	uint64_t prompt_key; /* when the last key was hit */
	uint64_t hinted;
	char line[MUX_LINE]; /* the prompt's, terminated when it is complete */
	unsigned line_bytes;
	uint8_t reply[MUX_REPLY]; /* what the mux itself has to say */
	uint32_t reply_head, reply_tail;
};

void mux_init(struct mux *m);
/* `data` has MUX_HISTORY bytes, which the mux has from now on. */
void mux_add(struct mux *m, unsigned vm, const char *name, uint8_t *data);
/* How much of its output is wanted now: what the console cannot show yet holds up who says it. */
size_t mux_room(const struct mux *m, unsigned source);
void mux_put(struct mux *m, unsigned source, const void *bytes, size_t n, uint64_t now);
/* For the VM's history only: the console says it in other words. */
void mux_note(struct mux *m, unsigned vm, const char *line);
/* What the console shows next, at most `room` bytes. 0: nothing, or nothing that fits. */
size_t mux_output(struct mux *m, uint8_t *to, size_t room, uint64_t now);
/* Everything has been shown. */
bool mux_empty(const struct mux *m);
/* Milliseconds until mux_output may have more than now, if nobody says anything; -1: never. */
int mux_wait(const struct mux *m, uint64_t now);

enum mux_typed { MUX_NOTHING, MUX_TO_VM, MUX_COMMAND };
/* MUX_TO_VM: the byte is for the VM in focus. MUX_COMMAND: `line` is complete, the prompt is gone. */
enum mux_typed mux_type(struct mux *m, uint8_t byte, uint64_t now);
/* Shows its ring from the oldest line on, then what it says. -1: all VMs again, from now on. */
void mux_focus(struct mux *m, int vm);
/* A line of the mux's own, of MUX_SAY_MAX bytes, before everything else; the newline is added. */
__attribute__((format(printf, 2, 3))) void mux_say(struct mux *m, const char *fmt, ...);
