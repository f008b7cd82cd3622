/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parser of the multiboot2 information structure [Multiboot2 "Boot information format"]. Pure,
 * every length checked: a loader's bug must end in a sentence. Touches no hardware and no linker
 * symbol.
 */
#include "boot/multiboot2.h"

#include <stdbool.h>
#include <stdint.h>

#include "boot/memmap.h"
#include "lib/string.h"
#include "lib/text.h"

enum {
	TAG_END = 0,
	TAG_CMDLINE = 1,
	TAG_LOADER = 2,
	TAG_MODULE = 3,
	TAG_MEMORY_MAP = 6,
	TAG_FRAMEBUFFER = 8,
	TAG_ACPI_OLD = 14,
	TAG_ACPI_NEW = 15,
};

enum { MB2_AVAILABLE = 1, MB2_ACPI = 3, MB2_NVS = 4, MB2_BAD = 5 };
enum { MB2_FB_INDEXED = 0, MB2_FB_RGB = 1, MB2_FB_TEXT = 2 };

struct tag {
	uint32_t type, size; /* size: with this header, without padding */
};

struct tag_module {
	struct tag tag;
	uint32_t start, end;
	char cmdline[];
};

struct tag_map {
	struct tag tag;
	uint32_t entry_size, entry_version;
};

struct map_entry {
	uint64_t base, size;
	uint32_t type, reserved;
};

struct tag_framebuffer {
	struct tag tag;
	uint64_t base;
	uint32_t pitch, width, height;
	uint8_t bpp, type;
	uint16_t reserved;
	uint8_t red_shift, red_bits, green_shift, green_bits, blue_shift,
		blue_bits; /* MB2_FB_RGB */
	uint8_t pad[2];
};

#define FRAMEBUFFER_COMMON offsetof(struct tag_framebuffer, red_shift)
#define FRAMEBUFFER_RGB    offsetof(struct tag_framebuffer, pad)

struct parse {
	struct bootinfo *out;
	const char *why;
	bool has_map, has_new_rsdp;
};

static int fail(struct parse *p, const char *why)
{
	p->why = why;
	return -1;
}

/*
 * Copies a tag's text, which must end inside the tag. GRUB puts a backslash before quotes and
 * backslashes when it joins the words of a command; that is undone here.
 */
static int copy_text(char *to, size_t bytes, const char *from, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < max; i++) {
		char c = from[i];

		if (c == '\\' && i + 1 < max &&
		    (from[i + 1] == '\\' || from[i + 1] == '"' || from[i + 1] == '\''))
			c = from[++i];
		else if (c == '\0') {
			to[n] = '\0';
			return 0;
		}
		if (n + 1 >= bytes)
			return -1;
		to[n++] = c;
	}
	return -1;
}

static int parse_cmdline(struct parse *p, const struct tag *tag)
{
	if (copy_text(p->out->cmdline, sizeof(p->out->cmdline), (const char *)(tag + 1),
		      tag->size - sizeof(*tag)))
		return fail(p, "the command line is too long");
	return 0;
}

static int parse_loader(struct parse *p, const struct tag *tag)
{
	const char *name = (const char *)(tag + 1);
	size_t max = tag->size - sizeof(*tag), n = 0;

	while (n < max && n + 1 < sizeof(p->out->loader) && name[n] != '\0') {
		p->out->loader[n] = name[n];
		n++;
	}
	p->out->loader[n] = '\0';
	return 0;
}

static bool hex32(const char *text, uint32_t *value)
{
	uint32_t v = 0;

	for (int i = 0; i < 8; i++) {
		char c = text[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v = v << 4 | (uint32_t)(c - 'A' + 10);
		else
			return false;
	}
	*value = v;
	return text[8] == '\0';
}

static int parse_module(struct parse *p, const struct tag *tag)
{
	static const char crc_key[] = "crc32=";
	const struct tag_module *t = (const struct tag_module *)tag;
	struct boot_module *m = &p->out->module[p->out->module_count];
	char text[BOOTINFO_NAME_MAX + 32], word[16];
	size_t n = 0;

	if (tag->size < sizeof(*t) + 1)
		return fail(p, "a module tag is too short");
	if (p->out->module_count == BOOTINFO_MODULE_MAX)
		return fail(p, "there are more modules than 64");
	if (t->end < t->start)
		return fail(p, "a module ends before it starts");
	if (t->start % 4096 != 0)
		return fail(p, "a module is not on a page boundary");
	if (copy_text(text, sizeof(text), t->cmdline, tag->size - sizeof(*t)))
		return fail(p, "a module's name is too long");
	while (text[n] != '\0' && text[n] != ' ')
		n++;
	if (n == 0)
		return fail(p, "a module has no name");
	if (n >= sizeof(m->name))
		return fail(p, "a module's name is too long");
	*m = (struct boot_module){ .base = t->start, .size = t->end - t->start };
	memcpy(m->name, text, n);
	if (text[n] == ' ' && strncmp(text + n + 1, crc_key, sizeof(crc_key) - 1) == 0) {
		text_copy(word, sizeof(word), text + n + sizeof(crc_key));
		if (!hex32(word, &m->crc32))
			return fail(p, "a module's crc32= is not eight hexadecimal digits");
		m->has_crc = 1;
	}
	p->out->module_count++;
	return 0;
}

static uint32_t map_type(uint32_t type)
{
	switch (type) {
	case MB2_AVAILABLE:
		return BOOT_MEM_USABLE;
	case MB2_ACPI:
		return BOOT_MEM_ACPI;
	case MB2_NVS:
		return BOOT_MEM_NVS;
	case MB2_BAD:
		return BOOT_MEM_BAD;
	default:
		return BOOT_MEM_RESERVED;
	}
}

static int parse_map(struct parse *p, const struct tag *tag)
{
	const struct tag_map *t = (const struct tag_map *)tag;
	struct map_entry e;

	if (tag->size < sizeof(*t) || t->entry_size < sizeof(e) || t->entry_size % 8 != 0)
		return fail(p, "the memory map is malformed");
	if (p->has_map)
		return fail(p, "there are two memory maps");
	p->has_map = true;
	for (size_t at = sizeof(*t); at + t->entry_size <= tag->size; at += t->entry_size) {
		memcpy(&e, (const uint8_t *)tag + at, sizeof(e));
		/* A map with more pieces than we hold loses pieces: memory, never a reservation
		 * inside memory that we keep. */
		(void)memmap_add(p->out, e.base, e.size, map_type(e.type));
	}
	return 0;
}

static int parse_framebuffer(struct parse *p, const struct tag *tag)
{
	struct tag_framebuffer t = { 0 };
	struct boot_framebuffer *fb = &p->out->fb;

	if (tag->size < FRAMEBUFFER_COMMON)
		return fail(p, "the framebuffer tag is too short");
	memcpy(&t, tag, tag->size < sizeof(t) ? tag->size : sizeof(t));
	if (t.type == MB2_FB_INDEXED || t.type > MB2_FB_TEXT)
		return 0; /* a palette is of no use to us */
	if (t.type == MB2_FB_RGB && tag->size < FRAMEBUFFER_RGB)
		return fail(p, "the framebuffer tag is too short");
	*fb = (struct boot_framebuffer){
		.base = t.base, .pitch = t.pitch, .width = t.width, .height = t.height, .bpp = t.bpp
	};
	if (t.type == MB2_FB_TEXT) {
		fb->is_text = 1;
		return 0;
	}
	fb->red_shift = t.red_shift;
	fb->red_bits = t.red_bits;
	fb->green_shift = t.green_shift;
	fb->green_bits = t.green_bits;
	fb->blue_shift = t.blue_shift;
	fb->blue_bits = t.blue_bits;
	return 0;
}

/* The tag holds a copy of the RSDP; the newer kind wins whatever the order. */
static int parse_rsdp(struct parse *p, const struct tag *tag)
{
	bool is_new = tag->type == TAG_ACPI_NEW;

	if (tag->size < sizeof(*tag) + (is_new ? 36 : 20))
		return fail(p, "the ACPI tag is too short");
	if (is_new || !p->has_new_rsdp)
		p->out->rsdp = (uintptr_t)(tag + 1);
	p->has_new_rsdp |= is_new;
	return 0;
}

static int parse_tag(struct parse *p, const struct tag *tag)
{
	switch (tag->type) {
	case TAG_CMDLINE:
		return parse_cmdline(p, tag);
	case TAG_LOADER:
		return parse_loader(p, tag);
	case TAG_MODULE:
		return parse_module(p, tag);
	case TAG_MEMORY_MAP:
		return parse_map(p, tag);
	case TAG_FRAMEBUFFER:
		return parse_framebuffer(p, tag);
	case TAG_ACPI_OLD:
	case TAG_ACPI_NEW:
		return parse_rsdp(p, tag);
	default:
		return 0;
	}
}

static int parse_tags(struct parse *p, const uint8_t *info, size_t total)
{
	size_t at = 8;

	for (;;) {
		const struct tag *tag = (const struct tag *)(info + at);

		if (total - at < sizeof(*tag))
			return fail(p, "the multiboot2 information has no end tag");
		if (tag->size < sizeof(*tag) || tag->size > total - at)
			return fail(p, "a multiboot2 tag is longer than what holds it");
		if (tag->type == TAG_END)
			return 0;
		if (parse_tag(p, tag))
			return -1;
		if (total - at < ((size_t)tag->size + 7) / 8 * 8)
			return fail(p, "the multiboot2 information has no end tag");
		at += ((size_t)tag->size + 7) / 8 * 8;
	}
}

static int claim_all(struct parse *p, const void *info, size_t total)
{
	struct bootinfo *out = p->out;
	int status = memmap_claim(out, (uintptr_t)info, total);

	if (out->kernel_size != 0)
		status |= memmap_claim(out, out->kernel_base, out->kernel_size);
	for (uint32_t i = 0; i < out->module_count; i++)
		status |= memmap_claim(out, out->module[i].base, out->module[i].size);
	return status ? fail(p, "the memory map has too many pieces to mark the modules in it") : 0;
}

int multiboot2_parse(const void *info, size_t max, struct bootinfo *out, const char **why)
{
	struct parse p = { .out = out };
	uint64_t kernel_base = out->kernel_base, kernel_size = out->kernel_size;
	uint32_t total;

	*why = NULL;
	memset(out, 0, sizeof(*out));
	out->magic = BOOTINFO_MAGIC;
	out->version = BOOTINFO_VERSION;
	out->size = sizeof(*out);
	out->kernel_base = kernel_base;
	out->kernel_size = kernel_size;
	if ((uintptr_t)info % 8 != 0 || max < 16) {
		*why = "the multiboot2 information is misplaced";
		return -1;
	}
	memcpy(&total, info, sizeof(total));
	if (total < 16 || total > max) {
		*why = "the multiboot2 information's length is impossible";
		return -1;
	}
	if (parse_tags(&p, info, total) ||
	    (!p.has_map && fail(&p, "the boot loader gave no memory map")) ||
	    claim_all(&p, info, total)) {
		*why = p.why;
		return -1;
	}
	return 0;
}
