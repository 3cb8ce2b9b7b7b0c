/* session: see session.h.
 *
 * Replies are collected and sent together, before every wait and never later
 * (RFC 2920). Whatever ends the conversation, an unfinished transaction leaves
 * nothing in the queue. */
#include "smtp-recv/session.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/printable.h"
#include "lib/stats.h"
#include "lib/wait.h"
#include "smtp-recv/command.h"

/* ---- sending ---- */

void
session_deadline(tain *deadline, int seconds, const tain *limit)
{
	tain now;

	tain_now(&now);
	tain_addsec(deadline, &now, seconds);
	if (limit != NULL && tain_less(limit, deadline))
		*deadline = *limit;
}

static void
lose_client(struct session *s)
{
	int e = errno;

	stats_add(e == ETIMEDOUT ? STATS_SMTP_WRITE_TIMEOUT : e == EPIPE ? STATS_SMTP_WRITE_EOF :
	    STATS_SMTP_WRITE_SYSTEM, 1);
	s->out_len = 0;
	session_close(s, e == ETIMEDOUT ? "timeout while writing" : "client gone");
}

bool
session_flush(struct session *s)
{
	tain deadline;
	size_t at = 0;
	bool has_deadline = false;

	while (at < s->out_len) {
		ssize_t n = write(s->peer.out, s->out + at, s->out_len - at);

		if (n > 0) {
			at += (size_t)n;
			continue;
		}
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			if (!has_deadline)
				session_deadline(&deadline, REPLY_SECONDS, NULL);
			has_deadline = true;
			if (wait_writable(s->peer.out, &deadline))
				continue;
		}
		lose_client(s);
		return false;
	}
	s->out_len = 0;
	return true;
}

/* ---- replies ---- */

static void
put_line(struct session *s, unsigned code, char separator, const char *text)
{
	char line[REPLY_LINE_MAX + 1];
	int n = snprintf(line, sizeof line - 2, "%03u%c%s", code, separator, text);
	size_t len = (size_t)n < sizeof line - 3 ? (size_t)n : sizeof line - 3;

	log_verbose(">>> %s", line);
	memcpy(line + len, "\r\n", 2);
	len += 2;
	if (s->out_len + len > sizeof s->out && !session_flush(s))
		return;
	memcpy(s->out + s->out_len, line, len);
	s->out_len += len;
}

__attribute__((format(printf, 4, 0))) static void
put_reply(struct session *s, unsigned code, char separator, const char *format, va_list args)
{
	char text[1024], clean[REPLY_LINE_MAX];

	vsnprintf(text, sizeof text, format, args);
	put_line(s, code, separator, printable_copy(clean, sizeof clean, text, strlen(text)));
}

unsigned
session_reply(struct session *s, unsigned code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_reply(s, code, ' ', format, args);
	va_end(args);
	return code;
}

void
session_reply_more(struct session *s, unsigned code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_reply(s, code, '-', format, args);
	va_end(args);
}

/* ---- the log ---- */

const char *
session_address(const struct session *s)
{
	return *s->peer.address == '\0' ? "local" : s->peer.address;
}

void
session_note_command(struct session *s, const char *verb, const char *line, size_t len)
{
	s->verb = verb;
	printable_quote(s->command, sizeof s->command, line, len);
}

/* The envelope that a refusal belongs to, as far as it is known. */
static void
describe_envelope(char *to, size_t size, const struct session *s)
{
	bool has_sender = s->state == ENVELOPE || s->state == ADDRESSED;

	snprintf(to, size, "%s%s%s%s%s", *s->helo == '\0' ? "" : " helo=", s->helo, has_sender ? " from=<" : "",
	    has_sender ? s->transaction.reverse_path.s : "", has_sender ? ">" : "");
}

/* A client that is refused for ever does not fill the log: the rest is only counted. */
static void
log_refusal(struct session *s, unsigned code, const char *text, const char *why)
{
	char reply[1024 + 4], result[1200], reason[1200] = "", envelope[HELO_MAX + 300];

	if (s->nlogged++ >= LOGGED_REFUSALS_MAX)
		return;
	snprintf(reply, sizeof reply, "%u %s", code, text);
	printable_quote(result, sizeof result, reply, strlen(reply));
	if (*why != '\0')
		printable_quote(reason, sizeof reason, why, strlen(why));
	describe_envelope(envelope, sizeof envelope, s);
	log_line("smtp failed-command address=%s host=%s%s command=%s result=%s%s%s", session_address(s), s->peer.host,
	    envelope, s->command, result, *reason == '\0' ? "" : " why=", reason);
}

static void
log_suppressed(const struct session *s)
{
	if (s->nlogged > LOGGED_REFUSALS_MAX)
		log_line("smtp failed-command address=%s host=%s suppressed=%u", session_address(s), s->peer.host,
		    s->nlogged - LOGGED_REFUSALS_MAX);
}

/* A client that is refused again and again is slowed down. What it was told before is not held back. */
static void
slow_down(struct session *s)
{
	if (++s->nrefusals <= REFUSALS_FREE || s->state == CLOSED)
		return;
	stats_add(STATS_SMTP_DELAYS, 1);
	if (session_flush(s))
		poll(NULL, 0, 1000);
}

unsigned
session_refuse(struct session *s, const char *why, unsigned code, const char *format, ...)
{
	char text[1024], clean[REPLY_LINE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	log_refusal(s, code, text, why);
	if (code >= 500)
		slow_down(s);
	else if (code == 451)
		stats_add(STATS_SMTP_TEMPFAIL, 1);
	if (s->state != CLOSED)
		put_line(s, code, ' ', printable_copy(clean, sizeof clean, text, strlen(text)));
	return code;
}

void
session_close(struct session *s, const char *why)
{
	if (s->state != CLOSED)
		s->ended_by = why;
	s->state = CLOSED;
}

/* ---- reading ---- */

void
session_lose_reader(struct session *s, const char *timeout)
{
	if (errno == ETIMEDOUT) {
		stats_add(STATS_SMTP_READ_TIMEOUT, 1);
		session_reply(s, 421, "4.4.2 %s %s, closing the connection", s->name, timeout);
		session_close(s, timeout);
	} else {
		stats_add(errno == EPIPE ? STATS_SMTP_READ_EOF : STATS_SMTP_READ_SYSTEM, 1);
		session_close(s, "client gone");
	}
}

bool
session_fill(struct session *s, const tain *deadline, const char *timeout)
{
	if (!session_flush(s))
		return false;
	if (smtp_fill(&s->in, deadline))
		return true;
	session_lose_reader(s, timeout);
	return false;
}

/* Reads one line and answers it. */
static void
take_command(struct session *s)
{
	const char *line;
	size_t len;
	tain deadline;

	if (memchr(s->in.buffer + s->in.start, '\n', s->in.end - s->in.start) == NULL && !session_flush(s))
		return;
	session_deadline(&deadline, COMMAND_SECONDS, &s->end);
	session_note_command(s, "command", "", 0);
	if (smtp_read_line(&s->in, &line, &len, COMMAND_MAX, &deadline)) {
		command_run(s, line, len);
	} else if (errno == EMSGSIZE) {
		stats_add(STATS_SMTP_LINETOOLONG, 1);
		session_refuse(s, "", 500, "5.5.2 line too long");
	} else if (errno == EPROTO) {
		session_refuse(s, "", 500, "5.5.2 bare CR, bare LF or NUL in a command");
	} else {
		session_lose_reader(s, tain_less(&deadline, &s->end) ? "command timeout" : "session timeout");
	}
}

static bool
is_silent(struct session *s)
{
	if (s->state == CLOSED || !smtp_has_input(&s->in))
		return true;
	stats_add(STATS_SMTP_TOOFAST, 1);
	session_refuse(s, "input before the reply", 554, "5.5.0 you must wait for the reply to %s",
	    s->verb);
	session_close(s, "protocol synchronization");
	return false;
}

bool
session_is_in_step(struct session *s)
{
	return s->peer.is_local || is_silent(s);
}

void
session_require_silence(struct session *s)
{
	is_silent(s);
}

/* ---- from the banner to the end ---- */

/* Whether the client, who has to wait for the banner, has spoken already. */
static bool
is_early_talker(struct session *s)
{
	struct pollfd p = { .fd = s->peer.in, .events = POLLIN };

	if (s->peer.is_local)
		return false;	/* a pipe: whoever fills it need not wait */
	if (s->greeting_wait_ms > 0)
		poll(&p, 1, s->greeting_wait_ms);
	return smtp_has_input(&s->in);
}

/* TLS from the first octet. Nothing can be said to the client where there is none. */
static void
begin_smtps(struct session *s)
{
	stats_add(STATS_SMTP_SMTPS, 1);
	stats_enter(STATS_GAUGE_SMTPS);
	if (!starttls_prepare(s))
		session_close(s, "no TLS");
	else
		starttls_begin(s);
}

static void
greet(struct session *s)
{
	session_note_command(s, "connection", "", 0);
	if (s->listen->smtps)
		begin_smtps(s);
	if (s->state == CLOSED)
		return;
	if (is_early_talker(s)) {
		stats_add(STATS_SMTP_TOOFAST, 1);
		session_refuse(s, "input before the banner", 554, "5.5.1 %s you must wait for the banner",
		    s->name);
		session_close(s, "early talker");
	} else {
		session_reply(s, 220, "%s ESMTP pipepost", s->name);
	}
}

static void
check_patience(struct session *s)
{
	if (s->state == CLOSED)
		return;
	session_note_command(s, "session", "", 0);
	if (s->nrefusals >= REFUSALS_MAX) {
		session_refuse(s, "", 421, "4.7.0 %s too many errors, closing the connection", s->name);
		session_close(s, "too many errors");
	} else if (s->nidle > IDLE_COMMANDS_MAX) {
		session_refuse(s, "", 421, "4.7.0 %s too many commands without a message", s->name);
		session_close(s, "too many commands");
	}
}

void
session_run(struct session *s)
{
	stats_add(STATS_SMTP_SESSIONS, 1);
	log_line("smtp connected address=%s host=%s%s", session_address(s), s->peer.host,
	    s->peer.may_relay ? " relayclient=yes" : "");
	session_deadline(&s->end, SESSION_SECONDS, NULL);
	greet(s);
	while (s->state != CLOSED) {
		take_command(s);
		check_patience(s);
	}
	session_flush(s);
	starttls_end(s);
	log_suppressed(s);
	log_line("smtp disconnected address=%s host=%s reason=\"%s\" messages=%u", session_address(s), s->peer.host,
	    s->ended_by, s->naccepted);
}

const char *
session_protocol(const struct session *s)
{
	static const char *const names[2][2][2] = {	/* SMTPUTF8, TLS, AUTH */
		{ { "ESMTP", "ESMTPA" }, { "ESMTPS", "ESMTPSA" } },
		{ { "UTF8SMTP", "UTF8SMTPA" }, { "UTF8SMTPS", "UTF8SMTPSA" } },
	};

	if (!s->is_esmtp)
		return "SMTP";	/* there are no other words for it */
	return names[s->transaction.facts.is_smtputf8][s->cover.is_open][*s->user != '\0'];
}
