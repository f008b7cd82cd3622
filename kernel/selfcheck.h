/* SPDX-License-Identifier: GPL-2.0-only */
/* A check of the promise that the kernel maps no guest memory. */
#pragma once

struct vm;

/*
 * With `selfcheck` on the box's command line: walks the kernel half of the page tables that are loaded,
 * and panics when a leaf reaches a frame of the VM. `selfcheck=plant` first maps one: it must panic.
 */
void selfcheck_vm(const struct vm *vm);
