/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Debian's libinih.a wants from a C library, for the manager. The reader feeds it from memory
 * and lets it use the stack, so files and heap are here only to satisfy the linker: they fail.
 */
#include <stddef.h>
#include <stdint.h>

#include "kernel/abi/syscall.h"

const unsigned short **__ctype_b_loc(void);
void __stack_chk_fail(void) __attribute__((noreturn));
void *malloc(size_t bytes);
void *realloc(void *old, size_t bytes);
void free(void *p);
void *fopen64(const char *path, const char *mode);
int fclose(void *file);
char *fgets(char *to, int bytes, void *file);

/* glibc's table runs from -128 to 255; inih asks for isspace only [glibc ctype.h: _ISspace]. */
enum { CTYPE_SPACE = 1 << 13, CTYPE_LOW = 128, CTYPE_SIZE = 384, EXIT_CANARY = 134 };

static const unsigned short ctype_table[CTYPE_SIZE] = {
	[CTYPE_LOW + ' '] = CTYPE_SPACE,  [CTYPE_LOW + '\t'] = CTYPE_SPACE,
	[CTYPE_LOW + '\n'] = CTYPE_SPACE, [CTYPE_LOW + '\v'] = CTYPE_SPACE,
	[CTYPE_LOW + '\f'] = CTYPE_SPACE, [CTYPE_LOW + '\r'] = CTYPE_SPACE,
};

const unsigned short **__ctype_b_loc(void)
{
	static const unsigned short *const table = ctype_table + CTYPE_LOW;

	return (const unsigned short **)(uintptr_t)&table;
}

void __stack_chk_fail(void)
{
	for (;;)
		sys_call6(SYS_THREAD_CTL, 0, THREAD_EXIT, EXIT_CANARY, 0, 0, 0);
}

void *malloc(size_t bytes)
{
	(void)bytes;
	return NULL;
}

void *realloc(void *old, size_t bytes)
{
	(void)old;
	(void)bytes;
	return NULL;
}

void free(void *p)
{
	(void)p;
}

void *fopen64(const char *path, const char *mode)
{
	(void)path;
	(void)mode;
	return NULL;
}

int fclose(void *file)
{
	(void)file;
	return -1;
}

char *fgets(char *to, int bytes, void *file)
{
	(void)to;
	(void)bytes;
	(void)file;
	return NULL;
}
