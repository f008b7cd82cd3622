/* SPDX-License-Identifier: GPL-2.0-only */
/* The benchmark's JSON: the names that people's scripts read stay, and each has its own value. */
/* sources: tools/bench.c tools/bench_print.c tools/bench_vms.c */
#include "tests/unit/unit.h"
#include "tools/bench.h"

#include <stdlib.h>
#include <unistd.h>

static const char wanted[] =
	"\"exits\": {\"cpuid\": 100, \"vmcall\": 101, \"rdmsr\": 102, \"self_ipi\": 103, \"eoi\": 104, "
	"\"tsc_deadline\": 105, \"hlt_wake\": 106, \"pio_ring3\": 107, \"mmio_ring3\": 108, \"doorbell\": 109}";

static void names_stay(void)
{
	static struct result r;
	static char text[65536];
	char path[] = "/tmp/bench_test.XXXXXX";
	int fd = mkstemp(path), depth = 0;
	ssize_t n;

	for (unsigned i = 0; i < ROWS; i++)
		r.exits[HOST_QEMU].here[i] = 100 + (long)i;
	r.bochs = true;
	CHECK_EQ(bench_json(path, &r), 0);
	n = read(fd, text, sizeof(text) - 1);
	CHECK(n > 0);
	CHECK(strncmp(text, "{\"host\": \"", 10) == 0);
	CHECK(strstr(text, wanted) != NULL);
	CHECK(strstr(text, "\"boot\": {") != NULL);
	CHECK(strstr(text, "\"size\": {") != NULL);
	CHECK(strstr(text, "\"bochs\": [{\"host\": \"Bochs VMX") != NULL);
	for (const char *p = text; *p != '\0'; p++) {
		depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
		CHECK(depth > 0 || p[1] == '\n' || p[0] == '\n');
	}
	CHECK_EQ(depth, 0);
	close(fd);
	unlink(path);
}

static void nowhere_to_write(void)
{
	static struct result r;

	CHECK_EQ(bench_json("/nonexistent/bench.json", &r), 1);
}

int main(void)
{
	RUN(names_stay);
	RUN(nowhere_to_write);
	return unit_status();
}
