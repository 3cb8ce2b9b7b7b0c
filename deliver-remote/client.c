/* client: see client.h.
 *
 * Whatever a server says before it has answered MAIL is no verdict on a
 * message, be it 5xx: another server is tried, and at last the message deferred. */
#include "deliver-remote/client.h"

#include <errno.h>
#include <string.h>

#include "lib/log.h"
#include "lib/printable.h"

/* ---- ways not to be welcome ---- */

void
client_drop(struct client *c, const char *why)
{
	char reason[1200];

	log_line("%s: mta disconnected relay=%s reason=%s messages=%u", c->c.id, c->c.peer,
	    printable_quote(reason, sizeof reason, why, strlen(why)), c->ntransactions);
	connection_close(&c->c);
}

enum welcome
client_give_up(struct client *c, enum welcome w)
{
	client_drop(c, c->why.reason);
	return w;
}

enum welcome
client_lose(struct client *c, const char *step)
{
	int error = errno;

	outcome_set(&c->why, VERDICT_UNREACHABLE, "%s %s: %s: %s", error == EPROTO || error == EMSGSIZE ? "4.5.0" :
	    "4.4.2", c->c.peer, step, connection_why(&c->c, error));
	return client_give_up(c, WELCOME_NEXT);
}

enum welcome
client_turn_away(struct client *c, enum welcome w)
{
	outcome_set_reply(&c->why, VERDICT_DEFERRED, c->c.peer, &c->c.reply);
	if (c->c.reply.code != 421 && connection_command(&c->c, "QUIT"))
		(void)!connection_flush(&c->c, STEP_LAST_WORDS_SECONDS);
	return client_give_up(c, w);
}

/* ---- hello ---- */

/* EHLO or LHLO, and what the server offers. */
static enum welcome
hello(struct client *c, const char *helo)
{
	const char *verb = c->is_lmtp ? "LHLO" : "EHLO";

	c->x = (struct extensions){ .size_limit = 0 };
	if (!connection_command(&c->c, "%s %s", verb, helo) || !connection_ask(&c->c, STEP_HELLO_SECONDS))
		return client_lose(c, verb);
	if (c->c.reply.code / 100 == 2) {
		extension_read(&c->x, c->c.reply.text.s, c->c.reply.text.len);
		return WELCOME_READY;
	}
	if (c->c.reply.code / 100 != 5 || c->is_lmtp)
		return client_turn_away(c, WELCOME_NEXT);
	if (!connection_command(&c->c, "HELO %s", helo) || !connection_ask(&c->c, STEP_HELLO_SECONDS))
		return client_lose(c, "HELO");
	return c->c.reply.code / 100 == 2 ? WELCOME_READY : client_turn_away(c, WELCOME_NEXT);
}

static enum welcome
greeting(struct client *c)
{
	if (!connection_reply(&c->c, STEP_GREETING_SECONDS))
		return client_lose(c, "greeting");
	return c->c.reply.code / 100 == 2 ? WELCOME_READY : client_turn_away(c, WELCOME_NEXT);
}

/* Up to EHLO under TLS, or in clear text where that is allowed. */
static enum welcome
meet(struct client *c, const struct client_options *o)
{
	enum welcome w;

	if (o->tls == CLIENT_TLS_AT_CONNECT && (w = client_secure(c, o)) != WELCOME_READY)
		return w;
	if ((w = greeting(c)) != WELCOME_READY || (w = hello(c, o->helo)) != WELCOME_READY)
		return w;
	if (o->tls != CLIENT_TLS_IF_OFFERED && o->tls != CLIENT_TLS_REQUIRED)
		return WELCOME_READY;
	w = client_start_tls(c, o);
	/* What was offered in clear text may have been anybody's word. */
	return w == WELCOME_READY && c->c.tls != NULL ? hello(c, o->helo) : w;
}

enum welcome
client_greet(struct client *c, const struct client_options *o)
{
	enum welcome w;

	c->is_lmtp = o->is_lmtp;
	c->needs_rset = false;
	c->ntransactions = 0;
	c->c.protocol = c->is_lmtp ? "LMTP" : "SMTP";
	w = meet(c, o);
	return w == WELCOME_READY && o->secret != NULL ? client_authenticate(c, o->secret) : w;
}

/* ---- later ---- */

bool
client_is_ready(struct client *c)
{
	if (connection_is_open(&c->c) && !connection_has_news(&c->c)) {
		if (!c->needs_rset)
			return true;
		if (connection_command(&c->c, "RSET") && connection_ask(&c->c, STEP_RSET_SECONDS) &&
		    c->c.reply.code / 100 == 2) {
			c->needs_rset = false;
			return true;
		}
	}
	client_quit(c);
	return false;
}

void
client_quit(struct client *c)
{
	if (!connection_is_open(&c->c))
		return;
	if (!connection_has_news(&c->c) && connection_command(&c->c, "QUIT"))
		(void)!connection_flush(&c->c, STEP_LAST_WORDS_SECONDS);
	log_line("%s: mta disconnected relay=%s reason=quit messages=%u", c->c.id, c->c.peer, c->ntransactions);
	connection_close(&c->c);
}
