/* SPDX-License-Identifier: GPL-2.0-only */
/* Native execution for emul_native_test.c. Apart because its system headers clash with the ABI's. */
#include "tests/unit/emul_native.h"
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

void native_enter(void);
void native_leave(void);
extern const uint8_t native_exit64[], native_tail64[], native_exit32[], native_exit16[];
extern const uint8_t native_exit_end[];

/* clang-format off */
__asm__(
"	.text\n"
"	.globl native_enter\n"
"native_enter:\n"
"	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
"	mov %rsp, 0x10008088\n"
"	cmpl $0, 0x100080c0\n	je 1f\n"
"	.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
"	vmovdqu 0x10008100+32*\\n, %ymm\\n\n"
"	.endr\n	jmp 2f\n1:\n"
"	.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
"	movups 0x10008100+32*\\n, %xmm\\n\n"
"	.endr\n2:\n"
"	mov 0x100080b4, %eax\n	mov %eax, %ds\n	mov %eax, %es\n"
"	pushq 0x10008080\n	popfq\n"
"	mov 0x100080b0, %eax\n	mov %eax, %ss\n"
"	mov 0x10008000, %rax\n	mov 0x10008008, %rcx\n	mov 0x10008010, %rdx\n"
"	mov 0x10008018, %rbx\n	mov 0x10008028, %rbp\n	mov 0x10008030, %rsi\n"
"	mov 0x10008038, %rdi\n	mov 0x10008040, %r8\n	mov 0x10008048, %r9\n"
"	mov 0x10008050, %r10\n	mov 0x10008058, %r11\n	mov 0x10008060, %r12\n"
"	mov 0x10008068, %r13\n	mov 0x10008070, %r14\n	mov 0x10008078, %r15\n"
"	mov 0x10008020, %rsp\n"
"	ljmp *0x10008090\n"
"	.globl native_leave\n"
"native_leave:\n"
"	cld\n"
"	cmpl $0, 0x100080c0\n	je 1f\n"
"	.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
"	vmovdqu %ymm\\n, 0x10008300+32*\\n\n"
"	.endr\n	vzeroupper\n	jmp 2f\n1:\n"
"	.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
"	movups %xmm\\n, 0x10008300+32*\\n\n"
"	.endr\n2:\n"
"	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbp\n	pop %rbx\n	ret\n"
/* The stubs are copied into the window: they name no address but the window's. */
"	.section .rodata\n"
"	.globl native_exit64, native_tail64, native_exit32, native_exit16, native_exit_end\n"
"native_exit64:\n"
"	mov %rax, 0x10008000\n	mov %rcx, 0x10008008\n	mov %rdx, 0x10008010\n"
"	mov %rbx, 0x10008018\n	mov %rsp, 0x10008020\n	mov %rbp, 0x10008028\n"
"	mov %rsi, 0x10008030\n	mov %rdi, 0x10008038\n	mov %r8, 0x10008040\n"
"	mov %r9, 0x10008048\n	mov %r10, 0x10008050\n	mov %r11, 0x10008058\n"
"	mov %r12, 0x10008060\n	mov %r13, 0x10008068\n	mov %r14, 0x10008070\n"
"	mov %r15, 0x10008078\n"
"native_tail64:\n"
"	mov $0x2b, %eax\n	mov %eax, %ss\n"
"	mov 0x10008088, %rsp\n"
"	pushfq\n	popq 0x10008080\n"
"	jmp *0x100080d0\n"
"native_exit32:\n"
"	.code32\n"
"	mov %eax, 0x10008000\n	mov %ecx, 0x10008008\n	mov %edx, 0x10008010\n"
"	mov %ebx, 0x10008018\n	mov %esp, 0x10008020\n	mov %ebp, 0x10008028\n"
"	mov %esi, 0x10008030\n	mov %edi, 0x10008038\n"
"	ljmp *0x100080e0\n"
"native_exit16:\n"
"	.code16\n"
"	mov %eax, 0x8000\n	mov %ecx, 0x8008\n	mov %edx, 0x8010\n"
"	mov %ebx, 0x8018\n	mov %esp, 0x8020\n	mov %ebp, 0x8028\n"
"	mov %esi, 0x8030\n	mov %edi, 0x8038\n"
"	ljmpl *0x80e0\n"
"native_exit_end:\n"
"	.code64\n"
"	.text\n");
/* clang-format on */

static sigjmp_buf native_jump;
static struct native_result *native_out;

static void native_signal(int signal, siginfo_t *info, void *context)
{
	static const uint8_t order[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
					   REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
					   REG_R12, REG_R13, REG_R14, REG_R15 };
	const greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)signal;
	(void)info;
	if (native_out == NULL)
		_exit(99);
	native_out->fault = true;
	native_out->vector = (uint8_t)g[REG_TRAPNO];
	native_out->error = (uint32_t)g[REG_ERR];
	native_out->cr2 = (uint64_t)g[REG_CR2];
	native_out->flags = (uint64_t)g[REG_EFL];
	native_out->rip = (uint64_t)g[REG_RIP];
	for (unsigned n = 0; n < 16; n++)
		native_out->gpr[n] = (uint64_t)g[order[n]];
	siglongjmp(native_jump, 1);
}

static uint16_t native_ldt(unsigned entry, bool code)
{
	struct user_desc d = { .entry_number = entry, .base_addr = WINDOW, .limit = 0xffff,
			       .seg_32bit = !code, .contents = code ? 2 : 0, .useable = 1 };

	return syscall(SYS_modify_ldt, 1, &d, sizeof d) == 0 ? (uint16_t)(entry << 3 | 7) : 0;
}

uint16_t native_cs16, native_ds16;

bool native_setup(bool avx)
{
	struct sigaction sa = { .sa_sigaction = native_signal,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	static uint8_t stack[65536];
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof stack };
	static const int signals[] = { SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGTRAP };
	uint32_t tail[2] = { (uint32_t)(WINDOW + W_STUBS), 0x33 };
	void *w = mmap((void *)WINDOW, 0x10000, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (w != (void *)WINDOW)
		return false;
	munmap((void *)(WINDOW + W_HOLE), 0x1000);
	memset((void *)(WINDOW + W_READONLY), 0, 0x1000); /* or a fault would be of an absent page */
	mprotect((void *)(WINDOW + W_READONLY), 0x1000, PROT_READ);
	sigaltstack(&alt, NULL);
	for (unsigned n = 0; n < sizeof signals / sizeof signals[0]; n++)
		sigaction(signals[n], &sa, NULL);
	memcpy((void *)(WINDOW + W_STUBS), native_exit64, (size_t)(native_exit32 - native_exit64));
	memcpy((void *)(WINDOW + W_STUBS + 0x400), native_exit32,
	       (size_t)(native_exit16 - native_exit32));
	memcpy((void *)(WINDOW + W_STUBS + 0x800), native_exit16,
	       (size_t)(native_exit_end - native_exit16));
	tail[0] += (uint32_t)(native_tail64 - native_exit64);
	memcpy((uint8_t *)NATIVE + 0xe0, tail, sizeof tail);
	NATIVE->leave = native_leave;
	NATIVE->avx = avx;
	native_cs16 = native_ldt(0, true);
	native_ds16 = native_ldt(1, false);
	return syscall(SYS_arch_prctl, ARCH_SET_GS, GS_BASE) == 0;
}

void native_run(unsigned bits, const uint64_t gpr[16], uint64_t flags, const uint8_t vec[16][32],
		struct native_result *out)
{
	struct native_state *s = NATIVE;

	memset(out, 0, sizeof *out);
	memcpy(s->gpr, gpr, sizeof s->gpr);
	memcpy(s->in, vec, sizeof s->in);
	s->flags = flags;
	s->entry = (uint32_t)(bits == 16 ? W_CODE : WINDOW + W_CODE);
	s->entry_cs = bits == 64 ? 0x33 : bits == 32 ? 0x23 : native_cs16;
	s->ss = s->ds = bits == 16 ? native_ds16 : 0x2b;
	native_out = out;
	if (sigsetjmp(native_jump, 0) == 0) {
		native_enter();
		memcpy(out->gpr, s->gpr, sizeof out->gpr);
		memcpy(out->vec, s->out, sizeof out->vec);
		out->flags = s->flags;
	}
	native_out = NULL;
}
