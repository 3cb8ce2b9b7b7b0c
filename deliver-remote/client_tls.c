/* client_tls: the part of a session that makes it safe.
 *
 * Where TLS is required nothing falls back to clear text. */
#include "deliver-remote/client.h"

#include <errno.h>

#include "lib/log.h"

static void
log_session(const struct client *c)
{
	const struct tls_certificate *cert = tls_client_certificate(c->c.tls);

	log_line("%s: TLS with %s: protocol=%s, cipher=%s, bits=%u, verify=%s%s%s, subject=%s, fingerprint=%s", c->c.id,
	    c->c.peer, tls_protocol(c->c.tls), tls_cipher(c->c.tls), tls_cipher_bits(c->c.tls),
	    cert->is_verified ? "ok" : "no", cert->is_verified ? "" : " ", cert->reason, cert->subject,
	    cert->fingerprint);
}

enum welcome
client_secure(struct client *c, const struct client_options *o)
{
	const char *why = "";

	if (connection_start_tls(&c->c, &o->tls_options, &why)) {
		log_session(c);
		return WELCOME_READY;
	}
	outcome_set(&c->why, VERDICT_DEFERRED, "4.7.5 %s: TLS: %s", c->c.peer, why);
	return client_give_up(c, o->tls == CLIENT_TLS_IF_OFFERED ? WELCOME_CLEAR : WELCOME_NEXT);
}

/* The server cannot do it, or not now. */
static enum welcome
do_without(struct client *c, const struct client_options *o)
{
	if (o->tls == CLIENT_TLS_IF_OFFERED)
		return WELCOME_READY;
	outcome_set(&c->why, VERDICT_DEFERRED, "4.7.4 %s: TLS is required, but the server does not offer STARTTLS",
	    c->c.peer);
	client_quit(c);
	return WELCOME_NEXT;
}

enum welcome
client_start_tls(struct client *c, const struct client_options *o)
{
	if (!c->x.starttls)
		return do_without(c, o);
	if (!connection_command(&c->c, "STARTTLS") || !connection_ask(&c->c, STEP_HELLO_SECONDS))
		return client_lose(c, "STARTTLS");
	if (c->c.reply.code == 220)
		return client_secure(c, o);
	if (o->tls == CLIENT_TLS_REQUIRED || c->c.reply.code == 421)
		return client_turn_away(c, WELCOME_NEXT);
	log_line("%s: %s refuses STARTTLS: %u %.*s", c->c.id, c->c.peer, c->c.reply.code,
	    (int)c->c.reply.text.len, c->c.reply.text.len > 0 ? c->c.reply.text.s : "");
	return WELCOME_READY;
}
