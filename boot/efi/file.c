/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of the boot volume, and pages to hold them. */
#include "boot/efi/loader.h"

#include "lib/string.h"

#define READ_STEP (4ULL << 20) /* some firmware is slow or wrong with very long reads */

EFI_STATUS volume_open(struct loader *ld)
{
	EFI_GUID image_guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	EFI_GUID fs_guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
	void *image = NULL, *fs = NULL;
	EFI_STATUS status;

	status = ld->bs->HandleProtocol(ld->image, &image_guid, &image);
	if (status == EFI_SUCCESS)
		status = ld->bs->HandleProtocol(((EFI_LOADED_IMAGE_PROTOCOL *)image)->DeviceHandle,
						&fs_guid, &fs);
	if (status == EFI_SUCCESS) {
		EFI_SIMPLE_FILE_SYSTEM_PROTOCOL *p = fs;

		status = p->OpenVolume(p, &ld->volume);
	}
	if (status != EFI_SUCCESS)
		return give_up(ld,
			       "the volume that the loader came from has no readable file system");
	return EFI_SUCCESS;
}

EFI_STATUS pages_alloc(struct loader *ld, uint64_t bytes, uint64_t below, EFI_MEMORY_TYPE type,
		       const char *what, uint64_t *base)
{
	EFI_PHYSICAL_ADDRESS address = below;
	EFI_ALLOCATE_TYPE how = below == 0 ? AllocateAnyPages : AllocateMaxAddress;
	UINTN pages = bytes == 0 ? 1 : (UINTN)((bytes + PAGE_BYTES - 1) / PAGE_BYTES);

	if (ld->bs->AllocatePages(how, type, pages, &address) != EFI_SUCCESS)
		return give_up(ld, "no memory for %s (%llu KiB)", what,
			       (unsigned long long)(pages * PAGE_BYTES / 1024));
	*base = address;
	return EFI_SUCCESS;
}

static bool file_size(EFI_FILE_PROTOCOL *file, uint64_t *size)
{
	EFI_GUID guid = EFI_FILE_INFO_ID;
	union {
		EFI_FILE_INFO info;
		uint8_t room[sizeof(EFI_FILE_INFO) + 2 * 256];
	} u;
	UINTN bytes = sizeof(u);

	if (file->GetInfo(file, &guid, &bytes, &u) != EFI_SUCCESS ||
	    (u.info.Attribute & EFI_FILE_DIRECTORY))
		return false;
	*size = u.info.FileSize;
	return true;
}

static EFI_STATUS file_read(struct loader *ld, EFI_FILE_PROTOCOL *file, const char *name,
			    struct blob *blob)
{
	EFI_STATUS status;
	uint64_t done = 0;

	if (!file_size(file, &blob->size))
		return give_up(ld, "the size of " LOADER_DIR "%s cannot be read", name);
	status = pages_alloc(ld, blob->size, 0, EfiLoaderData, name, &blob->base);
	if (status != EFI_SUCCESS)
		return status;
	while (done < blob->size) {
		uint64_t left = blob->size - done;
		UINTN n = (UINTN)(left < READ_STEP ? left : READ_STEP);

		status = file->Read(file, &n, (void *)(blob->base + done));
		if (status != EFI_SUCCESS || n == 0)
			return give_up(ld, "%s: only %llu of %llu bytes can be read", name,
				       (unsigned long long)done, (unsigned long long)blob->size);
		done += n;
	}
	memset((void *)(blob->base + done), 0, (size_t)(-done % PAGE_BYTES));
	return EFI_SUCCESS;
}

EFI_STATUS file_load(struct loader *ld, const char *name, struct blob *blob)
{
	static const char dir[] = LOADER_DIR;
	CHAR16 path[256];
	EFI_FILE_PROTOCOL *file = NULL;
	EFI_STATUS status;
	size_t n = 0;

	for (size_t i = 0; dir[i] != '\0'; i++)
		path[n++] = (CHAR16)(unsigned char)dir[i];
	for (size_t i = 0; name[i] != '\0' && n + 1 < sizeof(path) / sizeof(path[0]); i++)
		path[n++] = name[i] == '/' ? '\\' : (CHAR16)(unsigned char)name[i];
	path[n] = 0;
	*blob = (struct blob){ 0 };
	if (ld->volume->Open(ld->volume, &file, path, EFI_FILE_MODE_READ, 0) != EFI_SUCCESS)
		return give_up(ld, "the boot volume has no file " LOADER_DIR "%s", name);
	status = file_read(ld, file, name, blob);
	file->Close(file);
	return status;
}

void blob_free(struct loader *ld, struct blob *blob)
{
	UINTN pages = blob->size == 0 ? 1 : (UINTN)((blob->size + PAGE_BYTES - 1) / PAGE_BYTES);

	ld->bs->FreePages(blob->base, pages);
	*blob = (struct blob){ 0 };
}
