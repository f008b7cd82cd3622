/* SPDX-License-Identifier: GPL-2.0-only */
/* Flushing a space's translations where it is active. */
#pragma once

struct space;

/*
 * After it returns no processor uses translations of s that were removed before. No locks may be
 * held: it waits for others, which may be waiting for those. Idle processors let go of s.
 */
void tlb_flush(struct space *s);
/* Every processor's translations that are not global; the same rules. */
void tlb_flush_all(void);
/* Serves a request to this processor; from the interrupt, and while waiting. */
void tlb_poll(void);
