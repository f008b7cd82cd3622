; SPDX-License-Identifier: GPL-2.0-only
; Entry stubs of the 256 vectors. They save every general register, see to GS and call trap_handler.

bits 64
section .text

%include "arch/gs.inc"

extern trap_handler
global trap_stubs
global trap_return
global verw_selector

MSR_GS_BASE equ 0xc0000101
RFLAGS_AC equ 1 << 18

verw_selector:
	dw 0x10 ; SEL_KERNEL_SS: VERW clears when its operand is in memory, whatever it says

; One stub is 16 bytes, so that the IDT is filled by arithmetic.
align 16
trap_stubs:
%assign v 0
%rep 256
align 16
; Vectors with an error code of the processor's. [SDM3 "Exception and Interrupt Reference"]
%if v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30
%else
	push qword 0
%endif
	push qword v
; IST vectors may hit ring 0 while GS is still ring 3's.
%if v == 1 || v == 2 || v == 8 || v == 18
	jmp near trap_paranoid
%else
	jmp near trap_common
%endif
%assign v v+1
%endrep
align 16

%macro SAVE 0
	push rax
	push rbx
	push rcx
	push rdx
	push rsi
	push rdi
	push rbp
	push r8
	push r9
	push r10
	push r11
	push r12
	push r13
	push r14
	push r15
	cld
%endmacro

%macro RESTORE 0
	pop r15
	pop r14
	pop r13
	pop r12
	pop r11
	pop r10
	pop r9
	pop r8
	pop rbp
	pop rdi
	pop rsi
	pop rdx
	pop rcx
	pop rbx
	pop rax
	add rsp, 16
%endmacro

trap_common:
	test byte [rsp + 3 * 8], 3 ; CS: from ring 3?
	jz trap_save
	swapgs
	cmp qword [gs:PERCPU_KERNEL_CR3], 0
	jne trap_move
trap_save: ; GS is the kernel's, the stack the thread's
	SAVE
	; An interrupt gate leaves AC as ring 3 has it, and AC opens SMAP. CLAC is not on every processor.
	test dword [rsp + 19 * 8], RFLAGS_AC
	jz .closed
	pushfq
	and dword [rsp], ~RFLAGS_AC
	popfq
.closed:
	test byte [rsp + 18 * 8], 3
	jz trap_from_kernel
trap_from_user:
	mov rdi, rsp
	xor ebp, ebp ; backtraces end here
	call trap_handler
.user:
trap_return: ; a new thread starts here, too
	cli
	cmp dword [gs:PERCPU_GUARD], 0
	jne .guarded
	swapgs
	RESTORE
	iretq
.guarded: ; ring 3's page tables have the entry stack only: the IRET's frame and RAX go there
	mov rdi, [gs:PERCPU_ENTRY_RSP]
%assign i 0
%rep 5 ; RIP, CS, RFLAGS, RSP, SS
	mov rsi, [rsp + (17 + i) * 8]
	mov [rdi + (i - 5) * 8], rsi
%assign i i+1
%endrep
	mov rsi, [rsp + 14 * 8]
	mov [rdi - 6 * 8], rsi
	RESTORE
	mov rsp, [gs:PERCPU_ENTRY_RSP]
	sub rsp, 6 * 8
	GUARD_LEAVE rax
	pop rax
	swapgs
	iretq
trap_from_kernel:
	mov rdi, rsp
	call trap_handler
	RESTORE
	iretq

; From ring 3 an IST vector goes on like any other, on the thread's own stack: its handler may switch
; threads. In ring 0 GS is the kernel's exactly when its base is in the upper half: ring 3 cannot set
; it so, because CR4.FSGSBASE is off.
trap_paranoid:
	test byte [rsp + 3 * 8], 3
	jz trap_kernel
	swapgs
trap_move: ; to the kernel's page tables and the thread's stack
	push rax
	mov rax, [gs:PERCPU_KERNEL_CR3]
	test rax, rax
	jz .mapped
	mov cr3, rax
.mapped:
	mov rax, rsp
	mov rsp, [gs:PERCPU_KERNEL_RSP]
%assign i 7
%rep 7 ; SS, RSP, RFLAGS, CS, RIP, error, vector
	push qword [rax + i * 8]
%assign i i-1
%endrep
	mov rax, [rax]
	jmp trap_save
trap_kernel:
	SAVE
	mov ecx, MSR_GS_BASE
	rdmsr
	xor r12d, r12d
	test edx, edx
	js .kernel_gs
	swapgs
	inc r12d
.kernel_gs:
	xor r13d, r13d
	mov rax, [gs:PERCPU_KERNEL_CR3]
	test rax, rax
	jz .kernel_cr3
	mov r13, cr3 ; perhaps ring 3's: it was about to enter or to leave
	mov cr3, rax
.kernel_cr3:
	mov rdi, rsp
	call trap_handler
	test r13, r13
	jz .same_cr3
	mov cr3, r13
.same_cr3:
	test r12d, r12d
	jz .leave
	swapgs
.leave:
	RESTORE
	iretq
