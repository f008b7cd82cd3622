/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: manager/mux.c manager/mux_input.c manager/menu.c lib/format.c lib/text.c */
/* The console for many: names, focus, escape key, floods; and the menu's words. */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "manager/menu.h"
#include "manager/mux.h"

static struct mux m;
static uint8_t history[3][MUX_HISTORY];
static char out[400000];
static uint64_t now;

static void begin(unsigned vms)
{
	static const char *const names[] = { "web", "db", "log3" };

	mux_init(&m);
	for (unsigned i = 0; i < vms; i++)
		mux_add(&m, i, names[i], history[i]);
	now = 1000;
}

static void says(unsigned vm, const char *text)
{
	mux_put(&m, vm, text, strlen(text), now);
}

/* All that the console shows now, in pieces of `room`. */
static const char *shows(size_t room)
{
	size_t n = 0, k;

	while ((k = mux_output(&m, (uint8_t *)out + n, room, now)) > 0)
		n += k;
	out[n] = '\0';
	return out;
}

static enum mux_typed types(const char *keys)
{
	enum mux_typed last = MUX_NOTHING;

	for (; *keys; keys++)
		last = mux_type(&m, (uint8_t)*keys, now);
	return last;
}

static void lines_have_names(void)
{
	begin(2);
	says(0, "one\r\ntwo\r\n");
	says(1, "uno\n");
	says(MUX_LOG, "[1] log: words\n");
	CHECK_STR(shows(1024), "web: one\r\ndb: uno\r\n[1] log: words\r\nweb: two\r\n");
	CHECK(mux_empty(&m));
	CHECK_STR(shows(1024), "");
}

/* Half a line waits for the rest, but a prompt is shown after a while; others begin a new line. */
static void half_lines(void)
{
	begin(2);
	says(0, "login: ");
	CHECK_STR(shows(1024), "");
	CHECK(!mux_empty(&m));
	now += 1100;
	CHECK_STR(shows(1024), "web: login: ");
	says(0, "root\n");
	CHECK_STR(shows(1024), "root\r\n");
	says(0, "password: ");
	now += 1100;
	CHECK_STR(shows(1024), "web: password: ");
	says(1, "tick\n");
	CHECK_STR(shows(1024), "\r\ndb: tick\r\n");
	says(0, "secret\n");
	CHECK_STR(shows(1024), "web: secret\r\n");
}

/* Nobody moves the cursor, or changes colours, on the others' lines. */
static void controls_are_dropped(void)
{
	begin(2);
	says(0, "\033[2J\033[1;31mred\033[0m\rbar\b\007 \033Mx\n");
	CHECK_STR(shows(1024), "web: redbar x\r\n");
	says(0, "\xc3\xa4 \xe2\x82\xac \xc2\x9b" "31m \x9b!\n");
	CHECK_STR(shows(1024), "web: \xc3\xa4 \xe2\x82\xac \xc2" "31m !\r\n");
}

/* A control sequence that is cut anywhere is dropped all the same. */
static void controls_in_pieces(void)
{
	const char *text = "a\033[12;31mb\033[Kc\n";

	begin(2);
	for (const char *p = text; *p; p++) {
		mux_put(&m, 0, p, 1, now);
		now += 1100;
		shows(1024);
		memmove(out, out, 1);
	}
	CHECK(m.line_start);
	CHECK_EQ(m.source[0].shown, strlen(text));
}

/* Strings like a window's title are dropped with all that is in them, but no more than a line. */
static void strings_are_dropped(void)
{
	begin(2);
	says(0, "a\033]0;title\007b\033P1$q\033\\c\033(Bd\033#8e\033_x\030f\n");
	CHECK_STR(shows(1024), "web: abcdef\r\n");
	says(0, "x\033]0;for ever\ny\033[3\nz\n");
	CHECK_STR(shows(1024), "web: x\r\nweb: y\r\nweb: z\r\n");
}

/* A line without an end is shown in pieces, which never cut a character in two. */
static void long_lines(void)
{
	char line[1024], want[1100];
	size_t n = 0;

	begin(2);
	for (unsigned i = 0; i < 67; i++) /* at 200 a euro sign would be cut */
		n += (size_t)sprintf(line + n, "%s", i == 0 ? "a" : "\xe2\x82\xac");
	says(0, line);
	says(0, "\xe2\x82\xac\xe2\x82\xac...");
	n = mux_output(&m, (uint8_t *)out, 300, now);
	out[n] = '\0';
	sprintf(want, "web: %s", line);
	CHECK_EQ(n, strlen(want));
	CHECK_STR(out, want);
	says(1, "in between\n");
	now += 1100;
	CHECK_STR(shows(1024), "\r\ndb: in between\r\nweb: \xe2\x82\xac\xe2\x82\xac...");
}

/* Colours, other alphabets and half a sequence of the VM in focus do not reach the box's own words. */
static void terminal_is_washed(void)
{
	begin(2);
	mux_focus(&m, 0);
	says(0, "\033[8mhidden\n\016");
	shows(1024);
	now += 30;
	says(MUX_LOG, "log\n");
	CHECK_STR(shows(1024), "\x0f\033[m\r\nlog\r\n");
	says(0, "plain\n");
	says(MUX_LOG, "log\n");
	CHECK_STR(shows(1024), "plain\nlog\r\n");
	says(0, "\033]0;ti");
	shows(1024);
	types("\024");
	CHECK_STR(shows(1024), "\x18\x0f\033[m\r\nbulkhead: menu (h: help, Enter: back)> ");
	types("\r");
	CHECK_STR(shows(1024), "\r\n");
	says(0, "\033[38;5");
	shows(1024);
	mux_focus(&m, -1);
	mux_say(&m, "words");
	CHECK_STR(shows(1024), "\x18\x0f\033[m\r\nwords\r\n");
}

static void focus_is_raw(void)
{
	begin(3);
	says(0, "old\r\n");
	shows(1024);
	says(1, "x\n");
	mux_focus(&m, 0);
	says(0, "\033[31mred");
	says(1, "unseen\n");
	CHECK_STR(shows(1024), "old\r\n\033[31mred");
	now += 30;
	says(MUX_LOG, "log\n");
	CHECK_STR(shows(1024), "\x0f\033[m\r\nlog\r\n");
	mux_focus(&m, 1);
	CHECK_STR(shows(1024), "x\nunseen\n");
	mux_focus(&m, -1);
	says(0, "end\n");
	CHECK_STR(shows(1024), "web: end\r\n");
}

/* The ring has the last 64 KiB, from the beginning of a line on. */
static void focus_shows_the_ring(void)
{
	char line[32];

	begin(2);
	mux_focus(&m, 1);
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(line, sizeof(line), "line %05u\n", i);
		says(0, line);
	}
	mux_focus(&m, 0);
	CHECK(strncmp(shows(777), "line 0", 6) == 0);
	CHECK(strlen(out) <= MUX_HISTORY && strlen(out) > MUX_HISTORY - 20);
	CHECK(strcmp(out + strlen(out) - 11, "line 09999\n") == 0);
	CHECK(strstr(out, "lost") == NULL);
}

/* The log waits for the end of a line that goes on, but not for ever. */
static void log_waits(void)
{
	begin(1);
	mux_focus(&m, 0);
	says(0, "half");
	says(MUX_LOG, "log\n");
	CHECK_STR(shows(1024), "half");
	now += 10;
	says(0, " a line\r\n");
	CHECK_STR(shows(1024), " a line\r\nlog\r\n");
	says(0, "x");
	says(MUX_LOG, "log\n");
	out[0] = 0;
	for (unsigned i = 0; i < 12 && !strstr(out, "log"); i++) {
		now += 10;
		says(0, "x");
		shows(1024);
		CHECK(i > 5 || !strstr(out, "log"));
	}
	CHECK(m.source[MUX_LOG].shown == m.source[MUX_LOG].head);
}

/* One that floods is held up; the other one's line comes after at most a piece of the flood. */
static void flood(void)
{
	char text[512];
	const char *found;

	begin(2);
	memset(text, 'y', sizeof(text));
	while (mux_room(&m, 0) >= sizeof(text))
		mux_put(&m, 0, text, sizeof(text), now);
	CHECK_EQ(m.source[0].lost, 0);
	CHECK(mux_room(&m, 1) == MUX_HISTORY);
	says(1, "I live\n");
	found = strstr(shows(1024), "db: I live\r\n");
	CHECK(found != NULL && found - out < 1200);
	CHECK(mux_room(&m, 0) > sizeof(text));
}

/* Who writes although there is no room loses the oldest, and the console says how much. */
static void lost_is_told(void)
{
	char line[128];

	begin(2);
	for (unsigned i = 0; i < 7000; i++)
		says(0, "0123456789\n");
	shows(4096);
	snprintf(line, sizeof(line), "bulkhead: %u bytes of web's output are lost\r\n", 7000 * 11 - MUX_HISTORY);
	CHECK(strncmp(out, line, strlen(line)) == 0);
	CHECK(mux_empty(&m));
}

/* An open prompt holds up nobody. */
static void prompt_holds_up_nobody(void)
{
	begin(2);
	types("\024");
	CHECK(m.prompt);
	for (unsigned i = 0; i < 7000; i++) {
		CHECK(mux_room(&m, 0) >= 11);
		says(0, "0123456789\n");
	}
	CHECK(strstr(shows(4096), "menu") != NULL);
	CHECK(strstr(out, "0123") == NULL);
	now += 61000; /* whoever opened it has gone */
	CHECK(strstr(shows(4096), "0123456789") != NULL);
	CHECK(!m.prompt);
}

static void keys(void)
{
	begin(2);
	CHECK_EQ(types("a"), MUX_NOTHING);
	CHECK(strstr(shows(4096), "no VM has the keyboard") != NULL);
	CHECK_EQ(types("\024"), MUX_NOTHING);
	CHECK_EQ(types("lisx\177t"), MUX_NOTHING);
	CHECK(strstr(shows(4096), "> lisx\b \bt") != NULL);
	CHECK_EQ(types("\r"), MUX_COMMAND);
	CHECK_STR(m.line, "list");
	CHECK_EQ(types("\n"), MUX_NOTHING); /* belongs to the carriage return */
	mux_focus(&m, 1);
	CHECK_EQ(types("x"), MUX_TO_VM);
	CHECK_EQ(types("\n"), MUX_TO_VM);
	CHECK_EQ(types("\024\024"), MUX_TO_VM); /* itself */
	CHECK_EQ(types("\024\033"), MUX_NOTHING);
	CHECK(m.prompt && mux_wait(&m, now) >= 0); /* an arrow key begins so, too */
	now += 101;
	shows(4096);
	CHECK(!m.prompt);
	CHECK_EQ(types("\024st\033[A\033[1;5D\033OPop\r"), MUX_COMMAND);
	CHECK_STR(m.line, "stop");
	CHECK_EQ(types("\024off\025list\r"), MUX_COMMAND);
	CHECK_STR(m.line, "list");
	CHECK_EQ(types("\024x\033y"), MUX_TO_VM); /* typed fast: back, and on */
	CHECK(!m.prompt);
	CHECK_EQ(types("\024\033\024"), MUX_NOTHING);
	CHECK(m.prompt);
	CHECK_EQ(types("\003"), MUX_NOTHING);
	CHECK(!m.prompt);
	CHECK_EQ(types("\024\n"), MUX_COMMAND);
	CHECK_STR(m.line, "");
	CHECK_EQ(types("\024"), MUX_NOTHING);
	for (unsigned i = 0; i < 300; i++)
		types("z");
	CHECK_EQ(types("\r"), MUX_COMMAND);
	CHECK_EQ(strlen(m.line), MUX_LINE - 1);
}

static void notes(void)
{
	begin(2);
	says(0, "x\n");
	shows(4096);
	mux_note(&m, 0, "stopped");
	CHECK_STR(shows(4096), ""); /* the log says it */
	mux_focus(&m, 0);
	CHECK_STR(shows(4096), "x\nbulkhead: stopped\r\n");
}

/* Whatever comes in, in whatever pieces it goes out: bounded, and all of it is shown in the end. */
static void random_bytes(void)
{
	unsigned seed = 1;

	begin(3);
	for (unsigned i = 0; i < 60000; i++) {
		uint8_t bytes[300];
		size_t n = (seed = seed * 1103515245 + 12345) >> 16 & 255, room;
		unsigned who = i % 4 == 3 ? MUX_LOG : i % 4;

		for (size_t k = 0; k < n; k++)
			bytes[k] = (uint8_t)((seed = seed * 1103515245 + 12345) >> 16);
		if (n <= mux_room(&m, who))
			mux_put(&m, who, bytes, n, now);
		if (i % 50 == 0)
			mux_focus(&m, (int)(i / 50 % 4) - 1);
		for (size_t k = 0; k < n % 3; k++)
			mux_type(&m, bytes[k], now);
		room = i % 7 ? 1024 : i % 600;
		CHECK(mux_output(&m, (uint8_t *)out, room, now) <= room);
		now += i % 5;
	}
	m.prompt = false;
	now += 1000;
	for (unsigned i = 0; i < 1000 && !mux_empty(&m); i++)
		shows(1024);
	CHECK(mux_empty(&m));
}

/* ---- the menu */

static struct config config;
static struct menu_command c;

static enum menu_verb reads(const char *line, int focus)
{
	config.vm_count = 3;
	strcpy(config.vm[0].name, "web");
	strcpy(config.vm[1].name, "stop");
	strcpy(config.vm[2].name, "f2");
	menu_read(&c, line, &config, focus);
	return c.verb;
}

static void menu_words(void)
{
	CHECK_EQ(reads("", -1), MENU_NOTHING);
	CHECK_EQ(reads("   ", -1), MENU_NOTHING);
	CHECK_EQ(reads("list", -1), MENU_LIST);
	CHECK_EQ(reads("l", -1), MENU_LIST);
	CHECK_EQ(reads("  help  ", -1), MENU_HELP);
	CHECK_EQ(reads("focus web", -1), MENU_FOCUS);
	CHECK_EQ(c.vm, 0);
	CHECK_EQ(reads("f 3", -1), MENU_FOCUS);
	CHECK_EQ(c.vm, 2);
	CHECK_EQ(reads("f2", -1), MENU_FOCUS); /* a name */
	CHECK_EQ(c.vm, 2);
	CHECK_EQ(reads("2", -1), MENU_FOCUS);
	CHECK_EQ(c.vm, 1);
	CHECK_EQ(reads("stop stop", -1), MENU_STOP);
	CHECK_EQ(c.vm, 1);
	CHECK_EQ(reads("restart", 2), MENU_RESTART);
	CHECK_EQ(c.vm, 2);
	CHECK_EQ(reads("dump web", 2), MENU_DUMP);
	CHECK_EQ(c.vm, 0);
	CHECK_EQ(reads("off", -1), MENU_OFF);
}

static void menu_mistakes(void)
{
	CHECK_EQ(reads("stop", -1), MENU_WRONG);
	CHECK(strstr(c.why, "which VM") != NULL);
	CHECK_EQ(reads("stop nobody", -1), MENU_WRONG);
	CHECK(strstr(c.why, "nobody") != NULL);
	CHECK_EQ(reads("stop 0", -1), MENU_WRONG);
	CHECK_EQ(reads("stop 4", -1), MENU_WRONG);
	CHECK_EQ(reads("frobnicate", -1), MENU_WRONG);
	CHECK(strstr(c.why, "frobnicate") != NULL);
	CHECK_EQ(reads("o", -1), MENU_WRONG);
	CHECK_EQ(reads("of", -1), MENU_WRONG);
	CHECK_EQ(reads("listen", -1), MENU_WRONG);
}

int main(void)
{
	RUN(lines_have_names);
	RUN(half_lines);
	RUN(controls_are_dropped);
	RUN(controls_in_pieces);
	RUN(strings_are_dropped);
	RUN(long_lines);
	RUN(terminal_is_washed);
	RUN(focus_is_raw);
	RUN(focus_shows_the_ring);
	RUN(log_waits);
	RUN(flood);
	RUN(lost_is_told);
	RUN(prompt_holds_up_nobody);
	RUN(keys);
	RUN(notes);
	RUN(random_bytes);
	RUN(menu_words);
	RUN(menu_mistakes);
	return unit_status();
}
