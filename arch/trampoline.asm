; SPDX-License-Identifier: GPL-2.0-only
; Where a processor starts after a start-up IPI: real mode, in a page below 1 MiB that this is copied
; to. It turns long mode on with the page tables that it is given, which map that page, and goes to
; the kernel. arch/smp.c fills the parameters in.

section .rodata
global trampoline_start, trampoline_end, trampoline_params

%define AT(label) (label - trampoline_start)

bits 16
align 16
trampoline_start:
	cli
	cld
	mov ax, cs
	mov ds, ax
	movzx ebx, ax
	shl ebx, 4 ; the page's address, kept in EBX
	lea eax, [ebx + AT(gdt)]
	mov [AT(gdtr) + 2], eax
	lea eax, [ebx + AT(long_mode)]
	mov [AT(target)], eax
	o32 lgdt [AT(gdtr)]
	mov eax, 0x20 ; CR4.PAE
	mov cr4, eax
	mov eax, [AT(param_cr3)]
	mov cr3, eax
	mov ecx, 0xc0000080 ; EFER
	xor edx, edx
	mov eax, [AT(param_efer)]
	wrmsr
	mov eax, 0x80010031 ; PG WP NE ET PE; INIT left the caches off: on
	mov cr0, eax
	o32 jmp far [AT(target)]

bits 64
long_mode:
	xor eax, eax
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov rdi, [rbx + AT(param_argument)]
	mov rsp, [rbx + AT(param_stack)]
	xor ebp, ebp
	jmp [rbx + AT(param_entry)]

align 8
gdt:
	dq 0
	dq 0x00209b0000000000 ; 64-bit code
gdtr:
	dw 15
	dd 0
target:
	dd 0
	dw 8

align 8
trampoline_params:
param_cr3:	dq 0
param_efer:	dq 0
param_entry:	dq 0
param_stack:	dq 0
param_argument:	dq 0
trampoline_end:
