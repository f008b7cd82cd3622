/* SPDX-License-Identifier: GPL-2.0-only */
/* sources: manager/config.c manager/config_keys.c lib/format.c lib/text.c */
/* libs: -linih */
/* The config reader: what it accepts, and for each kind of mistake the line and the words. */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "manager/config.h"

static struct config c;
static struct config_errors e;

/* Parses from memory of exactly that size, so that the sanitizer sees a read beyond. */
static int parse_bytes(const char *text, size_t n)
{
	char *copy = malloc(n + (n == 0));
	int status;

	memcpy(copy, text, n);
	memset(&c, 0xa5, sizeof(c));
	memset(&e, 0xa5, sizeof(e));
	status = config_parse(copy, n, &c, &e);
	free(copy);
	return status;
}

static int parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

#define GOOD "[vm web]\nmemory = 64M\nkernel = k\n"

/* Exactly one error: this line, these words somewhere in it. */
static int one_error(const char *text, uint32_t line, const char *words)
{
	if (parse(text) != -1 || e.count != 1 || e.error[0].line != line ||
	    strstr(e.error[0].text, words) == NULL) {
		printf("  %u errors:\n", e.count);
		for (uint32_t i = 0; i < e.count && i < CONFIG_ERROR_MAX; i++)
			printf("  %u: %s\n", e.error[i].line, e.error[i].text);
		return 0;
	}
	return 1;
}

static void whole_file(void)
{
	CHECK_EQ(parse("; a box\n# likewise\n\n[box]\nconsole = com1 ; the first\n\n[vm web]\n"
		       "memory   = 512M\ncpus = 16\nkernel= dir/vmlinuz\ninitrd =initrd.gz\n"
		       "cmdline = console=ttyS0 root=/dev/ram0\nmachine = pc\non_crash = stop\n"),
		 0);
	CHECK_EQ(c.console, CONSOLE_COM1);
	CHECK_EQ(c.vm_count, 1);
	CHECK_STR(c.vm[0].name, "web");
	CHECK_EQ(c.vm[0].line, 7);
	CHECK_EQ(c.vm[0].memory, 512ULL << 20);
	CHECK_EQ(c.vm[0].memory_line, 8);
	CHECK_EQ(c.vm[0].cpus, 16);
	CHECK_STR(c.vm[0].kernel.path, "dir/vmlinuz");
	CHECK_EQ(c.vm[0].kernel.line, 10);
	CHECK_STR(c.vm[0].initrd.path, "initrd.gz");
	CHECK_STR(c.vm[0].cmdline, "console=ttyS0 root=/dev/ram0");
	CHECK_EQ(c.vm[0].machine, MACHINE_PC);
	CHECK_EQ(c.vm[0].on_crash, CRASH_STOP);
}

static void defaults(void)
{
	CHECK_EQ(parse(GOOD), 0);
	CHECK_EQ(c.vm[0].cpus, 1);
	CHECK_EQ(c.vm[0].initrd.line, 0);
	CHECK_STR(c.vm[0].initrd.path, "");
	CHECK_STR(c.vm[0].cmdline, "");
	CHECK_EQ(c.console, CONSOLE_COM1);
}

static void forms_of_text(void)
{
	CHECK_EQ(parse("[vm web]\r\nmemory = 64M\r\nkernel = k\r\n"), 0);
	CHECK_STR(c.vm[0].kernel.path, "k");
	CHECK_EQ(parse("\xef\xbb\xbf[vm web]\nmemory = 64M\nkernel = k"),
		 0); /* no newline at the end */
	CHECK_EQ(parse("  [ vm   web ]  ; x\n\tmemory = 64M\n   kernel = k\n"), 0); /* indented */
	CHECK_STR(c.vm[0].name, "web");
	CHECK_STR(c.vm[0].kernel.path, "k");
	CHECK_EQ(parse("[vm web] # x\nmemory=64M;not a comment\nkernel=k\n"), -1);
	CHECK_EQ(parse(GOOD "cmdline =\n"), 0);
	CHECK_EQ(parse(GOOD "; \xc3\xa4\n"), 0);
	CHECK_EQ(parse(GOOD "cmdline = a;b ;c\n"), 0); /* a comment starts at blank and semicolon */
	CHECK_STR(c.vm[0].cmdline, "a;b");
	CHECK_EQ(parse(GOOD "cmdline = a=b=c [x]\n"), 0);
	CHECK_STR(c.vm[0].cmdline, "a=b=c [x]");
}

static void sizes(void)
{
	CHECK_EQ(parse("[vm a]\nmemory = 1G\nkernel = k\n"), 0);
	CHECK_EQ(c.vm[0].memory, 1ULL << 30);
	CHECK_EQ(parse("[vm a]\nmemory = 2048K\nkernel = k\n"), 0);
	CHECK_EQ(c.vm[0].memory, 2ULL << 20);
	CHECK_EQ(parse("[vm a]\nmemory = 1024G\nkernel = k\n"), 0);
	CHECK_EQ(parse("[vm a]\nmemory = 4194304\nkernel = k\n"), 0);
	CHECK_EQ(parse("[vm a]\nmemory = 1M\nkernel = k\n"), 0);
}

static void bad_sizes(void)
{
	CHECK(one_error("[vm a]\nmemory = lots\nkernel = k\n", 2, "is not a size"));
	CHECK(one_error("[vm a]\nmemory = 12X\nkernel = k\n", 2, "is not a size"));
	CHECK(one_error("[vm a]\nmemory = -1M\nkernel = k\n", 2, "is not a size"));
	CHECK(one_error("[vm a]\nmemory = 99999999999999999999G\nkernel = k\n", 2,
			"is not a size"));
	CHECK(one_error("[vm a]\nmemory = 512\nkernel = k\n", 2, "did you mean 512M?"));
	CHECK(one_error("[vm a]\nmemory = 1023K\nkernel = k\n", 2, "outside"));
	CHECK(one_error("[vm a]\nmemory = 0\nkernel = k\n", 2, "outside"));
	CHECK(one_error("[vm a]\nmemory = 0M\nkernel = k\n", 2, "outside"));
	CHECK(one_error("[vm a]\nmemory = 1025G\nkernel = k\n", 2, "outside"));
	CHECK(one_error("[vm a]\nmemory = 1025K\nkernel = k\n", 2, "multiple of 4K"));
	CHECK_EQ(parse("[vm a]\nmemory =\nkernel = k\n"), -1);
	CHECK_EQ(e.count, 2); /* no value, and therefore no memory */
}

static void unknown_keys(void)
{
	CHECK(one_error("[vm web]\nmemory = 64M\nkernel = k\nmemroy = 64M\n", 4,
			"unknown key 'memroy' in [vm web]; did you mean 'memory'?"));
	CHECK(one_error(GOOD "[box]\nconsol = com1\n", 5,
			"unknown key 'consol' in [box]; did you mean 'console'?"));
	CHECK(one_error(GOOD "Kernel = k\n", 4, "did you mean 'kernel'?"));
	CHECK(one_error(GOOD "frobnicate = 1\n", 4, "unknown key 'frobnicate' in [vm web]"));
	CHECK(strstr(e.error[0].text, "did you mean") == NULL);
	CHECK(one_error(GOOD
			"memory2222222222222222222222222222222222222222222222222222222222222 = 1\n",
			4, "unknown key"));
	CHECK(one_error(GOOD "= 5\n", 4, "no key before"));
}

static void modules(void)
{
	char text[1024] = GOOD, words[64];

	CHECK_EQ(0, parse(GOOD "module = a/b.o\nmodule =  c   one two=3 \nmodule = a/b.o x\n"));
	CHECK_EQ(c.vm[0].modules, 3);
	CHECK_STR(c.vm[0].module[0].file.path, "a/b.o");
	CHECK_STR(c.vm[0].module[0].args, "");
	CHECK_EQ(c.vm[0].module[1].file.line, 5);
	CHECK_STR(c.vm[0].module[1].file.path, "c");
	CHECK_STR(c.vm[0].module[1].args, "one two=3");
	CHECK_STR(c.vm[0].module[2].args, "x");
	CHECK(one_error(GOOD "module = a'b x\n", 4, "the path of module has a blank, quote"));
	CHECK(one_error(GOOD "module =\n", 4, "'module' has no value"));
	for (unsigned i = 0; i <= CONFIG_MODULES_MAX; i++)
		strcat(text, "module = m\n");
	snprintf(words, sizeof(words), "more than %d modules", CONFIG_MODULES_MAX);
	CHECK(one_error(text, 4 + CONFIG_MODULES_MAX, words));
	strcpy(text, GOOD "module = m ");
	memset(text + strlen(text), 'x', CONFIG_ARGS_MAX);
	CHECK(one_error(text, 4, "the module's arguments are longer than 175 characters"));
	strcpy(text, GOOD "module = ");
	memset(text + strlen(text), 'x', CONFIG_PATH_MAX + 5);
	CHECK(one_error(text, 4, "the path of module is longer than 111 characters"));
}

static void testdev(void)
{
	CHECK(parse(GOOD) == 0 && !c.vm[0].testdev);
	CHECK(parse(GOOD "testdev = yes\n") == 0 && c.vm[0].testdev);
	CHECK(parse(GOOD "testdev = no\n") == 0 && !c.vm[0].testdev);
	CHECK(one_error(GOOD "testdev = 1\n", 4, "testdev = 1 is none of: no, yes"));
}

static void mitigations(void)
{
	CHECK(parse(GOOD) == 0 && c.mitigations == MITIGATIONS_ON);
	CHECK(parse("[box]\nmitigations = off\n" GOOD) == 0 && c.mitigations == MITIGATIONS_OFF);
	CHECK(parse("[box]\nmitigations = on\n" GOOD) == 0 && c.mitigations == MITIGATIONS_ON);
	CHECK(one_error("[box]\nmitigations = no\n" GOOD, 2, "mitigations = no is none of: on, off"));
	CHECK(one_error("[box]\nmitigations = force\n" GOOD, 2, "mitigations = force is none of: on, off"));
}

static void words_that_are_not_there_yet(void)
{
	static const char *const later[] = { "firmware", "disk", "net", "pci" };
	char text[256], words[64];

	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		snprintf(text, sizeof(text), GOOD "%s = x\n", later[i]);
		snprintf(words, sizeof(words), "'%s' is not supported yet", later[i]);
		CHECK(one_error(text, 4, words));
	}
	CHECK(one_error(GOOD "cpus = 17\n", 4, "more than 16 processors are not supported yet"));
	CHECK(one_error(GOOD "machine = q35\n", 4,
			"machine = q35 is not supported yet; use machine = pc"));
}

static void several_vms(void)
{
	CHECK_EQ(parse("[box]\nstay = yes\n" GOOD "cpus = 3,\nexclusive = yes\non_crash = restart\n"
		       "[vm two]\nmemory = 32M\nkernel = k\ncpus = 2, 0 ,15\nconsole = com2\n"),
		 0);
	CHECK(c.stay);
	CHECK_EQ(c.focus, -1);
	CHECK_EQ(c.vm_count, 2);
	CHECK_EQ(c.vm[0].on_crash, CRASH_RESTART);
	CHECK(c.vm[0].exclusive && c.vm[0].pinned);
	CHECK_EQ(c.vm[0].cpus, 1);
	CHECK_EQ(c.vm[0].pin[0], 3);
	CHECK(!c.vm[1].exclusive && c.vm[1].pinned);
	CHECK_EQ(c.vm[1].cpus, 3);
	CHECK_EQ(c.vm[1].pin[0], 2);
	CHECK_EQ(c.vm[1].pin[1], 0);
	CHECK_EQ(c.vm[1].pin[2], 15);
	CHECK_EQ(c.vm[1].console, PORT_COM2);
	CHECK_EQ(c.vm[0].wrong, 0);
	CHECK_EQ(parse(GOOD "exclusive = no\ncpus = 1\n"), 0);
	CHECK(!c.vm[0].exclusive && !c.vm[0].pinned && !c.stay);
	CHECK_EQ(parse("[box]\nconsole = fb\n" GOOD), 0);
	CHECK_EQ(c.console, CONSOLE_FB);
}

#define TWO "[vm two]\nmemory = 64M\nkernel = k\n"

static void bad_placement(void)
{
	CHECK(one_error(GOOD "cpus = 2,x\n", 4, "not a list of the box's processors"));
	CHECK(one_error(GOOD "cpus = ,\n", 4, "not a list of the box's processors"));
	CHECK(one_error(GOOD "cpus = 1,,2\n", 4, "not a list of the box's processors"));
	CHECK(one_error(GOOD "cpus = 1,1024\n", 4, "not a list of the box's processors"));
	CHECK(one_error(GOOD "cpus = 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\n", 4, "more than 16"));
	CHECK(one_error(GOOD "cpus = 1,1\nexclusive = yes\n", 4, "processor 1 stands twice"));
	CHECK(one_error(GOOD "exclusive = yes\ncpus = 0,1\n", 5, "processor 0 cannot be exclusive"));
	CHECK(one_error(GOOD "exclusive = maybe\n", 4, "exclusive = maybe is none of: no, yes"));
	CHECK(one_error("[box]\nfocus = nobody\n" GOOD, 2, "there is no [vm nobody]"));
	CHECK(one_error("[box]\nfocus = web\n" GOOD "console = com2\n", 2, "has a port of its own"));
	CHECK_EQ(parse("[box]\nfocus = web\n" GOOD), 0);
	CHECK_EQ(c.focus, 0);
	CHECK(one_error("[box]\nstay = 1\n" GOOD, 2, "stay = 1 is none of: no, yes"));
}

static void shared_processors(void)
{
	CHECK_EQ(parse(GOOD "cpus = 1,\n" TWO "cpus = 2,1\n"), 0);
	CHECK_EQ(parse(GOOD "cpus = 1,\nexclusive = yes\n" TWO "cpus = 1\n"), 0);
	CHECK(one_error(GOOD "cpus = 1,\nexclusive = yes\n" TWO "cpus = 2,1\n", 9,
			"processor 1 is [vm web]'s as well, and that one has exclusive = yes"));
	CHECK(one_error(GOOD "cpus = 1,2\n" TWO "cpus = 2,\nexclusive = yes\n", 8,
			"processor 2 is [vm web]'s as well, and this VM has exclusive = yes"));
	CHECK(c.vm[0].wrong == 0 && c.vm[1].wrong == 8);
}

static void too_many_vms(void)
{
	char text[2048] = "";

	for (unsigned i = 0; i < CONFIG_VM_MAX + 2; i++)
		sprintf(text + strlen(text), "[vm v%u]\nmemory = 1M\nkernel = k\n", i);
	CHECK_EQ(parse(text), -1);
	CHECK_EQ(e.count, 2);
	CHECK_EQ(e.error[0].line, 3 * CONFIG_VM_MAX + 1);
	CHECK(strstr(e.error[0].text, "there are more than 16 VMs") != NULL);
	CHECK_EQ(c.vm_count, CONFIG_VM_MAX);
	CHECK_EQ(c.stray, 3 * CONFIG_VM_MAX + 1);
	for (unsigned i = 0; i < CONFIG_VM_MAX; i++)
		CHECK_EQ(c.vm[i].wrong, 0);
}

static void bad_consoles(void)
{
	CHECK(one_error(GOOD "console = com1\n", 4, "com1 is the box's own console"));
	CHECK(one_error("[box]\nconsole = com2\n" GOOD "console = com2\n", 6, "com2 is the box's own"));
	CHECK(one_error(GOOD "console = com2\n" TWO "console = com2\n", 8, "[vm web] has console = com2"));
	CHECK(one_error(GOOD "console = fb\n", 4, "none of: com1, com2"));
}

/* A mistake in one section is that VM's alone: the others can be started. */
static void whose_mistake(void)
{
	CHECK(one_error(GOOD "frobnicate = 1\n" TWO, 4, "frobnicate"));
	CHECK_EQ(c.vm_count, 2);
	CHECK_EQ(c.vm[0].wrong, 4);
	CHECK_EQ(c.vm[1].wrong, 0);
	CHECK(!c.wrong);
	CHECK(one_error(GOOD "[vm two]\nkernel = k\n", 4, "no memory"));
	CHECK_EQ(c.vm[0].wrong, 0);
	CHECK_EQ(c.vm[1].wrong, 4);
	CHECK(one_error(GOOD "[vm a b]\nmemory = 1M\n" TWO, 4, "a VM's name"));
	CHECK_EQ(c.vm_count, 2);
	CHECK(!c.wrong);
	CHECK_EQ(c.stray, 4); /* nobody's: the box names it at its end */
	CHECK(one_error("[box]\nstey = yes\n" GOOD, 2, "did you mean 'stay'"));
	CHECK(c.wrong);
	CHECK_EQ(c.vm[0].wrong, 0);
}

static void bad_words(void)
{
	CHECK(one_error("[box]\nconsole = con1\n" GOOD, 2,
			"none of: com1, com2, fb, none; did you mean 'com1'?"));
	CHECK(one_error(GOOD "machine = i440fx\n", 4, "none of: pc, q35"));
	CHECK(one_error(GOOD "on_crash = sotp\n", 4, "did you mean 'stop'?"));
	CHECK(one_error(GOOD "cpus = 0\n", 4, "cpus = 0 is not a number"));
	CHECK(one_error(GOOD "cpus = two\n", 4, "is not a number"));
	CHECK(one_error(GOOD "initrd =\n", 4, "'initrd' has no value"));
}

static void said_twice(void)
{
	CHECK(one_error(GOOD "memory = 32M\n", 4, "'memory' was given in line 2 already"));
	CHECK(one_error("[box]\n[box]\n" GOOD, 2, "[box] in line 1 already"));
	parse(GOOD "[vm web]\nmemory = 64M\nkernel = k\n");
	CHECK_EQ(e.count, 1);
	CHECK_EQ(e.error[0].line, 4);
	CHECK(strstr(e.error[0].text, "[vm web] in line 1 already") != NULL);
}

static void missing(void)
{
	CHECK(one_error("[vm web]\nmemory = 64M\n", 1, "[vm web] has no kernel"));
	CHECK(one_error("[vm web]\nkernel = k\n", 1, "[vm web] has no memory"));
	CHECK(one_error("", 0, "there is no VM"));
	CHECK(one_error("[box]\nconsole = com1\n", 0, "there is no VM"));
}

static void bad_sections(void)
{
	CHECK(one_error(GOOD "[bix]\nx = 1\n", 4, "unknown section [bix]"));
	CHECK(one_error(GOOD "[vmweb]\n", 4, "unknown section [vmweb]"));
	CHECK(one_error(GOOD "[]\n", 4, "unknown section []"));
	CHECK(one_error(GOOD "[box\n", 4, "']' is missing"));
	CHECK(one_error(GOOD "[box] console = com1\n", 4, "after the section's ']'"));
	CHECK(one_error("[vm]\nmemory = 64M\n", 1, "a VM's name is 1 to 15"));
	CHECK(one_error("[vm a b]\n", 1, "a VM's name"));
	CHECK(one_error("[vm -a]\n", 1, "a VM's name"));
	CHECK(one_error("[vm 1234567890123456]\n", 1, "a VM's name"));
	CHECK(one_error("memory = 64M\n" GOOD, 1, "stands before any section"));
}

static void bad_lines(void)
{
	char text[4096] = GOOD "cmdline = ";

	CHECK(one_error(GOOD "what is this\n"
			     "cmdline = x\n",
			4, "neither [SECTION] nor KEY = VALUE"));
	CHECK(one_error(GOOD "what is this", 4, "neither [SECTION] nor KEY = VALUE"));
	CHECK(one_error(GOOD "cmdline = a\033b\n", 4, "control character (1bh)"));
	CHECK_EQ(parse_bytes(GOOD "cmdline = a\0b\n", sizeof(GOOD "cmdline = a\0b\n") - 1), -1);
	CHECK_EQ(e.count, 1);
	CHECK_EQ(e.error[0].line, 4);
	memset(text + strlen(text), 'x', 1500);
	CHECK(one_error(text, 4, "longer than"));
}

static void long_values(void)
{
	char text[4096] = GOOD "cmdline = ";
	size_t n = strlen(text);

	memset(text + n, 'x', CONFIG_CMDLINE_MAX - 1);
	CHECK_EQ(parse(text), 0);
	CHECK_EQ(strlen(c.vm[0].cmdline), CONFIG_CMDLINE_MAX - 1);
	text[n + CONFIG_CMDLINE_MAX - 1] = 'x';
	CHECK(one_error(text, 4, "cmdline is longer than 1023"));
	strcpy(text, "[vm a]\nmemory = 64M\nkernel = ");
	n = strlen(text);
	memset(text + n, 'p', CONFIG_PATH_MAX);
	text[n + CONFIG_PATH_MAX - 1] = '\0';
	CHECK_EQ(parse(text), 0);
	text[n + CONFIG_PATH_MAX - 1] = 'p';
	text[n + CONFIG_PATH_MAX] = '\0';
	CHECK(one_error(text, 3, "longer than 111"));
}

static void bad_paths(void)
{
	CHECK(one_error(GOOD "initrd = a b\n", 4, "special character"));
	CHECK(one_error(GOOD "initrd = a'b\n", 4, "special character"));
	CHECK(one_error(GOOD "initrd = $x\n", 4, "special character"));
	CHECK(one_error(GOOD "initrd = \xc3\xa4\n", 4, "special character"));
}

static void many_mistakes(void)
{
	char text[4096] = GOOD;

	for (int i = 0; i < 40; i++)
		strcat(text, "nonsense = 1\n");
	CHECK_EQ(parse(text), -1);
	CHECK_EQ(e.count, CONFIG_ERROR_MAX);
	CHECK(e.more);
	CHECK_EQ(parse("[vm web]\nfoo = 1\nbar = 2\n"),
		 -1); /* what is missing comes first: sorted by line */
	CHECK_EQ(e.count, 4);
	CHECK_EQ(e.error[0].line, 1);
	CHECK_EQ(e.error[1].line, 1);
	CHECK_EQ(e.error[2].line, 2);
	CHECK_EQ(e.error[3].line, 3);
	CHECK(!e.more);
}

static void file_too_large(void)
{
	char *text = malloc(CONFIG_FILE_MAX + 1);

	memset(text, '\n', CONFIG_FILE_MAX + 1);
	CHECK_EQ(parse_bytes(text, CONFIG_FILE_MAX + 1), -1);
	CHECK_EQ(e.error[0].line, 0);
	CHECK(strstr(e.error[0].text, "larger than 64 KiB") != NULL);
	free(text);
}

int main(void)
{
	RUN(whole_file);
	RUN(defaults);
	RUN(forms_of_text);
	RUN(sizes);
	RUN(bad_sizes);
	RUN(unknown_keys);
	RUN(modules);
	RUN(testdev);
	RUN(mitigations);
	RUN(words_that_are_not_there_yet);
	RUN(several_vms);
	RUN(bad_placement);
	RUN(shared_processors);
	RUN(too_many_vms);
	RUN(bad_consoles);
	RUN(whose_mistake);
	RUN(bad_words);
	RUN(said_twice);
	RUN(missing);
	RUN(bad_sections);
	RUN(bad_lines);
	RUN(long_values);
	RUN(bad_paths);
	RUN(many_mistakes);
	RUN(file_too_large);
	return unit_status();
}
