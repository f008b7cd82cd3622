/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The config reader: lines, sections, and what takes a whole section to judge. Debian's inih splits the
 * lines into key and value; line numbers are made here. What a key means says config_keys.c. Opens no
 * file and looks at no hardware.
 */
#include "manager/config.h"

#include <ini.h>

#include "lib/format.h"
#include "lib/string.h"
#include "manager/config_impl.h"

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

void config_wrong(struct config_reader *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	error_add_v(r->errors, r->line, fmt, args);
	va_end(args);
	if (r->section == SECTION_VM)
		r->vm->wrong = r->line;
	else if (r->section != SECTION_BAD)
		r->config->wrong = true;
	else if (r->config->stray == 0)
		r->config->stray = r->line; /* there is no VM to stop */
}
/* ------------------------------------------------------------------------------ sections */

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

static void vm_begin(struct config_reader *r, const char *name, size_t n)
{
	struct config *c = r->config;

	r->section = SECTION_BAD;
	if (!name_ok(name, n)) {
		config_wrong(r,
			     "[vm %.*s]: a VM's name is 1 to %d letters, digits, - and _; write "
			     "[vm web]",
			     (int)(n < 32 ? n : 32), name, CONFIG_NAME_MAX - 1);
		return;
	}
	for (uint32_t i = 0; i < c->vm_count; i++) {
		if (strlen(c->vm[i].name) == n && memcmp(c->vm[i].name, name, n) == 0) {
			config_wrong(r, "there is a [vm %s] in line %u already; names are unique",
				     c->vm[i].name, c->vm[i].line);
			return;
		}
	}
	if (c->vm_count == CONFIG_VM_MAX) {
		config_wrong(r, "there are more than %d VMs", CONFIG_VM_MAX);
		return;
	}
	r->section = SECTION_VM;
	r->vm = &c->vm[c->vm_count++];
	memset(r->vm, 0, sizeof(*r->vm));
	memcpy(r->vm->name, name, n);
	r->vm->line = r->line;
	r->vm->cpus = 1;
}

static void box_begin(struct config_reader *r)
{
	if (r->box_line != 0)
		config_wrong(r, "there is a [box] in line %u already", r->box_line);
	r->section = SECTION_BOX;
	r->box_line = r->line;
}

/* `s` begins with '[' and has n characters, trailing blanks removed. */
static void section_begin(struct config_reader *r, const char *s, size_t n)
{
	const char *end = memchr(s, ']', n);
	const char *rest;

	memset(r->seen, 0, sizeof(r->seen));
	r->section = SECTION_BAD;
	if (end == NULL) {
		config_wrong(r, "the section's ']' is missing");
		return;
	}
	for (rest = end + 1; rest < s + n && (*rest == ' ' || *rest == '\t'); rest++)
		;
	if (rest < s + n && *rest != ';' && *rest != '#') {
		config_wrong(r,
			     "there is text after the section's ']'; put it on a line of its own");
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
		config_wrong(r, "unknown section [%.*s]; there are [box] and [vm NAME]",
			     (int)(n < 32 ? n : 32), s);
	}
}

/* inih's handler: once a line that has KEY = VALUE. */
static int on_key(void *user, const char *section, const char *name, const char *value)
{
	struct config_reader *r = user;

	(void)section;
	r->unanswered = false;
	if (name[0] == '\0')
		config_wrong(r, "there is no key before the '='");
	else
		config_key(r, name, value);
	return 1;
}

/* ------------------------------------------------------------------------------ lines */

static void line_finish(struct config_reader *r)
{
	if (r->unanswered)
		config_wrong(r,
			     "this is neither [SECTION] nor KEY = VALUE; comments begin with ';'");
	r->unanswered = false;
}

/* Whether the line is text. Tells the first thing that is wrong. */
static bool line_ok(struct config_reader *r, const char *s, size_t n, size_t room)
{
	if (n + 2 > room) {
		config_wrong(r, "the line is longer than %d characters", CONFIG_LINE_MAX - 3);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] < ' ' && s[i] != '\t') {
			config_wrong(
				r,
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
	struct config_reader *r = stream;
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

__attribute__((format(printf, 4, 5))) static void
judge(struct config_reader *r, struct config_vm *vm, uint32_t line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	error_add_v(r->errors, line, fmt, args);
	va_end(args);
	vm->wrong = line;
}

static void judge_console(struct config_reader *r, struct config_vm *vm)
{
	const struct config *c = r->config;
	const char *port = vm->console == PORT_COM1 ? "com1" : "com2";

	if (vm->console == PORT_SHARED)
		return;
	if (c->console == (vm->console == PORT_COM1 ? CONSOLE_COM1 : CONSOLE_COM2))
		judge(r, vm, vm->console_line,
		      "%s is the box's own console; use another port, or [box] console", port);
	for (const struct config_vm *other = c->vm; other < vm; other++) {
		if (other->console == vm->console)
			judge(r, vm, vm->console_line, "[vm %s] has console = %s already",
			      other->name, port);
	}
}

/* A processor that is one VM's alone is nobody else's. */
static void judge_shared_pins(struct config_reader *r, struct config_vm *vm)
{
	for (const struct config_vm *other = r->config->vm; other < vm && vm->pinned; other++) {
		for (uint32_t i = 0; other->pinned && i < other->cpus; i++) {
			for (uint32_t j = 0; j < vm->cpus; j++) {
				if (vm->pin[j] != other->pin[i] || (!vm->exclusive && !other->exclusive))
					continue;
				judge(r, vm, vm->cpus_line, "processor %u is [vm %s]'s as well, and %s has exclusive = yes",
				      vm->pin[j], other->name, vm->exclusive ? "this VM" : "that one");
				return;
			}
		}
	}
}

/* What can only be said of a section as a whole. */
static void vm_judge(struct config_reader *r, struct config_vm *vm)
{
	if (vm->memory == 0)
		judge(r, vm, vm->line, "[vm %s] has no memory; add memory = 512M", vm->name);
	if (vm->kernel.line == 0)
		judge(r, vm, vm->line, "[vm %s] has no kernel; add kernel = FILE", vm->name);
	judge_console(r, vm);
	judge_shared_pins(r, vm);
	for (uint32_t i = 0; vm->exclusive && vm->pinned && i < vm->cpus; i++) {
		for (uint32_t j = 0; j < i; j++) {
			if (vm->pin[i] == vm->pin[j])
				judge(r, vm, vm->cpus_line,
				      "processor %u stands twice in cpus, and exclusive = yes",
				      vm->pin[i]);
		}
		if (vm->pin[i] == 0)
			judge(r, vm, vm->cpus_line,
			      "processor 0 cannot be exclusive: the manager runs there");
	}
}

static void focus_judge(struct config_reader *r)
{
	struct config *c = r->config;

	for (uint32_t i = 0; i < c->vm_count && r->focus_line != 0; i++) {
		if (strcmp(c->vm[i].name, r->focus) == 0)
			c->focus = (int)i;
	}
	if (r->focus_line == 0 || (c->focus >= 0 && c->vm[c->focus].console == PORT_SHARED))
		return;
	config_error_add(r->errors, r->focus_line,
			 c->focus < 0 ? "focus = %s: there is no [vm %s]"
				      : "focus = %s: [vm %s] has a port of its own for its console",
			 r->focus, r->focus);
	c->wrong = true;
	c->focus = -1;
}

int config_parse(const char *text, size_t bytes, struct config *config,
		 struct config_errors *errors)
{
	struct config_reader r = {
		.text = text, .bytes = bytes, .config = config, .errors = errors
	};

	config->console = CONSOLE_COM1;
	config->stay = config->wrong = false;
	config->focus = -1;
	config->mitigations = MITIGATIONS_ON;
	config->vm_count = config->stray = 0;
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
	ini_max_line = CONFIG_LINE_MAX;
	ini_parse_stream(next_line, &r, on_key, &r);
	for (uint32_t i = 0; i < config->vm_count; i++)
		vm_judge(&r, &config->vm[i]);
	focus_judge(&r);
	if (config->vm_count == 0 && errors->count == 0)
		config_error_add(errors, 0, "there is no VM; add a [vm NAME] section");
	return errors->count == 0 ? 0 : -1;
}
