/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmark's part on several virtual machines: what one costs in memory, how processors are shared
 * and given away, and how long several take to boot. As tools/bench.c: it judges nothing.
 */
#include "tools/bench.h"

#include <stdlib.h>
#include <string.h>

#define ICOUNT "--boot bios --cpus 1 --timeout 300 --cmdline 'counters scrub' -- -icount shift=0,sleep=off"
#define SHARE(name, words) "[vm " name "]\nmemory = 32M\nkernel = payload/share.elf\ncmdline = " words "\n"
#define LINUX(memory) \
	"memory = " memory "\nkernel = demo/vmlinuz\ninitrd = demo/initrd.gz\ncmdline = console=ttyS0 panic=-1 bh.test=poweroff\n"

static void take(const char *line, const char *word, long *value)
{
	const char *p = strstr(line, word);

	if (p != NULL)
		*value = atol(p + strlen(word));
}

static void see(struct result *r, const char *line, double at)
{
	struct bench_vms *b = &r->vms;
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
	       struct result *r)
{
	char path[4400], command[9000];
	FILE *f;

	r->vms.started = r->vms.init = 0;
	snprintf(path, sizeof(path), "%s/bench-%s.conf", dir, name);
	f = fopen(path, "w");
	if (f == NULL || fputs(conf, f) < 0 || fclose(f) != 0) {
		fprintf(stderr, "bulkhead bench: cannot write %s\n", path);
		return 1;
	}
	snprintf(command, sizeof(command), "'%s/%sbulkhead' run '%s' %s </dev/null 2>&1", dir, sub, path, options);
	return bench_lines(command, see, r);
}

static int boot_many(const char *dir, unsigned n, double *seconds, struct result *r)
{
	char conf[4096] = "", name[24];
	size_t at = 0;

	for (unsigned i = 1; i <= n; i++)
		at += (size_t)snprintf(conf + at, sizeof(conf) - at, "[vm linux%u]\n%s", i, LINUX("128M"));
	snprintf(name, sizeof(name), "boot%u", n);
	if (run(dir, "", name, conf, "--boot bios --cpus 2 --memory 2G --timeout 600", r) != 0)
		return 1;
	*seconds = r->vms.init - r->vms.started;
	return 0;
}

/* A kernel that watches how long interrupts are off: Linux beside two guests, to the end of all. */
static int measure_irqs_off(const char *dir, struct result *r)
{
	char command[4400];

	snprintf(command, sizeof(command), "make -s O='%s/stretch' STRETCH=1 programs >&2", dir);
	if (system(command) != 0)
		return 1;
	return run(dir, "stretch/", "stretch",
		   "[vm linux]\n" LINUX("256M") SHARE("noise", "only=noise")
		   "[vm ipi]\nmemory = 32M\ncpus = 2\nkernel = payload/smp_work.elf\ncmdline = only=pv_ipi\n",
		   ICOUNT, r);
}

int bench_vms(const char *dir, struct result *r)
{
	struct bench_vms *b = &r->vms;

	b->kernel_kib = b->monitor_kib = b->nested_kib = b->ipi = b->heartbeat = b->gone = b->ran = b->irqs_off = -1;
	if (run(dir, "", "ipi", "[vm ipi]\nmemory = 32M\ncpus = 2\nkernel = payload/smp_work.elf\ncmdline = only=ipi\n",
		ICOUNT, r) != 0 ||
	    run(dir, "", "slices", SHARE("a", "only=slices") SHARE("b", "only=slices"), ICOUNT, r) != 0 ||
	    run(dir, "", "heartbeat",
		SHARE("heart", "only=heartbeat") SHARE("noise", "only=noise") SHARE("more", "only=noise"), ICOUNT, r) != 0 ||
	    measure_irqs_off(dir, r) != 0)
		return 1;
	for (unsigned i = 0; i < BENCH_BOOTS; i++)
		if (boot_many(dir, 1U << i, &b->boot_s[i], r) != 0)
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
