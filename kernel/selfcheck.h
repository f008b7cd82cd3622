/* SPDX-License-Identifier: GPL-2.0-only */
/* A check of the promise that the kernel maps no guest memory. */
#pragma once

struct vm;

/*
 * With `selfcheck` on the box's command line: walks the page tables of every space, and panics when a
 * leaf reaches a frame of the VM, but in the user half of its own monitor. `selfcheck=plant` first maps
 * one into the kernel half: it must panic. The caller holds the VM's lock.
 */
void selfcheck_vm(const struct vm *vm);
