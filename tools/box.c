/* SPDX-License-Identifier: GPL-2.0-only */
/* A box as the tool sees it: the config file and every file that goes along with it. */
#include "tools/tool.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/crc32.h"

static const char conf_name[] = "bulkhead.conf";
static const char *const part_name[] = { "manager.elf", "monitor.elf" };
enum { PART_COUNT = sizeof(part_name) / sizeof(part_name[0]) };

static struct box_file *file_find(struct box *box, const char *name)
{
	for (uint32_t i = 0; i < box->file_count; i++) {
		if (strcmp(box->file[i].name, name) == 0)
			return &box->file[i];
	}
	return NULL;
}

/* Size and CRC of a file that was found to be there. */
static void file_measure(struct box_file *f)
{
	size_t bytes;
	void *data = file_read(f->host, &bytes);

	f->bytes = bytes;
	f->crc32 = crc32_update(0, data, bytes);
	free(data);
}

static struct box_file *file_add(struct box *box, const char *name, const char *host)
{
	struct box_file *f = &box->file[box->file_count];

	if (box->file_count == BOX_FILE_MAX)
		die("the box has more than %d files", BOX_FILE_MAX);
	snprintf(f->name, sizeof(f->name), "%s", name);
	snprintf(f->host, sizeof(f->host), "%s", host);
	file_measure(f);
	box->file_count++;
	return f;
}

/* A guest's file goes into the image under a number of its own: names may clash once folders go. */
static void guest_file_add(struct box *box, const char *name, const char *host)
{
	struct box_file *f = file_add(box, name, host);
	const char *base = strrchr(name, '/');
	size_t n;

	base = base != NULL ? base + 1 : name;
	n = (size_t)snprintf(f->image, sizeof(f->image), "%02u-", box->file_count);
	for (; *base != '\0' && n + 1 < sizeof(f->image); base++)
		f->image[n++] = strchr("*?<>|:", *base) != NULL ? '_' : *base;
	f->image[n] = '\0';
}

static uint64_t guest_file_take(struct box *box, const char *dir, const char *key,
				const struct config_file *file, struct config_errors *errors)
{
	struct box_file *known = file_find(box, file->path);
	char *host;
	struct stat st;

	if (file->line == 0)
		return 0;
	if (known != NULL && known->image[0] >= '0' && known->image[0] <= '9')
		return known->bytes; /* two VMs may share it */
	if (known != NULL || strcmp(file->path, conf_name) == 0) {
		config_error_add(errors, file->line,
				 "the name %s is taken by a part of Bulkhead; rename it",
				 file->path);
		return 0;
	}
	host = file->path[0] == '/' ? text_make("%s", file->path)
				    : text_make("%s/%s", dir, file->path);
	if (stat(host, &st) != 0)
		config_error_add(errors, file->line, "%s = %s: %s%s", key, file->path,
				 strerror(errno),
				 errno == ENOENT ? "; paths are relative to the config file" : "");
	else if (!S_ISREG(st.st_mode))
		config_error_add(errors, file->line, "%s = %s is not a regular file", key,
				 file->path);
	else if (access(host, R_OK) != 0)
		config_error_add(errors, file->line, "%s = %s: %s", key, file->path,
				 strerror(errno));
	else if (st.st_size == 0)
		config_error_add(errors, file->line, "%s = %s is empty", key, file->path);
	else
		guest_file_add(box, file->path, host);
	free(host);
	known = file_find(box, file->path);
	return known != NULL ? known->bytes : 0;
}

static void vm_files_take(struct box *box, const char *dir, const struct config_vm *vm,
			  struct config_errors *errors)
{
	uint64_t bytes = guest_file_take(box, dir, "kernel", &vm->kernel, errors) +
			 guest_file_take(box, dir, "initrd", &vm->initrd, errors);

	for (uint32_t i = 0; i < vm->modules; i++)
		bytes += guest_file_take(box, dir, "module", &vm->module[i].file, errors);
	if (bytes > vm->memory)
		config_error_add(errors, vm->memory_line,
				 "memory is too small: its files alone have %llu KiB",
				 (unsigned long long)(bytes >> 10));
}

unsigned int box_load(const char *conf, struct box *box)
{
	static struct config_errors errors;
	char *copy = strdup(conf);
	const char *dir = dirname(copy);
	size_t bytes;
	char *text;

	memset(box, 0, sizeof(*box));
	text = file_read(conf, &bytes);
	for (int i = 0; i < PART_COUNT;
	     i++) { /* their names are taken; box_find_parts fills them in */
		snprintf(box->file[i].name, sizeof(box->file[i].name), "%s", part_name[i]);
		snprintf(box->file[i].image, sizeof(box->file[i].image), "%s", part_name[i]);
	}
	box->file_count = PART_COUNT;
	if (config_parse(text, bytes, &box->config, &errors) == 0) {
		struct box_file *f = file_add(box, conf_name, conf);

		snprintf(f->image, sizeof(f->image), "%s", conf_name);
		for (uint32_t i = 0; i < box->config.vm_count; i++)
			vm_files_take(box, dir, &box->config.vm[i], &errors);
	}
	for (uint32_t i = 0; i < errors.count; i++) {
		if (errors.error[i].line != 0)
			fprintf(stderr, "%s:%u: %s\n", conf, errors.error[i].line,
				errors.error[i].text);
		else
			fprintf(stderr, "%s: %s\n", conf, errors.error[i].text);
	}
	if (errors.more)
		fprintf(stderr, "%s: there is more; mend these first\n", conf);
	free(text);
	free(copy);
	return errors.count;
}

/* The hypervisor's own files lie beside this program; BULKHEAD_PARTS names another place. */
void box_find_parts(struct box *box)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *dir = getenv("BULKHEAD_PARTS");

	if (dir == NULL) {
		if (n < 0)
			die("/proc is not mounted");
		self[n] = '\0';
		dir = dirname(self);
	}
	snprintf(box->loader, sizeof(box->loader), "%s/BOOTX64.EFI", dir);
	snprintf(box->kernel.host, sizeof(box->kernel.host), "%s/kernel.elf", dir);
	snprintf(box->kernel.image, sizeof(box->kernel.image), "kernel.elf");
	for (int i = 0; i < PART_COUNT; i++) {
		snprintf(box->file[i].host, sizeof(box->file[i].host), "%s/%s", dir, part_name[i]);
		if (access(box->file[i].host, R_OK) != 0)
			die("%s is missing; build it with `make all`", box->file[i].host);
		file_measure(&box->file[i]);
	}
	if (access(box->kernel.host, R_OK) != 0 || access(box->loader, R_OK) != 0)
		die("kernel.elf or BOOTX64.EFI is missing in %s; build them with `make all`", dir);
	file_measure(&box->kernel);
}
