/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's side of the coverage streams: to the debug port, led by whose they are (the space's
 * address, 0 for the kernel's own) and a 32-bit length. Only in builds with COV=1.
 */

#include "arch/cpu.h"
#include "arch/spinlock.h"
#include "kernel/sys.h"
#include "kernel/thread_impl.h"
#include "kernel/user.h"
#include "lib/cov.h"
#include "tests/cov/dump.h"

int64_t sys_cov(struct sys_frame *f);

static struct spinlock cov_lock;

static void port_bytes(const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		outb(COV_PORT, ((const uint8_t *)bytes)[i]);
}

static void head(uint64_t whose, uint32_t n)
{
	port_bytes(&whose, sizeof(whose));
	port_bytes(&n, sizeof(n));
}

void cov_put(const void *bytes, size_t n)
{
	spin_lock(&cov_lock);
	head(0, (uint32_t)n);
	port_bytes(bytes, n);
	spin_unlock(&cov_lock);
}

void cov_end(bool box)
{
	(void)box;
}

/* (text, bytes, COV_WORD): the next piece of the calling program's stream; none: the kernel's turn. */
int64_t sys_cov(struct sys_frame *f)
{
	uint8_t some[256];
	int status = 0;

	if (f->arg[2] != COV_WORD)
		return E_NOSYS;
	if (f->arg[1] == 0)
		cov_dump(false);
	if (f->arg[1] > sizeof(some))
		return E_INVAL;
	status = user_copy_in(some, f->arg[0], (size_t)f->arg[1]);
	if (status < 0)
		return status;
	spin_lock(&cov_lock);
	head((uint64_t)thread_self()->space, (uint32_t)f->arg[1]);
	port_bytes(some, (size_t)f->arg[1]);
	spin_unlock(&cov_lock);
	return 0;
}
