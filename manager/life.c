/* SPDX-License-Identifier: GPL-2.0-only */
/* What comes after a VM's end: nothing, or another life after a pause that doubles. Does no I/O. */
#include "manager/life.h"

void life_start(struct life *l, uint64_t now)
{
	l->state = LIFE_STARTING;
	l->started = now;
}

bool life_ends(struct life *l, enum life_end end)
{
	if (!life_alive(l))
		return false;
	l->end = end;
	l->state = l->state == LIFE_STARTING ? LIFE_RETURNING : LIFE_ENDING;
	return true;
}

bool life_goes_on(const struct life *l, enum life_end end)
{
	return end == END_RESTART || (end == END_CRASHED && l->restart);
}

void life_over(struct life *l, uint64_t now)
{
	if (!life_goes_on(l, l->end)) {
		l->state = LIFE_STOPPED;
		return;
	}
	l->state = LIFE_WAITING;
	l->restarts++;
	l->again = now;
	if (l->end == END_CRASHED)
		l->again += backoff_next(&l->crashes, now - l->started);
	else
		l->crashes.count = 0;
}

bool life_due(const struct life *l, uint64_t now)
{
	return l->state == LIFE_WAITING && now >= l->again;
}

void life_again(struct life *l, uint64_t now)
{
	if (l->state == LIFE_ENDING || l->state == LIFE_RETURNING)
		l->end = END_RESTART;
	if (l->state != LIFE_STOPPED && l->state != LIFE_WAITING)
		return;
	l->restarts += l->state == LIFE_STOPPED;
	l->state = LIFE_WAITING;
	l->again = now;
	l->crashes.count = 0;
}

bool life_never(struct life *l)
{
	if (life_alive(l) || l->state == LIFE_STOPPED || !life_goes_on(l, l->end))
		return false;
	l->end = END_OPERATOR;
	if (l->state == LIFE_WAITING)
		l->state = LIFE_STOPPED;
	return true;
}

const char *life_word(const struct life *l)
{
	static const char *const words[] = { "stopped", "starting", "running",
					     "ending",	"ending",   "restarting" };

	return words[l->state];
}
