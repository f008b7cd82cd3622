/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The unit tests' few words. A test program is a list of cases; a case prints `ok NAME`, or
 * `FAIL NAME: file:line: what`. main() returns unit_status(). A program may be of several sources: they
 * share the counts.
 */
#pragma once

#include <stdio.h>
#include <string.h>

__attribute__((weak)) const char *unit_case;
__attribute__((weak)) int unit_failed, unit_total;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("FAIL %s: %s:%d: %s\n", unit_case, __FILE__, __LINE__, #cond);      \
			unit_failed++;                                                             \
			return;                                                                    \
		}                                                                                  \
	} while (0)

#define CHECK_EQ(a, b)                                                                             \
	do {                                                                                       \
		unsigned long long check_a = (unsigned long long)(a);                              \
		unsigned long long check_b = (unsigned long long)(b);                              \
		if (check_a != check_b) {                                                          \
			printf("FAIL %s: %s:%d: %s = %#llx, expected %s = %#llx\n", unit_case,     \
			       __FILE__, __LINE__, #a, check_a, #b, check_b);                      \
			unit_failed++;                                                             \
			return;                                                                    \
		}                                                                                  \
	} while (0)

#define CHECK_STR(a, b)                                                                            \
	do {                                                                                       \
		const char *check_a = (a), *check_b = (b);                                         \
		if (strcmp(check_a, check_b) != 0) {                                               \
			printf("FAIL %s: %s:%d: %s = \"%s\", expected \"%s\"\n", unit_case,        \
			       __FILE__, __LINE__, #a, check_a, check_b);                          \
			unit_failed++;                                                             \
			return;                                                                    \
		}                                                                                  \
	} while (0)

#define RUN(function)                                                                              \
	do {                                                                                       \
		int before = unit_failed;                                                          \
		unit_case = #function;                                                             \
		unit_total++;                                                                      \
		function();                                                                        \
		if (unit_failed == before)                                                         \
			printf("ok %s\n", unit_case);                                              \
		fflush(stdout);                                                                    \
	} while (0)

static inline int unit_status(void)
{
	printf("%d cases, %d failed\n", unit_total, unit_failed);
	return unit_failed == 0 && unit_total > 0 ? 0 : 1;
}
