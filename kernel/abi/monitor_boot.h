/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a monitor finds at USER_BOOT_PAGE (struct monitor_boot, read only) and at MONITOR_SHARED
 * (struct monitor_shared, written by both sides). The manager never trusts a byte of the latter.
 */
#pragma once

#include <stdint.h>

#define MONITOR_BOOT_MAGIC   0x746f6f42726f746eULL
#define MONITOR_FILES_MAX    16
#define MONITOR_CPUS_MAX     32
#define MONITOR_REASON_MAX   160
#define MONITOR_CMDLINE_MAX  2048
#define MONITOR_SHARED	     0x0000000078010000ULL /* three pages: status, ring in, ring out */
#define MONITOR_SHARED_PAGES 3
/* Stack n (0: the first thread, n: vCPU n - 1) ends at USER_STACK_TOP - n * stride; gaps are guards. */
#define MONITOR_STACK_STRIDE 0x10000ULL
#define MONITOR_STACK_BYTES  0x4000ULL
#define MONITOR_PRIORITY_IO   15 /* its first thread; of 0 to 31, the manager has 16 */
#define MONITOR_PRIORITY_VCPU 8

/* The handles that the manager has put into the monitor's table, by meaning. */
struct monitor_handles {
	int32_t space; /* itself */
	int32_t vm;
	int32_t event; /* the monitor's own event: it waits */
	int32_t manager_event; /* it signals manager_bits */
};

enum monitor_file_kind { MONITOR_FILE_KERNEL = 1, MONITOR_FILE_INITRD, MONITOR_FILE_MODULE };

struct monitor_file { /* a module, mapped read only */
	uint64_t va, bytes;
	uint32_t kind, reserved;
	char name[112];
	char args[176]; /* a module's: its string is "name args" */
};

enum {
	MONITOR_COUNTERS = 1, MONITOR_VERBOSE = 4, MONITOR_PORTS = 8,
	MONITOR_TESTDEV = 16, /* `testdev = yes` */
};

struct monitor_boot {
	uint64_t magic;
	char name[16]; /* the VM's */
	uint64_t memory; /* guest RAM in bytes; above the hole it goes on at 4 GiB */
	uint32_t cpus, flags; /* flags: MONITOR_* */
	uint32_t host_cpus;
	uint32_t life; /* how often the VM has been started before */
	uint32_t backoff_ms; /* the first pause when the guest resets itself again and again */
	uint16_t cpu[MONITOR_CPUS_MAX]; /* the host processor of each vCPU */
	struct monitor_handles handle;
	uint64_t manager_bits; /* to signal on manager_event */
	uint64_t wall; /* seconds since 1970-01-01 UTC at wall_tsc */
	uint64_t wall_tsc;
	uint32_t files;
	uint32_t shuffle_ms; /* tests: every so often each vCPU that has run moves to the next processor; 0: never */
	struct monitor_file file[MONITOR_FILES_MAX];
	char cmdline[MONITOR_CMDLINE_MAX];
};
#define MONITOR_BOOT_PAGES 2
_Static_assert(sizeof(struct monitor_boot) <= MONITOR_BOOT_PAGES * 4096, "at USER_BOOT_PAGE");

/* The monitor's own event; the last two also serve the events of its vCPU threads. */
enum {
	MONITOR_BIT_TIMER = 1 << 0,
	MONITOR_BIT_CONSOLE = 1 << 1, /* the manager put bytes into `in` */
	MONITOR_BIT_STATE = 1 << 2, /* a vCPU thread asks for a machine-wide change */
	MONITOR_BIT_LOCK = 1 << 4, /* the board lock may be free */
	MONITOR_BIT_GO = 1 << 5, /* the machine change is done */
	MONITOR_BIT_ASK = 1 << 6, /* the manager set bits in monitor_shared.ask */
	MONITOR_BIT_DELAY_PORT = 1 << 3, /* a write to port 0x80; nobody waits for it */
};

enum monitor_state {
	MONITOR_STARTING = 0,
	MONITOR_RUNNING,
	MONITOR_POWERED_OFF, /* the guest switched itself off */
	MONITOR_CRASHED, /* reason says why */
	MONITOR_FAILED, /* it could not start; reason says why */
	MONITOR_EXITED, /* the guest ended itself by the debug-exit port, with exit_status */
};

/* What the manager may ask for: lines in the log. */
enum { MONITOR_ASK_COUNTERS = 1, MONITOR_ASK_DUMP = 2 };

struct monitor_shared { /* page 0; page 1 is ring `in`, page 2 ring `out` (lib/ring.h) */
	uint32_t state; /* enum monitor_state, written last */
	uint32_t resets; /* how often the guest has reset itself */
	uint32_t exit_status; /* of MONITOR_EXITED, 0 to 255 */
	char reason[MONITOR_REASON_MAX];
	uint32_t ask; /* MONITOR_ASK_*, set by the manager, taken by the monitor */
};
