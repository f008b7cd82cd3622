/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hostile: exits of one kind, with arbitrary operands, as fast as the guest can, on all its processors, for ever:
 * port, msr, mmio, ipi, hypercall, string; console: output; sweep: a write to every port, MSR and page of chips and
 * to some of every other 2 MiB. The judges end the VM, or let it run beside others: the box must not care. Left out
 * is what would end the guest by itself; storm.c has other kinds.
 */
#include "tests/payload/lib/hostile.h"

#include "lib/string.h"

static uint8_t buffer[4096] __attribute__((aligned(4096)));

static bool is_console_or_s5(uint16_t port)
{
	return (port & ~7U) == 0x3f8 || (port >= 0x600 && port <= 0x62f);
}

static bool may_write_port(uint16_t port)
{
	return port != 0x64 && port != 0x92 && (port & ~7U) != 0xcf8 /* resets */ && !is_console_or_s5(port);
}

static void write_port(uint16_t port, uint64_t r)
{
	if (r & 1)
		outb(port, (uint8_t)(r >> 16));
	else if (r & 2)
		outw(port, (uint16_t)(r >> 16));
	else
		outl(port, (uint32_t)(r >> 16));
}

static void flood_port(void)
{
	uint64_t r = arbitrary();
	/* Half of them where chips are. */
	uint16_t port = (uint16_t)(r & 1 ? r >> 8 : r >> 8 & 0x3ff);

	switch (r >> 32 & 7) {
	case 0: inb(port); break;
	case 1: inw(port); break;
	case 2: inl(port); break;
	case 3: {
		uint64_t to = (uint64_t)(uintptr_t)buffer, count = r >> 40 & 0xfff;

		__asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(port) : "memory");
		break;
	}
	default:
		if (may_write_port(port) && may_write_port((uint16_t)(port + 3)))
			write_port(port, r >> 35);
	}
}

static void touch_msr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("rdmsr" : : "c"(msr) : "rax", "rdx");
	/* It needs its mode, its APIC and no INIT; values with high bits keep clock pages off its own RAM. */
	if (msr == MSR_EFER || msr == MSR_APIC_BASE || msr == 0x830)
		return;
	value = value >> 60 & 1 ? value : 1ULL << (value & 63) | 1ULL << 40;
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static void flood_msr(void)
{
	static const uint32_t area[] = { 0, 0x800, 0xc0000080, 0xc0010000, 0x4b564d00, 0x40000000, 0x200, 0x400 };
	uint64_t r = arbitrary();

	touch_msr(r & 7 ? area[r >> 3 & 7] + (uint32_t)(r >> 8 & 0xff) : (uint32_t)(r >> 16), arbitrary());
}

static void touch_mmio(uint64_t at, uint64_t r)
{
	/* No INIT to itself or others. */
	if ((r & 1) && !(at >= 0xfee002f0 && at <= 0xfee0031f))
		__asm__ volatile("movl %0, (%1)" : : "r"((uint32_t)(r >> 32)), "r"(at) : "memory");
	else if (r & 2)
		__asm__ volatile("movq (%0), %%rax" : : "r"(at) : "rax", "memory");
	else if (r & 4)
		__asm__ volatile("movzbl (%0), %%eax" : : "r"(at) : "rax", "memory");
	else if (at - 0xfee00000 > 0xfff)
		__asm__ volatile("lock xaddw %%ax, (%0)" : : "r"(at) : "rax", "memory");
}

static void flood_mmio(void)
{
	uint64_t r = arbitrary(), at = ram_low_end + (r >> 8) % ((1ULL << 32) - 4096 - ram_low_end);

	if (r & 1) /* where chips are */
		at = (r & 2 ? 0xfec00000 : 0xfee00000) + (r >> 8 & 0xfff);
	touch_mmio(at, r >> 2);
}

/* To itself, to nobody, and to everybody there is. */
static void flood_ipi(void)
{
	uint64_t r = arbitrary();

	lapic_self(32 + (unsigned)(r & 0xff) % 223);
	if (r >> 8 & 1)
		wrmsr(0x830, (32 + (r >> 16 & 0xff) % 223) | ICR_OTHERS);
	else if (r >> 9 & 1)
		wrmsr(0x830, (r >> 32 & 31) << 32 | (32 + (r >> 16 & 0xff) % 223) | (r >> 10 & 1 ? ICR_LOWEST : 0) |
				     (r >> 11 & 1 ? ICR_LOGICAL : 0));
	sti();
	cli();
}

static void flood_hypercall(void)
{
	uint64_t a = arbitrary(), b = arbitrary();

	if (!(a >> 63)) {
		cpuid((uint32_t)a, (uint32_t)b);
		return;
	}
	if ((b & 0xfff) == 10 << 8)
		b &= ~0xf00ULL;
	a = a >> 62 & 1 ? a & 0xffff : (a & 1 ? 5 : 10); /* half of them a kick, or IPIs to many */
	if (cpu_is_intel())
		__asm__ volatile("vmcall" : "+a"(a) : "b"(b), "c"(b >> 7), "d"(b & 31), "S"(b & 0xff) : "memory");
	else
		__asm__ volatile("vmmcall" : "+a"(a) : "b"(b), "c"(b >> 7), "d"(b & 31), "S"(b & 0xff) : "memory");
}

/* One instruction that is millions of accesses, up to 4 GiB where the payload's page tables end. */
static void flood_string(void)
{
	uint64_t to = 0xfec00010, count = ((1ULL << 32) - to) / 4;

	__asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(0x10000), "d"(0) : "memory");
}

/* Without waiting for the chip: lines, an endless line, control sequences, whatever. */
static void flood_console(void)
{
	static const char *const texts[] = { "a flooded console\r\n", "x", "\n", "\033[2J\033[99;99H\007", "\024off\r" };
	uint64_t r = arbitrary(), from = (uint64_t)(uintptr_t)buffer, count = sizeof(buffer);
	const char *text = texts[(r >> 8) % 5];
	size_t n = strlen(text);

	for (unsigned i = 0; i < sizeof(buffer); i++)
		buffer[i] = (uint8_t)text[i % n];
	if (r & 1)
		__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(0x3f8) : "memory");
	else
		for (unsigned i = 0; i < 1024; i++)
			outb(0x3f8, buffer[i]);
}

/* ---- one after the other ---- */

/* Memory that no loader touches: a reset goes on where it came from. */
struct progress {
	uint64_t magic, next, passes;
};
#define PROGRESS ((volatile struct progress *)(uintptr_t)0x90000)
#define MAGIC	 0x5357454550ULL
enum { PORTS = 0x10000, MSRS = 4 * 0x2000, CHIP_PAGES = 0x1400 /* 0xfec00000 to 4 GiB */ };

static uint64_t sweep_end(void)
{
	return PORTS + MSRS + CHIP_PAGES + ((0xfec00000 - ram_low_end) >> 21);
}

static void sweep_prepare(void)
{
	if (PROGRESS->magic != MAGIC || PROGRESS->next > sweep_end() + AP_MAX)
		*PROGRESS = (struct progress){ .magic = MAGIC };
	say("INFO pass %llu goes on at %llu of %llu", (unsigned long long)PROGRESS->passes,
	    (unsigned long long)PROGRESS->next, (unsigned long long)sweep_end());
}

static void sweep(void)
{
	static const uint32_t msr_base[] = { 0, 0xc0000000, 0xc0010000, 0x4b564000 };
	uint64_t n = __atomic_fetch_add(&PROGRESS->next, 1, __ATOMIC_SEQ_CST), r = arbitrary(), page;

	if (n < PORTS) {
		if (!is_console_or_s5((uint16_t)n) && !is_console_or_s5((uint16_t)(n + 3)))
			write_port((uint16_t)n, r);
		return;
	}
	n -= PORTS;
	if (n < MSRS) {
		touch_msr(msr_base[n >> 13] + (uint32_t)(n & 0x1fff), r);
		return;
	}
	n -= MSRS;
	page = n < CHIP_PAGES ? 0xfec00000 + (n << 12) : ram_low_end + ((n - CHIP_PAGES) << 21) + (r & 0x1ff000);
	if (n < sweep_end() - PORTS - MSRS) {
		touch_mmio(page + (r >> 32 & 0xff0), r | 1);
		touch_mmio(page + (r >> 40 & 0xfff), r & ~1ULL);
	} else if (cpu_self() == 0) {
		PROGRESS->next = 0;
		PROGRESS->passes++;
		say("INFO pass %llu is done: every port, MSR and page of chips", (unsigned long long)PROGRESS->passes);
	}
}

static const struct hostile_kind kinds[] = {
	{ "port", flood_port, NULL },	{ "msr", flood_msr, NULL },	{ "mmio", flood_mmio, NULL },
	{ "ipi", flood_ipi, NULL },	{ "hypercall", flood_hypercall, NULL },	{ "string", flood_string, NULL },
	{ "console", flood_console, NULL }, { "sweep", sweep, sweep_prepare }, { 0 },
};

static void flood(void)
{
	hostile_for_ever(kinds);
}

const struct test payload_tests[] = {
	{ "flood", flood },
	{ 0 },
};
