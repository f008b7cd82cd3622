/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The Linux boot protocol: bzImage, entered in 64-bit mode where the kernel has that entry (protocol
 * 2.12), else in 32-bit mode (2.06 on). No real-mode entry. [LINUX-BOOT "The Real-Mode Kernel
 * Header", "64-bit Boot Protocol"]
 */
#include "guests/load/load.h"

#include <stdbool.h>
#include "kernel/abi/status.h"
#include "lib/string.h"

/* Offsets in the file, and in the zero page alike. */
enum {
	BP_RSDP = 0x070,
	BP_E820_COUNT = 0x1e8,
	HDR_SETUP_SECTS = 0x1f1,
	HDR_SYSSIZE = 0x1f4,
	HDR_VID_MODE = 0x1fa,
	HDR_BOOT_FLAG = 0x1fe,
	HDR_LENGTH = 0x201,
	HDR_MAGIC = 0x202,
	HDR_VERSION = 0x206,
	HDR_LOADER = 0x210,
	HDR_LOADFLAGS = 0x211,
	HDR_RAMDISK = 0x218,
	HDR_RAMDISK_SIZE = 0x21c,
	HDR_CMDLINE = 0x228,
	HDR_INITRD_MAX = 0x22c,
	HDR_ALIGNMENT = 0x230,
	HDR_RELOCATABLE = 0x234,
	HDR_XLOADFLAGS = 0x236,
	HDR_CMDLINE_SIZE = 0x238,
	HDR_PAYLOAD = 0x248,
	HDR_PAYLOAD_SIZE = 0x24c,
	HDR_PREF_ADDRESS = 0x258,
	HDR_INIT_SIZE = 0x260,
	HDR_MIN_FILE = 0x268,
	HDR_MAX_END = 0x290, /* the zero page has other things from here on */
	BP_E820 = 0x2d0,
};

enum { LOADED_HIGH = 1, XLF_KERNEL_64 = 1, ENTRY_64 = 0x200 };

/* The header's facts, checked one by one. */
struct linux_header {
	uint32_t version, setup_bytes, alignment, cmdline_max, end;
	uint64_t payload_bytes; /* of the protected-mode part */
	uint64_t pref_address, init_size, initrd_limit;
	bool relocatable, entry64;
};

static int header_sizes(const struct load_file *k, struct linux_header *h, char *why)
{
	uint64_t sects = load_get(k->data, HDR_SETUP_SECTS, 1), sys;

	h->setup_bytes = (uint32_t)((sects ? sects : 4) + 1) * 512;
	h->end = HDR_MAGIC + (uint32_t)load_get(k->data, HDR_LENGTH, 1);
	if (h->end < HDR_MIN_FILE || h->end > HDR_MAX_END)
		return load_error(why, E_INVAL,
				  "kernel '%s': byte 0x201 says the header ends at 0x%x, not in 0x%x to 0x%x",
				  k->name, h->end, HDR_MIN_FILE, HDR_MAX_END);
	if (h->setup_bytes >= k->bytes)
		return load_error(why, E_INVAL,
				  "kernel '%s' is truncated: %u setup bytes announced, the file has %llu",
				  k->name, h->setup_bytes, (unsigned long long)k->bytes);
	sys = load_get(k->data, HDR_SYSSIZE, 4) * 16;
	h->payload_bytes = k->bytes - h->setup_bytes;
	if (sys > h->payload_bytes + 15)
		return load_error(why, E_INVAL,
				  "kernel '%s' is truncated: its header announces %llu bytes, the file has %llu",
				  k->name, (unsigned long long)(sys + h->setup_bytes),
				  (unsigned long long)k->bytes);
	return 0;
}

static int header_placement(const struct load_file *k, struct linux_header *h, char *why)
{
	bool has_init_size = h->version >= 0x20a;

	h->relocatable = load_get(k->data, HDR_RELOCATABLE, 1) != 0;
	h->alignment = (uint32_t)load_get(k->data, HDR_ALIGNMENT, 4);
	h->pref_address = has_init_size ? load_get(k->data, HDR_PREF_ADDRESS, 8) : LOAD_HIGH_START;
	h->init_size = has_init_size ? load_get(k->data, HDR_INIT_SIZE, 4) : h->payload_bytes * 4;
	if (h->init_size < h->payload_bytes)
		h->init_size = h->payload_bytes;
	h->initrd_limit = load_get(k->data, HDR_INITRD_MAX, 4) + 1;
	h->cmdline_max = (uint32_t)load_get(k->data, HDR_CMDLINE_SIZE, 4);
	h->entry64 = h->version >= 0x20c && (load_get(k->data, HDR_XLOADFLAGS, 2) & XLF_KERNEL_64);
	if (h->entry64 && h->payload_bytes <= ENTRY_64)
		return load_error(why, E_INVAL, "kernel '%s' is too short to have a 64-bit entry", k->name);
	if (h->relocatable && (h->alignment == 0 || (h->alignment & (h->alignment - 1)) != 0))
		return load_error(why, E_INVAL,
				  "kernel '%s': alignment 0x%x at 0x230 is not a power of two",
				  k->name, h->alignment);
	if (h->pref_address < LOAD_HIGH_START || h->pref_address >= LOAD_HOLE_START)
		return load_error(why, E_INVAL,
				  "kernel '%s': preferred address 0x%llx at 0x258 is not between 1 MiB and 3 GiB",
				  k->name, (unsigned long long)h->pref_address);
	return 0;
}

static int header_check(const struct load_file *k, struct linux_header *h, char *why)
{
	uint64_t offset, bytes;
	int status;

	if (k->bytes < HDR_MIN_FILE || load_get(k->data, HDR_BOOT_FLAG, 2) != 0xaa55 ||
	    memcmp(k->data + HDR_MAGIC, "HdrS", 4) != 0)
		return load_error(why, E_INVAL,
				  "kernel '%s' is neither a Linux bzImage nor a multiboot or ELF file", k->name);
	h->version = (uint32_t)load_get(k->data, HDR_VERSION, 2);
	if (h->version < 0x206)
		return load_error(why, E_UNSUPPORTED,
				  "kernel '%s' speaks boot protocol %u.%02u, 2.06 is the oldest supported",
				  k->name, h->version >> 8, h->version & 0xff);
	if (!(load_get(k->data, HDR_LOADFLAGS, 1) & LOADED_HIGH))
		return load_error(why, E_UNSUPPORTED,
				  "kernel '%s' is a zImage that loads below 1 MiB", k->name);
	status = header_sizes(k, h, why);
	if (status == 0)
		status = header_placement(k, h, why);
	if (status != 0)
		return status;
	offset = load_get(k->data, HDR_PAYLOAD, 4);
	bytes = load_get(k->data, HDR_PAYLOAD_SIZE, 4);
	if (h->version >= 0x208 && (offset > h->payload_bytes || bytes > h->payload_bytes - offset))
		return load_error(why, E_INVAL,
				  "kernel '%s' is truncated: compressed part 0x%llx + 0x%llx, file 0x%llx",
				  k->name, (unsigned long long)offset, (unsigned long long)bytes,
				  (unsigned long long)h->payload_bytes);
	return 0;
}

/* Where the kernel goes: its preferred address, which is also where it would move itself. */
static int place_kernel(const struct load_request *req, const struct linux_header *h,
			uint64_t *base, char *why)
{
	uint64_t align = h->relocatable ? h->alignment : 1;

	*base = (h->pref_address + align - 1) & ~(align - 1);
	if (*base >= req->low_bytes || h->init_size > req->low_bytes - *base)
		return load_error(why, E_RANGE,
				  "kernel '%s' needs 0x%llx bytes at 0x%llx, the guest's low memory ends at 0x%llx",
				  req->kernel.name, (unsigned long long)h->init_size,
				  (unsigned long long)*base, (unsigned long long)req->low_bytes);
	memcpy(req->ram + *base, req->kernel.data + h->setup_bytes, h->payload_bytes);
	return 0;
}

static void fill_zero_page(const struct load_request *req, const struct linux_header *h,
			   uint64_t initrd)
{
	uint8_t *zp = req->ram + LOAD_ZERO_PAGE;
	struct load_map_entry map[LOAD_MAP_MAX];
	unsigned n = load_map(req, map);

	memset(zp, 0, 4096);
	memcpy(zp + HDR_SETUP_SECTS, req->kernel.data + HDR_SETUP_SECTS, h->end - HDR_SETUP_SECTS);
	load_put(zp, HDR_LOADER, 1, 0xff); /* no number assigned to us */
	load_put(zp, HDR_VID_MODE, 2, 0xffff);
	load_put(zp, HDR_RAMDISK, 4, initrd);
	load_put(zp, HDR_RAMDISK_SIZE, 4, initrd ? req->initrd.bytes : 0);
	load_put(zp, HDR_CMDLINE, 4, LOAD_CMDLINE);
	load_put(zp, BP_RSDP, 8, req->rsdp);
	load_put(zp, BP_E820_COUNT, 1, n);
	for (unsigned i = 0; i < n; i++) {
		load_put(zp, BP_E820 + i * 20, 8, map[i].base);
		load_put(zp, BP_E820 + i * 20 + 8, 8, map[i].size);
		load_put(zp, BP_E820 + i * 20 + 16, 4, map[i].type);
	}
}

int load_linux(const struct load_request *req, struct load_start *start, char *why)
{
	struct linux_header h = { 0 };
	uint64_t base, initrd = 0;
	int status = header_check(&req->kernel, &h, why);

	if (status == 0 && req->modules != 0)
		status = load_error(why, E_UNSUPPORTED,
				    "kernel '%s' is a Linux image: it takes an initrd, no modules",
				    req->kernel.name);
	if (status == 0)
		status = place_kernel(req, &h, &base, why);
	if (status == 0 && req->initrd.data && req->initrd.bytes)
		status = load_high(req, &req->initrd, base + h.init_size, h.initrd_limit, &initrd, why);
	if (status == 0)
		status = load_cmdline(req, NULL, h.cmdline_max, why);
	if (status != 0)
		return status;
	load_tables(req, h.entry64 ? LOAD_LONG64 : LOAD_PROT32);
	fill_zero_page(req, &h, initrd);
	*start = (struct load_start){
		.mode = h.entry64 ? LOAD_LONG64 : LOAD_PROT32,
		.rip = h.entry64 ? base + ENTRY_64 : base,
		.rsp = LOAD_STACK,
		.rsi = LOAD_ZERO_PAGE,
		.protocol = h.entry64 ? "Linux, 64-bit entry" : "Linux, 32-bit entry",
	};
	return 0;
}
