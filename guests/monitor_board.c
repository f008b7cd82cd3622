/* SPDX-License-Identifier: GPL-2.0-only */
/* The board's way out: time, interrupts, guest memory and the console. All with the lock held. */
#include "guests/monitor.h"

#include "lib/list.h"
#include "lib/string.h"

static struct monitor *of_board(struct board *b)
{
	return list_entry(b, struct monitor, board);
}

uint64_t monitor_now(const struct monitor *m)
{
	uint64_t delta = sys_tsc() - m->tsc_base;

	delta = m->ns_shift >= 0 ? delta << m->ns_shift : delta >> -m->ns_shift;
	return (uint64_t)(((unsigned __int128)delta * m->ns_mul) >> 32);
}

uint8_t *monitor_ram(const struct monitor *m, uint64_t at, uint64_t bytes)
{
	uint64_t high = at - LOAD_HOLE_END;

	if (at < m->low_bytes && bytes <= m->low_bytes - at)
		return m->ram + at;
	if (at >= LOAD_HOLE_END && high < m->high_bytes && bytes <= m->high_bytes - high)
		return m->ram + at;
	return NULL;
}

static uint64_t op_now(struct board *b)
{
	return monitor_now(of_board(b));
}

static uint64_t op_wall(struct board *b)
{
	struct monitor *m = of_board(b);

	return m->boot->wall + (sys_tsc() - m->boot->wall_tsc) / m->tsc_hz;
}

static void op_deadline(struct board *b, uint64_t when)
{
	struct monitor *m = of_board(b);

	m->deadline = when;
	m->deadline_moved = true;
}

static void op_msi(struct board *b, uint64_t address, uint32_t data)
{
	sys_vm_irq(of_board(b)->boot->handle.vm, address, data);
}

static void op_intr_set(struct board *b, bool level)
{
	sys_vcpu_ctl(of_board(b)->vcpu[0].handle, VCPU_INTR_SET, level, 0, NULL);
}

static int op_mem_read(struct board *b, gpa_t from, void *to, size_t bytes)
{
	const uint8_t *p = monitor_ram(of_board(b), from.raw, bytes);

	if (!p)
		return E_RANGE;
	memcpy(to, p, bytes);
	return 0;
}

static int op_mem_write(struct board *b, gpa_t to, const void *from, size_t bytes)
{
	uint8_t *p = monitor_ram(of_board(b), to.raw, bytes);

	if (!p)
		return E_RANGE;
	memcpy(p, from, bytes);
	return 0;
}

static size_t op_console_out(struct board *b, unsigned console, const void *data, size_t bytes)
{
	struct monitor *m = of_board(b);

	if (console != 0)
		return bytes; /* nobody listens on the second port: as with no cable */
	m->console_moved = true;
	return ring_put(&m->console_out, data, bytes); /* the chip tries again with the rest */
}

static void op_console_ready(struct board *b, unsigned console)
{
	struct monitor *m = of_board(b);

	if (console == 0 && m->typed_wait) {
		m->typed_wait = false;
		sys_event_signal(m->boot->handle.event, MONITOR_BIT_CONSOLE);
	}
}

static void op_machine(struct board *b, enum vdev_machine_request request)
{
	struct monitor *m = of_board(b);

	if (request == VDEV_MACHINE_RESET)
		monitor_ask(m, REQUEST_RESET, "the guest resets itself");
	else if (request == VDEV_MACHINE_POWER_OFF)
		monitor_ask(m, REQUEST_POWER_OFF, "the guest has switched itself off");
	/* A20: nested paging cannot wrap addresses, and no guest here needs it to. */
}

static void op_exit(struct board *b, uint32_t status)
{
	struct monitor *m = of_board(b);

	m->shared->exit_status = status;
	monitor_ask(m, REQUEST_EXIT, "the guest ended itself with exit status %u", status);
}

static void op_failed(struct board *b, const char *device, const char *why, uint64_t value)
{
	monitor_ask(of_board(b), REQUEST_CRASH, "device %s: %s (0x%llx)", device, why,
		    (unsigned long long)value);
}

const struct board_ops monitor_board_ops = {
	.now = op_now,
	.wall = op_wall,
	.deadline = op_deadline,
	.msi = op_msi,
	.intr_set = op_intr_set,
	.mem_read = op_mem_read,
	.mem_write = op_mem_write,
	.console_out = op_console_out,
	.console_ready = op_console_ready,
	.machine = op_machine,
	.exit = op_exit,
	.failed = op_failed,
};

void monitor_console_pump(struct monitor *m)
{
	for (unsigned round = 0; round < 16 && !m->typed_wait; round++) {
		unsigned offered;
		size_t taken;

		if (m->typed_at == m->typed_end) {
			m->typed_at = 0;
			m->typed_end = (unsigned)ring_take(&m->console_in, m->typed, sizeof(m->typed));
			if (m->typed_end == 0)
				return;
		}
		offered = m->typed_end - m->typed_at;
		m->typed_wait = true; /* console_ready, perhaps from within, takes it back */
		taken = board_console_in(&m->board, 0, m->typed + m->typed_at, offered);
		m->typed_at += (unsigned)(taken < offered ? taken : offered);
		if (taken >= offered)
			m->typed_wait = false;
	}
}
