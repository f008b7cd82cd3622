/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exits that the emulator serves: MMIO, string port access, task switches. Connects it to guest memory,
 * the board and the local APIC's page.
 */
#include "guests/monitor.h"

#include "lib/format.h"
#include "lib/string.h"

/* Where the XSAVE area has them. [SDM1 "Standard Format of Extended Region"] */
enum { XSAVE_XMM = 160, XSAVE_BV = 512, XSAVE_YMM_HIGH = 576, XSTATE_SSE = 2, XSTATE_AVX = 4 };
enum { EMULATE_AGAIN_MAX = 16, EMULATE_UNKNOWN_MAX = 8 };

static struct monitor_vcpu *of_emul(struct emul *e)
{
	return e->host;
}

static void *op_ram(struct emul *e, gpa_t at, size_t bytes, bool write)
{
	(void)write;
	return monitor_ram(of_emul(e)->monitor, at.raw, bytes);
}

/*
 * The local APIC's page at its power-on address. Registers are 32 bits wide at 16-byte steps; parts
 * of one read as such, and only whole aligned writes do anything.
 */
static uint64_t lapic_read(struct monitor_vcpu *v, uint64_t at, unsigned bytes)
{
	uint64_t value = 0, offset = at & 0xff0;
	unsigned shift = (unsigned)(at & 15) * 8;

	if (sys_vcpu_ctl(v->handle, VCPU_LAPIC_READ, offset, 0, &value) != 0)
		value = 0;
	value = shift < 32 ? (value & UINT32_MAX) >> shift : 0;
	return bytes < 8 ? value & ((1ULL << (8 * bytes)) - 1) : value;
}

static int op_read(struct emul *e, gpa_t at, unsigned bytes, uint64_t *value)
{
	struct monitor_vcpu *v = of_emul(e);

	if ((at.raw & ~0xfffULL) == MONITOR_LAPIC_PAGE) {
		*value = lapic_read(v, at.raw, bytes);
		return 0;
	}
	monitor_lock(v->monitor, v->index + 1);
	board_mmio_read(&v->monitor->board, at.raw, bytes, value);
	monitor_unlock(v->monitor);
	return 0;
}

static int op_write(struct emul *e, gpa_t at, unsigned bytes, uint64_t value)
{
	struct monitor_vcpu *v = of_emul(e);

	if ((at.raw & ~0xfffULL) == MONITOR_LAPIC_PAGE) {
		if (bytes >= 4 && (at.raw & 15) == 0)
			sys_vcpu_ctl(v->handle, VCPU_LAPIC_WRITE, at.raw & 0xff0, (uint32_t)value,
				     NULL);
		return 0;
	}
	monitor_lock(v->monitor, v->index + 1);
	board_mmio_write(&v->monitor->board, at.raw, bytes, value);
	monitor_unlock(v->monitor);
	return 0;
}

static int op_port_in(struct emul *e, uint16_t port, unsigned bytes, uint32_t *value)
{
	struct monitor *m = of_emul(e)->monitor;

	monitor_lock(m, of_emul(e)->index + 1);
	*value = board_port_read(&m->board, port, bytes);
	monitor_unlock(m);
	return 0;
}

static int op_port_out(struct emul *e, uint16_t port, unsigned bytes, uint32_t value)
{
	struct monitor *m = of_emul(e)->monitor;

	monitor_lock(m, of_emul(e)->index + 1);
	board_port_write(&m->board, port, bytes, value);
	monitor_unlock(m);
	return 0;
}

static int op_pull(struct emul *e, uint32_t groups)
{
	/* What is valid stays as it is here: the emulator may have changed it. */
	uint32_t missing = groups & ~e->valid;
	const uint64_t *p = e->regs->pdptr;
	int status = 0;

	if (missing)
		status = sys_vcpu_ctl(of_emul(e)->handle, VCPU_STATE_PULL, missing, 0, NULL);
	/* All zero: this processor does not keep them, they are in memory. */
	if (status == 0 && (missing & REG_PDPTR) && (p[0] | p[1] | p[2] | p[3]) == 0)
		status = E_UNSUPPORTED;
	if (status == 0)
		e->valid |= missing;
	return status;
}

static uint8_t *fpu_page(struct emul *e)
{
	return op_pull(e, REG_FPU) == 0 ? (uint8_t *)of_emul(e)->area + 0x2000 : NULL;
}

static int op_vector_get(struct emul *e, unsigned index, uint8_t value[32])
{
	uint8_t *page = fpu_page(e);
	uint64_t bv;

	if (!page)
		return E_FAULT;
	memcpy(&bv, page + XSAVE_BV, sizeof(bv));
	memset(value, 0, 32);
	if (bv & XSTATE_SSE)
		memcpy(value, page + XSAVE_XMM + 16 * index, 16);
	if (bv & XSTATE_AVX)
		memcpy(value + 16, page + XSAVE_YMM_HIGH + 16 * index, 16);
	return 0;
}

static int op_vector_set(struct emul *e, unsigned index, const uint8_t value[32])
{
	static const uint8_t zero[16];
	uint8_t *page = fpu_page(e);
	uint64_t bv;

	if (!page)
		return E_FAULT;
	memcpy(&bv, page + XSAVE_BV, sizeof(bv));
	if (!(bv & XSTATE_SSE))
		memset(page + XSAVE_XMM, 0, 16 * 16);
	bv |= XSTATE_SSE;
	memcpy(page + XSAVE_XMM + 16 * index, value, 16);
	if ((bv & XSTATE_AVX) || memcmp(value + 16, zero, 16) != 0) {
		if (!(bv & XSTATE_AVX))
			memset(page + XSAVE_YMM_HIGH, 0, 16 * 16);
		bv |= XSTATE_AVX;
		memcpy(page + XSAVE_YMM_HIGH + 16 * index, value + 16, 16);
	}
	memcpy(page + XSAVE_BV, &bv, sizeof(bv));
	e->changed |= REG_FPU;
	return 0;
}

const struct emul_ops monitor_emul_ops = {
	.ram = op_ram,
	.read = op_read,
	.write = op_write,
	.port_in = op_port_in,
	.port_out = op_port_out,
	.pull = op_pull,
	.vector_get = op_vector_get,
	.vector_set = op_vector_set,
};

static void unknown_instruction(struct monitor_vcpu *v)
{
	const struct vcpu_area *a = v->area;
	char bytes[3 * EMUL_INSN_MAX + 1] = "";

	for (unsigned i = 0; i < v->emul.insn_len && i < EMUL_INSN_MAX; i++)
		format(bytes + 3 * i, sizeof(bytes) - 3 * i, " %02x", v->emul.insn[i]);
	sys_vcpu_ctl(v->handle, VCPU_DUMP, 0, 0, NULL);
	if (v->emul.insn_len == 0)
		monitor_ask(v->monitor, REQUEST_CRASH, "code outside memory at 0x%llx",
			    (unsigned long long)a->regs.rip);
	else
		monitor_ask(v->monitor, REQUEST_CRASH,
			    "no emulation for the instruction at 0x%llx:%s, access to 0x%llx",
			    (unsigned long long)a->regs.rip, bytes,
			    (unsigned long long)(a->exit == EXIT_MMIO ? a->mmio.gpa : 0));
}

/*
 * Another vCPU may have changed the instruction since it left the guest, into one that touches no memory: the
 * processor gets it again, and if it does not do it either, we know.
 */
static bool changed_meanwhile(struct monitor_vcpu *v)
{
	if (v->unknown_rip != v->area->regs.rip)
		v->unknowns = 0;
	v->unknown_rip = v->area->regs.rip;
	return ++v->unknowns < EMULATE_UNKNOWN_MAX;
}

void monitor_emulate(struct monitor_vcpu *v)
{
	struct vcpu_area *a = v->area;
	struct emul *e = &v->emul;
	enum emul_result result;
	unsigned again = 0;

	/* An event was being delivered: it is not the instruction at RIP that touched nothing. */
	if (a->regs.event_type != EVENT_NONE && (a->pulled & REG_EVENT)) {
		sys_vcpu_ctl(v->handle, VCPU_DUMP, 0, 0, NULL);
		monitor_ask(v->monitor, REQUEST_CRASH,
			    "delivery of vector %u uses memory that is not there, at 0x%llx",
			    a->regs.event_vector, (unsigned long long)a->mmio.gpa);
		return;
	}
	e->valid = a->pulled;
	e->changed = 0;
	e->given = 0;
	if (a->exit == EXIT_MMIO && a->mmio.insn_len <= EMUL_INSN_MAX) {
		e->given = a->mmio.insn_len;
		memcpy(e->insn, a->mmio.insn, e->given);
	}
	do {
		result = emul_step(e);
	} while (result == EMUL_AGAIN && ++again < EMULATE_AGAIN_MAX &&
		 v->monitor->request == REQUEST_NONE);
	if (result == EMUL_FAULT)
		emul_fault_post(e);
	a->push |= e->changed;
	if (result == EMUL_UNKNOWN && !changed_meanwhile(v))
		unknown_instruction(v);
	else if (result != EMUL_UNKNOWN)
		v->unknowns = 0;
	if (result == EMUL_HOST)
		monitor_ask(v->monitor, REQUEST_CRASH, "the emulator's host failed: status %d",
			    e->host_error);
}

enum emul_result monitor_task_switch(struct monitor_vcpu *v)
{
	struct vcpu_area *a = v->area;
	struct vcpu_task task = a->task;
	struct emul *e = &v->emul;
	enum emul_result result = EMUL_AGAIN;

	e->valid = a->pulled;
	e->changed = 0;
	for (unsigned again = 0; result == EMUL_AGAIN && again < EMULATE_AGAIN_MAX; again++)
		result = emul_task_switch(e, &task);
	if (result == EMUL_FAULT)
		emul_fault_post(e);
	a->push |= e->changed;
	if (result == EMUL_UNKNOWN || result == EMUL_HOST || result == EMUL_AGAIN)
		monitor_ask(v->monitor, REQUEST_CRASH, "the task switch to selector 0x%x failed on vCPU %u",
			    task.selector, v->index);
	return result;
}
