/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmark's part on several virtual machines: what one costs in memory, how processors are shared
 * and given away, and how long several take to boot. As tools/bench.c: it judges nothing.
 */
#include "tools/bench.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ICOUNT "--boot bios --cpus 1 --timeout 300 --cmdline 'counters scrub' -- -icount shift=0,sleep=off"
#define SHARE(name, words) "[vm " name "]\nmemory = 32M\nkernel = payload/share.elf\ncmdline = " words "\n"
#define LINUX(memory) \
	"memory = " memory "\nkernel = demo/vmlinuz\ninitrd = demo/initrd.gz\ncmdline = console=ttyS0 panic=-1 bh.test=poweroff\n"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void take(const char *line, const char *word, long *value)
{
	const char *p = strstr(line, word);

	if (p != NULL)
		*value = atol(p + strlen(word));
}

static void see(struct bench_vms *b, const char *line, double at)
{
	const char *p = strstr(line, " up to ");

	take(line, "BENCH ipi ", &b->ipi);
	take(line, "BENCH heartbeat ", &b->heartbeat);
	take(line, "a: BENCH slice_gone ", &b->gone);
	take(line, "b: BENCH slice_ran ", &b->ran);
	if (strstr(line, "vm heart: memory: ") != NULL) {
		take(line, "kernel=", &b->kernel_kib);
		take(line, "monitor=", &b->monitor_kib);
		take(line, "nested tables=", &b->nested_kib);
	}
	take(line, "stretch: ", &b->irqs_off);
	if (strstr(line, "stretch: ") != NULL && p != NULL)
		snprintf(b->irqs_off_where, sizeof(b->irqs_off_where), "%s", p + strlen(" up to "));
	if (strstr(line, ": starting") != NULL && b->started == 0)
		b->started = at;
	if (strstr(line, "bulkhead-guest: init") != NULL)
		b->init = at;
}

/* Boots a box of these VMs with the programs in dir/sub. */
static int run(const char *dir, const char *sub, const char *name, const char *conf, const char *options,
	       struct bench_vms *b)
{
	char path[4400], command[9000], line[2048];
	double start = now();
	FILE *f;

	b->started = b->init = 0;
	snprintf(path, sizeof(path), "%s/bench-%s.conf", dir, name);
	f = fopen(path, "w");
	if (f == NULL || fputs(conf, f) < 0 || fclose(f) != 0) {
		fprintf(stderr, "bulkhead bench: cannot write %s\n", path);
		return 1;
	}
	snprintf(command, sizeof(command), "'%s/%sbulkhead' run '%s' %s </dev/null 2>&1", dir, sub, path, options);
	f = popen(command, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		see(b, line, now() - start);
	}
	if (f != NULL && pclose(f) == 0)
		return 0;
	fprintf(stderr, "bulkhead bench: the box failed: %s\n", command);
	return 1;
}

static int boot_many(const char *dir, unsigned n, double *seconds, struct bench_vms *b)
{
	char conf[4096] = "", name[24];
	size_t at = 0;

	for (unsigned i = 1; i <= n; i++)
		at += (size_t)snprintf(conf + at, sizeof(conf) - at, "[vm linux%u]\n%s", i, LINUX("128M"));
	snprintf(name, sizeof(name), "boot%u", n);
	if (run(dir, "", name, conf, "--boot bios --cpus 2 --memory 2G --timeout 600", b) != 0)
		return 1;
	*seconds = b->init - b->started;
	return 0;
}

/* A kernel that watches how long interrupts are off: Linux beside two guests, to the end of all. */
static int measure_irqs_off(const char *dir, struct bench_vms *b)
{
	char command[4400];

	snprintf(command, sizeof(command), "make -s O='%s/stretch' STRETCH=1 programs >&2", dir);
	if (system(command) != 0)
		return 1;
	return run(dir, "stretch/", "stretch",
		   "[vm linux]\n" LINUX("256M") SHARE("noise", "only=noise")
		   "[vm ipi]\nmemory = 32M\ncpus = 2\nkernel = payload/smp_work.elf\ncmdline = only=pv_ipi\n",
		   ICOUNT, b);
}

int bench_vms(const char *dir, struct bench_vms *b)
{
	b->kernel_kib = b->monitor_kib = b->nested_kib = b->ipi = b->heartbeat = b->gone = b->ran = b->irqs_off = -1;
	if (run(dir, "", "ipi", "[vm ipi]\nmemory = 32M\ncpus = 2\nkernel = payload/smp_work.elf\ncmdline = only=ipi\n",
		ICOUNT, b) != 0 ||
	    run(dir, "", "slices", SHARE("a", "only=slices") SHARE("b", "only=slices"), ICOUNT, b) != 0 ||
	    run(dir, "", "heartbeat",
		SHARE("heart", "only=heartbeat") SHARE("noise", "only=noise") SHARE("more", "only=noise"), ICOUNT, b) != 0 ||
	    measure_irqs_off(dir, b) != 0)
		return 1;
	for (unsigned i = 0; i < BENCH_BOOTS; i++)
		if (boot_many(dir, 1U << i, &b->boot_s[i], b) != 0)
			return 1;
	return 0;
}

static long vm_switch(const struct bench_vms *b)
{
	return b->gone < 0 || b->ran < 0 ? -1 : (b->gone - b->ran) / 2;
}

void bench_vms_print(const struct bench_vms *b)
{
	printf("\nHypervisor memory of a VM with one vCPU: %ld KiB (kernel %ld, monitor %ld; aim 512), apart from it nested tables %ld\n",
	       b->kernel_kib + b->monitor_kib, b->kernel_kib, b->monitor_kib, b->nested_kib);
	printf("IPI between two vCPUs that halt: %ld instructions (aim 2500, KVM 45907); from one VM to another: %ld\n", b->ipi,
	       vm_switch(b));
	printf("Heartbeat beside two noisy neighbours on its processor: worst gap %ld.%02ld periods (aim 3)\n", b->heartbeat / 100,
	       b->heartbeat % 100);
	printf("Longest stretch with interrupts off: %ld instructions, up to %s\n", b->irqs_off, b->irqs_off_where);
	printf("Linux guests to the last one's init, two processors:");
	for (unsigned i = 0; i < BENCH_BOOTS; i++)
		printf(" %u in %.1f s%s", 1U << i, b->boot_s[i], i + 1 < BENCH_BOOTS ? "," : "\n");
}

void bench_vms_json(FILE *f, const struct bench_vms *b)
{
	fprintf(f, "\"vms\": {\"kernel_kib\": %ld, \"monitor_kib\": %ld, \"nested_kib\": %ld, \"ipi\": %ld, \"vm_switch\": %ld, "
		   "\"heartbeat_gap_percent\": %ld, \"irqs_off\": %ld, \"irqs_off_where\": \"%s\", \"boot_seconds\": {",
		b->kernel_kib, b->monitor_kib, b->nested_kib, b->ipi, vm_switch(b), b->heartbeat, b->irqs_off,
		b->irqs_off_where);
	for (unsigned i = 0; i < BENCH_BOOTS; i++)
		fprintf(f, "%s\"%u\": %.3f", i > 0 ? ", " : "", 1U << i, b->boot_s[i]);
	fprintf(f, "}}, ");
}
