/* SPDX-License-Identifier: GPL-2.0-only */
/* The log's set-up: for kernel/main.c, kernel/panic.c and the system calls. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kernel/abi/bootinfo.h"

struct event;

/* Finds the port (option com1=, `none` for no port) and starts the clock at the present TSC. */
void log_init(const char *cmdline);
void log_set_hz(uint64_t tsc_hz);
uint64_t log_boot_tsc(void);
/* The screen, once its memory is mapped (va 0: it is not). */
void log_set_screen(const struct boot_framebuffer *fb, uint64_t va);
/* Once: from now on the event is signalled when the log has grown, by log_tell on the way out of the kernel. */
int log_watch(struct event *e, uint64_t bits);
void log_tell(void);
/* From now on the manager has the port. */
void log_release_port(void);
/* No locks, port and screen back: the box is going down. */
void log_take_back(void);
void log_drain(void);
