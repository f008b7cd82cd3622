; SPDX-License-Identifier: GPL-2.0-only
; Into the guest and back. Knows struct vcpu's gpr[] (at VCPU_GPR, checked in vmx_run.c) and nothing else.

bits 64
default rel
section .text

%include "arch/gs.inc"
extern mitigations, rsb_fill, verw_selector

VCPU_GPR equ 8
GPR_RAX equ VCPU_GPR
GPR_RCX equ VCPU_GPR + 1 * 8
GPR_RDX equ VCPU_GPR + 2 * 8
GPR_RBX equ VCPU_GPR + 3 * 8
GPR_RBP equ VCPU_GPR + 5 * 8
GPR_RSI equ VCPU_GPR + 6 * 8
GPR_RDI equ VCPU_GPR + 7 * 8
GPR_R8 equ VCPU_GPR + 8 * 8
VMCS_HOST_RSP equ 0x6c14

; unsigned vmx_enter(struct vmx_vcpu *s, unsigned launched, uint64_t *host_rsp)
; The processor loads the host's registers but the general ones at vmx_exit_point; RSP is as below.
global vmx_enter:function
global vmx_exit_point
vmx_enter:
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	push rdi
	cmp [rdx], rsp			; a VMWRITE is dear
	je .same_stack
	mov [rdx], rsp
	mov eax, VMCS_HOST_RSP
	vmwrite rax, rsp
.same_stack:
	test dword [rel mitigations], MIT_VERW
	jz .cleared
	verw [rel verw_selector]
.cleared:
	test esi, esi			; the moves below keep the flags
	mov rax, [rdi + GPR_RAX]
	mov rcx, [rdi + GPR_RCX]
	mov rdx, [rdi + GPR_RDX]
	mov rbx, [rdi + GPR_RBX]
	mov rbp, [rdi + GPR_RBP]
	mov rsi, [rdi + GPR_RSI]
	mov r8, [rdi + GPR_R8]
	mov r9, [rdi + GPR_R8 + 8]
	mov r10, [rdi + GPR_R8 + 16]
	mov r11, [rdi + GPR_R8 + 24]
	mov r12, [rdi + GPR_R8 + 32]
	mov r13, [rdi + GPR_R8 + 40]
	mov r14, [rdi + GPR_R8 + 48]
	mov r15, [rdi + GPR_R8 + 56]
	mov rdi, [rdi + GPR_RDI]
	jz .launch
	vmresume
	jmp .failed
.launch:
	vmlaunch
.failed:
	pop rdi
	mov eax, 1
	jmp out
vmx_exit_point:
	xchg rdi, [rsp]
	mov [rdi + GPR_RAX], rax
	mov [rdi + GPR_RCX], rcx
	mov [rdi + GPR_RDX], rdx
	mov [rdi + GPR_RBX], rbx
	mov [rdi + GPR_RBP], rbp
	mov [rdi + GPR_RSI], rsi
	mov [rdi + GPR_R8], r8
	mov [rdi + GPR_R8 + 8], r9
	mov [rdi + GPR_R8 + 16], r10
	mov [rdi + GPR_R8 + 24], r11
	mov [rdi + GPR_R8 + 32], r12
	mov [rdi + GPR_R8 + 40], r13
	mov [rdi + GPR_R8 + 48], r14
	mov [rdi + GPR_R8 + 56], r15
	pop rax
	mov [rdi + GPR_RDI], rax
	test dword [rel mitigations], MIT_RSB_EXIT
	jz .returns
	call rsb_fill
.returns:
	xor eax, eax
	; nothing of the guest's is left in a register that C code might use speculatively
	xor ecx, ecx
	xor edx, edx
	xor esi, esi
	xor edi, edi
	xor r8d, r8d
	xor r9d, r9d
	xor r10d, r10d
	xor r11d, r11d
out:
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	cld
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
