/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bulkhead run --host bochs: writes a bochsrc and starts Bochs, 2.7 or newer. The box boots from the
 * image as a CD; its serial line is a TCP connection to us on the loopback interface. With a model
 * that has VMX (the default) or SVM (--cpu ryzen).
 */
#include "tools/tool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIB (1ULL << 20)

static const char *share_file(const char *name, const char *package)
{
	const char *share = getenv("BXSHARE"); /* Bochs itself knows it */

	return package_file_need(
		text_make("%s/%s", share != NULL ? share : "/usr/share/bochs", name), package);
}

/* Whether `bochs --help` has a word: versions and builds differ. */
static bool help_has(const char *word)
{
	FILE *p = popen("bochs --help 2>&1", "re");
	char line[512];
	bool found = false;

	while (p != NULL && fgets(line, sizeof(line), p) != NULL)
		found |= strstr(line, word) != NULL;
	if (p != NULL)
		pclose(p);
	return found;
}

static int listen_loopback(unsigned int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) != 0 || listen(fd, 1) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		die("no socket on the loopback interface: %s", strerror(errno));
	*port = ntohs(a.sin_port);
	return fd;
}

static void write_firmware(FILE *f, enum boot_way boot)
{
	const char *vga = share_file("VGABIOS-lgpl-latest", "vgabios");

	if (boot == BOOT_BIOS)
		fprintf(f, "romimage: file=%s, options=fastboot\n",
			share_file("BIOS-bochs-latest", "bochsbios"));
	else
		fprintf(f, "romimage: file=%s\n",
			package_file_need("/usr/share/ovmf/OVMF.fd", "ovmf"));
	fprintf(f, "vgaromimage: file=%s\n", vga);
	/* The debugger's build draws on a terminal of its own, which nobody reads: it stops when some 64 KiB are drawn. */
	fprintf(f, "pci: enabled=1, chipset=i440fx, slot1=pcivga\nvga: extension=vbe, update_freq=1\n");
}

static void write_bochsrc(const char *path, const struct tool_options *o, const char *image,
			  uint64_t memory, unsigned int port)
{
	unsigned long long mib = memory / MIB;
	FILE *f = fopen(path, "we");

	if (f == NULL)
		die("cannot write %s", path);
	fprintf(f, "config_interface: textconfig\ndisplay_library: term\n");
	write_firmware(f, o->boot);
	fprintf(f, "cpu: model=%s, count=%u, ips=50000000, reset_on_triple_fault=0\n",
		o->cpu != NULL ? o->cpu : "corei7_haswell_4770", o->cpus);
	fprintf(f, "memory: guest=%llu, host=%llu\n", mib, mib < 2048 ? mib : 2048);
	fprintf(f, "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14\n");
	fprintf(f, "ata0-master: type=cdrom, path=\"%s\", status=inserted\nboot: cdrom\n", image);
	fprintf(f, "com1: enabled=1, mode=socket-client, dev=127.0.0.1:%u\n", port);
	fprintf(f, "clock: sync=none\nlog: -\n");
	fprintf(f, "panic: action=fatal\nerror: action=report\ninfo: action=ignore\n");
	fprintf(f, "sound: driver=default, waveoutdrv=dummy\nspeaker: enabled=0\n");
	for (char **e = o->extra; e != NULL && *e != NULL; e++)
		fprintf(f, "%s\n", *e);
	if (fclose(f) != 0)
		die("cannot write %s", path);
}

/*
 * Bochs says in its log, and nowhere else, why a VM entry failed; but it also reports each ordinary
 * exit, #AC and #DB there, hundreds of thousands a second.
 */
static bool error_worth(const char *line)
{
	if (strstr(line, ">>PANIC<<") != NULL)
		return strstr(line, "soft power off") == NULL;
	return (strstr(line, "e[") != NULL || strstr(line, "p[") != NULL) && strstr(line, "VMEXIT") == NULL &&
	       strstr(line, "#AC") == NULL && strstr(line, "#DB") == NULL;
}

int bochs_run(const struct box *box, const struct tool_options *o, const char *image,
	      uint64_t memory)
{
	char *rc = text_make("%s/bochsrc", temp_dir()), *go = text_make("%s/bochs.rc", temp_dir());
	/* Debian's 2.7 is built with its debugger, which waits for a command; in 3.0 it is an option. */
	bool debugger = help_has("-rc filename") && !help_has("-debugger");
	char *argv[] = { "bochs", "-q", "-f", rc, debugger ? "-rc" : NULL, go, NULL };
	struct emulator e = { .name = "Bochs", .argv = argv, .error_worth = error_worth, .seal = o->seal };
	unsigned int port;

	(void)box;
	e.listen_fd = listen_loopback(&port);
	write_bochsrc(rc, o, image, memory, port);
	file_write(go, "c\n", 2);
	setenv("TERM", "xterm", 1);
	fprintf(stderr, "bulkhead: starting Bochs (%s, %u processors)\n", boot_way_name[o->boot],
		o->cpus);
	return relay(&e, o->timeout);
}
