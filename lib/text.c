/* SPDX-License-Identifier: GPL-2.0-only */
/* Bounded text helpers. */
#include "lib/text.h"

#include "lib/string.h"

size_t text_copy(char *to, size_t bytes, const char *from)
{
	size_t n = strlen(from);

	if (bytes > 0) {
		size_t k = n < bytes ? n : bytes - 1;

		memcpy(to, from, k);
		to[k] = '\0';
	}
	return n;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

static unsigned suffix_shift(char c)
{
	switch (c) {
	case 'K':
	case 'k':
		return 10;
	case 'M':
	case 'm':
		return 20;
	case 'G':
	case 'g':
		return 30;
	default:
		return 0;
	}
}

bool text_number(const char *text, size_t n, bool suffix, uint64_t *value)
{
	int base = 10;
	unsigned shift = 0;
	uint64_t v = 0;

	if (suffix && n > 1) {
		shift = suffix_shift(text[n - 1]);
		n -= shift != 0;
	}
	if (n > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
		n -= 2;
	}
	if (n == 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		int d = digit_value(text[i]);

		if (d >= base || __builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v))
			return false;
	}
	if (shift != 0 && v >> (64 - shift) != 0)
		return false;
	*value = v << shift;
	return true;
}

bool text_option(const char *line, const char *key, char *value, size_t bytes)
{
	size_t key_len = strlen(key);

	for (;;) {
		size_t n = 0;

		while (*line == ' ' || *line == '\t')
			line++;
		if (*line == '\0')
			return false;
		while (line[n] != '\0' && line[n] != ' ' && line[n] != '\t')
			n++;
		if (n >= key_len && memcmp(line, key, key_len) == 0 &&
		    (n == key_len || line[key_len] == '=')) {
			size_t from = n == key_len ? n : key_len + 1, k = n - from;

			if (bytes == 0)
				return true;
			if (k >= bytes)
				k = bytes - 1;
			memcpy(value, line + from, k);
			value[k] = '\0';
			return true;
		}
		line += n;
	}
}

bool text_flag(const char *options, char sign, const char *name)
{
	size_t n = strlen(name);

	while (n != 0 && options != NULL && *options != '\0') {
		if (options[0] == sign && strncmp(options + 1, name, n) == 0 &&
		    (options[n + 1] == ',' || options[n + 1] == '\0'))
			return true;
		options = strchr(options, ',');
		if (options != NULL)
			options++;
	}
	return false;
}
