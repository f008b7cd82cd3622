/* SPDX-License-Identifier: GPL-2.0-only */
/* Ports of every width, string port instructions, MMIO by many instructions, and what is not there. */
#include "tests/payload/lib/payload.h"

#include "lib/string.h"

enum { SCRATCH = 0x3ff, NOWHERE = 0x5a00, PIC_MASK = 0x21, IOAPIC = 0xfec00000 };

static uint8_t buffer[8192] __attribute__((aligned(4096)));

static void port_8(void)
{
	for (unsigned v = 0; v < 256; v += 15) {
		outb(SCRATCH, (uint8_t)v);
		CHECK_EQ(inb(SCRATCH), v);
	}
}

static void port_16(void)
{
	uint32_t eax = 0xdeadbeef;

	__asm__ volatile("inw %w1, %w0" : "+a"(eax) : "d"(NOWHERE));
	CHECK_EQ(eax, 0xdeadffff);
	/* A device of bytes sees a word as two bytes: the scratch register is the upper one. */
	outb(SCRATCH, 0x5a);
	CHECK_EQ(inw(SCRATCH - 1) >> 8, 0x5a);
}

static void port_32(void)
{
	uint64_t rax = 0xdeadbeef12345678;

	outl(0xcf8, 0x8000f8a4 & ~3u);
	CHECK_EQ(inl(0xcf8), 0x8000f8a4);
	__asm__ volatile("inl %w1, %k0" : "+a"(rax) : "d"(0xcf8));
	CHECK_EQ(rax, 0x8000f8a4); /* a 32-bit result clears the upper half */
	outl(0xcf8, 0);
}

static void port_imm(void)
{
	uint8_t v;

	__asm__ volatile("inb $0x21, %0" : "=a"(v));
	CHECK_EQ(v, 0xff);
}

static void port_nowhere(void)
{
	CHECK_EQ(inb(NOWHERE), 0xff);
	CHECK_EQ(inw(NOWHERE), 0xffff);
	CHECK_EQ(inl(NOWHERE), 0xffffffff);
	outb(NOWHERE, 1);
	outw(NOWHERE, 2);
	outl(NOWHERE, 3);
}

static void pci_empty(void)
{
	outl(0xcf8, 0x80000000 | 31 << 11);
	CHECK_EQ(inl(0xcfc), 0xffffffff);
	CHECK_EQ(inw(0xcfc), 0xffff);
	CHECK_EQ(inb(0xcfc + 3), 0xff);
	outl(0xcf8, 0);
}

static void string_in(void)
{
	uint8_t *to = buffer;
	uint64_t count = 7;

	memset(buffer, 0, 16);
	outb(SCRATCH, 0x3c);
	__asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(SCRATCH) : "memory");
	CHECK_EQ(count, 0);
	CHECK(to == buffer + 7 && buffer[0] == 0x3c && buffer[6] == 0x3c && buffer[7] == 0);
	/* Downwards. */
	memset(buffer, 0, 16);
	to = buffer + 8;
	count = 3;
	__asm__ volatile("std; rep insb; cld" : "+D"(to), "+c"(count) : "d"(SCRATCH) : "memory");
	CHECK(to == buffer + 5 && buffer[5] == 0 && buffer[6] == 0x3c && buffer[8] == 0x3c);
	/* Nothing at all. */
	count = 0;
	__asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(SCRATCH) : "memory");
	CHECK(to == buffer + 5);
}

static void string_out(void)
{
	static const uint8_t bytes[] = { 1, 2, 3, 0x77 };
	const uint8_t *from = bytes;
	uint64_t count = sizeof(bytes);

	__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(SCRATCH) : "memory");
	CHECK_EQ(count, 0);
	CHECK(from == bytes + 4);
	CHECK_EQ(inb(SCRATCH), 0x77);
}

static void string_wide(void)
{
	static const uint32_t value = 0x80001234;
	const uint32_t *from = &value;
	uint8_t *to = buffer;

	__asm__ volatile("outsl" : "+S"(from) : "d"(0xcf8) : "memory");
	__asm__ volatile("insl" : "+D"(to) : "d"(0xcf8) : "memory");
	CHECK_EQ(*(uint32_t *)(void *)buffer, 0x80001234);
	__asm__ volatile("insw" : "+D"(to) : "d"(NOWHERE) : "memory");
	CHECK_EQ(*(uint16_t *)(void *)(buffer + 4), 0xffff);
	outl(0xcf8, 0);
}

/* Words and double words, repeated, both ways. COM1's modem status and scratch register are one word. */
static void string_widths(void)
{
	static const uint16_t words[] = { 0x1100, 0x2200, 0x5600 };
	static const uint32_t longs[] = { 0x80000010, 0x80000020, 0x80005678 };
	const void *from = words;
	uint8_t *to = buffer;
	uint64_t count = 3;

	__asm__ volatile("rep outsw" : "+S"(from), "+c"(count) : "d"(SCRATCH - 1) : "memory");
	CHECK(count == 0 && from == words + 3);
	CHECK_EQ(inb(SCRATCH), 0x56);
	memset(buffer, 0, 64);
	count = 3;
	__asm__ volatile("rep insw" : "+D"(to), "+c"(count) : "d"(SCRATCH - 1) : "memory");
	CHECK(count == 0 && to == buffer + 6 && buffer[1] == 0x56 && buffer[5] == 0x56 && buffer[7] == 0);
	from = longs;
	count = 3;
	__asm__ volatile("rep outsl" : "+S"(from), "+c"(count) : "d"(0xcf8) : "memory");
	CHECK(count == 0 && from == longs + 3);
	CHECK_EQ(inl(0xcf8), 0x80005678);
	memset(buffer, 0, 64);
	to = buffer + 16;
	count = 3;
	__asm__ volatile("std; rep insl; cld" : "+D"(to), "+c"(count) : "d"(0xcf8) : "memory");
	CHECK(count == 0 && to == buffer + 4);
	for (unsigned i = 8; i <= 16; i += 4)
		CHECK_EQ(*(uint32_t *)(void *)(buffer + i), 0x80005678);
	CHECK(*(uint32_t *)(void *)(buffer + 4) == 0 && *(uint32_t *)(void *)(buffer + 20) == 0);
	outl(0xcf8, 0);
	/* ECX and EDI only, with a 32-bit address size. */
	outb(SCRATCH, 0x71);
	to = (uint8_t *)((uintptr_t)buffer | 0xabcd000000000000);
	count = 0xffffffff00000002;
	__asm__ volatile("addr32 rep insb" : "+D"(to), "+c"(count) : "d"(SCRATCH) : "memory");
	CHECK_EQ((uint32_t)count, 0);
	CHECK(buffer[0] == 0x71 && buffer[1] == 0x71 && (uint32_t)(uintptr_t)to == (uint32_t)(uintptr_t)buffer + 2);
}

static void string_page_cross(void)
{
	uint8_t *to = buffer + 4090;
	uint64_t count = 12;

	memset(buffer, 0, sizeof(buffer));
	outb(SCRATCH, 0x69);
	__asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(SCRATCH) : "memory");
	CHECK(buffer[4089] == 0 && buffer[4090] == 0x69 && buffer[4101] == 0x69 && buffer[4102] == 0);
}

static void string_long(void)
{
	uint8_t *to = buffer;
	uint64_t count = 6000; /* more than one round trip's budget */

	memset(buffer, 0, sizeof(buffer));
	outb(SCRATCH, 0x42);
	__asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(SCRATCH) : "memory");
	CHECK_EQ(count, 0);
	CHECK(buffer[0] == 0x42 && buffer[5999] == 0x42 && buffer[6000] == 0);
}

static void string_fault(void)
{
	uint64_t to = 0x123456789000, count = 3;

	/* INS into an unmapped page: #PF, and nothing has moved. */
	CHECK(!TRY("rep insb", : "+D"(to), "+c"(count) : "d"(SCRATCH) : "memory"));
	CHECK_EQ(caught.vector, VECTOR_PF);
	CHECK_EQ(caught.error, 2);
	CHECK_EQ(caught.cr2, 0x123456789000);
	CHECK_EQ(count, 3);
}

static volatile uint32_t *ioregsel(void)
{
	return (volatile uint32_t *)(uintptr_t)IOAPIC;
}

/* One form each: the register select of the IOAPIC holds eight bits. */
static void mmio_forms(void)
{
	volatile uint32_t *r = ioregsel();
	uint32_t v = 0x10, old;
	uint64_t wide;

	__asm__ volatile("movl %1, %0" : "=m"(*r) : "r"(v));
	CHECK_EQ(*r, 0x10);
	__asm__ volatile("movl $0x12, %0" : "=m"(*r));
	__asm__ volatile("movzbl %1, %0" : "=r"(old) : "m"(*r));
	CHECK_EQ(old, 0x12);
	__asm__ volatile("movzwl %1, %0" : "=r"(old) : "m"(*r));
	CHECK_EQ(old, 0x12);
	__asm__ volatile("movslq %1, %0" : "=r"(wide) : "m"(*r));
	CHECK_EQ(wide, 0x12);
	__asm__ volatile("orl $1, %0" : "+m"(*r));
	CHECK_EQ(*r, 0x13);
	__asm__ volatile("andl $0x11, %0" : "+m"(*r));
	CHECK_EQ(*r, 0x11);
	__asm__ volatile("xorl $3, %0" : "+m"(*r));
	CHECK_EQ(*r, 0x12);
	__asm__ volatile("addl $2, %0" : "+m"(*r));
	CHECK_EQ(*r, 0x14);
	__asm__ volatile("subl $4, %0" : "+m"(*r));
	CHECK_EQ(*r, 0x10);
	__asm__ volatile("incl %0" : "+m"(*r));
	CHECK_EQ(*r, 0x11);
	__asm__ volatile("decl %0" : "+m"(*r));
	CHECK_EQ(*r, 0x10);
	v = 0x20;
	__asm__ volatile("xchgl %0, %1" : "+r"(v), "+m"(*r));
	CHECK_EQ(v, 0x10);
	CHECK_EQ(*r, 0x20);
}

static void mmio_locked(void)
{
	volatile uint32_t *r = ioregsel();
	uint32_t a = 0x20, v = 0x21;
	uint8_t equal;

	*r = 0x20;
	__asm__ volatile("lock cmpxchgl %3, %1; sete %2" : "+a"(a), "+m"(*r), "=q"(equal) : "r"(v));
	CHECK_EQ(equal, 1);
	CHECK_EQ(*r, 0x21);
	a = 0x55;
	__asm__ volatile("lock cmpxchgl %3, %1; sete %2" : "+a"(a), "+m"(*r), "=q"(equal) : "r"(v));
	CHECK_EQ(equal, 0);
	CHECK_EQ(a, 0x21);
	v = 3;
	__asm__ volatile("lock xaddl %0, %1" : "+r"(v), "+m"(*r));
	CHECK_EQ(v, 0x21);
	CHECK_EQ(*r, 0x24);
	__asm__ volatile("lock btsl $0, %0; setc %1" : "+m"(*r), "=q"(equal));
	CHECK_EQ(equal, 0);
	CHECK_EQ(*r, 0x25);
	__asm__ volatile("btl $0, %1; setc %0" : "=q"(equal) : "m"(*r));
	CHECK_EQ(equal, 1);
	__asm__ volatile("lock btrl $0, %0; setc %1" : "+m"(*r), "=q"(equal));
	CHECK_EQ(equal, 1);
	CHECK_EQ(*r, 0x24);
}

static void mmio_flags(void)
{
	volatile uint32_t *r = ioregsel();
	uint8_t zero, below;

	*r = 0x10;
	__asm__ volatile("cmpl $0x10, %2; setz %0; setb %1" : "=q"(zero), "=q"(below) : "m"(*r));
	CHECK(zero == 1 && below == 0);
	__asm__ volatile("cmpl $0x11, %2; setz %0; setb %1" : "=q"(zero), "=q"(below) : "m"(*r));
	CHECK(zero == 0 && below == 1);
	__asm__ volatile("testl $0x10, %1; setz %0" : "=q"(zero) : "m"(*r));
	CHECK_EQ(zero, 0);
}

static void mmio_addressing(void)
{
	uint64_t base = IOAPIC - 0x40, index = 4;
	uint32_t v;

	*ioregsel() = 0x17;
	__asm__ volatile("movl 0x20(%1, %2, 8), %0" : "=r"(v) : "r"(base), "r"(index));
	CHECK_EQ(v, 0x17);
	__asm__ volatile("movl (%k1), %0" : "=r"(v) : "r"((uint64_t)IOAPIC | 0xffffffff00000000));
	CHECK_EQ(v, 0x17); /* a 32-bit address */
	__asm__ volatile("push %%rbx; mov %1, %%rbx; movl %%es:(%%rbx), %0; pop %%rbx" : "=a"(v) : "D"((uint64_t)IOAPIC));
	CHECK_EQ(v, 0x17);
}

static void mmio_string(void)
{
	uint32_t *to = (uint32_t *)(void *)buffer;
	uint64_t from = IOAPIC, count = 1;

	memset(buffer, 0, 16);
	*ioregsel() = 0x1a;
	__asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
	CHECK_EQ(*(uint32_t *)(void *)buffer, 0x1a);
	__asm__ volatile("lodsl" : "=a"(count), "=S"(from) : "1"((uint64_t)IOAPIC));
	CHECK_EQ(count & 0xff, 0x1a);
}

static void mmio_lapic_page(void)
{
	volatile uint32_t *tpr = (volatile uint32_t *)(uintptr_t)(0xfee00000 + LAPIC_TPR);

	lapic_init(false);
	*tpr = 0x40;
	CHECK_EQ(*tpr, 0x40);
	CHECK_EQ(READ_REG("cr8"), 4);
	__asm__ volatile("orl $0x20, %0" : "+m"(*tpr));
	CHECK_EQ(*tpr, 0x60);
	*tpr = 0;
	CHECK_EQ(lapic_get(LAPIC_VERSION) & 0xf0, 0x10);
}

/* Memory that is not there reads as all-ones, and takes writes without a trace. */
static void outside_ram(void)
{
	volatile uint64_t *hole = (volatile uint64_t *)(uintptr_t)0xd0000000;

	if (ram_low_end > 0xd0000000)
		skip("there is RAM");
	if (!on_bulkhead())
		skip("not Bulkhead: this host reads zeros");
	CHECK_EQ(*hole, UINT64_MAX);
	*hole = 0x1234;
	CHECK_EQ(*hole, UINT64_MAX);
	CHECK_EQ(*(volatile uint8_t *)hole, 0xff);
	CHECK_EQ(*(volatile uint16_t *)hole, 0xffff);
	CHECK_EQ(*(volatile uint32_t *)hole, 0xffffffff);
}

/* The last bytes of RAM, and an access across its end. */
static void end_of_ram(void)
{
	volatile uint32_t *last = (volatile uint32_t *)(uintptr_t)(ram_low_end - 4);
	uint32_t old = *last;

	if (!on_bulkhead())
		skip("the firmware's memory follows");
	*last = 0xa1b2c3d4;
	CHECK_EQ(*last, 0xa1b2c3d4);
	CHECK_EQ(*(volatile uint32_t *)((uintptr_t)last + 2), 0xffffa1b2);
	*last = old;
}

const struct test payload_tests[] = {
	{ "port_8", port_8 },
	{ "port_16", port_16 },
	{ "port_32", port_32 },
	{ "port_imm", port_imm },
	{ "port_nowhere", port_nowhere },
	{ "pci_empty", pci_empty },
	{ "string_in", string_in },
	{ "string_out", string_out },
	{ "string_wide", string_wide },
	{ "string_widths", string_widths },
	{ "string_page_cross", string_page_cross },
	{ "string_long", string_long },
	{ "string_fault", string_fault },
	{ "mmio_forms", mmio_forms },
	{ "mmio_locked", mmio_locked },
	{ "mmio_flags", mmio_flags },
	{ "mmio_addressing", mmio_addressing },
	{ "mmio_string", mmio_string },
	{ "mmio_lapic_page", mmio_lapic_page },
	{ "outside_ram", outside_ram },
	{ "end_of_ram", end_of_ram },
	{ 0 },
};
