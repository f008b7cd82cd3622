; SPDX-License-Identifier: GPL-2.0-only
; Into the guest and back. Knows struct vcpu's gpr[] (at VCPU_GPR, checked in svm_run.c) and nothing else.

bits 64
default rel
section .text

%include "arch/gs.inc"
extern mitigations, rsb_fill

VCPU_GPR equ 8
GPR_RCX equ VCPU_GPR + 1 * 8
GPR_RDX equ VCPU_GPR + 2 * 8
GPR_RBX equ VCPU_GPR + 3 * 8
GPR_RBP equ VCPU_GPR + 5 * 8
GPR_RSI equ VCPU_GPR + 6 * 8
GPR_RDI equ VCPU_GPR + 7 * 8
GPR_R8 equ VCPU_GPR + 8 * 8

; void svm_enter(struct svm_vcpu *s, uint64_t vmcb_hpa, uint64_t host_hpa)
; RAX and RSP travel in the VMCB. From CLGI to STGI nothing can interrupt us, NMIs included: in between
; FS, GS, TR and the SYSCALL MSRs are the guest's. RFLAGS.IF is set under it because with virtual
; interrupt masking it is the host's IF that lets interrupts end the guest's run.
global svm_enter:function
global svm_vmrun_end:function
svm_enter:
	push rbp
	mov rbp, rsp
	push rbx
	push r12
	push r13
	push r14
	push r15
	push rdi
	push rdx
	push rsi
	clgi
	sti
	mov rax, rsi
	vmload
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
	vmrun
svm_vmrun_end:
	vmsave
	mov rax, [rsp + 16]
	mov [rax + GPR_RCX], rcx
	mov [rax + GPR_RDX], rdx
	mov [rax + GPR_RBX], rbx
	mov [rax + GPR_RBP], rbp
	mov [rax + GPR_RSI], rsi
	mov [rax + GPR_RDI], rdi
	mov [rax + GPR_R8], r8
	mov [rax + GPR_R8 + 8], r9
	mov [rax + GPR_R8 + 16], r10
	mov [rax + GPR_R8 + 24], r11
	mov [rax + GPR_R8 + 32], r12
	mov [rax + GPR_R8 + 40], r13
	mov [rax + GPR_R8 + 48], r14
	mov [rax + GPR_R8 + 56], r15
	pop rsi
	pop rax
	vmload
	cli
	stgi
	add rsp, 8
	test dword [rel mitigations], MIT_RSB_EXIT
	jz .returns
	call rsb_fill
.returns:
	; nothing of the guest's is left in a register that C code might use speculatively
	xor ecx, ecx
	xor edx, edx
	xor esi, esi
	xor edi, edi
	xor r8d, r8d
	xor r9d, r9d
	xor r10d, r10d
	xor r11d, r11d
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret

; void svm_vmsave(uint64_t hpa)
global svm_vmsave:function
svm_vmsave:
	mov rax, rdi
	vmsave
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
