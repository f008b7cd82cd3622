/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A monitor with a fault, for tests: the monitor's own sources, with every system call going by way of
 * fault_call. In each life of its VM it does one thing wrong (the deed) at one place (the site): a system
 * call, or an exit of vcpu_run. Which, says the VM's command line and how often it has been started:
 *
 *   faults=FAMILY seed=N count=N [from=N] [off]
 *
 * Lives 0 and 2 have no fault, life 1 takes all there is, so that what the kernel keeps for more of the same has been made
 * (with `off` there are no such lives); then come `count` of the family's list, from case `from` on; then no more (with
 * `off`: it says that the guest has switched itself off).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kernel/abi/monitor_boot.h"
#include "kernel/abi/syscall.h"
#include "kernel/abi/vcpu.h"

/* A call as it comes in, RAX first; what RAX and RDX are at the end is its result. (entry.asm) */
struct fault_frame {
	uint64_t rax, rdi, rsi, rdx, r10, r8, r9;
};

enum { FAULT_SITES = SYS_MAX + EXIT_KINDS }; /* system calls, then exits */

struct fault_case;

struct fault_deed {
	const char *name;
	/* At the site: before that system call, which it has to make or not, or right after that exit. */
	void (*run)(struct fault_case *c, struct fault_frame *f, bool at_exit);
	enum { ONCE, SAME_CALL, EVERY_RUN } again; /* before each later call of the same number; of vcpu_run */
	bool everyone; /* every other thread at its next call, too */
};

struct fault_case {
	const struct monitor_boot *boot; /* NULL: not planned yet */
	const struct fault_deed *deed; /* NULL: no fault in this life */
	const char *family;
	unsigned number, site; /* in the family's list */
	unsigned skip; /* the site passes so often before it counts */
	uint64_t seed; /* of all that is arbitrary */
	uint32_t calls, after; /* before and after the deed */
	uint32_t fired; /* 0, TAKEN by a thread, FIRED */
	uint64_t done_by; /* a bit a thread: who has done an `everyone` deed */
};

extern struct fault_case the_fault; /* the one of this process */

extern const struct fault_deed fault_off; /* (deeds.c) */
extern const struct fault_deed family_nonsense[3], family_area[1], family_result[5]; /* (nonsense.c) */
/* A family's deeds; their number, 0: no such family. (deeds.c) */
unsigned fault_deeds(const char *family, const struct fault_deed **deeds);

/* ---- entry.asm ---- */
void fault_real(struct fault_frame *f);
void fault_spin(void);

/* ---- fault.c ---- */
void fault_call(struct fault_frame *f); /* for entry.asm */
int64_t fault_sys(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t g);
/* The same with what is left out as 0, whatever the arguments' types. */
#define CALL(...) CALL_(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_(n, a, b, c, d, e, g, ...) \
	fault_sys((n), (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e), (uint64_t)(g))
/* The call that the deed came before. */
void fault_go_on(struct fault_frame *f, bool at_exit);
__attribute__((format(printf, 1, 2))) void fault_say(const char *fmt, ...);
/* The next arbitrary number. Threads share it: what the monitor does in between is not reproducible either. */
uint64_t fault_random(struct fault_case *c);
uint64_t fault_argument(struct fault_case *c);
/* Which of the monitor's threads this is: 0 the first, n vCPU n - 1. */
unsigned fault_thread(void);
struct vcpu_area *fault_area(unsigned vcpu);
