/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program as people write them for `qemu-system-x86_64 -kernel`: multiboot, debug-exit, test devices,
 * fw_cfg. It prints only what must be the same on every machine that has these: the judge runs the same
 * file under QEMU and under Bulkhead and compares. Its exit status is what `status=` on its command line
 * says.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define START_MAGIC 0x2badb002u

enum { COM1 = 0x3f8, DEBUG_CONSOLE = 0xe9, DEBUG_EXIT = 0xf4, SCRATCH = 0xe0, FLUSH = 0xe4 };
enum { SCRATCH_BYTE = 0xe8, IRQ_LINES = 0x2000, FW_SELECT = 0x510, FW_DATA = 0x511, FW_DMA = 0x514 };
enum { TEST_MEMORY = 0xff000000, VECTOR_BASE = 0x20, IRQ = 14, VGA_TEXT = 0xb8000 };

struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, drives[2], config_table, loader_name;
};

struct module {
	uint32_t start, end, string, reserved;
};

struct map_entry {
	uint32_t size;
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

void idt_load(const void *pointer);
void irq_stub(void);
void multiboot_main(uint32_t magic, const struct info *info);
extern volatile uint32_t irq_count;
extern char image_start[], image_end[];

static uint64_t idt[256];

#define PORT_IO(letter, type)                                                           \
	static void out##letter(uint16_t port, type value)                              \
	{                                                                               \
		__asm__ volatile("out" #letter " %0, %1" : : "a"(value), "Nd"(port));   \
	}                                                                               \
	static type in##letter(uint16_t port)                                           \
	{                                                                               \
		type value;                                                             \
		__asm__ volatile("in" #letter " %1, %0" : "=a"(value) : "Nd"(port));    \
		return value;                                                           \
	}
PORT_IO(b, uint8_t)
PORT_IO(w, uint16_t)
PORT_IO(l, uint32_t)

static void put(char c)
{
	while (!(inb(COM1 + 5) & 0x20))
		;
	outb(COM1, (uint8_t)c);
}

static void text(const char *s)
{
	for (; *s; s++) {
		if (*s == '\n')
			put('\r');
		put(*s);
	}
}

static void number(const char *name, uint32_t value)
{
	text(name);
	text(" 0x");
	for (int shift = 28; shift >= 0; shift -= 4)
		put("0123456789abcdef"[value >> shift & 15]);
	text("\n");
}

static void check(const char *name, bool good)
{
	text(good ? "PASS " : "FAIL ");
	text(name);
	text("\n");
}

static bool same(const void *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((const char *)a)[i] != b[i])
			return false;
	return true;
}

static void *at(uint32_t address)
{
	return (void *)(uintptr_t)address;
}

/* Its entries differ between machines; that low memory and we are in usable ones does not. */
static void memory_map(const struct info *info)
{
	uint32_t end = info->mmap_addr + info->mmap_length;
	bool low = false, ours = false, ordered = true;

	for (uint32_t p = info->mmap_addr; p < end;) {
		const struct map_entry *e = at(p);
		uint64_t last = e->base + e->length;

		ordered &= e->length != 0 && last > e->base && e->size >= 20;
		low |= e->type == 1 && e->base == 0 && e->length >= 512 << 10;
		ours |= e->type == 1 && e->base <= (uintptr_t)image_start &&
			last >= (uintptr_t)image_end;
		p += e->size + 4;
	}
	check("memory map", low && ours && ordered);
	check("mem_lower, mem_upper", info->mem_lower >= 512 && info->mem_lower <= 640 &&
					      info->mem_upper >= 60 << 10);
}

static void modules(const struct info *info)
{
	number("modules", info->mods_count);
	for (uint32_t i = 0; i < info->mods_count; i++) {
		const struct module *m = (const struct module *)at(info->mods_addr) + i;
		uint32_t sum = 0;

		for (const uint8_t *p = at(m->start); p < (const uint8_t *)at(m->end); p++)
			sum = sum * 31 + *p;
		text(at(m->string));
		number(", bytes", m->end - m->start);
		number("  sum", sum);
		check("  page aligned, in memory of its own",
		      (m->start & 4095) == 0 && (m->start >= (uintptr_t)image_end ||
						 m->end <= (uintptr_t)image_start));
	}
}

static void test_devices(void)
{
	volatile uint32_t *memory = at(TEST_MEMORY);

	check("debug console is there", inb(DEBUG_CONSOLE) == 0xe9);
	for (const char *p = "through the debug console\n"; *p; p++)
		outb(DEBUG_CONSOLE, (uint8_t)*p);
	outl(SCRATCH, 0x11223344);
	check("scratch register", inl(SCRATCH) == 0x11223344 && inb(SCRATCH + 1) == 0x33 &&
					  inw(SCRATCH + 2) == 0x1122 && inb(SCRATCH_BYTE + 2) == 0x22);
	outl(FLUSH, (uint32_t)(uintptr_t)image_start & ~4095u);
	memory[0] = 0xdeadbeef;
	memory[0x3fff] = 0x12345678;
	check("test memory", memory[0] == 0xdeadbeef && memory[0x3fff] == 0x12345678 &&
				     *((volatile uint8_t *)memory + 3) == 0xde);
}

/* Interrupt line 14, raised and lowered by hand, through both 8259s. */
static void interrupt_line(void)
{
	uint32_t stub = (uint32_t)(uintptr_t)irq_stub;
	uint16_t cs;
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint32_t)(uintptr_t)idt };
	/* ICW1 to ICW4 of each, then masks: of the master all but the cascade, of the slave all but 14. */
	static const uint8_t program[][2] = { { 0x20, 0x11 }, { 0x21, VECTOR_BASE }, { 0x21, 4 },
					      { 0x21, 1 }, { 0x21, 0xfb }, { 0xa0, 0x11 },
					      { 0xa1, VECTOR_BASE + 8 }, { 0xa1, 2 }, { 0xa1, 1 },
					      { 0xa1, 0xbf } };

	__asm__("mov %%cs, %0" : "=r"(cs));
	idt[VECTOR_BASE + IRQ] = (stub & 0xffff) | (uint64_t)cs << 16 | 0x8e00ULL << 32 |
				 (uint64_t)(stub >> 16) << 48;
	idt_load(&pointer);
	for (unsigned i = 0; i < sizeof(program) / sizeof(program[0]); i++)
		outb(program[i][0], program[i][1]);
	outb(IRQ_LINES + IRQ, 1);
	check("an interrupt waits while IF is clear", irq_count == 0);
	for (uint32_t i = 0; i < 100000000 && irq_count == 0; i++)
		__asm__ volatile("sti; nop; cli" : : : "memory");
	check("interrupt line 14", irq_count == 1);
	outb(IRQ_LINES + IRQ, 0);
	outb(IRQ_LINES + IRQ, 1);
	for (uint32_t i = 0; i < 100000000 && irq_count == 1; i++)
		__asm__ volatile("sti; nop; cli" : : : "memory");
	check("and again", irq_count == 2);
	outb(IRQ_LINES + IRQ, 0);
}

static uint32_t fw_item(uint16_t key, unsigned bytes)
{
	uint32_t value = 0;

	outw(FW_SELECT, key);
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint32_t)inb(FW_DATA) << (8 * i);
	return value;
}

static uint32_t swap(uint32_t v)
{
	return v >> 24 | (v >> 8 & 0xff00) | (v << 8 & 0xff0000) | v << 24;
}

/* The sum of the usable entries: base, length, type, 20 bytes each. */
static uint32_t e820_ram(uint16_t key, uint32_t bytes)
{
	uint32_t sum = 0;

	fw_item(key, 0);
	for (uint32_t n = 0; n + 20 <= bytes; n += 20) {
		uint32_t length = 0, type = 0;

		for (unsigned i = 0; i < 20; i++) {
			uint32_t byte = inb(FW_DATA);

			length |= i >= 8 && i < 12 ? byte << (8 * (i - 8)) : 0;
			type |= i >= 16 ? byte << (8 * (i - 16)) : 0;
		}
		sum += type == 1 ? length >> 10 : 0;
	}
	return sum;
}

static void fw_cfg(void)
{
	static volatile uint32_t access[4];
	static char answer[8];
	uint32_t files, found = 0, bytes = 0;

	check("fw_cfg signature", fw_item(0, 4) == 0x554d4551);
	number("fw_cfg features", fw_item(1, 4));
	number("RAM, MiB", fw_item(3, 4) >> 20);
	number("processors", fw_item(5, 2));
	number("processors at most", fw_item(0x0f, 2));
	files = swap(fw_item(0x19, 4));
	for (uint32_t i = 0; i < files && i < 100; i++) {
		char entry[64];

		for (unsigned k = 0; k < sizeof(entry); k++)
			entry[k] = (char)inb(FW_DATA);
		if (!same(entry + 8, "etc/e820", 9))
			continue;
		bytes = (uint32_t)(uint8_t)entry[2] << 8 | (uint8_t)entry[3];
		found = (uint32_t)(uint8_t)entry[4] << 8 | (uint8_t)entry[5];
	}
	check("file etc/e820", found >= 0x20);
	number("  its RAM, KiB", e820_ram((uint16_t)found, bytes));
	check("DMA signature", inl(FW_DMA) == 0x554d4551 && inl(FW_DMA + 4) == 0x47464320);
	access[0] = swap(0x0000000a); /* select item 0, read */
	access[1] = swap(4);
	access[2] = 0;
	access[3] = swap((uint32_t)(uintptr_t)answer);
	outl(FW_DMA + 4, swap((uint32_t)(uintptr_t)access));
	check("DMA of the signature", access[0] == 0 && same(answer, "QEMU\0", 5));
	access[0] = swap(0x00000010); /* write: nothing here can be written */
	outl(FW_DMA + 4, swap((uint32_t)(uintptr_t)access));
	check("DMA write refused", access[0] == swap(1));
}

/* Text mode: what is written to the screen is there, and the cursor's registers keep what they get. */
static void vga(void)
{
	volatile uint16_t *screen = at(VGA_TEXT);

	screen[0] = 0x0741;
	screen[79] = 0x1f5a;
	outw(0x3d4, 0x120e);
	outw(0x3d4, 0x340f);
	outb(0x3d4, 0x0e);
	check("VGA text", screen[0] == 0x0741 && screen[79] == 0x1f5a && inb(0x3d5) == 0x12);
	outw(0x3d4, 0x000e);
}

static uint32_t wanted_status(const char *cmdline)
{
	for (const char *p = cmdline; *p; p++)
		if (same(p, "status=", 7) && p[7] >= '0' && p[7] <= '9')
			return (uint32_t)(p[7] - '0');
	return 100;
}

void multiboot_main(uint32_t magic, const struct info *info)
{
	const char *cmdline = magic == START_MAGIC ? at(info->cmdline) : "";
	uint32_t cr0;

	__asm__("mov %%cr0, %0" : "=r"(cr0));
	outb(COM1 + 1, 0);
	check("magic", magic == START_MAGIC);
	check("protected mode, no paging", (cr0 & 0x80000001) == 1);
	check("memory, command line, modules, map, loader's name", (info->flags & 0x24d) == 0x24d);
	text("command line: ");
	text(cmdline);
	text("\n");
	check("loader has a name", *(const char *)at(info->loader_name) != 0);
	memory_map(info);
	modules(info);
	test_devices();
	interrupt_line();
	fw_cfg();
	vga();
	text("END\n");
	outl(DEBUG_EXIT, wanted_status(cmdline));
}
