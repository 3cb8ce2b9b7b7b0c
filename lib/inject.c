/* inject: see inject.h.
 *
 * All pipe ends here are non-blocking and every wait has a deadline, so a
 * program that hangs costs its caller INJECT_SECONDS and one "try again". On
 * every path the child is reaped and all descriptors are closed. */
#include "lib/inject.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <skalibs/genalloc.h>
#include <skalibs/sig.h>
#include <skalibs/tai.h>

#include "lib/passon.h"
#include "lib/place.h"
#include "lib/printable.h"
#include "lib/spawn.h"
#include "lib/wait.h"

extern char **environ;

static const char report_variable[] = "PIPEPOST_REPORT_FD=6";

/* ---- the environment ---- */

/* Whether the string NAME=value is one of the facts, or tells the report's descriptor. */
static bool
is_ours(const char *string)
{
	size_t len = strcspn(string, "=");

	if (len == sizeof "PIPEPOST_REPORT_FD" - 1 && memcmp(string, report_variable, len) == 0)
		return true;
	for (size_t i = 0; facts_variables[i] != NULL; i++)
		if (strlen(facts_variables[i]) == len && memcmp(string, facts_variables[i], len) == 0)
			return true;
	return false;
}

/* A filter gets everything but old facts. */
static bool
append_whole_environment(stralloc *to)
{
	for (char **e = environ; *e != NULL; e++)
		if (!is_ours(*e) && !stralloc_catb(to, *e, strlen(*e) + 1))
			return false;
	return true;
}

/* The strings, one after the other, each with its NUL. */
static bool
append_environment(stralloc *to, const struct facts *f, bool is_filter)
{
	if (!(is_filter ? append_whole_environment(to) : passon_append(to)))
		return false;
	return facts_to_environment(to, f) && stralloc_catb(to, report_variable, sizeof report_variable);
}

/* ---- the start ---- */

static bool
set_nonblocking(int fd)
{
	return fcntl(fd, F_SETFL, O_NONBLOCK) != -1;	/* a fresh pipe has no other flags to keep */
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* theirs[0..2] are the child's ends of text, envelope and report. */
static bool
make_pipes(struct injection *i, int theirs[3])
{
	int p[2];

	if (!spawn_pipe(p))
		return false;
	theirs[0] = p[0];
	i->text_fd = p[1];
	if (!spawn_pipe(p))
		return false;
	theirs[1] = p[0];
	i->envelope_fd = p[1];
	if (!spawn_pipe(p))
		return false;
	i->report_fd = p[0];
	theirs[2] = p[1];
	return set_nonblocking(i->text_fd) && set_nonblocking(i->envelope_fd) && set_nonblocking(i->report_fd);
}

static pid_t
start_program(const int theirs[3], const struct facts *f)
{
	int fds[] = { theirs[0], theirs[1], spawn_complaints_fd(0), SPAWN_CLOSED, SPAWN_CLOSED, SPAWN_CLOSED, theirs[2] };
	const char *filter = secure_getenv("QMAILQUEUE");
	bool is_filter = filter != NULL && *filter != '\0';
	stralloc strings = STRALLOC_ZERO;
	genalloc pointers = GENALLOC_ZERO;
	char path[PATH_MAX];
	pid_t pid = -1;

	if (!is_filter && !place_program(path, sizeof path, "queue-inject"))
		return -1;
	if (append_environment(&strings, f, is_filter) && passon_point(&pointers, &strings)) {
		const char *program = is_filter ? filter : path;
		const char *argv[] = { program, NULL };

		pid = spawn_program(program, argv, genalloc_s(const char *, &pointers), fds,
		    sizeof fds / sizeof fds[0]);
	}
	genalloc_free(const char *, &pointers);
	stralloc_free(&strings);
	return pid;
}

bool
inject_start(struct injection *i, const struct facts *f)
{
	int theirs[3] = { -1, -1, -1 }, e = 0;

	*i = (struct injection){ .pid = -1, .text_fd = -1, .envelope_fd = -1, .report_fd = -1 };
	if (sig_altignore(SIGPIPE) == -1 || !make_pipes(i, theirs) || (i->pid = start_program(theirs, f)) == -1) {
		e = errno;
		i->is_broken = true;
		close_fd(&i->text_fd);
		close_fd(&i->envelope_fd);
		close_fd(&i->report_fd);
	}
	for (size_t n = 0; n < 3; n++)
		close_fd(&theirs[n]);
	errno = e;
	return e == 0;
}

/* ---- text and envelope ---- */

static void
set_deadline(tain *deadline, int seconds)
{
	tain now;

	tain_now(&now);
	tain_addsec(deadline, &now, seconds);
}

/* Sends s to one of the pipes. A reader that is gone makes the injection
 * broken and ends the sending. Fails with errno ETIMEDOUT only. */
static bool
send_octets(struct injection *i, int fd, const char *s, size_t len, int timeout_seconds)
{
	tain deadline;
	bool has_deadline = false;

	while (len > 0 && !i->is_broken) {
		ssize_t n = write(fd, s, len);

		if (n >= 0) {
			s += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			if (!has_deadline)	/* no clock is asked while the pipe has room */
				set_deadline(&deadline, timeout_seconds);
			has_deadline = true;
			if (!wait_writable(fd, &deadline))
				return false;
		} else if (errno != EINTR) {
			i->is_broken = true;
		}
	}
	return true;
}

bool
inject_write(struct injection *i, const char *s, size_t len)
{
	return send_octets(i, i->text_fd, s, len, INJECT_SECONDS);
}

/* ---- the outcome ---- */

/* What the exit codes of qmail-queue(8) mean. The first row that holds decides. */
static const struct meaning {
	int from, to;
	bool is_permanent;
	const char *enhanced, *text;
} meanings[] = {
	{ QUEUE_OK, QUEUE_OK, false, "2.0.0", "queued" },
	{ QUEUE_ADDRESS_TOO_LONG, QUEUE_ADDRESS_TOO_LONG, true, "5.1.3", "an address is too long" },
	{ 115, 115, true, "5.1.3", "an address is too long" },	/* old qmail-queue's for the same */
	{ 12, 30, true, "5.3.0", "the message is refused" },
	{ QUEUE_REFUSED, QUEUE_REFUSED, true, "5.3.0", "the message is refused" },
	{ 32, 40, true, "5.3.0", "the message is refused" },
	{ QUEUE_NO_MEMORY, QUEUE_NO_MEMORY, false, "4.3.0", "out of memory" },
	{ QUEUE_TIMEOUT, QUEUE_TIMEOUT, false, "4.3.0", "timeout" },
	{ QUEUE_WRITE_ERROR, QUEUE_WRITE_ERROR, false, "4.3.0", "write error or disk full" },
	{ QUEUE_READ_ERROR, QUEUE_READ_ERROR, false, "4.3.0", "read error" },
	{ QUEUE_NO_CONF, QUEUE_NO_CONF, false, "4.3.0", "cannot read the configuration" },
	{ 56, 56, false, "4.3.0", "network trouble on this host" },
	{ QUEUE_NO_SPOOL, QUEUE_NO_SPOOL, false, "4.3.0", "the queue is not there" },
	{ QUEUE_NO_DRAFT, 66, false, "4.3.0", "cannot make a file in the queue" },
	{ QUEUE_TEMPORARY, QUEUE_TEMPORARY, false, "4.3.0", "temporarily refused" },
	{ 72, 72, false, "4.4.1", "connection timed out" },
	{ 73, 73, false, "4.4.1", "connection rejected" },
	{ 74, 74, false, "4.4.2", "communication failed" },
	{ QUEUE_BUG, QUEUE_BUG, false, "4.3.0", "internal error of the queue program" },
	{ QUEUE_BAD_ENVELOPE, QUEUE_BAD_ENVELOPE, false, "4.3.0", "the queue program cannot read the envelope" },
	{ QUEUE_NOT_STARTED, QUEUE_NOT_STARTED, false, "4.3.0", "the queue program could not be started" },
	{ 0, INT_MAX, false, "4.3.0", "the queue program failed" },
};

static void
set_result(struct inject_result *r, int status, bool is_permanent, const char *enhanced, const char *text)
{
	r->status = (enum queue_exit)status;
	r->is_permanent = is_permanent;
	r->id[0] = '\0';
	snprintf(r->enhanced, sizeof r->enhanced, "%s", enhanced);
	snprintf(r->text, sizeof r->text, "%s", text);
}

static void
set_by_status(struct inject_result *r, int status)
{
	const struct meaning *m = meanings;

	while (status < m->from || status > m->to)
		m++;
	set_result(r, status, m->is_permanent, m->enhanced, m->text);
}

/* The length of an enhanced status code of that class ("5.7.1") in front of a blank; 0 without. */
static size_t
scan_enhanced(char class, const char *s, size_t len)
{
	size_t i = 1, digits;

	if (len == 0 || s[0] != class)
		return 0;
	for (int part = 0; part < 2; part++) {
		if (i == len || s[i++] != '.')
			return 0;
		for (digits = 0; i < len && s[i] >= '0' && s[i] <= '9'; i++)
			digits++;
		if (digits < 1 || digits > 3)
			return 0;
	}
	return i < len && s[i] == ' ' ? i : 0;
}

/* 'D' or 'Z' and words, which may begin with an enhanced status code. */
static void
set_by_report(struct inject_result *r, const char *report, size_t len)
{
	bool is_permanent = len > 0 && report[0] == 'D';
	const char *nul = memchr(report, '\0', len);
	size_t code;

	if (nul != NULL)
		len = (size_t)(nul - report);
	while (len > 0 && (report[len - 1] == '\n' || report[len - 1] == '\r' || report[len - 1] == ' '))
		len--;
	if (len <= 2 || (report[0] != 'D' && report[0] != 'Z')) {
		set_result(r, QUEUE_CUSTOM, false, "4.3.0", "the queue program refused without a reason");
		return;
	}
	set_result(r, QUEUE_CUSTOM, is_permanent, is_permanent ? "5.3.0" : "4.3.0", "");
	report++;
	len--;
	code = scan_enhanced(is_permanent ? '5' : '4', report, len);
	if (code > 0) {
		snprintf(r->enhanced, sizeof r->enhanced, "%.*s", (int)code, report);
		report += code + 1;
		len -= code + 1;
	}
	printable_copy(r->text, sizeof r->text, report, len);
}

/* 'K' and the queue id, if it is one. */
static void
set_id(struct inject_result *r, const char *report, size_t len)
{
	if (len < 2 || report[0] != 'K' || len - 1 > QUEUE_ID_MAX)
		return;
	for (size_t i = 1; i < len; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.", report[i]) == NULL ||
		    report[i] == '\0')
			return;
	memcpy(r->id, report + 1, len - 1);
	r->id[len - 1] = '\0';
}

void
inject_explain(struct inject_result *r, int status, bool is_broken, const char *report, size_t len)
{
	int code = WEXITSTATUS(status);

	if (!WIFEXITED(status)) {
		set_result(r, QUEUE_TEMPORARY, false, "4.3.0", "the queue program crashed");
	} else if (code == QUEUE_OK && is_broken) {
		set_by_status(r, QUEUE_READ_ERROR);	/* it cannot have seen all of the message */
	} else if (code == QUEUE_CUSTOM) {
		set_by_report(r, report, len);
	} else {
		set_by_status(r, code);
		if (code == QUEUE_OK)
			set_id(r, report, len);
	}
}

/* What stands in the report pipe, as far as there is room. The program has
 * ended; a child it left behind is not waited for. */
static size_t
read_report(int fd, char *report, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, report + len, size - len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	return len;
}

void
inject_finish(struct injection *i, const stralloc *envelope, struct inject_result *r)
{
	char report[INJECT_TEXT_MAX + 16];
	tain deadline;
	int status;

	if (i->pid == -1) {
		set_by_status(r, QUEUE_NOT_STARTED);
		return;
	}
	set_deadline(&deadline, INJECT_SECONDS);
	close_fd(&i->text_fd);
	/* After a time-out here the wait below kills at once: it has the same deadline. */
	send_octets(i, i->envelope_fd, envelope->s, envelope->len, INJECT_SECONDS);
	close_fd(&i->envelope_fd);
	if (spawn_wait(i->pid, &status, &deadline))
		inject_explain(r, status, i->is_broken, report, read_report(i->report_fd, report, sizeof report));
	else
		set_by_status(r, QUEUE_TIMEOUT);
	close_fd(&i->report_fd);
	i->pid = -1;
}

void
inject_abort(struct injection *i)
{
	tain deadline;
	int status;

	close_fd(&i->text_fd);
	close_fd(&i->envelope_fd);
	if (i->pid != -1) {
		set_deadline(&deadline, INJECT_ABORT_SECONDS);
		spawn_wait(i->pid, &status, &deadline);
	}
	close_fd(&i->report_fd);
	i->pid = -1;
}
