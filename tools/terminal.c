/* SPDX-License-Identifier: GPL-2.0-only */
/* The user's terminal, raw while a box has it. It is left as it was found, however the command ends. */
#include "tools/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static bool taken;

void terminal_restore(void)
{
	if (taken)
		tcsetattr(0, TCSADRAIN, &saved);
	taken = false;
}

bool terminal_take(void)
{
	struct termios t;

	if (!isatty(0) || tcgetpgrp(0) != getpgrp() || tcgetattr(0, &saved) != 0)
		return false;
	t = saved;
	cfmakeraw(&t);
	t.c_oflag = saved.c_oflag; /* not every line ends in CR LF */
	taken = true;
	atexit(terminal_restore);
	tcsetattr(0, TCSADRAIN, &t);
	fprintf(stderr, "bulkhead: to leave, press Ctrl-] and then q\n");
	return true;
}
