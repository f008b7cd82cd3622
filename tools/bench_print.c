/* SPDX-License-Identifier: GPL-2.0-only */
/* What the benchmark measures where, and its results as a table and as JSON. Measures nothing. */
#include "tools/bench.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* KVM's figure on the same host, where one was measured: QEMU 7.2 in QEMU 10 TCG, default mitigations. */
const struct row rows[ROWS] = {
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

const struct heavy heavy[HEAVY] = {
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

const struct host hosts[HOSTS] = {
	{ "QEMU TCG", "", "-- -icount shift=0,sleep=off", "", "on", 0 },
	{ "Bochs VMX, corei7_haswell_4770", "--host bochs", "", "--bochs corei7_haswell_4770", "on", 1188 },
	{ "Bochs VMX, corei7_haswell_4770, mitigations = off", "--host bochs", "", NULL, "off", 1188 },
	/* Its debugger does not translate through nested tables, so it does not tell what the guest did. */
	{ "Bochs SVM, ryzen", "--host bochs --cpu ryzen", "", NULL, "on", 0 },
};

static double ratio(double s, const struct result *r)
{
	return r->direct_s > 0 ? s / r->direct_s : 0;
}

static const char *number(char *text, size_t bytes, long value)
{
	snprintf(text, bytes, value >= 0 ? "%ld" : "-", value);
	return text;
}

static void print_row(size_t row, const struct exits *e, const struct host *host)
{
	long kvm = host == hosts ? rows[row].kvm : row == 0 ? host->kvm_cpuid : 0;
	char t[24];

	printf("%-18s %6s", rows[row].what, number(t, sizeof(t), e->here[row]));
	if (host != hosts)
		printf(" %6s", number(t, sizeof(t), e->ticks[row]));
	printf(" %6s", number(t, sizeof(t), rows[row].aim != 0 ? (long)rows[row].aim : -1));
	printf(" %6s ", number(t, sizeof(t), kvm != 0 ? kvm : -1));
	for (size_t i = 0; i < HEAVY; i++)
		if (heavy[i].shown)
			printf(" %7s", number(t, sizeof(t), e->heavy[row][i]));
	printf("  %s\n", rows[row].interval);
}

static void print_exits(const struct exits *e, const struct host *host)
{
	printf("\n%s; %s; mitigations on:%s\n%-18s %6s", host->name,
	       host == hosts ? "-icount shift=0,sleep=off" : "clock: sync=none",
	       e->mitigations[0] != '\0' ? e->mitigations : " none", "exit", "here");
	if (host != hosts)
		printf(" %6s", "ticks");
	printf(" %6s %6s ", "aim", "KVM");
	for (size_t i = 0; i < HEAVY; i++)
		if (heavy[i].shown)
			printf(" %7s", heavy[i].name);
	printf("  from, to\n");
	for (size_t i = 0; i < ROWS; i++)
		print_row(i, e, host);
}

void bench_table(const struct result *r)
{
	printf("Instructions per round trip, median; one processor, one guest; `here` is from the guest's TSC.\n");
	printf("Mitigations: on QEMU none, because TCG speculates nothing (mitigations=force on the box's command line has the\n"
	       "real processor's); on Bochs those of its model. The guest's APIC mode: x2APIC. KVM: default mitigations.\n");
	printf("Heavy operations among them: vmcs is VMREAD and VMWRITE, xsave also XRSTOR, vmload also VMSAVE.\n");
	for (size_t i = 0; i < HOSTS; i++)
		if (i == HOST_QEMU || r->bochs)
			print_exits(&r->exits[i], &hosts[i]);
	if (r->bochs)
		printf("ticks: Bochs' own counter, from the guest's instruction to its next one or to its handler's first;\n"
		       "  with HLT wake-up from the HLT, the wait included.\n");
	printf("\nKernel's entry to the guest's first instruction: %ld instructions (64 MiB guest; waits for clocks included)\n",
	       r->exits[HOST_QEMU].first_insn);
	printf("Linux to its init, the best of %d boots: %ld VM entries; %.2f s from the VM's start (%.2f s of it scrubbing and loading)\n"
	       "  beside %.2f s from QEMU's start directly on TCG: ratio %.2f, without scrubbing and loading %.2f\n",
	       BOOTS, r->entries, r->box_s, r->load_s, r->direct_s, ratio(r->box_s, r), ratio(r->box_s - r->load_s, r));
	printf("Exits by reason: %s\n", r->reasons);
	bench_vms_print(&r->vms);
	printf("Kernel image: %ld bytes; ring 0: %ld lines of code\n", r->kernel_bytes, r->ring0_lines);
}

static void json_row(FILE *f, const char *name, const long *value)
{
	fprintf(f, "\"%s\": {", name);
	for (size_t i = 0; i < ROWS; i++)
		fprintf(f, "%s\"%s\": %ld", i > 0 ? ", " : "", rows[i].name, value[i]);
	fprintf(f, "}");
}

static void json_exits(FILE *f, const struct exits *e, const struct host *host)
{
	fprintf(f, "\"host\": \"%s\", \"mitigations\": \"%s\", ", host->name, e->mitigations + strspn(e->mitigations, " "));
	json_row(f, "exits", e->here);
	if (host != hosts) {
		fprintf(f, ", ");
		json_row(f, "ticks", e->ticks);
	}
	fprintf(f, ", \"heavy\": {");
	for (size_t i = 0; i < ROWS; i++) {
		fprintf(f, "%s\"%s\": {", i > 0 ? ", " : "", rows[i].name);
		for (size_t k = 0; k < HEAVY; k++)
			fprintf(f, "%s\"%s\": %ld", k > 0 ? ", " : "", heavy[k].name, e->heavy[i][k]);
		fprintf(f, "}");
	}
	fprintf(f, "}");
}

int bench_json(const char *path, const struct result *r)
{
	FILE *f = fopen(path, "w");

	if (f == NULL) {
		fprintf(stderr, "bulkhead bench: cannot write %s: %s\n", path, strerror(errno));
		return 1;
	}
	fprintf(f, "{");
	json_exits(f, &r->exits[HOST_QEMU], &hosts[HOST_QEMU]);
	fprintf(f, ", \"boot\": {\"first_insn\": %ld, \"entries\": %ld, \"box_seconds\": %.3f, "
		   "\"load_seconds\": %.3f, \"direct_seconds\": %.3f, \"ratio\": %.3f}, ",
		r->exits[HOST_QEMU].first_insn, r->entries, r->box_s, r->load_s, r->direct_s, ratio(r->box_s, r));
	bench_vms_json(f, &r->vms);
	fprintf(f, "\"size\": {\"kernel_bytes\": %ld, \"ring0_lines\": %ld}, \"bochs\": [", r->kernel_bytes,
		r->ring0_lines);
	for (size_t i = HOST_QEMU + 1; r->bochs && i < HOSTS; i++) {
		fprintf(f, i > HOST_QEMU + 1 ? ", {" : "{");
		json_exits(f, &r->exits[i], &hosts[i]);
		fprintf(f, "}");
	}
	fprintf(f, "]}\n");
	return fclose(f) == 0 ? 0 : 1;
}
