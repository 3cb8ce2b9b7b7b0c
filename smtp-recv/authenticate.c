/* authenticate: see authenticate.h.
 *
 * Passwords go through TLS, or over the loopback interface of this host. They reach neither
 * log nor reply; what the client has sent is wiped out of the input buffer as soon as it
 * was read. An answer that could not be had is 454, never "wrong". */
#include "smtp-recv/authenticate.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <skalibs/stralloc.h>

#include "lib/base64.h"
#include "lib/log.h"
#include "lib/printable.h"
#include "lib/stats.h"
#include "lib/wipe.h"
#include "smtp-recv/login.h"
#include "smtp-recv/password.h"
#include "smtp-recv/session.h"

/* ---- when ---- */

static bool
is_protected(const struct session *s)
{
	return s->cover.is_open ||
	    (s->peer.is_loopback && !s->listen->tls_required && conf_listen_is_loopback(s->listen));
}

bool
authenticate_is_offered(const struct session *s)
{
	return s->listen->auth != AUTH_NONE && !s->peer.is_local && is_protected(s) && *s->user == '\0';
}

/* ---- what the client sends ---- */

/* Steps over one word of arg[0..len). */
static size_t
take_word(const char **arg, size_t *len)
{
	const char *blank = memchr(*arg, ' ', *len);
	size_t n = blank == NULL ? *len : (size_t)(blank - *arg);

	*arg += n;
	*len -= n;
	while (*len > 0 && **arg == ' ') {
		++*arg;
		--*len;
	}
	return n;
}

static bool
is_word(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(s, word, len) == 0;
}

/* Takes base64 off. Returns 0, or the code of the refusal. */
static unsigned
decode(struct session *s, stralloc *answer, const char *text, size_t len)
{
	answer->len = 0;
	if (!stralloc_ready(answer, len + 1))	/* growing would leave copies behind */
		return session_refuse(s, "out of memory", 454, "4.7.0 out of memory");
	if (is_word(text, len, "="))
		len = 0;	/* an initial response that is there and empty */
	if (base64_decode(answer, text, len))
		return 0;
	return session_refuse(s, "", 501, "5.5.2 this is not base64");
}

static unsigned
refuse_line(struct session *s)
{
	if (errno == EMSGSIZE)
		return session_refuse(s, "", 500, "5.5.6 line too long");
	if (errno == EPROTO)
		return session_refuse(s, "", 501, "5.5.2 bare CR, bare LF or NUL in the answer");
	session_lose_reader(s, "command timeout");
	return 421;
}

/* Sends 334 with the prompt, in base64, and reads the answer. Returns 0, or the code of the refusal. */
static unsigned
ask(struct session *s, stralloc *answer, const char *prompt)
{
	const char *line;
	unsigned code;
	size_t len;
	tain deadline;

	session_reply(s, 334, "%s", prompt);
	if (!session_flush(s))
		return 421;
	session_deadline(&deadline, COMMAND_SECONDS, &s->end);
	if (!smtp_read_line(&s->in, &line, &len, COMMAND_MAX, &deadline))
		return refuse_line(s);
	log_verbose("<<< (...)");
	code = is_word(line, len, "*") ? session_refuse(s, "", 501, "5.7.0 Authentication cancelled") :
	    decode(s, answer, line, len);
	explicit_bzero(s->in.buffer + (line - s->in.buffer), len);
	return code;
}

/* ---- mechanisms ---- */

/* Logins are keys of tables, which have no capitals, or names of accounts. */
static enum saslprep_profile
profile_of(const struct session *s)
{
	return s->listen->auth_table != NULL ? SASLPREP_LOGIN : SASLPREP_ACCOUNT;
}

/* Each mechanism: 0, or the code of the refusal. first is the initial response, NULL without.
 * *is_nobody: what came cannot be anybody's, and need not be asked for. */
static unsigned
note_login(struct session *s, bool is_set, bool *is_nobody)
{
	*is_nobody = *is_nobody || (!is_set && errno == EACCES);
	if (is_set || errno == EACCES)
		return 0;
	if (errno == ENOMEM)
		return session_refuse(s, "out of memory", 454, "4.7.0 out of memory");
	return session_refuse(s, "", 501, "5.5.2 this is no answer to AUTH PLAIN");
}

static unsigned
do_plain(struct session *s, struct login *l, stralloc *answer, const stralloc *first, bool *is_nobody)
{
	unsigned code = first == NULL ? ask(s, answer, "") : 0;

	return code != 0 ? code :
	    note_login(s, login_set_plain(l, profile_of(s), answer->s, answer->len), is_nobody);
}

static unsigned
do_login(struct session *s, struct login *l, stralloc *answer, const stralloc *first, bool *is_nobody)
{
	unsigned code = first == NULL ? ask(s, answer, "VXNlcm5hbWU6") : 0;	/* Username: */

	if (code == 0)
		code = note_login(s, login_set_name(l, profile_of(s), answer->s, answer->len), is_nobody);
	if (code == 0)
		code = ask(s, answer, "UGFzc3dvcmQ6");				/* Password: */
	return code != 0 ? code : note_login(s, login_set_password(l, answer->s, answer->len), is_nobody);
}

static const struct mechanism {
	const char *name;
	unsigned (*run)(struct session *s, struct login *l, stralloc *answer, const stralloc *first, bool *is_nobody);
} mechanisms[] = {
	{ "PLAIN", do_plain },
	{ "LOGIN", do_login },
};

static const struct mechanism *
find_mechanism(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++)
		if (is_word(name, len, mechanisms[i].name))
			return &mechanisms[i];
	return NULL;
}

/* ---- the outcome ---- */

static void
log_outcome(const struct session *s, const struct mechanism *m, const struct login *l, const char *result,
    const char *why)
{
	char user[600], reason[200];

	printable_quote(user, sizeof user, l->name, strlen(l->name));
	printable_quote(reason, sizeof reason, why, strlen(why));
	log_line("smtp authentication address=%s host=%s user=%s mechanism=%s result=%s%s%s", session_address(s),
	    s->peer.host, user, m->name, result, *why == '\0' ? "" : " why=", *why == '\0' ? "" : reason);
}

static unsigned
accept_login(struct session *s, const struct login *l)
{
	snprintf(s->user, sizeof s->user, "%s", l->name);
	s->nidle = 0;
	stats_add(STATS_SMTP_AUTH, 1);
	return session_reply(s, 235, "2.7.0 Authentication successful");
}

/* Each further guess costs more time, and soon a new connection. */
static unsigned
refuse_login(struct session *s)
{
	s->nauth_failures++;
	stats_add(STATS_SMTP_AUTH_FAILED, 1);
	if (session_flush(s))
		poll(NULL, 0, (int)s->nauth_failures * AUTH_DELAY_SECONDS * 1000);
	session_refuse(s, "", 535, "5.7.8 Authentication credentials invalid");
	if (s->nauth_failures >= AUTH_FAILURES_MAX) {
		session_refuse(s, "", 421, "4.7.0 %s too many failed logins, closing the connection", s->name);
		session_close(s, "too many failed logins");
	}
	return 535;
}

static unsigned
decide(struct session *s, const struct mechanism *m, const struct login *l, bool is_nobody)
{
	const char *why = "";
	enum password_answer answer = is_nobody ? PASSWORD_WRONG : password_ask(s, l, &why);

	switch (answer) {
	case PASSWORD_RIGHT:
		log_outcome(s, m, l, "ok", why);
		return accept_login(s, l);
	case PASSWORD_WRONG:
		log_outcome(s, m, l, "permfail", why);
		return refuse_login(s);
	default:
		log_outcome(s, m, l, "tempfail", why);
		return session_refuse(s, why, 454, "4.7.0 Temporary authentication failure");
	}
}

/* ---- the command ---- */

static unsigned
run(struct session *s, const struct mechanism *m, const char *initial, size_t len)
{
	stralloc answer = STRALLOC_ZERO;
	struct login login = { .name = "" };
	bool is_nobody = false;
	unsigned code = len == 0 ? 0 : decode(s, &answer, initial, len);

	if (len > 0)
		explicit_bzero(s->in.buffer + (initial - s->in.buffer), len);
	if (code == 0)
		code = m->run(s, &login, &answer, len == 0 ? NULL : &answer, &is_nobody);
	if (code == 0)
		code = decide(s, m, &login, is_nobody);
	login_wipe(&login);
	wipe_and_free(&answer);
	return code;
}

unsigned
authenticate_do(struct session *s, const char *arg, size_t len)
{
	const struct mechanism *m;
	const char *name = arg;
	size_t n;

	if (s->listen->auth == AUTH_NONE || s->peer.is_local)
		return session_refuse(s, "", 502, "5.5.1 AUTH is not available");
	if (!s->is_esmtp)
		return session_refuse(s, "", 503, "5.5.1 EHLO first");
	if (*s->user != '\0')
		return session_refuse(s, "", 503, "5.5.1 you have authenticated already");
	if (!is_protected(s))
		return session_refuse(s, "", 538, "5.7.11 Encryption required for requested authentication mechanism");
	n = take_word(&arg, &len);
	m = find_mechanism(name, n);
	if (n == 0)
		return session_refuse(s, "", 501, "5.5.4 AUTH needs a mechanism: PLAIN or LOGIN");
	if (m == NULL)
		return session_refuse(s, "", 504, "5.5.4 the mechanisms are PLAIN and LOGIN");
	return run(s, m, arg, len);
}
