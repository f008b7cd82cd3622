/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: tests/unit/emul_native.c tests/unit/emul_native_make.c tests/unit/emul_native_judge.c guests/emul/walk.c guests/emul/memory.c guests/emul/decode.c guests/emul/alu.c guests/emul/muldiv.c guests/emul/execute.c guests/emul/state.c guests/emul/string.c guests/emul/stack.c guests/emul/segment.c guests/emul/vector.c guests/emul/table.c */
/*
 * The emulator against the processor: each row of the opcode table x prefix x size x ModRM class, in
 * 64-, 32- and 16-bit code, runs natively and in the emulator, once on RAM and once on MMIO, from
 * the same random state. Registers, flags but the undefined ones, memory and exceptions must agree.
 * Not here: what needs ring 0 (see emul_step_test.c).
 */
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/emul_native_case.h"

static unsigned long ran, faulted, rows, skipped;
static unsigned long ran_by_bits[3];
static unsigned rounds = 1; /* of random states for each combination; the argument */

static void run(struct native_case *t, int ext)
{
	uint8_t *code = (uint8_t *)WINDOW + W_CODE;
	int32_t jump;
	struct native_result n;
	uint32_t stub = t->bits == 64 ? 0 : t->bits == 32 ? 0x400 : 0x800;

	if (!case_build(t, ext) || ((t->op->flags & OP_BRANCH) && !case_build_branch(t)) ||
	    case_undefined(t)) {
		skipped++;
		return;
	}
	memcpy(code, t->code, t->length);
	jump = (int32_t)(W_STUBS + stub - W_CODE - t->length - (t->bits == 16 ? 6 : 5));
	if (t->bits == 16)
		code[t->length] = 0x66;
	code[t->length + (t->bits == 16)] = 0xe9;
	memcpy(code + t->length + (t->bits == 16) + 1, &jump, 4);
	memcpy((void *)(WINDOW + W_DATA), case_operands, 0x2000);
	native_run(t->bits, t->gpr, t->flags, (const uint8_t(*)[32])t->vec, &n);
	ran++;
	ran_by_bits[t->bits == 64 ? 2 : t->bits == 32]++;
	faulted += n.fault;
	case_emulate(t, &n, false);
	case_emulate(t, &n, true);
}

static bool has_avx, has_movbe, has_lzcnt, has_bmi, has_clwb, has_clflushopt, has_sse41;

static void host_features(void)
{
	unsigned a, b, c, d;

	__cpuid(1, a, b, c, d);
	has_movbe = c & bit_MOVBE;
	has_sse41 = c & bit_SSE4_1;
	has_avx = (c & bit_AVX) && (c & bit_OSXSAVE);
	__cpuid(0x80000001, a, b, c, d);
	has_lzcnt = c & bit_LZCNT;
	__cpuid_count(7, 0, a, b, c, d);
	has_bmi = b & bit_BMI;
	has_clwb = b & bit_CLWB;
	has_clflushopt = b & bit_CLFLUSHOPT;
}

static bool host_lacks(const struct emul_op *op, unsigned map)
{
	return (map == MAP_VEX && !has_avx) || (!has_movbe && strcmp(op->name, "movbe") == 0) ||
	       (!has_lzcnt && strcmp(op->name, "lzcnt") == 0) ||
	       (!has_bmi && strcmp(op->name, "tzcnt") == 0) ||
	       (!has_clwb && strcmp(op->name, "clwb") == 0) ||
	       (!has_sse41 && strcmp(op->name, "movntdqa") == 0) ||
	       (!has_clflushopt && strcmp(op->name, "clflushopt") == 0);
}

/* Prefixes that would make another instruction of it, or none. */
static bool makes_sense(const struct native_case *t, int by_prefix)
{
	bool rep = t->prefix == P_F2 || t->prefix == P_F3;

	if (t->bits != 64 && (t->size == S_W || t->prefix == P_GS))
		return false;
	if (t->bits != 64 && (t->op->flags & OP_ONLY64))
		return false;
	if (t->map == MAP_VEX && (t->size == S_66 || rep || t->prefix == P_LOCK))
		return false; /* #UD, all of them: emul_step_test.c */
	if (by_prefix && (rep || (t->size == S_66 && t->mandatory == PREFIX_NONE)))
		return false;
	if (rep && t->map == MAP_0F && (t->opcode == 0xae || t->opcode == 0xc7))
		return false; /* RDPID and others */
	if (rep && t->map == MAP_0F && (t->opcode == 0x1f || t->opcode == 0x18))
		return false; /* ENDBR and other hints */
	if ((t->op->flags & OP_ONLY64) && t->size == S_66)
		return false; /* MOVSXD to 16 bits: vendors differ */
	if (t->class == CLASS_REGISTER && t->map == MAP_0F &&
	    (t->opcode == 0x0d || t->opcode == 0xae))
		return false; /* vendors differ; fences */
	if (t->class == CLASS_REGISTER && t->map == MAP_VEX && (t->opcode & ~1U) == 0x10 &&
	    (t->op->arg & V_BYTES) != 0)
		return false; /* VMOVSS and VMOVSD of three registers are not in the table */
	if ((t->op->flags & OP_BRANCH) && rep)
		return false; /* BND */
	return true;
}

static void each_combination(const struct emul_op *op, unsigned map, unsigned opcode, int ext,
			     int by_prefix, unsigned mandatory)
{
	static const unsigned widths[3] = { 64, 32, 16 };
	struct native_case t;

	if (op->row != ROW_PLAIN)
		return;
	if (host_lacks(op, map)) {
		skipped++;
		return;
	}
	rows++;
	complaints = 0;
	for (unsigned n = 0; n < 3 * P_COUNT * S_COUNT * CLASSES * rounds; n++) {
		memset(&t, 0, sizeof t);
		t.op = op;
		t.map = map;
		t.opcode = opcode;
		t.mandatory = mandatory;
		t.bits = widths[n % 3];
		t.prefix = n / 3 % P_COUNT;
		t.size = n / 3 / P_COUNT % S_COUNT;
		t.class = n / 3 / P_COUNT / S_COUNT % CLASSES;
		if (t.bits == 16 && native_cs16 == 0)
			continue;
		if (!(op->flags & OP_MODRM) && t.class > 3)
			continue;
		if (makes_sense(&t, by_prefix))
			run(&t, ext);
	}
}

static void each_row(unsigned map, unsigned opcode)
{
	const struct emul_op *op = emul_table_row(map, opcode), *o;
	unsigned count;

	if (op == NULL || op->row == ROW_NONE)
		return;
	count = op->row == ROW_BY_PREFIX ? PREFIX_COUNT : 1;
	for (unsigned p = 0; p < count; p++) {
		o = op->row == ROW_BY_PREFIX ? &op->sub[p] : op;
		if (o->row == ROW_BY_REG)
			for (int r = 0; r < 8; r++)
				each_combination(&o->sub[r], map, opcode, r, count > 1, p);
		else
			each_combination(o, map, opcode, -1, count > 1, p);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = (unsigned)atoi(argv[1]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	host_features();
	if (!native_setup(has_avx)) {
		printf("FAIL emul_native: the window at %#lx cannot be had\n", WINDOW);
		return 1;
	}
	emulator_tables_build();
	for (unsigned map = 0; map < MAP_COUNT; map++) {
		unsigned long before = differences;

		for (unsigned opcode = 0; opcode < 256; opcode++)
			each_row(map, opcode);
		printf("%s emul_native_map_%u\n", differences == before ? "ok" : "FAIL", map);
	}
	printf("emul_native: %lu instructions of %lu encodings ran on the processor (64-bit %lu, "
	       "32-bit %lu, 16-bit %lu), %lu of them faulted; each was emulated on RAM and on MMIO\n",
	       ran, rows, ran_by_bits[2], ran_by_bits[1], ran_by_bits[0], faulted);
	if (native_cs16 == 0)
		printf("emul_native: this kernel has no modify_ldt: 16-bit code was not run\n");
	if (differences != 0)
		printf("FAIL emul_native: %lu differences\n", differences);
	return differences != 0 || ran < 10000;
}
