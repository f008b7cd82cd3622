/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What CPUID tells a guest: a table made once a VM out of the host's leaves and a policy of masks.
 * It also says which control-register bits the guest may have. Does not run CPUID itself.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct vcpu;

#define CPUID_ENTRIES_MAX 96

/* Parts of a leaf that depend on the vCPU's state. */
enum cpuid_dynamic {
	CPUID_STATIC = 0,
	CPUID_LEAF_1, /* APIC ID, APIC enabled, OSXSAVE */
	CPUID_LEAF_7, /* OSPKE */
	CPUID_LEAF_B, /* x2APIC ID */
	CPUID_LEAF_D0, /* bytes for the present XCR0 */
	CPUID_LEAF_D1, /* the same, compacted */
	CPUID_LEAF_AMD_1E, /* APIC ID, core ID */
};

struct cpuid_entry {
	uint32_t leaf;
	uint8_t subleaf;
	uint8_t any_subleaf; /* the leaf ignores ECX */
	uint8_t dynamic; /* enum cpuid_dynamic */
	uint8_t reserved;
	uint32_t reg[4]; /* EAX EBX ECX EDX */
};

struct cpuid_table {
	uint32_t max[3]; /* highest basic, hypervisor (0x4000_00xx) and extended leaf */
	uint8_t first[3][64]; /* index + 1 of a leaf's first entry, 0: none */
	unsigned count;
	/* What follows from the leaves. */
	uint64_t cr4_allowed, efer_allowed, xcr0_allowed;
	uint64_t arch_caps; /* IA32_ARCH_CAPABILITIES: what the processor does not suffer from; with leaf 7's bit */
	bool has_arch_caps;
	uint64_t physical_mask; /* bits that a physical address may have */
	bool ibpb, rdtscp;
	bool intel; /* the vendor string that the guest sees */
	uint16_t xsave_offset[16], xsave_bytes[16]; /* components, standard form; [0] and [1] unused */
	bool xsave_align[16]; /* compacted form: aligned to 64 bytes */
	struct cpuid_entry entry[CPUID_ENTRIES_MAX];
};

struct cpuid_input {
	void (*host)(uint32_t leaf, uint32_t subleaf, uint32_t reg[4]);
	unsigned vcpus;
	uint64_t xcr0; /* components that the kernel switches */
	uint64_t arch_caps; /* the host's; 0 without */
	uint64_t tsc_hz;
	bool tsc_stable; /* no warp between processors */
	bool no_rdtscp, no_invpcid; /* guests could not execute them */
};

void cpuid_build(struct cpuid_table *t, const struct cpuid_input *in);
/* The instruction: reg[0] and reg[2] of gpr[] in, EAX EBX ECX EDX out. */
void cpuid_execute(struct vcpu *v);
/* XCR0 values that XSETBV may load. [SDM1 "XSETBV"] */
bool cpuid_xcr0_valid(const struct cpuid_table *t, uint64_t value);
/* An entry, or NULL. For tests and for callers that want one static word. */
const struct cpuid_entry *cpuid_find(const struct cpuid_table *t, uint32_t leaf, uint32_t subleaf);

/* The feature word of leaf 0x40000001, documented by the KVM interface. */
#define KVM_FEATURE_NOP_IO_DELAY  (1U << 1)
#define KVM_FEATURE_CLOCKSOURCE2  (1U << 3)
#define KVM_FEATURE_STEAL_TIME    (1U << 5)
#define KVM_FEATURE_PV_EOI        (1U << 6)
#define KVM_FEATURE_PV_UNHALT     (1U << 7)
#define KVM_FEATURE_PV_SEND_IPI   (1U << 11)
#define KVM_FEATURE_CLOCK_STABLE  (1U << 24)
