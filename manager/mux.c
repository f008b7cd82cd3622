/* SPDX-License-Identifier: GPL-2.0-only */
/* The console's output and input; see mux.h. What commands mean is menu.c's business. */
#include "manager/mux.h"

#include <stdarg.h>
#include "lib/format.h"
#include "lib/string.h"

enum { LED_MAX = 200 /* bytes of a led line, longer ones are cut */, RAW_MAX = 512 };
enum { LEAD_MAX = CONFIG_NAME_MAX + 64 };
/* PARTIAL_MS: nobody types at a VM that shares the console, so a begun line has time for its end. */
enum { PARTIAL_MS = 1000, TALKING_MS = 20, LOG_WAIT_MS = 100, PROMPT_MS = 60000, HINT_MS = 10000 };

struct sink {
	uint8_t *to;
	size_t room, n;
};

static bool is_vm(unsigned source)
{
	return source < MUX_LOG;
}

static bool visible(const struct mux *m, unsigned i)
{
	const struct mux_source *s = &m->source[i];

	return s->data && !s->away && (!is_vm(i) || m->focus < 0 || m->focus == (int)i);
}

void mux_init(struct mux *m)
{
	memset(m, 0, sizeof(*m));
	m->focus = m->owner = -1;
	m->line_start = true;
	m->source[MUX_LOG] = (struct mux_source){ .name = "log", .data = m->log, .size = MUX_LOG_BYTES };
}

void mux_add(struct mux *m, unsigned vm, const char *name, uint8_t *data)
{
	m->source[vm] = (struct mux_source){ .name = name, .data = data, .size = MUX_HISTORY };
}

size_t mux_room(const struct mux *m, unsigned i)
{
	const struct mux_source *s = &m->source[i];

	/* Nobody waits because a person reads the menu. */
	if (is_vm(i) && (m->prompt || !visible(m, i)))
		return s->size;
	return s->size - (size_t)(s->head - s->shown);
}

void mux_put(struct mux *m, unsigned i, const void *bytes, size_t n, uint64_t now)
{
	struct mux_source *s = &m->source[i];
	const uint8_t *from = bytes;

	if (!s->data)
		return;
	for (size_t k = 0; k < n; k++)
		s->data[s->head++ & (s->size - 1)] = from[k];
	s->heard = now;
	if (!visible(m, i)) {
		s->shown = s->head;
	} else if (s->head - s->shown > s->size) {
		s->lost += s->head - s->shown - s->size;
		s->shown = s->head - s->size;
	}
}

void mux_note(struct mux *m, unsigned vm, const char *line)
{
	struct mux_source *s = &m->source[vm];
	bool all_shown = s->shown == s->head;
	uint64_t now = s->heard;

	mux_put(m, vm, "bulkhead: ", 10, now);
	mux_put(m, vm, line, strlen(line), now);
	mux_put(m, vm, "\r\n", 2, now);
	if (all_shown && !s->away)
		s->shown = s->head;
}

/* ---------------------------------------------------------------- the mux's own words */

static bool reply_line_start(const struct mux *m)
{
	if (m->reply_head == m->reply_tail)
		return m->line_start;
	return m->reply[(m->reply_head - 1) % MUX_REPLY] == '\n';
}

static void reply(struct mux *m, const char *text, size_t n)
{
	if (n > MUX_REPLY - (m->reply_head - m->reply_tail))
		return; /* the console does not follow: nobody reads it anyway */
	for (size_t i = 0; i < n; i++)
		m->reply[m->reply_head++ % MUX_REPLY] = (uint8_t)text[i];
}

static void reply_text(struct mux *m, const char *text)
{
	reply(m, text, strlen(text));
}

void mux_say(struct mux *m, const char *fmt, ...)
{
	char line[MUX_SAY_MAX];
	va_list args;
	int n;

	if (!reply_line_start(m))
		reply_text(m, "\r\n");
	va_start(args, fmt);
	n = format_v(line, sizeof(line), fmt, args);
	va_end(args);
	reply(m, line, n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1);
	reply_text(m, "\r\n");
}

/* ---------------------------------------------------------------- output */

static void put(struct mux *m, struct sink *k, uint8_t byte)
{
	k->to[k->n++] = byte;
	m->line_start = byte == '\n';
}

static void put_text(struct mux *m, struct sink *k, const char *text)
{
	while (*text)
		put(m, k, (uint8_t)*text++);
}

static uint8_t at(const struct mux_source *s, uint64_t position)
{
	return s->data[position & (s->size - 1)];
}

/* How far the source's line goes, `max` bytes at most; *whole: its newline is among them. */
static size_t line_length(const struct mux_source *s, size_t max, bool *whole)
{
	size_t n = 0;

	*whole = false;
	while (n < max && s->shown + n < s->head && !*whole)
		*whole = at(s, s->shown + n++) == '\n';
	return n;
}

/* A new line for another one than who has begun the present one. */
static void begin_line(struct mux *m, struct sink *k, int who)
{
	if (!m->line_start && m->owner != who)
		put_text(m, k, "\r\n");
	m->owner = who;
}

static bool tell_lost(struct mux *m, struct mux_source *s, struct sink *k)
{
	char line[LEAD_MAX];

	begin_line(m, k, -1);
	format(line, sizeof(line), "bulkhead: %llu bytes of %s's output are lost\r\n",
	       (unsigned long long)s->lost, s->name);
	put_text(m, k, line);
	s->lost = 0;
	return true;
}

/* Does the byte belong on a line among others' lines? Control sequences and moves of the cursor do not. */
static bool printable(struct mux_source *s, uint8_t byte)
{
	uint8_t before = s->before;

	s->before = byte;
	if (byte == 0x1b) {
		s->control = 1;
		return false;
	}
	if (s->control == 1) {
		s->control = byte == '[' ? 2 : 0;
		return false;
	}
	if (s->control == 2) {
		if (byte >= '@' && byte <= '~')
			s->control = 0;
		return false;
	}
	if (byte >= 0x80 && byte < 0xa0) /* control codes, unless in the middle of a UTF-8 character */
		return before >= 0x80 && before != 0xc2;
	return byte == '\n' || byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

static bool show_led(struct mux *m, unsigned i, struct sink *k, uint64_t now)
{
	struct mux_source *s = &m->source[i];
	bool whole;
	size_t n = line_length(s, LED_MAX, &whole);

	if (n == 0 || (!whole && n < LED_MAX && now - s->heard < PARTIAL_MS))
		return false;
	if (k->room - k->n < n + LEAD_MAX)
		return false;
	begin_line(m, k, (int)i);
	for (size_t j = 0; j < n; j++) {
		uint8_t byte = at(s, s->shown++);

		if (!printable(s, byte))
			continue;
		if (m->line_start) {
			put_text(m, k, s->name);
			put_text(m, k, ": ");
		}
		if (byte == '\n')
			put(m, k, '\r');
		put(m, k, byte);
	}
	return true;
}

static bool show_raw(struct mux *m, unsigned i, struct sink *k)
{
	struct mux_source *s = &m->source[i];
	size_t n = (size_t)(s->head - s->shown), room = k->room - k->n;

	n = n < room ? n : room;
	n = n < RAW_MAX ? n : RAW_MAX;
	m->owner = n > 0 ? (int)i : m->owner;
	for (size_t j = 0; j < n; j++)
		put(m, k, at(s, s->shown++));
	return n > 0;
}

/* Does the VM in focus stand in the middle of a line, and go on with it? The log waits, not for ever. */
static bool log_held(struct mux *m, uint64_t now)
{
	bool talking = m->focus >= 0 && m->owner == m->focus && !m->line_start &&
		       now - m->source[m->focus].heard < TALKING_MS;

	if (talking && m->log_waits == 0)
		m->log_waits = now + 1;
	if (talking && now + 1 - m->log_waits < LOG_WAIT_MS)
		return true;
	m->log_waits = 0;
	return false;
}

static bool show_log(struct mux *m, struct sink *k, uint64_t now)
{
	struct mux_source *s = &m->source[MUX_LOG];
	bool whole;
	size_t n = line_length(s, LED_MAX, &whole);

	if (n == 0 || log_held(m, now) || k->room - k->n < n + LEAD_MAX)
		return false;
	begin_line(m, k, MUX_LOG);
	for (size_t j = 0; j < n; j++) {
		uint8_t byte = at(s, s->shown++);

		if (byte == '\n')
			put(m, k, '\r');
		put(m, k, byte);
	}
	return true;
}

static bool show(struct mux *m, unsigned i, struct sink *k, uint64_t now)
{
	struct mux_source *s = &m->source[i];

	if (!visible(m, i))
		return false;
	if (s->lost && k->room - k->n >= LEAD_MAX + LED_MAX)
		return tell_lost(m, s, k);
	if (i == MUX_LOG)
		return show_log(m, k, now);
	return m->focus == (int)i ? show_raw(m, i, k) : show_led(m, i, k, now);
}

/* One line, or one piece, of the next one whose turn it is: who says much cannot silence the others. */
static bool show_next(struct mux *m, struct sink *k, uint64_t now)
{
	for (unsigned n = 0; n < MUX_SOURCES; n++) {
		unsigned i = (m->turn + n) % MUX_SOURCES;

		if (show(m, i, k, now)) {
			m->turn = (i + 1) % MUX_SOURCES;
			return true;
		}
	}
	return false;
}

size_t mux_output(struct mux *m, uint8_t *to, size_t room, uint64_t now)
{
	struct sink k = { to, room, 0 };

	if (m->prompt && now - m->prompt_key > PROMPT_MS) {
		m->prompt = false;
		reply_text(m, "\r\n");
	}
	while (k.n < room && m->reply_tail != m->reply_head) {
		put(m, &k, m->reply[m->reply_tail++ % MUX_REPLY]);
		m->owner = -1;
	}
	while (k.n < room && !m->prompt && show_next(m, &k, now))
		;
	return k.n;
}

bool mux_empty(const struct mux *m)
{
	for (unsigned i = 0; i < MUX_SOURCES; i++) {
		if (visible(m, i) && (m->source[i].shown != m->source[i].head || m->source[i].lost))
			return false;
	}
	return m->reply_tail == m->reply_head;
}

int mux_wait(const struct mux *m, uint64_t now)
{
	uint64_t open = now - m->prompt_key;

	if (m->prompt)
		return open > PROMPT_MS ? TALKING_MS : (int)(PROMPT_MS + 1 - open);
	return mux_empty(m) ? -1 : TALKING_MS;
}

/* ---------------------------------------------------------------- input */

static void prompt_open(struct mux *m)
{
	m->prompt = true;
	m->line_bytes = 0;
	if (!reply_line_start(m))
		reply_text(m, "\r\n");
	reply_text(m, "bulkhead: menu (h: help, Enter: back)> ");
}

static enum mux_typed prompt_close(struct mux *m, enum mux_typed what)
{
	m->prompt = false;
	m->line[m->line_bytes] = '\0';
	reply_text(m, "\r\n");
	return what;
}

static enum mux_typed prompt_key(struct mux *m, uint8_t byte)
{
	if (byte == MUX_ESCAPE)
		return prompt_close(m, m->line_bytes == 0 && m->focus >= 0 ? MUX_TO_VM : MUX_NOTHING);
	if (byte == 0x1b || byte == 3 /* Ctrl-C */)
		return prompt_close(m, MUX_NOTHING);
	if (byte == '\r' || byte == '\n') {
		m->swallow = byte == '\r';
		return prompt_close(m, MUX_COMMAND);
	}
	if ((byte == 8 || byte == 0x7f) && m->line_bytes > 0) {
		m->line_bytes--;
		reply_text(m, "\b \b");
	} else if (byte >= ' ' && byte < 0x7f && m->line_bytes + 1 < MUX_LINE) {
		m->line[m->line_bytes++] = (char)byte;
		reply(m, (const char *)&byte, 1);
	}
	return MUX_NOTHING;
}

enum mux_typed mux_type(struct mux *m, uint8_t byte, uint64_t now)
{
	bool swallow = m->swallow && byte == '\n';

	m->swallow = false;
	if (swallow)
		return MUX_NOTHING;
	if (m->prompt) {
		m->prompt_key = now;
		return prompt_key(m, byte);
	}
	if (byte == MUX_ESCAPE) {
		m->prompt_key = now;
		prompt_open(m);
		return MUX_NOTHING;
	}
	if (m->focus >= 0)
		return MUX_TO_VM;
	if (m->hinted == 0 || now - m->hinted > HINT_MS) {
		m->hinted = now ? now : 1;
		mux_say(m, "bulkhead: no VM has the keyboard; Ctrl-T opens the menu, there `focus NAME` gives it to one");
	}
	return MUX_NOTHING;
}

void mux_focus(struct mux *m, int vm)
{
	struct mux_source *s;

	m->focus = vm;
	for (unsigned i = 0; i < MUX_LOG; i++) {
		m->source[i].shown = m->source[i].head;
		m->source[i].lost = 0;
		m->source[i].control = 0;
	}
	if (vm < 0)
		return;
	s = &m->source[vm];
	s->shown = s->head > s->size ? s->head - s->size : 0;
	/* Not the rest of a line whose beginning is gone. */
	for (bool whole = s->shown == 0; !whole && s->shown < s->head; s->shown++)
		whole = at(s, s->shown) == '\n';
}
