/* SPDX-License-Identifier: GPL-2.0-only */
/* Power-on of the guest: files into memory, firmware tables, and the first state of each vCPU. */
#include "guests/monitor.h"

#include "guests/acpi_tables.h"
#include "lib/string.h"

/* Segment attributes in the form of struct vcpu_seg. */
enum { ATTR_CODE64 = 0xa9b, ATTR_CODE32 = 0xc9b, ATTR_DATA = 0xc93, ATTR_TSS = 0x8b, ATTR_LDT = 0x82 };
enum { EFER_LME = 1 << 8, EFER_LMA = 1 << 10 };
enum { LAPIC_SVR = 0x0f0, LAPIC_LVT0 = 0x350, LAPIC_LVT1 = 0x360 };
#define CR0_PE	    1ULL
#define CR0_ET	    0x10ULL
#define CR0_NE	    0x20ULL
#define CR0_PG	    0x80000000ULL
#define CR4_PAE	    0x20ULL

static void request_files(const struct monitor *m, struct load_request *req)
{
	const struct monitor_boot *boot = m->boot;

	for (uint32_t i = 0; i < boot->files; i++) {
		const struct monitor_file *f = &boot->file[i];
		struct load_file file = { (const uint8_t *)(uintptr_t)f->va, f->bytes, f->name,
					  f->args[0] ? f->args : NULL };

		if (f->kind == MONITOR_FILE_KERNEL)
			req->kernel = file;
		else if (f->kind == MONITOR_FILE_INITRD)
			req->initrd = file;
		else if (req->modules < LOAD_MODULES_MAX)
			req->module[req->modules++] = file;
	}
}

int monitor_load(struct monitor *m, char *why)
{
	struct load_request req = {
		.ram = m->ram,
		.low_bytes = m->low_bytes,
		.high_bytes = m->high_bytes,
		.cmdline = m->boot->cmdline,
	};
	struct acpi_params acpi = { .cpus = m->boot->cpus };
	int status;

	request_files(m, &req);
	if (m->low_bytes < 2 * LOAD_HIGH_START)
		return load_error(why, E_RANGE, "a guest needs at least 2 MiB of memory");
	load_bios_data(m->ram);
	status = acpi_tables_build(&acpi, m->ram + LOAD_ROM_START,
				   LOAD_BIOS_STUBS - LOAD_ROM_START, LOAD_ROM_START, &req.rsdp);
	if (status < 0)
		return load_error(why, status, "the ACPI tables do not fit");
	status = load_guest(&req, &m->start, why);
	if (status == 0)
		monitor_say(m, "guest: %s, %llu MiB, entry 0x%llx", m->start.protocol,
			    (unsigned long long)(m->boot->memory >> 20),
			    (unsigned long long)m->start.rip);
	return status;
}

static void boot_state(const struct load_start *start, struct vcpu_regs *r)
{
	bool is64 = start->mode == LOAD_LONG64;
	struct vcpu_seg data = { LOAD_SEL_DATA, ATTR_DATA, UINT32_MAX, 0 };

	for (unsigned i = 0; i < SEG_COUNT; i++)
		r->seg[i] = data;
	r->seg[SEG_CS] = (struct vcpu_seg){ LOAD_SEL_CODE, is64 ? ATTR_CODE64 : ATTR_CODE32, UINT32_MAX,
					    0 };
	r->tr = (struct vcpu_seg){ LOAD_SEL_TSS, ATTR_TSS, 0x67, 0 };
	r->ldtr = (struct vcpu_seg){ 0, ATTR_LDT, 0xffff, 0 };
	r->gdtr = (struct vcpu_seg){ 0, 0, LOAD_GDT_BYTES - 1, LOAD_GDT };
	r->idtr = (struct vcpu_seg){ 0, 0, 0, 0 };
	r->cr0 = CR0_PE | CR0_ET | CR0_NE | (is64 ? CR0_PG : 0);
	r->cr3 = is64 ? LOAD_PAGE_TABLES : 0;
	r->cr4 = is64 ? CR4_PAE : 0;
	r->efer = is64 ? EFER_LME | EFER_LMA : 0;
	r->rip = start->rip;
	r->gpr[GPR_RSP] = start->rsp;
	r->gpr[GPR_RAX] = start->rax;
	r->gpr[GPR_RBX] = start->rbx;
	r->gpr[GPR_RSI] = start->rsi;
}

/* Firmware leaves the boot processor's APIC on, its LINT0 to the 8259, its LINT1 to NMI. */
static void virtual_wire(const struct monitor_vcpu *v)
{
	sys_vcpu_ctl(v->handle, VCPU_LAPIC_WRITE, LAPIC_SVR, 0x1ff, NULL);
	sys_vcpu_ctl(v->handle, VCPU_LAPIC_WRITE, LAPIC_LVT0, 0x700, NULL);
	sys_vcpu_ctl(v->handle, VCPU_LAPIC_WRITE, LAPIC_LVT1, 0x400, NULL);
}

void monitor_vcpu_reset(struct monitor_vcpu *v)
{
	struct vcpu_area *a = v->area;
	struct vcpu_regs *r = &a->regs;

	sys_vcpu_ctl(v->handle, VCPU_RESET, 0, 0, NULL);
	memset(&v->emul, 0, sizeof(v->emul));
	v->emul.host = v;
	v->emul.ops = &monitor_emul_ops;
	v->emul.regs = r;
	memset(r, 0, sizeof(*r));
	r->xcr0 = 1;
	r->rflags = 2;
	if (v->index != 0)
		return; /* waits for its start-up IPI */
	virtual_wire(v);
	r->activity = ACTIVITY_RUNNING;
	boot_state(&v->monitor->start, r);
	a->push = REG_GPR | REG_RIP | REG_SEG | REG_TABLE | REG_CR | REG_EVENT;
}
