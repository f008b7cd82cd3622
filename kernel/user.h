/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access to ring-3 memory of the space whose page tables are loaded, which in a system call is the
 * caller's. Addresses are checked against USER_END, SMAP is opened for the access only, a fault
 * gives E_FAULT. Nothing else in the kernel dereferences a user address.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

int user_copy_in(void *to, uint64_t from, size_t bytes);
int user_copy_out(uint64_t to, const void *from, size_t bytes);
int user_read_u32(uint64_t from, uint32_t *value);
int user_write_u32(uint64_t to, uint32_t value);
int user_read_u64(uint64_t from, uint64_t *value);
int user_write_u64(uint64_t to, uint64_t value);
/* Atomically clears bits of an aligned u32; *old is what was there. */
int user_clear_u32(uint64_t at, uint32_t bits, uint32_t *old);
