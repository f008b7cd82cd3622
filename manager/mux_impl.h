/* SPDX-License-Identifier: GPL-2.0-only */
/* What the mux's two halves want of each other. */
#pragma once

#include "manager/mux.h"

/* The mux's own words, as they are; lost when the console does not follow. */
void mux_reply(struct mux *m, const char *text);
/* Will its next word begin a line? */
bool mux_reply_line_start(const struct mux *m);
/* Gives `what` back. */
enum mux_typed mux_prompt_close(struct mux *m, enum mux_typed what);
