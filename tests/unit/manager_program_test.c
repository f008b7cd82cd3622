/* SPDX-License-Identifier: GPL-2.0-only */
/* The manager's reading of a ring-3 program: made-up ELF files, whole and broken. */
/* sources: manager/program.c */
#include "tests/unit/unit.h"
#include <stdlib.h>
#include "manager/manager.h"

enum { FILE_BYTES = 0x4000, PHDR = 64, PHDR_BYTES = 56 };

static uint8_t *file; /* exactly FILE_BYTES: ASan sees a byte too many */
static struct program p;

static void put(unsigned at, unsigned bytes, uint64_t v)
{
	memcpy(file + at, &v, bytes);
}

static void segment(unsigned n, uint32_t flags, uint64_t offset, uint64_t va, uint64_t filesz, uint64_t memsz)
{
	unsigned at = PHDR + n * PHDR_BYTES;

	put(at, 4, 1);
	put(at + 4, 4, flags);
	put(at + 8, 8, offset);
	put(at + 16, 8, va);
	put(at + 32, 8, filesz);
	put(at + 40, 8, memsz);
}

static void whole(void)
{
	memset(file, 0, FILE_BYTES);
	memcpy(file, "\177ELF\2\1\1", 7);
	put(16, 2, 2);
	put(18, 2, 62);
	put(24, 8, 0x400010);
	put(32, 8, PHDR);
	put(54, 2, PHDR_BYTES);
	put(56, 2, 3);
	segment(0, 5, 0x1000, 0x400000, 0xf00, 0xf00);
	segment(1, 4, 0x2000, 0x401000, 0x800, 0x800);
	segment(2, 6, 0x3010, 0x402010, 0x20, 0x3000);
}

static void reads(void)
{
	whole();
	CHECK(program_read(&p, file, FILE_BYTES) == NULL);
	CHECK_EQ(p.segments, 3);
	CHECK_EQ(p.entry, 0x400010);
	CHECK(p.segment[0].shared && p.segment[1].shared && !p.segment[2].shared);
	CHECK_EQ(p.segment[0].prot, PROT_READ | PROT_EXEC);
	CHECK_EQ(p.segment[2].prot, PROT_READ | PROT_WRITE);
	CHECK_EQ(p.segment[2].va, 0x402000);
	CHECK_EQ(p.segment[2].lead, 0x10);
	CHECK_EQ(p.segment[2].bytes, 0x4000); /* 0x402010 to 0x405010, whole pages */
	CHECK_EQ(p.private_bytes, 0x4000);
}

/* Constants whose file offset and address disagree within the page must be copied. */
static void not_congruent(void)
{
	whole();
	segment(1, 4, 0x2004, 0x401000, 0x800, 0x800);
	CHECK(program_read(&p, file, FILE_BYTES) == NULL);
	CHECK(!p.segment[1].shared);
	CHECK_EQ(p.private_bytes, 0x5000);
}

static void refuse(const char *words)
{
	const char *why = program_read(&p, file, FILE_BYTES);

	CHECK(why != NULL);
	if (!strstr(why, words))
		printf("     says: %s\n", why);
	CHECK(strstr(why, words) != NULL);
}

static void refusals(void)
{
	whole();
	put(18, 2, 3);
	refuse("not an x86-64");
	whole();
	put(54, 2, 32);
	refuse("program headers");
	whole();
	put(32, 8, 0xffffffffffffffff);
	refuse("program headers");
	whole();
	put(56, 2, 0xffff);
	refuse("program headers");
	whole();
	segment(0, 5, 0x1000, 0x400000, 0x3001, 0x3001);
	refuse("outside the file");
	whole();
	segment(0, 5, 0xffffffffffffff00, 0x400000, 0x200, 0x200);
	refuse("outside the file");
	whole();
	segment(0, 7, 0x1000, 0x400000, 0xf00, 0xf00);
	refuse("both writable and executable");
	whole();
	segment(2, 6, 0x3000, 0xffff800000000000, 0x20, 0x20);
	refuse("place for programs");
	whole();
	segment(2, 6, 0x3000, 0x402000, 0x20, 0xffffffffffffffff);
	refuse("place for programs");
	whole();
	segment(2, 6, 0x3000, USER_STACK_TOP - 0x1000, 0x20, 0x20);
	refuse("place for programs");
	whole();
	segment(2, 6, 0x3000, 0x401800, 0x20, 0x20);
	refuse("overlap");
	whole();
	put(24, 8, 0x401000);
	refuse("entry point");
}

static void truncated(void)
{
	whole();
	for (uint64_t n = 0; n < 0x3030; n += n < 300 ? 1 : 61) {
		uint8_t *part = malloc(n ? n : 1);

		memcpy(part, file, n);
		CHECK(program_read(&p, part, n) != NULL);
		free(part);
	}
}

int main(void)
{
	file = malloc(FILE_BYTES);
	RUN(reads);
	RUN(not_congruent);
	RUN(refusals);
	RUN(truncated);
	free(file);
	return unit_status();
}
