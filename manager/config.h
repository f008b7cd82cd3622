/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The box's config file (DESIGN.md "The config file"): text in memory -> struct config.
 *
 * One reader for the manager at boot and for the host tool. It allocates nothing, opens no file, and
 * knows nothing of what the host has: whether a named file exists or memory suffices is the caller's
 * to say. The caller's thread needs FPU state and an FS base (the INI library is a distribution's).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_VM_MAX	   16
#define CONFIG_VCPU_MAX	   32
#define CONFIG_MODULE_MAX  8
#define CONFIG_DISK_MAX	   8
#define CONFIG_NET_MAX	   8
#define CONFIG_PCI_MAX	   8
#define CONFIG_NAME_MAX	   16	/* a VM's name, with its NUL: what the ABI's names hold */
#define CONFIG_PATH_MAX	   112	/* as BOOTINFO_NAME_MAX: paths are module names at boot */
#define CONFIG_CMDLINE_MAX 1024
#define CONFIG_WORD_MAX	   32
#define CONFIG_ERROR_MAX   16
#define CONFIG_TEXT_MAX	   192
#define CONFIG_FILE_MAX	   65536 /* bytes in a config file */

enum config_console { CONSOLE_COM1, CONSOLE_COM2, CONSOLE_FB, CONSOLE_NONE };
enum config_machine { MACHINE_PC, MACHINE_Q35 };
enum config_bus { BUS_VIRTIO, BUS_IDE, BUS_AHCI, BUS_NVME };
enum config_nic { NIC_VIRTIO, NIC_E1000, NIC_RTL8139 };
enum config_crash { CRASH_STOP, CRASH_RESTART };

/* Every `line` below is the line of the config file where the thing was said; 0: it was not. */

struct config_file {
	char path[CONFIG_PATH_MAX]; /* relative to the config file; "" when not given */
	uint32_t line;
};

struct config_module {
	struct config_file file;
	char args[CONFIG_CMDLINE_MAX / 4];
};

struct config_disk {
	struct config_file file;
	enum config_bus bus;
	bool read_only;
};

struct config_net {
	char peer[CONFIG_WORD_MAX]; /* a switch's name or a host NIC */
	enum config_nic model;
	bool has_mac;
	uint8_t mac[6];
	uint32_t line;
};

struct config_pci {
	uint8_t bus, device, function;
	uint32_t line;
};

struct config_vm {
	char name[CONFIG_NAME_MAX];
	uint32_t line;	 /* of its [vm NAME] */
	uint64_t memory; /* bytes, a multiple of 4 KiB */
	uint32_t memory_line;
	uint32_t cpus; /* virtual processors */
	uint32_t cpus_line;
	bool pinned; /* vCPU i runs on host processor pin[i] only */
	bool exclusive;
	bool testdev;
	uint32_t pin[CONFIG_VCPU_MAX];
	struct config_file kernel, initrd; /* kernel or firmware, one of the two */
	char cmdline[CONFIG_CMDLINE_MAX];
	uint32_t cmdline_line;
	struct config_file firmware; /* "seabios", "ovmf" or a file */
	enum config_machine machine;
	enum config_crash on_crash;
	uint32_t module_count, disk_count, net_count, pci_count;
	struct config_module module[CONFIG_MODULE_MAX];
	struct config_disk disk[CONFIG_DISK_MAX];
	struct config_net net[CONFIG_NET_MAX];
	struct config_pci pci[CONFIG_PCI_MAX];
};

struct config {
	enum config_console console;
	bool stay;	  /* the box stays on when its last guest is done */
	bool mitigations; /* against processor side channels; true unless switched off */
	uint32_t box_line;
	uint32_t vm_count;
	struct config_vm vm[CONFIG_VM_MAX];
};

struct config_error {
	uint32_t line; /* 1-based; 0: the file as a whole */
	char text[CONFIG_TEXT_MAX];
};

struct config_errors {
	uint32_t count; /* entries used; reading goes on after a mistake, so that one run shows all */
	bool more;	/* there were more than fit */
	struct config_error error[CONFIG_ERROR_MAX];
};

/*
 * Reads `bytes` bytes of text into *config. Returns 0, or -1 with at least one error, sorted by line;
 * *config is then unspecified. Not reentrant: the INI library keeps its settings in variables.
 */
int config_parse(const char *text, size_t bytes, struct config *config, struct config_errors *errors);
