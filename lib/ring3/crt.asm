; SPDX-License-Identifier: GPL-2.0-only
; How a ring-3 program and its further threads begin and end. No policy: the program's ring3_main
; gets what the creator put into RDI, and its return value becomes the exit code.

bits 64
default rel

extern ring3_main
global _start
global ring3_thread

SYS_THREAD_CTL	equ 13			; kernel/abi/syscall.h, asserted in guests/monitor.c
THREAD_EXIT	equ 4

section .text

_start:
	xor	ebp, ebp
	and	rsp, -16
	call	ring3_main
	mov	edx, eax
	jmp	thread_exit

; A further thread: the creator has left the function and its argument on top of the stack.
ring3_thread:
	xor	ebp, ebp
	pop	rax
	pop	rdi
	and	rsp, -16
	call	rax
	xor	edx, edx

thread_exit:
	mov	eax, SYS_THREAD_CTL
	xor	edi, edi		; the calling thread
	mov	esi, THREAD_EXIT
	syscall
	ud2				; cannot come back
