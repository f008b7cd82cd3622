/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The processor's checks at VM entry, done by hand. [SDM3 "Checks on VMX Controls"], [SDM3 "Checks on
 * Host Control Registers, MSRs, and SSP"], [SDM3 "Checks on the Guest State Area"]; the order is the
 * manual's. Left out is what this backend never asks for: I/O bitmaps, APICv, SMM, shadow VMCSs, CET and
 * PAT loads, CR3 targets, the RPLs that unrestricted guest leaves free.
 */
#include "vmx/vmx_check.h"

#include "lib/addr.h"
#include "lib/format.h"
#include "lib/x86/cr.h"

#define ACCESS_TYPE(a) ((a) & 15)
#define ACCESS_S       (1U << 4)
#define ACCESS_DPL(a)  ((a) >> 5 & 3)
#define ACCESS_P       (1U << 7)
#define ACCESS_L       (1U << 13)
#define ACCESS_D       (1U << 14)
#define ACCESS_G       (1U << 15)
#define ACCESS_ZERO    0xfffe0f00U /* reserved */

enum { ES, CS, SS, DS, FS, GS, LDTR = VMCS_SEG_LDTR, TR = VMCS_SEG_TR };

static const char *const seg_name[VMCS_SEGS] = { "ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR" };

static bool ia32e(const struct vmx_state *s) { return (s->entry & VMX_ENTRY_IA32E) != 0; }
static bool unrestricted(const struct vmx_state *s) { return (s->cpu2 & VMX_CPU2_UNRESTRICTED) != 0; }
static bool usable(const struct vmx_check_seg *g) { return (g->access & VMX_SEG_UNUSABLE) == 0; }
static bool event_is(const struct vmx_state *s, unsigned type)
{
	return (s->event & VMX_EVENT_VALID) != 0 && VMX_EVENT_TYPE(s->event) == type;
}
/* Bits that no physical address has here. */
static uint64_t beyond(const struct vmx_state *s) { return ~0ULL << s->phys_bits; }

/* ---- controls: VMfail ---- */

static const char *check_words(const struct vmx_state *s)
{
	static const char *const wrong[VMX_WORDS] = {
		"pin controls: reserved bits", "processor controls: reserved bits", "exit controls: reserved bits",
		"entry controls: reserved bits", "secondary controls: reserved bits",
	};
	const uint32_t word[VMX_WORDS] = { s->pin, s->cpu, s->exit, s->entry, s->cpu2 };

	for (unsigned i = 0; i < VMX_WORDS; i++)
		if ((~word[i] & (uint32_t)s->allowed[i]) != 0 || (word[i] & ~(uint32_t)(s->allowed[i] >> 32)) != 0)
			return wrong[i];
	return NULL;
}

static const char *check_controls(const struct vmx_state *s)
{
	if ((s->pin & VMX_PIN_VIRTUAL_NMI) != 0 && (s->pin & VMX_PIN_NMI) == 0)
		return "pin controls: virtual NMIs without NMI exiting";
	if ((s->cpu & VMX_CPU_NMI_WINDOW) != 0 && (s->pin & VMX_PIN_VIRTUAL_NMI) == 0)
		return "processor controls: an NMI window without virtual NMIs";
	if ((s->cpu & VMX_CPU_TPR_SHADOW) != 0 && (s->tpr_threshold & 15) > (s->vtpr >> 4 & 15))
		return "TPR threshold: above the virtual TPR";
	if (s->tpr_threshold >> 4 != 0)
		return "TPR threshold: reserved bits";
	if ((s->msr_bitmap & (0xfff | beyond(s))) != 0)
		return "MSR bitmap: not the address of a page";
	if ((s->cpu & VMX_CPU_TPR_SHADOW) != 0 && (s->virtual_apic & (0xfff | beyond(s))) != 0)
		return "virtual-APIC page: not the address of a page";
	for (unsigned i = 0; i < 3; i++)
		if ((s->msr_list[i] & (15 | beyond(s))) != 0)
			return "MSR list: not aligned, or beyond the address width";
	if ((s->cpu2 & VMX_CPU2_VPID) != 0 && (s->vpid & 0xffff) == 0)
		return "VPID: 0";
	if ((s->ept_pointer & 7) != 6 || (s->ept_pointer >> 3 & 7) != 3 || (s->ept_pointer & (0xf80 | beyond(s))) != 0)
		return "EPT pointer: memory type, levels or reserved bits";
	if (unrestricted(s) && (s->cpu2 & VMX_CPU2_EPT) == 0)
		return "secondary controls: unrestricted guest without EPT";
	return NULL;
}

static const char *check_event(const struct vmx_state *s)
{
	uint32_t with_error = 1U << VECTOR_DF | 1U << VECTOR_TS | 1U << VECTOR_NP | 1U << VECTOR_SS | 1U << VECTOR_GP |
			      1U << VECTOR_PF | 1U << VECTOR_AC;
	unsigned type = VMX_EVENT_TYPE(s->event), vector = s->event & 0xff;
	bool error = (s->event & VMX_EVENT_ERROR) != 0, wants;

	if ((s->event & VMX_EVENT_VALID) == 0)
		return NULL;
	if (type == 1 || type == 7)
		return "entry event: reserved type";
	if ((type == VMX_EVENT_NMI && vector != VECTOR_NMI) || (type == VMX_EVENT_HARD && vector > 31))
		return "entry event: the vector does not belong to the type";
	wants = type == VMX_EVENT_HARD && (s->cr0 & CR0_PE) != 0 && (with_error >> vector & 1) != 0;
	if (error != wants)
		return wants ? "entry event: an error code is missing" : "entry event: an error code that does not belong there";
	if ((s->event & 0x7ffff000) != 0)
		return "entry event: reserved bits";
	if (error && s->event_error >> 15 != 0)
		return "entry error code: reserved bits";
	if (type >= VMX_EVENT_SOFT_INT && (s->event_length == 0 || s->event_length > 15))
		return "entry instruction length: not 1 to 15";
	return NULL;
}

/* The host is in 64-bit mode always. */
static const char *check_host(const struct vmx_state *s)
{
	const struct vmx_check_host *h = &s->host;

	if ((h->cr0 & (s->cr0_fixed | CR0_PE | CR0_PG)) != (s->cr0_fixed | CR0_PE | CR0_PG) || h->cr0 >> 32 != 0)
		return "host CR0: not what VMX wants";
	if ((h->cr4 & s->cr4_fixed0) != s->cr4_fixed0 || (h->cr4 & ~s->cr4_fixed1) != 0 || (h->cr4 & CR4_PAE) == 0)
		return "host CR4: not what VMX wants";
	if ((h->cr3 & beyond(s)) != 0)
		return "host CR3: beyond the address width";
	if (!canonical(h->sysenter_esp) || !canonical(h->sysenter_eip) || !canonical(h->rip))
		return "host SYSENTER or RIP: not canonical";
	if ((s->exit & VMX_EXIT_HOST_64) == 0 || (h->efer & (EFER_LME | EFER_LMA)) != (EFER_LME | EFER_LMA) ||
	    (h->efer & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) != 0)
		return "host EFER: not that of a 64-bit host";
	for (unsigned i = 0; i < 7; i++)
		if ((h->selector[i] & 7) != 0)
			return "host selector: RPL or TI is set";
	if (h->selector[1] == 0 || h->selector[6] == 0)
		return "host selector: CS or TR is null";
	for (unsigned i = 0; i < 5; i++)
		if (!canonical(h->base[i]))
			return "host base: not canonical";
	return NULL;
}

/* ---- guest state: entry failure 33 ---- */

static const char *check_cr(const struct vmx_state *s)
{
	uint64_t fixed = s->cr0_fixed | (unrestricted(s) ? 0 : CR0_PE | CR0_PG);

	if ((s->cr0 & fixed) != fixed)
		return "guest CR0: a bit that VMX wants set is clear";
	if (s->cr0 >> 32 != 0)
		return "guest CR0: bits above 31";
	if ((s->cr0 & CR0_PG) != 0 && (s->cr0 & CR0_PE) == 0)
		return "guest CR0: PG without PE";
	if ((s->cr4 & s->cr4_fixed0) != s->cr4_fixed0)
		return "guest CR4: a bit that VMX wants set is clear";
	if ((s->cr4 & ~s->cr4_fixed1) != 0)
		return "guest CR4: a bit that this processor does not have";
	if ((s->cr4 & CR4_CET) != 0 && (s->cr0 & CR0_WP) == 0)
		return "guest CR4: CET without CR0.WP";
	if ((s->debugctl & ~0xdfc3ULL) != 0)
		return "guest DEBUGCTL: reserved bits";
	if (ia32e(s) && ((s->cr0 & CR0_PG) == 0 || (s->cr4 & CR4_PAE) == 0))
		return "IA-32e mode without CR0.PG and CR4.PAE";
	if (!ia32e(s) && (s->cr4 & CR4_PCIDE) != 0)
		return "guest CR4: PCIDE outside IA-32e mode";
	if ((s->cr3 & beyond(s)) != 0)
		return "guest CR3: beyond the address width";
	if (s->dr7 >> 32 != 0)
		return "guest DR7: bits above 31";
	if (!canonical(s->sysenter_esp) || !canonical(s->sysenter_eip))
		return "guest SYSENTER: not canonical";
	if ((s->efer & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) != 0)
		return "guest EFER: reserved bits";
	if (((s->efer & EFER_LMA) != 0) != ia32e(s))
		return "guest EFER: LMA is not the entry control's";
	if ((s->cr0 & CR0_PG) != 0 && ((s->efer & EFER_LMA) != 0) != ((s->efer & EFER_LME) != 0))
		return "guest EFER: LMA is not LME under paging";
	return NULL;
}

static const char *check_v86(const struct vmx_check_seg *g)
{
	if (g->base != (uint64_t)g->selector << 4)
		return "base is not the selector's in virtual-8086 mode";
	if (g->limit != 0xffff)
		return "limit is not 64K in virtual-8086 mode";
	return g->access != 0xf3 ? "access rights are not those of virtual-8086 mode" : NULL;
}

static const char *check_limit(const struct vmx_check_seg *g)
{
	bool pages = (g->access & ACCESS_G) != 0;

	return (pages && (g->limit & 0xfff) != 0xfff) || (!pages && g->limit >> 20 != 0) ?
		       "limit does not go with the granularity" : NULL;
}

static const char *check_code(const struct vmx_state *s)
{
	const struct vmx_check_seg *g = &s->seg[CS];
	unsigned type = ACCESS_TYPE(g->access), dpl = ACCESS_DPL(g->access), ss = ACCESS_DPL(s->seg[SS].access);

	if (!usable(g))
		return "unusable";
	if ((type & 9) != 9 && !(type == 3 && unrestricted(s)))
		return "type is not code";
	if (type == 3 ? dpl != 0 : (type & 4) != 0 ? dpl > ss : dpl != ss)
		return "DPL does not go with SS";
	if (ia32e(s) && (g->access & (ACCESS_L | ACCESS_D)) == (ACCESS_L | ACCESS_D))
		return "L and D are both set";
	return NULL;
}

static const char *check_data(const struct vmx_state *s, unsigned n)
{
	const struct vmx_check_seg *g = &s->seg[n];
	unsigned type = ACCESS_TYPE(g->access), dpl = ACCESS_DPL(g->access);

	if (n == SS) {
		if (usable(g) && type != 3 && type != 7)
			return "type is not a writable stack";
		if (!unrestricted(s) && dpl != (g->selector & 3))
			return "DPL is not the RPL";
		if ((ACCESS_TYPE(s->seg[CS].access) == 3 || (s->cr0 & CR0_PE) == 0) && dpl != 0)
			return "DPL is not 0 in real mode";
		return NULL;
	}
	if (!usable(g))
		return NULL;
	if ((type & 1) == 0)
		return "not accessed";
	if ((type & 8) != 0 && (type & 2) == 0)
		return "code that cannot be read";
	if (!unrestricted(s) && type < 12 && dpl < (g->selector & 3))
		return "DPL is below the RPL";
	return NULL;
}

static const char *check_system(const struct vmx_state *s, unsigned n)
{
	const struct vmx_check_seg *g = &s->seg[n];
	unsigned type = ACCESS_TYPE(g->access);

	if (n == LDTR && !usable(g))
		return NULL;
	if (!usable(g))
		return "unusable";
	if ((g->selector & 4) != 0)
		return "selector is of the LDT";
	if (n == LDTR ? type != 2 : type != 11 && (type != 3 || ia32e(s)))
		return n == LDTR ? "type is not an LDT" : "type is not a busy TSS";
	return (g->access & ACCESS_S) != 0 ? "S is set" : NULL;
}

static const char *check_seg(const struct vmx_state *s, unsigned n)
{
	const struct vmx_check_seg *g = &s->seg[n];
	bool wide = n == FS || n == GS || n == LDTR || n == TR;
	const char *why;

	if ((wide ? (usable(g) || n != LDTR) && !canonical(g->base) : (usable(g) || n == CS) && g->base >> 32 != 0))
		return wide ? "base is not canonical" : "base has bits above 31";
	if (n <= GS && (s->rflags & RFLAGS_VM) != 0)
		return check_v86(g);
	why = n == CS ? check_code(s) : n < LDTR ? check_data(s, n) : check_system(s, n);
	if (why != NULL || !usable(g))
		return why;
	if (n <= GS && (g->access & ACCESS_S) == 0)
		return "S is clear";
	if ((g->access & ACCESS_P) == 0)
		return "not present";
	if ((g->access & ACCESS_ZERO) != 0)
		return "access rights have reserved bits";
	return check_limit(g);
}

static const char *check_flow(const struct vmx_state *s)
{
	bool code64 = ia32e(s) && (s->seg[CS].access & ACCESS_L) != 0;

	if (!canonical(s->gdtr.base) || s->gdtr.limit >> 16 != 0)
		return "guest GDTR: base not canonical, or limit above 64K";
	if (!canonical(s->idtr.base) || s->idtr.limit >> 16 != 0)
		return "guest IDTR: base not canonical, or limit above 64K";
	if (code64 ? !canonical(s->rip) : s->rip >> 32 != 0)
		return code64 ? "guest RIP: not canonical" : "guest RIP: bits above 31 outside 64-bit mode";
	if ((s->rflags & ~0x3f7fd7ULL) != 0 || (s->rflags & RFLAGS_FIXED) == 0)
		return "guest RFLAGS: reserved bits";
	if ((s->rflags & RFLAGS_VM) != 0 && (ia32e(s) || (s->cr0 & CR0_PE) == 0))
		return "guest RFLAGS: VM in IA-32e or real mode";
	if (event_is(s, VMX_EVENT_INTR) && (s->rflags & RFLAGS_IF) == 0)
		return "guest RFLAGS: IF is clear, and an interrupt is injected";
	return NULL;
}

static const char *check_blocking(const struct vmx_state *s)
{
	uint32_t b = s->interruptibility, shadow = b & (VMX_BLOCK_STI | VMX_BLOCK_MOV_SS);
	bool step = (s->rflags & RFLAGS_TF) != 0 && (s->debugctl & 2) == 0;

	if (s->activity > 3)
		return "guest activity state: reserved";
	if (s->activity == 1 && ACCESS_DPL(s->seg[SS].access) != 0)
		return "guest activity state: HLT outside privilege level 0";
	if (s->activity != 0 && shadow != 0)
		return "guest activity state: not active behind STI or MOV SS";
	if (s->activity == 3 && (s->event & VMX_EVENT_VALID) != 0)
		return "guest activity state: waiting for SIPI, and an event is injected";
	if (s->activity != 0 && event_is(s, VMX_EVENT_HARD) && (s->event & 0xff) != VECTOR_MC &&
	    (s->activity != 1 || (s->event & 0xff) != VECTOR_DB))
		return "guest activity state: not active, and an exception is injected";
	if (s->activity != 0 && VMX_EVENT_TYPE(s->event) >= VMX_EVENT_SOFT_INT && (s->event & VMX_EVENT_VALID) != 0)
		return "guest activity state: not active, and a software event is injected";
	if ((b & ~(VMX_BLOCK_STI | VMX_BLOCK_MOV_SS | VMX_BLOCK_NMI)) != 0)
		return "guest interruptibility: reserved bits, or blocking by SMI";
	if (shadow == (VMX_BLOCK_STI | VMX_BLOCK_MOV_SS))
		return "guest interruptibility: STI and MOV SS at once";
	if ((b & VMX_BLOCK_STI) != 0 && (s->rflags & RFLAGS_IF) == 0)
		return "guest interruptibility: blocking by STI without RFLAGS.IF";
	if (shadow != 0 && (event_is(s, VMX_EVENT_INTR) || event_is(s, VMX_EVENT_NMI)))
		return "guest interruptibility: an event is injected behind STI or MOV SS";
	if ((b & VMX_BLOCK_NMI) != 0 && event_is(s, VMX_EVENT_NMI))
		return "guest interruptibility: an NMI is injected while NMIs are blocked";
	if ((s->pending_debug & ~0x1500fULL) != 0)
		return "guest pending debug exceptions: reserved bits";
	if ((shadow != 0 || s->activity == 1) && ((s->pending_debug & DR6_BS) != 0) != step)
		return "guest pending debug exceptions: BS does not go with RFLAGS.TF";
	if (s->link != ~0ULL)
		return "VMCS link pointer: not all ones";
	return NULL;
}

static const char *check_pdpte(const struct vmx_state *s)
{
	if ((s->cr0 & CR0_PG) == 0 || (s->cr4 & CR4_PAE) == 0 || ia32e(s))
		return NULL;
	for (unsigned i = 0; i < 4; i++)
		if ((s->pdpte[i] & 1) != 0 && (s->pdpte[i] & (0x1e6 | beyond(s))) != 0)
			return "guest PDPTE: reserved bits";
	return NULL;
}

bool vmx_check(const struct vmx_state *s, char *why, size_t bytes)
{
	static const char *(*const first[])(const struct vmx_state *) = {
		check_words, check_controls, check_event, check_host, check_cr,
	};
	static const char *(*const last[])(const struct vmx_state *) = { check_flow, check_blocking, check_pdpte };
	const char *found = NULL;

	for (unsigned i = 0; i < sizeof(first) / sizeof(first[0]) && found == NULL; i++)
		found = first[i](s);
	for (unsigned n = 0; n < VMCS_SEGS && found == NULL; n++) {
		found = check_seg(s, n);
		if (found != NULL) {
			format(why, bytes, "guest %s: %s", seg_name[n], found);
			return false;
		}
	}
	for (unsigned i = 0; i < 3 && found == NULL; i++)
		found = last[i](s);
	if (found != NULL)
		format(why, bytes, "%s", found);
	return found == NULL;
}
