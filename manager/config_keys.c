/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The config file's keys: one small setter each, and the tables of [box] and [vm]. A setter says its own
 * errors; what takes a whole section to judge is config.c's business.
 */
#include "manager/config_impl.h"

#include <limits.h>

#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"

#define MEMORY_MIN (1ULL << 20)
#define MEMORY_MAX (1ULL << 40)

/* Keys of later versions are known by name only. */
struct key {
	const char *name;
	void (*set)(struct config_reader *r, const char *value); /* NULL: not supported yet */
};

/* ------------------------------------------------------------------------------ values */

/* How many single-letter slips (wrong, missing, extra, swapped) turn a into b; words are short. */
static unsigned int slips(const char *a, const char *b)
{
	enum { MAX = 24 };
	unsigned int row[3][MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > MAX || m > MAX)
		return UINT_MAX;
	for (unsigned int j = 0; j <= m; j++)
		row[0][j] = j;
	for (unsigned int i = 1; i <= n; i++) {
		unsigned int *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

		now[0] = i;
		for (unsigned int j = 1; j <= m; j++) {
			unsigned int best = up[j - 1] + (a[i - 1] != b[j - 1]);

			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    up2[j - 2] + 1 < best)
				best = up2[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[n % 3][m];
}

/* Adds "; did you mean 'X'?" for the candidate that is close enough to be a slip of the finger. */
struct guess {
	const char *best;
	unsigned int slips;
};

static void guess_try(struct guess *g, const char *word, const char *candidate)
{
	unsigned int s = slips(word, candidate);

	if (s <= 2 && s < strlen(candidate) && s < g->slips) {
		g->best = candidate;
		g->slips = s;
	}
}

static const char *guess_lead(const struct guess *g)
{
	return g->best != NULL ? "; did you mean '" : "";
}

static const char *guess_word(const struct guess *g)
{
	return g->best != NULL ? g->best : "";
}

static const char *guess_tail(const struct guess *g)
{
	return g->best != NULL ? "'?" : "";
}

/*
 * One of the words of a list. `supported` of them, counted from the front, work. Returns the index,
 * or `otherwise` after the error.
 */
static int one_of(struct config_reader *r, const char *key, const char *value,
		  const char *const *words, unsigned int supported, int otherwise)
{
	struct guess g = { NULL, UINT_MAX };
	char list[64];
	size_t n = 0;

	list[0] = '\0';
	for (unsigned int i = 0; words[i] != NULL; i++) {
		if (strcmp(value, words[i]) == 0) {
			if (i < supported)
				return (int)i;
			config_wrong(r, "%s = %s is not supported yet; use %s = %s", key, words[i],
				     key, words[0]);
			return otherwise;
		}
		guess_try(&g, value, words[i]);
		if (n < sizeof(list))
			n += (size_t)format(list + n, sizeof(list) - n, "%s%s", i == 0 ? "" : ", ",
					    words[i]);
	}
	config_wrong(r, "%s = %.32s is none of: %s%s%s%s", key, value, list, guess_lead(&g),
		     guess_word(&g), guess_tail(&g));
	return otherwise;
}

static void set_console(struct config_reader *r, const char *value)
{
	static const char *const words[] = { "com1", "com2", "fb", "none", NULL };
	int now = (int)r->config->console;

	r->config->console = (enum config_console)one_of(r, "console", value, words, 4, now);
}

static void set_vm_console(struct config_reader *r, const char *value)
{
	static const char *const words[] = { "com1", "com2", NULL };
	int i = one_of(r, "console", value, words, 2, -1);

	r->vm->console_line = r->line;
	if (i >= 0)
		r->vm->console = i == 0 ? PORT_COM1 : PORT_COM2;
}

static bool yes_or_no(struct config_reader *r, const char *key, const char *value)
{
	static const char *const words[] = { "no", "yes", NULL };

	return one_of(r, key, value, words, 2, 0) == 1;
}

static void set_stay(struct config_reader *r, const char *value)
{
	r->config->stay = yes_or_no(r, "stay", value);
}

static void set_focus(struct config_reader *r, const char *value)
{
	if (text_copy(r->focus, sizeof(r->focus), value) >= sizeof(r->focus))
		config_wrong(r, "focus is longer than the name of a VM can be");
	r->focus_line = r->line;
}

static void set_exclusive(struct config_reader *r, const char *value)
{
	r->vm->exclusive = yes_or_no(r, "exclusive", value);
}

static void set_mitigations(struct config_reader *r, const char *value)
{
	static const char *const words[] = { "on", "off", NULL };
	int now = (int)r->config->mitigations;

	r->config->mitigations = (enum config_mitigations)one_of(r, "mitigations", value, words,
									   2, now);
}

static void set_machine(struct config_reader *r, const char *value)
{
	static const char *const words[] = { "pc", "q35", NULL };
	int now = (int)r->vm->machine;

	r->vm->machine = (enum config_machine)one_of(r, "machine", value, words, 1, now);
}

static void set_on_crash(struct config_reader *r, const char *value)
{
	static const char *const words[] = { "stop", "restart", NULL };
	int now = (int)r->vm->on_crash;

	r->vm->on_crash = (enum config_crash)one_of(r, "on_crash", value, words, 2, now);
}

static void set_memory(struct config_reader *r, const char *value)
{
	size_t n = strlen(value);
	char last = n > 0 ? value[n - 1] : '\0';
	uint64_t bytes;

	r->vm->memory_line = r->line;
	r->vm->memory = MEMORY_MIN; /* something was said: not also "no memory" */
	if (!text_number(value, n, true, &bytes)) {
		config_wrong(
			r,
			"memory = %.32s is not a size; write a number with K, M or G, as in 512M",
			value);
	} else if (last >= '0' && last <= '9' && bytes > 0 && bytes < MEMORY_MIN) {
		config_wrong(r, "memory = %s has no unit; did you mean %sM?", value, value);
	} else if (bytes < MEMORY_MIN || bytes > MEMORY_MAX) {
		config_wrong(r, "memory = %.32s is outside what a VM can have: 1M to 1024G", value);
	} else if (bytes % 4096 != 0) {
		config_wrong(r, "memory = %.32s is not a multiple of 4K", value);
	} else {
		r->vm->memory = bytes;
	}
}

/* The host processors of vCPU 0, 1, ...; a comma at the end makes a list of one. */
static void set_pins(struct config_reader *r, const char *value)
{
	const char *at = value, *end;
	struct config_vm *vm = r->vm;
	size_t digits;
	uint64_t n;

	vm->pinned = true;
	for (vm->cpus = 0; *at != '\0'; at = *end == ',' ? end + 1 : end) {
		while (*at == ' ' || *at == '\t')
			at++;
		for (end = at; *end >= '0' && *end <= '9'; end++)
			;
		digits = (size_t)(end - at);
		while (*end == ' ' || *end == '\t')
			end++;
		if (!text_number(at, digits, false, &n) || n >= CONFIG_HOST_CPUS ||
		    (*end != ',' && *end != '\0')) {
			config_wrong(r,
				     "cpus = %.32s is not a list of the box's processors; write "
				     "cpus = 2,3",
				     value);
			break;
		}
		if (vm->cpus == CONFIG_CPUS_MAX) {
			config_wrong(
				r, "cpus lists more than %u processors, which is not supported yet",
				CONFIG_CPUS_MAX);
			break;
		}
		vm->pin[vm->cpus++] = (uint16_t)n;
	}
	if (vm->cpus == 0)
		vm->cpus = 1;
}

static void set_cpus(struct config_reader *r, const char *value)
{
	uint64_t n;

	r->vm->cpus_line = r->line;
	if (strchr(value, ',') != NULL)
		set_pins(r, value);
	else if (!text_number(value, strlen(value), false, &n) || n == 0)
		config_wrong(r, "cpus = %.32s is not a number of processors; use cpus = 1", value);
	else if (n > CONFIG_CPUS_MAX)
		config_wrong(r,
			     "cpus = %.32s: more than %u processors are not supported yet; use "
			     "cpus = %u",
			     value, CONFIG_CPUS_MAX, CONFIG_CPUS_MAX);
	else
		r->vm->cpus = (uint32_t)n;
}

/* Paths become names in a boot loader's command: no blanks, quotes or control characters. */
static void set_file(struct config_reader *r, const char *key, struct config_file *file,
		     const char *value)
{
	file->line = r->line;
	text_copy(file->path, sizeof(file->path), value);
	if (strlen(value) >= sizeof(file->path)) {
		config_wrong(r, "the path of %s is longer than %d characters", key,
			     CONFIG_PATH_MAX - 1);
		return;
	}
	for (const char *s = value; *s != '\0'; s++) {
		if (*s <= ' ' || *s > '~' || strchr("\"'\\$;", *s) != NULL) {
			config_wrong(r,
				     "the path of %s has a blank, quote or other special character "
				     "in it; "
				     "rename the file",
				     key);
			return;
		}
	}
}

static void set_kernel(struct config_reader *r, const char *value)
{
	set_file(r, "kernel", &r->vm->kernel, value);
}

static void set_initrd(struct config_reader *r, const char *value)
{
	set_file(r, "initrd", &r->vm->initrd, value);
}

/* module = FILE ARGS: the first word names the file, the rest is for the guest. */
static void set_module(struct config_reader *r, const char *value)
{
	struct config_module *m = &r->vm->module[r->vm->modules];
	char path[CONFIG_PATH_MAX + 1];
	size_t n = 0;

	if (r->vm->modules == CONFIG_MODULES_MAX) {
		config_wrong(r, "there are more than %d modules", CONFIG_MODULES_MAX);
		return;
	}
	r->vm->modules++;
	for (; *value != '\0' && *value != ' ' && *value != '\t'; value++)
		if (n < CONFIG_PATH_MAX)
			path[n++] = *value;
	path[n] = '\0';
	set_file(r, "module", &m->file, path);
	while (*value == ' ' || *value == '\t')
		value++;
	if (text_copy(m->args, sizeof(m->args), value) >= sizeof(m->args))
		config_wrong(r, "the module's arguments are longer than %d characters",
			     CONFIG_ARGS_MAX - 1);
}

static void set_testdev(struct config_reader *r, const char *value)
{
	r->vm->testdev = yes_or_no(r, "testdev", value);
}

static void set_cmdline(struct config_reader *r, const char *value)
{
	if (text_copy(r->vm->cmdline, sizeof(r->vm->cmdline), value) >= sizeof(r->vm->cmdline))
		config_wrong(r, "cmdline is longer than %d characters", CONFIG_CMDLINE_MAX - 1);
}

static const struct key box_keys[] = {
	{ "console", set_console },         { "stay", set_stay }, { "focus", set_focus },
	{ "mitigations", set_mitigations }, { NULL, NULL },
};

static const struct key vm_keys[] = {
	{ "memory", set_memory },
	{ "cpus", set_cpus },
	{ "kernel", set_kernel },
	{ "initrd", set_initrd },
	{ "cmdline", set_cmdline },
	{ "machine", set_machine },
	{ "on_crash", set_on_crash },
	{ "exclusive", set_exclusive },
	{ "console", set_vm_console },
	{ "module", set_module },
	{ "firmware", NULL },
	{ "disk", NULL },
	{ "net", NULL },
	{ "pci", NULL },
	{ "testdev", set_testdev },
	{ NULL, NULL },
};
_Static_assert(sizeof(vm_keys) / sizeof(vm_keys[0]) <= CONFIG_KEY_MAX,
	       "reader.seen holds every key");

/* ------------------------------------------------------------------------------ dispatch */

static void key_unknown(struct config_reader *r, const struct key *keys, const char *name)
{
	struct guess g = { NULL, UINT_MAX };
	bool is_vm = r->section == SECTION_VM;

	for (const struct key *k = keys; k->name != NULL; k++)
		guess_try(&g, name, k->name);
	config_wrong(r, "unknown key '%.24s' in [%s%s]%s%s%s", name, is_vm ? "vm " : "box",
		     is_vm ? r->vm->name : "", guess_lead(&g), guess_word(&g), guess_tail(&g));
}

void config_key(struct config_reader *r, const char *name, const char *value)
{
	const struct key *keys = r->section == SECTION_VM ? vm_keys : box_keys;
	size_t i = 0;

	if (r->section == SECTION_BAD)
		return; /* its section has had an error */
	if (r->section == SECTION_NONE) {
		config_wrong(r, "'%.24s' stands before any section; begin with [box] or [vm NAME]",
			     name);
		return;
	}
	while (keys[i].name != NULL && strcmp(keys[i].name, name) != 0)
		i++;
	if (keys[i].name == NULL) {
		key_unknown(r, keys, name);
	} else if (keys[i].set == NULL) {
		config_wrong(r, "'%s' is not supported yet; remove the line", name);
	} else if (r->seen[i] != 0 && keys[i].set != set_module) {
		config_wrong(r, "'%s' was given in line %u already", name, r->seen[i]);
	} else {
		r->seen[i] = r->line;
		if (value[0] == '\0' && keys[i].set != set_cmdline)
			config_wrong(r, "'%s' has no value", name);
		else
			keys[i].set(r, value);
	}
}
