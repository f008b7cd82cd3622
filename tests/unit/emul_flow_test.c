/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: guests/emul/walk.c guests/emul/memory.c guests/emul/decode.c guests/emul/alu.c guests/emul/muldiv.c guests/emul/execute.c guests/emul/state.c guests/emul/string.c guests/emul/stack.c guests/emul/segment.c guests/emul/vector.c guests/emul/table.c */
/*
 * The emulator, by hand: repeats and their budget, port strings and permissions, single step,
 * interrupt shadows, the stack, locked operands that others race for, and events.
 */
#include "tests/unit/emul_world.h"

static void long_mode(unsigned cpl)
{
	world_long(cpl, false);
	world_map_usual(PTE_P | PTE_W | PTE_U);
	w.r.gpr[GPR_RBX] = 0x50010;
	w.r.gpr[GPR_RSI] = W_DATA;
	w.r.gpr[GPR_RDI] = 0x50000;
}

/* ------------------------------------------------------------------ repeats */

static void repeat_budget(void)
{
	long_mode(0);
	w.e.budget = 5;
	w.r.gpr[GPR_RCX] = 12;
	w.r.shadow = SHADOW_STI;
	CHECK_EQ(world_step("f3 ab"), EMUL_AGAIN);
	CHECK_EQ(w.logged, 5);
	CHECK_EQ(w.r.gpr[GPR_RCX], 7);
	CHECK_EQ(w.r.gpr[GPR_RDI], 0x50014);
	CHECK_EQ(w.r.rip, W_CODE);
	CHECK_EQ(w.r.shadow, 0); /* an interrupt may be taken between iterations */
	CHECK_EQ(w.e.changed, REG_GPR | REG_RIP);
	CHECK_EQ(emul_step(&w.e), EMUL_AGAIN);
	CHECK_EQ(emul_step(&w.e), EMUL_OK);
	CHECK_EQ(w.logged, 12);
	CHECK_EQ(w.r.rip, W_CODE + 2);
	CHECK_EQ(w.log[11].at, W_MMIO + 44);
	/* exactly the budget is not too much */
	w.r.rip = W_CODE;
	w.r.gpr[GPR_RCX] = 5;
	CHECK_EQ(emul_step(&w.e), EMUL_OK);
	/* and none at all does nothing, even where nothing is mapped */
	w.r.rip = W_CODE;
	w.r.gpr[GPR_RDI] = 0x999000;
	CHECK_EQ(emul_step(&w.e), EMUL_OK);
	CHECK_EQ(w.r.gpr[GPR_RDI], 0x999000);
}

static void repeat_that_faults(void)
{
	long_mode(0);
	w.r.gpr[GPR_RCX] = 8;
	w.r.gpr[GPR_RDI] = 0x50ff0;
	CHECK_FAULT(world_step("f3 a5"), VECTOR_PF, PF_WRITE);
	CHECK_EQ(w.e.fault.cr2, 0x51000);
	CHECK_EQ(w.logged, 4);
	CHECK_EQ(w.r.gpr[GPR_RCX], 4);
	CHECK_EQ(w.r.gpr[GPR_RSI], W_DATA + 16);
	CHECK_EQ(w.r.gpr[GPR_RDI], 0x51000);
	CHECK_EQ(w.r.rip, W_CODE);
	CHECK_EQ(w.e.changed & REG_GPR, REG_GPR);
}

/* The destination is checked before the source is read: reading a device may not be undone. */
static void no_read_before_a_fault(void)
{
	long_mode(0);
	w.r.gpr[GPR_RSI] = 0x50000;
	w.r.gpr[GPR_RDI] = 0x60000;
	CHECK_FAULT(world_step("a4"), VECTOR_PF, PF_WRITE);
	CHECK_EQ(w.logged, 0);
	w.r.gpr[GPR_RSP] = 0x50100;
	w.r.gpr[GPR_RBX] = 0x60000;
	CHECK_FAULT(world_step("8f 03"), VECTOR_PF, PF_WRITE);
	CHECK_EQ(w.logged, 0);
	w.r.gpr[GPR_RDX] = 0x60;
	CHECK_FAULT(world_step("6c"), VECTOR_PF, PF_WRITE);
	CHECK_EQ(w.logged, 0);
}

static void repeats_wrap_by_address_size(void)
{
	world_real();
	w.r.gpr[GPR_RSI] = 0xaaaaffff;
	w.r.gpr[GPR_RCX] = 0xbbbb0002;
	world_ram[0xffff] = 1;
	world_ram[0] = 2;
	CHECK_EQ(world_step("f3 ac"), EMUL_OK);
	CHECK_EQ(w.r.gpr[GPR_RSI], 0xaaaa0001);
	CHECK_EQ(w.r.gpr[GPR_RCX], 0xbbbb0000);
	CHECK_EQ(w.r.gpr[GPR_RAX] & 0xff, 2);
	w.r.rip = W_CODE;
	w.r.rflags |= RFLAGS_DF;
	w.r.gpr[GPR_RSI] = 0xaaaa0000;
	CHECK_EQ(world_step("ac"), EMUL_OK);
	CHECK_EQ(w.r.gpr[GPR_RSI], 0xaaaaffff);
}

static void compares_stop(void)
{
	long_mode(0);
	w.mmio_value = 0x7777;
	w.r.gpr[GPR_RAX] = 0x77;
	w.r.gpr[GPR_RCX] = 9;
	CHECK_EQ(world_step("f2 ae"), EMUL_OK); /* REPNE SCASB finds it at once */
	CHECK_EQ(w.r.gpr[GPR_RCX], 8);
	CHECK(w.r.rflags & RFLAGS_ZF);
	w.r.rip = W_CODE;
	w.r.gpr[GPR_RAX] = 0x78;
	CHECK_EQ(world_step("f3 ae"), EMUL_OK);
	CHECK_EQ(w.r.gpr[GPR_RCX], 7);
	CHECK(!(w.r.rflags & RFLAGS_ZF));
}

/* ------------------------------------------------------------------ ports */

static void port_strings(void)
{
	world_real();
	w.r.gpr[GPR_RDX] = 0x1f0;
	w.r.gpr[GPR_RCX] = 3;
	w.r.gpr[GPR_RDI] = 0x4000;
	w.mmio_value = 0xa001;
	CHECK_EQ(world_step("f3 6d"), EMUL_OK);
	CHECK_EQ(w.logged, 3);
	CHECK_EQ(w.log[0].bytes, 2);
	CHECK_EQ(w.log[0].at, 0x1f0);
	CHECK_EQ(world_get(0x4000, 6), 0xa003a002a001);
	w.r.rip = W_CODE;
	w.r.gpr[GPR_RSI] = 0x4002;
	CHECK_EQ(world_step("66 6f"), EMUL_OK);
	CHECK_EQ(w.log[0].value, 0xa003a002);
	CHECK_EQ(w.log[0].bytes, 4);
	CHECK_EQ(w.log[0].write, 1);
	CHECK_EQ(w.r.gpr[GPR_RSI], 0x4006);
	/* in 64-bit mode REX.W makes no 8-byte port of it */
	long_mode(0);
	w.r.gpr[GPR_RDI] = W_DATA;
	CHECK_EQ(world_step("48 6d"), EMUL_OK);
	CHECK_EQ(w.log[0].bytes, 4);
	CHECK_EQ(w.r.gpr[GPR_RDI], W_DATA + 4);
}

static enum emul_result out_string(unsigned port)
{
	w.r.rip = W_CODE;
	w.r.gpr[GPR_RDX] = port;
	w.r.gpr[GPR_RSI] = W_DATA;
	return world_step("6f");
}

static void port_permissions(void)
{
	world_protected(3);
	world_put(W_TSS + 0x66, 0x68, 2);
	memset(world_ram + W_TSS + 0x68, 0xff, 0x100);
	world_ram[W_TSS + 0x68 + 0x60 / 8] = 0xf0; /* 0x60 to 0x63 */
	CHECK_EQ(out_string(0x60), EMUL_OK);
	CHECK_FAULT(out_string(0x61), VECTOR_GP, 0); /* the fourth byte is 0x64 */
	CHECK_EQ(w.logged, 0);
	CHECK_FAULT(out_string(0x3f8), VECTOR_GP, 0);
	world_ram[W_TSS + 0x68 + 0xff] = 0;
	CHECK_FAULT(out_string(0x7f8), VECTOR_GP, 0); /* two bytes are read: one is beyond */
	world_put(W_TSS + 0x66, 0xffff, 2);
	CHECK_FAULT(out_string(0x60), VECTOR_GP, 0);
	w.r.rflags |= RFLAGS_IOPL;
	CHECK_EQ(out_string(0x60), EMUL_OK);
	w.r.rflags |= RFLAGS_VM; /* IOPL says nothing there */
	for (unsigned n = 0; n < SEG_COUNT; n++)
		w.r.seg[n].limit = 0xffffffff;
	CHECK_FAULT(out_string(0x60), VECTOR_GP, 0);
	w.r.rflags &= ~(RFLAGS_VM | RFLAGS_IOPL);
	world_put(W_TSS + 0x66, 0x68, 2);
	w.r.tr.attr = 0x83; /* a 16-bit TSS has no bitmap */
	CHECK_FAULT(out_string(0x60), VECTOR_GP, 0);
	world_protected(0);
	CHECK_EQ(out_string(0x60), EMUL_OK);
}

/* ------------------------------------------------------------------ flow */

static void single_step(void)
{
	long_mode(0);
	w.r.rflags |= RFLAGS_TF | RFLAGS_RF;
	CHECK_FAULT(world_step("8b 03"), VECTOR_DB, 0);
	CHECK_EQ(w.r.rip, W_CODE + 2);
	CHECK_EQ(w.r.gpr[GPR_RAX], 0x44332211);
	CHECK_EQ(w.r.rflags & RFLAGS_RF, 0);
	CHECK_EQ(w.r.dr6 & DR6_BS, DR6_BS);
	CHECK_EQ(w.e.changed & REG_DR, REG_DR);
	emul_fault_post(&w.e);
	CHECK_EQ(w.r.rflags & RFLAGS_RF, 0); /* a trap */
	CHECK_EQ(w.r.event_has_error, 0);
	/* a repeat traps after each iteration, with RF set until the last */
	w.r.rip = W_CODE;
	w.r.gpr[GPR_RCX] = 2;
	CHECK_FAULT(world_step("f3 ab"), VECTOR_DB, 0);
	CHECK_EQ(w.r.rip, W_CODE);
	CHECK_EQ(w.r.gpr[GPR_RCX], 1);
	CHECK_EQ(w.r.rflags & RFLAGS_RF, RFLAGS_RF);
	CHECK_FAULT(emul_step(&w.e), VECTOR_DB, 0);
	CHECK_EQ(w.r.rip, W_CODE + 2);
	CHECK_EQ(w.r.rflags & RFLAGS_RF, 0);
	/* a fault comes instead of the trap */
	w.r.rip = W_CODE;
	w.r.gpr[GPR_RBX] = 0x60000;
	CHECK_FAULT(world_step("8b 03"), VECTOR_PF, 0);
}

static void shadows(void)
{
	long_mode(0);
	w.r.shadow = SHADOW_STI;
	CHECK_EQ(world_step("8b 03"), EMUL_OK);
	CHECK_EQ(w.r.shadow, 0);
	world_real();
	w.r.gpr[GPR_RBX] = 0x4000;
	CHECK_EQ(world_step("8e 17"), EMUL_OK);
	CHECK_EQ(w.r.shadow, SHADOW_MOV_SS);
	w.r.rip = W_CODE;
	CHECK_EQ(world_step("8e 1f"), EMUL_OK); /* only SS has one */
	CHECK_EQ(w.r.shadow, 0);
	w.r.shadow = SHADOW_MOV_SS; /* a fault leaves it for the handler's delivery */
	w.r.rip = W_CODE;
	w.r.gpr[GPR_RBX] = 0xffff;
	CHECK_EQ(world_step("8b 07"), EMUL_FAULT);
	CHECK_EQ(w.r.shadow, SHADOW_MOV_SS);
}

static void stack(void)
{
	long_mode(0);
	w.r.gpr[GPR_RSP] = 0x50100;
	w.r.gpr[GPR_RBX] = W_DATA;
	world_put(W_DATA, 0x1122334455667788, 8);
	CHECK_EQ(world_step("ff 33"), EMUL_OK);
	CHECK_EQ(w.r.gpr[GPR_RSP], 0x500f8);
	CHECK_EQ(w.log[0].value, 0x1122334455667788);
	w.r.rip = W_CODE;
	CHECK_EQ(world_step("66 ff 33"), EMUL_OK);
	CHECK_EQ(w.r.gpr[GPR_RSP], 0x500f6);
	CHECK_EQ(w.log[0].value, 0x7788);
	/* POP counts RSP in the address after the increment */
	long_mode(0);
	w.r.gpr[GPR_RSP] = W_DATA;
	world_put(W_DATA, 0xabcdef, 8);
	CHECK_EQ(world_step("8f 44 24 10"), EMUL_OK);
	CHECK_EQ(world_get(W_DATA + 0x18, 8), 0xabcdef);
	CHECK_EQ(w.r.gpr[GPR_RSP], W_DATA + 8);
	/* CALL through a device register */
	w.mmio_value = 0x12340;
	w.r.rip = W_CODE;
	CHECK_EQ(world_step("ff 13"), EMUL_OK);
	CHECK_EQ(w.r.rip, 0x12340);
	CHECK_EQ(world_get(W_DATA, 8), W_CODE + 2);
	w.r.rip = W_CODE;
	w.mmio_value = 1ULL << 62;
	CHECK_FAULT(world_step("ff 23"), VECTOR_GP, 0); /* not canonical */
	CHECK_FAULT(world_step("ff 13"), VECTOR_GP, 0);
	CHECK_EQ(w.r.gpr[GPR_RSP], W_DATA);
	/* a 16-bit stack wraps in SP */
	world_protected(0);
	w.r.seg[SEG_SS].attr &= 0x3ff;
	w.r.gpr[GPR_RSP] = 0x55550000;
	w.r.gpr[GPR_RBX] = W_DATA;
	CHECK_EQ(world_step("ff 33"), EMUL_OK);
	CHECK_EQ(w.r.gpr[GPR_RSP], 0x5555fffc);
	w.r.seg[SEG_CS].limit = 0x8000;
	world_put(W_DATA, 0x9000, 4);
	w.r.rip = W_CODE;
	CHECK_FAULT(world_step("ff 23"), VECTOR_GP, 0);
}

/* ------------------------------------------------------------------ locked operands */

static void lost_races_are_run_again(void)
{
	long_mode(0);
	w.r.gpr[GPR_RBX] = W_DATA;
	world_put(W_DATA, 0x10, 4);
	CHECK_EQ(world_step("8b 03"), EMUL_OK); /* marks the page: no more races there */
	w.r.rip = W_CODE;
	CHECK_EQ(world_step("89 03"), EMUL_OK);
	world_put(W_DATA, 0x10, 4);
	w.r.rip = W_CODE;
	w.races = 3; /* the other flips bit 9 each time: it ends up set */
	CHECK_EQ(world_step("f0 ff 03"), EMUL_OK);
	CHECK_EQ(world_get(W_DATA, 4), 0x211);
	w.r.rip = W_CODE;
	w.races = 1000;
	w.r.gpr[GPR_RAX] = 5;
	CHECK_EQ(world_step("87 03"), EMUL_AGAIN);
	CHECK_EQ(w.r.gpr[GPR_RAX], 5);
	CHECK_EQ(w.r.rip, W_CODE);
	CHECK(w.races > 900);
	w.races = 1;
	world_put(W_DATA, 0x11, 8);
	w.r.gpr[GPR_RAX] = 0x11;
	w.r.gpr[GPR_RDX] = 0;
	CHECK_EQ(world_step("f0 0f c7 0b"), EMUL_OK); /* differs by then */
	CHECK_EQ(w.r.gpr[GPR_RAX], 0x211);
	CHECK(!(w.r.rflags & RFLAGS_ZF));
}

static void compare_exchange_16_bytes(void)
{
	long_mode(0);
	w.r.gpr[GPR_RBX] = W_DATA;
	w.r.gpr[GPR_RSI] = W_DATA;
	world_put(W_DATA, 1, 8);
	world_put(W_DATA + 8, 2, 8);
	w.r.gpr[GPR_RAX] = 1;
	w.r.gpr[GPR_RDX] = 2;
	w.r.gpr[GPR_RCX] = 4;
	CHECK_EQ(world_step("f0 48 0f c7 0e"), EMUL_OK);
	CHECK(w.r.rflags & RFLAGS_ZF);
	CHECK_EQ(world_get(W_DATA, 8), W_DATA);
	CHECK_EQ(world_get(W_DATA + 8, 8), 4);
	w.r.rip = W_CODE;
	CHECK_EQ(world_step("f0 48 0f c7 0e"), EMUL_OK);
	CHECK(!(w.r.rflags & RFLAGS_ZF));
	CHECK_EQ(w.r.gpr[GPR_RDX], 4);
	w.r.rip = W_CODE;
	w.r.gpr[GPR_RSI] = 0x50000; /* a device: two reads, two writes */
	CHECK_EQ(world_step("48 0f c7 0e"), EMUL_OK);
	CHECK_EQ(w.logged, 4);
}

static void bit_offsets_reach_far(void)
{
	long_mode(0);
	w.r.gpr[GPR_RAX] = 64 * 3 + 5;
	CHECK_EQ(world_step("48 0f ab 03"), EMUL_OK);
	CHECK_EQ(w.log[0].at, W_MMIO + 0x10 + 24);
	CHECK_EQ(w.log[1].value, w.log[0].value | 1 << 5);
	w.r.rip = W_CODE;
	w.r.gpr[GPR_RAX] = (uint64_t)-1;
	CHECK_EQ(world_step("0f b3 03"), EMUL_OK);
	CHECK_EQ(w.log[0].at, W_MMIO + 0x10 - 4);
	CHECK_EQ(w.log[1].value, w.log[0].value & 0x7fffffff);
	w.r.rip = W_CODE;
	CHECK_EQ(world_step("0f ba 33 ff"), EMUL_OK); /* an immediate stays inside */
	CHECK_EQ(w.log[0].at, W_MMIO + 0x10);
}

static void faults_become_events(void)
{
	long_mode(3);
	w.r.gpr[GPR_RBX] = 0x60008;
	CHECK_FAULT(world_step("8b 03"), VECTOR_PF, PF_USER);
	w.e.changed = 0;
	emul_fault_post(&w.e);
	CHECK_EQ(w.r.event_type, EVENT_EXCEPTION);
	CHECK_EQ(w.r.event_vector, VECTOR_PF);
	CHECK_EQ(w.r.event_has_error, 1);
	CHECK_EQ(w.r.event_error, PF_USER);
	CHECK_EQ(w.r.cr2, 0x60008);
	CHECK_EQ(w.r.rflags & RFLAGS_RF, RFLAGS_RF);
	CHECK_EQ(w.e.changed, REG_EVENT | REG_CR | REG_RIP);
	/* division by a device register that reads zero */
	w.r.gpr[GPR_RBX] = 0x50000;
	w.mmio_value = 0;
	CHECK_FAULT(world_step("f7 33"), VECTOR_DE, 0);
	CHECK_EQ(w.e.fault.has_error, 0);
	w.e.changed = 0;
	emul_fault_post(&w.e);
	CHECK_EQ(w.e.changed, REG_EVENT | REG_RIP);
}

int main(void)
{
	RUN(repeat_budget);
	RUN(repeat_that_faults);
	RUN(no_read_before_a_fault);
	RUN(repeats_wrap_by_address_size);
	RUN(compares_stop);
	RUN(port_strings);
	RUN(port_permissions);
	RUN(single_step);
	RUN(shadows);
	RUN(stack);
	RUN(lost_races_are_run_again);
	RUN(compare_exchange_16_bytes);
	RUN(bit_offsets_reach_far);
	RUN(faults_become_events);
	return unit_status();
}
