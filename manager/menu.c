/* SPDX-License-Identifier: GPL-2.0-only */
/* The menu's little language; see menu.h. */
#include "manager/menu.h"

#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"

const char *const menu_help[] = {
	"list            the VMs, what they do, and why they stopped",
	"focus VM        shows what it said, and gives it the keyboard; a name alone does the same",
	"all             shows all VMs' lines, led by their names",
	"stop VM         ends it at once",
	"restart VM      ends it and starts it anew; starts one that has stopped",
	"counters VM     how often it left for which reason, into the log",
	"dump VM         its processors' registers, into the log",
	"memory          what is free on the box",
	"processors      what the box's processors have done since it was switched on",
	"off             ends all VMs and switches the box off",
	"VM is a name or a number of the list, or nothing for the one in focus; words may be cut short.",
	"Ctrl-T Ctrl-T sends Ctrl-T itself.",
	NULL,
};

static const struct {
	const char *word;
	enum menu_verb verb;
	bool vm;
} verbs[] = {
	{ "list", MENU_LIST, false },	       { "focus", MENU_FOCUS, true },
	{ "all", MENU_ALL, false },	       { "stop", MENU_STOP, true },
	{ "restart", MENU_RESTART, true },     { "counters", MENU_COUNTERS, true },
	{ "dump", MENU_DUMP, true },	       { "memory", MENU_MEMORY, false },
	{ "processors", MENU_PROCESSORS, false },
	{ "off", MENU_OFF, false },	       { "help", MENU_HELP, false },
};

/* The next word of the line, and where it ends. */
static const char *word(const char **line, size_t *n)
{
	const char *start;

	while (**line == ' ')
		(*line)++;
	start = *line;
	while (**line && **line != ' ')
		(*line)++;
	*n = (size_t)(*line - start);
	return start;
}

static bool find_vm(const struct config *config, const char *name, size_t n, unsigned *vm)
{
	uint64_t number;

	for (uint32_t i = 0; i < config->vm_count; i++) {
		if (strlen(config->vm[i].name) == n && memcmp(config->vm[i].name, name, n) == 0) {
			*vm = i;
			return true;
		}
	}
	if (!text_number(name, n, false, &number) || number == 0 || number > config->vm_count)
		return false;
	*vm = (unsigned)number - 1;
	return true;
}

__attribute__((format(printf, 2, 3))) static void wrong(struct menu_command *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	format_v(c->why, sizeof(c->why), fmt, args);
	va_end(args);
	c->verb = MENU_WRONG;
}

static void read_vm(struct menu_command *c, const char *line, const struct config *config, int focus)
{
	size_t n;
	const char *name = word(&line, &n);

	if (n == 0 && (focus >= 0 || config->vm_count == 1))
		c->vm = focus >= 0 ? (unsigned)focus : 0;
	else if (n == 0)
		wrong(c, "which VM? `list` shows them");
	else if (!find_vm(config, name, n, &c->vm))
		wrong(c, "there is no VM '%.16s'; `list` shows them", name);
}

void menu_read(struct menu_command *c, const char *line, const struct config *config, int focus)
{
	const size_t count = sizeof(verbs) / sizeof(verbs[0]);
	size_t n, found = count;
	bool whole;
	const char *verb = word(&line, &n);

	memset(c, 0, sizeof(*c));
	if (n == 0)
		return;
	/* The first that fits: letters that two share are given to the more harmless one. */
	for (size_t i = 0; i < count && found == count; i++) {
		if (n <= strlen(verbs[i].word) && memcmp(verbs[i].word, verb, n) == 0)
			found = i;
	}
	whole = found < count && n == strlen(verbs[found].word);
	if (!whole && find_vm(config, verb, n, &c->vm)) {
		c->verb = MENU_FOCUS;
		return;
	}
	if (found == count) {
		wrong(c, "'%.16s' is none of the menu's words; `help` lists them", verb);
		return;
	}
	c->verb = verbs[found].verb;
	if (verbs[found].vm)
		read_vm(c, line, config, focus);
	if (c->verb == MENU_OFF && n < 3)
		wrong(c, "write it out: off");
}
