/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: manager/config.c manager/config_keys.c lib/format.c lib/text.c */
/* libs: -linih */
/* Any bytes as a config file: an answer with errors in order, or a config that keeps its promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "manager/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void require_text(const char *text, size_t room)
{
	require(memchr(text, '\0', room) != NULL);
}

static void check_vm(const struct config_vm *vm)
{
	require_text(vm->name, sizeof(vm->name));
	require_text(vm->cmdline, sizeof(vm->cmdline));
	require_text(vm->kernel.path, sizeof(vm->kernel.path));
	require_text(vm->initrd.path, sizeof(vm->initrd.path));
	require(vm->modules <= CONFIG_MODULES_MAX);
	for (uint32_t i = 0; i < vm->modules; i++) {
		require_text(vm->module[i].file.path, sizeof(vm->module[i].file.path));
		require_text(vm->module[i].args, sizeof(vm->module[i].args));
		require(vm->module[i].file.path[0] != '\0' && vm->module[i].file.line != 0);
	}
	require(vm->name[0] != '\0' && vm->kernel.path[0] != '\0' && vm->line != 0);
	require(vm->memory >= 1 << 20 && vm->memory % 4096 == 0 && vm->cpus >= 1 && vm->cpus <= CONFIG_CPUS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;
	static struct config_errors errors;
	int status = config_parse((const char *)data, size, &config, &errors);

	require((status == 0) == (errors.count == 0));
	require(errors.count <= CONFIG_ERROR_MAX);
	for (uint32_t i = 0; i < errors.count; i++) {
		require_text(errors.error[i].text, CONFIG_TEXT_MAX);
		require(errors.error[i].text[0] != '\0');
		require(i == 0 || errors.error[i - 1].line <= errors.error[i].line);
	}
	if (status != 0)
		return 0;
	require(config.vm_count >= 1 && config.vm_count <= CONFIG_VM_MAX);
	for (uint32_t i = 0; i < config.vm_count; i++)
		check_vm(&config.vm[i]);
	return 0;
}
