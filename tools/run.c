/* SPDX-License-Identifier: GPL-2.0-only */
/* bulkhead run: builds the image and the emulator's command line. relay.c does the talking. */
#include "tools/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/text.h"

#define MIB      (1ULL << 20)
#define ARGS_MAX 128

static const char qemu[] = "qemu-system-x86_64";

struct args {
	size_t count;
	char *v[ARGS_MAX + 1];
};

static void arg(struct args *a, const char *text)
{
	if (a->count == ARGS_MAX)
		die("too many arguments for the emulator");
	a->v[a->count++] = (char *)text;
	a->v[a->count] = NULL;
}

static void arg2(struct args *a, const char *option, const char *value)
{
	arg(a, option);
	arg(a, value);
}

static unsigned int qemu_major(void)
{
	char *command = text_make("%s --version", qemu);
	FILE *p = popen(command, "re");
	unsigned int major = 0;

	if (p == NULL || fscanf(p, "QEMU emulator version %u", &major) != 1)
		die("%s --version says nothing that I understand", qemu);
	pclose(p);
	free(command);
	return major;
}

/*
 * OVMF as one ROM; else as flash, with variables of its own. Nobody reads the variables afterwards, and each access to
 * QEMU's flash costs: with the ROM a box is in our loader a quarter sooner.
 */
static void arg_firmware(struct args *a)
{
	static const char rom[] = "/usr/share/ovmf/OVMF.fd", code[] = "/usr/share/OVMF/OVMF_CODE_4M.fd",
			  vars[] = "/usr/share/OVMF/OVMF_VARS_4M.fd";
	char *own = text_make("%s/vars.fd", temp_dir());
	size_t bytes;
	void *data;

	if (access(rom, R_OK) == 0 || access(code, R_OK) != 0 || access(vars, R_OK) != 0) {
		arg2(a, "-bios", package_file_need(rom, "ovmf"));
		return;
	}
	data = file_read(vars, &bytes);
	file_write(own, data, bytes);
	free(data);
	arg2(a, "-drive", text_make("if=pflash,format=raw,readonly=on,file=%s", code));
	arg2(a, "-drive", text_make("if=pflash,format=raw,file=%s", own));
}

/* Without --memory: the VMs' memory, room for their files twice, and for ourselves. */
static uint64_t memory_wanted(const struct box *box, const char *option)
{
	uint64_t bytes = 224 * MIB;

	if (option != NULL) {
		if (!text_number(option, strlen(option), true, &bytes))
			die("--memory %s is not a size; write 512M or 6G", option);
		return bytes < MIB ? bytes * MIB : bytes; /* as QEMU: a bare number means MiB */
	}
	for (uint32_t i = 0; i < box->config.vm_count; i++)
		bytes += box->config.vm[i].memory;
	for (uint32_t i = 0; i < box->file_count; i++)
		bytes += 2 * box->file[i].bytes;
	bytes = (bytes + 64 * MIB - 1) / (64 * MIB) * (64 * MIB);
	return bytes < 512 * MIB ? 512 * MIB : bytes;
}

/* Not the list of what its emulated processor lacks. */
static bool error_worth(const char *line)
{
	return strstr(line, "TCG doesn't support requested feature") == NULL;
}

/* Under TCG an x2APIC came with QEMU 9; with -icount, a write to its timer ends QEMU 10 ("Bad icount read"). */
static bool x2apic_works(const struct tool_options *o)
{
	if (qemu_major() < 9)
		return false;
	for (char **e = o->extra; e != NULL && *e != NULL; e++)
		if (strcmp(*e, "-icount") == 0)
			return false;
	return true;
}

static int qemu_run(const struct box *box, const struct tool_options *o, const char *image)
{
	struct args a = { 0 };
	struct emulator qemu_process = { .name = "QEMU",
					 .listen_fd = -1,
					 .error_worth = error_worth,
					 .seal = o->seal };
	const char *cpu = o->cpu;

	if (cpu == NULL)
		cpu = x2apic_works(o) ? "EPYC,+svm,+npt,+x2apic" : "EPYC,+svm,+npt";
	arg(&a, qemu);
	arg2(&a, "-name", "bulkhead");
	arg(&a, "-nodefaults");
	arg(&a, "-no-reboot");
	arg2(&a, "-machine", o->machine);
	arg2(&a, "-accel", o->accel);
	arg2(&a, "-cpu", cpu);
	arg2(&a, "-smp", text_make("%u", o->cpus));
	arg2(&a, "-m",
	     text_make("%lluM", (unsigned long long)(memory_wanted(box, o->memory) / MIB)));
	if (o->boot != BOOT_BIOS)
		arg_firmware(&a);
	arg2(&a, "-drive", text_make("file=%s,format=raw,if=ide,media=disk", image));
	arg2(&a, "-vga", "std");
	arg2(&a, "-display", "none");
	if (box->config.console == CONSOLE_COM2)
		arg2(&a, "-serial", "null");
	arg2(&a, "-serial", "stdio");
	for (char **e = o->extra; e != NULL && *e != NULL; e++)
		arg(&a, *e);
	fprintf(stderr, "bulkhead: starting QEMU (%s, %s, %u processors)\n", o->machine,
		boot_way_name[o->boot], o->cpus);
	qemu_process.argv = a.v;
	return relay(&qemu_process, o->timeout);
}

/* A word that no guest can know; see relay.c. */
static const char *make_seal(void)
{
	uint64_t n;

	if (getrandom(&n, sizeof(n), 0) != sizeof(n))
		die("no random numbers to be had");
	return text_make("%016llx", (unsigned long long)n);
}

int box_run(const struct box *box, const struct tool_options *options)
{
	char *image = text_make("%s/box.img", temp_dir());
	bool bochs = strcmp(options->host, "bochs") == 0;
	struct tool_options o = *options;

	if (!bochs && strcmp(o.host, "qemu") != 0)
		die("--host %s is not one of qemu, bochs", o.host);
	program_need(bochs ? "bochs" : qemu, bochs ? "bochs" : "qemu-system-x86");
	fprintf(stderr, "bulkhead: building the image\n");
	o.seal = make_seal();
	o.cmdline = text_make("seal=%s%s%s", o.seal, *o.cmdline != '\0' ? " " : "", o.cmdline);
	image_build(box, o.cmdline, o.boot, image);
	return bochs ? bochs_run(box, &o, image, memory_wanted(box, o.memory))
		     : qemu_run(box, &o, image);
}
