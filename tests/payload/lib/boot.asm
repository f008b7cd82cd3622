; SPDX-License-Identifier: GPL-2.0-only
; A payload's first instructions: PVH entry in flat 32-bit mode, identity mapping of 4 GiB, 64-bit
; mode, and the 256 interrupt stubs. [PVH "x86/HVM direct boot ABI"]

PVH_NOTE	equ 18

section .note.pvh alloc noexec nowrite align=4
	dd 4, 4, PVH_NOTE
	db "Xen", 0
	dd payload_entry

section .bss nobits alloc noexec write align=4096
global boot_pml4
boot_pml4:	resb 4096
boot_pdpt:	resb 4096
boot_pd:	resb 4 * 4096
boot_stack:	resb 32768
boot_stack_top:
ist_stack:	resb 16384
ist_stack_top:
global boot_tss
boot_tss:	resb 104

section .data
align 16
global boot_gdt, boot_gdtr
boot_gdt:
	dq 0
	dq 0x00af9b000000ffff		; 08 code, 64 bit
	dq 0x00cf93000000ffff		; 10 data
	dq 0x00cf9b000000ffff		; 18 code, 32 bit
	dq 0x00cff3000000ffff		; 20 user data (SYSRET: STAR base + 8)
	dq 0x00affb000000ffff		; 28 user code, 64 bit
	dq 0x00009b000000ffff		; 30 code, 16 bit
	dq 0x000093000000ffff		; 38 data, 16 bit
	dq 0, 0				; 40 TSS
	dq 0x00cffb000000ffff		; 50 user code, 32 bit
	dq 0x00cf13000000ffff		; 58 data, not present
boot_gdtr:
	dw boot_gdtr - boot_gdt - 1
	dq boot_gdt

section .text.boot progbits alloc exec nowrite align=16
bits 32
global payload_entry
payload_entry:
	cld
	mov	esp, boot_stack_top
	mov	esi, ebx			; start information
	mov	eax, boot_pdpt + 7
	mov	[boot_pml4], eax
	mov	eax, boot_pd + 7
	xor	ecx, ecx
.pdpt:	mov	[boot_pdpt + ecx * 8], eax
	add	eax, 4096
	inc	ecx
	cmp	ecx, 4
	jne	.pdpt
	xor	ecx, ecx
.pd:	mov	eax, ecx
	shl	eax, 21
	or	eax, 0x87			; present, writable, user, 2 MiB
	mov	[boot_pd + ecx * 8], eax
	inc	ecx
	cmp	ecx, 2048
	jne	.pd
	mov	eax, boot_pml4
	mov	cr3, eax
	mov	eax, cr4
	or	eax, 0x620			; PAE, OSFXSR, OSXMMEXCPT
	mov	cr4, eax
	mov	ecx, 0xc0000080
	rdmsr
	or	eax, 0x901			; SCE, LME, NXE
	wrmsr
	mov	eax, cr0
	and	eax, ~4				; EM off
	or	eax, 0x80000022			; PG, NE, MP
	mov	cr0, eax
	mov	eax, boot_tss
	mov	edx, eax
	shl	eax, 16
	or	eax, 103
	mov	[boot_gdt + 0x40], eax
	mov	eax, edx
	and	eax, 0xff000000
	shr	edx, 16
	and	edx, 0xff
	or	eax, edx
	or	eax, 0x8900
	mov	[boot_gdt + 0x44], eax
	mov	dword [boot_tss + 4], boot_stack_top	; RSP0
	mov	dword [boot_tss + 36], ist_stack_top	; IST1
	mov	word [boot_tss + 102], 104		; no I/O permission map
	lgdt	[boot_gdtr]
	jmp	0x08:.long

bits 64
.long:	mov	ax, 0x10
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	fs, ax
	mov	gs, ax
	mov	ax, 0x40
	ltr	ax
	mov	esp, boot_stack_top
	xor	ebp, ebp
	fninit
	mov	edi, esi
	extern	payload_main
	call	payload_main
.halt:	cli
	hlt
	jmp	.halt

section .text
; A stub a vector: error code or 0, vector, then the common part.
%assign v 0
%rep 256
trap_stub_ %+ v:
%if v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30
%else
	push	0
%endif
	push	strict dword v
	jmp	trap_common
%assign v v + 1
%endrep

trap_common:
	push	r15
	push	r14
	push	r13
	push	r12
	push	r11
	push	r10
	push	r9
	push	r8
	push	rdi
	push	rsi
	push	rbp
	push	rbx
	push	rdx
	push	rcx
	push	rax
	cld
	mov	rdi, rsp
	mov	rbx, rsp
	and	rsp, -16
	extern	trap_dispatch
	call	trap_dispatch
	mov	rsp, rbx
	pop	rax
	pop	rcx
	pop	rdx
	pop	rbx
	pop	rbp
	pop	rsi
	pop	rdi
	pop	r8
	pop	r9
	pop	r10
	pop	r11
	pop	r12
	pop	r13
	pop	r14
	pop	r15
	add	rsp, 16
	iretq

; void trap_escape(uint64_t *saved, int) and int trap_mark(uint64_t *saved): a small setjmp.
global trap_mark, trap_escape
trap_mark:
	mov	[rdi], rbx
	mov	[rdi + 8], rbp
	mov	[rdi + 16], r12
	mov	[rdi + 24], r13
	mov	[rdi + 32], r14
	mov	[rdi + 40], r15
	lea	rax, [rsp + 8]
	mov	[rdi + 48], rax
	mov	rax, [rsp]
	mov	[rdi + 56], rax
	xor	eax, eax
	ret
trap_escape:
	mov	rbx, [rdi]
	mov	rbp, [rdi + 8]
	mov	r12, [rdi + 16]
	mov	r13, [rdi + 24]
	mov	r14, [rdi + 32]
	mov	r15, [rdi + 40]
	mov	rsp, [rdi + 48]
	mov	eax, 1
	jmp	[rdi + 56]

section .rodata
align 8
global trap_stubs
trap_stubs:
%assign v 0
%rep 256
	dq trap_stub_ %+ v
%assign v v + 1
%endrep
