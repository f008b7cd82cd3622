/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmark. It boots the image that `bulkhead image` makes under QEMU, once with a payload guest
 * on an instruction-counting clock (a round trip's cost is then a number of instructions, the same
 * each run), and once with Linux beside the same kernel started by QEMU directly. tools/exit-trace
 * counts the heavy operations of each round trip. It judges nothing.
 */
#include "tools/bench.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* KVM's figure on the same host, where one was measured: QEMU 7.2 in QEMU 10 TCG, default mitigations. */
struct row {
	const char *name, *what, *interval;
	unsigned kvm, aim;
};

static const struct row rows[] = {
	{ "cpuid", "CPUID", "RDTSC before to RDTSC after", 3222, 320 },
	{ "vmcall", "VMMCALL", "RDTSC before to RDTSC after", 0, 320 },
	{ "rdmsr", "RDMSR (emulated)", "RDTSC before to RDTSC after", 0, 320 },
	{ "self_ipi", "x2APIC self-IPI", "WRMSR to the handler's first RDTSC", 10532, 700 },
	{ "eoi", "EOI write", "RDTSC before to RDTSC after", 3820, 350 },
	{ "tsc_deadline", "TSC deadline", "the deadline to the handler's RDTSC, guest spinning", 9208, 1000 },
	{ "hlt_wake", "HLT wake-up", "the deadline to the handler's RDTSC, guest halted", 0, 0 },
	{ "pio_ring3", "port read, ring 3", "RDTSC before to RDTSC after", 5523, 900 },
	{ "mmio_ring3", "MMIO read, ring 3", "RDTSC before to RDTSC after", 0, 2500 },
	{ "doorbell", "doorbell", "RDTSC before to RDTSC after", 0, 0 },
};
enum { BOOTS = 3 };
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* What costs more than an instruction, as tools/exit-trace names it; `shown` has a column in the table. */
struct heavy {
	const char *name, *parts[3];
	bool shown;
};

static const struct heavy heavy[] = {
	{ "wrmsr", { "wrmsr" }, true },
	{ "cr3", { "cr3" }, true },
	{ "xsave", { "xsave", "xrstor" }, true },
	{ "vmcs", { "vmread", "vmwrite" }, true },
	{ "vmload", { "vmload", "vmsave" }, true },
	{ "syscall", { "syscall" }, true },
	{ "locked", { "locked" }, true },
	{ "rdmsr", { "rdmsr" }, false },
	{ "cr0_cr4", { "cr0_cr4" }, false },
	{ "iret", { "iret" }, false },
	{ "invlpg", { "invlpg" }, false },
	{ "div", { "div" }, false },
	{ "rep", { "rep" }, false },
	{ "port", { "port" }, false },
};
#define HEAVY (sizeof(heavy) / sizeof(heavy[0]))

struct result {
	long exits[ROWS]; /* instructions, -1: not measured */
	long heavy[ROWS][HEAVY]; /* operations, -1: not measured */
	long first_insn; /* kernel entry to the guest's first instruction, TSC ticks */
	double direct_s, box_s; /* to init; the box's from the manager's start of the VM */
	double load_s; /* of box_s: until memory is scrubbed and given, and the kernel loaded */
	long entries;
	char reasons[512];
	char mitigations[64];
	long kernel_bytes, image_bytes, ring0_lines;
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Calls see() for each line that the shell command prints, with the time since its start. */
static int run_lines(const char *command, void (*see)(struct result *, const char *, double),
		     struct result *r)
{
	double start = seconds();
	FILE *f = popen(command, "r");
	char line[2048];

	if (f == NULL) {
		fprintf(stderr, "bulkhead bench: cannot run %s: %s\n", command, strerror(errno));
		return 1;
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		see(r, line, seconds() - start);
	}
	return pclose(f) == 0 ? 0 : 1;
}

static void see_payload(struct result *r, const char *line, double at)
{
	char name[32];
	long value;

	const char *p = strstr(line, "first_insn: ");

	(void)at;
	if (p != NULL)
		r->first_insn = atol(p + strlen("first_insn: "));
	if (sscanf(line, "BENCH %31s %ld", name, &value) != 2)
		return;
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(rows[i].name, name) == 0)
			r->exits[i] = value;
}

/* EXIT kind instructions=N operation=N ...; an operation that is not named did not occur. */
static void see_heavy(struct result *r, const char *line, double at)
{
	char name[32];
	size_t row = 0;

	(void)at;
	if (sscanf(line, "EXIT %31s", name) != 1)
		return;
	while (row < ROWS && strcmp(rows[row].name, name) != 0)
		row++;
	for (size_t i = 0; row < ROWS && i < HEAVY; i++) {
		r->heavy[row][i] = 0;
		for (size_t part = 0; part < 3 && heavy[i].parts[part] != NULL; part++) {
			char word[40];
			const char *p;

			snprintf(word, sizeof(word), " %s=", heavy[i].parts[part]);
			p = strstr(line, word);
			r->heavy[row][i] += p != NULL ? atol(p + strlen(word)) : 0;
		}
	}
}

static double vm_started; /* of the boot that is being read: this program runs one at a time */

static void see_box_boot(struct result *r, const char *line, double at)
{
	const char *p;

	if (strstr(line, "vm linux: starting") != NULL)
		vm_started = at;
	if (strstr(line, "linux: guest: Linux") != NULL)
		r->load_s = at - vm_started;
	if (strstr(line, "bulkhead-guest: init") != NULL && r->box_s == 0)
		r->box_s = at - vm_started;
	p = strstr(line, "exits: ");
	if (p != NULL) {
		snprintf(r->reasons, sizeof(r->reasons), "%s", p + strlen("exits: "));
		p = strstr(line, "entries=");
		r->entries = p != NULL ? atol(p + strlen("entries=")) : 0;
	}
}

static void see_direct_boot(struct result *r, const char *line, double at)
{
	if (strstr(line, "bulkhead-guest: init") != NULL && r->direct_s == 0)
		r->direct_s = at;
}

static int write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) {
		fprintf(stderr, "bulkhead bench: cannot write %s: %s\n", path, strerror(errno));
		return 1;
	}
	return 0;
}

static long file_bytes(const char *dir, const char *name)
{
	char path[4200];
	struct stat s;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &s) == 0 ? (long)s.st_size : -1;
}

#define LINUX_CMDLINE "console=ttyS0 panic=-1 bh.test=poweroff"

static int measure_exits(const char *dir, struct result *r)
{
	char conf[4300], command[16384];

	snprintf(conf, sizeof(conf), "%s/bench-exits.conf", dir);
	if (write_file(conf, "[vm bench]\nmemory = 64M\ncpus = 1\nkernel = payload/bench.elf\n") != 0)
		return 1;
	snprintf(command, sizeof(command),
		 "'%s/bulkhead' run '%s' --boot bios --cpus 1 --timeout 300 --cmdline counters -- -icount shift=0,sleep=off </dev/null 2>&1",
		 dir, conf);
	if (run_lines(command, see_payload, r) != 0) {
		fprintf(stderr, "bulkhead bench: the payload's box failed: %s\n", command);
		return 1;
	}
	snprintf(command, sizeof(command), "O='%s' tools/exit-trace --counts", dir);
	if (run_lines(command, see_heavy, r) != 0)
		fprintf(stderr, "bulkhead bench: no heavy operations are shown: %s failed\n", command);
	return 0;
}

static int measure_boot(const char *dir, struct result *r)
{
	char conf[4300], command[16384];

	snprintf(conf, sizeof(conf), "%s/bench-linux.conf", dir);
	if (write_file(conf, "[vm linux]\nmemory = 512M\ncpus = 1\nkernel = demo/vmlinuz\n"
			     "initrd = demo/initrd.gz\ncmdline = " LINUX_CMDLINE "\n") != 0)
		return 1;
	snprintf(command, sizeof(command),
		 "'%s/bulkhead' run '%s' --boot bios --cpus 1 --timeout 300 --cmdline counters </dev/null 2>&1", dir, conf);
	if (run_lines(command, see_box_boot, r) != 0) {
		fprintf(stderr, "bulkhead bench: the Linux box failed: %s\n", command);
		return 1;
	}
	snprintf(command, sizeof(command),
		 "qemu-system-x86_64 -accel tcg -cpu EPYC -machine q35 -m 512 -smp 1 -display none -no-reboot "
		 "-serial stdio -monitor none -kernel '%s/demo/vmlinuz' -initrd '%s/demo/initrd.gz' "
		 "-append '" LINUX_CMDLINE "' </dev/null 2>/dev/null", dir, dir);
	return run_lines(command, see_direct_boot, r);
}

/* Of several boots, turn by turn, the fastest each: whatever else the machine does only slows one down. */
static int measure_boots(const char *dir, struct result *r)
{
	for (unsigned i = 0; i < BOOTS; i++) {
		struct result one = { 0 };

		if (measure_boot(dir, &one) != 0)
			return 1;
		if (i == 0 || one.direct_s < r->direct_s)
			r->direct_s = one.direct_s;
		if (i != 0 && one.box_s >= r->box_s)
			continue;
		r->box_s = one.box_s;
		r->load_s = one.load_s;
		r->entries = one.entries;
		memcpy(r->reasons, one.reasons, sizeof(r->reasons));
	}
	return 0;
}

static double ratio(double s, const struct result *r)
{
	return r->direct_s > 0 ? s / r->direct_s : 0;
}

static void print_row(const struct row *row, long here, const long *counts)
{
	char text[3][24] = { "-", "-", "-" };

	if (here >= 0)
		snprintf(text[0], sizeof(text[0]), "%ld", here);
	if (row->aim != 0)
		snprintf(text[1], sizeof(text[1]), "%u", row->aim);
	if (row->kvm != 0)
		snprintf(text[2], sizeof(text[2]), "%u", row->kvm);
	printf("%-18s %6s %6s %6s ", row->what, text[0], text[1], text[2]);
	for (size_t i = 0; i < HEAVY; i++)
		if (heavy[i].shown && counts[i] >= 0)
			printf(" %7ld", counts[i]);
		else if (heavy[i].shown)
			printf(" %7s", "-");
	printf("  %s\n", row->interval);
}

static void print_table(const struct result *r)
{
	printf("Instructions per round trip, median; QEMU TCG, -icount shift=0,sleep=off, one processor.\n");
	printf("Mitigations: none built yet. The guest's APIC mode: x2APIC. KVM: default mitigations.\n");
	printf("Heavy operations among them: vmcs is VMREAD and VMWRITE, xsave also XRSTOR, vmload also VMSAVE.\n\n");
	printf("%-18s %6s %6s %6s ", "exit", "here", "aim", "KVM");
	for (size_t i = 0; i < HEAVY; i++)
		if (heavy[i].shown)
			printf(" %7s", heavy[i].name);
	printf("  from, to\n");
	for (size_t i = 0; i < ROWS; i++)
		print_row(&rows[i], r->exits[i], r->heavy[i]);
	printf("\nKernel's entry to the guest's first instruction: %ld instructions (64 MiB guest; waits for clocks included)\n",
	       r->first_insn);
	printf("Linux to its init, the best of %d boots: %ld VM entries; %.2f s from the VM's start (%.2f s of it scrubbing and loading)\n"
	       "  beside %.2f s from QEMU's start directly on TCG: ratio %.2f, without scrubbing and loading %.2f\n",
	       BOOTS, r->entries, r->box_s, r->load_s, r->direct_s, ratio(r->box_s, r), ratio(r->box_s - r->load_s, r));
	printf("Exits by reason: %s\n", r->reasons);
	printf("Kernel image: %ld bytes; ring 0: %ld lines of code\n", r->kernel_bytes, r->ring0_lines);
}

static int print_json(const char *path, const struct result *r)
{
	FILE *f = fopen(path, "w");

	if (f == NULL) {
		fprintf(stderr, "bulkhead bench: cannot write %s: %s\n", path, strerror(errno));
		return 1;
	}
	fprintf(f, "{\"host\": \"QEMU TCG\", \"exits\": {");
	for (size_t i = 0; i < ROWS; i++)
		fprintf(f, "%s\"%s\": %ld", i > 0 ? ", " : "", rows[i].name, r->exits[i]);
	fprintf(f, "}, \"heavy\": {");
	for (size_t i = 0; i < ROWS; i++) {
		fprintf(f, "%s\"%s\": {", i > 0 ? ", " : "", rows[i].name);
		for (size_t k = 0; k < HEAVY; k++)
			fprintf(f, "%s\"%s\": %ld", k > 0 ? ", " : "", heavy[k].name, r->heavy[i][k]);
		fprintf(f, "}");
	}
	fprintf(f, "}, \"boot\": {\"first_insn\": %ld, \"entries\": %ld, \"box_seconds\": %.3f, "
		   "\"load_seconds\": %.3f, \"direct_seconds\": %.3f, \"ratio\": %.3f}, ",
		r->first_insn, r->entries, r->box_s, r->load_s, r->direct_s, ratio(r->box_s, r));
	fprintf(f, "\"size\": {\"kernel_bytes\": %ld, \"ring0_lines\": %ld}}\n", r->kernel_bytes,
		r->ring0_lines);
	return fclose(f) == 0 ? 0 : 1;
}

static void see_lines(struct result *r, const char *line, double at)
{
	(void)at;
	r->ring0_lines = atol(line);
}

int bench_main(const char *self, int argc, char **argv)
{
	static struct result r;
	char dir[4096], json[4200], *slash;

	if (argc != 1) {
		fprintf(stderr, "usage: bulkhead bench (%s takes no arguments)\n", argv[0]);
		return 2;
	}
	if (realpath(self, dir) == NULL) {
		fprintf(stderr, "bulkhead bench: %s: %s\n", self, strerror(errno));
		return 1;
	}
	slash = strrchr(dir, '/');
	if (slash != NULL)
		*slash = '\0';
	for (size_t i = 0; i < ROWS; i++)
		r.exits[i] = -1;
	r.first_insn = -1;
	memset(r.heavy, -1, sizeof(r.heavy));
	if (measure_exits(dir, &r) != 0 || measure_boots(dir, &r) != 0)
		return 1;
	r.kernel_bytes = file_bytes(dir, "kernel.elf");
	if (run_lines("tools/count-lines 2>/dev/null", see_lines, &r) != 0)
		r.ring0_lines = -1;
	print_table(&r);
	snprintf(json, sizeof(json), "%s/bench.json", dir);
	return print_json(json, &r);
}
