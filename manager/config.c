/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The config reader. Debian's inih splits the lines into key and value; sections, line numbers and
 * every judgement are made here, from tables. Opens no file and looks at no hardware.
 */
#include "manager/config.h"

#include <ini.h>
#include <limits.h>

#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"

#define LINE_MAX_BYTES (CONFIG_CMDLINE_MAX + 128)
#define KEY_MAX        16 /* keys in a section */
#define MEMORY_MIN     (1ULL << 20)
#define MEMORY_MAX     (1ULL << 40)

enum section { SECTION_NONE, SECTION_BOX, SECTION_VM, SECTION_BAD };

struct reader {
	const char *text;
	size_t bytes, at;
	uint32_t line;
	bool unanswered; /* the line has words, and inih has not called back for it */
	enum section section;
	uint32_t box_line;
	char focus[CONFIG_NAME_MAX + 1]; /* [box] focus, and its line; 0: none */
	uint32_t focus_line;
	uint32_t seen[KEY_MAX]; /* line of each key's first use in this section */
	struct config *config;
	struct config_vm *vm; /* with SECTION_VM */
	struct config_errors *errors;
};

/* A value's parser says its own errors. Later ones are known by name only. */
struct key {
	const char *name;
	void (*set)(struct reader *r, const char *value); /* NULL: not supported yet */
};

/* ------------------------------------------------------------------------------ errors */

static void error_add_v(struct config_errors *errors, uint32_t line, const char *fmt, va_list args)
{
	uint32_t at = errors->count;

	if (errors->count == CONFIG_ERROR_MAX) {
		errors->more = true;
		return;
	}
	while (at > 0 && errors->error[at - 1].line > line) {
		errors->error[at] = errors->error[at - 1];
		at--;
	}
	errors->error[at].line = line;
	format_v(errors->error[at].text, CONFIG_TEXT_MAX, fmt, args);
	errors->count++;
}

void config_error_add(struct config_errors *errors, uint32_t line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	error_add_v(errors, line, fmt, args);
	va_end(args);
}

/* An error on the line being read. */
__attribute__((format(printf, 2, 3))) static void wrong(struct reader *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	error_add_v(r->errors, r->line, fmt, args);
	va_end(args);
	if (r->section == SECTION_VM)
		r->vm->wrong = r->line;
	else if (r->section != SECTION_BAD)
		r->config->wrong = true; /* a section that is none has no VM to stop */
}

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
 * or -1 after the error.
 */
static int one_of(struct reader *r, const char *key, const char *value, const char *const *words,
		  unsigned int supported)
{
	struct guess g = { NULL, UINT_MAX };
	char list[64];
	size_t n = 0;

	list[0] = '\0';
	for (unsigned int i = 0; words[i] != NULL; i++) {
		if (strcmp(value, words[i]) == 0) {
			if (i < supported)
				return (int)i;
			wrong(r, "%s = %s is not supported yet; use %s = %s", key, words[i], key,
			      words[0]);
			return -1;
		}
		guess_try(&g, value, words[i]);
		if (n < sizeof(list))
			n += (size_t)format(list + n, sizeof(list) - n, "%s%s", i == 0 ? "" : ", ",
					    words[i]);
	}
	wrong(r, "%s = %.32s is none of: %s%s%s%s", key, value, list, guess_lead(&g),
	      guess_word(&g), guess_tail(&g));
	return -1;
}

static void set_console(struct reader *r, const char *value)
{
	static const char *const words[] = { "com1", "com2", "fb", "none", NULL };
	int i = one_of(r, "console", value, words, 4);

	if (i >= 0)
		r->config->console = (enum config_console)i;
}

static void set_vm_console(struct reader *r, const char *value)
{
	static const char *const words[] = { "com1", "com2", NULL };
	int i = one_of(r, "console", value, words, 2);

	r->vm->console_line = r->line;
	if (i >= 0)
		r->vm->console = i == 0 ? PORT_COM1 : PORT_COM2;
}

static bool yes_or_no(struct reader *r, const char *key, const char *value)
{
	static const char *const words[] = { "no", "yes", NULL };

	return one_of(r, key, value, words, 2) == 1;
}

static void set_stay(struct reader *r, const char *value)
{
	r->config->stay = yes_or_no(r, "stay", value);
}

static void set_focus(struct reader *r, const char *value)
{
	if (text_copy(r->focus, sizeof(r->focus), value) >= sizeof(r->focus))
		wrong(r, "focus is longer than the name of a VM can be");
	r->focus_line = r->line;
}

static void set_exclusive(struct reader *r, const char *value)
{
	r->vm->exclusive = yes_or_no(r, "exclusive", value);
}

static void set_mitigations(struct reader *r, const char *value)
{
	static const char *const words[] = { "on", "off", NULL };
	int i = one_of(r, "mitigations", value, words, 2);

	if (i >= 0)
		r->config->mitigations = (enum config_mitigations)i;
}

static void set_machine(struct reader *r, const char *value)
{
	static const char *const words[] = { "pc", "q35", NULL };
	int i = one_of(r, "machine", value, words, 1);

	if (i >= 0)
		r->vm->machine = (enum config_machine)i;
}

static void set_on_crash(struct reader *r, const char *value)
{
	static const char *const words[] = { "stop", "restart", NULL };
	int i = one_of(r, "on_crash", value, words, 2);

	if (i >= 0)
		r->vm->on_crash = (enum config_crash)i;
}

static void set_memory(struct reader *r, const char *value)
{
	size_t n = strlen(value);
	char last = n > 0 ? value[n - 1] : '\0';
	uint64_t bytes;

	r->vm->memory_line = r->line;
	r->vm->memory = MEMORY_MIN; /* something was said: not also "no memory" */
	if (!text_number(value, n, true, &bytes)) {
		wrong(r, "memory = %.32s is not a size; write a number with K, M or G, as in 512M",
		      value);
	} else if (last >= '0' && last <= '9' && bytes > 0 && bytes < MEMORY_MIN) {
		wrong(r, "memory = %s has no unit; did you mean %sM?", value, value);
	} else if (bytes < MEMORY_MIN || bytes > MEMORY_MAX) {
		wrong(r, "memory = %.32s is outside what a VM can have: 1M to 1024G", value);
	} else if (bytes % 4096 != 0) {
		wrong(r, "memory = %.32s is not a multiple of 4K", value);
	} else {
		r->vm->memory = bytes;
	}
}

/* The host processors of vCPU 0, 1, ...; a comma at the end makes a list of one. */
static void set_pins(struct reader *r, const char *value)
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
			wrong(r, "cpus = %.32s is not a list of the box's processors; write cpus = 2,3",
			      value);
			break;
		}
		if (vm->cpus == CONFIG_CPUS_MAX) {
			wrong(r, "cpus lists more than %u processors, which is not supported yet",
			      CONFIG_CPUS_MAX);
			break;
		}
		vm->pin[vm->cpus++] = (uint16_t)n;
	}
	if (vm->cpus == 0)
		vm->cpus = 1;
}

static void set_cpus(struct reader *r, const char *value)
{
	uint64_t n;

	r->vm->cpus_line = r->line;
	if (strchr(value, ',') != NULL)
		set_pins(r, value);
	else if (!text_number(value, strlen(value), false, &n) || n == 0)
		wrong(r, "cpus = %.32s is not a number of processors; use cpus = 1", value);
	else if (n > CONFIG_CPUS_MAX)
		wrong(r, "cpus = %.32s: more than %u processors are not supported yet; use cpus = %u", value,
		      CONFIG_CPUS_MAX, CONFIG_CPUS_MAX);
	else
		r->vm->cpus = (uint32_t)n;
}

/* Paths become names in a boot loader's command: no blanks, quotes or control characters. */
static void set_file(struct reader *r, const char *key, struct config_file *file, const char *value)
{
	file->line = r->line;
	text_copy(file->path, sizeof(file->path), value);
	if (strlen(value) >= sizeof(file->path)) {
		wrong(r, "the path of %s is longer than %d characters", key, CONFIG_PATH_MAX - 1);
		return;
	}
	for (const char *s = value; *s != '\0'; s++) {
		if (*s <= ' ' || *s > '~' || strchr("\"'\\$;", *s) != NULL) {
			wrong(r,
			      "the path of %s has a blank, quote or other special character in it; "
			      "rename the file",
			      key);
			return;
		}
	}
}

static void set_kernel(struct reader *r, const char *value)
{
	set_file(r, "kernel", &r->vm->kernel, value);
}

static void set_initrd(struct reader *r, const char *value)
{
	set_file(r, "initrd", &r->vm->initrd, value);
}

/* module = FILE ARGS: the first word names the file, the rest is for the guest. */
static void set_module(struct reader *r, const char *value)
{
	struct config_module *m = &r->vm->module[r->vm->modules];
	char path[CONFIG_PATH_MAX + 1];
	size_t n = 0;

	if (r->vm->modules == CONFIG_MODULES_MAX) {
		wrong(r, "there are more than %d modules", CONFIG_MODULES_MAX);
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
		wrong(r, "the module's arguments are longer than %d characters", CONFIG_ARGS_MAX - 1);
}

static void set_testdev(struct reader *r, const char *value)
{
	r->vm->testdev = yes_or_no(r, "testdev", value);
}

static void set_cmdline(struct reader *r, const char *value)
{
	if (text_copy(r->vm->cmdline, sizeof(r->vm->cmdline), value) >= sizeof(r->vm->cmdline))
		wrong(r, "cmdline is longer than %d characters", CONFIG_CMDLINE_MAX - 1);
}

static const struct key box_keys[] = {
	{ "console", set_console },
	{ "stay", set_stay },
	{ "focus", set_focus },
	{ "mitigations", set_mitigations },
	{ NULL, NULL },
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
_Static_assert(sizeof(vm_keys) / sizeof(vm_keys[0]) <= KEY_MAX, "reader.seen holds every key");

/* ------------------------------------------------------------------------------ sections, keys */

static bool name_ok(const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = name[i];
		bool word =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!word && (i == 0 || (c != '-' && c != '_')))
			return false;
	}
	return n > 0 && n < CONFIG_NAME_MAX;
}

static void vm_begin(struct reader *r, const char *name, size_t n)
{
	struct config *c = r->config;

	r->section = SECTION_BAD;
	if (!name_ok(name, n)) {
		wrong(r,
		      "[vm %.*s]: a VM's name is 1 to %d letters, digits, - and _; write [vm web]",
		      (int)(n < 32 ? n : 32), name, CONFIG_NAME_MAX - 1);
		return;
	}
	for (uint32_t i = 0; i < c->vm_count; i++) {
		if (strlen(c->vm[i].name) == n && memcmp(c->vm[i].name, name, n) == 0) {
			wrong(r, "there is a [vm %s] in line %u already; names are unique",
			      c->vm[i].name, c->vm[i].line);
			return;
		}
	}
	if (c->vm_count == CONFIG_VM_MAX) {
		wrong(r, "there are more than %d VMs", CONFIG_VM_MAX);
		return;
	}
	r->section = SECTION_VM;
	r->vm = &c->vm[c->vm_count++];
	memset(r->vm, 0, sizeof(*r->vm));
	memcpy(r->vm->name, name, n);
	r->vm->line = r->line;
	r->vm->cpus = 1;
}

static void box_begin(struct reader *r)
{
	if (r->box_line != 0)
		wrong(r, "there is a [box] in line %u already", r->box_line);
	r->section = SECTION_BOX;
	r->box_line = r->line;
}

/* `s` begins with '[' and has n characters, trailing blanks removed. */
static void section_begin(struct reader *r, const char *s, size_t n)
{
	const char *end = memchr(s, ']', n);
	const char *rest;

	memset(r->seen, 0, sizeof(r->seen));
	r->section = SECTION_BAD;
	if (end == NULL) {
		wrong(r, "the section's ']' is missing");
		return;
	}
	for (rest = end + 1; rest < s + n && (*rest == ' ' || *rest == '\t'); rest++)
		;
	if (rest < s + n && *rest != ';' && *rest != '#') {
		wrong(r, "there is text after the section's ']'; put it on a line of its own");
		return;
	}
	s++;
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	n = (size_t)(end - s);
	if (n == 3 && memcmp(s, "box", 3) == 0) {
		box_begin(r);
	} else if (n >= 2 && memcmp(s, "vm", 2) == 0 && (n == 2 || s[2] == ' ' || s[2] == '\t')) {
		for (s += 2; s < end && (*s == ' ' || *s == '\t'); s++)
			;
		vm_begin(r, s, (size_t)(end - s));
	} else {
		wrong(r, "unknown section [%.*s]; there are [box] and [vm NAME]",
		      (int)(n < 32 ? n : 32), s);
	}
}

static void key_unknown(struct reader *r, const struct key *keys, const char *name)
{
	struct guess g = { NULL, UINT_MAX };
	bool is_vm = r->section == SECTION_VM;

	for (const struct key *k = keys; k->name != NULL; k++)
		guess_try(&g, name, k->name);
	wrong(r, "unknown key '%.24s' in [%s%s]%s%s%s", name, is_vm ? "vm " : "box",
	      is_vm ? r->vm->name : "", guess_lead(&g), guess_word(&g), guess_tail(&g));
}

static void key_do(struct reader *r, const char *name, const char *value)
{
	const struct key *keys = r->section == SECTION_VM ? vm_keys : box_keys;
	size_t i = 0;

	if (r->section == SECTION_BAD)
		return; /* its section has had an error */
	if (r->section == SECTION_NONE) {
		wrong(r, "'%.24s' stands before any section; begin with [box] or [vm NAME]", name);
		return;
	}
	while (keys[i].name != NULL && strcmp(keys[i].name, name) != 0)
		i++;
	if (keys[i].name == NULL) {
		key_unknown(r, keys, name);
	} else if (keys[i].set == NULL) {
		wrong(r, "'%s' is not supported yet; remove the line", name);
	} else if (r->seen[i] != 0 && keys[i].set != set_module) {
		wrong(r, "'%s' was given in line %u already", name, r->seen[i]);
	} else {
		r->seen[i] = r->line;
		if (value[0] == '\0' && keys[i].set != set_cmdline)
			wrong(r, "'%s' has no value", name);
		else
			keys[i].set(r, value);
	}
}

/* inih's handler: once a line that has KEY = VALUE. */
static int on_key(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;

	(void)section;
	r->unanswered = false;
	if (name[0] == '\0')
		wrong(r, "there is no key before the '='");
	else
		key_do(r, name, value);
	return 1;
}

/* ------------------------------------------------------------------------------ lines */

static void line_finish(struct reader *r)
{
	if (r->unanswered)
		wrong(r, "this is neither [SECTION] nor KEY = VALUE; comments begin with ';'");
	r->unanswered = false;
}

/* Whether the line is text. Tells the first thing that is wrong. */
static bool line_ok(struct reader *r, const char *s, size_t n, size_t room)
{
	if (n + 2 > room) {
		wrong(r, "the line is longer than %d characters", LINE_MAX_BYTES - 3);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] < ' ' && s[i] != '\t') {
			wrong(r,
			      "there is a control character (%02xh) in the line; is this a text "
			      "file?",
			      (unsigned char)s[i]);
			return false;
		}
	}
	return true;
}

/*
 * inih's reader: one whole line a call, so that we know the line's number. Sections are dealt with
 * here; leading blanks go, because inih would take an indented line as more of the value above.
 */
static char *next_line(char *to, int room, void *stream)
{
	struct reader *r = stream;
	const char *s, *end;
	size_t n;

	line_finish(r);
	if (r->at >= r->bytes)
		return NULL;
	s = r->text + r->at;
	end = memchr(s, '\n', r->bytes - r->at);
	if (end == NULL)
		end = r->text + r->bytes;
	r->at = (size_t)(end - r->text) + 1;
	r->line++;
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	while (end > s && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	n = (size_t)(end - s);
	if (!line_ok(r, s, n, (size_t)room)) {
		n = 0;
	} else if (n > 0 && *s == '[') {
		section_begin(r, s, n);
		n = 0;
	}
	r->unanswered = n > 0 && *s != ';' && *s != '#';
	memcpy(to, s, n);
	to[n] = '\n';
	to[n + 1] = '\0';
	return to;
}

__attribute__((format(printf, 4, 5))) static void judge(struct reader *r, struct config_vm *vm,
							  uint32_t line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	error_add_v(r->errors, line, fmt, args);
	va_end(args);
	vm->wrong = line;
}

static void judge_console(struct reader *r, struct config_vm *vm)
{
	const struct config *c = r->config;
	const char *port = vm->console == PORT_COM1 ? "com1" : "com2";

	if (vm->console == PORT_SHARED)
		return;
	if (c->console == (vm->console == PORT_COM1 ? CONSOLE_COM1 : CONSOLE_COM2))
		judge(r, vm, vm->console_line, "%s is the box's own console; use another port, or [box] console",
		      port);
	for (const struct config_vm *other = c->vm; other < vm; other++) {
		if (other->console == vm->console)
			judge(r, vm, vm->console_line, "[vm %s] has console = %s already", other->name,
			      port);
	}
}

/* What can only be said of a section as a whole. */
static void vm_judge(struct reader *r, struct config_vm *vm)
{
	if (vm->memory == 0)
		judge(r, vm, vm->line, "[vm %s] has no memory; add memory = 512M", vm->name);
	if (vm->kernel.line == 0)
		judge(r, vm, vm->line, "[vm %s] has no kernel; add kernel = FILE", vm->name);
	judge_console(r, vm);
	for (uint32_t i = 0; vm->exclusive && vm->pinned && i < vm->cpus; i++) {
		for (uint32_t j = 0; j < i; j++) {
			if (vm->pin[i] == vm->pin[j])
				judge(r, vm, vm->cpus_line,
				      "processor %u stands twice in cpus, and exclusive = yes", vm->pin[i]);
		}
		if (vm->pin[i] == 0)
			judge(r, vm, vm->cpus_line,
			      "processor 0 cannot be exclusive: the manager runs there");
	}
}

static void focus_judge(struct reader *r)
{
	struct config *c = r->config;

	for (uint32_t i = 0; i < c->vm_count && r->focus_line != 0; i++) {
		if (strcmp(c->vm[i].name, r->focus) == 0)
			c->focus = (int)i;
	}
	if (r->focus_line == 0 || (c->focus >= 0 && c->vm[c->focus].console == PORT_SHARED))
		return;
	config_error_add(r->errors, r->focus_line, c->focus < 0 ?
			 "focus = %s: there is no [vm %s]" :
			 "focus = %s: [vm %s] has a port of its own for its console", r->focus, r->focus);
	c->wrong = true;
	c->focus = -1;
}

int config_parse(const char *text, size_t bytes, struct config *config,
		 struct config_errors *errors)
{
	struct reader r = { .text = text, .bytes = bytes, .config = config, .errors = errors };

	config->console = CONSOLE_COM1;
	config->stay = config->wrong = false;
	config->focus = -1;
	config->mitigations = MITIGATIONS_ON;
	config->vm_count = 0;
	errors->count = 0;
	errors->more = false;
	if (bytes > CONFIG_FILE_MAX) {
		config->wrong = true;
		config_error_add(errors, 0, "the file is larger than %d KiB",
				 CONFIG_FILE_MAX / 1024);
		return -1;
	}
	if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.at = 3; /* an editor's byte-order mark */
	ini_use_stack = true;
	ini_max_line = LINE_MAX_BYTES;
	ini_parse_stream(next_line, &r, on_key, &r);
	for (uint32_t i = 0; i < config->vm_count; i++)
		vm_judge(&r, &config->vm[i]);
	focus_judge(&r);
	if (config->vm_count == 0 && errors->count == 0)
		config_error_add(errors, 0, "there is no VM; add a [vm NAME] section");
	return errors->count == 0 ? 0 : -1;
}
