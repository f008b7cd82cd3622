/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The system calls: numbers, operations, argument structures and the stubs that ring 3 calls.
 *
 * SYSCALL with RAX = number and RDI RSI RDX R10 R8 R9 = arguments. RAX returns a status (negative:
 * enum status) or a non-negative value, RDX a second value where one is documented. RCX and R11 are
 * destroyed; every other register is preserved.
 *
 * Handles are small integers that name an object in the calling space's table. Handle 0 is never
 * valid. A right that a call needs is named beside it as [right].
 */
#pragma once

#include <stdint.h>
#include "kernel/abi/status.h"

enum sys_number {
	SYS_LOG = 0,	    /* (text, bytes): a line for the box's log; led by the space's name */
	SYS_LOG_READ,	    /* (box, buf, bytes, cursor) -> bytes; RDX = next cursor; from the log ring */
	SYS_CLOSE,	    /* (handle): the last handle destroys the object */
	SYS_GRANT,	    /* (space, handle, rights) -> handle number in the space; [grant] */
	SYS_RANGE_SPLIT,    /* (range, offset) -> handle of the part from offset (4 KiB aligned) on, with
				the same rights [control] */
	SYS_RANGE_MERGE,    /* (low, high): high joins low, and its handle is gone; E_PERM: low's handle
				has rights that high's lacks [control] */
	SYS_RANGE_MAP,	    /* (space, range, va, offset, bytes, prot) [control on space] */
	SYS_RANGE_UNMAP,    /* (space, va, bytes) */
	SYS_RANGE_INFO,	    /* (range, struct range_info *) */
	SYS_RANGE_SCRUB,    /* (range): fills with zeros; E_AGAIN: call again */
	SYS_SPACE_CREATE,   /* (name[16], quota in 4 KiB pages, taken from the caller's) -> space */
	SYS_SPACE_CTL,	    /* (space, op, a, b) enum space_op */
	SYS_THREAD_CREATE,  /* (space, entry, stack top, arg, cpu, priority) -> thread, stopped; E_BUSY:
				the processor is another space's alone, or its one thread is there */
	SYS_THREAD_CTL,	    /* (thread or 0 = self, op, a) enum thread_op */
	SYS_EVENT_CREATE,   /* () -> event: 64 bits that can be waited for */
	SYS_EVENT_SIGNAL,   /* (event, bits) */
	SYS_EVENT_WAIT,	    /* (event, mask, TSC deadline, 0 = poll, ~0 = for ever): RDX = the pending
				bits in mask, cleared; E_TIMEOUT when there are none */
	SYS_EVENT_TIMER,    /* (event, bits, TSC deadline; 0 disarms): one timer an event, 64 a VM at a time [read, write] */
	SYS_EVENT_IRQ,	    /* (box, gsi, flags, event, bits): bind a host interrupt; flags IRQ_*;
				IRQ_ACK unmasks a level-triggered one after service */
	SYS_PORT_GRANT,	    /* (box, first, count) -> port handle */
	SYS_PORT_IO,	    /* (port handle, port, bytes | PORT_WRITE, value): RDX = value read */
	SYS_VM_CREATE,	    /* (space, RAM base va, name[16], ns since 1970 now, 0: unknown) -> vm; the monitor is
				that space */
	SYS_VM_MAP,	    /* (vm, range, gpa, flags VM_MAP_*): moves the range; its handle is gone */
	SYS_VM_TAKE,	    /* (vm) -> range: gives back one range of a dead VM, scrubbed; E_AGAIN: call
				again; E_RANGE: none left; E_BUSY: the VM still has live vCPUs */
	SYS_VM_IRQ,	    /* (vm, address, data): deliver a message-signalled interrupt */
	SYS_VM_IRQFD,	    /* (vm, event, bit number, address, data): bind, or replace atomically; the
				bit is taken before any waiter sees it [read on event] */
	SYS_VM_DOORBELL,    /* (vm, const struct vm_doorbell *, event, bits) */
	SYS_VM_CTL,	    /* (vm, op, a) enum vm_op */
	SYS_VCPU_CREATE,    /* (vm, APIC ID, area va) -> vcpu; maps its area (kernel/abi/vcpu.h) there */
	SYS_VCPU_RUN,	    /* (vcpu) -> enum vcpu_exit; the area says the rest */
	SYS_VCPU_KICK,	    /* (vcpu): makes a vcpu_run in progress, or the next one, return EXIT_KICK */
	SYS_VCPU_CTL,	    /* (vcpu, op, a, b) enum vcpu_op */
	SYS_BOX_INFO,	    /* (struct box_info *) */
	SYS_BOX_CTL,	    /* (box, op, a, b) enum box_op */
	SYS_MAX
};

enum { RIGHT_READ = 1, RIGHT_WRITE = 2, RIGHT_EXEC = 4, RIGHT_CONTROL = 8, RIGHT_GRANT = 16, RIGHT_ALL = 31 };
enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4 };
enum { VM_MAP_READONLY = 1 };
enum { IRQ_LEVEL = 1, IRQ_ACTIVE_LOW = 2, IRQ_ACK = 4, IRQ_ISA = 8 /* gsi is an ISA IRQ: apply the MADT overrides */ };
enum { PORT_WRITE = 0x80 };

enum range_type {
	RANGE_RAM = 1,
	RANGE_MODULE, /* a boot module: RAM with contents */
	RANGE_FIRMWARE_TABLES, /* ACPI tables, read only */
	RANGE_MMIO, /* device memory, mapped uncached; never moved to a VM without an IOMMU */
	RANGE_FRAMEBUFFER, /* mapped write-combining */
};

struct range_info {
	uint64_t base; /* host-physical address; meaningless but to the operator */
	uint64_t size; /* bytes, a multiple of 4 KiB */
	uint32_t type; /* enum range_type */
	uint32_t node; /* NUMA node, 0 for now */
	uint64_t module_bytes; /* RANGE_MODULE: the exact size of the file */
	uint32_t maps; /* how many mappings exist */
	uint32_t reserved;
};

enum space_op {
	SPACE_KILL = 1, /* stop every thread of it; the reason becomes REASON_KILLED */
	SPACE_WATCH, /* (event, bits): signalled when it dies; E_EXIST: somebody watches already */
	SPACE_INFO, /* (struct space_info *) */
};

enum space_reason { REASON_ALIVE = 0, REASON_EXITED, REASON_KILLED, REASON_FAULT };

struct space_info {
	uint32_t reason; /* enum space_reason */
	uint32_t vector; /* REASON_FAULT: the exception */
	uint64_t error, rip, cr2; /* REASON_FAULT; REASON_EXITED: error is the exit code */
	uint64_t quota, used; /* kernel memory in 4 KiB pages */
	uint32_t handles, reserved; /* in use */
};

enum thread_op {
	THREAD_START = 1,
	THREAD_MOVE, /* (cpu); E_BUSY: that processor is another's alone */
	THREAD_YIELD,
	THREAD_EXIT, /* (code): the last thread of a space ends the space */
	THREAD_SET_FS, /* (base): canonical user address; for library code that needs a TLS */
	THREAD_FPU, /* from now on this thread may use FPU/SSE registers; they are switched */
};

struct vm_doorbell {
	uint16_t port; /* first port */
	uint16_t count; /* ports */
	uint8_t size; /* access size in bytes, 0: any */
	uint8_t has_match; /* fire only when the value written equals match */
	uint8_t remove;
	uint8_t reserved;
	uint32_t match;
};

enum vm_op {
	VM_KILL = 1, /* no vCPU of it runs again; vcpu_run returns E_DEAD */
	VM_INFO, /* (struct vm_info *) */
	VM_FREEZE, /* there will be no more vCPUs; the first vcpu_run says so, too, and may wait for locks of the box */
};

struct vm_info {
	uint64_t npt_pages; /* 4 KiB pages of nested page tables, the root included */
};

enum vcpu_op {
	VCPU_LAPIC_READ = 1, /* (offset in the page) : RDX = the 32-bit value */
	VCPU_LAPIC_WRITE, /* (offset, value) */
	VCPU_INTR_SET, /* (level): the 8259's INTR line into this vCPU */
	VCPU_NMI, /* pend an NMI */
	VCPU_INIT, /* INIT state, as after an INIT IPI */
	VCPU_RESET, /* power-on state, at once; by its own thread, or while it has none */
	VCPU_STATE_PULL, /* (mask): fills the area's groups while the vCPU does not run */
	VCPU_DUMP, /* writes the state to the log; as VCPU_RESET, E_BUSY while another thread has it */
};

struct box_info {
	uint32_t cpus;
	uint32_t tsc_stable; /* no warp seen between processors */
	uint64_t tsc_hz;
	uint64_t pool_bytes, pool_free; /* in whole pages */
	uint64_t pool_small; /* what small objects have of the pages that are not free */
	uint64_t boot_tsc; /* at kernel entry */
	char vendor[16]; /* the backend: for people, never for decisions */
	char cmdline[1024]; /* the box's command line, as booted */
	char loader[64];
	/* kvmclock's scale: ns = ((tsc - base) << shift or >> -shift) * mul >> 32 */
	uint32_t tsc_to_ns_mul;
	int32_t tsc_to_ns_shift;
};

enum box_op {
	BOX_PANIC_TEST = 1,
	BOX_EXCLUSIVE, /* (cpu, space): one thread of that space may be there, and nobody else, until the
			space ends or (cpu, 0); E_BUSY: threads are there, or another space has it.
			THREAD_CREATE and THREAD_MOVE of others to it give E_BUSY. Never processor 0. */
	BOX_CPU_STATS, /* (cpu, struct cpu_stats *) */
	BOX_LOG_WATCH, /* (event, bits): signalled when the log has grown; once, E_EXIST */
};

struct cpu_stats { /* counted since boot, or since it was reserved last */
	uint64_t lock_waits; /* it waited for a lock of a VM, a space, an event .. */
	uint64_t foreign_lock_waits; /* .. for one of the whole box, or of processor 0, which others hold, too */
	uint64_t switches; /* of threads */
	uint64_t interrupts; /* of any kind, but what a guest takes without us */
	uint64_t ticks; /* ends of time slices */
	uint64_t ipis, shootdowns; /* reschedule and TLB-flush interrupts from other processors */
	uint64_t foreign_ipis, foreign_shootdowns; /* while exclusive: of those, by other spaces */
	uint32_t threads; /* that are here now, running or not */
	uint32_t exclusive; /* 1: reserved by BOX_EXCLUSIVE */
};

/*
 * What the manager finds in its table when it starts. RAM and module ranges follow one after the
 * other from HANDLE_FIRST_RANGE on; its entry point gets a pointer to struct manager_boot in RDI.
 */
enum { HANDLE_SELF_SPACE = 1, HANDLE_BOX = 2, HANDLE_FIRST_RANGE = 3 };

struct manager_boot_module {
	uint32_t handle, crc32;
	uint32_t has_crc, reserved;
	uint64_t bytes;
	char name[112];
};

struct manager_boot_table { /* an ACPI table in a RANGE_FIRMWARE_TABLES of its own, the FADT with a right checksum */
	uint32_t handle, offset, bytes; /* bytes 0: there is none */
};

struct manager_boot { /* mapped read only */
	uint32_t ram_ranges; /* handles HANDLE_FIRST_RANGE .. + ram_ranges - 1 */
	uint32_t modules;
	struct manager_boot_table fadt, dsdt; /* for switching the box off */
	uint32_t framebuffer; /* handle or 0 */
	uint32_t fb_pitch, fb_width, fb_height, fb_bpp, fb_is_text;
	uint32_t fb_offset; /* of the first pixel in the range */
	struct manager_boot_module module[64];
};

struct sys_result {
	int64_t value;
	uint64_t second;
};

/* The raw call. Ring 3 only. */
static inline struct sys_result sys_call6(uint64_t n, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
					  uint64_t e, uint64_t f)
{
	struct sys_result r;
	register uint64_t r10 __asm__("r10") = d;
	register uint64_t r8 __asm__("r8") = e;
	register uint64_t r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(r.value), "=d"(r.second)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}

