/* command: see command.h.
 *
 * Verbs stand in a table by state (RFC 5321 4.1.4). A verb out of sequence, or
 * one that is refused, changes nothing in the session. */
#include "smtp-recv/command.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/address.h"
#include "lib/log.h"
#include "lib/stats.h"
#include "smtp-recv/authenticate.h"
#include "smtp-recv/data.h"
#include "smtp-recv/session.h"
#include "smtp-recv/transaction.h"

/* ---- greeting ---- */

/* A domain or an address literal by the looser rule of what clients send. */
static bool
is_helo_name(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]", s[i]) == NULL)
			return false;
	return len > 0 && len <= HELO_MAX;
}

static bool
take_name(struct session *s, const char *arg, size_t len)
{
	if (!is_helo_name(arg, len)) {
		session_refuse(s, "", 501, "5.5.4 a domain or an address literal is needed");
		return false;
	}
	memcpy(s->helo, arg, len);
	s->helo[len] = '\0';
	transaction_reset(&s->transaction);
	return session_is_in_step(s);
}

static unsigned
do_helo(struct session *s, const char *arg, size_t len)
{
	if (!take_name(s, arg, len))
		return 501;
	s->is_esmtp = false;
	return session_reply(s, 250, "%s", s->name);
}

static unsigned
do_ehlo(struct session *s, const char *arg, size_t len)
{
	if (!take_name(s, arg, len))
		return 501;
	s->is_esmtp = true;
	session_reply_more(s, 250, "%s", s->name);
	session_reply_more(s, 250, "PIPELINING");
	session_reply_more(s, 250, "SIZE %llu", (unsigned long long)s->conf->max_message_size);
	session_reply_more(s, 250, "8BITMIME");
	session_reply_more(s, 250, "ENHANCEDSTATUSCODES");
	if (!s->listen->no_dsn)
		session_reply_more(s, 250, "DSN");
	session_reply_more(s, 250, "SMTPUTF8");
	if (starttls_is_offered(s))
		session_reply_more(s, 250, "STARTTLS");
	if (authenticate_is_offered(s))
		session_reply_more(s, 250, "AUTH PLAIN LOGIN");
	return session_reply(s, 250, "HELP");
}

/* ---- the small ones ---- */

static unsigned
do_rset(struct session *s, const char *arg, size_t len)
{
	(void)arg;
	if (len > 0)
		return session_refuse(s, "", 501, "5.5.4 RSET has no parameters");
	transaction_reset(&s->transaction);
	if (s->state != CONNECTED)
		s->state = GREETED;
	return session_reply(s, 250, "2.0.0 Ok");
}

static unsigned
do_noop(struct session *s, const char *arg, size_t len)
{
	(void)arg;
	(void)len;
	return session_reply(s, 250, "2.0.0 Ok");
}

static unsigned
do_quit(struct session *s, const char *arg, size_t len)
{
	(void)arg;
	(void)len;
	transaction_reset(&s->transaction);
	session_reply(s, 221, "2.0.0 %s closing the connection", s->name);
	session_close(s, "quit");
	return 221;
}

static unsigned
do_help(struct session *s, const char *arg, size_t len)
{
	(void)arg;
	(void)len;
	session_reply_more(s, 214, "2.0.0 EHLO HELO STARTTLS AUTH MAIL RCPT DATA RSET NOOP VRFY HELP QUIT");
	return session_reply(s, 214, "2.0.0 RFC 5321 tells more");
}

static unsigned
do_vrfy(struct session *s, const char *arg, size_t len)
{
	(void)arg;
	if (len == 0)
		return session_refuse(s, "", 501, "5.5.4 VRFY whom?");
	return session_reply(s, 252, "2.5.0 cannot verify, but will take a message and try");
}

/* ---- what is not done here ---- */

static unsigned
do_unavailable(struct session *s, const char *arg, size_t len)
{
	(void)arg;
	(void)len;
	return session_refuse(s, "", 502, "5.5.1 %s is not available", s->verb);
}

/* CHUNKING (RFC 3030) is not offered. What stands behind the command is a piece of a
 * message, and must not be read as commands. */
static unsigned
do_chunk(struct session *s, const char *arg, size_t len)
{
	do_unavailable(s, arg, len);
	session_require_silence(s);
	return 502;
}

/* Browsers and proxies that were talked into speaking to us. */
static unsigned
do_foreign(struct session *s, const char *arg, size_t len)
{
	(void)arg;
	(void)len;
	session_refuse(s, "", 554, "5.5.1 this is not a web server");
	session_close(s, "another protocol");
	return 554;
}

/* ---- the table ---- */

#define IN(state) (1u << (state))
#define ANY (IN(CONNECTED) | IN(GREETED) | IN(ENVELOPE) | IN(ADDRESSED))

/* A verb is in sequence when the state is in `from`; `next` is entered only
 * if the action replied 2xx or 3xx. is_idle: it brings no message nearer. */
static const struct step {
	const char *verb;
	unsigned from;
	enum state next;
	size_t line_max;
	bool is_idle;
	unsigned (*act)(struct session *, const char *arg, size_t len);
} steps[] = {
	{ "EHLO", ANY,                          GREETED,   SMTP_COMMAND_MAX, true,  do_ehlo },
	{ "HELO", ANY,                          GREETED,   SMTP_COMMAND_MAX, true,  do_helo },
	{ "MAIL", IN(GREETED),                  ENVELOPE,  COMMAND_MAX,      false, transaction_mail },
	{ "RCPT", IN(ENVELOPE) | IN(ADDRESSED), ADDRESSED, COMMAND_MAX,      false, transaction_rcpt },
	{ "DATA", IN(ADDRESSED),                GREETED,   SMTP_COMMAND_MAX, false, data_receive },
	{ "BDAT", ANY,                          CLOSED,    SMTP_COMMAND_MAX, true,  do_chunk },
	{ "QUIT", ANY,                          CLOSED,    SMTP_COMMAND_MAX, false, do_quit },
	{ "RSET", ANY,                          CLOSED,    SMTP_COMMAND_MAX, true,  do_rset },
	{ "NOOP", ANY,                          CLOSED,    SMTP_COMMAND_MAX, true,  do_noop },
	{ "VRFY", ANY,                          CLOSED,    SMTP_COMMAND_MAX, true,  do_vrfy },
	{ "HELP", ANY,                          CLOSED,    SMTP_COMMAND_MAX, true,  do_help },
	{ "EXPN", ANY,                          CLOSED,    SMTP_COMMAND_MAX, true,  do_unavailable },
	{ "STARTTLS", ANY,                      CLOSED,    SMTP_COMMAND_MAX, true,  starttls_do },
	{ "AUTH", IN(GREETED),                  CLOSED,    COMMAND_MAX,      true,  authenticate_do },
	{ "GET",  ANY,                          CLOSED,    COMMAND_MAX,      true,  do_foreign },
	{ "POST", ANY,                          CLOSED,    COMMAND_MAX,      true,  do_foreign },
	{ "PUT",  ANY,                          CLOSED,    COMMAND_MAX,      true,  do_foreign },
	{ "CONNECT", ANY,                       CLOSED,    COMMAND_MAX,      true,  do_foreign },
};

static const struct step *
find_step(const char *verb, size_t len)
{
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		if (strlen(steps[i].verb) == len && strncasecmp(steps[i].verb, verb, len) == 0)
			return &steps[i];
	return NULL;
}

static void
refuse_sequence(struct session *s, const struct step *step)
{
	if (s->state == CONNECTED)
		session_refuse(s, "", 503, "5.5.1 EHLO or HELO first");
	else if (step->act == data_receive && s->transaction.nrefused > 0)
		session_refuse(s, "", 554, "5.5.1 no valid recipients");
	else if (step->act == data_receive)
		session_refuse(s, "", 503, "5.5.1 MAIL and RCPT first");
	else if (step->act == transaction_rcpt)
		session_refuse(s, "", 503, "5.5.1 MAIL first");
	else
		session_refuse(s, "", 503, "5.5.1 a transaction is open already");
	if (step->act == data_receive)
		session_require_silence(s);
}

static void
take_step(struct session *s, const struct step *step, const char *arg, size_t len)
{
	enum state before = s->state;
	unsigned code;

	if ((step->from & IN(s->state)) == 0) {
		refuse_sequence(s, step);
		return;
	}
	s->nidle += step->is_idle;
	code = step->act(s, arg, len);
	/* CLOSED in the table: the verb itself says where it leads */
	if (code < 400 && step->next != CLOSED && s->state == before)
		s->state = step->next;
}

/* Whether the line was meant as AUTH, with blanks where none belong. */
static bool
looks_like_auth(const char *line, size_t len)
{
	static const char verb[] = "AUTH";

	while (len > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	return len >= sizeof verb - 1 && strncasecmp(line, verb, sizeof verb - 1) == 0;
}

/* Notes the line for the log. Passwords never get there: neither that of AUTH, nor
 * what a client sends behind an AUTH that was refused, not having waited to hear that. */
static void
note_line(struct session *s, const struct step *step, const char *line, size_t len)
{
	bool is_auth = looks_like_auth(line, len);
	const char *shown = is_auth ? "AUTH (...)" : step == NULL && s->was_auth ? "(...)" : NULL;

	s->was_auth = is_auth || (step == NULL && s->was_auth);
	if (shown != NULL)
		session_note_command(s, is_auth ? "AUTH" : "command", shown, strlen(shown));
	else
		session_note_command(s, step == NULL ? "command" : step->verb, line, len);
	if (shown != NULL)
		log_verbose("<<< %s", shown);
	else
		log_verbose("<<< %.*s", (int)len, line);
}

void
command_run(struct session *s, const char *line, size_t len)
{
	const char *blank = memchr(line, ' ', len);
	size_t verb_len = blank == NULL ? len : (size_t)(blank - line), at = verb_len;
	const struct step *step = find_step(line, verb_len);

	note_line(s, step, line, len);
	if (step == NULL) {
		s->nidle++;
		session_refuse(s, "", 500, "5.5.1 command not recognized");
		return;
	}
	if (len + 2 > step->line_max) {
		stats_add(STATS_SMTP_LINETOOLONG, 1);
		session_refuse(s, "", 500, "5.5.2 line too long");
		return;
	}
	while (at < len && line[at] == ' ')
		at++;
	while (len > at && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	take_step(s, step, line + at, len - at);
}
