/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes, files and the temporary directory of the bulkhead command. */
#include "tools/tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void die(const char *fmt, ...)
{
	va_list args;

	fputs("bulkhead: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_USAGE);
}

char *text_make(const char *fmt, ...)
{
	char *text;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		die("out of memory");
	va_end(args);
	return text;
}

static bool program_found(const char *program)
{
	const char *path = getenv("PATH");
	char *copy = strdup(path != NULL ? path : "/usr/bin:/bin"), *save = NULL;
	bool found = false;

	for (char *dir = strtok_r(copy, ":", &save); dir != NULL && !found;
	     dir = strtok_r(NULL, ":", &save)) {
		char *full = text_make("%s/%s", dir, program);

		found = access(full, X_OK) == 0;
		free(full);
	}
	free(copy);
	return found;
}

void program_need(const char *program, const char *package)
{
	if (!program_found(program))
		die("%s is missing; install Debian's package %s (apt-get install %s)", program,
		    package, package);
}

const char *package_file_need(const char *path, const char *package)
{
	if (access(path, R_OK) != 0)
		die("%s is missing; install Debian's package %s (apt-get install %s)", path,
		    package, package);
	return path;
}

/* Splits `words` at blanks and puts the arguments in for the words that are `%`. */
static void command_split(char **argv, size_t max, char *words, va_list args)
{
	size_t n = 0;
	char *save = NULL;

	for (char *w = strtok_r(words, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
		if (n + 1 == max)
			die("%s: too many arguments", argv[0]);
		argv[n++] = strcmp(w, "%") == 0 ? va_arg(args, char *) : w;
	}
	argv[n] = NULL;
}

void command_run(const char *words, ...)
{
	char *log = text_make("%s/log", temp_dir()), *copy = text_make("%s", words), *argv[64];
	int status, fd = open(log, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
	va_list args;
	pid_t pid;

	va_start(args, words);
	command_split(argv, sizeof(argv) / sizeof(argv[0]), copy, args);
	va_end(args);
	pid = fork();
	if (fd < 0 || pid < 0)
		die("cannot start %s: %s", argv[0], strerror(errno));
	if (pid == 0) {
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(fd, 1);
		dup2(fd, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0 || status != 0) {
		size_t bytes;
		char *text = file_read(log, &bytes);

		fwrite(text, 1, bytes, stderr);
		die("%s failed", argv[0]);
	}
	close(fd);
	free(copy);
	free(log);
}

void *file_read(const char *path, size_t *bytes)
{
	FILE *f = fopen(path, "re");
	struct stat st;
	char *data;

	if (f == NULL || fstat(fileno(f), &st) != 0)
		die("cannot read %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		die("cannot read %s: it is not a regular file", path);
	data = malloc((size_t)st.st_size + 1);
	if (data == NULL)
		die("%s: out of memory", path);
	*bytes = fread(data, 1, (size_t)st.st_size, f);
	if (*bytes != (size_t)st.st_size)
		die("cannot read all of %s", path);
	data[*bytes] = '\0';
	fclose(f);
	return data;
}

void file_write(const char *path, const void *data, size_t bytes)
{
	FILE *f = fopen(path, "we");

	if (f == NULL || fwrite(data, 1, bytes, f) != bytes || fclose(f) != 0)
		die("cannot write %s: %s", path, strerror(errno));
}

static char temp_path[4096];

static void remove_tree(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		char *full;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		full = text_make("%s/%s", path, e->d_name);
		if (unlink(full) != 0)
			remove_tree(full);
		free(full);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(path);
}

static void temp_remove(void)
{
	remove_tree(temp_path);
}

const char *temp_dir(void)
{
	const char *base = getenv("TMPDIR");

	if (temp_path[0] != '\0')
		return temp_path;
	snprintf(temp_path, sizeof(temp_path), "%s/bulkhead.XXXXXX", base != NULL ? base : "/tmp");
	if (mkdtemp(temp_path) == NULL)
		die("cannot make a directory in %s: %s", base != NULL ? base : "/tmp",
		    strerror(errno));
	atexit(temp_remove);
	return temp_path;
}
