/* SPDX-License-Identifier: GPL-2.0-only */
/* `bulkhead bench`: the benchmark, as a table and as JSON. */
#pragma once

/* argv[0] is "bench". Returns the process's exit status. `self` is the path of this program. */
int bench_main(const char *self, int argc, char **argv);
