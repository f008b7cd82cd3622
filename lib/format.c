/* SPDX-License-Identifier: GPL-2.0-only */
/* printf-style formatting into a buffer. */
#include "lib/format.h"

#include <stdbool.h>
#include <stdint.h>
#include "lib/string.h"

struct out {
	char *to;
	size_t bytes, len;
};

struct spec {
	bool left, zero, alt;
	int width, precision; /* precision -1: none */
	int size; /* bytes of the integer argument */
};

static void out_char(struct out *o, char c)
{
	if (o->len + 1 < o->bytes)
		o->to[o->len] = c;
	o->len++;
}

static void out_fill(struct out *o, char c, int n)
{
	for (; n > 0; n--)
		out_char(o, c);
}

static void out_text(struct out *o, const struct spec *s, const char *text, int n)
{
	if (!s->left)
		out_fill(o, ' ', s->width - n);
	for (int i = 0; i < n; i++)
		out_char(o, text[i]);
	if (s->left)
		out_fill(o, ' ', s->width - n);
}

static void out_string(struct out *o, const struct spec *s, const char *text)
{
	int n = 0;

	if (text == NULL)
		text = "(null)";
	while ((s->precision < 0 || n < s->precision) && text[n] != '\0')
		n++;
	out_text(o, s, text, n);
}

static void out_number(struct out *o, const struct spec *s, uint64_t v, bool negative, unsigned base,
		       bool upper)
{
	char digits[24];
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	int n = 0, lead = (negative ? 1 : 0) + (s->alt ? 2 : 0), zeros;

	do {
		digits[n++] = set[v % base];
		v /= base;
	} while (v != 0);
	zeros = s->precision > n ? s->precision - n : 0;
	if (s->zero && !s->left && s->precision < 0 && s->width > n + lead)
		zeros = s->width - n - lead;
	if (!s->left)
		out_fill(o, ' ', s->width - n - lead - zeros);
	if (negative)
		out_char(o, '-');
	if (s->alt) {
		out_char(o, '0');
		out_char(o, 'x');
	}
	out_fill(o, '0', zeros);
	for (int i = n; i > 0; i--)
		out_char(o, digits[i - 1]);
	if (s->left)
		out_fill(o, ' ', s->width - n - lead - zeros);
}

static const char *parse_flags(const char *f, struct spec *s)
{
	for (;; f++) {
		if (*f == '-')
			s->left = true;
		else if (*f == '0')
			s->zero = true;
		else if (*f == '#')
			s->alt = true;
		else
			return f;
	}
}

static const char *parse_int(const char *f, int *value)
{
	int v = 0;

	while (*f >= '0' && *f <= '9') {
		if (v < 10000)
			v = v * 10 + (*f - '0');
		f++;
	}
	*value = v;
	return f;
}

static const char *parse_size(const char *f, struct spec *s)
{
	s->size = 4;
	if (*f == 'l' || *f == 'z' || *f == 'j') {
		s->size = 8;
		f += f[0] == 'l' && f[1] == 'l' ? 2 : 1;
	} else if (*f == 'h') {
		s->size = f[1] == 'h' ? 1 : 2;
		f += s->size == 1 ? 2 : 1;
	}
	return f;
}

static uint64_t narrow(uint64_t v, int size)
{
	return size == 8 ? v : v & ((1ULL << (size * 8)) - 1);
}

static int64_t sign_extend(uint64_t v, int size)
{
	int shift = 64 - size * 8;

	return (int64_t)(v << shift) >> shift;
}

struct arg_list { /* va_list may be an array type: wrap it to pass by reference */
	va_list args;
};

static void convert(struct out *o, struct spec *s, char c, struct arg_list *a)
{
	uint64_t v;
	char ch;

	switch (c) {
	case 'c':
		ch = (char)va_arg(a->args, int);
		out_text(o, s, &ch, 1);
		return;
	case 's':
		out_string(o, s, va_arg(a->args, const char *));
		return;
	case 'p':
		s->alt = true;
		out_number(o, s, (uintptr_t)va_arg(a->args, void *), false, 16, false);
		return;
	case '%':
		out_char(o, '%');
		return;
	case 'd':
	case 'i':
	case 'u':
	case 'x':
	case 'X':
		break;
	default: /* the compiler's format check makes this unreachable */
		out_char(o, '?');
		return;
	}
	v = s->size == 8 ? va_arg(a->args, uint64_t) : va_arg(a->args, unsigned int);
	if (c == 'd' || c == 'i') {
		int64_t i = sign_extend(v, s->size);

		s->alt = false;
		out_number(o, s, i < 0 ? 0 - (uint64_t)i : (uint64_t)i, i < 0, 10, false);
	} else {
		s->alt = s->alt && c != 'u';
		out_number(o, s, narrow(v, s->size), false, c == 'u' ? 10 : 16, c == 'X');
	}
}

static const char *parse_spec(const char *f, struct spec *s, struct arg_list *a)
{
	f = parse_flags(f, s);
	if (*f == '*') {
		s->width = va_arg(a->args, int);
		f++;
	} else {
		f = parse_int(f, &s->width);
	}
	if (*f == '.') {
		f++;
		if (*f == '*') {
			s->precision = va_arg(a->args, int);
			f++;
		} else {
			f = parse_int(f, &s->precision);
		}
	}
	return parse_size(f, s);
}

int format_v(char *to, size_t bytes, const char *fmt, va_list args)
{
	struct out o = { .to = to, .bytes = bytes };
	struct arg_list a;

	va_copy(a.args, args);
	for (const char *f = fmt; *f != '\0'; f++) {
		struct spec s = { .precision = -1 };

		if (*f != '%') {
			out_char(&o, *f);
			continue;
		}
		f = parse_spec(f + 1, &s, &a);
		if (*f == '\0')
			break;
		convert(&o, &s, *f, &a);
	}
	va_end(a.args);
	if (bytes > 0)
		to[o.len < bytes ? o.len : bytes - 1] = '\0';
	return (int)o.len;
}

int format(char *to, size_t bytes, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = format_v(to, bytes, fmt, args);
	va_end(args);
	return n;
}
