/* SPDX-License-Identifier: GPL-2.0-only */
/* A payload's main loop: the line protocol on COM1, the start information, power-off by ACPI. */
#include "tests/payload/lib/payload.h"

#include <stdarg.h>
#include "lib/format.h"
#include "lib/string.h"

enum { COM1 = 0x3f8, LSR_THRE = 0x20, VERDICT_MAX = 160, TESTS_MAX = 100 };

struct start_info {
	uint32_t magic, version, flags, modules;
	uint64_t modlist, cmdline, rsdp, memmap;
	uint32_t memmap_entries;
};

struct memmap_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};

const char *payload_cmdline = "";
uint64_t ram_low_end, ram_high_bytes;
static uint64_t rsdp_address;
static char verdict[VERDICT_MAX], other_verdict[VERDICT_MAX];
volatile bool other_halted[CPUS_MAX];
static volatile unsigned other_failed; /* the processor with other_verdict */
static enum { VERDICT_PASS, VERDICT_FAIL, VERDICT_SKIP } outcome;

static void put(char c)
{
	for (unsigned i = 0; i < 1000000 && !(inb(COM1 + 5) & LSR_THRE); i++)
		;
	outb(COM1, (uint8_t)c);
}

static void line_v(const char *lead, const char *fmt, va_list args)
{
	char text[256];

	format_v(text, sizeof(text), fmt, args);
	for (; *lead; lead++)
		put(*lead);
	for (const char *p = text; *p; p++)
		put(*p);
	put('\r');
	put('\n');
}

void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	line_v("", fmt, args);
	va_end(args);
}

unsigned cpu_self(void)
{
	extern uint8_t ap_stacks[];
	uintptr_t at = (uintptr_t)__builtin_frame_address(0) - (uintptr_t)ap_stacks;

	return at < CPUS_MAX * 8192 ? (unsigned)(at / 8192) : 0; /* AP_STACK in ap.asm */
}

void fail_with_others(void)
{
	unsigned n = __atomic_exchange_n(&other_failed, 0, __ATOMIC_ACQUIRE);

	if (n != 0)
		fail("processor %u: %s", n, other_verdict);
}

void fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (cpu_self() != 0) {
		cli();
		format_v(other_verdict, sizeof(other_verdict), fmt, args);
		other_halted[cpu_self()] = true;
		__atomic_store_n(&other_failed, cpu_self(), __ATOMIC_RELEASE);
		for (;;)
			__asm__ volatile("hlt");
	}
	format_v(verdict, sizeof(verdict), fmt, args);
	va_end(args);
	outcome = VERDICT_FAIL;
	trap_escape(trap_escape_point);
}

void skip(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	format_v(verdict, sizeof(verdict), fmt, args);
	va_end(args);
	outcome = VERDICT_SKIP;
	trap_escape(trap_escape_point);
}

bool cpu_is_intel(void)
{
	return cpuid(0, 0).ebx == 0x756e6547; /* "Genu" */
}

/* ---- ACPI, just enough to switch off ---- */

static uint32_t get32(uint64_t at)
{
	uint32_t v;

	memcpy(&v, (const void *)(uintptr_t)at, 4);
	return v;
}

static uint64_t rsdp_find(void)
{
	if (rsdp_address)
		return rsdp_address;
	for (uint64_t at = 0xe0000; at < 0x100000; at += 16) {
		if (memcmp((const void *)(uintptr_t)at, "RSD PTR ", 8) == 0)
			return at;
	}
	return 0;
}

/* The table with this signature, through the RSDT: every machine here has its tables below 4 GiB. */
static uint64_t acpi_table(const char *signature)
{
	uint64_t rsdp = rsdp_find(), list, step = 4;

	if (!rsdp)
		return 0;
	list = get32(rsdp + 16);
	if (*(const uint8_t *)(uintptr_t)(rsdp + 15) >= 2 && get32(rsdp + 24)) {
		list = get32(rsdp + 24);
		step = 8;
	}
	for (uint64_t i = 36; list && i + step <= get32(list + 4); i += step) {
		uint64_t table = get32(list + i);

		if (memcmp((const void *)(uintptr_t)table, signature, 4) == 0)
			return table;
	}
	return 0;
}

/* SLP_TYPa out of the DSDT's _S5 package: the byte after its head. */
static unsigned s5_type(uint64_t dsdt)
{
	for (uint64_t i = 36; i + 16 < get32(dsdt + 4); i++) {
		const uint8_t *p = (const uint8_t *)(uintptr_t)(dsdt + i);

		if (memcmp(p, "_S5_\x12", 5) == 0) {
			p += 5;
			p += (p[0] >> 6) + 2; /* package length, element count */
			return p[0] == 0x0a ? p[1] : p[0] & 7;
		}
	}
	return 0;
}

void power_off(void)
{
	uint64_t fadt = acpi_table("FACP");
	uint16_t pm1a;

	if (!fadt) {
		say("no FADT: cannot switch off");
	} else {
		pm1a = (uint16_t)get32(fadt + 64);
		outw(pm1a, (uint16_t)(1 << 13 | s5_type(get32(fadt + 40)) << 10));
	}
	cli();
	for (;;)
		__asm__ volatile("hlt");
}

/* ---- the run ---- */

/* `without=NAME,NAME` skips tests that an emulator is known to get wrong: README.md has the list. */
static bool left_out(const char *name)
{
	const char *p = option("without=");
	size_t n = strlen(name);

	for (; p && *p && *p != ' '; p++) {
		if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == ' ' || p[n] == '\0'))
			return true;
		while (p[1] && p[1] != ' ' && *p != ',')
			p++;
	}
	return false;
}

static void run_one(const struct test *t, unsigned counts[3])
{
	outcome = VERDICT_PASS;
	say("TEST %s", t->name);
	if (trap_mark(trap_escape_point) == 0) {
		if (left_out(t->name))
			skip("not on this emulator");
		t->run();
		fail_with_others();
	}
	cli();
	trap_resume = 0;
	counts[outcome]++;
	if (outcome == VERDICT_PASS)
		say("PASS %s", t->name);
	else
		say("%s %s: %s", outcome == VERDICT_FAIL ? "FAIL" : "SKIP", t->name, verdict);
}

const char *option(const char *word)
{
	size_t n = strlen(word);

	for (const char *p = payload_cmdline; *p; p++) {
		if (strncmp(p, word, n) == 0 && (p == payload_cmdline || p[-1] == ' '))
			return p + n;
	}
	return NULL;
}

/* `only=NAME` on the command line leaves one test. */
static bool wanted(const char *name)
{
	const char *only = option("only=");
	size_t n = strlen(name);

	return !only || (strncmp(only, name, n) == 0 && (only[n] == '\0' || only[n] == ' '));
}

static void read_start_info(const struct start_info *info)
{
	const struct memmap_entry *map = (const void *)(uintptr_t)info->memmap;

	if (info->cmdline)
		payload_cmdline = (const char *)(uintptr_t)info->cmdline;
	rsdp_address = info->rsdp;
	for (uint32_t i = 0; info->version >= 1 && i < info->memmap_entries; i++) {
		uint64_t end = map[i].addr + map[i].size;

		if (map[i].type != 1)
			continue;
		if (map[i].addr >= 1ULL << 32)
			ram_high_bytes += map[i].size;
		else if (end > ram_low_end)
			ram_low_end = end;
	}
}

void payload_main(const struct start_info *info);
void payload_main(const struct start_info *info)
{
	unsigned counts[3] = { 0 };

	outb(COM1 + 1, 0);
	outb(COM1 + 3, 3);
	outb(COM1 + 4, 3);
	traps_init();
	pic_mask_all();
	read_start_info(info);
	for (unsigned i = 0; payload_tests[i].run; i++) {
		if (wanted(payload_tests[i].name))
			run_one(&payload_tests[i], counts);
	}
	say("DONE %u passed %u failed %u skipped", counts[VERDICT_PASS], counts[VERDICT_FAIL],
	    counts[VERDICT_SKIP]);
	power_off();
}
