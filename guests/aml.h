/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bounded writer of ACPI Machine Language. It never writes past its buffer: what does not fit
 * sets `full`, to be asked once at the end. It knows the grammar that our DSDT needs, no more.
 * Facts from [ACPI "ACPI Machine Language (AML) Specification"].
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aml {
	uint8_t *to;
	size_t bytes, at;
	bool full;
};

void aml_u8(struct aml *a, uint8_t value);
void aml_u16(struct aml *a, uint16_t value);
void aml_u32(struct aml *a, uint32_t value);
void aml_u64(struct aml *a, uint64_t value);
void aml_put(struct aml *a, const void *from, size_t bytes);
/* Zeros up to the next multiple of `alignment`, a power of two. */
void aml_align(struct aml *a, size_t alignment);
/* Overwrites what has been written at `at` already. */
void aml_patch(struct aml *a, size_t at, uint64_t value, unsigned bytes);

/* A name segment of up to four characters, led by \ or not; padded with underscores. */
void aml_name(struct aml *a, const char *name);
void aml_integer(struct aml *a, uint64_t value);
void aml_string(struct aml *a, const char *text);
/* "PNP0A03" as the integer that _HID wants. */
void aml_eisa_id(struct aml *a, const char *id);

/* Name (name, ..): its value follows. */
void aml_name_op(struct aml *a, const char *name);
/* These open a block; aml_close with the value returned ends it. */
size_t aml_scope(struct aml *a, const char *name);
size_t aml_device(struct aml *a, const char *name);
size_t aml_method(struct aml *a, const char *name, unsigned arguments);
size_t aml_package(struct aml *a, unsigned elements);
size_t aml_if(struct aml *a);
void aml_close(struct aml *a, size_t block);

/* A ResourceTemplate, and its descriptors. */
struct aml_resources {
	size_t block, size, start;
};
struct aml_resources aml_resources(struct aml *a);
void aml_resources_end(struct aml *a, const struct aml_resources *r);
void aml_io(struct aml *a, uint16_t port, uint8_t count);
void aml_irq(struct aml *a, unsigned irq); /* edge, active high, exclusive */
enum aml_space { AML_MEMORY = 0, AML_IO = 1, AML_BUS = 2 };
void aml_word_window(struct aml *a, enum aml_space kind, uint16_t first, uint16_t last);
void aml_dword_window(struct aml *a, enum aml_space kind, uint32_t first, uint32_t last);
