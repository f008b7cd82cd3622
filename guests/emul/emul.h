/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The x86 instruction emulator: performs one instruction that touched MMIO, or an INS or OUTS, in
 * any mode of the processor, on a vCPU's neutral registers and a host interface. It is not an
 * interpreter: register-only and control instructions are the processor's own business.
 *
 * No writable globals, no allocation, general registers only. One struct emul per vCPU thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernel/abi/vcpu.h"
#include "lib/addr.h"

struct emul;

enum emul_result {
	EMUL_OK, /* done: registers, RIP, RFLAGS and shadow are those after the instruction */
	/*
	 * Inject e->fault (emul_fault_post does). For a fault, RIP is still at the instruction and,
	 * apart from the finished iterations of a REP, no register has changed. The trap of a
	 * single step (#DB) comes this way too: then the instruction is done, RIP and DR6 say so.
	 */
	EMUL_FAULT,
	EMUL_AGAIN, /* not finished (REP budget, or a lost race for a locked operand): run the guest
		     * or call again; RIP is at the instruction, what was finished is in regs */
	EMUL_UNKNOWN, /* not an encoding of the table, or code outside RAM: stop the VM, show insn[] */
	EMUL_HOST, /* a host operation returned an error: e->host_error; stop the VM */
	EMUL_SHUTDOWN, /* a task switch to the handler of #DF failed: a triple fault */
};

enum { EMUL_INSN_MAX = 15, EMUL_CACHE_ENTRIES = 8, EMUL_LEVELS_MAX = 5 };

/* Register groups that must be valid in regs before every call. */
#define EMUL_WANT (REG_GPR | REG_RIP | REG_SEG | REG_CR)
/*
 * REG_TABLE (segment loads, I/O bitmap), REG_DR (single step) and REG_PDPTR (PAE) are used when
 * `valid` names them, else asked for by ops->pull. PDPTRs that cannot be had, or are all zero, are
 * read from memory at CR3, as some processors do. CPL is SS's DPL: a backend fills it in so.
 */

/*
 * The way out. All return 0, or a negative error (kernel/abi/status.h) that ends the emulation
 * with EMUL_HOST. Guest-physical addresses have the A20 gate still to be applied, by the host.
 */
struct emul_ops {
	/*
	 * Host pointer to `bytes` bytes of RAM (or ROM, when !write) within one 4K page, or NULL
	 * when any of it is something else. A `write` pointer is written once, at once: the host
	 * may mark the page dirty. A read pointer is kept in the cache until emul_flush.
	 */
	void *(*ram)(struct emul *e, gpa_t at, size_t bytes, bool write);
	/* Everything that `ram` refused: MMIO, holes, writes to ROM. 1, 2, 4 or 8 bytes of any
	 * alignment, never across a 4K page. Value in the low bytes; a hole reads all-ones. */
	int (*read)(struct emul *e, gpa_t at, unsigned bytes, uint64_t *value);
	int (*write)(struct emul *e, gpa_t at, unsigned bytes, uint64_t value);
	int (*port_in)(struct emul *e, uint16_t port, unsigned bytes, uint32_t *value);
	int (*port_out)(struct emul *e, uint16_t port, unsigned bytes, uint32_t value);
	/* Makes more register groups valid in regs. NULL: what `valid` says is all there is. */
	int (*pull)(struct emul *e, uint32_t groups);
	/* Vector register `index`: 32 bytes, YMM layout, XMM first. NULL: vector moves are unknown. */
	int (*vector_get)(struct emul *e, unsigned index, uint8_t value[32]);
	int (*vector_set)(struct emul *e, unsigned index, const uint8_t value[32]);
};

struct emul_fault {
	uint8_t vector, has_error;
	uint8_t set_cr2;
	uint32_t error;
	uint64_t cr2;
};

/*
 * A remembered page walk. It is not a TLB: each use reads the guest's entries again, through the
 * host pointers kept here, and is a hit only when every one is what it was.
 */
struct emul_walk {
	uint64_t page; /* linear address of the page | 1; 0: empty */
	uint64_t root, mode; /* CR3, and the bits that decide walk and rights, at that time */
	uint64_t frame; /* guest-physical address of the 4K page */
	const uint8_t *ram; /* host pointer to the frame for reads, once asked for */
	uint8_t levels, width, plain; /* entries read, bytes of each; plain: 8, all in RAM */
	uint8_t user, writable, nx; /* of all levels together */
	uint32_t allowed; /* a bit for each kind of access that has succeeded */
	struct {
		const void *at;
		uint64_t value;
	} entry[EMUL_LEVELS_MAX];
};

struct emul {
	/* Set by the host before emul_step. */
	struct vcpu_regs *regs;
	const struct emul_ops *ops;
	void *host; /* the host's own */
	uint32_t valid; /* groups of regs that are valid, EMUL_WANT at least */
	uint32_t budget; /* iterations of a REP before EMUL_AGAIN; 0: EMUL_BUDGET */
	/* Guest-physical address width: entries with bits at or above it are reserved. 0: 52. */
	uint8_t gpa_bits;
	/* Bytes of insn[] that the exit gave, to save the fetch; emul_step clears it. 0: none. */
	uint8_t given;
	uint8_t insn_len; /* result: bytes of insn[] that were read, for the dump */
	uint8_t insn[16];

	/* Results. */
	uint32_t changed; /* groups of regs changed: `push` of the next run; accumulates */
	int host_error;
	struct emul_fault fault;

	/* The emulator's own, zero at first. */
	struct emul_walk walk[EMUL_CACHE_ENTRIES];
};

#define EMUL_BUDGET 4096

/* Performs the instruction at CS:RIP. The caller has seen that no event was being delivered: an
 * exit in the middle of a delivery is not the instruction's. */
enum emul_result emul_step(struct emul *e);

/*
 * The task switch that the processor has left to us (EXIT_TASK_SWITCH), in protected mode without
 * IA-32e; CALL's, JMP's and INT's checks of privilege have been made. Wants REG_TABLE and REG_DR
 * beside EMUL_WANT. EMUL_FAULT: before the switch, nothing has changed; or in the new task, which
 * the registers then show. The #DB of the TSS's T bit comes this way too.
 */
enum emul_result emul_task_switch(struct emul *e, const struct vcpu_task *t);

/* Puts e->fault into the event fields (and CR2) of regs, and into `changed`. */
void emul_fault_post(struct emul *e);

/* Forgets host pointers: needed when the host changes what `ram` answers (A20, ROM shadowing), or
 * gpa_bits. */
void emul_flush(struct emul *e);

/*
 * For the rest of the monitor (debugger, lapic page, crash dump): linear to guest-physical as the
 * guest's supervisor would read it, without changing accessed bits. False: not mapped.
 */
bool emul_translate(struct emul *e, gva_t linear, gpa_t *to);
