/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * \bulkhead\boot.lst: what to load. One thing a line, in this order:
 *
 *   cmdline WORDS...
 *   kernel FILE CRC32
 *   module FILE CRC32 NAME      any number of times
 *
 * FILE is relative to \bulkhead. CRC32 is eight hexadecimal digits. Lines that start with # are
 * skipped.
 */
#include "boot/efi/loader.h"

#include "lib/crc32.h"
#include "lib/string.h"
#include "lib/text.h"

#define WORD_MAX 128

/* Takes the next blank-separated word off *at. False: there is none, or it is too long. */
static bool word_take(const char **at, char *word)
{
	const char *s = *at;
	size_t n = 0;

	while (*s == ' ')
		s++;
	while (s[n] != '\0' && s[n] != ' ')
		n++;
	if (n == 0 || n >= WORD_MAX)
		return false;
	memcpy(word, s, n);
	word[n] = '\0';
	*at = s + n;
	return true;
}

static bool crc_take(const char **at, uint32_t *crc)
{
	char word[WORD_MAX], hex[2 + 8 + 1] = "0x";
	uint64_t value;

	if (!word_take(at, word) || strlen(word) != 8)
		return false;
	memcpy(hex + 2, word, 9);
	if (!text_number(hex, 10, false, &value))
		return false;
	*crc = (uint32_t)value;
	return true;
}

static void say_loaded(struct loader *ld, const char *name, uint64_t bytes)
{
	if (bytes >= 1 << 20)
		say(ld, "  %-24s %llu.%llu MiB\n", name, (unsigned long long)(bytes >> 20),
		    (unsigned long long)((bytes & 0xfffff) * 10 >> 20));
	else
		say(ld, "  %-24s %llu KiB\n", name, (unsigned long long)((bytes + 1023) >> 10));
}

static EFI_STATUS load_kernel(struct loader *ld, const char *at)
{
	char name[WORD_MAX];
	struct blob file;
	EFI_STATUS status;
	uint32_t expected, crc;

	if (!word_take(&at, name) || !crc_take(&at, &expected))
		return give_up(ld,
			       LOADER_DIR LOADER_MANIFEST ": `kernel` needs a file and its CRC-32");
	status = file_load(ld, name, &file);
	if (status != EFI_SUCCESS)
		return status;
	crc = crc32_update(0, (const void *)file.base, (size_t)file.size);
	if (crc != expected)
		return give_up(ld,
			       "%s is damaged: its CRC-32 is %08x, not %08x; write the image anew",
			       name, crc, expected);
	status = kernel_place(ld, name, &file);
	if (status != EFI_SUCCESS)
		return status;
	say_loaded(ld, name, file.size);
	blob_free(ld, &file);
	return EFI_SUCCESS;
}

static EFI_STATUS load_module(struct loader *ld, const char *at)
{
	struct boot_module *m = &ld->info->module[ld->info->module_count];
	char file_name[WORD_MAX], name[WORD_MAX];
	struct blob file;
	EFI_STATUS status;

	if (ld->info->module_count == BOOTINFO_MODULE_MAX)
		return give_up(ld, LOADER_DIR LOADER_MANIFEST ": more modules than %d",
			       BOOTINFO_MODULE_MAX);
	if (!word_take(&at, file_name) || !crc_take(&at, &m->crc32) || !word_take(&at, name) ||
	    text_copy(m->name, sizeof(m->name), name) >= sizeof(m->name))
		return give_up(ld, LOADER_DIR LOADER_MANIFEST
			       ": `module` needs a file, its CRC-32 and a name");
	status = file_load(ld, file_name, &file);
	if (status != EFI_SUCCESS)
		return status;
	say_loaded(ld, name, file.size);
	m->has_crc = 1; /* the kernel checks it: that covers the way through memory, too */
	m->base = file.base;
	m->size = file.size;
	ld->info->module_count++;
	return EFI_SUCCESS;
}

static EFI_STATUS line_do(struct loader *ld, const char *line)
{
	if (line[0] == '\0' || line[0] == '#')
		return EFI_SUCCESS;
	if (strncmp(line, "kernel ", 7) == 0)
		return load_kernel(ld, line + 7);
	if (strncmp(line, "module ", 7) == 0)
		return load_module(ld, line + 7);
	if (strcmp(line, "cmdline") == 0)
		return EFI_SUCCESS;
	if (strncmp(line, "cmdline ", 8) == 0) {
		if (text_copy(ld->info->cmdline, sizeof(ld->info->cmdline), line + 8) >=
		    sizeof(ld->info->cmdline))
			return give_up(ld, "the command line is longer than %d characters",
				       BOOTINFO_CMDLINE_MAX - 1);
		return EFI_SUCCESS;
	}
	return give_up(ld, LOADER_DIR LOADER_MANIFEST ": this line says nothing known: %s", line);
}

EFI_STATUS manifest_load(struct loader *ld)
{
	char line[BOOTINFO_CMDLINE_MAX + 64];
	struct blob file;
	EFI_STATUS status = file_load(ld, LOADER_MANIFEST, &file);
	const char *text = (const char *)file.base;
	size_t n = 0;

	if (status != EFI_SUCCESS)
		return status;
	for (uint64_t i = 0; i <= file.size; i++) {
		char c = i < file.size ? text[i] : '\n';

		if (c == '\r')
			continue;
		if (c != '\n') {
			if (n + 1 >= sizeof(line))
				return give_up(ld,
					       LOADER_DIR LOADER_MANIFEST ": a line is too long");
			line[n++] = c;
			continue;
		}
		line[n] = '\0';
		n = 0;
		status = line_do(ld, line);
		if (status != EFI_SUCCESS)
			return status;
	}
	blob_free(ld, &file);
	if (ld->entry == 0)
		return give_up(ld, LOADER_DIR LOADER_MANIFEST " names no kernel");
	return EFI_SUCCESS;
}
