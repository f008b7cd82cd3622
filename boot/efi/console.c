/* SPDX-License-Identifier: GPL-2.0-only */
/* The loader's words: the firmware's console, and COM1 when the firmware does not use it itself. */
#include "boot/efi/loader.h"

#include "lib/format.h"

#define COM1 0x3f8

enum { UART_DATA = 0, UART_IER = 1, UART_LCR = 3, UART_LSR = 5, UART_SCRATCH = 7 };
enum { LSR_THR_EMPTY = 0x20 };

static void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static bool uart_present(void)
{
	outb(COM1 + UART_SCRATCH, 0x5a);
	return inb(COM1 + UART_SCRATCH) == 0x5a;
}

static void uart_put(char c)
{
	for (int i = 0; i < 100000 && !(inb(COM1 + UART_LSR) & LSR_THR_EMPTY); i++)
		;
	outb(COM1 + UART_DATA, (uint8_t)c);
}

/* Whether a device path has a UART node in it [UEFI "UART Device Path"]. */
static bool path_has_uart(const EFI_DEVICE_PATH_PROTOCOL *node)
{
	for (int i = 0; i < 32 && node->Type != 0x7f; i++) {
		size_t bytes = node->Length[0] | (size_t)node->Length[1] << 8;

		if (node->Type == MESSAGING_DEVICE_PATH && node->SubType == MSG_UART_DP)
			return true;
		if (bytes < sizeof(*node))
			return false;
		node = (const EFI_DEVICE_PATH_PROTOCOL *)((const uint8_t *)node + bytes);
	}
	return false;
}

/*
 * The firmware marks the handles that its console is spread over with this GUID (EDK II: "console
 * out device"). When one of them is a serial line, each line would come twice.
 */
static bool console_is_serial(struct loader *ld)
{
	EFI_GUID mark = {
		0xd3b36f2c, 0xd551, 0x11d4, { 0x9a, 0x46, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d }
	};
	EFI_GUID path_guid = EFI_DEVICE_PATH_PROTOCOL_GUID;
	EFI_HANDLE *handles = NULL;
	UINTN count = 0;
	bool found = false;

	if (ld->bs->LocateHandleBuffer(ByProtocol, &mark, NULL, &count, &handles) != EFI_SUCCESS)
		return false;
	for (UINTN i = 0; i < count; i++) {
		void *path = NULL;

		if (ld->bs->HandleProtocol(handles[i], &path_guid, &path) == EFI_SUCCESS &&
		    path_has_uart(path))
			found = true;
	}
	ld->bs->FreePool(handles);
	return found;
}

void console_init(struct loader *ld)
{
	ld->com1 = uart_present() && !console_is_serial(ld);
	if (!ld->com1)
		return;
	outb(COM1 + UART_IER, 0);
	outb(COM1 + UART_LCR, 0x80);
	outb(COM1 + UART_DATA, 1); /* 115200 */
	outb(COM1 + UART_IER, 0);
	outb(COM1 + UART_LCR, 3); /* 8N1 */
}

static void say_v(struct loader *ld, const char *fmt, va_list args)
{
	char text[256];
	CHAR16 wide[2 * sizeof(text)];
	size_t n = 0;

	format_v(text, sizeof(text), fmt, args);
	for (const char *s = text; *s != '\0'; s++) {
		if (*s == '\n')
			wide[n++] = '\r';
		wide[n++] = (CHAR16)(unsigned char)*s;
	}
	wide[n] = 0;
	if (ld->st->ConOut != NULL)
		ld->st->ConOut->OutputString(ld->st->ConOut, wide);
	for (size_t i = 0; ld->com1 && i < n; i++)
		uart_put((char)wide[i]);
}

void say(struct loader *ld, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say_v(ld, fmt, args);
	va_end(args);
}

EFI_STATUS give_up(struct loader *ld, const char *fmt, ...)
{
	const int seconds = 30;
	EFI_INPUT_KEY key;
	va_list args;

	say(ld, "bulkhead: powering off in %d seconds; any key returns to the firmware\n", seconds);
	say(ld, "bulkhead: box off: ");
	va_start(args, fmt);
	say_v(ld, fmt, args);
	va_end(args);
	say(ld, "\n");
	for (int i = 0; i < seconds * 10; i++) {
		if (ld->st->ConIn != NULL &&
		    ld->st->ConIn->ReadKeyStroke(ld->st->ConIn, &key) == EFI_SUCCESS)
			return EFI_LOAD_ERROR;
		ld->bs->Stall(100000);
	}
	ld->st->RuntimeServices->ResetSystem(EfiResetShutdown, EFI_LOAD_ERROR, 0, NULL);
	return EFI_LOAD_ERROR;
}
