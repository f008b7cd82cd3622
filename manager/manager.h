/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The manager: first program of ring 3. One thread, one event; everything hangs off struct manager.
 * Layout of its own address space: see the MANAGER_* windows.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kernel/abi/layout.h"
#include "kernel/abi/monitor_boot.h"
#include "kernel/abi/sys.h"
#include "lib/ring.h"
#include "manager/config.h"

#define MANAGER_MODULES	     0x0000020000000000ULL /* module n at + n * stride, while it is read */
#define MANAGER_MODULE_STRIDE 0x0000000400000000ULL
#define MANAGER_WINDOW	     0x0000030000000000ULL /* a monitor's private memory while it is filled */
#define MANAGER_SHARED	     0x0000031000000000ULL /* guest n's shared pages at + n * stride */
#define MANAGER_SHARED_STRIDE 0x10000ULL

/* Bits of the manager's event. */
#define BIT_SERIAL	    1ULL
#define BIT_GUEST(n)	    (1ULL << (8 + (n))) /* its monitor has news */
#define BIT_DEATH(n)	    (1ULL << (32 + (n))) /* its space is gone */

/* ---- memory.c: the RAM ranges that nobody uses ---- */

#define MEMORY_PIECES 192

struct memory_piece {
	int handle;
	uint64_t base, size;
};

struct memory {
	struct memory_piece piece[MEMORY_PIECES];
	unsigned pieces;
};

void memory_add(struct memory *m, int handle);
uint64_t memory_free(const struct memory *m);
/* Any `bytes` (rounded up to pages) -> handle, or negative. Leaves large pieces whole. */
int memory_take_small(struct memory *m, uint64_t bytes);
/*
 * A piece for guest memory at `gpa`, at most *bytes long, congruent to gpa modulo the largest page
 * size that makes sense -> handle; *bytes becomes its size.
 */
int memory_take_guest(struct memory *m, uint64_t gpa, uint64_t *bytes);

/* ---- console.c: the box's serial line ---- */

#define CONSOLE_QUEUE 8192

struct console {
	int ports; /* handle; negative: there is no console */
	uint16_t base;
	bool irq; /* interrupts are bound; else it is polled */
	uint8_t enabled; /* what the interrupt enable register holds */
	bool line_start; /* the last byte put was a newline */
	bool log_open; /* it was from the log, which is in the middle of a line */
	uint8_t queue[CONSOLE_QUEUE];
	unsigned head, tail; /* bytes ever put, ever sent */
};

/* False when no port answers; output then goes nowhere. */
bool console_open(struct console *c, enum config_console which, int event);
unsigned console_room(const struct console *c);
/* Puts all of it (the caller asked for room). Text gets CR before LF; raw does not. */
void console_text(struct console *c, const char *text, size_t bytes);
void console_raw(struct console *c, const uint8_t *bytes, size_t n);
/* Sends what the port takes now; returns true when the queue is empty. */
bool console_send(struct console *c);
/* Reads what has been typed; at most `bytes`. */
size_t console_receive(struct console *c, uint8_t *to, size_t bytes);
/* Waits until the last byte has left the port, within reason. */
void console_flush(struct console *c, uint64_t tsc_hz);

/* ---- program.c: a ring-3 program out of an ELF file ---- */

struct program_segment {
	uint64_t va, bytes; /* whole pages */
	uint64_t file_offset, file_bytes; /* what to copy, starting at `lead` in the first page */
	uint32_t lead;
	unsigned prot;
	bool shared; /* map the file's own pages at file_offset */
};

#define PROGRAM_SEGMENTS 8

struct program {
	struct program_segment segment[PROGRAM_SEGMENTS];
	unsigned segments;
	uint64_t entry;
	uint64_t private_bytes; /* pages that must be copied */
};

/* Checks the file completely. NULL, or a sentence. */
const char *program_read(struct program *p, const uint8_t *file, uint64_t bytes);

/* ---- guest.c: one VM ---- */

enum guest_state { GUEST_IDLE, GUEST_RUNNING, GUEST_DYING, GUEST_STOPPED };

struct guest {
	const struct config_vm *config;
	unsigned index;
	enum guest_state state;
	bool ok; /* stopped because it switched itself off */
	char reason[MONITOR_REASON_MAX];
	int space, vm, event, private; /* handles, 0: none */
	struct monitor_shared *shared; /* never trusted */
	struct ring_end in, out; /* in: to the guest */
	bool promised; /* its monitor knows that we look at `out` without being waked */
	unsigned silent; /* looks in a row that found nothing there */
	uint64_t started; /* TSC */
};

struct manager {
	const struct manager_boot *boot;
	int event;
	struct box_info box;
	struct memory memory;
	uint64_t memory_at_start; /* bytes that were free */
	bool scrub_last; /* also when the box goes off right after (box command line `scrub`) */
	struct console console;
	uint64_t log_cursor;
	unsigned log_held; /* looks in a row that left the log where it was */
	uint64_t wall, wall_tsc;
	uint64_t limit; /* seconds that a guest may run, 0: no limit (box command line `limit=`) */
	uint32_t shuffle_ms; /* for the monitors (box command line `shuffle=`) */
	uint32_t monitor_flags;
	struct program monitor; /* segments of monitor.elf */
	int monitor_module; /* index */
	struct config config;
	struct guest guest[CONFIG_VM_MAX];
	unsigned guests;
};

/* Starts it; when that fails it is GUEST_STOPPED with the reason. */
void guest_start(struct manager *m, struct guest *g);
/* Its monitor is gone, of itself or because we ended it: takes everything back. */
void guest_died(struct manager *m, struct guest *g);
/* After its last output has been read: the memory that held it. */
void guest_collect(struct manager *m, struct guest *g);
/* Looks at the state that the monitor reports. */
void guest_check(struct manager *m, struct guest *g);
/* Ends it with this reason, whatever it does. */
__attribute__((format(printf, 3, 4))) void guest_stop(struct guest *g, bool ok, const char *why,
						      ...);

/* ---- modules.c ---- */

/* Index of the module with this name, or -1. */
int module_find(const struct manager *m, const char *name);
/* Maps it into the manager and checks its CRC-32. NULL, or a sentence in `why`. */
const uint8_t *module_open(struct manager *m, int index, char *why, size_t why_bytes);

/* ---- manager.c, rtc.c ---- */
__attribute__((format(printf, 1, 2))) void manager_say(const char *fmt, ...);
/* Seconds since 1970 from the box's clock chip, 0 when it does not answer. */
uint64_t rtc_read(void);
