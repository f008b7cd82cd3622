/* SPDX-License-Identifier: GPL-2.0-only */
/* What board.c, board_io.c and the machines' files share; nobody else includes this. */
#pragma once

#include "guests/board.h"

/* Machine pc: adds its chips to an empty board. */
int pc_board_build(struct board *b, const struct board_params *params);

int space_claim(struct board_space *s, const struct board_range *claim);
