/* client: see client.h.
 *
 * Whatever a server says before it has answered MAIL is no verdict on a
 * message, be it 5xx: another server is tried, and at last the message deferred. */
#include "deliver-remote/client.h"

#include <errno.h>

#include "lib/log.h"

const char *
client_why(const struct client *c, int error)
{
	(void)c;
	return connection_why(error);
}

/* ---- ways not to be welcome ---- */

void
client_drop(struct client *c, const char *why)
{
	log_line("%s: disconnected from %s: %s", c->c.id, c->c.peer, why);
	connection_close(&c->c);
}

static enum welcome
leave(struct client *c)
{
	client_drop(c, c->why.reason);
	return WELCOME_NEXT;
}

/* The connection failed at that step; errno tells. */
static enum welcome
lose(struct client *c, const char *step)
{
	int error = errno;

	outcome_set(&c->why, VERDICT_DEFERRED, "%s %s: %s: %s", error == EPROTO || error == EMSGSIZE ? "4.5.0" :
	    "4.4.2", c->c.peer, step, client_why(c, error));
	return leave(c);
}

/* The server said so itself. */
static enum welcome
turn_away(struct client *c)
{
	outcome_set_reply(&c->why, VERDICT_DEFERRED, c->c.peer, &c->c.reply);
	if (c->c.reply.code != 421 && connection_command(&c->c, "QUIT"))
		(void)!connection_flush(&c->c, STEP_LAST_WORDS_SECONDS);
	return leave(c);
}

/* ---- hello ---- */

/* EHLO or LHLO, and what the server offers. */
static enum welcome
hello(struct client *c, const char *helo)
{
	c->x = (struct extensions){ .size_limit = 0 };
	if (!connection_command(&c->c, "%s %s", c->is_lmtp ? "LHLO" : "EHLO", helo) ||
	    !connection_ask(&c->c, STEP_HELLO_SECONDS))
		return lose(c, c->is_lmtp ? "LHLO" : "EHLO");
	if (c->c.reply.code / 100 == 2) {
		extension_read(&c->x, c->c.reply.text.s, c->c.reply.text.len);
		return WELCOME_READY;
	}
	if (c->c.reply.code / 100 != 5 || c->is_lmtp)
		return turn_away(c);
	if (!connection_command(&c->c, "HELO %s", helo) || !connection_ask(&c->c, STEP_HELLO_SECONDS))
		return lose(c, "HELO");
	return c->c.reply.code / 100 == 2 ? WELCOME_READY : turn_away(c);
}

enum welcome
client_greet(struct client *c, const char *helo)
{
	c->needs_rset = false;
	c->ntransactions = 0;
	c->c.protocol = c->is_lmtp ? "LMTP" : "SMTP";
	if (!connection_reply(&c->c, STEP_GREETING_SECONDS))
		return lose(c, "greeting");
	if (c->c.reply.code / 100 != 2)
		return turn_away(c);
	return hello(c, helo);
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
	log_line("%s: disconnected from %s: %u transactions", c->c.id, c->c.peer, c->ntransactions);
	connection_close(&c->c);
}
