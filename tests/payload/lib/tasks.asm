; SPDX-License-Identifier: GPL-2.0-only
; From 64-bit mode down to 32-bit protected mode as a hardware task, and up again; the tasks' code. What
; they see on their way goes to tasks_record. tests/payload/tasks.c builds tables and judges.

TASK_RECORD	equ 128
TASK_RECORDS	equ 16

section .bss nobits alloc noexec write align=16
global tasks_in, tasks_record, tasks_next, tasks_target, tasks_back, tasks_trap
record_stack:	resb 256
.end:
; struct tasks_in of tests/payload/tasks/tasks.h
tasks_in:
.gdtr:		resb 8
.idtr:		resb 8
.cr3:		resd 1			; 0: no paging
.cr4:		resd 1
.tr:		resd 1
.esp:		resd 1
.eflags:	resd 1
.entry:		resd 1
tasks_record:	resb TASK_RECORD * TASK_RECORDS
tasks_next:	resd 1			; the next record
tasks_target:	resb 8			; offset, selector: where main_* and task_chain go
tasks_back:	resb 8			; where task_jmp goes
tasks_trap:	resd 1			; the vector that came through an interrupt gate
saved_rbx:	resd 1
saved_cr3:	resq 1
saved_cr4:	resd 1
saved_rsp:	resq 1
saved_gdtr:	resb 16

; Everything that a task sees of itself, at level 0. %1: a flat segment. %2: 1 on a 32-bit stack.
%macro RECORD 2
	mov	[dword %1:saved_rbx], ebx
	mov	ebx, [dword %1:tasks_next]
	mov	[%1:ebx], eax
	mov	[%1:ebx + 4], ecx
	mov	[%1:ebx + 8], edx
	mov	eax, [dword %1:saved_rbx]
	mov	[%1:ebx + 12], eax
	mov	[%1:ebx + 16], esp
	mov	[%1:ebx + 20], ebp
	mov	[%1:ebx + 24], esi
	mov	[%1:ebx + 28], edi
	pushfd
	pop	eax
	mov	[%1:ebx + 32], eax
	xor	eax, eax
	mov	ax, es
	mov	[%1:ebx + 36], eax
	mov	ax, cs
	mov	[%1:ebx + 40], eax
	mov	ax, ss
	mov	[%1:ebx + 44], eax
	mov	ax, ds
	mov	[%1:ebx + 48], eax
	mov	ax, fs
	mov	[%1:ebx + 52], eax
	mov	ax, gs
	mov	[%1:ebx + 56], eax
	str	ax
	mov	[%1:ebx + 60], eax
	sldt	ax
	mov	[%1:ebx + 64], eax
	mov	eax, cr0
	mov	[%1:ebx + 68], eax
	mov	eax, cr2
	mov	[%1:ebx + 72], eax
	mov	eax, cr3
	mov	[%1:ebx + 76], eax
	mov	eax, dr6
	mov	[%1:ebx + 80], eax
	mov	eax, dr7
	mov	[%1:ebx + 84], eax
%if %2
	mov	eax, [ss:esp]
	mov	[%1:ebx + 88], eax
	mov	eax, [ss:esp + 4]
	mov	[%1:ebx + 92], eax
%endif
	add	dword [dword %1:tasks_next], TASK_RECORD
	mov	eax, [%1:ebx]
	mov	ebx, [%1:ebx + 12]
%endmacro

section .text
bits 64
global tasks_enter
tasks_enter:				; void tasks_enter(void); the caller loads its IDT again
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	pushfq
	cli
	mov	[rel saved_rsp], rsp
	mov	rax, cr3
	mov	[rel saved_cr3], rax
	mov	rax, cr4
	mov	[rel saved_cr4], eax
	sgdt	[rel saved_gdtr]
	push	qword 0x18
	push	qword .compat
	retfq
bits 32
.compat:
	mov	eax, 0x10
	mov	ds, ax
	mov	ss, ax
	mov	eax, cr0
	and	eax, 0x7fffffff
	mov	cr0, eax			; out of long mode
	mov	ecx, 0xc0000080
	rdmsr
	and	eax, ~0x100
	wrmsr
	mov	eax, [tasks_in.cr4]
	mov	cr4, eax
	lgdt	[tasks_in.gdtr]
	lidt	[tasks_in.idtr]
	jmp	0x18:.tables
.tables:
	mov	eax, 0x10
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	fs, ax
	mov	gs, ax
	mov	eax, [tasks_in.cr3]
	test	eax, eax
	jz	.flat
	mov	cr3, eax
	mov	eax, cr0
	or	eax, 0x80000000
	mov	cr0, eax
.flat:	ltr	[tasks_in.tr]
	mov	esp, [tasks_in.esp]
	push	dword [tasks_in.eflags]
	popfd
	mov	eax, 0xa0a0a0a0
	mov	ecx, 0xa1a1a1a1
	mov	edx, 0xa2a2a2a2
	mov	ebx, 0xa3a3a3a3
	mov	ebp, 0xa5a5a5a5
	mov	esi, 0xa6a6a6a6
	mov	edi, 0xa7a7a7a7
	jmp	[tasks_in.entry]

; Back to 64-bit mode, out of any task of level 0.
tasks_leave:
	mov	eax, 0x10
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	fs, ax
	mov	gs, ax
	mov	esp, record_stack.end
	push	dword 2
	popfd
	clts
	mov	eax, cr0
	and	eax, 0x7fffffff
	mov	cr0, eax
	mov	eax, [saved_cr4]
	mov	cr4, eax
	mov	eax, [saved_cr3]
	mov	cr3, eax
	mov	ecx, 0xc0000080
	rdmsr
	or	eax, 0x100
	wrmsr
	xor	eax, eax
	mov	dr7, eax
	lldt	ax
	lgdt	[saved_gdtr]
	mov	eax, cr0
	or	eax, 0x80000000
	mov	cr0, eax
	jmp	0x08:.long
bits 64
extern boot_gdt
.long:	and	byte [boot_gdt + 0x45], ~2	; 64-bit mode's own TSS
	mov	eax, 0x40
	ltr	ax
	mov	rsp, [rel saved_rsp]
	popfq
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret

bits 32
; What the first task does, and then records itself.
%macro main 1
global main_%1, main_%1_next
main_%1:
%endmacro
%macro main_end 1
main_%1_next:
	jmp	main_end_common
%endmacro
main call
	call	far [tasks_target]
main_end call
main jmp
	jmp	far [tasks_target]
main_end jmp
main int
	int	0x40
main_end int
main int3
	int3
main_end int3
main into
	mov	al, 0x7f
	inc	al				; OF
	into
main_end into
main iret
	iret
main_end iret
main ud
	ud2
main_end ud
main gp
	mov	fs, [tasks_target + 4]
main_end gp
main read
	call	far [tasks_target]
	mov	eax, [0x40000000]
main_end read
main pf
	mov	eax, [0x50000000]
main_end pf
main hlt
	sti
	hlt
main_end hlt
; Two NMIs, one after the other: the second comes only when the first one's IRET has unblocked them.
main nmi
	mov	esi, 2
.again:	mov	edi, [tasks_next]
	mov	dword [0xfee00300], 0x4400
	mov	ecx, 1000000
.wait:	cmp	[tasks_next], edi
	jne	.got
	dec	ecx
	jnz	.wait
.got:	dec	esi
	jnz	.again
main_end nmi
main_end_common:
	RECORD	ss, 1
	jmp	tasks_leave

; Tasks that others switch to.
%macro task 1
global task_%1
task_%1:
%endmacro
task iret
	RECORD	ss, 1
	iret
	jmp	task_iret
task jmp
	RECORD	ss, 1
	jmp	far [ss:tasks_back]
	jmp	task_jmp
task chain
	RECORD	ss, 1
	call	far [ss:tasks_target]
	RECORD	ss, 1
	iret
	jmp	task_chain
task leave
	RECORD	ss, 1
	jmp	tasks_leave
task load
	mov	eax, [0]			; of DS, whatever that is
	jmp	task_iret
task read
	mov	eax, [ss:0x40000000]
	jmp	task_iret
task eoi
	mov	al, 0x20
	out	0x20, al
	jmp	task_iret
task user
	int	0x41
	jmp	task_user
bits 16
global tasks16, tasks16_end, task16_iret, task16_v86
tasks16:
task16_iret:
	RECORD	ds, 0
	iret
	jmp	task16_iret
task16_v86:
	int	0x41
	jmp	task16_v86
tasks16_end:

bits 32
; Exceptions through interrupt gates, at level 0: the vector, and a record with what was pushed.
trap_gate_end:
	RECORD	ss, 1
	jmp	tasks_leave
%assign v 0
%rep 32
trap_gate_ %+ v:
	mov	dword [ss:tasks_trap], v
	jmp	trap_gate_end
%assign v v + 1
%endrep

section .rodata
global tasks_trap_gates
align 4
tasks_trap_gates:
%assign v 0
%rep 32
	dd	trap_gate_ %+ v
%assign v v + 1
%endrep
