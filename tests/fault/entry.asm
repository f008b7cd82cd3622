; SPDX-License-Identifier: GPL-2.0-only
; Between a monitor's SYSCALL and the kernel: every register is kept but those that SYSCALL destroys.

bits 64
default rel

extern fault_call
global fault_syscall
global fault_real
global fault_spin

section .text

; As SYSCALL, but that fault_call(struct fault_frame *) decides what comes of it.
fault_syscall:
	push	r9
	push	r8
	push	r10
	push	rdx
	push	rsi
	push	rdi
	push	rax
	mov	rdi, rsp
	push	rbp
	mov	rbp, rsp
	and	rsp, -16
	cld
	call	fault_call
	mov	rsp, rbp
	pop	rbp
	pop	rax
	pop	rdi
	pop	rsi
	pop	rdx
	pop	r10
	pop	r8
	pop	r9
	ret

; (struct fault_frame *): the call itself.
fault_real:
	push	rdi
	mov	rax, [rdi]
	mov	rsi, [rdi + 16]
	mov	rdx, [rdi + 24]
	mov	r10, [rdi + 32]
	mov	r8, [rdi + 40]
	mov	r9, [rdi + 48]
	mov	rdi, [rdi + 8]
	syscall
	pop	rdi
	mov	[rdi], rax
	mov	[rdi + 24], rdx
	ret

; A thread's whole life, without a stack. No PAUSE: an emulator that counts instructions is slow at those.
fault_spin:
	times 64 inc rcx
	jmp	fault_spin
