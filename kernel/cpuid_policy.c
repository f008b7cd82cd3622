/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CPUID policy: what is kept of the host's leaves, what is added. A feature that nobody
 * virtualises is not in the keep masks, so that new processors' features stay hidden by themselves.
 */
#include "kernel/cpuid_policy.h"

#include "arch/flaws.h"
#include "lib/string.h"
#include "lib/x86/cr.h"

enum { EAX, EBX, ECX, EDX };
#define B(n) (1U << (n))
#define ALL  0xffffffffU

/* Bits by name where the code below asks for them. */
#define L1_ECX_PCID    B(17)
#define L1_ECX_XSAVE   B(26)
#define L1_ECX_AVX     B(28)
#define L1_ECX_HYPER   B(31)
#define L1_EDX_HTT     B(28)
#define L7_EBX_AVX2    B(5)
#define L7_AVX512_EBX  (B(16) | B(17) | B(21) | B(26) | B(27) | B(28) | B(30) | B(31))
#define L7_AVX512_ECX  (B(1) | B(6) | B(11) | B(12) | B(14))
#define LX1_ECX_TOPO   B(22)
#define L7_EDX_SPEC    B(26)
#define L7_EDX_ARCH_CAPS B(29)
#define LX8_EBX_IBPB   B(12)

struct cpuid_rule {
	uint32_t leaf;
	uint8_t subleaf, any_subleaf, dynamic;
	uint32_t keep[4], set[4];
};

static const struct cpuid_rule rules[] = {
	{ 0x0, 0, 1, 0, { ALL, ALL, ALL, ALL }, { 0 } },
	{ 0x1, 0, 1, CPUID_LEAF_1,
	  { ALL, 0x0000ff00,
	    /* SSE3 PCLMUL SSSE3 FMA CX16 PCID SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND */
	    B(0) | B(1) | B(9) | B(12) | B(13) | L1_ECX_PCID | B(19) | B(20) | B(22) | B(23) | B(25) |
		    L1_ECX_XSAVE | L1_ECX_AVX | B(29) | B(30),
	    /* FPU VME DE PSE TSC MSR PAE MCE CX8 SEP MTRR PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2 SS */
	    0x0f8bf9ff & ~B(9) },
	  /* x2APIC, the TSC deadline timer, MTRRs and machine-check banks (none) are ours. */
	  { 0, 0, B(21) | B(24) | L1_ECX_HYPER, B(7) | B(9) | B(12) | B(14) | B(16) } },
	{ 0x2, 0, 1, 0, { ALL, ALL, ALL, ALL }, { 0 } },
	{ 0x6, 0, 1, 0, { 0 }, { B(2) /* ARAT: the timer never stops */ } },
	{ 0x7, 0, 0, CPUID_LEAF_7,
	  { 0,
	    /* FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS INVPCID AVX-512.. RDSEED ADX SMAP CLFLUSHOPT CLWB SHA */
	    B(0) | B(3) | L7_EBX_AVX2 | B(7) | B(8) | B(9) | B(10) | B(18) | B(19) | B(20) | B(23) |
		    B(24) | B(29) | L7_AVX512_EBX,
	    /* UMIP PKU GFNI VAES VPCLMULQDQ RDPID */
	    B(2) | B(3) | B(8) | B(9) | B(10) | B(22) | L7_AVX512_ECX,
	    /* FSRM MD_CLEAR SERIALIZE ARCH_CAPABILITIES; SPEC_CTRL is not a guest's: MSR_SPEC_CTRL is #GP */
	    B(4) | B(10) | B(14) | L7_EDX_ARCH_CAPS },
	  { 0, B(1) /* TSC_ADJUST */, 0, 0 } },
	/* What the KVM interface defines for guests. */
	{ 0x40000000, 0, 1, 0, { 0 }, { 0x40000010, 0x4b4d564b, 0x564b4d56, 0x0000004d } },
	{ 0x40000001, 0, 1, 0, { 0 },
	  { KVM_FEATURE_NOP_IO_DELAY | KVM_FEATURE_CLOCKSOURCE2 | KVM_FEATURE_STEAL_TIME | KVM_FEATURE_PV_EOI } },
	{ 0x80000000, 0, 1, 0, { ALL, ALL, ALL, ALL }, { 0 } },
	{ 0x80000001, 0, 1, 0,
	  { ALL, ALL,
	    /* LAHF CR8 ABM SSE4A MISALIGN 3DNOWPREFETCH XOP FMA4 TBM TOPOEXT */
	    B(0) | B(4) | B(5) | B(6) | B(7) | B(8) | B(11) | B(16) | B(21) | LX1_ECX_TOPO,
	    /* leaf 1's bits again, SYSCALL NX MMXEXT FFXSR PAGE1GB RDTSCP LM 3DNOWEXT 3DNOW */
	    0x0183f1ff | B(11) | B(20) | B(22) | B(24) | B(25) | B(26) | B(27) | B(29) | B(30) | B(31) },
	  { 0 } },
	{ 0x80000002, 0, 1, 0, { ALL, ALL, ALL, ALL }, { 0 } },
	{ 0x80000003, 0, 1, 0, { ALL, ALL, ALL, ALL }, { 0 } },
	{ 0x80000004, 0, 1, 0, { ALL, ALL, ALL, ALL }, { 0 } },
	{ 0x80000005, 0, 1, 0, { ALL, ALL, ALL, ALL }, { 0 } },
	{ 0x80000006, 0, 1, 0, { ALL, ALL, ALL, ALL }, { 0 } },
	{ 0x80000007, 0, 1, 0, { 0, 0, 0, B(8) /* invariant TSC */ }, { 0 } },
	{ 0x80000008, 0, 1, 0,
	  { 0x0000ffff, B(0) | B(2) | B(12) | B(26) | B(29) /* CLZERO, XSAVEERPTR, IBPB, SSB_NO, BTC_NO */, 0, 0 }, { 0 } },
	{ 0x80000019, 0, 1, 0, { ALL, ALL, 0, 0 }, { 0 } },
	{ 0x8000001a, 0, 1, 0, { ALL, 0, 0, 0 }, { 0 } },
	{ 0x80000021, 0, 1, 0, { B(2) | B(6) | B(28) | B(29) /* LFENCE serialises, null selector clears base, IBPB_BRTYPE, SRSO_NO */, 0, 0, 0 }, { 0 } },
};

static unsigned group_of(uint32_t leaf) { return leaf >= 0x80000000U ? 2 : leaf >= 0x40000000U ? 1 : 0; }

/* Entries of one leaf are added one after the other. */
static uint32_t *entry_add(struct cpuid_table *t, uint32_t leaf, uint8_t subleaf, bool any, uint8_t dynamic)
{
	struct cpuid_entry *e;
	uint8_t *first = &t->first[group_of(leaf)][leaf & 63];

	if (t->count >= CPUID_ENTRIES_MAX)
		return t->entry[CPUID_ENTRIES_MAX - 1].reg; /* cannot happen: the rules are fewer */
	e = &t->entry[t->count++];
	*e = (struct cpuid_entry){ .leaf = leaf, .subleaf = subleaf, .any_subleaf = any, .dynamic = dynamic };
	if (*first == 0)
		*first = (uint8_t)t->count;
	return e->reg;
}

const struct cpuid_entry *cpuid_find(const struct cpuid_table *t, uint32_t leaf, uint32_t subleaf)
{
	const struct cpuid_entry *e;
	unsigned group = group_of(leaf), i;

	if (leaf > t->max[group] || (leaf & 0x3fffffc0) != 0)
		return NULL;
	i = t->first[group][leaf & 63];
	if (i == 0)
		return NULL;
	e = t->entry + i - 1;
	do
		if (e->any_subleaf || e->subleaf == subleaf)
			return e;
	while (++e < t->entry + t->count && e->leaf == leaf);
	return NULL;
}

static unsigned bits_for(unsigned n)
{
	unsigned bits = 0;

	while (1U << bits < n)
		bits++;
	return bits;
}

/* One package, one core a vCPU, one thread a core. */
static void add_topology(struct cpuid_table *t, const struct cpuid_input *in)
{
	uint32_t host[4], *r;
	unsigned shift = bits_for(in->vcpus);

	for (uint8_t i = 0; i < 8; i++) { /* [SDM2 "Deterministic Cache Parameters Leaf"] */
		in->host(4, i, host);
		if ((host[EAX] & 31) == 0)
			break;
		r = entry_add(t, 4, i, false, 0);
		memcpy(r, host, sizeof(host));
		r[EAX] &= 0x3fff; /* no sharing: one thread a core */
		r[EAX] |= ((1U << shift) - 1) << 26;
		if ((host[EAX] >> 5 & 7) == 3)
			r[EAX] |= ((1U << shift) - 1) << 14;
	}
	r = entry_add(t, 0xb, 0, false, CPUID_LEAF_B);
	r[EBX] = 1;
	r[ECX] = 1 << 8; /* level type: thread */
	r = entry_add(t, 0xb, 1, false, CPUID_LEAF_B);
	r[EAX] = shift;
	r[EBX] = in->vcpus;
	r[ECX] = 2 << 8 | 1; /* level type: core */
	r = entry_add(t, 0xb, 2, false, CPUID_LEAF_B);
	r[ECX] = 2;
}

static void add_amd_topology(struct cpuid_table *t, const struct cpuid_input *in)
{
	uint32_t host[4], *r;

	for (uint8_t i = 0; i < 8; i++) { /* [APM3 "Cache Topology Information"] */
		in->host(0x8000001d, i, host);
		if ((host[EAX] & 31) == 0)
			break;
		r = entry_add(t, 0x8000001d, i, false, 0);
		memcpy(r, host, sizeof(host));
		r[EAX] &= 0x3fff;
		if ((host[EAX] >> 5 & 7) == 3)
			r[EAX] |= (in->vcpus - 1) << 14;
	}
	(void)entry_add(t, 0x8000001e, 0, true, CPUID_LEAF_AMD_1E);
}

/* [SDM2 "Processor Extended State Enumeration Main Leaf"] */
static void add_xsave(struct cpuid_table *t, const struct cpuid_input *in)
{
	uint32_t host[4], *r, bytes = 576;

	if (t->xcr0_allowed == 0)
		return;
	r = entry_add(t, 0xd, 0, false, CPUID_LEAF_D0);
	r[EAX] = (uint32_t)t->xcr0_allowed;
	in->host(0xd, 1, host);
	entry_add(t, 0xd, 1, false, CPUID_LEAF_D1)[EAX] = host[EAX] & 7; /* no XSAVES */
	for (uint8_t i = 2; i < 16; i++) {
		uint32_t *c;

		if ((t->xcr0_allowed >> i & 1) == 0)
			continue;
		in->host(0xd, i, host);
		t->xsave_bytes[i] = (uint16_t)host[EAX];
		t->xsave_offset[i] = (uint16_t)host[EBX];
		t->xsave_align[i] = (host[ECX] & 2) != 0;
		c = entry_add(t, 0xd, i, false, 0);
		memcpy(c, host, sizeof(host));
		c[ECX] &= 2;
		c[EDX] = 0;
		if (host[EAX] + host[EBX] > bytes)
			bytes = host[EAX] + host[EBX];
	}
	r[EBX] = r[ECX] = bytes;
}

/* Takes away what depends on something else that is not there, and sets what depends on the VM. */
static void adjust(struct cpuid_table *t, const struct cpuid_input *in, uint32_t leaf, uint32_t *r)
{
	bool avx = (in->xcr0 & XCR0_AVX) != 0, avx512 = (in->xcr0 & XCR0_ZMM_HI256) != 0;
	uint32_t host[4];

	switch (leaf) {
	case 0x0:
		if (r[EAX] < 0xd)
			r[EAX] = 0xd;
		if (r[EAX] > 0xd)
			r[EAX] = t->intel ? 0x15 : 0xd;
		break;
	case 0x1:
		if (in->xcr0 == 0)
			r[ECX] &= ~L1_ECX_XSAVE;
		if (!avx)
			r[ECX] &= ~(L1_ECX_AVX | B(12) | B(29));
		r[EBX] |= in->vcpus << 16;
		if (in->vcpus > 1)
			r[EDX] |= L1_EDX_HTT;
		break;
	case 0x7:
		if (!avx)
			r[EBX] &= ~L7_EBX_AVX2, r[ECX] &= ~(B(9) | B(10));
		if (!avx512)
			r[EBX] &= ~L7_AVX512_EBX, r[ECX] &= ~L7_AVX512_ECX;
		if ((in->xcr0 & XCR0_PKRU) == 0)
			r[ECX] &= ~B(3);
		if (in->no_invpcid)
			r[EBX] &= ~B(10);
		if (in->no_rdtscp)
			r[ECX] &= ~B(22); /* RDPID */
		break;
	case 0x40000001:
		if (in->tsc_stable)
			r[EAX] |= KVM_FEATURE_CLOCK_STABLE;
		if (in->vcpus > 1)
			r[EAX] |= KVM_FEATURE_PV_UNHALT | KVM_FEATURE_PV_SEND_IPI;
		break;
	case 0x80000000:
		if (r[EAX] > 0x80000021)
			r[EAX] = 0x80000021;
		break;
	case 0x80000001:
		if (!t->intel && in->vcpus > 1)
			r[ECX] |= B(1); /* CmpLegacy */
		if (!avx)
			r[ECX] &= ~(B(11) | B(16));
		if (in->no_rdtscp)
			r[EDX] &= ~B(27);
		break;
	case 0x80000008:
		if (!t->intel) {
			r[ECX] = bits_for(in->vcpus) << 12 | (in->vcpus - 1);
			break;
		}
		/* Leaf 7's bit would promise SPEC_CTRL as well; operating systems look here, too. */
		in->host(7, 0, host);
		r[EBX] |= (host[EDX] & L7_EDX_SPEC) != 0 ? LX8_EBX_IBPB : 0U;
		break;
	default:
		break;
	}
}

static uint32_t word(const struct cpuid_table *t, uint32_t leaf, unsigned reg)
{
	const struct cpuid_entry *e = cpuid_find(t, leaf, 0);

	return e == NULL ? 0 : e->reg[reg];
}

/* Control-register bits that belong to features which the guest sees. */
static void derive(struct cpuid_table *t)
{
	uint32_t c1 = word(t, 1, ECX), b7 = word(t, 7, EBX), c7 = word(t, 7, ECX);
	uint32_t dx = word(t, 0x80000001, EDX);
	unsigned bits = word(t, 0x80000008, EAX) & 0xff;

	t->cr4_allowed = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE |
			 CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | ((c7 & B(2)) != 0 ? CR4_UMIP : 0) |
			 ((b7 & B(0)) != 0 ? CR4_FSGSBASE : 0) | ((c1 & L1_ECX_PCID) != 0 ? CR4_PCIDE : 0) |
			 ((c1 & L1_ECX_XSAVE) != 0 ? CR4_OSXSAVE : 0) | ((b7 & B(7)) != 0 ? CR4_SMEP : 0) |
			 ((b7 & B(20)) != 0 ? CR4_SMAP : 0) | ((c7 & B(3)) != 0 ? CR4_PKE : 0);
	t->efer_allowed = EFER_SCE | ((dx & B(29)) != 0 ? EFER_LME | EFER_LMA : 0) |
			  ((dx & B(20)) != 0 ? EFER_NXE : 0) | ((dx & B(25)) != 0 ? EFER_FFXSR : 0);
	t->physical_mask = (1ULL << (bits >= 32 && bits <= 52 ? bits : 36)) - 1;
	t->has_arch_caps = (word(t, 7, EDX) & L7_EDX_ARCH_CAPS) != 0;
	t->ibpb = (word(t, 0x80000008, EBX) & LX8_EBX_IBPB) != 0;
	t->rdtscp = (dx & B(27)) != 0;
}

void cpuid_build(struct cpuid_table *t, const struct cpuid_input *in)
{
	uint32_t host[4], max[3], *r;

	memset(t, 0, sizeof(*t));
	in->host(0, 0, host);
	t->intel = host[EBX] == 0x756e6547; /* "Genu" */
	max[0] = host[EAX] < 0xd ? 0xd : host[EAX];
	max[1] = 0x40000010;
	in->host(0x80000000, 0, host);
	max[2] = host[EAX];
	t->xcr0_allowed = in->xcr0;
	t->arch_caps = in->arch_caps & ARCH_CAPS_TELL;
	for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct cpuid_rule *rule = &rules[i];

		if (rule->leaf > max[group_of(rule->leaf)])
			continue;
		memset(host, 0, sizeof(host));
		if (group_of(rule->leaf) != 1)
			in->host(rule->leaf, rule->subleaf, host);
		r = entry_add(t, rule->leaf, rule->subleaf, rule->any_subleaf != 0, rule->dynamic);
		for (unsigned k = 0; k < 4; k++)
			r[k] = (host[k] & rule->keep[k]) | rule->set[k];
		adjust(t, in, rule->leaf, r);
	}
	add_topology(t, in);
	add_xsave(t, in);
	if (!t->intel && max[2] >= 0x8000001e)
		add_amd_topology(t, in);
	if (t->intel) { /* The "crystal" is the APIC timer's clock, the TSC a multiple of it. */
		r = entry_add(t, 0x15, 0, true, 0);
		r[EAX] = 1000000;
		r[EBX] = (uint32_t)(in->tsc_hz / 1000);
		r[ECX] = 1000000000;
	}
	r = entry_add(t, 0x40000010, 0, true, 0);
	r[EAX] = (uint32_t)(in->tsc_hz / 1000);
	r[EBX] = 1000000000 / 1000;
	for (unsigned g = 0; g < 3; g++)
		t->max[g] = t->entry[t->first[g][0] - 1].reg[EAX];
	derive(t);
}

bool cpuid_xcr0_valid(const struct cpuid_table *t, uint64_t value)
{
	uint64_t avx512 = XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM;

	if ((value & XCR0_X87) == 0 || (value & ~t->xcr0_allowed) != 0)
		return false;
	if ((value & XCR0_AVX) != 0 && (value & XCR0_SSE) == 0)
		return false;
	if ((value & avx512) != 0 && ((value & avx512) != avx512 || (value & XCR0_AVX) == 0))
		return false;
	return true;
}
