/* SPDX-License-Identifier: GPL-2.0-only */
/* A check of the promise that the kernel maps no guest memory. */
#pragma once

struct vm;

/*
 * With `selfcheck` on the box's command line: walks the page tables of every space, and panics when a
 * leaf reaches a frame of the VM, but in the user half of its own monitor; or when one is next to a kernel stack.
 * `selfcheck=plant` first maps one of the former into the kernel half, `=guard` one of the latter: it must panic;
 * so must `=overflow`, which has the calling thread's stack grow without end. The caller holds the VM's lock.
 */
void selfcheck_vm(const struct vm *vm);
