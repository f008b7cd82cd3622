/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The monitor of one VM: what its threads share. One thread a vCPU runs vcpu_run and serves exits;
 * one more does timers, the console and every change of the whole machine (start, reset, stop).
 *
 * Fields: (c) constant once the threads run, (v) that vCPU's thread only, (i) the I/O thread only,
 * [lock] under the board lock, (a) atomic.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "guests/board.h"
#include "guests/emul/emul.h"
#include "guests/load/load.h"
#include "kernel/abi/layout.h"
#include "kernel/abi/monitor_boot.h"
#include "kernel/abi/sys.h"
#include "kernel/abi/vcpu.h"
#include "lib/backoff.h"
#include "lib/ring.h"

#define MONITOR_VCPUS	       MONITOR_CPUS_MAX
#define MONITOR_LAPIC_PAGE     0xfee00000ULL

/* What a thread may ask of the machine. The first request wins until it has been served. */
enum monitor_request {
	REQUEST_NONE,
	REQUEST_CLAIMED, /* its reason is being written */
	REQUEST_RESET,
	REQUEST_POWER_OFF,
	REQUEST_CRASH,
	REQUEST_EXIT, /* with shared->exit_status */
};

struct monitor;

/* With MONITOR_PORTS: who came how often. */
#define MONITOR_PORT_COUNTS 64

struct monitor_port_count {
	uint16_t port;
	uint8_t write;
	uint32_t count; /* 0: free */
};

struct monitor_vcpu {
	struct monitor *monitor; /* (c) */
	struct vcpu_area *area; /* (c) shared with the kernel, which we trust */
	int handle, event; /* (c) the thread waits on event: MONITOR_BIT_GO, _LOCK */
	int thread; /* (c) */
	unsigned index; /* (c) */
	uint32_t dump; /* (a) at the next kick, write the state to the log */
	unsigned moves; /* (i) to another processor, and */
	uint64_t moved_at; /* (i) how many VM entries there had been at the last one */
	struct emul emul; /* (v) */
	uint64_t unknown_rip; /* (v) of an instruction that the emulator could not do, */
	unsigned unknowns; /* (v) and how often in a row */
	struct monitor_port_count port[MONITOR_PORT_COUNTS]; /* (v) */
};

struct monitor {
	const struct monitor_boot *boot; /* (c) */
	struct monitor_shared *shared; /* (c) read by the manager */
	uint8_t *ram; /* (c) guest-physical 0 */
	uint64_t low_bytes, high_bytes; /* (c) RAM below the hole; from 4 GiB on */
	uint64_t tsc_base, tsc_hz; /* (c) guest time 0, ticks a second */
	uint32_t ns_mul; /* (c) as struct box_info's */
	int32_t ns_shift; /* (c) */
	uint64_t boot_tsc; /* (c) at the kernel's entry */
	uint64_t first_tsc; /* vCPU 0's thread: just before its first vcpu_run */

	uint32_t lock; /* (a) the board lock: chips are called with it held */
	uint32_t lock_heir, lock_given; /* (a) a thread + 1: who asks to be given the lock, who has been */
	uint64_t lock_waiters; /* (a) a bit a thread, MONITOR_IO_THREAD or vCPU index + 1 */
	struct board board; /* [lock] */
	uint64_t deadline; /* [lock] guest ns */
	bool deadline_moved, console_moved; /* [lock] told to the kernel, manager at unlock */
	struct ring_end console_in, console_out; /* [lock] */
	uint8_t typed[128]; /* [lock] taken from console_in, not yet from us */
	unsigned typed_at, typed_end; /* [lock] */
	bool typed_wait; /* [lock] the chip is full: console_ready says when */

	uint32_t request; /* (a) enum monitor_request */
	uint32_t parked; /* (a) vCPU threads that wait for the machine change */
	unsigned moves; /* (i) of all vCPUs, for boot->shuffle_ms */
	uint32_t resetting; /* (a) released vCPU threads that have not reset their vCPU yet, but for 0's */
	struct backoff resets; /* (i) by the guest itself */
	uint64_t released; /* (i) TSC: when the vCPUs began, or began anew */
	uint64_t reset_at; /* (i) TSC: the end of the pause before a reset; 0: there is none */
	struct load_start start; /* (i) written before the vCPUs go on */
	struct monitor_vcpu vcpu[MONITOR_VCPUS];
};

/* ---- monitor_lock.c: the board lock ---- */
#define MONITOR_IO_THREAD 0
/* `who`: the calling thread, MONITOR_IO_THREAD or its vCPU's index + 1. */
void monitor_lock(struct monitor *m, unsigned who);
/* Also passes on what board calls have left to do: the deadline, the console's signal. */
void monitor_unlock(struct monitor *m);

/* ---- monitor_board.c: what the board wants of us ---- */
extern const struct board_ops monitor_board_ops;
uint64_t monitor_now(const struct monitor *m); /* guest ns */
/* Host pointer to guest memory, or NULL when any byte of it is not RAM. */
uint8_t *monitor_ram(const struct monitor *m, uint64_t at, uint64_t bytes);
/* I/O thread: moves console bytes both ways; lock held. */
void monitor_console_pump(struct monitor *m);

/* ---- monitor_vcpu.c ---- */
/* A vCPU thread's whole life. */
void monitor_vcpu_main(struct monitor_vcpu *v);
/* Writes the start state into the vCPU. (monitor_start.c) */
void monitor_vcpu_reset(struct monitor_vcpu *v);

/* ---- monitor_mmio.c: exits that need the instruction emulator ---- */
void monitor_emulate(struct monitor_vcpu *v);
enum emul_result monitor_task_switch(struct monitor_vcpu *v);
extern const struct emul_ops monitor_emul_ops;

/* ---- monitor_start.c: (re)loading the guest ---- */
/* I/O thread, vCPUs parked. 0, or a status with a sentence in why[LOAD_WHY_MAX]. */
int monitor_load(struct monitor *m, char *why);

/* ---- monitor_report.c ---- */
/*
 * Any thread: asks for a machine change. `why` becomes the reason when this request wins. Returns at
 * once; vCPU threads park themselves when they see it.
 */
__attribute__((format(printf, 3, 4))) void monitor_ask(struct monitor *m,
						       enum monitor_request request,
						       const char *why, ...);
__attribute__((format(printf, 2, 3))) void monitor_say(struct monitor *m, const char *fmt, ...);
/* One more access to this port. */
void monitor_port_count(struct monitor_vcpu *v, uint16_t port, bool write);
/* The line of exit counters, summed over the vCPUs. */
void monitor_counters(struct monitor *m);
/* The name of enum hv_exit_kind number `kind`, NULL beyond the last. */
const char *monitor_exit_name(unsigned kind);
