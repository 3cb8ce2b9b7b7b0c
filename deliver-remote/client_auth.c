/* client_auth: the part of a session in which we say who we are.
 *
 * Never without TLS. A server that does not take our word is not the only one of its
 * operator's: no other is asked, since passwords that are wrong everywhere lock accounts. */
#include "deliver-remote/client.h"

#include <errno.h>
#include <string.h>

#include "lib/log.h"
#include "lib/sasl.h"

enum { AUTH_ROUNDS_MAX = 8 };

static bool
say(struct client *c, const char *words, const stralloc *line)
{
	return connection_secret(&c->c, line->s, line->len, words) && connection_ask(&c->c, STEP_AUTH_SECONDS);
}

/* The exchange up to the reply that ends it, in c->c.reply. */
static bool
exchange(struct client *c, struct sasl *s, stralloc *line)
{
	if (!sasl_start(s, line) || !say(c, "AUTH (...)", line))
		return false;
	for (unsigned n = 0; c->c.reply.code == 334; n++) {
		line->len = 0;
		if (n == AUTH_ROUNDS_MAX ||
		    !sasl_answer(s, line, c->c.reply.text.s, c->c.reply.text.len)) {
			line->len = 0;
			if (!stralloc_cats(line, "*"))
				return false;
		}
		if (n > AUTH_ROUNDS_MAX) {
			errno = EPROTO;
			return false;
		}
		if (!say(c, "(...)", line))
			return false;
	}
	return true;
}

static enum welcome
refused(struct client *c, const struct sasl *s)
{
	struct outcome o;

	outcome_set_reply(&o, VERDICT_DEFERRED, c->c.peer, &c->c.reply);
	outcome_set(&c->why, VERDICT_UNREACHABLE, "%s (AUTH %s%s%.*s)", o.reason, sasl_name(s->mechanism),
	    s->complaint.len > 0 ? ": " : "", (int)s->complaint.len, s->complaint.len > 0 ? s->complaint.s : "");
	client_quit(c);
	return WELCOME_NEVER;
}

static enum welcome
cannot(struct client *c, const char *words)
{
	outcome_set(&c->why, VERDICT_UNREACHABLE, "4.7.4 %s: %s%s%s", c->c.peer, words, c->x.auth[0] != '\0' ? ": " : "",
	    c->x.auth);
	client_quit(c);
	return WELCOME_NEVER;
}

enum welcome
client_authenticate(struct client *c, const struct secret *secret)
{
	struct sasl s = { .secret = secret, .complaint = STRALLOC_ZERO };
	stralloc line = STRALLOC_ZERO;
	enum welcome w;

	if (c->c.tls == NULL)
		return cannot(c, "no AUTH without TLS");
	if (c->x.auth[0] == '\0')
		return cannot(c, "the server does not offer AUTH");
	if (!sasl_choose(&s.mechanism, c->x.auth, strlen(c->x.auth), secret))
		return cannot(c, "no mechanism for AUTH that is offered would do");
	if (!exchange(c, &s, &line))
		w = client_lose(c, "AUTH");
	else if (c->c.reply.code != 235)
		w = refused(c, &s);
	else
		w = WELCOME_READY;
	if (w == WELCOME_READY)
		log_line("%s: mta authentication relay=%s user=%.*s result=ok", c->c.id, c->c.peer,
		    (int)secret->user.len, secret->user.s);
	if (line.s != NULL)
		explicit_bzero(line.s, line.a);
	stralloc_free(&line);
	stralloc_free(&s.complaint);
	return w;
}
