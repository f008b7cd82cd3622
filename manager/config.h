/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The box's config file (DESIGN.md "The config file"): text in memory -> struct config.
 *
 * One reader for the manager at boot and for the host tool. It allocates nothing, opens no file,
 * and knows nothing of what the host has: whether a named file exists or memory suffices is the
 * caller's to say. The caller's thread needs FPU state and an FS base (the INI library is a
 * distribution's).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_VM_MAX      16
#define CONFIG_CPUS_MAX    16 /* virtual processors of a VM */
#define CONFIG_HOST_CPUS   1024 /* host processors have smaller numbers */
#define CONFIG_NAME_MAX    16 /* a VM's name, with its NUL: what the ABI's names hold */
#define CONFIG_PATH_MAX    112 /* as BOOTINFO_NAME_MAX: paths are module names at boot */
#define CONFIG_CMDLINE_MAX 1024
#define CONFIG_MODULES_MAX 8 /* of a VM */
#define CONFIG_ARGS_MAX    176 /* a module's arguments: as struct monitor_file's */
#define CONFIG_ERROR_MAX   16
#define CONFIG_TEXT_MAX    192
#define CONFIG_FILE_MAX    65536 /* bytes in a config file */

enum config_console { CONSOLE_COM1, CONSOLE_COM2, CONSOLE_FB, CONSOLE_NONE };
enum config_machine { MACHINE_PC, MACHINE_Q35 };
enum config_mitigations { MITIGATIONS_ON, MITIGATIONS_OFF };
enum config_crash { CRASH_STOP, CRASH_RESTART };
enum config_port { PORT_SHARED, PORT_COM1, PORT_COM2 }; /* a VM's console: the box's, or a port of its own */

/* Every `line` below is the line of the config file where the thing was said; 0: it was not. */

struct config_file {
	char path[CONFIG_PATH_MAX]; /* relative to the config file; "" when not given */
	uint32_t line;
};

struct config_module {
	struct config_file file;
	char args[CONFIG_ARGS_MAX];
};

struct config_vm {
	char name[CONFIG_NAME_MAX];
	uint32_t line; /* of its [vm NAME] */
	uint64_t memory; /* bytes, a multiple of 4 KiB */
	uint32_t memory_line;
	uint32_t cpus; /* virtual processors, 1 to CONFIG_CPUS_MAX */
	uint32_t cpus_line;
	bool pinned; /* vCPU n runs on host processor pin[n] */
	uint16_t pin[CONFIG_CPUS_MAX];
	bool exclusive; /* its host processors serve nobody else */
	enum config_port console;
	uint32_t console_line;
	struct config_file kernel, initrd;
	struct config_module module[CONFIG_MODULES_MAX];
	uint32_t modules;
	char cmdline[CONFIG_CMDLINE_MAX];
	enum config_machine machine;
	enum config_crash on_crash;
	bool testdev; /* the devices that QEMU's test programs use */
	uint32_t wrong; /* line of a mistake in this section; 0: it is right */
};

struct config {
	enum config_console console;
	bool stay; /* the box stays on when every VM has ended */
	int focus; /* which VM has the keyboard at the start; -1: not said */
	bool wrong; /* a mistake in [box], or before any section */
	uint32_t stray; /* line of the first section that is no VM for a mistake in it; 0: there is none */
	enum config_mitigations mitigations; /* the box's command line has the word: tools/image.c */
	uint32_t vm_count;
	struct config_vm vm[CONFIG_VM_MAX];
};

struct config_error {
	uint32_t line; /* 1-based; 0: the file as a whole */
	char text[CONFIG_TEXT_MAX];
};

/* Reading goes on after a mistake, so that one run shows all. */
struct config_errors {
	uint32_t count; /* entries used */
	bool more;	/* there were more than fit */
	struct config_error error[CONFIG_ERROR_MAX]; /* sorted by line */
};

/*
 * Reads `bytes` bytes of text into *config. Returns 0, or -1 with at least one error; then only VMs
 * that are not `wrong` mean something, and [box] when the config is not. Not reentrant: the INI
 * library keeps its settings in variables.
 */
int config_parse(const char *text, size_t bytes, struct config *config,
		 struct config_errors *errors);

/* Adds an error of the caller's own, in its place. For checks that need more than the text. */
__attribute__((format(printf, 3, 4))) void config_error_add(struct config_errors *errors,
							    uint32_t line, const char *fmt, ...);
