/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hostile: exits of one kind, with arbitrary operands, as fast as the guest can, for ever. `kind=` on the
 * command line chooses: port, msr, mmio, ipi, hypercall, string. The judge (tests/payload/hostile) sets a time limit:
 * the box must end this VM, and say so, whatever the VM does. Left out is only what would end the guest by itself.
 */
#include "tests/payload/lib/payload.h"

#include "lib/string.h"

static uint64_t seed = 0x2545f4914f6cdd1d;
static volatile uint64_t served;
static uint8_t buffer[4096] __attribute__((aligned(4096)));

static uint64_t arbitrary(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static bool may_write_port(uint16_t port)
{
	return port != 0x64 && port != 0x92 && (port & ~7U) != 0xcf8 && /* resets */
	       (port & ~7U) != 0x3f8 && (port < 0x600 || port > 0x62f); /* console, ACPI S5 */
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
	case 3: __asm__ volatile("rep insb" : : "d"(port), "D"(buffer), "c"(r >> 40 & 0xfff) : "memory"); break;
	default:
		if (!may_write_port(port) || !may_write_port((uint16_t)(port + 3)))
			return;
		if (r >> 35 & 1)
			outb(port, (uint8_t)(r >> 48));
		else if (r >> 36 & 1)
			outw(port, (uint16_t)(r >> 48));
		else
			outl(port, (uint32_t)(r >> 32));
	}
}

static void flood_msr(void)
{
	static const uint32_t area[] = { 0, 0x800, 0xc0000080, 0xc0010000, 0x4b564d00, 0x40000000, 0x200, 0x400 };
	uint64_t r = arbitrary(), value = arbitrary();
	uint32_t msr = r & 7 ? area[r >> 3 & 7] + (uint32_t)(r >> 8 & 0xff) : (uint32_t)(r >> 16);

	TRY("rdmsr", : : "c"(msr) : "rax", "rdx");
	/* It needs its mode, its APIC and no INIT; values with high bits keep clock pages off its own RAM. */
	if (msr == MSR_EFER || msr == MSR_APIC_BASE || msr == 0x830)
		return;
	value = r >> 60 & 1 ? value : 1ULL << (value & 63) | 1ULL << 40;
	TRY("wrmsr", : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static void flood_mmio(void)
{
	uint64_t r = arbitrary(), at = ram_low_end + (r >> 8) % ((1ULL << 32) - 4096 - ram_low_end);

	if (r & 1) /* where chips are */
		at = (r & 2 ? 0xfec00000 : 0xfee00000) + (r >> 8 & 0xfff);
	/* No INIT to itself. */
	if ((r & 4) && !(at >= 0xfee002f0 && at <= 0xfee0031f))
		TRY("movl %0, (%1)", : : "r"((uint32_t)(r >> 32)), "r"(at) : "memory");
	else if (r & 8)
		TRY("movq (%0), %%rax", : : "r"(at) : "rax", "memory");
	else if (r & 16)
		TRY("movzbl (%0), %%eax", : : "r"(at) : "rax", "memory");
	else if (!(at >= 0xfee00000 && at <= 0xfee00fff))
		TRY("lock xaddw %%ax, (%0)", : : "r"(at) : "rax", "memory");
}

static void served_one(struct frame *f)
{
	(void)f;
	served++;
	lapic_eoi();
}

static void flood_ipi(void)
{
	uint64_t r = arbitrary();

	lapic_self(32 + (unsigned)(r & 0xff) % 223);
	if (r >> 8 & 1)
		wrmsr(0x830, (r >> 16 & 0xff) | 3 << 18); /* all but ourselves: nobody */
	sti();
	cli();
}

static void flood_hypercall(void)
{
	uint64_t a = arbitrary(), b = arbitrary();

	if (a >> 63)
		TRY("vmmcall", : : "a"(a & 0xffff), "b"(b), "c"(a), "d"(b), "S"(a) : "memory");
	else
		cpuid((uint32_t)a, (uint32_t)b);
}

/* One instruction that is millions of accesses, up to 4 GiB where the payload's page tables end. */
static void flood_string(void)
{
	uint64_t to = 0xfec00010, count = ((1ULL << 32) - to) / 4;

	__asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(0x10000), "d"(0) : "memory");
}

static const struct {
	const char *name;
	void (*run)(void);
} kinds[] = {
	{ "port", flood_port }, { "msr", flood_msr },		  { "mmio", flood_mmio },
	{ "ipi", flood_ipi },	{ "hypercall", flood_hypercall }, { "string", flood_string },
};

static void flood(void)
{
	const char *kind = option("kind=");

	for (unsigned v = 32; v < 256; v++)
		on_trap(v, served_one);
	lapic_init(true);
	cli();
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!kind || strncmp(kind, kinds[i].name, strlen(kinds[i].name)) != 0)
			continue;
		say("INFO %s exits for ever", kinds[i].name);
		for (;;)
			kinds[i].run();
	}
	fail("no such kind");
}

const struct test payload_tests[] = {
	{ "flood", flood },
	{ 0 },
};
