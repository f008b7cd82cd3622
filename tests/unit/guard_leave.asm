; SPDX-License-Identifier: GPL-2.0-only
; The macro on the way to ring 3, as a function: void guard_leave(void).

bits 64
section .text
%include "arch/gs.inc"
extern verw_selector

global guard_leave:function
guard_leave:
	GUARD_LEAVE rax
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
