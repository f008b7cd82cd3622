; SPDX-License-Identifier: GPL-2.0-only
; Where a start-up IPI sends the other processors: from real mode to ap_main(APIC ID) in 64-bit mode, on
; the boot processor's page tables, GDT and IDT. Runs from a copy at AP_BASE. Loads no TSS.

%define AP_BASE		0x8000
%define HERE(x)		(AP_BASE + (x) - ap_begin)
AP_MAX			equ 32			; as in smp.h
AP_STACK		equ 8192

section .text
global ap_begin, ap_end, ap_idtr, ap_real_cs, ap_stacks
extern boot_pml4, boot_gdt, boot_gdtr, ap_main

align 16
bits 16
ap_begin:
	cli
	mov	ax, cs
	mov	ds, ax
	mov	[ap_real_cs - ap_begin], ax
	o32 lgdt [ap_gdtr - ap_begin]
	mov	eax, cr4
	or	eax, 0x620			; PAE, OSFXSR, OSXMMEXCPT
	mov	cr4, eax
	mov	eax, boot_pml4
	mov	cr3, eax
	mov	ecx, 0xc0000080
	rdmsr
	or	eax, 0x901			; SCE, LME, NXE
	wrmsr
	mov	eax, cr0
	and	eax, ~0x60000004		; CD, NW, EM off
	or	eax, 0x80000023			; PG, NE, MP, PE
	mov	cr0, eax
	jmp	dword 0x08:HERE(.long)
bits 64
.long:	mov	ax, 0x10
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	xor	eax, eax
	mov	fs, ax
	mov	gs, ax
	mov	eax, 1
	cpuid
	shr	ebx, 24
	mov	edi, ebx
	and	ebx, AP_MAX - 1
	inc	ebx
	imul	ebx, AP_STACK
	lea	rsp, [ap_stacks + rbx]
	xor	ebp, ebp
	fninit
	lidt	[HERE(ap_idtr)]
	mov	eax, ap_main
	call	rax
.halt:	cli
	hlt
	jmp	.halt
align 4
ap_gdtr:
	dw	0x5f				; up to the absent data segment
	dd	boot_gdt
ap_idtr:
	dw	0
	dq	0
ap_real_cs:
	dw	0
ap_end:

section .bss nobits alloc noexec write align=4096
ap_stacks:
	resb	AP_MAX * AP_STACK
