; SPDX-License-Identifier: GPL-2.0-only
; The system-call entry, a new thread's first steps, the switch between kernel stacks, and copies to
; and from ring 3.

bits 64
section .text

%include "arch/gs.inc"

SYS_MAX equ 34 ; asserted in kernel/syscall.c

extern syscall_do, sched_work, sched_first, trap_return, syscall_bad_rip, verw_selector
global syscall_entry, syscall_entry32, thread_start, context_switch

; RCX = RIP, R11 = RFLAGS, RSP still ring 3's; interrupts off by FMASK. Builds struct sys_frame.
align 16
syscall_entry:
	swapgs
	mov [gs:PERCPU_USER_RSP], rsp
	cmp qword [gs:PERCPU_KERNEL_CR3], 0
	jne .isolated
.mapped:
	mov rsp, [gs:PERCPU_KERNEL_RSP]
	push qword [gs:PERCPU_USER_RSP]
	push r11
	push rcx
	push qword 0
	push r9
	push r8
	push r10
	push rdx
	push rsi
	push rdi
	mov rsi, rsp
	mov edi, SYS_MAX
	cmp rax, rdi
	cmovb rdi, rax ; the entry of all others says E_NOSYS
	call syscall_do
	cmp dword [gs:PERCPU_WORK], 0
	jne .work
.leave:
	pop rdi
	pop rsi
	add rsp, 8 ; RDX returns the second value
	pop r10
	pop r8
	pop r9
	pop rdx
	pop rcx
	pop r11
	; A SYSRET to a non-canonical RIP would fault in ring 0 on ring 3's stack [SDM2 "SYSRET"].
	bt rcx, 47
	jc .bad_rip
	pop rsp
	cmp dword [gs:PERCPU_GUARD], 0
	jne .guarded
.sysret:
	swapgs
	o64 sysret
.isolated:
	mov rsp, [gs:PERCPU_KERNEL_CR3]
	mov cr3, rsp
	jmp .mapped
.guarded:
	mov [gs:PERCPU_USER_RSP], rsp
	GUARD_LEAVE rsp
	mov rsp, [gs:PERCPU_USER_RSP]
	jmp .sysret
.work:
	push rax
	push rax ; alignment
	call sched_work
	pop rax
	pop rax
	jmp .leave
.bad_rip:
	mov rsp, [gs:PERCPU_KERNEL_RSP]
	call syscall_bad_rip

; SYSCALL from compatibility mode: there is no code segment for it, but AMD wants the MSR filled.
syscall_entry32:
	mov ecx, 0
	o64 sysret

; The first return address of a new thread: its stack holds a struct trap_frame above.
align 16
thread_start:
	call sched_first
	jmp trap_return

; void context_switch(uint64_t *save, uint64_t load)
align 16
context_switch:
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	mov [rdi], rsp
	mov rsp, rsi
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret
