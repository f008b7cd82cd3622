/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two halves of the config reader share: config.c has lines and sections, config_keys.c the keys. */
#pragma once

#include "manager/config.h"

#define CONFIG_LINE_MAX (CONFIG_CMDLINE_MAX + 128)
#define CONFIG_KEY_MAX  16 /* keys in a section */

enum config_section { SECTION_NONE, SECTION_BOX, SECTION_VM, SECTION_BAD };

struct config_reader {
	const char *text;
	size_t bytes, at;
	uint32_t line;
	bool unanswered; /* the line has words, and inih has not called back for it */
	enum config_section section;
	uint32_t box_line;
	char focus[CONFIG_NAME_MAX + 1]; /* [box] focus, and its line; 0: none */
	uint32_t focus_line;
	uint32_t seen[CONFIG_KEY_MAX]; /* line of each key's first use in this section */
	struct config *config;
	struct config_vm *vm; /* with SECTION_VM */
	struct config_errors *errors;
};

/* An error on the line being read; it is its VM's or the box's mistake. */
__attribute__((format(printf, 2, 3))) void config_wrong(struct config_reader *r, const char *fmt,
							...);
/* KEY = VALUE in the present section. */
void config_key(struct config_reader *r, const char *name, const char *value);
