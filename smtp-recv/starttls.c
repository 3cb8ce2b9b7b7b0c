/* starttls: see starttls.h.
 *
 * smtp-tls gets the client's socket; ours becomes one end of a socket pair, so that
 * nothing else in this program changes, and nothing that came in clear text is left.
 * Whatever smtp-tls dies of ends this session, and no other. */
#include "smtp-recv/starttls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/place.h"
#include "lib/printable.h"
#include "lib/spawn.h"
#include "lib/stats.h"
#include "lib/wait.h"
#include "smtp-recv/session.h"
#include "smtp-recv/transaction.h"
#include "smtp-recv/words.h"

/* ---- what TLS needs ---- */

static bool
is_same_socket(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && S_ISSOCK(x.st_mode) && x.st_dev == y.st_dev &&
	    x.st_ino == y.st_ino;
}

bool
starttls_is_offered(const struct session *s)
{
	return s->listen->starttls && !s->cover.is_open && is_same_socket(s->peer.in, s->peer.out);
}

static void
log_problem(const struct session *s, const char *event, const char *why)
{
	char quoted[1200];

	log_line("smtp %s address=%s host=%s reason=%s", event, session_address(s), s->peer.host,
	    printable_quote(quoted, sizeof quoted, why, strlen(why)));
}

/* ---- the start ---- */

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* The listener is the one that was found for us. */
static bool
add_listener(struct words *w, const struct session *s, const char *port)
{
	if (s->listener_name != NULL)
		return words_add(w, "-l") && words_add(w, s->listener_name);
	return words_add(w, s->peer.local_address) && words_add(w, port);
}

static pid_t
start_program(const struct session *s, int plain, int report)
{
	const int fds[] = { s->peer.in, plain, spawn_complaints_fd(s->peer.in), report };
	struct words w = WORDS_ZERO;
	char path[PATH_MAX], port[8];

	snprintf(port, sizeof port, "%u", (unsigned)s->peer.local_port);
	errno = ENOMEM;
	if (words_add(&w, "smtp-tls") && words_add_configuration(&w, s) && words_add(&w, "-n") && words_add(&w, s->name) &&
	    add_listener(&w, s, port) && place_program(path, sizeof path, "smtp-tls"))
		return words_start(&w, path, fds, sizeof fds / sizeof fds[0]);
	return -1;
}

static bool
start(struct session *s)
{
	int pair[2] = { -1, -1 }, report[2] = { -1, -1 }, e;
	pid_t pid = -1;

	s->cover.len = s->cover.at = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0 && spawn_pipe(report) &&
	    fcntl(report[0], F_SETFL, O_NONBLOCK) == 0)
		pid = start_program(s, pair[1], report[1]);
	e = errno;
	close_fd(&pair[1]);
	close_fd(&report[1]);
	if (pid == -1) {
		close_fd(&pair[0]);
		close_fd(&report[0]);
		errno = e;
		return false;
	}
	s->cover.pid = pid;
	s->cover.plain = pair[0];
	s->cover.report_fd = report[0];
	return true;
}

/* ---- what it tells ---- */

/* Reads one report. Fails with errno EPIPE (it has ended), ETIMEDOUT, EPROTO. */
static bool
read_report(struct cover *c, struct tls_report *r, const tain *deadline)
{
	size_t used;

	while (!tls_report_read(r, &used, c->record + c->at, c->len - c->at)) {
		ssize_t n;

		if (errno != EAGAIN || c->len == sizeof c->record)
			return errno = EPROTO, false;
		n = read(c->report_fd, c->record + c->len, sizeof c->record - c->len);
		if (n > 0)
			c->len += (size_t)n;
		else if (n == 0)
			return errno = EPIPE, false;
		else if (errno == EAGAIN && !wait_readable(c->report_fd, deadline))
			return false;
		else if (errno != EAGAIN && errno != EINTR)
			return false;
	}
	c->at += used;
	return true;
}

/* Waits for the report of that kind. False: it is another one, or none; *why tells. */
static bool
expect_report(struct cover *c, struct tls_report *r, enum tls_report_kind kind, int seconds, const char **why)
{
	tain deadline;

	session_deadline(&deadline, seconds, NULL);
	if (!read_report(c, r, &deadline)) {
		*why = errno == ETIMEDOUT ? "smtp-tls does not answer" : errno == EPIPE ? "smtp-tls died" :
		    "smtp-tls talks nonsense";
		return false;
	}
	*why = r->kind == TLS_REPORT_FAILED ? r->reason : "smtp-tls talks nonsense";
	return r->kind == kind;
}

/* ---- from clear text to TLS ---- */

bool
starttls_prepare(struct session *s)
{
	struct tls_report r;
	const char *why;

	if (!start(s)) {
		log_problem(s, "tls-failed", strerror(errno));
		return false;
	}
	if (expect_report(&s->cover, &r, TLS_REPORT_READY, TLS_READY_SECONDS, &why))
		return true;
	log_problem(s, "tls-failed", why);
	starttls_end(s);
	return false;
}

/* The conversation's descriptors are copies of fd. Our fd 2, where it is the client's
 * socket (inetd), is not to speak into the encrypted session. */
static bool
take_over(struct session *s, int fd)
{
	if (is_same_socket(2, s->peer.in)) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		if (null == -1 || dup2(null, 2) == -1)
			return false;
		close(null);
	}
	return dup3(fd, s->peer.in, s->peer.in > 2 ? O_CLOEXEC : 0) != -1 &&
	    (s->peer.out == s->peer.in || dup3(fd, s->peer.out, s->peer.out > 2 ? O_CLOEXEC : 0) != -1);
}

static void
forget_client(struct session *s)
{
	transaction_reset(&s->transaction);
	s->helo[0] = '\0';
	s->user[0] = '\0';
	s->is_esmtp = false;
	s->state = CONNECTED;
}

static void
log_open_session(const struct session *s, const struct tls_report *r)
{
	char client[400], subject[600];
	const char *shown = subject;

	printable_quote(client, sizeof client, r->certificate, strlen(r->certificate));
	printable_quote(subject, sizeof subject, r->subject, strlen(r->subject));
	if (*r->fingerprint == '\0')
		shown = "";	/* it showed none */
	log_line("smtp tls address=%s host=%s ciphers=%s:%s:%s name=%s client=%s%s%s%s%s", session_address(s),
	    s->peer.host, r->protocol, r->cipher, r->bits, *r->name == '\0' ? "-" : r->name, client,
	    *shown == '\0' ? "" : " subject=", shown, *shown == '\0' ? "" : " fingerprint=", r->fingerprint);
}

/* The client cannot be told: what it hears now should be TLS. */
static bool
lose_session(struct session *s, const char *why)
{
	stats_add(STATS_SMTP_TLS_FAILED, 1);
	log_problem(s, "tls-failed", why);
	session_close(s, "no TLS");
	return false;
}

bool
starttls_begin(struct session *s)
{
	size_t dropped = smtp_discard_input(&s->in);
	struct cover *c = &s->cover;
	const char *why;

	if (dropped > 0)
		log_line("smtp tls-injection address=%s host=%s dropped=%zu", session_address(s), s->peer.host, dropped);
	if (!expect_report(c, &c->report, TLS_REPORT_OPEN, TLS_OPEN_SECONDS, &why))
		return lose_session(s, why);
	if (!take_over(s, c->plain))
		return lose_session(s, strerror(errno));
	close_fd(&c->plain);
	c->is_open = true;
	stats_enter(s->listen->smtps ? STATS_GAUGE_SMTPS : STATS_GAUGE_STARTTLS);
	forget_client(s);
	log_open_session(s, &c->report);
	return true;
}

/* ---- the end ---- */

void
starttls_end(struct session *s)
{
	struct cover *c = &s->cover;
	struct tls_report r;
	tain deadline;
	int status;

	if (c->pid == 0)
		return;
	if (c->is_open)
		shutdown(s->peer.out, SHUT_RDWR);
	close_fd(&c->plain);
	session_deadline(&deadline, TLS_END_SECONDS, NULL);
	spawn_wait(c->pid, &status, &deadline);
	if (c->is_open && read_report(c, &r, &deadline) && r.kind == TLS_REPORT_CUT)
		log_problem(s, "tls-cut", r.reason);
	close_fd(&c->report_fd);
	c->pid = 0;
}

unsigned
starttls_do(struct session *s, const char *arg, size_t len)
{
	(void)arg;
	if (s->cover.is_open)
		return session_refuse(s, "", 503, "5.5.1 TLS is there already");
	if (!starttls_is_offered(s))
		return session_refuse(s, "", 502, "5.5.1 STARTTLS is not available");
	if (len > 0)
		return session_refuse(s, "", 501, "5.5.4 STARTTLS has no parameters");
	if (!starttls_prepare(s))
		return session_refuse(s, "", 454, "4.7.0 TLS is not available now, for a reason that only the log tells");
	stats_add(STATS_SMTP_STARTTLS, 1);
	stats_enter(STATS_GAUGE_STARTTLS);
	session_reply(s, 220, "2.0.0 Ready to start TLS");
	if (session_flush(s))
		starttls_begin(s);
	return 220;
}
