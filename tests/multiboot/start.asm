; SPDX-License-Identifier: GPL-2.0-only
; The header and the first instructions of a 32-bit multiboot program, as written for QEMU's -kernel.
; With FLAT defined the header has the addresses, and the file is a flat one.
; [MULTIBOOT "OS image format", "Machine state"]

MAGIC	equ 0x1badb002
%ifdef FLAT
FLAGS	equ 0x10003
%else
FLAGS	equ 0x3
%endif

section .header alloc noexec nowrite align=4
	extern	image_start, image_data_end, image_end
header:
	dd MAGIC, FLAGS, -(MAGIC + FLAGS)
	dd header, image_start, image_data_end, image_end, start

section .text
bits 32
global start
start:
	mov	esp, stack_top
	push	0
	popf				; what else is in EFLAGS is not specified
	push	ebx			; the information structure
	push	eax			; 0x2badb002
	extern	multiboot_main
	call	multiboot_main
.stop:	cli
	hlt
	jmp	.stop

; void idt_load(void *pointer), irq_stub: counts in irq_count, and ends the interrupt at both 8259s.
global idt_load, irq_stub, irq_count
idt_load:
	mov	eax, [esp + 4]
	lidt	[eax]
	ret
irq_stub:
	push	eax
	inc	dword [irq_count]
	mov	al, 0x20
	out	0xa0, al
	out	0x20, al
	pop	eax
	iret

section .bss nobits alloc noexec write align=16
	resb 16384
stack_top:
irq_count:
	resd 1
