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
#include "manager/ledger.h"
#include "manager/life.h"
#include "manager/mux.h"
#include "manager/placement.h"
#include "manager/screen.h"

#define MANAGER_CONFIG	     "bulkhead.conf"
#define MANAGER_MODULES	     0x0000020000000000ULL /* module n at + n * stride, while it is read */
#define MANAGER_MODULE_STRIDE 0x0000000400000000ULL
#define MANAGER_WINDOW	     0x0000030000000000ULL /* a monitor's private memory while it is filled */
#define MANAGER_SHARED	     0x0000031000000000ULL /* guest n's shared pages at + n * stride */
#define MANAGER_SHARED_STRIDE 0x10000ULL
#define MANAGER_HISTORY	     0x0000034000000000ULL /* what guest n said, MUX_HISTORY bytes each */
#define MANAGER_SCREEN	     0x0000033000000000ULL /* the framebuffer */

/* Bits of the manager's event. Monitors can signal any of them: none is believed unseen. */
#define BIT_SERIAL	    1ULL
#define BIT_LOG		    4ULL /* the log has grown */
#define BIT_SERIAL2	    2ULL /* a port that is a guest's own */
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
uint64_t memory_largest(const struct memory *m);
/* Where a handle's memory is. False: it is none. */
bool memory_extent(int handle, uint64_t *base, uint64_t *size);
/* Any `bytes` (rounded up to pages) -> handle, or negative. Leaves large pieces whole. */
int memory_take_small(struct memory *m, uint64_t bytes);
/*
 * A piece for guest memory at `gpa`, at most *bytes long, congruent to gpa modulo the largest page
 * size that makes sense -> handle; *bytes becomes its size.
 */
int memory_take_guest(struct memory *m, uint64_t gpa, uint64_t *bytes);

/* ---- console.c: a serial port ---- */

#define CONSOLE_QUEUE 8192

struct console {
	int ports; /* handle; negative: there is no such port */
	uint16_t base;
	bool irq; /* interrupts are bound; else it is polled */
	uint8_t enabled; /* what the interrupt enable register holds */
	uint8_t queue[CONSOLE_QUEUE];
	unsigned head, tail; /* bytes ever put, ever sent */
};

/* `number`: 1 or 2, as in COM1. False when no port answers; output then goes nowhere. */
bool console_open(struct console *c, unsigned number, int event, uint64_t bits);
unsigned console_room(const struct console *c);
/* Puts all of it (the caller asked for room). */
void console_put(struct console *c, const uint8_t *bytes, size_t n);
/* Sends what the port takes now; returns true when the queue is empty. */
bool console_send(struct console *c);
/* Reads what has been typed; at most `bytes`. */
size_t console_receive(struct console *c, uint8_t *to, size_t bytes);
/* With interrupts: it wants something that we have not seen to, and will not interrupt again for it. */
bool console_pending(const struct console *c);
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

/* ---- one VM ---- */

struct guest {
	const struct config_vm *config;
	const struct placement *place;
	unsigned index;
	struct life life;
	uint32_t exit_status; /* with END_EXITED */
	char reason[MONITOR_REASON_MAX];
	int space, vm, event, private; /* handles, 0: none */
	struct monitor_shared *shared; /* never trusted */
	struct ring_end in, out; /* in: to the guest */
	bool promised; /* its monitor knows that we look at `out` without being waked */
	unsigned silent; /* looks in a row that found nothing there */
	uint64_t quiet_until; /* TSC: its signals wake nobody before */
	uint64_t started; /* TSC */
	bool built; /* LIFE_STARTING: it has a space, and gets its memory */
	uint64_t given; /* LIFE_STARTING: guest-physical address up to which it has memory */
	int piece; /* LIFE_STARTING: being scrubbed for it, 0: none */
	uint64_t piece_bytes;
	struct console *port; /* its own serial port, or NULL */
	uint64_t port_sent; /* of what it said, bytes that the port has had */
};

/* A boot module's check, as far as it has come. */
struct module_state {
	bool mapped;
	uint64_t checked; /* bytes */
	uint32_t crc; /* of those */
};

struct manager {
	const struct manager_boot *boot;
	struct module_state module[64]; /* as boot->module */
	int event;
	struct box_info box;
	struct memory memory;
	struct ledger ledger; /* which VM has which memory */
	uint64_t memory_at_start; /* bytes that were free */
	bool scrub_last; /* also when the box goes off right after (box command line `scrub`) */
	bool going_off; /* the operator said so */
	struct console com[2]; /* COM1, COM2 */
	struct console *console; /* the box's; one without a port when there is none */
	struct console nowhere;
	struct mux mux;
	struct screen screen;
	uint64_t screen_due; /* ms: when it may be drawn again */
	uint64_t guest_bits; /* BIT_GUEST of all */
	bool screen_console; /* guests' lines go there, too */
	uint64_t log_cursor;
	uint64_t wall, wall_tsc;
	uint64_t limit; /* seconds that a guest may run, 0: no limit (box command line `limit=`) */
	uint32_t shuffle_ms; /* for the monitors (box command line `shuffle=`) */
	uint32_t backoff_ms; /* the first pause before a restart, and between resets (box command line `backoff=`) */
	char seal[24]; /* at the end of the box's last line (box command line `seal=`) */
	uint32_t monitor_flags;
	struct program monitor; /* segments of monitor.elf */
	int monitor_module; /* index */
	struct config config;
	struct config_errors errors;
	struct placement place[CONFIG_VM_MAX];
	struct guest guest[CONFIG_VM_MAX];
	unsigned guests;
	unsigned step_turn; /* which guest's step is next */
	bool steps; /* there are more */
	uint64_t step_due; /* TSC: when the next may be made */
	uint64_t wakes, wakes_by_clock; /* of the loop */
	uint64_t log_quiet_until; /* TSC: the log's signals wake nobody before */
	bool hinted; /* the user has been told how to go on */
	uint64_t last_words; /* ms: when a guest said something last */
};

/* Milliseconds since the kernel's start. */
uint64_t manager_ms(const struct manager *m);

/* ---- guest.c: what happens to it ---- */
void guest_start(struct manager *m, struct guest *g);
/* One step of what takes long: memory in, memory out, the wait for a restart. True: the next can come at once. */
bool guest_step(struct manager *m, struct guest *g);
/* Its monitor may be gone, of itself or because we ended it. */
void guest_died(struct manager *m, struct guest *g);
/* Looks at the state that the monitor reports. */
void guest_check(struct manager *m, struct guest *g);
/* Ends it with this reason, whatever it does. */
__attribute__((format(printf, 4, 5))) void guest_stop(struct manager *m, struct guest *g,
						      enum life_end end, const char *why, ...);
/* Asks its monitor for MONITOR_ASK_* bits. */
void guest_ask(struct guest *g, uint32_t what);

/* ---- report.c ---- */
/* With `counters`: what it cost, while it is still there. */
void guest_report(struct manager *m, const struct guest *g);
/* With `counters`: what there is, when all that it had is back. */
void report_gone(struct manager *m, const struct guest *g);
/* What has to be the same before and after, when nothing is lost. */
void report_memory(struct manager *m, char *line, size_t bytes);

/* ---- guest_build.c: what it consists of ---- */
/* Checks the files that it needs, in steps: E_AGAIN while there is more to do. */
int guest_check_files(struct manager *m, struct guest *g, char *why, size_t why_bytes);
/* All but its RAM; `why` is set when there is more to say than a status. */
int guest_build(struct manager *m, struct guest *g, char *why, size_t why_bytes);
/* One piece of its RAM: E_AGAIN while there is more to come, 0: it has all. */
int guest_give_memory(struct manager *m, struct guest *g, char *why, size_t why_bytes);
/* Bytes that it has been promised, or 0 when it is not starting. */
uint64_t guest_memory_left(const struct guest *g);
int guest_start_thread(struct manager *m, struct guest *g);
/* One piece back: E_AGAIN while there is more, E_BUSY: later. */
int guest_take_memory(struct manager *m, struct guest *g);
/* Every handle, and the monitor's own memory. */
void guest_take_rest(struct manager *m, struct guest *g);

/* ---- modules.c ---- */

/* Index of the module with this name, or -1. */
int module_find(const struct manager *m, const char *name);
/*
 * A step of mapping it into the manager and checking its CRC-32, once: E_AGAIN while there is more to do, 0: it is
 * right and mapped; else a sentence in `why`.
 */
int module_check(struct manager *m, int index, char *why, size_t why_bytes);
/* All of that at once, before anybody is served. NULL, or a sentence in `why`. */
const uint8_t *module_open(struct manager *m, int index, char *why, size_t why_bytes);

/* ---- serve.c: bytes between guests, log, consoles ---- */
__attribute__((noreturn)) void manager_serve(struct manager *m);
/* From the kernel's log ring to the console's and to the screen, as far as there is room. */
void manager_log_pump(struct manager *m);
/* Moves what there is, once. True: there is more. */
bool manager_pump(struct manager *m, bool last);

/* ---- end.c ---- */
/* When the last VM has stopped: the box's last words, with every VM that failed. */
void manager_maybe_finish(struct manager *m);
/* The box cannot do its work, or has done it: its last line. */
__attribute__((noreturn, format(printf, 2, 3))) void manager_give_up(struct manager *m, const char *fmt,
								     ...);

/* ---- operator.c: the menu's commands ---- */
void operator_command(struct manager *m, const char *line);

/* ---- manager.c, rtc.c ---- */
__attribute__((format(printf, 1, 2))) void manager_say(const char *fmt, ...);
/* Seconds since 1970 from the box's clock chip, 0 when it does not answer. */
uint64_t rtc_read(void);
