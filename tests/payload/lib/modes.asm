; SPDX-License-Identifier: GPL-2.0-only
; From long mode down to real mode, a few things there, and up again; and memory reads under the
; paging modes of 32-bit protected mode. All of it runs from a copy below 1 MiB.

%define BASE	0x8000			; where tests/payload/modes.c copies it
%define HERE(x)	(BASE + (x) - modes_begin)

section .text
bits 64

global modes_begin, modes_end, modes_enter
global modes_request, modes_result

; uint64_t modes_enter(void): calls the copy; callee-saved registers survive, the rest does not.
modes_enter:
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	mov	eax, BASE
	call	rax
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret

align 16
modes_begin:
	jmp	near .start
	align	16
; +16: request: 0 real mode; 1 no paging; 2 two-level paging; 3 PAE
.request:	dd 0
.cr3:		dd 0			; +20 for 2 and 3
.address:	dd 0			; +24 linear address to read there
.result:	dd 0			; +28
.real_cs:	dd 0			; +32 what real mode saw
.real_port:	dd 0			; +36
.real_int:	dd 0			; +40
.saved_cr3:	dq 0			; +44
.saved_rsp:	dq 0			; +52
.gdtr:		dw 0			; +60
		dq 0
.real_idtr:	dw 0x3ff
		dd 0
.real_gdtr_pad:	dd 0

	align	16
.start:
	mov	[rel .saved_rsp], rsp
	mov	rax, cr3
	mov	[rel .saved_cr3], rax
	sgdt	[rel .gdtr]
	push	qword 0x18
	push	qword HERE(.compat)
	retfq

bits 32
.compat:
	mov	ax, 0x10
	mov	ds, ax
	mov	ss, ax
	mov	es, ax
	mov	eax, cr0
	and	eax, 0x7fffffff
	mov	cr0, eax			; paging off: out of long mode
	mov	ecx, 0xc0000080
	rdmsr
	and	eax, ~0x100
	wrmsr
	mov	eax, [HERE(.request)]
	cmp	eax, 1
	je	near .read
	cmp	eax, 2
	je	near .two_level
	cmp	eax, 3
	je	near .pae
	; real mode
	lidt	[HERE(.real_idtr)]
	jmp	0x30:HERE(.prot16)
bits 16
.prot16:
	mov	ax, 0x38
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	eax, cr0
	and	al, 0xfe
	mov	cr0, eax
	jmp	(BASE >> 4):(.real - modes_begin)
.real:
	xor	ax, ax
	mov	ds, ax
	mov	ss, ax
	mov	sp, 0x7f00
	mov	eax, cs
	mov	[HERE(.real_cs)], eax
	mov	dx, 0x21
	in	al, dx
	movzx	eax, al
	mov	[HERE(.real_port)], eax
	; an interrupt through the real-mode vector table
	mov	word [0x60 * 4], .isr - modes_begin
	mov	word [0x60 * 4 + 2], BASE >> 4
	int	0x60
	xor	eax, eax
	cpuid
	lgdt	[cs:.gdtr - modes_begin]
	mov	eax, cr0
	or	al, 1
	mov	cr0, eax
	jmp	dword 0x18:HERE(.up)
.isr:
	mov	dword [HERE(.real_int)], 0x600d
	iret

bits 32
.two_level:
	mov	eax, cr4
	and	eax, ~0x20			; PAE off
	or	eax, 0x10			; PSE on
	mov	cr4, eax
.pae:
	mov	eax, [HERE(.cr3)]
	mov	cr3, eax
	mov	eax, cr0
	or	eax, 0x80000000
	mov	cr0, eax
	jmp	.read
.read:
	mov	ebx, [HERE(.address)]
	mov	eax, [ebx]
	mov	[HERE(.result)], eax
	mov	eax, cr0
	and	eax, 0x7fffffff
	mov	cr0, eax
.up:
	mov	ax, 0x10
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	eax, cr4
	or	eax, 0x20
	mov	cr4, eax
	mov	eax, [HERE(.saved_cr3)]
	mov	cr3, eax
	mov	ecx, 0xc0000080
	rdmsr
	or	eax, 0x100
	wrmsr
	mov	eax, cr0
	or	eax, 0x80000000
	mov	cr0, eax
	jmp	0x08:HERE(.long)
bits 64
.long:
	mov	rsp, [rel .saved_rsp]
	ret
modes_end:
