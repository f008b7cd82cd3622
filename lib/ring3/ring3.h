/* SPDX-License-Identifier: GPL-2.0-only */
/* How a ring-3 program begins (lib/ring3/crt.asm). */
#pragma once

#include <stdint.h>

/* The program's own: gets what the creator passed; its return value is the exit code. */
int ring3_main(void *arg);
/* Entry point of a further thread; its stack holds the function, then the argument. */
void ring3_thread(void);

/* Lays out the stack of a further thread; returns the stack pointer to start it with. */
static inline uint64_t ring3_thread_stack(uint64_t top, void (*function)(void *), void *arg)
{
	uint64_t *words = (uint64_t *)(uintptr_t)(top - 16);

	words[0] = (uint64_t)(uintptr_t)function;
	words[1] = (uint64_t)(uintptr_t)arg;
	return top - 16;
}
