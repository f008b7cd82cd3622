/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of a VM as a state machine, without its doing: what comes after an end, and when. Times
 * are milliseconds of any clock that only goes forward.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "lib/backoff.h"

enum life_state {
	LIFE_STOPPED, /* for good, unless the operator says otherwise */
	LIFE_STARTING, /* its memory is being given */
	LIFE_RUNNING,
	LIFE_ENDING, /* its monitor has been told to die */
	LIFE_RETURNING, /* its memory comes back */
	LIFE_WAITING, /* it starts again at `again` */
};

enum life_end {
	END_OFF, /* the guest switched itself off */
	END_CRASHED, /* guest or monitor failed */
	END_FAILED, /* it could not even start: trying again would not help */
	END_OPERATOR, /* a person stopped it */
	END_RESTART, /* a person wants it anew */
	END_EXITED, /* the guest ended itself with an exit status, by the debug-exit port */
};

struct life {
	enum life_state state;
	enum life_end end; /* of the last life */
	bool restart; /* (c) on_crash = restart */
	struct backoff crashes;
	uint32_t restarts; /* ever */
	uint64_t started, again;
};

void life_start(struct life *l, uint64_t now);
/* Why it ends is fixed; the first reason stays. False: it is not alive. */
bool life_ends(struct life *l, enum life_end end);
/* Will there be another life after an end of this kind? */
bool life_goes_on(const struct life *l, enum life_end end);
/* All has come back: LIFE_STOPPED, or LIFE_WAITING with `again` set. */
void life_over(struct life *l, uint64_t now);
/* In LIFE_WAITING: is it time? */
bool life_due(const struct life *l, uint64_t now);
/*
 * The operator's wishes for one that is not alive, or no more: at once, or never again. False: there was to be no
 * other life anyway.
 */
void life_again(struct life *l, uint64_t now);
bool life_never(struct life *l);
static inline bool life_alive(const struct life *l)
{
	return l->state == LIFE_STARTING || l->state == LIFE_RUNNING;
}
const char *life_word(const struct life *l);
