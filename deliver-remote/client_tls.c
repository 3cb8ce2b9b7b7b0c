/* client_tls: the part of a session that makes it safe.
 *
 * Where TLS is required nothing falls back to clear text. */
#include "deliver-remote/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "lib/printable.h"

static void
log_session(const struct client *c, bool has_anchors)
{
	const struct tls_certificate *cert = tls_client_certificate(c->c.tls);
	char reason[300] = "", subject[600];

	if (!cert->is_verified && has_anchors)
		printable_quote(reason, sizeof reason, cert->reason, strlen(cert->reason));
	log_line("%s: mta tls relay=%s ciphers=%s:%s:%u verify=%s%s%s subject=%s fingerprint=%s", c->c.id, c->c.peer,
	    tls_protocol(c->c.tls), tls_cipher(c->c.tls), tls_cipher_bits(c->c.tls),
	    cert->is_verified ? "ok" : has_anchors ? "no" : "off", *reason == '\0' ? "" : " reason=", reason,
	    printable_quote(subject, sizeof subject, cert->subject, strlen(cert->subject)), cert->fingerprint);
}

/* Whose the certificate is with which the handshake failed. */
static void
name_certificate(char of[TLS_SUBJECT_MAX + 40], const struct client *c)
{
	const struct tls_certificate *cert = c->c.tls == NULL ? NULL : tls_client_certificate(c->c.tls);

	of[0] = '\0';
	if (cert != NULL && cert->fingerprint[0] != '\0' && cert->reason[0] != '\0')
		snprintf(of, TLS_SUBJECT_MAX + 40, " (the certificate's subject: %s)",
		    cert->subject[0] != '\0' ? cert->subject : "none");
}

enum welcome
client_secure(struct client *c, const struct client_options *o)
{
	const char *why = "";
	char of[TLS_SUBJECT_MAX + 40];

	if (connection_start_tls(&c->c, &o->tls_options, &why)) {
		log_session(c, o->tls_options.anchors != NULL);
		return WELCOME_READY;
	}
	name_certificate(of, c);
	outcome_set(&c->why, VERDICT_UNREACHABLE, "4.7.5 %s: TLS: %s%s", c->c.peer, why, of);
	return client_give_up(c, o->tls == CLIENT_TLS_IF_OFFERED ? WELCOME_CLEAR : WELCOME_NEXT);
}

/* The server cannot do it, or not now. */
static enum welcome
do_without(struct client *c, const struct client_options *o)
{
	if (o->tls == CLIENT_TLS_IF_OFFERED)
		return WELCOME_READY;
	outcome_set(&c->why, VERDICT_UNREACHABLE, "4.7.4 %s: TLS is required, but the server does not offer STARTTLS",
	    c->c.peer);
	client_quit(c);
	return WELCOME_NEXT;
}

enum welcome
client_start_tls(struct client *c, const struct client_options *o)
{
	char result[1200];

	if (!c->x.starttls)
		return do_without(c, o);
	if (!connection_command(&c->c, "STARTTLS") || !connection_ask(&c->c, STEP_HELLO_SECONDS))
		return client_lose(c, "STARTTLS");
	if (c->c.reply.code == 220)
		return client_secure(c, o);
	if (o->tls == CLIENT_TLS_REQUIRED || c->c.reply.code == 421)
		return client_turn_away(c, WELCOME_NEXT);
	outcome_set_reply(&c->why, VERDICT_DEFERRED, c->c.peer, &c->c.reply);
	log_line("%s: mta failed-command relay=%s command=\"STARTTLS\" result=%s", c->c.id, c->c.peer,
	    printable_quote(result, sizeof result, c->why.reason, strlen(c->why.reason)));
	return WELCOME_READY;
}
