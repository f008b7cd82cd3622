/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The manager's loop: carries bytes between guests, log, consoles and screen. It is waked by events, and by
 * the clock only for what has a time. Nothing that a monitor does makes it wait, or run all the time.
 */
#include "manager/manager.h"

enum { POLL_PER_SECOND = 50, LOOKS_PER_SECOND = 500, SILENT_LOOKS = 4, VAIN_WAKES = 16 };
enum { PIECE = 512, PIECES_A_LOOK = 8, CELLS_A_LOOK = 200, DRAWS_PER_SECOND = 5, HINT_MS = 3000 };

/* ---------------------------------------------------------------- output */

void manager_log_pump(struct manager *m)
{
	char text[PIECE];

	while (mux_room(&m->mux, MUX_LOG) >= sizeof(text)) {
		uint64_t before = m->log_cursor;
		int64_t n = sys_log_read(HANDLE_BOX, text, sizeof(text), &m->log_cursor);

		if (n <= 0)
			return;
		m->mux.source[MUX_LOG].lost += m->log_cursor - before - (uint64_t)n;
		mux_put(&m->mux, MUX_LOG, text, (size_t)n, manager_ms(m));
		if (!m->screen_console) /* else it comes with everything that the console shows */
			screen_put(&m->screen, text, (size_t)n);
	}
}

/* How much of a guest's output there is room for; a dead one's last words never wait. */
static size_t guest_room(const struct manager *m, const struct guest *g)
{
	const struct mux_source *s = &m->mux.source[g->index];

	if (!life_alive(&g->life))
		return PIECE;
	return g->port ? MUX_HISTORY - (size_t)(s->head - g->port_sent) : mux_room(&m->mux, g->index);
}

/*
 * While a guest talks we look by ourselves, some hundred times a second; it need not wake us for each
 * byte. Having been silent for a while it shall wake us again: one more look is due after that.
 */
static void guest_promise(struct guest *g, bool talks)
{
	if (talks) {
		g->silent = 0;
		if (!g->promised)
			ring_promise(&g->out, g->promised = true);
	} else if (g->promised && ++g->silent == SILENT_LOOKS) {
		ring_promise(&g->out, g->promised = false);
	}
}

/* From a guest's ring to its history. True: look again soon. */
static bool guest_pump(struct manager *m, struct guest *g)
{
	uint8_t bytes[PIECE];
	bool moved = false;

	if (!g->out.page)
		return false;
	for (unsigned i = 0; i < PIECES_A_LOOK; i++) {
		size_t room = guest_room(m, g);
		size_t n = ring_take(&g->out, bytes, room < sizeof(bytes) ? room : sizeof(bytes));

		if (n == 0)
			break;
		mux_put(&m->mux, g->index, bytes, n, manager_ms(m));
		moved = true;
	}
	if (moved)
		m->last_words = manager_ms(m);
	guest_promise(g, moved);
	return g->promised || ring_used(&g->out) != 0;
}

/* From its history to its own port. */
static bool port_pump(struct manager *m, struct guest *g)
{
	const struct mux_source *s = &m->mux.source[g->index];
	bool all;

	if (!g->port)
		return false;
	if (s->head - g->port_sent > MUX_HISTORY)
		g->port_sent = s->head - MUX_HISTORY;
	for (; g->port_sent < s->head && console_room(g->port) > 0; g->port_sent++)
		console_put(g->port, &s->data[g->port_sent % MUX_HISTORY], 1);
	all = console_send(g->port);
	return !all && !g->port->irq;
}

/* What the console shows next. */
static bool mux_pump(struct manager *m)
{
	uint8_t bytes[2 * PIECE];
	unsigned room;
	size_t n;
	bool sent;

	while ((room = console_room(m->console)) >= sizeof(bytes)) {
		n = mux_output(&m->mux, bytes, sizeof(bytes), manager_ms(m));
		if (n == 0)
			break;
		console_put(m->console, bytes, n);
		if (m->screen_console)
			screen_put(&m->screen, (const char *)bytes, n);
	}
	/* The port interrupts when it has sent something; not when it has sent all of it at once. */
	sent = console_send(m->console);
	return sent ? room < sizeof(bytes) : !m->console->irq;
}

static bool screen_pump(struct manager *m, bool last)
{
	uint64_t now = manager_ms(m);

	if (last) {
		while (screen_draw(&m->screen, CELLS_A_LOOK))
			;
		return false;
	}
	if (now < m->screen_due)
		return false;
	if (screen_draw(&m->screen, CELLS_A_LOOK))
		return true;
	m->screen_due = now + 1000 / DRAWS_PER_SECOND;
	return false;
}

bool manager_pump(struct manager *m, bool last)
{
	bool busy = false;

	manager_log_pump(m);
	for (unsigned i = 0; i < m->guests; i++) {
		busy |= guest_pump(m, &m->guest[i]);
		busy |= port_pump(m, &m->guest[i]);
	}
	busy |= mux_pump(m);
	return screen_pump(m, last) || busy;
}

/* ---------------------------------------------------------------- input */

/* What a guest has no room for is lost. */
static void give_keys(struct guest *g, const uint8_t *keys, size_t n)
{
	if (n == 0 || g->life.state != LIFE_RUNNING)
		return;
	ring_put(&g->in, keys, n);
	sys_event_signal(g->event, MONITOR_BIT_CONSOLE);
}

/* True: somebody typed something. */
static bool type(struct manager *m)
{
	uint8_t bytes[64], keys[64];
	bool typed = false;
	size_t n;

	while ((n = console_receive(m->console, bytes, sizeof(bytes))) > 0) {
		size_t k = 0;
		int to = m->mux.focus;

		typed = true;
		for (size_t i = 0; i < n; i++) {
			enum mux_typed what = mux_type(&m->mux, bytes[i], manager_ms(m));

			if (what == MUX_TO_VM)
				keys[k++] = bytes[i];
			if (what != MUX_COMMAND)
				continue;
			if (to >= 0)
				give_keys(&m->guest[to], keys, k);
			k = 0;
			operator_command(m, m->mux.line);
			to = m->mux.focus;
		}
		if (to >= 0)
			give_keys(&m->guest[to], keys, k);
	}
	for (unsigned i = 0; i < m->guests; i++) {
		while (m->guest[i].port && (n = console_receive(m->guest[i].port, bytes, sizeof(bytes))) > 0)
			give_keys(&m->guest[i], bytes, n);
	}
	return typed;
}

/* ---------------------------------------------------------------- the loop */

/* Which signals may wake us: not those of a guest that has just done so. */
static uint64_t wanted_bits(const struct manager *m, uint64_t now)
{
	uint64_t bits = m->log_quiet_until > now ? ~BIT_LOG : UINT64_MAX;

	for (unsigned i = 0; i < m->guests; i++) {
		if (m->guest[i].quiet_until > now)
			bits &= ~BIT_GUEST(i);
	}
	return bits;
}

static bool hint_waits(const struct manager *m)
{
	return !m->hinted && m->guests >= 2 && !m->mux.prompt && m->last_words != 0;
}

/* When everybody has said what they had to: how a person goes on from here. */
static void hint(struct manager *m)
{
	if (!hint_waits(m) || manager_ms(m) - m->last_words < HINT_MS)
		return;
	m->hinted = true;
	if (m->mux.focus >= 0)
		mux_say(&m->mux, "bulkhead: %s has the keyboard, of %u VMs. Ctrl-T opens the menu: there `list` shows all, "
				 "`all` what they say, `off` switches the box off.",
			m->config.vm[m->mux.focus].name, m->guests);
	else
		mux_say(&m->mux, "bulkhead: %u VMs. Ctrl-T opens the menu: there `focus %s` gives that VM the keyboard, "
			 "`list` shows all, `off` switches the box off.", m->guests, m->config.vm[0].name);
}

/*
 * A step that takes long, in turn with everything else, of one VM at a time: who runs waits for one of them at most,
 * however many start at once. True: there are more.
 */
static bool step_guests(struct manager *m)
{
	for (unsigned n = 0; n < m->guests; n++) {
		unsigned i = m->step_turn++ % m->guests;

		if (guest_step(m, &m->guest[i]))
			return true;
	}
	return false;
}

/* Does a guest run whose processors want to be left some time between our steps? */
static bool anybody_runs(const struct manager *m)
{
	for (unsigned i = 0; i < m->guests; i++) {
		if (m->guest[i].life.state == LIFE_RUNNING)
			return true;
	}
	return false;
}

/* A port that is still asking for something when we have served it would not ask again by an interrupt. */
static bool ports_pending(const struct manager *m)
{
	bool pending = console_pending(m->console);

	for (unsigned i = 0; i < m->guests; i++)
		pending |= m->guest[i].port && console_pending(m->guest[i].port);
	return pending;
}

static uint64_t bytes_moved(const struct manager *m)
{
	return m->com[0].tail + m->com[1].tail + m->log_cursor;
}

static void sooner(uint64_t *until, uint64_t tsc)
{
	*until = tsc < *until ? tsc : *until;
}

static uint64_t tsc_of(const struct manager *m, uint64_t ms)
{
	return m->box.boot_tsc + ms * (m->box.tsc_hz / 1000 + 1);
}

/* When something has to be looked at although nobody signals. An idle box has nothing of the kind. */
static uint64_t due(const struct manager *m, uint64_t now)
{
	uint64_t until = SYS_FOR_EVER, ms = manager_ms(m);
	int wait = mux_wait(&m->mux, ms);
	bool polled = m->console->ports >= 0 && !m->console->irq;

	for (unsigned i = 0; i < m->guests; i++) {
		const struct guest *g = &m->guest[i];

		if (g->life.state == LIFE_WAITING)
			sooner(&until, tsc_of(m, g->life.again));
		if (g->life.state == LIFE_RUNNING && m->limit)
			sooner(&until, g->started + m->limit * m->box.tsc_hz + 1);
		polled |= g->port && !g->port->irq;
	}
	if (wait >= 0)
		sooner(&until, tsc_of(m, ms + (uint64_t)wait));
	if (screen_wants(&m->screen))
		sooner(&until, tsc_of(m, m->screen_due));
	if (hint_waits(m))
		sooner(&until, tsc_of(m, m->last_words + HINT_MS));
	if (m->log_quiet_until > now)
		sooner(&until, m->log_quiet_until);
	if (polled)
		sooner(&until, now + m->box.tsc_hz / POLL_PER_SECOND);
	return until;
}

/* One turn of the loop. When to come again at the latest. */
static uint64_t serve_once(struct manager *m, uint64_t bits, unsigned *vain)
{
	uint64_t start = sys_tsc(), look = m->box.tsc_hz / LOOKS_PER_SECOND, now, until;
	uint64_t moved = bytes_moved(m);
	bool typed = type(m), busy;

	if (bits & BIT_LOG)
		m->log_quiet_until = start + m->box.tsc_hz / POLL_PER_SECOND;
	for (unsigned i = 0; i < m->guests; i++) {
		if (bits & BIT_DEATH(i) || m->guest[i].life.state == LIFE_ENDING)
			guest_died(m, &m->guest[i]);
		if (bits & BIT_GUEST(i))
			m->guest[i].quiet_until = start + look;
	}
	busy = manager_pump(m, false);
	/* Whoever wakes us before their time is over does not shorten the others' pause. */
	if (start >= m->step_due) {
		m->steps = step_guests(m);
		now = sys_tsc();
		m->step_due = m->steps && anybody_runs(m) ? now + (now - start) : 0;
	}
	for (unsigned i = 0; i < m->guests; i++) {
		guest_check(m, &m->guest[i]);
		busy |= m->guest[i].quiet_until > start || m->guest[i].life.state == LIFE_ENDING ||
			m->guest[i].life.state == LIFE_RETURNING;
	}
	hint(m);
	manager_maybe_finish(m);
	busy |= ports_pending(m);
	/* Signals that mean nothing, one after the other, are answered by not listening for a while. */
	*vain = typed || m->steps || bytes_moved(m) != moved || !(bits & ~m->guest_bits) ? 0 : *vain + 1;
	now = sys_tsc();
	until = due(m, now);
	if (m->steps)
		sooner(&until, m->step_due);
	if (busy || *vain > VAIN_WAKES)
		sooner(&until, now + look);
	return until;
}

void manager_serve(struct manager *m)
{
	uint64_t bits = 0, until;
	unsigned vain = 0;

	for (unsigned i = 0; i < m->guests; i++)
		m->guest_bits |= BIT_GUEST(i);
	for (;;) {
		until = serve_once(m, bits, &vain);
		sys_event_wait(m->event, vain > VAIN_WAKES ? 0 : wanted_bits(m, sys_tsc()), until, &bits);
		m->wakes++;
		m->wakes_by_clock += bits == 0;
	}
}
