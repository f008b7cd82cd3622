; SPDX-License-Identifier: GPL-2.0-only
; Runs an instruction with every general register and the whole FPU state set to known values, and
; stores what they are afterwards. The instruction is a stub that ends in RET.

bits 64
section .text

; struct regs_image: gpr_in[16], gpr_out[16] (encoding order; RSP's slot is unused), stub, flags_in,
; flags_out, xmask; then two XSAVE areas at 512 and 512 + 4096, both of 4096 bytes.
%define IN(n)	[rdi + 8 * n]
%define OUT(n)	[rdi + 128 + 8 * n]

global regs_run			; void regs_run(struct regs_image *image)
regs_run:
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	mov	[regs_image_now], rdi
	mov	rax, [rdi + 256]
	mov	[regs_stub], rax
	mov	eax, [rdi + 280]	; xmask
	xor	edx, edx
	test	eax, eax
	jz	.legacy
	xrstor64 [rdi + 512]
	jmp	.general
.legacy:
	fxrstor64 [rdi + 512]
.general:
	push	qword [rdi + 264]
	popfq
	mov	rax, IN(0)
	mov	rcx, IN(1)
	mov	rdx, IN(2)
	mov	rbx, IN(3)
	mov	rbp, IN(5)
	mov	rsi, IN(6)
	mov	r8, IN(8)
	mov	r9, IN(9)
	mov	r10, IN(10)
	mov	r11, IN(11)
	mov	r12, IN(12)
	mov	r13, IN(13)
	mov	r14, IN(14)
	mov	r15, IN(15)
	mov	rdi, IN(7)
	call	[regs_stub]
	push	rdi
	mov	rdi, [regs_image_now]
	mov	OUT(0), rax
	mov	OUT(1), rcx
	mov	OUT(2), rdx
	mov	OUT(3), rbx
	mov	OUT(5), rbp
	mov	OUT(6), rsi
	mov	OUT(8), r8
	mov	OUT(9), r9
	mov	OUT(10), r10
	mov	OUT(11), r11
	mov	OUT(12), r12
	mov	OUT(13), r13
	mov	OUT(14), r14
	mov	OUT(15), r15
	pop	rax
	mov	OUT(7), rax
	pushfq
	pop	qword [rdi + 272]
	cld
	mov	eax, [rdi + 280]
	xor	edx, edx
	test	eax, eax
	jz	.legacy_out
	xsave64	[rdi + 512 + 4096]
	jmp	.done
.legacy_out:
	fxsave64 [rdi + 512 + 4096]
.done:
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret

; The stubs. Registers that one needs are named in the table of tests/payload/regs.c.
%macro stub 2+
global stub_%1
stub_%1:
	%2
	ret
%endmacro

stub nothing, nop
stub cpuid, cpuid
stub rdmsr, rdmsr
stub wrmsr, wrmsr
stub in8, in al, dx
stub in16, in ax, dx
stub in32, in eax, dx
stub out8, out dx, al
stub out16, out dx, ax
stub out32, out dx, eax
stub hlt, hlt
stub vmmcall, vmmcall
stub vmcall, vmcall
stub wbinvd, wbinvd
stub pause, pause
stub rdtsc, rdtsc
stub mmio_read, mov r8d, [rsi]
stub mmio_write, mov [rsi], r9d
stub mmio_rmw, or dword [rsi], 0
stub cr8, mov cr8, rax
stub xsetbv, xsetbv
stub invlpg, invlpg [rsi]
stub int3, int3

; Long enough for several of the host's ticks; RCX counts.
global stub_spin
stub_spin:
	dec	rcx
	jnz	stub_spin
	ret

; STOSD to MMIO, and INSB, OUTSB to memory.
stub rep_stos_mmio, rep stosd
stub rep_insb, rep insb
stub rep_outsb, rep outsb

section .bss nobits alloc noexec write align=8
regs_image_now:	resq 1
regs_stub:	resq 1
