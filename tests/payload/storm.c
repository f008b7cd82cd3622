/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hostile, as flood.c, by events and by what races: timer, intr (every pin of the IOAPIC, every way), nmi, init
 * (INIT and start-up IPIs among the vCPUs), hlt (HLT, PAUSE, MWAIT, kicks), emul (an instruction and the page
 * tables under it change while it is emulated), reset (from the start, for ever), die (a new way of dying each life).
 */
#include "tests/payload/lib/hostile.h"

#include "lib/string.h"

static void timer(void)
{
	static const uint8_t divide[] = { 0xb, 0, 1, 0xa };
	uint64_t r = arbitrary();

	switch (r & 7) {
	case 0:
		lapic_set(LAPIC_LVTT, LVT_PERIODIC | (32 + (unsigned)(r >> 8 & 0xff) % 223));
		lapic_set(LAPIC_TDCR, divide[r >> 3 & 3]);
		lapic_set(LAPIC_TICR, (uint32_t)(r >> 32) >> (r >> 16 & 31));
		break;
	case 1:
		lapic_set(LAPIC_LVTT, LVT_DEADLINE | (32 + (unsigned)(r >> 8 & 0xff) % 223));
		break;
	case 2: /* the 8254, as fast as it goes */
		outb(0x43, 0x34);
		outb(0x40, (uint8_t)(1 + (r >> 8 & 7)));
		outb(0x40, 0);
		break;
	case 3: /* the clock's periodic interrupt at 8192 a second */
		outb(0x70, 0xa), outb(0x71, 0x23);
		outb(0x70, 0xb), outb(0x71, 0x72);
		outb(0x70, 0xc), inb(0x71);
		break;
	default:
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + (r >> 8 & 0xffff));
	}
	sti();
	cpu_pause();
	cli();
}

static void timer_prepare(void)
{
	ioapic_set(0x10 + 2 * 2, 0x40), ioapic_set(0x10 + 2 * 8, 0x48);
}

/* Pins by number, mode, trigger and destination; then the chips that drive some of them. */
static void intr(void)
{
	uint64_t r = arbitrary();
	unsigned pin = (unsigned)(r >> 8) % 24;

	if ((r & 3) == 0) {
		ioapic_set(0x11 + 2 * pin, (uint32_t)(r >> 16 & 0xff) << 24);
		ioapic_set(0x10 + 2 * pin, (32 + (unsigned)(r >> 24 & 0xff) % 223) | (r >> 32 & 1 ? ICR_LOWEST : 0) |
						   (r >> 33 & 1 ? RTE_LEVEL : 0) | (r >> 34 & 1 ? ICR_LOGICAL : 0) |
						   ((r >> 35 & 7) == 0 ? ICR_NMI : 0));
	}
	switch (r >> 40 & 7) {
	case 0: outb(0x3f9, 0), outb(0x3f9, 2), outb(0x3fc, 0xb); break; /* transmitter empty */
	case 1: outb(0x64, 0xd2), outb(0x60, (uint8_t)(r >> 48)); break; /* a key out of nothing */
	case 2: outb(0x64, 0xd3), outb(0x60, (uint8_t)(r >> 48)); break; /* the mouse */
	case 3: outb(0x43, 0x30), outb(0x40, 1), outb(0x40, 0); break; /* the 8254 goes up */
	case 4: *(volatile uint32_t *)(uintptr_t)0xfec00040 = (uint32_t)(r >> 48) & 0xff; break; /* EOI */
	case 5: outb(0x4d0, (uint8_t)(r >> 48)), outb(0x4d1, (uint8_t)(r >> 56)); break; /* edge or level */
	default: lapic_eoi();
	}
	sti();
	cli();
}

static void intr_prepare(void)
{
	outb(0x64, 0x60), outb(0x60, 3); /* keyboard and mouse interrupt */
}

static void nmi(void)
{
	uint64_t r = arbitrary();

	if (r & 1)
		lapic_self(VECTOR_NMI);
	else
		wrmsr(0x830, (r & 2 ? ICR_OTHERS : (r >> 8 & 15) << 32) | ICR_NMI | ICR_ASSERT);
	if ((r >> 16 & 7) == 0) { /* some of them halted, deaf to all else; its own NMI ends that */
		lapic_self(VECTOR_NMI);
		__asm__ volatile("hlt" : : : "memory");
	}
}

/* Processor 0 is spared, so that somebody is left to start the others. */
static void init(void)
{
	uint64_t r = arbitrary();
	uint64_t to = (1 + (r >> 8) % (smp_cpus() - 1)) << 32;

	wrmsr(0x830, to | ((r & 3) == 0 ? ICR_INIT | ICR_ASSERT : ICR_STARTUP | ICR_ASSERT | 8));
	if ((r >> 16 & 63) == 0 && cpu_self() == 0)
		wrmsr(0x830, ICR_OTHERS | (r & 4 ? ICR_INIT | ICR_ASSERT : ICR_STARTUP | ICR_ASSERT | 8));
}

static void hlt(void)
{
	uint64_t r = arbitrary(), n = 5;

	switch (r & 7) {
	case 0:
		lapic_self(32 + (unsigned)(r >> 8 & 0xff) % 223);
		sti_hlt();
		cli();
		break;
	case 1: __asm__ volatile("mwait" : : "a"(0), "c"(0)); break;
	case 2: __asm__ volatile("monitor" : : "a"(&n), "c"(0), "d"(0)); break;
	case 3:
		if (cpu_is_intel())
			__asm__ volatile("vmcall" : "+a"(n) : "b"(0), "c"(r >> 8 & 15) : "memory");
		else
			__asm__ volatile("vmmcall" : "+a"(n) : "b"(0), "c"(r >> 8 & 15) : "memory");
		break;
	case 4:
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + (r >> 8 & 0xfff));
		sti_hlt();
		cli();
		break;
	default:
		for (unsigned i = 0; i < 1000; i++)
			cpu_pause();
	}
}

static void hlt_prepare(void)
{
	lapic_init(true);
	lapic_set(LAPIC_LVTT, LVT_DEADLINE | 0x40);
}

/* ---- what is emulated changes under the emulator ---- */

#define WINDOW_VA 0x10000000ULL /* beyond our RAM: page 0 code, page 1 what RDI is, page 2 what RSI is */

extern uint64_t boot_pml4[512];
static bool emul_whole; /* no torn instructions, which may lead the guest to its end */
static uint64_t window_pt[512] __attribute__((aligned(4096)));
static uint8_t code[2][4096] __attribute__((aligned(4096)));
static uint8_t data[2][4096] __attribute__((aligned(4096)));

/*
 * Each at most 7 bytes, then RETs. A processor that has done one may find itself in the middle of the next: the
 * rest of each is harmless, too. What is torn out of the bytes of two may be anything.
 */
static const uint8_t instructions[][8] = {
	{ 0x89, 0x07 }, { 0x8b, 0x07 }, { 0x48, 0x89, 0x07 }, { 0x66, 0x89, 0x07 }, { 0x88, 0x07 },
	{ 0xf0, 0x0f, 0xb1, 0x0f }, { 0xf0, 0x0f, 0xc1, 0x07 }, { 0x0f, 0xb6, 0x07 }, { 0xf3, 0xaa },
	{ 0xf3, 0xa4 }, { 0xf3, 0x48, 0xa5 }, { 0xc7, 0x07, 0xc3, 0xc3, 0xc3, 0xc3 }, { 0xf0, 0x0f, 0xc7, 0x0f },
	{ 0x83, 0x07, 0xc3 }, { 0xf6, 0x07, 0xc3 }, { 0xa4 }, { 0x87, 0x07 }, { 0x0f, 0xab, 0x07 },
};

static void rewrite(uint8_t *page, uint64_t r, bool torn)
{
	uint8_t insn[8] = { 0xc3, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3 };
	const uint8_t *from = instructions[r % (sizeof(instructions) / sizeof(instructions[0]))];
	uint64_t word;

	for (unsigned i = 0; i < 7 && (from[i] || from[i + 1]); i++)
		insn[i] = from[i];
	memcpy(&word, insn, sizeof(word));
	if (!torn)
		*(volatile uint64_t *)page = word;
	else
		for (unsigned i = 0; i < 8; i++)
			((volatile uint8_t *)page)[i] = insn[i];
}

static void remap(uint64_t r)
{
	static const uint64_t chips[] = { 0xfec00000, 0xfee00000, 0xe0000000, 0xfed00000 };
	unsigned page = 1 + (r & 1);
	uint64_t to = r & 2 ? chips[r >> 4 & 3] : (uint64_t)(uintptr_t)data[r >> 4 & 1];

	*(volatile uint64_t *)&window_pt[page] = (r >> 8 & 7) == 0 ? to : to | 3; /* present, writable */
	*(volatile uint64_t *)&window_pt[0] = (uint64_t)(uintptr_t)code[r >> 12 & 1] | 3;
}

static void emul(void)
{
	uint64_t r = arbitrary(), di, si, ax = 0x10, cx = r >> 32 & 7, dx = 0;

	if (cpu_self() == 0 || (r & 15) == 0)
		rewrite(code[r >> 4 & 1], r >> 5, (r >> 40 & 15) == 0 && !emul_whole);
	if ((r >> 44 & 3) == 0)
		remap(r >> 46);
	for (unsigned page = 0; page < 3; page++)
		__asm__ volatile("invlpg (%0)" : : "r"(WINDOW_VA + page * 4096) : "memory");
	di = WINDOW_VA + 4096 + (r >> 16 & 0xff0);
	si = WINDOW_VA + 8192 + (r >> 24 & 0xff0);
	__asm__ volatile("call *%5"
			 : "+D"(di), "+S"(si), "+c"(cx), "+a"(ax), "+d"(dx)
			 : "r"(WINDOW_VA), "b"(0)
			 : "memory", "cc");
}

/* In the window: the call returns. */
static void emul_fault(struct frame *f)
{
	if (f->rip - WINDOW_VA >= 4096)
		hostile_anew(); /* what was torn has led it elsewhere */
	f->rip = *(const uint64_t *)(uintptr_t)f->rsp;
	f->rsp += 8;
}

static void emul_prepare(void)
{
	emul_whole = option("whole") != NULL;
	uint64_t *pdpt = (uint64_t *)(uintptr_t)(boot_pml4[0] & ~0xfffULL), *pd;

	pd = (uint64_t *)(uintptr_t)(pdpt[0] & ~0xfffULL);
	memset(code, 0xc3, sizeof(code));
	remap(0);
	window_pt[1] = window_pt[2] = 0xfec00003;
	*(volatile uint64_t *)&pd[WINDOW_VA >> 21 & 511] = (uint64_t)(uintptr_t)window_pt | 3;
	WRITE_REG("cr3", READ_REG("cr3"));
	on_trap(VECTOR_PF, emul_fault);
}

static void emul_begin(void)
{
	on_trap(VECTOR_GP, emul_fault);
	on_trap(VECTOR_UD, emul_fault);
	emul();
}

/* ---- short lives ---- */

static void reset(void)
{
	outb(0xcf9, 0x02);
	outb(0xcf9, 0x06);
}

/* Reset before a line is said, but for the first time: memory that no loader touches remembers. */
static void reset_prepare(void)
{
	volatile uint64_t *flag = (volatile uint64_t *)(uintptr_t)0x90000;

	while (*flag == 0x5245534554)
		reset();
	*flag = 0x5245534554;
}

static void die(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = { 0, 0 };
	uint64_t r = rdtsc() >> 4, end = rdtsc() + (rdtsc() & 0xffffff);

	while (cpu_self() != 0 && rdtsc() < end) /* more often than not processor 0 goes first */
		arbitrary();
	switch (r % 9) {
	case 0: __asm__ volatile("lidt %0; ud2" : : "m"(none)); break;
	case 1: WRITE_REG("cr3", arbitrary() & 0x3fffff000); break;
	case 2: ((void (*)(void))(uintptr_t)0xfed40000)(); break; /* code outside memory */
	case 3: __asm__ volatile("mov %0, %%rsp; push %%rax" : : "r"(0xfed40000ULL)); break; /* and a stack */
	case 4: wrmsr(MSR_EFER, 0); break;
	case 5: WRITE_REG("cr0", 0x11); break;
	case 6: /* an interrupt whose handler's address is in no memory */
		none.limit = 0xfff, none.base = 0xfed40000;
		__asm__ volatile("lidt %0; int $0x40" : : "m"(none));
		break;
	case 7: __asm__ volatile("fxsave (%0)" : : "r"(0xfed40000ULL) : "memory"); break; /* no emulation */
	default: outb(0xcf9, 2), outb(0xcf9, 6);
	}
	for (unsigned i = 0; i < 1000000; i++) /* it did not work: the next one does */
		cpu_pause();
}

static const struct hostile_kind kinds[] = {
	{ "timer", timer, timer_prepare }, { "intr", intr, intr_prepare }, { "nmi", nmi, NULL },
	{ "init", init, NULL },		   { "hlt", hlt, hlt_prepare },	   { "emul", emul_begin, emul_prepare },
	{ "reset", reset, reset_prepare }, { "die", die, NULL },	   { 0 },
};

static void storm(void)
{
	hostile_for_ever(kinds);
}

const struct test payload_tests[] = {
	{ "storm", storm },
	{ 0 },
};
