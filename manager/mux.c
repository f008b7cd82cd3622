/* SPDX-License-Identifier: GPL-2.0-only */
/* The console's output; see mux.h. What is typed is mux_input.c's business. */
#include "manager/mux.h"

#include <stdarg.h>
#include "lib/format.h"
#include "lib/string.h"
#include "manager/mux_impl.h"

enum { LED_MAX = 200 /* bytes of a led line, longer ones are cut */, RAW_MAX = 512 };
enum { LEAD_MAX = CONFIG_NAME_MAX + 64 };
/* PARTIAL_MS: nobody types at a VM that shares the console, so a begun line has time for its end. */
enum { PARTIAL_MS = 1000, TALKING_MS = 20, LOG_WAIT_MS = 100, PROMPT_MS = 60000, ESCAPE_MS = 100 };

enum { TEXT, ESCAPE, CSI, STRING, STRING_ESCAPE }; /* mux_source.control */

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

bool mux_reply_line_start(const struct mux *m)
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

void mux_reply(struct mux *m, const char *text)
{
	reply(m, text, strlen(text));
}

void mux_say(struct mux *m, const char *fmt, ...)
{
	char line[MUX_SAY_MAX];
	va_list args;
	int n;

	if (!mux_reply_line_start(m))
		mux_reply(m, "\r\n");
	va_start(args, fmt);
	n = format_v(line, sizeof(line), fmt, args);
	va_end(args);
	reply(m, line, n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1);
	mux_reply(m, "\r\n");
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
	if (n < max || *whole)
		return n;
	/* A character of several bytes stays whole. */
	for (unsigned i = 0; i < 3 && s->shown + n < s->head && (at(s, s->shown + n) & 0xc0) == 0x80; i++)
		n--;
	return n;
}

/* The terminal as anybody else's words need it: no half sequence, no colours, letters for letters. */
static bool wash(struct mux *m, struct sink *k)
{
	if (!m->stained)
		return false;
	if (m->cut)
		put(m, k, 0x18);
	if (m->owner >= 0)
		m->source[m->owner].control = TEXT;
	put_text(m, k, "\x0f\033[m");
	m->stained = m->cut = false;
	return true;
}

/* A new line for another one than who has begun the present one. */
static void begin_line(struct mux *m, struct sink *k, int who)
{
	if (m->owner != who && (wash(m, k) || !m->line_start))
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

/*
 * Follows control sequences [ECMA-48 "Control sequences", "Control strings"]. False: the byte belongs to one. A line feed
 * ends each, so that half a sequence costs no more than its line; CAN and SUB do as on a terminal.
 */
static bool follow(struct mux_source *s, uint8_t byte)
{
	uint8_t state = s->control;

	if (byte == '\n' || byte == 0x18 || byte == 0x1a) {
		s->control = TEXT;
		return true;
	}
	if (byte == 0x1b) {
		s->control = state == STRING ? STRING_ESCAPE : ESCAPE;
		return false;
	}
	if (state == ESCAPE && byte == '[')
		s->control = CSI;
	else if (state == ESCAPE && (byte == ']' || byte == 'P' || byte == '^' || byte == '_' || byte == 'X'))
		s->control = STRING;
	else if (state == STRING_ESCAPE || (state == ESCAPE && byte >= '0') || (state == CSI && byte >= '@' && byte <= '~') ||
		 (state == STRING && byte == 7))
		s->control = TEXT;
	return state == TEXT;
}

/* Does the byte belong on a line among others' lines? Control sequences and moves of the cursor do not. */
static bool printable(struct mux_source *s, uint8_t byte)
{
	uint8_t before = s->before;

	s->before = byte;
	if (!follow(s, byte))
		return false;
	if (byte >= 0x80 && byte < 0xa0) /* control codes, unless in the middle of a UTF-8 character */
		return before >= 0x80 && before != 0xc2;
	return byte == '\n' || byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

static bool show_led(struct mux *m, unsigned i, struct sink *k, uint64_t now)
{
	struct mux_source *s = &m->source[i];
	bool whole;
	size_t n = line_length(s, LED_MAX, &whole);

	if (n == 0 || (!whole && n < LED_MAX - 3 && now - s->heard < PARTIAL_MS))
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
	for (size_t j = 0; j < n; j++) {
		uint8_t byte = at(s, s->shown++);

		m->stained |= byte == 0x1b || byte == 0x0e || byte == 0x9b;
		follow(s, byte);
		put(m, k, byte);
	}
	m->cut = n > 0 ? s->control != TEXT : m->cut;
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

	if (m->prompt && now - m->prompt_key > (m->prompt_escape ? ESCAPE_MS : PROMPT_MS))
		mux_prompt_close(m, MUX_NOTHING);
	if (m->reply_tail != m->reply_head && room >= LEAD_MAX && wash(m, &k) && m->reply[m->reply_tail % MUX_REPLY] != '\r')
		put_text(m, &k, "\r\n");
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
		return open > PROMPT_MS || m->prompt_escape ? TALKING_MS : (int)(PROMPT_MS + 1 - open);
	return mux_empty(m) ? -1 : TALKING_MS;
}

/* ---------------------------------------------------------------- focus */

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
