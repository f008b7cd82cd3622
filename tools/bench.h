/* SPDX-License-Identifier: GPL-2.0-only */
/* `bulkhead bench`: what bench.c measures and bench_print.c shows. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { ROWS = 10, HEAVY = 14, HOSTS = 4, HOST_QEMU = 0, BOOTS = 3, BENCH_BOOTS = 4 /* 1, 2, 4, 8 guests */ };

struct row {
	const char *name, *what, *interval;
	unsigned kvm, aim; /* 0: none */
};

/* What costs more than an instruction, as tools/exit-trace names it; `shown` has a column in the table. */
struct heavy {
	const char *name, *parts[3];
	bool shown;
};

struct host {
	/* run: options; emulator: what follows --; trace: for tools/exit-trace, NULL: it cannot there */
	const char *name, *run, *emulator, *trace, *mitigations;
	unsigned kvm_cpuid; /* KVM's CPUID there, 0: not measured */
};

/* One host's exits; -1: not measured. */
struct exits {
	long here[ROWS]; /* the guest's TSC difference, instructions */
	long ticks[ROWS]; /* Bochs' tick counter, from the guest's instruction to its next or to its handler's first */
	long heavy[ROWS][HEAVY]; /* operations */
	char mitigations[128]; /* which of them were on */
	long first_insn; /* kernel entry to the guest's first instruction, TSC ticks */
};

/* Several virtual machines; -1: not measured. */
struct bench_vms {
	long kernel_kib, monitor_kib, nested_kib; /* of a VM with one vCPU */
	long ipi; /* instructions */
	long gone, ran; /* two VMs take turns: how long one does not run, and the other does */
	long heartbeat; /* worst gap, hundredths of a period */
	long irqs_off; /* instructions */
	char irqs_off_where[64];
	double boot_s[BENCH_BOOTS];
	double started, init; /* of the run that is being read */
};

struct result {
	struct exits exits[HOSTS];
	struct exits *now; /* what is being measured */
	bool bochs; /* there is one */
	double direct_s, box_s; /* to init; the box's from the manager's start of the VM */
	double load_s; /* of box_s: until memory is scrubbed and given, and the kernel loaded */
	long entries;
	char reasons[512];
	struct bench_vms vms;
	long kernel_bytes, image_bytes, ring0_lines;
};

/* bench_print.c */
extern const struct row rows[ROWS];
extern const struct heavy heavy[HEAVY];
extern const struct host hosts[HOSTS];
void bench_table(const struct result *r);
int bench_json(const char *path, const struct result *r);

/* bench_vms.c. dir: the build folder. 0, or 1 when a box failed, which it says. */
int bench_vms(const char *dir, struct result *r);
void bench_vms_print(const struct bench_vms *b);
/* As a member of the outer object, with a comma behind it. */
void bench_vms_json(FILE *f, const struct bench_vms *b);

/*
 * bench.c. Calls see() for each line that the shell command prints, with the seconds since its start. 0, or 1 when the
 * command failed: then it says how, and the last 40 lines.
 */
int bench_lines(const char *command, void (*see)(struct result *, const char *, double), struct result *r);
/* argv[0] is "bench". Returns the process's exit status. `self` is the path of this program. */
int bench_main(const char *self, int argc, char **argv);
