/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmark. It boots the image that `bulkhead image` makes under QEMU, once with a payload guest
 * on an instruction-counting clock (a round trip's cost is then a number of instructions, the same
 * each run), and with Linux beside the same kernel started by QEMU directly; the payload also under
 * Bochs, where each instruction is a tick. tools/exit-trace counts the heavy operations of each round
 * trip. It judges nothing.
 */
#include "tools/bench.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

enum { TAIL_LINES = 40, LINE_BYTES = 2048 };

/* Says how a command ended that should have ended well, and the last of its lines. */
static void failure_print(const char *command, int status, char tail[][LINE_BYTES], unsigned lines)
{
	for (unsigned i = lines > TAIL_LINES ? lines - TAIL_LINES : 0; i < lines; i++)
		fprintf(stderr, "  | %s\n", tail[i % TAIL_LINES]);
	if (status == -1)
		fprintf(stderr, "bulkhead bench: %s: %s\n", strerror(errno), command);
	else
		fprintf(stderr, "bulkhead bench: %s %d: %s\n", WIFSIGNALED(status) ? "ended by signal" : "failed with exit status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), command);
}

int bench_lines(const char *command, void (*see)(struct result *, const char *, double), struct result *r)
{
	static char tail[TAIL_LINES][LINE_BYTES];
	double start = seconds();
	FILE *f = popen(command, "r");
	unsigned lines = 0;
	int status;
	char *line;

	while (f != NULL && fgets(line = tail[lines % TAIL_LINES], LINE_BYTES, f) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		lines++;
		see(r, line, seconds() - start);
	}
	status = f != NULL ? pclose(f) : -1;
	if (status != 0)
		failure_print(command, status, tail, lines);
	return status == 0 ? 0 : 1;
}

static void see_payload(struct result *r, const char *line, double at)
{
	char name[32];
	long value;

	const char *p = strstr(line, " mitigation: "), *colon;
	char *on = r->now->mitigations;

	(void)at;
	colon = p != NULL ? strstr(p, ": on (") : NULL;
	if (colon != NULL) /* " mitigation: NAME: on (..." */
		snprintf(on + strlen(on), sizeof(r->now->mitigations) - strlen(on), " %.*s",
			 (int)(colon - p) - (int)strlen(" mitigation: "), p + strlen(" mitigation: "));
	p = strstr(line, "first_insn: ");
	if (p != NULL)
		r->now->first_insn = atol(p + strlen("first_insn: "));
	if (sscanf(line, "BENCH %31s %ld", name, &value) != 2)
		return;
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(rows[i].name, name) == 0)
			r->now->here[i] = value;
}

static long word_value(const char *line, const char *name)
{
	char word[40];
	const char *p;

	snprintf(word, sizeof(word), " %s=", name);
	p = strstr(line, word);
	return p != NULL ? atol(p + strlen(word)) : -1;
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
	if (row == ROWS)
		return;
	r->now->ticks[row] = word_value(line, "ticks");
	for (size_t i = 0; i < HEAVY; i++) {
		r->now->heavy[row][i] = 0;
		for (size_t part = 0; part < 3 && heavy[i].parts[part] != NULL; part++) {
			long n = word_value(line, heavy[i].parts[part]);

			r->now->heavy[row][i] += n > 0 ? n : 0;
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

static int measure_exits(const char *dir, struct result *r, const struct host *host)
{
	char conf[4300], command[16384];

	snprintf(conf, sizeof(conf), "%s/bench-exits.conf", dir);
	snprintf(command, sizeof(command), "[box]\nmitigations = %s\n[vm bench]\nmemory = 64M\ncpus = 1\nkernel = payload/bench.elf\n",
		 host->mitigations);
	if (write_file(conf, command) != 0)
		return 1;
	snprintf(command, sizeof(command),
		 "'%s/bulkhead' run '%s' %s --boot bios --cpus 1 --timeout 300 --cmdline counters %s </dev/null 2>&1",
		 dir, conf, host->run, host->emulator);
	r->now = &r->exits[host - hosts];
	memset(r->now, -1, sizeof(*r->now));
	r->now->mitigations[0] = '\0';
	if (bench_lines(command, see_payload, r) != 0)
		return 1;
	if (host->trace == NULL)
		return 0;
	snprintf(command, sizeof(command), "O='%s' tools/exit-trace %s --counts", dir, host->trace);
	if (bench_lines(command, see_heavy, r) != 0)
		fprintf(stderr, "bulkhead bench: no heavy operations are shown\n");
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
	if (bench_lines(command, see_box_boot, r) != 0)
		return 1;
	snprintf(command, sizeof(command),
		 "qemu-system-x86_64 -accel tcg -cpu EPYC -machine q35 -m 512 -smp 1 -display none -no-reboot "
		 "-serial stdio -monitor none -kernel '%s/demo/vmlinuz' -initrd '%s/demo/initrd.gz' "
		 "-append '" LINUX_CMDLINE "' </dev/null 2>/dev/null", dir, dir);
	return bench_lines(command, see_direct_boot, r);
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
	r.bochs = system("command -v bochs >/dev/null") == 0;
	if (!r.bochs)
		fprintf(stderr, "bulkhead bench: no Bochs here, so nothing of VMX (Debian's bochs, bochs-term)\n");
	for (size_t i = 0; i < HOSTS; i++)
		if ((i == HOST_QEMU || r.bochs) && measure_exits(dir, &r, &hosts[i]) != 0)
			return 1;
	if (measure_boots(dir, &r) != 0 || bench_vms(dir, &r) != 0)
		return 1;
	r.kernel_bytes = file_bytes(dir, "kernel.elf");
	if (bench_lines("tools/count-lines 2>/dev/null", see_lines, &r) != 0)
		r.ring0_lines = -1;
	bench_table(&r);
	snprintf(json, sizeof(json), "%s/bench.json", dir);
	return bench_json(json, &r);
}
