/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the bulkhead command share. Hosted code: libc, and errors end the program. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/config.h"

/* Exit codes beyond DESIGN.md's 0, 1 and 124. */
enum { EXIT_OK = 0, EXIT_BAD = 1, EXIT_USAGE = 2, EXIT_TIMED_OUT = 124, EXIT_LEFT = 130 };

#define BOX_FILE_MAX 64 /* as BOOTINFO_MODULE_MAX */

enum boot_way { BOOT_UEFI, BOOT_BIOS, BOOT_GRUB_EFI };

struct tool_options {
	const char *conf;
	const char *output; /* -o */
	const char *cmdline; /* the box's, not a guest's */
	const char *host, *machine, *cpu, *accel, *memory;
	enum boot_way boot;
	const char *seal; /* what the box's own last line bears at its end; see relay.c */
	unsigned int cpus, timeout; /* timeout: seconds, 0: none */
	char **extra; /* for QEMU, NULL-terminated; or NULL */
};

/* One file of the image. */
struct box_file {
	char name[CONFIG_PATH_MAX]; /* the module's name at boot */
	char host[4096]; /* where it is now */
	char image[64]; /* where it will be, under /bulkhead */
	uint64_t bytes;
	uint32_t crc32;
};

struct box {
	struct config config;
	struct box_file kernel; /* the hypervisor's */
	char loader[4096]; /* BOOTX64.EFI */
	uint32_t file_count;
	struct box_file file[BOX_FILE_MAX];
};

/* exec.c */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...);
/* Ends the program with the package's name when `program` is not in PATH. */
void program_need(const char *program, const char *package);
/* The same for a file that a package brings. Returns path. */
const char *package_file_need(const char *path, const char *package);
/*
 * Runs a command to its end, quietly; shows its output and ends the program when it fails. `words`
 * is split at blanks; each word that is a lone % stands for the next argument.
 */
void command_run(const char *words, ...);
/* "text" formatted into memory that lives as long as the program. */
__attribute__((format(printf, 1, 2))) char *text_make(const char *fmt, ...);
void *file_read(const char *path, size_t *bytes); /* whole; ends the program on failure */
void file_write(const char *path, const void *data, size_t bytes);
/* A private directory, removed with everything in it at exit. */
const char *temp_dir(void);

/*
 * box.c: returns the number of mistakes in the config file, each told on stderr; 0: *box is
 * filled.
 */
unsigned int box_load(const char *conf, struct box *box);
void box_find_parts(struct box *box); /* kernel.elf and the like; ends the program when missing */

/* image.c */
void image_build(const struct box *box, const char *cmdline, enum boot_way boot,
		 const char *output);
extern const char *const boot_way_name[];

/* run.c: returns the exit code. */
int box_run(const struct box *box, const struct tool_options *options);

/* bochs.c: the same under Bochs; `image` is built already. */
int bochs_run(const struct box *box, const struct tool_options *options, const char *image,
	      uint64_t memory);

/*
 * terminal.c: standard input raw, when it is a terminal that we may read: keys go to the guest as they are. False:
 * it is none. Given back at exit, or before.
 */
bool terminal_take(void);
void terminal_restore(void);

/*
 * relay.c: the terminal and the emulator's serial line, until the emulator ends. The serial line is
 * its standard input and output, or, with listen_fd >= 0, the first connection to that socket; its
 * output is thrown away then. Of its error output, the lines that error_worth likes are shown.
 * Returns the exit code, by the box's last line, which bears the seal.
 */
struct emulator {
	const char *name; /* for people */
	char *const *argv;
	int listen_fd;
	bool (*error_worth)(const char *line);
	const char *seal;
};
int relay(const struct emulator *emulator, unsigned int timeout);
