/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The boot image. An ISO 9660 volume that is a GPT disk as well; in it, once, a FAT volume with
 * everything (bulkhead/esp.img), which the GPT and El Torito name as the EFI system partition and
 * which GRUB on a BIOS opens as a file. So one file boots by UEFI and by BIOS, as a disk and as a
 * CD. The same input gives the same bytes: times, serial numbers and GUIDs are fixed.
 */
#include "tools/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/text.h"

#define GRUB_PC  "/usr/lib/grub/i386-pc"
#define GRUB_EFI "/usr/lib/grub/x86_64-efi"
#define EPOCH    "1577836800" /* 2020-01-01: every time in the image */
#define MIB      (1ULL << 20)

const char *const boot_way_name[] = { "uefi", "bios", "grub-efi", NULL };

/*
 * ------------------------------------------------------------------------------ texts in the
 * image
 */

/* The box's command line has to survive GRUB's parser: each word in single quotes. */
static void quote_words(FILE *f, const char *words)
{
	while (*words != '\0') {
		size_t n = strcspn(words, " ");

		if (n > 0) {
			fputs(" '", f);
			for (size_t i = 0; i < n; i++) {
				if (words[i] == '\'')
					fputs("'\\''", f);
				else
					fputc(words[i], f);
			}
			fputc('\'', f);
		}
		words += n;
		words += strspn(words, " ");
	}
}

static void write_manifest(const struct box *box, const char *cmdline, const char *path)
{
	FILE *f = fopen(path, "we");

	if (f == NULL)
		die("cannot write %s", path);
	fprintf(f, "cmdline %s\n", cmdline);
	fprintf(f, "kernel %s %08x\n", box->kernel.image, box->kernel.crc32);
	for (uint32_t i = 0; i < box->file_count; i++)
		fprintf(f, "module %s %08x %s\n", box->file[i].image, box->file[i].crc32,
			box->file[i].name);
	if (fclose(f) != 0)
		die("cannot write %s", path);
}

/*
 * GRUB checks the kernel; the kernel checks the modules. When something is missing it must be seen
 * on a screen and on a serial line alike; otherwise GRUB keeps off the serial line.
 */
static void write_grub_cfg(const struct box *box, const char *cmdline, const char *path)
{
	FILE *f = fopen(path, "we");

	if (f == NULL)
		die("cannot write %s", path);
	fputs("function fail {\n"
	      "\tif [ \"$grub_platform\" = pc ]; then\n"
	      "\t\tserial --unit=0 --speed=115200\n"
	      "\t\tterminal_output --append serial\n"
	      "\tfi\n"
	      "\techo \"bulkhead: powering off in 30 seconds\"\n"
	      "\techo \"bulkhead: box off: $1\"\n"
	      "\tsleep 30\n"
	      "\thalt\n"
	      "}\n",
	      f);
	fprintf(f,
		"if ! hashsum --hash CRC32 --check /bulkhead/kernel.crc; then\n"
		"\tfail \"%s is damaged or missing; write the image anew\"\n"
		"fi\n"
		"multiboot2 /bulkhead/%s",
		box->kernel.image, box->kernel.image);
	quote_words(f, cmdline);
	fprintf(f, "\nif [ $? != 0 ]; then fail \"GRUB cannot load %s\"; fi\n", box->kernel.image);
	for (uint32_t i = 0; i < box->file_count; i++) {
		fprintf(f, "module2 '/bulkhead/%s' '%s' crc32=%08x\n", box->file[i].image,
			box->file[i].name, box->file[i].crc32);
		fprintf(f, "if [ $? != 0 ]; then fail 'GRUB cannot load %s'; fi\n",
			box->file[i].image);
	}
	/* `multiboot2` sets gfxpayload itself, so this has to come after it. */
	fputs("if [ \"$grub_platform\" = pc ]; then set gfxpayload=text; fi\n"
	      "boot\nfail \"GRUB cannot start the kernel\"\n",
	      f);
	if (fclose(f) != 0)
		die("cannot write %s", path);
}

/* ------------------------------------------------------------------------------ GRUB's programs */

/* What a BIOS's and an EFI's core.img both need. */
#define GRUB_COMMON_MODULES                                                             \
	" part_gpt part_msdos fat iso9660 search search_fs_file normal test echo sleep" \
	" halt serial terminal hashsum gcry_crc multiboot2 boot"

static void make_grub_pc(const char *stage)
{
	static const char config[] =
		"search --no-floppy --set=cd --hint=$root --file /bulkhead/esp.img\n"
		"loopback esp ($cd)/bulkhead/esp.img\n"
		"set root=esp\n"
		"normal (esp)/bulkhead/grub.cfg\n";
	char *core = text_make("%s/core.img", temp_dir());
	char *early = text_make("%s/early.cfg", temp_dir());
	size_t head_bytes, core_bytes;
	char *head, *body, *all;

	file_write(early, config, sizeof(config) - 1);
	command_run("grub-mkimage -O i386-pc -d " GRUB_PC
		    " -p /bulkhead -c % -o % biosdisk loopback" GRUB_COMMON_MODULES,
		    early, core);
	head = file_read(package_file_need(GRUB_PC "/cdboot.img", "grub-pc-bin"), &head_bytes);
	body = file_read(core, &core_bytes);
	all = malloc(head_bytes + core_bytes);
	if (all == NULL)
		die("out of memory");
	memcpy(all, head, head_bytes);
	memcpy(all + head_bytes, body, core_bytes);
	file_write(text_make("%s/bulkhead/eltorito.img", stage), all, head_bytes + core_bytes);
	free(all);
	free(head);
	free(body);
}

static const char *make_grub_efi(void)
{
	static const char config[] =
		"search --no-floppy --set=root --hint=$root --file /bulkhead/boot.lst\n"
		"normal ($root)/bulkhead/grub.cfg\n";
	char *core = text_make("%s/grubx64.efi", temp_dir());
	char *early = text_make("%s/early-efi.cfg", temp_dir());

	package_file_need(GRUB_EFI "/multiboot2.mod", "grub-efi-amd64-bin");
	file_write(early, config, sizeof(config) - 1);
	command_run("grub-mkimage -O x86_64-efi -d " GRUB_EFI
		    " -p /bulkhead -c % -o % efi_gop" GRUB_COMMON_MODULES,
		    early, core);
	return core;
}

/* ------------------------------------------------------------------------------ the FAT volume */

static uint64_t round_up(uint64_t value, uint64_t step)
{
	return (value + step - 1) / step * step;
}

/* FAT16 while it reaches, with clusters as small as it allows; FAT32 beyond. */
static void fat_format(const char *esp, uint64_t content)
{
	uint64_t size = round_up(content + content / 50 + 4 * MIB, MIB);
	unsigned int cluster = 4;
	bool fat32;

	if (size < 24 * MIB)
		size = 24 * MIB; /* below, it would have to be FAT12 */
	while (cluster < 64 && size / 512 / cluster > 60000)
		cluster *= 2;
	fat32 = size / 512 / cluster > 60000;
	file_write(esp, "", 0);
	if (truncate(esp, (off_t)size) != 0)
		die("cannot make %s as large as %llu MiB", esp, (unsigned long long)(size / MIB));
	command_run(fat32 ? "mformat -i % -T % -h 64 -s 32 -c % -N 42554c4b -v BULKHEAD -F ::"
			  : "mformat -i % -T % -h 64 -s 32 -c % -N 42554c4b -v BULKHEAD ::",
		    esp, text_make("%llu", (unsigned long long)(size / 512)),
		    text_make("%u", cluster));
}

static void fat_copy(const char *esp, const char *from, const char *to)
{
	command_run("mcopy -i % % %", esp, from, text_make("::%s", to));
}

static void make_esp(const struct box *box, const char *cmdline, enum boot_way boot,
		     const char *esp)
{
	char *manifest = text_make("%s/boot.lst", temp_dir()),
	     *cfg = text_make("%s/grub.cfg", temp_dir());
	char *crc = text_make("%s/kernel.crc", temp_dir());
	char *sum = text_make("%08x  /bulkhead/%s\n", box->kernel.crc32, box->kernel.image);
	const char *loader = boot == BOOT_GRUB_EFI ? make_grub_efi() : box->loader;
	uint64_t content = box->kernel.bytes + 4 * MIB;

	for (uint32_t i = 0; i < box->file_count; i++)
		content += round_up(box->file[i].bytes, 32768);
	write_manifest(box, cmdline, manifest);
	write_grub_cfg(box, cmdline, cfg);
	file_write(crc, sum, strlen(sum));
	fat_format(esp, content);
	command_run("mmd -i % ::/EFI ::/EFI/BOOT ::/bulkhead", esp);
	fat_copy(esp, loader, "/EFI/BOOT/BOOTX64.EFI");
	fat_copy(esp, manifest, "/bulkhead/boot.lst");
	fat_copy(esp, cfg, "/bulkhead/grub.cfg");
	fat_copy(esp, crc, "/bulkhead/kernel.crc");
	fat_copy(esp, box->kernel.host, text_make("/bulkhead/%s", box->kernel.image));
	for (uint32_t i = 0; i < box->file_count; i++)
		fat_copy(esp, box->file[i].host, text_make("/bulkhead/%s", box->file[i].image));
}

/* ------------------------------------------------------------------------------ the whole */

static void make_iso(const char *stage, const char *output)
{
	command_run("xorriso -as mkisofs -quiet -iso-level 3 -r -V BULKHEAD -uid 0 -gid 0"
		    " --modification-date=2020010100000000 --set_all_file_dates 2020010100000000"
		    " --gpt_disk_guid 6b6c7542-6165-4864-8000-000000000001"
		    " -b bulkhead/eltorito.img -no-emul-boot -boot-load-size 4 -boot-info-table"
		    " --grub2-boot-info --grub2-mbr " GRUB_PC "/boot_hybrid.img"
		    " --efi-boot bulkhead/esp.img -efi-boot-part --efi-boot-image"
		    " --protective-msdos-label -o % %",
		    output, stage);
}

void image_build(const struct box *box, const char *cmdline, enum boot_way boot, const char *output)
{
	char *stage = text_make("%s/stage", temp_dir());
	char *dir = text_make("%s/bulkhead", stage);
	char word[16];

	/* The kernel reads no config file; a word that was given by hand wins. */
	if (box->config.mitigations == MITIGATIONS_OFF && !text_option(cmdline, "mitigations", word, sizeof(word)))
		cmdline = text_make("%s%smitigations=off", cmdline, *cmdline != '\0' ? " " : "");

	for (const char *c = cmdline; *c != '\0'; c++) {
		if (*c < ' ' || *c > '~')
			die("--cmdline has a character in it that is not printable ASCII");
	}
	program_need("grub-mkimage", "grub-common");
	program_need("mformat", "mtools");
	program_need("xorriso", "xorriso");
	package_file_need(GRUB_PC "/boot_hybrid.img", "grub-pc-bin");
	setenv("SOURCE_DATE_EPOCH", EPOCH, 1);
	setenv("TZ", "UTC", 1);
	setenv("MTOOLS_SKIP_CHECK", "1", 1);
	if (mkdir(stage, 0755) != 0 || mkdir(dir, 0755) != 0)
		die("cannot make %s", dir);
	make_esp(box, cmdline, boot, text_make("%s/esp.img", dir));
	make_grub_pc(stage);
	if (unlink(output) != 0 && access(output, F_OK) == 0)
		die("cannot replace %s", output);
	make_iso(stage, output);
}
