; SPDX-License-Identifier: GPL-2.0-only
;
; The first instructions: the multiboot2 header, the 32-bit entry that GRUB jumps to and the 64-bit
; entry that our UEFI loader jumps to. Both meet in 32-bit code without paging, which builds the
; early page tables and calls boot_handover(magic, info, kernel_phys). It detects no hardware beyond
; long mode.
;
; Runs wherever the image was loaded below 4 GiB, on a 4 KiB boundary: EBP holds that address from
; the start on, and what lies in .bss is reached as [ebp + off_...], offsets that boot/kernel.ld
; defines.
;
; Why the 64-bit entry leaves long mode first: the firmware's tables may be five levels deep,
; read-only or no-execute, and CR4.LA57 can change only while paging is off [SDM "Paging", "Changing
; the Paging Mode"].

%define MB2_HEADER_MAGIC 0xe85250d6
%define MB2_INFO_MAGIC	 0x36d76289

%define TABLE_PML4	0x0000
%define TABLE_PDPT_LOW	0x1000
%define TABLE_PDPT_HIGH	0x2000
%define TABLE_PD_LOW	0x3000 ; four of them: 4 GiB
%define TABLE_PD_HIGH	0x7000
%define TABLE_PT	0x8000
%define KERNEL_PT_COUNT	8      ; 16 MiB of image at most; kernel.ld checks it
%define TABLES_BYTES	(TABLE_PT + KERNEL_PT_COUNT * 0x1000)

%define PTE_P	1
%define PTE_RW	2
%define PTE_PS	0x80
%define PTE_NX_HIGH 0x80000000 ; in the upper half of the entry

%define CR4_PAE	0x20
%define CR4_LA57 0x1000
%define MSR_EFER 0xc0000080
%define EFER_LME 0x100
%define EFER_NXE 0x800
%define CR0_EARLY 0x80010031 ; PG WP NE ET PE; caches on

%define SEL_CODE32 0x08
%define SEL_DATA   0x10
%define SEL_CODE64 0x18

extern boot_handover
extern off_boot_tables, off_boot_vars, off_boot_stack_guard, off_boot_stack_top
extern off_text_end, off_rodata_end, off_kernel_end

global entry32, entry64, boot_tables, boot_vars, boot_stack_guard, boot_stack_top

; ------------------------------------------------------------------------------ multiboot2 header

section .boot.header progbits alloc noexec nowrite align=8
image_start:

%macro tag 2 ; type, flags (1: optional)
	align 8, db 0
%%start:
	dw %1, %2
	dd %%end - %%start
%define TAG_END %%end
%endmacro
%macro endtag 0
TAG_END:
%endmacro

mb2_header:
	dd MB2_HEADER_MAGIC
	dd 0 ; 32-bit protected mode i386
	dd mb2_header_end - mb2_header
	dd -(MB2_HEADER_MAGIC + (mb2_header_end - mb2_header))
	tag 1, 0 ; information that we cannot do without
	dd 6     ; memory map
	endtag
	tag 1, 1 ; information that we like
	dd 1, 2, 3, 8, 14, 15, 21
	endtag
	tag 3, 0 ; entry address
	dd entry32
	endtag
	tag 4, 1 ; consoles: VGA text will do
	dd 2
	endtag
	tag 5, 1 ; framebuffer: whatever there is
	dd 0, 0, 0
	endtag
	tag 6, 0 ; modules on page boundaries
	endtag
	tag 10, 0 ; relocatable
	dd 0x200000, 0xffffffff, 0x200000, 1 ; min, max, alignment, lowest preferred
	endtag
	tag 0, 0
	endtag
mb2_header_end:

; ------------------------------------------------------------------------------ 32-bit entry

section .boot.text progbits alloc exec nowrite align=16
bits 32

; From multiboot2: EAX = magic, EBX = information structure, protected mode, no paging, no stack.
entry32:
	cli
	cld
	mov esp, 0x7c00
	cmp eax, MB2_INFO_MAGIC
	jne .where
	lea esp, [ebx + 8] ; the call's return address goes to the structure's reserved word
.where:
	call .here
.here:
	pop ebp
	sub ebp, .here - boot_text
	sub ebp, boot_text_offset
	cmp eax, MB2_INFO_MAGIC
	jne not_multiboot2
	mov dword [ebx + 4], 0
	mov [ebp + off_boot_vars], eax
	mov [ebp + off_boot_vars + 8], ebx
	lea esp, [ebp + off_boot_stack_top]
	call require_long_mode
	jmp build_tables

not_multiboot2:
	mov esi, text_not_multiboot2 - boot_text
	jmp fatal
no_long_mode:
	mov esi, text_no_long_mode - boot_text
	jmp fatal

; Returns when the processor has long mode. Keeps EBP, ESP.
require_long_mode:
	pushfd
	pop eax
	mov ecx, eax
	xor eax, 1 << 21 ; EFLAGS.ID can be changed: CPUID is there
	push eax
	popfd
	pushfd
	pop eax
	push ecx
	popfd
	xor eax, ecx
	test eax, 1 << 21
	jz no_long_mode
	mov eax, 0x80000000
	cpuid
	cmp eax, 0x80000001
	jb no_long_mode
	mov eax, 0x80000001
	cpuid
	test edx, 1 << 29
	jz no_long_mode
	ret

; ESI = offset of a text in boot_text. Writes it to VGA text memory and COM1, and halts. Nobody has
; told us of a screen yet: the last row of the text screen is a guess that does no harm.
fatal:
	lea esi, [ebp + esi]
	add esi, boot_text_offset
	mov edi, 0xb8000 + 24 * 160
	mov dx, 0x3f8 + 1
	xor eax, eax
	out dx, al ; no interrupts
	add edx, 2
	mov al, 0x80
	out dx, al
	sub edx, 3
	mov al, 1 ; 115200
	out dx, al
	inc edx
	mov al, 0
	out dx, al
	add edx, 2
	mov al, 3 ; 8N1
	out dx, al
.next:
	movzx eax, byte [esi]
	inc esi
	test al, al
	jz .halt
	mov ah, 0x4f
	cmp al, ' '
	jb .serial
	mov [edi], ax
	add edi, 2
.serial:
	mov ecx, 100000 ; there may be no UART
.wait:
	mov dx, 0x3f8 + 5
	mov bl, al
	in al, dx
	test al, 0x20
	mov al, bl
	loopz .wait
	mov dx, 0x3f8
	out dx, al
	jmp .next
.halt:
	hlt
	jmp .halt

; ------------------------------------------------------------------------------ page tables

; EBP = image, ESP = boot stack, paging off. The identity map is for what the loader handed over;
; the image gets its final rights at once: text executable, the rest not, only data writable.
build_tables:
	mov eax, 0x80000001
	cpuid
	xor edi, edi
	test edx, 1 << 20
	jz .have_nx
	mov edi, PTE_NX_HIGH
.have_nx:
	lea ebx, [ebp + off_boot_tables]
	lea eax, [ebx + TABLE_PDPT_LOW + (PTE_P | PTE_RW)]
	mov [ebx + TABLE_PML4], eax
	lea eax, [ebx + TABLE_PDPT_HIGH + (PTE_P | PTE_RW)]
	mov [ebx + TABLE_PML4 + 511 * 8], eax
	lea eax, [ebx + TABLE_PD_HIGH + (PTE_P | PTE_RW)]
	mov [ebx + TABLE_PDPT_HIGH + 510 * 8], eax

	lea eax, [ebx + TABLE_PD_LOW + (PTE_P | PTE_RW)]
	xor ecx, ecx
.pdpt_low:
	mov [ebx + TABLE_PDPT_LOW + ecx * 8], eax
	add eax, 0x1000
	inc ecx
	cmp ecx, 4
	jb .pdpt_low

	mov eax, PTE_P | PTE_RW | PTE_PS
	xor ecx, ecx
.pd_low:
	mov [ebx + TABLE_PD_LOW + ecx * 8], eax
	add eax, 0x200000
	inc ecx
	cmp ecx, 4 * 512
	jb .pd_low

	lea eax, [ebx + TABLE_PT + (PTE_P | PTE_RW)]
	xor ecx, ecx
.pd_high:
	mov [ebx + TABLE_PD_HIGH + ecx * 8], eax
	add eax, 0x1000
	inc ecx
	cmp ecx, KERNEL_PT_COUNT
	jb .pd_high

	xor esi, esi ; offset in the image
.image:
	cmp esi, off_boot_stack_guard
	je .image_next
	lea eax, [ebp + esi + PTE_P]
	xor edx, edx
	cmp esi, off_text_end
	jb .image_put
	mov edx, edi
	cmp esi, off_rodata_end
	jb .image_put
	or eax, PTE_RW
.image_put:
	mov ecx, esi
	shr ecx, 9 ; 8 bytes a page
	mov [ebx + ecx + TABLE_PT], eax
	mov [ebx + ecx + TABLE_PT + 4], edx
.image_next:
	add esi, 0x1000
	cmp esi, off_kernel_end
	jb .image

	mov eax, CR4_PAE
	mov cr4, eax
	mov cr3, ebx
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME
	test edi, edi
	jz .efer
	or eax, EFER_NXE
.efer:
	wrmsr
	mov eax, CR0_EARLY
	mov cr0, eax

	lea eax, [ebp + gdt - boot_text]
	add eax, boot_text_offset
	push eax
	push word gdt_end - gdt - 1
	lgdt [esp]
	lea eax, [ebp + in_long_mode - boot_text]
	add eax, boot_text_offset
	push dword SEL_CODE64
	push eax
	retf

bits 64
in_long_mode:
	mov eax, SEL_DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	lldt ax
	mov edx, ebp
	mov rcx, boot_vars
	mov rdi, [rcx]
	mov rsi, [rcx + 8]
	mov rsp, boot_stack_top
	xor ebp, ebp ; the end of a frame-pointer walk
	mov rax, boot_handover
	call rax
.halt:
	cli
	hlt
	jmp .halt

; ------------------------------------------------------------------------------ 64-bit entry

; From a 64-bit loader: RDI = magic, RSI = information, a usable stack, an identity map of at least
; the image. Interrupts, if on, are not ours to take.
entry64:
	cli
	cld
	lea rbp, [rel image_start]
	mov ecx, off_boot_vars
	mov [rbp + rcx], rdi
	mov [rbp + rcx + 8], rsi
	mov ecx, off_boot_stack_top
	lea rsp, [rbp + rcx]
	mov rax, cr4
	and eax, CR4_PAE | CR4_LA57 ; PCIDE must be off before paging is, CET before WP is
	mov cr4, rax
	lea rax, [rel gdt]
	push rax
	push word gdt_end - gdt - 1
	lgdt [rsp]
	lea rax, [rel .compatibility]
	push qword SEL_CODE32
	push rax
	retfq
bits 32
.compatibility:
	mov eax, SEL_DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov eax, cr0
	and eax, 0x7fffffff
	mov cr0, eax
	mov ecx, MSR_EFER
	rdmsr
	and eax, ~EFER_LME
	wrmsr
	jmp build_tables

; ------------------------------------------------------------------------------ constants

	align 8
gdt:
	dq 0
	dq 0x00cf9b000000ffff ; SEL_CODE32
	dq 0x00cf93000000ffff ; SEL_DATA
	dq 0x00af9b000000ffff ; SEL_CODE64
gdt_end:

text_no_long_mode:
	db 13, 10, "bulkhead: box off: this processor has no 64-bit mode; "
	db "Bulkhead needs one that has", 13, 10, 0
text_not_multiboot2:
	db 13, 10, "bulkhead: box off: the boot loader did not use multiboot2", 13, 10, 0

; The two sections lie back to back in the image: boot.header is a multiple of 16 long.
section .boot.header
	align 16, db 0
boot_text_offset equ $ - image_start
section .boot.text
boot_text equ $$

; ------------------------------------------------------------------------------ early memory

section .bss.boot nobits alloc noexec write align=4096
boot_tables:
	resb TABLES_BYTES
boot_stack_guard: ; left unmapped
	resb 0x1000
	resb 0x4000
boot_stack_top:
boot_vars: ; magic, address of the information
	resq 2
