/* SPDX-License-Identifier: GPL-2.0-only */
/* The bulkhead command: reads its arguments and calls the part that does the work. */
#include "tools/tool.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bench.h"

static const char usage_text[] =
	"usage: bulkhead check CONF\n"
	"       bulkhead image CONF -o FILE [--cmdline TEXT] [--boot uefi|grub-efi]\n"
	"       bulkhead run CONF [options] [-- QEMU options]\n"
	"       bulkhead bench\n"
	"       bulkhead help\n"
	"\n"
	"check   says whether CONF is right, or names line and mend\n"
	"image   builds a disk and CD image that boots by UEFI and by BIOS\n"
	"run     builds the image and boots it in an emulator, consoles on this terminal\n"
	"bench   measures, as a table and as JSON\n"
	"\n"
	"  --host qemu|bochs          the emulator (qemu)\n"
	"  --boot uefi|bios|grub-efi  how it boots (uefi)\n"
	"  --cpus N                   processors of the box (what CONF needs, at least 2)\n"
	"  --memory SIZE              its memory, with M or G (what the VMs need, and some)\n"
	"  --timeout S                give up after S seconds\n"
	"  --machine q35|pc           QEMU's machine (q35)\n"
	"  --cpu MODEL                QEMU's processor (EPYC,+svm,+npt)\n"
	"  --accel NAME               QEMU's accelerator (tcg)\n"
	"  --cmdline TEXT             the box's command line\n"
	"\n"
	"Exit codes: 0 every guest powered itself off; 1 one failed, or CONF is wrong; 124 "
	"time-out;\n"
	"2 nothing was started; 130 left by the user (Ctrl-] then q).\n";

static bool is_help(const char *arg)
{
	return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

static void help(void)
{
	fputs(usage_text, stdout);
	exit(EXIT_OK);
}

static void usage(void)
{
	fputs(usage_text, stderr);
	exit(EXIT_USAGE);
}

static unsigned int number_arg(const char *option, const char *text, unsigned int max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || value == 0 || value > max)
		die("%s %s: a number from 1 to %u is wanted", option, text, max);
	return (unsigned int)value;
}

static enum boot_way boot_arg(const char *text)
{
	for (int i = 0; boot_way_name[i] != NULL; i++) {
		if (strcmp(text, boot_way_name[i]) == 0)
			return (enum boot_way)i;
	}
	die("--boot %s is not one of uefi, bios, grub-efi", text);
}

static const char *value_of(const char *option, const char *value)
{
	if (value == NULL)
		die("%s needs a value", option);
	return value;
}

/* Takes one option with its value; NULL: the command line ended. */
static void option_take(struct tool_options *o, const char *option, const char *value)
{
	const struct {
		const char *name;
		const char **to;
	} texts[] = {
		{ "-o", &o->output },       { "--cmdline", &o->cmdline },
		{ "--host", &o->host },     { "--machine", &o->machine },
		{ "--cpu", &o->cpu },       { "--accel", &o->accel },
		{ "--memory", &o->memory },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(option, texts[i].name) == 0) {
			*texts[i].to = value_of(option, value);
			return;
		}
	}
	if (strcmp(option, "--boot") == 0)
		o->boot = boot_arg(value_of(option, value));
	else if (strcmp(option, "--cpus") == 0)
		o->cpus = number_arg(option, value_of(option, value), 255);
	else if (strcmp(option, "--timeout") == 0)
		o->timeout = number_arg(option, value_of(option, value), 1000000);
	else
		die("unknown option %s; `bulkhead help` lists them", option);
}

static void options_parse(struct tool_options *o, int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			o->extra = argv + i + 1;
			return;
		}
		if (argv[i][0] != '-') {
			if (o->conf != NULL)
				die("one config file at a time: %s or %s?", o->conf, argv[i]);
			o->conf = argv[i];
		} else if (is_help(argv[i])) {
			help();
		} else {
			option_take(o, argv[i], argv[i + 1]);
			i++;
		}
	}
	if (o->conf == NULL)
		die("which config file?");
}

static int command_check(const struct tool_options *o, struct box *box)
{
	(void)box;
	printf("%s: right\n", o->conf);
	return EXIT_OK;
}

static int command_image(const struct tool_options *o, struct box *box)
{
	if (o->output == NULL)
		die("where to? -o FILE");
	box_find_parts(box);
	image_build(box, o->cmdline, o->boot, o->output);
	return EXIT_OK;
}

/* Every processor that a VM is pinned to, one for each exclusive one and for all others; 2 at least. */
static unsigned int cpus_wanted(const struct config *config)
{
	unsigned int highest = 1, alone = 0;

	for (uint32_t i = 0; i < config->vm_count; i++) {
		const struct config_vm *vm = &config->vm[i];

		for (uint32_t k = 0; k < vm->cpus && vm->pinned; k++)
			highest = vm->pin[k] > highest ? vm->pin[k] : highest;
		if (vm->exclusive && !vm->pinned)
			alone += vm->cpus;
	}
	return highest + 1 > alone + 1 ? highest + 1 : alone + 1;
}

static int command_run_box(const struct tool_options *o, struct box *box)
{
	struct tool_options wanted = *o;

	if (wanted.cpus == 0)
		wanted.cpus = cpus_wanted(&box->config);
	box_find_parts(box);
	return box_run(box, &wanted);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct tool_options *o, struct box *box);
	} commands[] = {
		{ "check", command_check },
		{ "image", command_image },
		{ "run", command_run_box },
	};
	static struct box box;
	struct tool_options o = {
		.cmdline = "", .host = "qemu", .machine = "q35", .accel = "tcg"
	};

	if (argc < 2)
		usage();
	if (strcmp(argv[1], "help") == 0 || is_help(argv[1]) || (argc == 3 && is_help(argv[2])))
		help();
	if (strcmp(argv[1], "bench") == 0)
		return bench_main("/proc/self/exe", argc - 1, argv + 1);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		options_parse(&o, argc, argv);
		return box_load(o.conf, &box) != 0 ? EXIT_BAD : commands[i].run(&o, &box);
	}
	fprintf(stderr, "bulkhead: there is no command %s\n", argv[1]);
	usage();
}
