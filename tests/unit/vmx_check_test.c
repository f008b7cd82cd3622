/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: vmx/vmx_check.c lib/format.c lib/string.c */
/* The pre-entry checker against made-up states: good ones pass, and of each wrong one the field is named. */
#include "tests/unit/unit.h"
#include "vmx/vmx_check.h"

#define NONE 0x10000U /* an unusable segment */

static char why[80];

/* A 64-bit kernel. */
static struct vmx_state long_mode(void)
{
	struct vmx_state s = {
		.cr0_fixed = CR0_NE, .cr4_fixed0 = CR4_VMXE, .cr4_fixed1 = 0x1767ff, .phys_bits = 40,
		.pin = VMX_PIN_INTERRUPT | VMX_PIN_NMI | VMX_PIN_VIRTUAL_NMI,
		.cpu = VMX_CPU_TPR_SHADOW | VMX_CPU_SECONDARY,
		.cpu2 = VMX_CPU2_EPT | VMX_CPU2_UNRESTRICTED | VMX_CPU2_VPID,
		.entry = VMX_ENTRY_IA32E | VMX_ENTRY_LOAD_EFER,
		.vpid = 1, .ept_pointer = 0x1234501e, .msr_bitmap = 0x5000, .virtual_apic = 0x8000,
		.msr_list = { 0x6000, 0x6100, 0x6000 }, .exit = VMX_EXIT_HOST_64 | VMX_EXIT_SAVE_EFER,
		.allowed = { ~0ULL << 32, ~0ULL << 32, ~0ULL << 32, ~0ULL << 32, ~0ULL << 32 },
		.host = { .cr0 = CR0_PE | CR0_PG | CR0_NE, .cr3 = 0x2000, .cr4 = CR4_PAE | CR4_VMXE,
			  .efer = EFER_LME | EFER_LMA, .rip = 0xffffffff80000000ULL, .selector = { 0, 8, 16, 0, 0, 0, 0x40 },
			  .base = { 0, 0xffffffff80001000ULL } },
		.cr0 = CR0_PE | CR0_PG | CR0_NE | CR0_ET | CR0_WP, .cr3 = 0x1000, .cr4 = CR4_PAE | CR4_VMXE,
		.dr7 = DR7_FIXED, .efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE,
		.rip = 0xffffffff81000000ULL, .rflags = RFLAGS_FIXED | RFLAGS_IF,
		.gdtr = { .limit = 0x7f, .base = 0xfffffe0000001000ULL },
		.idtr = { .limit = 0xfff, .base = 0xfffffe0000000000ULL },
		.link = ~0ULL,
	};

	for (unsigned i = 0; i < VMCS_SEGS; i++)
		s.seg[i] = (struct vmx_check_seg){ .access = NONE };
	s.seg[1] = (struct vmx_check_seg){ .selector = 0x10, .access = 0xa09b, .limit = ~0U };
	s.seg[2] = (struct vmx_check_seg){ .selector = 0x18, .access = 0xc093, .limit = ~0U };
	s.seg[5].base = 0xffff888000000000ULL;
	s.seg[VMCS_SEG_TR] = (struct vmx_check_seg){ .selector = 0x40, .access = 0x8b, .limit = 0x206f,
						     .base = 0xfffffe0000003000ULL };
	return s;
}

/* After reset, by unrestricted guest. */
static struct vmx_state real_mode(void)
{
	struct vmx_state s = long_mode();

	s.entry &= ~VMX_ENTRY_IA32E;
	s.cr0 = CR0_NE | CR0_ET;
	s.cr4 = CR4_VMXE;
	s.cr3 = s.efer = 0;
	s.rip = 0xfff0;
	s.rflags = RFLAGS_FIXED;
	for (unsigned i = 0; i < 6; i++)
		s.seg[i] = (struct vmx_check_seg){ .access = 0x93, .limit = 0xffff };
	s.seg[1] = (struct vmx_check_seg){ .selector = 0xf000, .access = 0x9b, .limit = 0xffff, .base = 0xffff0000 };
	s.seg[VMCS_SEG_LDTR] = (struct vmx_check_seg){ .access = 0x82, .limit = 0xffff };
	s.seg[VMCS_SEG_TR] = (struct vmx_check_seg){ .access = 0x8b, .limit = 0xffff };
	s.gdtr = s.idtr = (struct vmx_check_seg){ .limit = 0xffff };
	return s;
}

static struct vmx_state v86_mode(void)
{
	struct vmx_state s = real_mode();

	s.cr0 |= CR0_PE;
	s.rflags |= RFLAGS_VM;
	for (unsigned i = 0; i < 6; i++)
		s.seg[i] = (struct vmx_check_seg){ .selector = 0x1000, .access = 0xf3, .limit = 0xffff, .base = 0x10000 };
	return s;
}

static bool passes(struct vmx_state s)
{
	why[0] = '\0';
	return vmx_check(&s, why, sizeof(why));
}

/* Is s refused, with words that begin so? */
static bool names(struct vmx_state s, const char *field)
{
	bool refused = !passes(s) && strncmp(why, field, strlen(field)) == 0;

	if (!refused)
		printf("  said \"%s\", expected \"%s\"\n", why, field);
	return refused;
}

#define WRONG(make, change, field)                                                                 \
	do {                                                                                       \
		struct vmx_state s = make();                                                       \
		change;                                                                            \
		CHECK(names(s, field));                                                            \
	} while (0)
#define RIGHT(make, change)                                                                        \
	do {                                                                                       \
		struct vmx_state s = make();                                                       \
		change;                                                                            \
		CHECK(passes(s));                                                                  \
	} while (0)

static void good_states(void)
{
	RIGHT(long_mode, (void)0);
	RIGHT(real_mode, (void)0);
	RIGHT(v86_mode, (void)0);
	RIGHT(long_mode, s.seg[1].access = 0xa0fb; s.seg[2].access = 0xc0f3); /* ring 3 */
	RIGHT(long_mode, s.seg[1].access = 0xc0fb; s.seg[2].access = 0xc0f3; s.rip = 0x1000); /* .. compatibility */
	RIGHT(long_mode, s.seg[2] = (struct vmx_check_seg){ .access = NONE }); /* null stack */
	RIGHT(real_mode, s.seg[1].access = 0x93); /* code that is data */
	RIGHT(long_mode, s.seg[1].access = 0xa09f); /* conforming */
}

static void controls(void)
{
	WRONG(long_mode, s.pin &= ~VMX_PIN_NMI, "pin controls");
	WRONG(long_mode, s.pin = VMX_PIN_NMI; s.cpu |= VMX_CPU_NMI_WINDOW, "processor controls");
	WRONG(long_mode, s.tpr_threshold = 3; s.vtpr = 0x2f, "TPR threshold: above");
	RIGHT(long_mode, s.tpr_threshold = 3; s.vtpr = 0x30);
	WRONG(long_mode, s.tpr_threshold = 0x10, "TPR threshold: reserved");
	WRONG(long_mode, s.msr_bitmap = 0x5008, "MSR bitmap");
	WRONG(long_mode, s.msr_bitmap = 1ULL << 40, "MSR bitmap");
	for (unsigned i = 0; i < 3; i++)
		WRONG(long_mode, s.msr_list[i] = 0x6008, "MSR list");
	WRONG(long_mode, s.virtual_apic = 0x8010, "virtual-APIC page");
	RIGHT(long_mode, s.virtual_apic = 0x8010; s.cpu &= ~VMX_CPU_TPR_SHADOW);
	WRONG(long_mode, s.vpid = 0, "VPID");
	RIGHT(long_mode, s.vpid = 0; s.cpu2 &= ~VMX_CPU2_VPID);
	WRONG(long_mode, s.ept_pointer &= ~7ULL, "EPT pointer");
	WRONG(long_mode, s.ept_pointer ^= 1 << 3, "EPT pointer");
	WRONG(long_mode, s.ept_pointer |= 1ULL << 40, "EPT pointer");
	WRONG(long_mode, s.cpu2 &= ~VMX_CPU2_EPT, "secondary controls");
}

static void control_words(void)
{
	static const char *const name[] = { "pin", "processor", "exit", "entry", "secondary" };

	for (unsigned i = 0; i < VMX_WORDS; i++) {
		WRONG(long_mode, s.allowed[i] |= 1U << 30, name[i]); /* wants it set */
		WRONG(long_mode, s.allowed[i] &= UINT32_MAX, name[i]); /* has not got it */
	}
}

static void host_state(void)
{
	WRONG(long_mode, s.host.cr0 &= ~CR0_NE, "host CR0");
	WRONG(long_mode, s.host.cr0 &= ~CR0_PG, "host CR0");
	WRONG(long_mode, s.host.cr0 |= 1ULL << 40, "host CR0");
	WRONG(long_mode, s.host.cr4 &= ~CR4_VMXE, "host CR4");
	WRONG(long_mode, s.host.cr4 &= ~CR4_PAE, "host CR4");
	WRONG(long_mode, s.host.cr4 |= 1ULL << 63, "host CR4");
	WRONG(long_mode, s.host.cr3 |= 1ULL << 40, "host CR3");
	WRONG(long_mode, s.host.sysenter_esp = 1ULL << 47, "host SYSENTER");
	WRONG(long_mode, s.host.sysenter_eip = 1ULL << 47, "host SYSENTER");
	WRONG(long_mode, s.host.rip = 1ULL << 47, "host SYSENTER or RIP");
	WRONG(long_mode, s.host.efer &= ~EFER_LMA, "host EFER");
	WRONG(long_mode, s.host.efer |= 2, "host EFER");
	WRONG(long_mode, s.exit &= ~VMX_EXIT_HOST_64, "host EFER");
	for (unsigned i = 0; i < 7; i++)
		for (unsigned bit = 0; bit < 3; bit++)
			WRONG(long_mode, s.host.selector[i] |= 1U << bit, "host selector: RPL");
	WRONG(long_mode, s.host.selector[1] = 0, "host selector: CS");
	WRONG(long_mode, s.host.selector[6] = 0, "host selector: CS or TR");
	for (unsigned i = 0; i < 5; i++)
		WRONG(long_mode, s.host.base[i] = 1ULL << 50, "host base");
}

#define EVENT(type, vector) (VMX_EVENT_VALID | (uint32_t)(type) << 8 | (vector))

static void events(void)
{
	RIGHT(long_mode, s.event = EVENT(VMX_EVENT_INTR, 0x60));
	RIGHT(long_mode, s.event = EVENT(VMX_EVENT_NMI, 2));
	RIGHT(long_mode, s.event = EVENT(VMX_EVENT_HARD, 13) | VMX_EVENT_ERROR);
	RIGHT(long_mode, s.event = EVENT(VMX_EVENT_HARD, 6));
	RIGHT(real_mode, s.event = EVENT(VMX_EVENT_HARD, 13)); /* none in real mode */
	RIGHT(long_mode, s.event = EVENT(VMX_EVENT_SOFT_INT, 0x80); s.event_length = 2);
	WRONG(long_mode, s.event = EVENT(1, 0x60), "entry event: reserved type");
	WRONG(long_mode, s.event = EVENT(7, 0x60), "entry event: reserved type");
	WRONG(long_mode, s.event = EVENT(VMX_EVENT_NMI, 3), "entry event: the vector");
	WRONG(long_mode, s.event = EVENT(VMX_EVENT_HARD, 32), "entry event: the vector");
	WRONG(long_mode, s.event = EVENT(VMX_EVENT_HARD, 13), "entry event: an error code is missing");
	WRONG(long_mode, s.event = EVENT(VMX_EVENT_HARD, 6) | VMX_EVENT_ERROR, "entry event: an error code that");
	WRONG(real_mode, s.event = EVENT(VMX_EVENT_HARD, 13) | VMX_EVENT_ERROR, "entry event: an error code that");
	WRONG(long_mode, s.event = EVENT(VMX_EVENT_INTR, 0x60) | 1U << 13, "entry event: reserved bits");
	WRONG(long_mode, s.event = EVENT(VMX_EVENT_HARD, 14) | VMX_EVENT_ERROR; s.event_error = 1U << 16, "entry error code");
	WRONG(long_mode, s.event = EVENT(VMX_EVENT_SOFT_INT, 0x80), "entry instruction length");
	WRONG(long_mode, s.event = EVENT(VMX_EVENT_SOFT_INT, 0x80); s.event_length = 16, "entry instruction length");
	RIGHT(long_mode, s.event = 0x7fffffff); /* not valid: not looked at */
}

static void control_registers(void)
{
	WRONG(long_mode, s.cr0 &= ~CR0_NE, "guest CR0: a bit");
	WRONG(long_mode, s.cr0 |= 1ULL << 32, "guest CR0: bits above");
	WRONG(real_mode, s.cr0 |= CR0_PG, "guest CR0: PG");
	WRONG(real_mode, s.cpu2 &= ~VMX_CPU2_UNRESTRICTED, "guest CR0: a bit");
	WRONG(long_mode, s.cr4 &= ~CR4_VMXE, "guest CR4: a bit that VMX");
	WRONG(long_mode, s.cr4 |= 1ULL << 63, "guest CR4: a bit that this");
	WRONG(long_mode, s.cr4_fixed1 |= CR4_CET; s.cr4 |= CR4_CET; s.cr0 &= ~CR0_WP, "guest CR4: CET");
	WRONG(long_mode, s.debugctl = 1ULL << 2, "guest DEBUGCTL");
	WRONG(long_mode, s.cr4 &= ~CR4_PAE, "IA-32e");
	WRONG(real_mode, s.entry |= VMX_ENTRY_IA32E, "IA-32e");
	WRONG(real_mode, s.cr4 |= CR4_PCIDE, "guest CR4: PCIDE");
	WRONG(long_mode, s.cr3 |= 1ULL << 40, "guest CR3");
	WRONG(long_mode, s.dr7 |= 1ULL << 32, "guest DR7");
	WRONG(long_mode, s.sysenter_eip = 1ULL << 47, "guest SYSENTER");
	WRONG(long_mode, s.sysenter_esp = 1ULL << 63, "guest SYSENTER");
	WRONG(long_mode, s.efer |= 2, "guest EFER: reserved");
	WRONG(long_mode, s.efer &= ~EFER_LMA, "guest EFER: LMA is not the entry");
	WRONG(real_mode, s.efer |= EFER_LMA, "guest EFER: LMA is not the entry");
	WRONG(long_mode, s.efer &= ~EFER_LME, "guest EFER: LMA is not LME");
	RIGHT(real_mode, s.efer |= EFER_LME); /* on its way */
}

static void code_segment(void)
{
	WRONG(long_mode, s.seg[1].access |= NONE, "guest CS: unusable");
	WRONG(long_mode, s.seg[1].access &= ~9U, "guest CS: type");
	WRONG(long_mode, s.seg[1].access &= ~1U, "guest CS: type");
	WRONG(long_mode, s.seg[1].access |= 3 << 5, "guest CS: DPL");
	WRONG(long_mode, s.seg[1].access = 0xa0ff, "guest CS: DPL"); /* conforming, above the stack's */
	WRONG(real_mode, s.seg[1].access = 0xf3, "guest CS: DPL");
	WRONG(long_mode, s.seg[1].access |= 1U << 14, "guest CS: L and D");
	WRONG(long_mode, s.seg[1].base = 1ULL << 32, "guest CS: base");
	WRONG(long_mode, s.seg[1].access &= ~0x10U, "guest CS: S");
	WRONG(long_mode, s.seg[1].access &= ~0x80U, "guest CS: not present");
	WRONG(long_mode, s.seg[1].access |= 1U << 9, "guest CS: access rights");
	WRONG(long_mode, s.seg[1].limit = 0xffff0000, "guest CS: limit");
	RIGHT(long_mode, s.seg[1].limit = 0xfffff);
}

static void data_segments(void)
{
	WRONG(long_mode, s.seg[2].access = 0xc091, "guest SS: type");
	WRONG(real_mode, s.seg[2].access = 0xf3, "guest CS: DPL");
	WRONG(real_mode, s.seg[1].access = 0x93; s.seg[2].access = 0xf3, "guest SS: DPL is not 0");
	WRONG(long_mode, s.cpu2 &= ~VMX_CPU2_UNRESTRICTED; s.seg[2].selector = 3, "guest SS: DPL is not the RPL");
	WRONG(long_mode, s.seg[3] = s.seg[2]; s.seg[3].access &= ~1U, "guest DS: not accessed");
	WRONG(long_mode, s.seg[0] = s.seg[2]; s.seg[0].access = 0xc099, "guest ES: code");
	WRONG(long_mode, s.seg[3] = s.seg[2]; s.seg[3].base = 1ULL << 32, "guest DS: base");
	WRONG(long_mode, s.seg[4].base = 1ULL << 47, "guest FS: base");
	WRONG(long_mode, s.seg[5].base = 1ULL << 62, "guest GS: base");
	WRONG(long_mode, s.seg[3] = s.seg[2]; s.seg[3].access &= ~0x8000U, "guest DS: limit");
	WRONG(long_mode, s.seg[3] = s.seg[2]; s.seg[3].limit = 0xfffff000, "guest DS: limit");
	WRONG(v86_mode, s.seg[3].base++, "guest DS: base");
	WRONG(v86_mode, s.seg[4].limit--, "guest FS: limit");
	WRONG(v86_mode, s.seg[2].access = 0x93, "guest SS: access");
}

static void system_segments(void)
{
	WRONG(long_mode, s.seg[VMCS_SEG_TR].access |= NONE, "guest TR: unusable");
	WRONG(long_mode, s.seg[VMCS_SEG_TR].selector |= 4, "guest TR: selector");
	WRONG(long_mode, s.seg[VMCS_SEG_TR].access = 0x89, "guest TR: type");
	WRONG(long_mode, s.seg[VMCS_SEG_TR].access = 0x83, "guest TR: type");
	RIGHT(real_mode, s.seg[VMCS_SEG_TR].access = 0x83); /* a 16-bit one */
	WRONG(long_mode, s.seg[VMCS_SEG_TR].access |= 0x10, "guest TR: S");
	WRONG(long_mode, s.seg[VMCS_SEG_TR].base = 1ULL << 60, "guest TR: base");
	WRONG(long_mode, s.seg[VMCS_SEG_TR].limit = 1U << 20, "guest TR: limit");
	WRONG(real_mode, s.seg[VMCS_SEG_LDTR].access = 0x89, "guest LDTR: type");
	WRONG(real_mode, s.seg[VMCS_SEG_LDTR].access = 2, "guest LDTR: not present");
	WRONG(long_mode, s.gdtr.base = 1ULL << 50, "guest GDTR");
	WRONG(long_mode, s.gdtr.limit = 0x10000, "guest GDTR");
	WRONG(long_mode, s.idtr.limit = 0x10000, "guest IDTR");
}

static void flow(void)
{
	WRONG(long_mode, s.rip = 1ULL << 47, "guest RIP: not canonical");
	WRONG(long_mode, s.seg[1].access = 0xc09b, "guest RIP: bits above 31");
	WRONG(long_mode, s.rflags &= ~RFLAGS_FIXED, "guest RFLAGS: reserved");
	WRONG(long_mode, s.rflags |= 1 << 15, "guest RFLAGS: reserved");
	WRONG(v86_mode, s.cr0 &= ~CR0_PE, "guest RFLAGS: VM");
	WRONG(long_mode, s.rflags &= ~RFLAGS_IF; s.event = EVENT(VMX_EVENT_INTR, 0x60), "guest RFLAGS: IF");
	RIGHT(long_mode, s.rflags &= ~RFLAGS_IF; s.event = EVENT(VMX_EVENT_NMI, 2));
}

static void blocking(void)
{
	RIGHT(long_mode, s.interruptibility = VMX_BLOCK_STI);
	RIGHT(long_mode, s.interruptibility = VMX_BLOCK_MOV_SS | VMX_BLOCK_NMI);
	WRONG(long_mode, s.activity = 4, "guest activity state: reserved");
	WRONG(long_mode, s.activity = 1; s.seg[1].access |= 0x60; s.seg[2].access |= 0x60, "guest activity state: HLT");
	WRONG(long_mode, s.activity = 1; s.interruptibility = VMX_BLOCK_STI, "guest activity state: not active");
	WRONG(long_mode, s.activity = 3; s.event = EVENT(VMX_EVENT_NMI, 2), "guest activity state: waiting");
	WRONG(long_mode, s.activity = 1; s.event = EVENT(VMX_EVENT_HARD, 6), "guest activity state: not active, and an exc");
	RIGHT(long_mode, s.activity = 1; s.event = EVENT(VMX_EVENT_HARD, VECTOR_DB));
	WRONG(long_mode, s.activity = 2; s.event = EVENT(VMX_EVENT_HARD, VECTOR_DB), "guest activity state: not active, and an exc");
	RIGHT(long_mode, s.activity = 2; s.event = EVENT(VMX_EVENT_HARD, VECTOR_MC));
	WRONG(long_mode, s.activity = 1; s.event = EVENT(VMX_EVENT_SOFT_INT, 6); s.event_length = 2,
	      "guest activity state: not active, and a soft");
	RIGHT(long_mode, s.activity = 1; s.event = EVENT(VMX_EVENT_INTR, 0x60));
	WRONG(long_mode, s.interruptibility = 1 << 5, "guest interruptibility: reserved");
	WRONG(long_mode, s.interruptibility = 1 << 2, "guest interruptibility: reserved");
	WRONG(long_mode, s.interruptibility = 3, "guest interruptibility: STI and MOV SS");
	WRONG(long_mode, s.interruptibility = 1; s.rflags &= ~RFLAGS_IF, "guest interruptibility: blocking by STI");
	WRONG(long_mode, s.interruptibility = 1; s.event = EVENT(VMX_EVENT_INTR, 0x60), "guest interruptibility: an event");
	WRONG(long_mode, s.interruptibility = 2; s.event = EVENT(VMX_EVENT_NMI, 2), "guest interruptibility: an event");
	WRONG(long_mode, s.interruptibility = 8; s.event = EVENT(VMX_EVENT_NMI, 2), "guest interruptibility: an NMI");
	RIGHT(long_mode, s.interruptibility = 8; s.event = EVENT(VMX_EVENT_INTR, 0x60));
	WRONG(long_mode, s.pending_debug = 1 << 4, "guest pending debug exceptions: reserved");
	WRONG(long_mode, s.interruptibility = 1; s.rflags |= RFLAGS_TF, "guest pending debug exceptions: BS");
	RIGHT(long_mode, s.interruptibility = 1; s.rflags |= RFLAGS_TF; s.pending_debug = DR6_BS);
	WRONG(long_mode, s.interruptibility = 1; s.pending_debug = DR6_BS, "guest pending debug exceptions: BS");
	WRONG(long_mode, s.link = 0, "VMCS link pointer");
}

static struct vmx_state pae_mode(void)
{
	struct vmx_state s = long_mode();

	s.entry &= ~VMX_ENTRY_IA32E;
	s.efer = EFER_NXE;
	s.rip = 0x100000;
	s.seg[1].access = 0xc09b;
	for (unsigned i = 0; i < 4; i++)
		s.pdpte[i] = 0x2001 + (i << 12);
	return s;
}

static void pdptes(void)
{
	RIGHT(pae_mode, (void)0);
	WRONG(pae_mode, s.pdpte[3] |= 2, "guest PDPTE");
	WRONG(pae_mode, s.pdpte[0] |= 1ULL << 40, "guest PDPTE");
	RIGHT(pae_mode, s.pdpte[1] = 0x1e6); /* not present */
	RIGHT(long_mode, s.pdpte[0] = 3); /* not used there */
}

int main(void)
{
	RUN(good_states);
	RUN(controls);
	RUN(control_words);
	RUN(host_state);
	RUN(events);
	RUN(control_registers);
	RUN(code_segment);
	RUN(data_segments);
	RUN(system_segments);
	RUN(flow);
	RUN(blocking);
	RUN(pdptes);
	return unit_status();
}
