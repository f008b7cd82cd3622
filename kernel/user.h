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
/* 16 bytes of printable characters, NUL-terminated; else E_INVAL. */
int user_copy_name(char name[16], uint64_t from);
