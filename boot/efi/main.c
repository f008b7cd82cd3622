/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * EFI/BOOT/BOOTX64.EFI: loads what \bulkhead\boot.lst names, fills in struct bootinfo, leaves boot
 * services and enters the kernel at its 64-bit entry. It decides nothing and starts no processor.
 */
#include "boot/efi/loader.h"

#include "lib/string.h"
#include "lib/text.h"

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	struct loader ld = { .image = image, .st = st, .bs = st->BootServices };
	uint64_t info;
	EFI_STATUS status;

	console_init(&ld);
	say(&ld, "\nbulkhead: UEFI loader\n");
	ld.bs->SetWatchdogTimer(0, 0, 0, NULL);
	status = pages_alloc(&ld, sizeof(*ld.info), BELOW_4G, EfiLoaderData, "the boot information",
			     &info);
	if (status != EFI_SUCCESS)
		return status;
	ld.info = (struct bootinfo *)info;
	memset(ld.info, 0, sizeof(*ld.info));
	ld.info->magic = BOOTINFO_MAGIC;
	ld.info->version = BOOTINFO_VERSION;
	ld.info->size = sizeof(*ld.info);
	text_copy(ld.info->loader, sizeof(ld.info->loader), "UEFI");
	status = volume_open(&ld);
	if (status == EFI_SUCCESS)
		status = manifest_load(&ld);
	if (status != EFI_SUCCESS)
		return status;
	rsdp_find(&ld);
	framebuffer_find(&ld);
	return hand_over(&ld);
}
