/* SPDX-License-Identifier: GPL-2.0-only */
/* The rest of struct bootinfo, the end of boot services, and the jump into the kernel. */
#include "boot/efi/loader.h"

#include "boot/memmap.h"
#include "lib/string.h"

static bool guid_equal(const EFI_GUID *a, const EFI_GUID *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

void rsdp_find(struct loader *ld)
{
	static const EFI_GUID acpi20 = ACPI_20_TABLE_GUID, acpi10 = ACPI_TABLE_GUID;

	for (UINTN i = 0; i < ld->st->NumberOfTableEntries; i++) {
		const EFI_CONFIGURATION_TABLE *t = &ld->st->ConfigurationTable[i];

		if (guid_equal(&t->VendorGuid, &acpi20)) {
			ld->info->rsdp = (uintptr_t)t->VendorTable;
			return;
		}
		if (guid_equal(&t->VendorGuid, &acpi10))
			ld->info->rsdp = (uintptr_t)t->VendorTable;
	}
}

static void mask_split(uint32_t mask, uint8_t *shift, uint8_t *bits)
{
	*shift = mask == 0 ? 0 : (uint8_t)__builtin_ctz(mask);
	*bits = (uint8_t)__builtin_popcount(mask);
}

void framebuffer_find(struct loader *ld)
{
	EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	EFI_PIXEL_BITMASK mask = { 0x000000ff, 0x0000ff00, 0x00ff0000, 0xff000000 };
	struct boot_framebuffer *fb = &ld->info->fb;
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop;
	EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *mode;
	void *found = NULL;

	if (ld->bs->LocateProtocol(&guid, NULL, &found) != EFI_SUCCESS)
		return;
	gop = found;
	if (gop->Mode == NULL || gop->Mode->Info == NULL)
		return;
	mode = gop->Mode->Info;
	if (mode->PixelFormat == PixelBlueGreenRedReserved8BitPerColor)
		mask = (EFI_PIXEL_BITMASK){ 0x00ff0000, 0x0000ff00, 0x000000ff, 0xff000000 };
	else if (mode->PixelFormat == PixelBitMask)
		mask = mode->PixelInformation;
	else if (mode->PixelFormat != PixelRedGreenBlueReserved8BitPerColor)
		return; /* block transfers only: nothing to draw into */
	*fb = (struct boot_framebuffer){ .base = gop->Mode->FrameBufferBase,
					 .width = mode->HorizontalResolution,
					 .height = mode->VerticalResolution };
	fb->bpp = (uint8_t)(32 - __builtin_clz(mask.RedMask | mask.GreenMask | mask.BlueMask |
					       mask.ReservedMask | 1));
	fb->bpp = (uint8_t)((fb->bpp + 7) / 8 * 8);
	fb->pitch = mode->PixelsPerScanLine * (fb->bpp / 8u);
	mask_split(mask.RedMask, &fb->red_shift, &fb->red_bits);
	mask_split(mask.GreenMask, &fb->green_shift, &fb->green_bits);
	mask_split(mask.BlueMask, &fb->blue_shift, &fb->blue_bits);
}

/* [UEFI "Memory Type Usage after ExitBootServices()"] */
static uint32_t map_type(const EFI_MEMORY_DESCRIPTOR *d)
{
	switch (d->Type) {
	case EfiConventionalMemory:
	case EfiLoaderCode:
	case EfiLoaderData:
	case EfiBootServicesCode:
	case EfiBootServicesData:
		/* Memory that cannot be cached is not for guests. */
		return d->Attribute & EFI_MEMORY_WB ? BOOT_MEM_USABLE : BOOT_MEM_RESERVED;
	case EfiRuntimeServicesCode:
	case EfiRuntimeServicesData:
		return BOOT_MEM_FIRMWARE;
	case EfiACPIReclaimMemory:
		return BOOT_MEM_ACPI;
	case EfiACPIMemoryNVS:
		return BOOT_MEM_NVS;
	case EfiUnusableMemory:
		return BOOT_MEM_BAD;
	case EfiMemoryMappedIO:
	case EfiMemoryMappedIOPortSpace:
		return BOOT_MEM_MMIO;
	default:
		return BOOT_MEM_RESERVED;
	}
}

/*
 * Everything that the loader loaded counts as usable above; here the kernel learns what is in use.
 */
static void map_fill(struct bootinfo *info, const uint8_t *map, UINTN bytes, UINTN step)
{
	for (UINTN at = 0; at + sizeof(EFI_MEMORY_DESCRIPTOR) <= bytes; at += step) {
		const EFI_MEMORY_DESCRIPTOR *d = (const void *)(map + at);

		(void)memmap_add(info, d->PhysicalStart, d->NumberOfPages * PAGE_BYTES,
				 map_type(d));
	}
	(void)memmap_claim(info, info->kernel_base, info->kernel_size);
	(void)memmap_claim(info, (uintptr_t)info, sizeof(*info));
	for (uint32_t i = 0; i < info->module_count; i++)
		(void)memmap_claim(info, info->module[i].base, info->module[i].size);
}

__attribute__((noreturn)) static void kernel_enter(uint64_t entry, const struct bootinfo *info)
{
	__asm__ volatile("cli\n\tjmp *%0"
			 :
			 : "r"(entry), "D"(BOOTINFO_MAGIC), "S"(info)
			 : "memory");
	__builtin_unreachable();
}

EFI_STATUS hand_over(struct loader *ld)
{
	UINTN room, bytes = 0, key, step;
	UINT32 version;
	void *map = NULL;

	/* Sized with slack: the map may grow by what getting it allocates, and after the first
	 * ExitBootServices nothing may be allocated any more. */
	ld->bs->GetMemoryMap(&bytes, NULL, &key, &step, &version);
	room = bytes + 64 * step;
	if (ld->bs->AllocatePool(EfiLoaderData, room, &map) != EFI_SUCCESS)
		return give_up(ld, "no memory for the memory map");
	for (int tries = 0; tries < 8; tries++) {
		bytes = room;
		if (ld->bs->GetMemoryMap(&bytes, map, &key, &step, &version) != EFI_SUCCESS)
			break;
		if (ld->bs->ExitBootServices(ld->image, key) == EFI_SUCCESS) {
			map_fill(ld->info, map, bytes, step);
			kernel_enter(ld->entry, ld->info);
		}
	}
	return give_up(ld, "the firmware does not let go: ExitBootServices failed");
}
