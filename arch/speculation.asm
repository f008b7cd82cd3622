; SPDX-License-Identifier: GPL-2.0-only
; What the kernel's indirect branches and returns are predicted by. The thunks are what compilers call
; with -mindirect-branch=thunk-extern or -mretpoline-external-thunk: as linked, a plain jump; after
; retpolines_on() the code below them. [Intel "Retpoline: A Branch Target Injection Mitigation"]

bits 64
section .text

%define THUNK_BYTES 32

%macro each 1 ; a macro of one register
%assign n 0
	%1 rax
	%1 rcx
	%1 rdx
	%1 rbx
	%1 rbp
	%1 rsi
	%1 rdi
	%1 r8
	%1 r9
	%1 r10
	%1 r11
	%1 r12
	%1 r13
	%1 r14
	%1 r15
%endmacro

%macro plain 1
	align THUNK_BYTES, db 0xcc
global __x86_indirect_thunk_%1
__x86_indirect_thunk_%1:
	jmp %1
%endmacro

; The return is predicted to go into the loop, which is where speculation stays.
%macro retpoline 1
	align THUNK_BYTES, db 0xcc
	call %%set
%%trap:
	pause
	lfence
	jmp %%trap
%%set:
	mov [rsp], %1
	ret
%endmacro

global indirect_thunks
align THUNK_BYTES, db 0xcc
indirect_thunks:
	each plain
	align THUNK_BYTES, db 0xcc

; void rsb_fill(void): 32 entries, the most that a processor has. Not a loop: it runs after each exit.
; Changes flags only.
global rsb_fill:function
rsb_fill:
%rep 32
	call $ + 6 ; behind the INT3, where speculation of a return stops
	int3
%endrep
	add rsp, 32 * 8
	lfence ; no return before the stack is what it shall be
	ret

section .rodata
global indirect_retpolines, indirect_retpolines_end
align THUNK_BYTES
indirect_retpolines:
	each retpoline
	align THUNK_BYTES, db 0xcc
indirect_retpolines_end:

section .note.GNU-stack noalloc noexec nowrite progbits
