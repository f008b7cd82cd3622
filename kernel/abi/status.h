/* SPDX-License-Identifier: GPL-2.0-only */
/* The error codes of the system calls; nothing else. */
#pragma once

enum status {
	STATUS_OK = 0,
	E_INVAL = -1,	 /* an argument is malformed */
	E_NOMEM = -2,	 /* the caller's kernel-memory quota, or the pool, is exhausted */
	E_HANDLE = -3,	 /* no such handle, or it names an object of another type */
	E_PERM = -4,	 /* the handle lacks a right */
	E_BUSY = -5,	 /* the object is in use in a way that forbids this */
	E_RANGE = -6,	 /* an address or size is outside what the object covers */
	E_TIMEOUT = -7,	 /* the deadline passed */
	E_AGAIN = -8,	 /* progress was made, call again (long operations restart) */
	E_FAULT = -9,	 /* a user address could not be read or written */
	E_NOSYS = -10,	 /* no such system call or operation */
	E_DEAD = -11,	 /* the object has been destroyed or its owner has died */
	E_EXIST = -12,	 /* something is there already */
	E_UNSUPPORTED = -13, /* this processor cannot */
};
