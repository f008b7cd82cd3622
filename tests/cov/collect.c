/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads coverage streams (tests/cov/dump.c) as QEMU's debug port kept them, and writes each .gcda that
 * they speak of to where its name says, counters of all streams added up: collect FILE...
 * Hosted; gcc 12's .gcda: 32-bit words; magic, version, stamp, checksum, then records of a tag, a length
 * in bytes and as many bytes; counters with a negative length are that many bytes of zeros.
 * [gcc's gcov-io.h, "gcov files"]. What does not have this form is said and left out.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 16, TAG_ARCS = 0x01a10000, STREAMS = 256, FILES = 1024 };

struct bytes {
	uint8_t *at;
	size_t n, room;
};

struct object { /* one .gcda */
	char *name;
	struct bytes sum;
};

struct stream { /* of one program, pieces of which come between others' */
	uint64_t whose;
	struct bytes text;
};

static struct object objects[FILES];
static size_t objects_n;
static int damaged;

static void complain(const char *file, const char *fmt, ...)
{
	va_list ap;

	damaged++;
	fprintf(stderr, "collect: %s: ", file);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void append(struct bytes *b, const void *from, size_t n)
{
	if (b->n + n > b->room) {
		b->room = 2 * (b->n + n);
		b->at = realloc(b->at, b->room);
		if (b->at == NULL)
			abort();
	}
	memcpy(b->at + b->n, from, n);
	b->n += n;
}

static uint32_t word(const struct bytes *b, size_t at)
{
	uint32_t w = 0;

	if (at + 4 <= b->n)
		memcpy(&w, b->at + at, 4);
	return w;
}

/* One record's bytes of content in the file: none when its counters are all zero. */
static size_t content(const struct bytes *b, size_t at)
{
	int32_t n = (int32_t)word(b, at + 4);

	return n > 0 ? (size_t)n : 0;
}

/* to + from, record by record, into to. False when they are not of one build. */
static bool add(struct bytes *to, const struct bytes *from)
{
	struct bytes sum = { 0 };
	size_t a = HEAD, b = HEAD;

	if (to->n < HEAD || from->n < HEAD || memcmp(to->at, from->at, HEAD) != 0)
		return false;
	append(&sum, to->at, HEAD);
	while (a + 8 <= to->n && b + 8 <= from->n) {
		size_t an = content(to, a), bn = content(from, b), base = sum.n + 8;
		uint32_t tag = word(to, a);

		if (tag != word(from, b) || a + 8 + an > to->n || b + 8 + bn > from->n ||
		    (an && bn && an != bn))
			break;
		append(&sum, bn > an ? from->at + b : to->at + a, 8 + (bn > an ? bn : an));
		for (size_t i = 0; tag == TAG_ARCS && an && bn && i + 8 <= an; i += 8) {
			uint64_t x, y;

			memcpy(&x, to->at + a + 8 + i, 8);
			memcpy(&y, from->at + b + 8 + i, 8);
			x += y;
			memcpy(sum.at + base + i, &x, 8);
		}
		a += 8 + an;
		b += 8 + bn;
	}
	if (to->n - a >= 8 || from->n - b >= 8) {
		free(sum.at);
		return false;
	}
	append(&sum, to->at + a, to->n - a); /* the word of zero at the end */
	free(to->at);
	*to = sum;
	return true;
}

static void keep(const char *file, const char *name, const struct bytes *data)
{
	size_t i = 0, n = strlen(name);

	if (name[0] != '/' || n < 6 || strcmp(name + n - 5, ".gcda") != 0) {
		complain(file, "what should be a name of a .gcda is none");
		return;
	}
	while (i < objects_n && strcmp(objects[i].name, name) != 0)
		i++;
	if (i == objects_n) {
		if (objects_n == FILES) {
			complain(file, "too many objects");
			return;
		}
		objects[objects_n].name = strdup(name);
		append(&objects[objects_n++].sum, data->at, data->n);
	} else if (!add(&objects[i].sum, data)) {
		complain(file, "%s is of another build", name);
	}
}

/* A whole stream: names and the data behind them. */
static void stream_read(const char *file, const struct bytes *s)
{
	struct bytes data = { 0 };
	char name[4096] = "";
	bool whole = false;

	for (size_t at = 0; at + 3 <= s->n;) {
		uint8_t tag = s->at[at];
		size_t n = (size_t)s->at[at + 1] | (size_t)s->at[at + 2] << 8;

		if (at + 3 + n > s->n || (tag == 'F' && n >= sizeof(name)))
			break;
		if (tag != 'D' && data.n) {
			keep(file, name, &data);
			data.n = 0;
		}
		if (tag == 'F')
			snprintf(name, sizeof(name), "%.*s", (int)n, (const char *)s->at + at + 3);
		else if (tag == 'D')
			append(&data, s->at + at + 3, n);
		else
			whole = tag == 'Z';
		at += 3 + n;
	}
	if (!whole && s->n)
		complain(file, "a program's counters are cut off");
	free(data.at);
}

static void file_read(const char *file)
{
	static struct stream streams[STREAMS];
	FILE *f = fopen(file, "rb");
	size_t n = 0;
	struct {
		uint64_t whose;
		uint32_t n;
	} __attribute__((packed)) head;
	uint8_t piece[65536];

	if (f == NULL) {
		complain(file, "%s", strerror(errno));
		return;
	}
	while (fread(&head, sizeof(head), 1, f) == 1 && head.n <= sizeof(piece) &&
	       fread(piece, 1, head.n, f) == head.n) {
		size_t i = 0;

		while (i < n && streams[i].whose != head.whose)
			i++;
		if (i == STREAMS)
			break;
		if (i == n)
			streams[n++] = (struct stream){ .whose = head.whose };
		append(&streams[i].text, piece, head.n);
	}
	if (!feof(f))
		complain(file, "not a coverage stream from byte %ld on", ftell(f));
	fclose(f);
	for (size_t i = 0; i < n; i++) {
		stream_read(file, &streams[i].text);
		free(streams[i].text.at);
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		file_read(argv[i]);
	for (size_t i = 0; i < objects_n; i++) {
		FILE *f = fopen(objects[i].name, "wb");

		if (f == NULL || fwrite(objects[i].sum.at, objects[i].sum.n, 1, f) != 1)
			complain(objects[i].name, "%s", strerror(errno));
		if (f != NULL)
			fclose(f);
	}
	fprintf(stderr, "collect: %d files, %zu objects, %d complaints\n", argc - 1, objects_n, damaged);
	return objects_n == 0;
}
