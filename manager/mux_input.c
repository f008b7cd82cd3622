/* SPDX-License-Identifier: GPL-2.0-only */
/* What is typed: to the VM in focus, or to the menu's prompt. What commands mean is menu.c's business. */
#include "manager/mux_impl.h"

enum { HINT_MS = 10000 };

static void prompt_open(struct mux *m)
{
	m->prompt = true;
	m->line_bytes = 0;
	if (!mux_reply_line_start(m))
		mux_reply(m, "\r\n");
	mux_reply(m, "bulkhead: menu (h: help, Enter: back)> ");
}

enum mux_typed mux_prompt_close(struct mux *m, enum mux_typed what)
{
	m->prompt = false;
	m->prompt_escape = 0;
	m->line[m->line_bytes] = '\0';
	mux_reply(m, "\r\n");
	return what;
}

static void erase(struct mux *m, unsigned n)
{
	for (; n > 0 && m->line_bytes > 0; n--) {
		m->line_bytes--;
		mux_reply(m, "\b \b");
	}
}

/* Keys like the arrows are sequences, and mean nothing here; ESC alone goes back, once it has stayed alone. */
static bool prompt_sequence(struct mux *m, uint8_t byte)
{
	if (m->prompt_escape == 1 && byte != '[' && byte != 'O')
		return false;
	m->prompt_escape = m->prompt_escape == 2 && byte >= '@' && byte <= '~' ? 0 : 2;
	return true;
}

static enum mux_typed prompt_key(struct mux *m, uint8_t byte)
{
	if (m->prompt_escape && prompt_sequence(m, byte))
		return MUX_NOTHING;
	if (byte == 0x1b && !m->prompt_escape) {
		m->prompt_escape = 1;
		return MUX_NOTHING;
	}
	if (m->prompt_escape) {
		mux_prompt_close(m, MUX_NOTHING);
		return mux_type(m, byte, m->prompt_key);
	}
	if (byte == MUX_ESCAPE)
		return mux_prompt_close(m, m->line_bytes == 0 && m->focus >= 0 ? MUX_TO_VM : MUX_NOTHING);
	if (byte == 3) /* Ctrl-C */
		return mux_prompt_close(m, MUX_NOTHING);
	if (byte == '\r' || byte == '\n') {
		m->swallow = byte == '\r';
		return mux_prompt_close(m, MUX_COMMAND);
	}
	if (byte == 8 || byte == 0x7f) {
		erase(m, 1);
	} else if (byte == 0x15) { /* Ctrl-U */
		erase(m, MUX_LINE);
	} else if (byte >= ' ' && byte < 0x7f && m->line_bytes + 1 < MUX_LINE) {
		m->line[m->line_bytes++] = (char)byte;
		mux_reply(m, (char[]){ (char)byte, '\0' });
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
