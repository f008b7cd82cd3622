; SPDX-License-Identifier: GPL-2.0-only
; Waits for an NMI in HLT with interrupts off, and cannot sleep through one that comes too early.

bits 64
default rel
section .text

global halt_until, halt_until_woken
; void halt_until(volatile unsigned *p): until *p is not 0. Whoever sets it calls halt_noticed.
halt_until:
	cmp	dword [rdi], 0
	jne	noticed
	hlt
halt_until_woken:
	jmp	halt_until
noticed:
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
