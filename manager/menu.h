/* SPDX-License-Identifier: GPL-2.0-only */
/* The words of the console's menu -> a command. Carries out none. */
#pragma once

#include <stddef.h>
#include "manager/config.h"

enum menu_verb {
	MENU_NOTHING,
	MENU_WRONG, /* why says what */
	MENU_HELP,
	MENU_LIST,
	MENU_FOCUS,
	MENU_ALL,
	MENU_STOP,
	MENU_RESTART,
	MENU_COUNTERS,
	MENU_DUMP,
	MENU_MEMORY,
	MENU_PROCESSORS,
	MENU_OFF,
};

struct menu_command {
	enum menu_verb verb;
	unsigned vm; /* where the verb wants one */
	char why[96];
};

/* Verbs may be cut short; a VM is its name or its number in the list (from 1), or `focus` (-1: none). */
void menu_read(struct menu_command *c, const char *line, const struct config *config, int focus);
/* The lines of `help`, ended by NULL. */
extern const char *const menu_help[];
