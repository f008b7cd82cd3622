/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Carries bytes between the terminal and the emulator's serial line and judges how the box ended: by the
 * last line that it printed. A guest's output may be on that line, too, as it is, so the box ends its own
 * last line with a seal that we gave it at boot; before the kernel has said that it knows the seal, no guest
 * has run. Adds nothing to what the box says; keeps the firmware from clearing the screen.
 */
#include "tools/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ESCAPE_KEY = 0x1d /* Ctrl-] */, LINE_BYTES = 512, AFTERLIFE_MS = 5000, HELD_MS = 500 };

static const char verdict_words[] = "bulkhead: box off: ";
static const char exit_words[] = "exit status "; /* the only guest's, by the debug-exit port */
/* What a box says after its last word when it cannot switch itself off (Bochs with OVMF has no ACPI). */
static const char by_hand[] = "no way to switch the power off was found";

struct relay {
	const struct emulator *emulator;
	pid_t pid;
	int to_box, from_box, errors;
	bool input_open, typed /* by a person, at a terminal */, escape, left, timed_out, closed /* the box's output */;
	/*
	 * the line being received, control sequences removed; the last whole line with words in it
	 */
	char line[LINE_BYTES], last[LINE_BYTES];
	size_t line_bytes;
	char raw[2 * LINE_BYTES]; /* the same line, byte for byte */
	size_t raw_bytes;
	bool sealing; /* the kernel runs: what has no seal may be a guest's */
	char sealed[LINE_BYTES]; /* the box's last word, "" before it */
	int csi; /* 0: text; 1: after ESC; 2: in a control sequence */
	bool by_hand; /* the box cannot switch itself off */
	bool box_speaks; /* the firmware is done: control sequences are the guest's */
	char pending[4096]; /* input that the emulator has not taken yet */
	size_t pending_bytes;
	char error_line[LINE_BYTES];
	size_t error_bytes;
	char held[16384]; /* complaints that wait for the end of the box's line */
	size_t held_bytes;
	int64_t start_ms, last_output_ms;
};

static volatile sig_atomic_t signal_seen;

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void on_signal(int number)
{
	signal_seen = number;
}

/* ------------------------------------------------------------------------------ output */

static void write_all(int fd, const char *data, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = write(fd, data, bytes);

		if (n < 0 && errno == EAGAIN) { /* our caller's descriptor may be non-blocking */
			struct pollfd p = { .fd = fd, .events = POLLOUT };

			poll(&p, 1, 1000);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		data += n;
		bytes -= (size_t)n;
	}
}

static void line_end(struct relay *r)
{
	r->line[r->line_bytes] = '\0';
	if (strstr(r->line, by_hand) != NULL && (!r->sealing || r->sealed[0] != '\0')) {
		r->by_hand = true;
	} else if (r->line_bytes > 0) {
		memcpy(r->last, r->line, r->line_bytes);
		r->last[r->line_bytes] = '\0';
	}
	r->line_bytes = 0;
}

/* A whole line, with whatever a guest has put into it. */
static void raw_end(struct relay *r)
{
	const char *seal = r->emulator->seal, *word;
	size_t seal_bytes = strlen(seal), n = r->raw_bytes;

	while (n > 0 && r->raw[n - 1] == '\r')
		n--;
	r->raw[n] = '\0';
	r->raw_bytes = 0;
	word = strstr(r->raw, "seal=");
	r->sealing |= word != NULL && strncmp(word + 5, seal, seal_bytes) == 0;
	word = strstr(r->raw, verdict_words);
	if (word == NULL || n < seal_bytes + 2 || strcmp(r->raw + n - seal_bytes, seal) != 0)
		return;
	r->raw[n - seal_bytes - 2] = '\0'; /* " #" */
	snprintf(r->sealed, sizeof(r->sealed), "%s", word + strlen(verdict_words));
}

static void raw_follow(struct relay *r, char c)
{
	if (c == '\n')
		raw_end(r);
	else if (r->raw_bytes + 1 < sizeof(r->raw))
		r->raw[r->raw_bytes++] = c;
}

/* Follows the text. Returns whether the byte belongs to a control sequence. */
static bool line_follow(struct relay *r, char c)
{
	if (r->csi == 1) {
		r->csi = c == '[' ? 2 : 0;
		return true;
	}
	if (r->csi == 2) {
		if (c >= '@' && c <= '~')
			r->csi = 0;
		return true;
	}
	if (c == '\033') {
		r->csi = 1;
		return true;
	}
	if (c == '\n') {
		line_end(r);
	} else if ((unsigned char)c >= ' ' && r->line_bytes + 1 < sizeof(r->line)) {
		r->line[r->line_bytes++] = c;
		if (c == ':' && r->line_bytes == 9 && memcmp(r->line, "bulkhead:", 9) == 0)
			r->box_speaks = true;
	}
	return false;
}

static void errors_show(struct relay *r)
{
	write_all(2, r->held, r->held_bytes);
	r->held_bytes = 0;
}

/* The emulator's complaints come after the first line that is whole, never within one. */
static void output_show(struct relay *r, const char *data, size_t bytes)
{
	const char *end = r->held_bytes > 0 ? memrchr(data, '\n', bytes) : NULL;
	size_t whole = end != NULL ? (size_t)(end + 1 - data) : 0;

	if (whole > 0) {
		write_all(1, data, whole);
		errors_show(r);
	}
	write_all(1, data + whole, bytes - whole);
}

/* Returns false at the end of the emulator's output. */
static bool output_take(struct relay *r)
{
	char data[4096], shown[4096];
	ssize_t n = read(r->from_box, data, sizeof(data));
	size_t k = 0;

	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	for (ssize_t i = 0; i < n; i++) {
		bool control = line_follow(r, data[i]);

		raw_follow(r, data[i]);

		if (!control || r->box_speaks)
			shown[k++] = data[i];
	}
	output_show(r, shown, k);
	r->last_output_ms = now_ms();
	return true;
}

/* The emulator's own complaints. */
static void errors_take(struct relay *r)
{
	char data[16384];
	ssize_t n = read(r->errors, data, sizeof(data));

	if (n <= 0 && !(n < 0 && errno == EINTR)) {
		close(r->errors);
		r->errors = -1;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (r->error_bytes + 2 < sizeof(r->error_line))
			r->error_line[r->error_bytes++] = data[i];
		if (data[i] != '\n')
			continue;
		r->error_line[r->error_bytes] = '\0';
		if (r->emulator->error_worth(r->error_line)) {
			if (r->held_bytes + r->error_bytes > sizeof(r->held))
				errors_show(r);
			memcpy(r->held + r->held_bytes, r->error_line, r->error_bytes);
			r->held_bytes += r->error_bytes;
		}
		r->error_bytes = 0;
	}
}

/* ------------------------------------------------------------------------------ input */

static void input_key(struct relay *r, char c)
{
	if (r->typed && r->escape) {
		r->escape = false;
		if (c == 'q' || c == 'Q') {
			r->left = true;
			return;
		}
		if (c != ESCAPE_KEY) {
			fprintf(stderr,
				"\r\nbulkhead: Ctrl-] q leaves, Ctrl-] Ctrl-] sends Ctrl-]\r\n");
			return;
		}
	} else if (r->typed && c == ESCAPE_KEY) {
		r->escape = true;
		return;
	}
	r->pending[r->pending_bytes++] = c;
}

static void input_take(struct relay *r)
{
	char data[sizeof(r->pending)];
	ssize_t n = read(0, data, sizeof(r->pending) - r->pending_bytes);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		r->input_open = false; /* the box goes on without us */
	for (ssize_t i = 0; i < n; i++)
		input_key(r, data[i]);
}

static void input_give(struct relay *r)
{
	ssize_t n = write(r->to_box, r->pending, r->pending_bytes);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		r->pending_bytes = 0;
	if (n > 0) {
		r->pending_bytes -= (size_t)n;
		memmove(r->pending, r->pending + n, r->pending_bytes);
	}
}

/* ------------------------------------------------------------------------------ the loop */

/* In the child. The emulator must not outlive us, whatever ends us. */
__attribute__((noreturn)) static void emulator_exec(const struct emulator *e, int in, int out,
						    int err, pid_t parent)
{
	setpgid(0, 0); /* the terminal's signals are for us */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	execvp(e->argv[0], e->argv);
	dprintf(2, "bulkhead: cannot start %s: %s\n", e->argv[0], strerror(errno));
	_exit(127);
}

/* Waits for the emulator to connect its serial line. False: it has ended instead, or does not. */
static bool serial_accept(struct relay *r)
{
	struct pollfd p = { .fd = r->emulator->listen_fd, .events = POLLIN };

	for (int i = 0; i < 100 && !signal_seen; i++) {
		siginfo_t ended = { 0 };

		if (poll(&p, 1, 200) > 0) {
			r->from_box = accept4(p.fd, NULL, NULL, SOCK_CLOEXEC);
			r->to_box = fcntl(r->from_box, F_DUPFD_CLOEXEC, 0);
			return r->from_box >= 0;
		}
		if (waitid(P_PID, (id_t)r->pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    ended.si_pid == r->pid)
			return false;
	}
	return false;
}

static bool emulator_start(struct relay *r)
{
	const struct emulator *e = r->emulator;
	bool socket = e->listen_fd >= 0, ready = true;
	int in[2], out[2], err[2];
	pid_t parent = getpid();

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
		die("no pipe: %s", strerror(errno));
	if (socket) {
		dup3(open("/dev/null", O_RDONLY | O_CLOEXEC), in[0], O_CLOEXEC);
		dup3(open("/dev/null", O_WRONLY | O_CLOEXEC), out[1], O_CLOEXEC);
	}
	r->pid = fork();
	if (r->pid < 0)
		die("cannot start %s: %s", e->argv[0], strerror(errno));
	if (r->pid == 0)
		emulator_exec(e, in[0], out[1], err[1], parent);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	r->to_box = in[1];
	r->from_box = out[0];
	r->errors = err[0];
	if (socket) {
		close(in[1]);
		close(out[0]);
		ready = serial_accept(r);
	}
	fcntl(r->to_box, F_SETFL, O_NONBLOCK);
	return ready;
}

static const char *verdict(const struct relay *r)
{
	const char *found = strstr(r->last, verdict_words);

	if (r->sealed[0] != '\0')
		return r->sealed;
	if (found == NULL || r->sealing)
		return NULL;
	/* A guest's line is led by its name, and says nothing about the box; the kernel's by a time. */
	if (found > r->last + 1 && found[-2] == ':' && r->last[0] != '[')
		return NULL;
	return found + strlen(verdict_words);
}

/* How long poll may wait, and whether it is time to end: the box said that it is off and is not. */
static bool out_of_time(struct relay *r, unsigned int timeout)
{
	int64_t now = now_ms();

	if (timeout != 0 && now - r->start_ms >= (int64_t)timeout * 1000) {
		r->timed_out = true;
		return true;
	}
	return (r->line_bytes == 0 || r->sealed[0] != '\0') && verdict(r) != NULL && now - r->last_output_ms >= AFTERLIFE_MS;
}

static void loop(struct relay *r, unsigned int timeout)
{
	for (;;) {
		bool room = r->input_open && r->pending_bytes < sizeof(r->pending);
		struct pollfd p[] = {
			{ .fd = r->from_box, .events = POLLIN },
			{ .fd = room ? 0 : -1, .events = POLLIN },
			{ .fd = r->pending_bytes > 0 ? r->to_box : -1, .events = POLLOUT },
			{ .fd = r->errors, .events = POLLIN },
		};

		if (poll(p, 4, 250) < 0 && errno != EINTR)
			die("poll: %s", strerror(errno));
		if (signal_seen || r->left || out_of_time(r, timeout))
			return;
		if (p[0].revents != 0 && !output_take(r)) {
			r->closed = true;
			return;
		}
		if (p[1].revents != 0)
			input_take(r);
		if (p[2].revents != 0)
			input_give(r);
		if (p[3].revents != 0)
			errors_take(r);
		if (r->raw_bytes == 0 || now_ms() - r->last_output_ms >= HELD_MS)
			errors_show(r);
	}
}

/* Ends the emulator when it has not ended. Returns its wait status. */
static int emulator_end(struct relay *r)
{
	int status = 0;

	/* Its output is closed: it is on its way out, which takes a while with gigabytes on a busy host. */
	for (int i = 0; i < 200 && (r->closed || i < 20); i++) {
		if (waitpid(r->pid, &status, WNOHANG) == r->pid)
			return status;
		if (signal_seen || r->left || r->timed_out)
			break;
		usleep(i < 10 ? 5000 : 50000);
	}
	kill(r->pid, SIGKILL);
	waitpid(r->pid, &status, 0);
	return status;
}

static int judge(struct relay *r, int status, unsigned int timeout)
{
	const char *reason = verdict(r);

	if (signal_seen || r->left) {
		fprintf(stderr, "\nbulkhead: left; the box was switched off\n");
		return EXIT_LEFT;
	}
	if (r->timed_out) {
		fprintf(stderr, "\nbulkhead: time-out: the box did not end within %u seconds\n",
			timeout);
		return EXIT_TIMED_OUT;
	}
	if (reason == NULL) {
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			fprintf(stderr,
				"\nbulkhead: the box reset or lost power without a last word\n");
		else
			fprintf(stderr, "\nbulkhead: %s ended by itself (%s %d)\n",
				r->emulator->name, WIFSIGNALED(status) ? "signal" : "exit code",
				WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		return EXIT_BAD;
	}
	if (strncmp(reason, exit_words, sizeof(exit_words) - 1) == 0) {
		fprintf(stderr, "bulkhead: ended with %s\n", reason);
		return atoi(reason + sizeof(exit_words) - 1) & 0xff;
	}
	if (strcmp(reason, "ok") != 0) {
		fprintf(stderr, "bulkhead: the box failed: %s\n", reason);
		return EXIT_BAD;
	}
	if (WIFSIGNALED(status) && !r->by_hand) {
		fprintf(stderr,
			"bulkhead: the box said that it is off, but it did not power off\n");
		return EXIT_BAD;
	}
	return EXIT_OK;
}

int relay(const struct emulator *emulator, unsigned int timeout)
{
	static struct relay r = { .input_open = true };
	struct sigaction act = { .sa_handler = on_signal };
	int status;

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	r.emulator = emulator;
	r.typed = terminal_take();
	r.start_ms = r.last_output_ms = now_ms();
	if (emulator_start(&r))
		loop(&r, timeout);
	status = emulator_end(&r);
	while (r.errors >= 0) { /* what it said last */
		struct pollfd p = { .fd = r.errors, .events = POLLIN };

		if (poll(&p, 1, 0) <= 0)
			break;
		errors_take(&r);
	}
	errors_show(&r);
	line_end(&r);
	raw_end(&r);
	terminal_restore();
	return judge(&r, status, timeout);
}
